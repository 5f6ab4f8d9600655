"""What the channels of a checkpoint's classifier are called, compared with the classes of the data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmwsss.utils.errors import InputError


def names_in(checkpoint: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The classes of the data that a checkpoint was trained on, as MMEngine keeps them; None where it names none."""
    meta = checkpoint.get('meta') or {}
    dataset_meta = (meta.get('dataset_meta') or {}) if isinstance(meta, Mapping) else {}
    names = dataset_meta.get('classes', dataset_meta.get('CLASSES'))
    return tuple(str(name) for name in names) if names else None


def channels_of(
    checkpoint: str | Path,
    found: Sequence[str] | None,
    number: int,
    wanted: Sequence[str],
    class_map: Mapping[str, str] | None = None,
) -> list[int] | None:
    """Which channels of a classifier are the classes of the data.

    Names and their order must be the same: weights for fire and smoke must not make masks of smoke from the map of
    fire. Where the user says by ``class_map`` which class is which, channels are chosen by name.

    Args:
        checkpoint: Where the weights come from, for errors.
        found: Names of the classifier's classes, in order; None where it has none.
        number: Number of its classes.
        wanted: Names of the classes of the data, in order.
        class_map: From a class of the data to a class of the classifier; classes that are not in it keep their names.

    Returns:
        list: a channel for each class of the data; None if they are the classifier's, all of them in their order.

    Raises:
        ValueError: If the names, their order, or without names their number differ, or ``class_map`` names what is not
            there.
    """
    wanted = tuple(wanted)
    if class_map is not None and not isinstance(class_map, Mapping):
        raise InputError(
            f'Expected class_map as a mapping from a class of the data to one of the checkpoint, but got {class_map!r}.'
        )
    if found is None:
        _compare_number(checkpoint, number, wanted, class_map)
        return None
    found = tuple(found)
    if len(found) != number:
        raise InputError(f'Expected {number} class names for {checkpoint}, as it has classes, but got {list(found)}.')
    if class_map is None:
        if found != wanted:
            raise InputError(
                f'Expected a checkpoint of the classes {list(wanted)}, as the data have, but {checkpoint} has '
                f'{list(found)}, in this order. Say which is which by class_map, for example '
                f'class_map={{{wanted[0]!r}: {found[0]!r}}}, if it is meant for these data.'
            )
        return None
    for name in class_map:
        if name not in wanted:
            raise InputError(f'Expected classes of the data, {list(wanted)}, in class_map, but got {name!r}.')
    names = [class_map.get(name, name) for name in wanted]
    for name in names:
        if name not in found:
            raise InputError(
                f'Expected a class of {checkpoint}, which has {list(found)}, for each of {list(wanted)}, '
                f'but got {name!r}: say by class_map which one is meant.'
            )
    channels = [found.index(name) for name in names]
    return None if channels == list(range(number)) else channels


def _compare_number(
    checkpoint: str | Path, number: int, wanted: tuple[str, ...], class_map: Mapping[str, str] | None
) -> None:
    if class_map is not None:
        raise InputError(
            f'Expected names of the classes in {checkpoint} for class_map, but it has none: '
            f'give them, in order, by checkpoint_classes.'
        )
    if number != len(wanted):
        raise InputError(
            f'Expected a checkpoint of {len(wanted)} classes, {list(wanted)}, as the data have, '
            f'but {checkpoint} has {number} and does not name them.'
        )
    warnings.warn(
        f'The checkpoint {checkpoint} does not name its classes: taken for {list(wanted)}, because it has as many. '
        f'checkpoint_classes says what they are.',
        stacklevel=4,
    )
