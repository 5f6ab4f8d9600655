"""Maps of pairs laid out by image and class, for comparisons."""

from __future__ import annotations

import torch


def dense(values, cams):
    """(P, L, ...) as (B, L, K, ...); zero for pairs that were not asked for."""
    full = values.new_zeros((*cams.scores.shape, *values.shape[1:]))
    full[cams.image_index, cams.class_index] = values
    return full.transpose(1, 2)


def dense_maps(cams):
    """(B, L, K, H, W)."""
    return dense(cams.maps, cams)


def dense_raw_max(cams):
    """(B, L, K)."""
    return dense(cams.raw_max, cams)


def all_pairs(batch, classes):
    """Every class of every image, in the order that methods expect."""
    return torch.ones(batch, classes, dtype=torch.bool).nonzero(as_tuple=True)
