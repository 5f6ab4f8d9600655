"""segment-anything's automatic masks, and a folder where they are kept."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmwsss.models.segmentors.sam_network import build_sam
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import array_hash, content_hash, read_json, write_json
from mmwsss.weights.pretrained import require_weights

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

PAPER_GENERATOR = {'pred_iou_thresh': 0.82, 'stability_score_thresh': 0.85, 'min_mask_region_area': 10}
"""The paper's settings of the automatic masks, by the history of its code."""


_USER = 'SAMRefine'


class SamMasks:
    """Automatic masks of pictures, made once and kept as run-length codes.

    The network is loaded when the first picture without kept masks comes: another strategy on the same pictures needs
    neither network nor GPU.

    Args:
        arch: See :func:`~mmwsss.models.segmentors.sam_network.build_sam`.
        checkpoint: Its weights.
        cache_dir: Folder of the kept masks; those of other settings lie beside each other.
        points_per_side: Prompts are points on a grid of this side.
        generator: More arguments of ``segment_anything.SamAutomaticMaskGenerator``; by default the paper's.

    Raises:
        ImportError: If segment-anything or pycocotools is missing, with the install line.
        FileNotFoundError: If the weights are missing and no masks are kept either.
        ValueError: If an argument is not one of the mask generator's.
    """

    def __init__(
        self,
        arch: str | Mapping[str, Any],
        checkpoint: str | Path,
        cache_dir: str | Path,
        points_per_side: int = 32,
        generator: Mapping[str, Any] | None = None,
    ) -> None:
        package = require('segment_anything', _USER)
        require('pycocotools.mask', _USER)
        self.settings = {'points_per_side': points_per_side, **PAPER_GENERATOR, **(generator or {})}
        known = inspect.signature(package.SamAutomaticMaskGenerator).parameters
        unknown = [name for name in self.settings if name not in known]
        if unknown:
            raise InputError(f'Expected arguments of SamAutomaticMaskGenerator, but got {unknown}.')
        self.arch, self.checkpoint = arch, Path(checkpoint)
        self.folder = Path(cache_dir) / content_hash([arch, self.checkpoint.name, self.settings])
        if not self.folder.is_dir():
            require_weights(checkpoint, _USER)
        self._sam: torch.nn.Module | None = None

    @property
    def sam(self) -> Sam:
        """The network, on a GPU where there is one."""
        if self._sam is None:
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
            self._sam = build_sam(self.arch, self.checkpoint, _USER).to(device)
        return self._sam

    def __call__(self, img: np.ndarray) -> list[dict]:
        """Run-length codes (pycocotools) of a picture's masks, the best first.

        Args:
            img: uint8 BGR (H, W, 3).
        """
        path = self.folder / f'{array_hash(img)}.json'
        if path.exists():
            return _decode(read_json(path))
        masks = self._make(img)
        write_json(path, {'size': list(img.shape[:2]), 'counts': [mask['counts'] for mask in masks]})
        return masks

    def _make(self, img: np.ndarray) -> list[dict]:
        package = require('segment_anything', _USER)
        generator = package.SamAutomaticMaskGenerator(self.sam, output_mode='coco_rle', **self.settings)
        with torch.no_grad():
            found = generator.generate(np.ascontiguousarray(img[..., ::-1]))
        found.sort(key=lambda mask: mask['predicted_iou'], reverse=True)
        return [mask['segmentation'] for mask in found]

    def prompted(self, img: np.ndarray, boxes: Sequence[np.ndarray], points: Sequence[np.ndarray]) -> np.ndarray:
        """One mask for each box and point, the one of three that SAM itself rates best.

        Args:
            img: uint8 BGR (H, W, 3).
            boxes: XYXY, in pixels.
            points: (x, y) inside each box.

        Returns:
            np.ndarray: bool (n, H, W).
        """
        package = require('segment_anything', _USER)
        predictor = package.SamPredictor(self.sam)
        with torch.no_grad():
            predictor.set_image(np.ascontiguousarray(img[..., ::-1]))
            found = []
            for box, point in zip(boxes, points):
                masks, scores, _ = predictor.predict(point[None], np.ones(1, int), box, multimask_output=True)
                found.append(masks[int(scores.argmax())])
        return np.stack(found) if found else np.zeros((0, *img.shape[:2]), bool)


def _decode(content: Mapping[str, Any]) -> list[dict]:
    return [{'size': content['size'], 'counts': counts} for counts in content['counts']]
