"""From the configs of fusion and refiners to the steps themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmcv.transforms import BaseTransform

from mmwsss.refine.layer_fusion import LayerFusion
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError


def build_step(config: Mapping[str, Any], classes: Sequence[str]) -> BaseTransform:
    """Build one step; one with settings for each class (``check_classes``) is checked against the classes.

    Args:
        config: Of a registered transform.
        classes: Names of the K classes.

    Raises:
        ValueError: If there is no such step, or it does not fit the classes.
    """
    if isinstance(config['type'], str) and TRANSFORMS.get(config['type']) is None:
        raise InputError(f'Expected the type of a registered refiner, but got {config["type"]!r}.')
    step = TRANSFORMS.build(dict(config))
    check = getattr(step, 'check_classes', None)
    if check is not None:
        check(classes)
    return step


def build_fusion(config: Mapping[str, Any] | None, classes: Sequence[str]) -> BaseTransform:
    """The step of ``pseudo.fusion``; None is the default :class:`LayerFusion`."""
    return LayerFusion() if config is None else build_step(config, classes)


def build_refiners(configs: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> list[BaseTransform]:
    """The steps of ``pseudo.refine``, in order.

    Raises:
        ValueError: If one of them is a fusion, which stands before the refiners.
    """
    steps = []
    for number, config in enumerate(configs):
        step = build_step(config, classes)
        if isinstance(step, LayerFusion):
            raise InputError(
                f'Expected refiners alone in pseudo.refine, but got {config["type"]} in pseudo.refine[{number}]: '
                'the fusion has a key of its own now, pseudo.fusion.'
            )
        steps.append(step)
    return steps
