"""Protocols of PASCAL VOC 2012 by name, so that figures of different ones are never mixed up."""

from __future__ import annotations

from dataclasses import dataclass

from mmwsss.utils.errors import InputError


@dataclass(frozen=True)
class EvaluationProtocol:
    """Images and threshold of an evaluation.

    Attributes:
        ann: Label file of the images, below the data's root.
        images: Number of images.
        oracle: Whether the threshold is the best one on this very ground truth, the literature's usual choice for maps.
    """

    ann: str
    images: int
    oracle: bool


PROTOCOLS = {
    'train_1464_fixed': EvaluationProtocol('annotations/train.json', 1464, oracle=False),
    'train_1464_oracle': EvaluationProtocol('annotations/train.json', 1464, oracle=True),
    'val': EvaluationProtocol('annotations/val.json', 1449, oracle=False),
}
"""Every protocol by its name."""


def find_protocol(name: str) -> EvaluationProtocol:
    """A protocol by its name.

    Raises:
        ValueError: If there is none.
    """
    if name not in PROTOCOLS:
        raise InputError(f'Expected a protocol of {list(PROTOCOLS)}, but got {name!r}.')
    return PROTOCOLS[name]
