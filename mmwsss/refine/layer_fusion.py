"""One map of each class out of the maps of several layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmwsss.cam.functional import resize_cam
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError


@TRANSFORMS.register_module()
class LayerFusion(BaseTransform):
    """Fuse the maps of several layers at the network's size, resize the result once, and normalise it by its maximum.

    Stands in a pseudo config's ``fusion``, before the refiners. Source: arXiv 2507.21959, Table 4.5; the paper
    averages.

    Required Keys:

    - layer_cams: float32 (L, n, h, w) in [0, 1], of the image's n classes
    - img: (H, W, 3), whose size the result gets

    Added Keys:

    - cam: float32 (n, H, W) in [0, 1]

    Args:
        reduce: ``'mean'`` or ``'max'``.
        weights: One non-negative weight a layer for a weighted mean, in the order of the generator's target layers.
        normalize: Divide each fused map by its maximum; off keeps the paper's mean over scales as it is.

    Raises:
        ValueError: If an argument is none of those above, or the weights are not one a layer.
    """

    def __init__(self, reduce: str = 'mean', weights: Sequence[float] | None = None, normalize: bool = True) -> None:
        if reduce not in ('mean', 'max'):
            raise InputError(f"Expected reduce 'mean' or 'max', but got {reduce!r}.")
        if weights is not None and (reduce == 'max' or min(weights) < 0 or not sum(weights)):
            raise InputError(f'Expected non-negative weights of a mean, but got {tuple(weights)} and {reduce!r}.')
        self.reduce, self.weights, self.normalize = reduce, weights, normalize

    def transform(self, results: dict) -> dict:
        """Fuse."""
        height, width = results['img'].shape[:2]
        fused = self._fuse(results['layer_cams'])
        if not len(fused):
            results['cam'] = np.zeros((0, height, width), np.float32)
            return results
        if fused.shape[1:] == (height, width):
            cam = fused
        else:
            cam = resize_cam(torch.from_numpy(fused)[None], (height, width))[0].numpy()
        if self.normalize:  # after the resize, which lowers a maximum
            peak = cam.max((1, 2), keepdims=True)
            cam /= np.where(peak > 0, peak, np.float32(1))
        results['cam'] = cam
        return results

    def _fuse(self, layer_cams: np.ndarray) -> np.ndarray:
        """float32 (n, h, w)."""
        if self.weights is not None and len(self.weights) != len(layer_cams):
            raise InputError(f'Expected {len(layer_cams)} weights, one a layer, but got {len(self.weights)}.')
        if self.reduce == 'max' or not layer_cams.shape[1]:  # NumPy has no average of nothing
            return layer_cams.max(0)
        return np.average(layer_cams, axis=0, weights=self.weights).astype(np.float32, copy=False)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(reduce={self.reduce!r}, weights={self.weights}, normalize={self.normalize})'
