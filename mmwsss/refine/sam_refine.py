"""Masks of segment-anything or any other generator, chosen or prompted by class activation maps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from scipy import ndimage

from mmwsss.refine.made_masks import MadeMasks
from mmwsss.refine.sam_masks import SamMasks
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError

_MOST_PROMPTS = 16


def vote(
    unrefined: np.ndarray, masks: Sequence[dict], strategy: str = 'copy', min_iou: float = 0.3, max_area: float = 0.5
) -> np.ndarray:
    """Combine the mask of an unrefined map with the automatic masks that agree with it.

    An automatic mask is kept if it covers at most ``max_area`` of the picture and its IoU with the **whole** unrefined
    mask is at least ``min_iou``. ``'copy'`` is the union of the kept masks, ``'and'`` and ``'or'`` combine that with
    the unrefined mask; with none kept the unrefined mask is returned. Source: arXiv 2507.21959, section 3.5 and Table
    4.11.

    Args:
        unrefined: bool (H, W).
        masks: Run-length codes of pycocotools.
        strategy: ``'copy'``, ``'and'`` or ``'or'``.
        min_iou: In [0, 1].
        max_area: Share of the picture, in (0, 1].

    Returns:
        np.ndarray: bool (H, W).
    """
    if not masks or not unrefined.any():
        return unrefined
    coder = require('pycocotools.mask', 'SAMRefine')
    code = coder.encode(np.asfortranarray(unrefined.astype(np.uint8)))
    small = coder.area(list(masks)) <= max_area * unrefined.size
    agreeing = coder.iou(list(masks), [code], [0])[:, 0] >= min_iou
    kept = [mask for mask, good in zip(masks, small & agreeing) if good]
    if not kept:
        return unrefined
    union = coder.decode(coder.merge(kept)).astype(bool)
    return {'copy': union, 'and': union & unrefined, 'or': union | unrefined}[strategy]


def prompts_of(unrefined: np.ndarray, cam: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Boxes XYXY and the points (x, y) of the highest score of the largest connected components of a mask.

    Args:
        unrefined: bool (H, W).
        cam: float (H, W).

    Returns:
        Boxes, each int (4,), ends exclusive, and as many points, each int (2,), in pixels; largest component first.
    """
    components, number = ndimage.label(unrefined)
    sizes = np.bincount(components.ravel(), minlength=number + 1)[1:]
    boxes, points = [], []
    for component in np.argsort(-sizes)[:_MOST_PROMPTS] + 1:
        ys, xs = np.nonzero(components == component)
        best = int(cam[ys, xs].argmax())
        boxes.append(np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]))
        points.append(np.array([xs[best], ys[best]]))
    return boxes, points


@TRANSFORMS.register_module()
class SAMRefine(BaseTransform):
    """Replace the maps by masks of segment-anything (Kirillov et al., ICCV 2023) that agree with them.

    Inside a class's mask the new score is 1, less at most a thousandth where its map is low, so that pixels of two
    masks go to the class with the higher map; outside it is 0.

    With ``masks`` the automatic masks are read and not made: another generator's serve as well, without its code.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps
    - img_path: with ``masks``

    Modified Keys:

    - cam: float32 (n, H, W)

    Args:
        checkpoint: Weights of SAM; or
        arch: See :func:`~mmwsss.models.segmentors.sam_network.build_sam`.
        cache_dir: Where automatic masks are kept.
        points_per_side: See :class:`~mmwsss.refine.sam_masks.SamMasks` (the paper: 16 or 32).
        strategy: See :func:`vote` (the paper: ``'copy'``).
        mode: ``'automatic'`` votes among automatic masks; ``'prompt'`` asks SAM with boxes and points of the unrefined
            mask.
        min_iou: See :func:`vote`; not used with prompts.
        max_area: See :func:`vote`; not used with prompts.
        cam_threshold: Cut of the maps that makes the unrefined mask.
        generator: See :class:`~mmwsss.refine.sam_masks.SamMasks`.
        masks: Folder or COCO file of masks that are there already; see :class:`~mmwsss.refine.made_masks.MadeMasks`.
            Of the other arguments only those of :func:`vote` and ``cam_threshold`` are then used.

    Raises:
        ImportError: If segment-anything or pycocotools is missing, with the install line.
        FileNotFoundError: If the weights or the masks are missing; says where weights come from.
        ValueError: If an argument is none of those above.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        arch: str | Mapping[str, Any] = 'vit_h',
        cache_dir: str | Path = 'work_dirs/sam_masks',
        points_per_side: int = 32,
        strategy: str = 'copy',
        mode: str = 'automatic',
        min_iou: float = 0.3,
        max_area: float = 0.5,
        cam_threshold: float = 0.3,
        generator: Mapping[str, Any] | None = None,
        masks: str | Path | None = None,
    ) -> None:
        if strategy not in ('copy', 'and', 'or'):
            raise InputError(f"Expected strategy 'copy', 'and' or 'or', but got {strategy!r}.")
        if mode not in ('automatic', 'prompt'):
            raise InputError(f"Expected mode 'automatic' or 'prompt', but got {mode!r}.")
        for name, value in (('min_iou', min_iou), ('max_area', max_area), ('cam_threshold', cam_threshold)):
            if not 0 <= value <= 1:
                raise InputError(f'Expected {name} in [0, 1], but got {value}.')
        self.strategy, self.mode = strategy, mode
        self.min_iou, self.max_area, self.cam_threshold = min_iou, max_area, cam_threshold
        if (checkpoint is None) == (masks is None):
            raise InputError(f'Expected a checkpoint or masks for SAMRefine, but got {checkpoint} and {masks}.')
        if masks is not None and mode != 'automatic':
            raise InputError(f"Expected mode 'automatic' with masks that are there already, but got {mode!r}.")
        self.made = None if masks is None else MadeMasks(masks)
        if checkpoint is not None:
            self.masks = SamMasks(arch, checkpoint, cache_dir, points_per_side, generator)

    def transform(self, results: dict) -> dict:
        """Refine."""
        cam = results['cam']
        if results['img'].shape[:2] != cam.shape[1:]:
            raise ValueError(
                f'Expected img and cam of one size, but got {results["img"].shape[:2]} and {cam.shape[1:]}.'
            )

        @functools.cache
        def automatic() -> list[dict]:  # once for all classes, and only where a class has a mask at all
            return self.masks(results['img']) if self.made is None else self.made(results['img'], results['img_path'])

        refined = np.empty_like(cam)
        for number, of_class in enumerate(cam):
            mask = self._mask(results['img'], of_class, automatic)
            refined[number] = mask * (0.999 + 0.001 * np.clip(of_class, 0, 1))
        results['cam'] = refined
        return results

    def _mask(self, img: np.ndarray, cam: np.ndarray, automatic: Callable[[], list[dict]]) -> np.ndarray:
        unrefined = cam > self.cam_threshold
        if not unrefined.any():
            return unrefined
        if self.mode == 'automatic':
            return vote(unrefined, automatic(), self.strategy, self.min_iou, self.max_area)
        union = np.any(self.masks.prompted(img, *prompts_of(unrefined, cam)), axis=0)
        if not union.any():
            return unrefined
        return {'copy': union, 'and': union & unrefined, 'or': union | unrefined}[self.strategy]

    def __repr__(self) -> str:
        return f'{type(self).__name__}(mode={self.mode!r}, strategy={self.strategy!r}, min_iou={self.min_iou})'
