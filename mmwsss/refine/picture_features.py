"""From a picture to the feature map of a frozen network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn as nn
from mmengine.registry import DefaultScope
from torch import Tensor

from mmwsss.models.backbones.patch_size import patch_size_of
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError
from mmwsss.weights.checkpoints import load_weights, read_checkpoint
from mmwsss.weights.embedded_config import model_config

_IMAGENET_MEAN, _IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class PictureFeatures:
    """The last map that a backbone gives of a picture whose longer side is ``max_side``.

    The backbone comes from a config, with the weights of its ``init_cfg``, or from the checkpoint of a classifier of
    the project, whose own backbone and normalisation are then meant.

    Args:
        needed_by: Who needs it, for errors.
        backbone: Config of a backbone.
        checkpoint: Of a classifier; it carries its config. Exactly one of the two is given.
        mean: Of the RGB values in [0, 255], for ``backbone``; None: what its weights were trained with, where it says
            so (``pixel_mean`` and ``pixel_std``), else ImageNet's.
        std: Of the RGB values, for ``backbone``; both or none.
        max_side: Longer side of the picture that the backbone sees; the other follows.
        size_divisor: Both sides are rounded to multiples of it; None: the backbone's patch size, where it has one, else
            16.

    Raises:
        FileNotFoundError: If weights are missing.
        ValueError: If neither or both of backbone and checkpoint are given, or the checkpoint has no classifier.
    """

    def __init__(
        self,
        needed_by: str,
        backbone: Mapping[str, Any] | None = None,
        checkpoint: str | Path | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        max_side: int = 448,
        size_divisor: int | None = None,
    ) -> None:
        if (backbone is None) == (checkpoint is None):
            raise InputError(f'Expected a backbone or a checkpoint for {needed_by}, but got {backbone}, {checkpoint}.')
        if (mean is None) != (std is None):
            raise InputError(f'Expected both mean and std or none, but got {mean} and {std}.')
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            if backbone is not None:
                network: Any = MODELS.build(dict(backbone))
                network.init_weights()
                if mean is None or std is None:
                    mean = getattr(network, 'pixel_mean', _IMAGENET_MEAN)
                    std = getattr(network, 'pixel_std', _IMAGENET_STD)
            else:
                network, mean, std = _classifier(Path(str(checkpoint)), needed_by)
        self.max_side, self.size_divisor = max_side, size_divisor or patch_size_of(network)
        if not 1 <= self.size_divisor <= max_side:
            raise InputError(f'Expected 1 <= size_divisor <= max_side, but got {self.size_divisor} and {max_side}.')
        self.network = network.to(self.device).requires_grad_(False)
        self.network.eval()
        self.mean, self.std = (
            torch.tensor([*values], dtype=torch.float32, device=self.device).view(3, 1, 1) for values in (mean, std)
        )

    @torch.no_grad()
    def __call__(self, img: np.ndarray) -> Tensor:
        """The map, float32 (D, h, w).

        Args:
            img: uint8 BGR (H, W, 3).

        Raises:
            ValueError: If the backbone gives no map.
        """
        factor = self.max_side / max(img.shape[:2])
        height, width = (max(round(side * factor / self.size_divisor), 1) * self.size_divisor for side in img.shape[:2])
        shrinks = height * width < img.shape[0] * img.shape[1]
        scaled = cv2.resize(img, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        rgb = np.ascontiguousarray(scaled[..., ::-1].transpose(2, 0, 1))
        inputs = (torch.from_numpy(rgb).to(self.device).float() - self.mean) / self.std
        feats = self.network(inputs[None])
        last = feats[-1] if isinstance(feats, (list, tuple)) else feats
        if isinstance(last, (list, tuple)):  # a patch map, and a class token beside it
            last = last[0]
        if last.ndim != 4:
            raise InputError(f'Expected a backbone that gives maps, but got an output of {tuple(last.shape)}.')
        return last[0].float()


def _classifier(checkpoint: Path, needed_by: str) -> tuple[nn.Module, Sequence[float], Sequence[float]]:
    """The backbone in a classifier's checkpoint, and the normalisation of RGB that it was trained with."""
    content = read_checkpoint(checkpoint)
    config = model_config(content, checkpoint)
    settings = config.model.to_dict()
    if 'data_preprocessor' not in settings:
        settings['data_preprocessor'] = dict(config.get('data_preprocessor') or {})
    model = MODELS.build(settings)
    if not hasattr(getattr(model, 'cam_classifier', model), 'backbone'):
        raise InputError(f'Expected a classifier in {checkpoint} for {needed_by}, but got {type(model).__name__}.')
    load_weights(model, content, 'the classifier', checkpoint)
    classifier = getattr(model, 'cam_classifier', model)
    normal = classifier.data_preprocessor
    if not getattr(normal, '_enable_normalize', False):
        return classifier.backbone, (0, 0, 0), (1, 1, 1)
    return classifier.backbone, normal.mean.flatten().tolist(), normal.std.flatten().tolist()
