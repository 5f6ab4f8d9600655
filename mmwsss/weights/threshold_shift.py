"""A segmentor whose most probable class is what another one shows above a threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch

from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write
from mmwsss.weights.checkpoints import read_checkpoint, state_of

BIAS = 'decode_head.conv_seg.bias'
"""Of the last layer of MMSegmentation's decode heads: a value for the background, then one for each class."""


def shift_threshold(state: Mapping[str, torch.Tensor], threshold: float, name: str = 'it') -> dict[str, torch.Tensor]:
    """Weights whose plain masks are those of other weights above a threshold of the probability.

    The logit of every class falls by ``log(threshold / (1 - threshold))`` against the background's, as in logit
    adjustment (Menon et al., ICLR 2021). With one class, ``softmax`` is above a half after that exactly where it was
    above the threshold before; resizing the logits changes nothing in it. Of several classes, each wins against the
    background where its odds against it were above ``threshold / (1 - threshold)``.

    Args:
        state: State dict of a segmentor with the background as its first output.
        threshold: In (0, 1).
        name: Where the weights come from, for errors.

    Raises:
        ValueError: If the threshold is out of its range, or the segmentor's last layer has no such bias.

    >>> bias = torch.zeros(2)
    >>> shift_threshold({BIAS: bias}, 0.2)[BIAS].softmax(0)  # was a half; with a threshold of 0.2 it is smoke
    tensor([0.2000, 0.8000])
    """
    if not 0 < threshold < 1:
        raise InputError(f'Expected a threshold in (0, 1), but got {threshold}.')
    bias = state.get(BIAS)
    if bias is None:
        raise InputError(f'Expected a segmentor whose last layer is {BIAS.removesuffix(".bias")}, but {name} has none.')
    if bias.numel() < 2:
        raise InputError(
            f'Expected a segmentor with an output for the background and one for each class, but {name} has a single '
            'output. Set threshold of its decode head in the place of this.'
        )
    shifted = bias.clone()
    shifted[1:] -= math.log(threshold / (1 - threshold))
    return {**state, BIAS: shifted}


def write_at_threshold(checkpoint: str | Path, threshold: float, out: str | Path, trust: bool | None = None) -> None:
    """Write an ordinary checkpoint whose plain masks are those of another one above a threshold.

    Config and classes go with it; the optimizer's state does not.

    Args:
        checkpoint: Of a segmentor.
        threshold: See :func:`shift_threshold`.
        out: File to write.
        trust: See :func:`~mmwsss.weights.trust.trusted`.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: See :func:`shift_threshold`.
    """
    found = read_checkpoint(checkpoint, trust)
    state = shift_threshold(state_of(found), threshold, str(checkpoint))
    meta = {**found.get('meta', {}), 'at_threshold': threshold}
    with atomic_write(out, 'wb') as handle:
        torch.save({'meta': meta, 'state_dict': state}, handle)
