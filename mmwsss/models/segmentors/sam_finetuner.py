"""SAM as a segmentor: frozen encoders, a trained mask decoder, a learnt prompt for the task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from mmwsss.models.data_samples import require_samples
from mmwsss.models.losses.pixel_loss import pixel_bce
from mmwsss.models.segmentors.sam_network import build_sam
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError

_FROZEN = ('sam.image_encoder.', 'sam.prompt_encoder.')


@MODELS.register_module()
class SAMFinetuner(BaseModel):
    """Fine-tuning of segment-anything on masks (arXiv 2507.21959, Table 4.2 "SAM fine-tuning").

    Image and prompt encoder are frozen, always in eval mode, and absent from the saved checkpoint: they come from SAM's
    own. The mask decoder learns, and a task embedding of 256 numbers for each class that stands where a prompt would;
    the dense prompt is zero.

    Args:
        num_classes: Number of foreground classes K.
        arch: See :func:`~mmwsss.models.segmentors.sam_network.build_sam`.
        checkpoint: SAM's weights; None leaves them random.
        threshold: A pixel is background unless its best class has more than this (the paper's code: 0.3).
        data_preprocessor: Of MMSegmentation; its size must be the image encoder's.
        init_cfg: Of :class:`mmengine.model.BaseModel`.

    Shape:
        - input (B, 3, S, S) with S the image encoder's size; logits (B, K, S / 4, S / 4)

    Raises:
        FileNotFoundError: If the weights are missing; says where they come from.
        ValueError: If a value is out of range.
    """

    def __init__(
        self,
        num_classes: int,
        arch: str | Mapping[str, Any] = 'vit_b',
        checkpoint: str | Path | None = None,
        threshold: float = 0.3,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if num_classes < 1 or not 0 <= threshold <= 1:
            raise InputError(f'Expected num_classes >= 1 and threshold in [0, 1], but got {num_classes}, {threshold}.')
        super().__init__(data_preprocessor, init_cfg)
        self.threshold = threshold
        self.sam = build_sam(arch, checkpoint, type(self).__name__)
        self.task_embedding = nn.Parameter(0.02 * torch.randn(num_classes, 1, 256))
        for encoder in (self.sam.image_encoder, self.sam.prompt_encoder):
            encoder.requires_grad_(False)
        self._register_state_dict_hook(self._drop_frozen)
        self._register_load_state_dict_pre_hook(self._keep_frozen)

    @staticmethod
    def _drop_frozen(module: SAMFinetuner, state: dict, prefix: str, *_: Any) -> dict:
        for key in [key for key in state if key.startswith(tuple(prefix + name for name in _FROZEN))]:
            del state[key]
        return state

    def _keep_frozen(self, state: dict, prefix: str, *_: Any) -> None:
        for name in _FROZEN:
            module = self.get_submodule(name.rstrip('.'))
            for key, value in module.state_dict().items():
                state.setdefault(prefix + name + key, value)

    def train(self, mode: bool = True) -> SAMFinetuner:
        """Set the mode; the frozen encoders stay in eval mode."""
        super().train(mode)
        self.sam.image_encoder.eval()
        self.sam.prompt_encoder.eval()
        return self

    def logits(self, inputs: Tensor) -> Tensor:
        """Logits (B, K, S / 4, S / 4)."""
        with torch.no_grad():
            embeddings = self.sam.image_encoder(inputs)
            position = self.sam.prompt_encoder.get_dense_pe()
        dense = embeddings.new_zeros((len(self.task_embedding), *embeddings.shape[1:]))
        masks = [
            self.sam.mask_decoder(
                image_embeddings=embedding[None],
                image_pe=position,
                sparse_prompt_embeddings=self.task_embedding,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )[0][:, 0]
            for embedding in embeddings
        ]
        return torch.stack(masks)

    def forward(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | list[SegDataSample] | dict[str, Tensor]:
        """Losses in mode ``'loss'``, samples with ``pred_sem_seg`` in ``'predict'``, else the logits.

        Args:
            inputs: Normalised images (B, 3, S, S).
            data_samples: MMSegmentation's samples; needed in the modes ``'loss'`` and ``'predict'``.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.
        """
        logits = self.logits(inputs)
        if mode not in ('loss', 'predict'):
            return logits
        samples = require_samples(data_samples, mode)
        if mode == 'loss':
            return {'loss_bce': pixel_bce(logits, torch.stack([s.gt_sem_seg.data[0] for s in samples]))}
        for sample, scores in zip(samples, logits.sigmoid()):
            scores = F.interpolate(scores[None], size=sample.ori_shape, mode='bilinear', align_corners=False)[0]
            best, label = scores.max(0, keepdim=True)
            sample.pred_sem_seg = PixelData(data=torch.where(best > self.threshold, label + 1, 0))
        return samples
