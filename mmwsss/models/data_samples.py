"""The samples that a model's ``forward`` gets beside the images."""

from __future__ import annotations

from typing import TypeVar

from mmwsss.utils.errors import InputError

Sample = TypeVar('Sample')


def require_samples(data_samples: list[Sample] | None, mode: str) -> list[Sample]:
    """The samples of a batch, where a mode of ``forward`` cannot do without.

    Args:
        data_samples: One sample an image.
        mode: ``'loss'`` or ``'predict'``, for the error.

    Raises:
        ValueError: If there are none.
    """
    if data_samples is None:
        raise InputError(f'Expected data_samples in the mode {mode!r}, but got None.')
    return data_samples
