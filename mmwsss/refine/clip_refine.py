"""Similarity of a picture's patches to texts about a class, by CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from torch import Tensor

from mmwsss.registry import TRANSFORMS
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError
from mmwsss.weights.clip import load_clip


def patch_text_scores(patches: Tensor, positive: Tensor, negative: Tensor, logit_scale: float) -> Tensor:
    """How much more a patch is like the texts for a class than like those against it.

    Args:
        patches: Unit vectors (N, D).
        positive: Unit vector of each class (K, D).
        negative: Unit vectors (M, D) of texts against them, M >= 1.
        logit_scale: Factor on the cosines before the softmax.

    Returns:
        Tensor: (K, N) in [0, 1], the softmax of one class against all negatives.
    """
    against = torch.logsumexp(logit_scale * patches @ negative.T, dim=1)
    return (logit_scale * positive @ patches.T - against).sigmoid()


@TRANSFORMS.register_module()
class CLIPRefine(BaseTransform):
    """Fuse the maps with CLIP's patch-text similarity (Radford et al., ICML 2021).

    The picture is squashed to CLIP's size, each patch token projected into the space of the texts, and compared with
    the mean of the class's prompts and with each prompt against it. The similarity is min-max scaled per image and
    class, as in the paper's code, and the fused map has the maximum that the map had.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps

    Modified Keys:

    - cam: float32 (n, H, W) in [0, 1]

    Args:
        positive_prompts: For each class of the data set a list of texts for it.
        negative_prompts: Texts against any of them.
        arch: Name of an open_clip network with a ViT.
        checkpoint: Local file of its weights, or a tag that open_clip fetches from the usual address (``'openai'``).
        fuse: ``'product'`` or ``'mean'`` of map and similarity.

    Raises:
        ImportError: If open_clip is missing, with the install line.
        FileNotFoundError: If the weights are missing; says where they come from.
        ValueError: If a list of prompts is empty, or an argument is none of those above.
    """

    def __init__(
        self,
        positive_prompts: Sequence[Sequence[str]],
        negative_prompts: Sequence[str],
        arch: str = 'ViT-B-32-quickgelu',
        checkpoint: str = 'openai',
        fuse: str = 'product',
    ) -> None:
        if not negative_prompts or not positive_prompts or not all(positive_prompts):
            raise InputError(
                f'Expected at least one prompt for every class and one against, '
                f'but got {positive_prompts} and {negative_prompts}.'
            )
        if any(isinstance(prompts, str) for prompts in positive_prompts):
            raise InputError(f'Expected a list of prompts for each class, but got {positive_prompts}.')
        if fuse not in ('product', 'mean'):
            raise InputError(f"Expected fuse 'product' or 'mean', but got {fuse!r}.")
        package = require('open_clip', type(self).__name__)
        if arch not in package.list_models():
            raise InputError(f'Expected the name of an open_clip network, but got {arch!r}.')
        self.fuse = fuse
        self.model = load_clip(package, arch, checkpoint, type(self).__name__)
        if not hasattr(self.model.visual, 'output_tokens'):
            raise InputError(f'Expected a CLIP with a ViT, but {arch} has none.')
        self.model.visual.output_tokens = True
        self.size = self.model.visual.image_size
        self.mean, self.std = (
            torch.tensor(getattr(self.model.visual, name, default)).view(3, 1, 1)
            for name, default in (
                ('image_mean', package.OPENAI_DATASET_MEAN),
                ('image_std', package.OPENAI_DATASET_STD),
            )
        )
        tokenizer = package.get_tokenizer(arch)
        with torch.no_grad():
            self.negative = self._encode(tokenizer, negative_prompts)
            classes = [self._encode(tokenizer, prompts).mean(0) for prompts in positive_prompts]
        self.positive = F.normalize(torch.stack(classes), dim=1)

    def check_classes(self, classes: Sequence[str]) -> None:
        """Raise ValueError unless there are prompts for each of the classes."""
        if len(classes) != len(self.positive):
            raise InputError(
                f'Expected positive_prompts for the {len(classes)} classes {list(classes)}, '
                f'but got {len(self.positive)} lists.'
            )

    def _encode(self, tokenizer: Any, prompts: Sequence[str]) -> Tensor:
        return F.normalize(self.model.encode_text(tokenizer(list(prompts))), dim=1)

    @torch.no_grad()
    def similarity(self, img: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Scores of some classes on the grid of patches, float32 (n, h, w) in [0, 1].

        Args:
            img: uint8 BGR (H, W, 3).
            classes: int64 (n,).
        """
        height, width = self.size if isinstance(self.size, (tuple, list)) else (self.size, self.size)
        small = cv2.resize(img, (width, height), interpolation=cv2.INTER_CUBIC)
        inputs = torch.from_numpy(np.ascontiguousarray(small[..., ::-1].transpose(2, 0, 1))).float() / 255
        _, tokens = self.model.visual(((inputs - self.mean) / self.std)[None])
        patches = tokens[0] if self.model.visual.proj is None else tokens[0] @ self.model.visual.proj
        logit_scale = float(self.model.logit_scale.exp())
        scores = patch_text_scores(F.normalize(patches, dim=1), self.positive[classes], self.negative, logit_scale)
        rows, columns = self.model.visual.grid_size
        return scores.view(-1, rows, columns).numpy()

    def transform(self, results: dict) -> dict:
        """Refine."""
        img, cam, classes = results['img'], results['cam'], np.asarray(results['classes'])
        if not len(cam):
            return results
        if classes.max() >= len(self.positive):
            raise InputError(f'Expected prompts for {classes.max() + 1} classes, but got {len(self.positive)}.')
        refined = np.empty_like(cam)
        for number, score in enumerate(self.similarity(img, classes)):
            score = (score - score.min()) / max(float(np.ptp(score)), 1e-7)
            score = cv2.resize(score, img.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            fused = cam[number] * score if self.fuse == 'product' else (cam[number] + score) / 2
            peak = float(fused.max())
            refined[number] = fused * (float(cam[number].max()) / peak if peak > 0 else 0)
        results['cam'] = refined
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(fuse={self.fuse!r})'
