"""Side of the patches of a vision transformer, whoever wrote it."""

from __future__ import annotations

from typing import Any

import torch.nn as nn


def patch_size_of(network: nn.Module) -> int:
    """Side of a vision transformer's patch in pixels; 16 where a network does not say."""
    backbone: Any = getattr(network, 'backbone', network)
    inner: Any
    for inner in (backbone, getattr(backbone, 'backbone', None)):  # of kept features the network behind them
        size, resolution = getattr(inner, 'patch_size', None), getattr(inner, 'patch_resolution', None)
        if isinstance(size, int):
            return size
        if resolution:  # MMPretrain's
            return inner.img_size[0] // resolution[0]
    return 16
