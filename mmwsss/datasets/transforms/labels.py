"""Pixel labels from masks and from maps."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.datasets.masks import truth_of
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.registry import TRANSFORMS
from mmwsss.structures import CamFile
from mmwsss.utils.errors import InputError


@TRANSFORMS.register_module()
class LoadSegMap(BaseTransform):
    """Read an image's mask where it has one; others get a map of the ignore label.

    Against the hosts' loaders: values are checked and read as ``mask_values`` says, and every error names the file.

    Required Keys:

    - img: (H, W, 3)
    - ori_shape (optional): size of the image before it was resized; the mask has it
    - seg_map_path, mask_values, gt_score (optional)

    Added Keys:

    - gt_seg_map: uint8 (H, W), 0 background, k + 1 class k, and the ignore label

    Modified Keys:

    - seg_fields, where it is there

    Raises:
        ValueError: If mask and image differ in size or it has other values; names the mask.
    """

    def transform(self, results: dict) -> dict:
        """Load."""
        size = tuple(results.get('ori_shape', results['img'].shape)[:2])
        mask = truth_of(results, size)
        results['gt_seg_map'] = np.full(size, IGNORE_LABEL, np.uint8) if mask is None else mask
        if 'seg_fields' in results and 'gt_seg_map' not in results['seg_fields']:
            results['seg_fields'].append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class EmptySegMap(BaseTransform):
    """Give an image whose label has no class the mask that follows from it: all background.

    Required Keys:

    - img: (H, W, 3)
    - gt_label: class indices of the image, none

    Added Keys:

    - gt_seg_map: uint8 (H, W), all 0

    Modified Keys:

    - seg_fields, where it is there

    Raises:
        ValueError: If the label has a class; names the image.
    """

    def transform(self, results: dict) -> dict:
        """Add it."""
        if np.asarray(results['gt_label']).size:
            raise InputError(
                f'Expected an image without any class for {type(self).__name__}, but {results.get("img_path")} has '
                f'{np.asarray(results["gt_label"]).tolist()}.'
            )
        results['gt_seg_map'] = np.zeros(results['img'].shape[:2], np.uint8)
        if 'seg_fields' in results and 'gt_seg_map' not in results['seg_fields']:
            results['seg_fields'].append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def sure_labels(cam: np.ndarray, classes: np.ndarray, fg_threshold: float, bg_threshold: float) -> np.ndarray:
    """Labels where maps are sure, the ignore label where they are not.

    Args:
        cam: float (n, H, W) in [0, 1].
        classes: int64 (n,), the classes of the maps.
        fg_threshold: From here on a pixel has its best class.
        bg_threshold: Below this it is background.

    Returns:
        np.ndarray: uint8 (H, W), 0 background, k + 1 class k.
    """
    if not len(classes):
        return np.zeros(cam.shape[1:], np.uint8)
    best = cam.max(0)
    labels = np.full(best.shape, IGNORE_LABEL, np.uint8)
    labels[best < bg_threshold] = 0
    sure = best >= fg_threshold
    labels[sure] = np.asarray(classes)[cam.argmax(0)[sure]] + 1
    return labels


@TRANSFORMS.register_module()
class LoadCamLabels(BaseTransform):
    """Read an image's maps and keep what they are sure of; see :func:`sure_labels`.

    Required Keys:

    - cam_path

    Added Keys:

    - gt_seg_map: uint8 (H, W)

    Args:
        fg_threshold: The paper's code: 0.3.
        bg_threshold: An early version of the paper's code; its last one has 0.0001.

    Raises:
        ValueError: If the thresholds are not 0 < bg_threshold <= fg_threshold < 1.
    """

    def __init__(self, fg_threshold: float = 0.3, bg_threshold: float = 0.05) -> None:
        if not 0 < bg_threshold <= fg_threshold < 1:
            raise InputError(
                f'Expected 0 < bg_threshold <= fg_threshold < 1, but got {bg_threshold} and {fg_threshold}.'
            )
        self.fg_threshold, self.bg_threshold = fg_threshold, bg_threshold

    def transform(self, results: dict) -> dict:
        """Load."""
        kept = CamFile.load(results['cam_path'])
        results['gt_seg_map'] = sure_labels(kept.cam, kept.classes, self.fg_threshold, self.bg_threshold)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(fg_threshold={self.fg_threshold}, bg_threshold={self.bg_threshold})'
