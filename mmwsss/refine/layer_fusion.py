"""One map out of the maps of several layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.registry import TRANSFORMS


def fusion_of(steps: Iterable[BaseTransform]) -> LayerFusion:
    """The fusion that a list of refiners begins with, or the default one: seeds are cut from its maps."""
    return next((step for step in steps if isinstance(step, LayerFusion)), LayerFusion())


@TRANSFORMS.register_module()
class LayerFusion(BaseTransform):
    """Fuse the maps of several layers and normalise the result by its maximum.

    Source: arXiv 2507.21959, Table 4.5; the paper averages.

    Required Keys:

    - layer_cams: float32 (L, K, H, W) in [0, 1]

    Added Keys:

    - cam: float32 (K, H, W) in [0, 1]

    Args:
        reduce: ``'mean'`` or ``'max'``.
        weights: One non-negative weight a layer for a weighted mean, in the order of the generator's target layers.
        normalize: Divide each fused map by its maximum; off keeps the paper's mean over scales as it is.

    Raises:
        ValueError: If an argument is none of those above, or the weights are not one a layer.
    """

    def __init__(self, reduce: str = 'mean', weights: Sequence[float] | None = None, normalize: bool = True) -> None:
        if reduce not in ('mean', 'max'):
            raise ValueError(f"Expected reduce 'mean' or 'max', but got {reduce!r}.")
        if weights is not None and (reduce == 'max' or min(weights) < 0 or not sum(weights)):
            raise ValueError(f'Expected non-negative weights of a mean, but got {tuple(weights)} and {reduce!r}.')
        self.reduce, self.weights, self.normalize = reduce, weights, normalize

    def transform(self, results: dict) -> dict:
        """Fuse."""
        layer_cams = results['layer_cams']
        if self.weights is not None and len(self.weights) != len(layer_cams):
            raise ValueError(f'Expected {len(layer_cams)} weights, one a layer, but got {len(self.weights)}.')
        if self.reduce == 'max':
            cam = layer_cams.max(0)
        else:
            cam = np.average(layer_cams, axis=0, weights=self.weights)
        if self.normalize:
            peak = cam.max((1, 2), keepdims=True)
            cam = cam / np.where(peak > 0, peak, 1)
        results['cam'] = cam.astype(np.float32)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(reduce={self.reduce!r}, weights={self.weights}, normalize={self.normalize})'
