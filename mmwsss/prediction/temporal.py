"""Masks of a fixed camera, made steady over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np

from mmwsss.utils.errors import InputError

Item = TypeVar('Item')


def median_label(labels: list[np.ndarray]) -> np.ndarray:
    """The median of each class's mask: a pixel has the class that it has in more than half of the masks.

    Where no class, nor the ignore label, has more than half, it is background.

    Args:
        labels: uint8 (H, W), an odd number of them; of an even number a half is not enough.

    >>> rows = ([0, 1, 2], [1, 1, 0], [0, 0, 1])
    >>> median_label([np.array([row], np.uint8) for row in rows]).tolist()
    [[0, 1, 0]]
    """
    if len(labels) == 1:
        return labels[0]
    stack = np.sort(np.stack(labels), axis=0)
    middle = stack[len(labels) // 2]  # what has more than half of the sorted values has the middle one
    half = len(labels) // 2
    count = np.zeros(middle.shape, np.uint16)
    for label in stack:
        count += label == middle
    return np.where(count > half, middle, 0).astype(np.uint8)


class TemporalMedian(Generic[Item]):
    """Labels of frames, each the median of those around it; frames come out as many later as half the window.

    The window of a frame is what there is, from ``w // 2`` frames before it to as many after, of frames with the same
    key (camera) and the same size. Frames without a label are passed on in their place.

    Args:
        window: Number w of frames, odd; 1 leaves labels as they are.

    Raises:
        ValueError: If it is even or not positive.
    """

    def __init__(self, window: int) -> None:
        if window < 1 or window % 2 == 0:
            raise InputError(f'Expected an odd number of frames for the median over time, but got {window}.')
        self.half = window // 2

    def __call__(
        self, frames: Iterable[tuple[Item, str, np.ndarray | None]]
    ) -> Iterator[tuple[Item, np.ndarray | None]]:
        """Steady labels.

        Args:
            frames: Anything, its key, and its label, uint8 (H, W), or None.

        Yields:
            The same things in the same order, with their labels.
        """
        near: deque[tuple[str, np.ndarray | None]] = deque(maxlen=2 * self.half + 1)
        waiting: deque[Item] = deque()
        for item, key, label in frames:
            near.append((key, label))
            waiting.append(item)
            if len(waiting) > self.half:
                yield waiting.popleft(), _middle(list(near), len(near) - 1 - self.half)
        while waiting:
            place = len(near) - len(waiting)
            yield waiting.popleft(), _middle(list(near)[max(place - self.half, 0) :], min(place, self.half))


def _middle(near: list[tuple[str, np.ndarray | None]], place: int) -> np.ndarray | None:
    key, label = near[place]
    if label is None:
        return None
    same = [other for name, other in near if other is not None and name == key and other.shape == label.shape]
    return label if len(same) == 1 else median_label(same)
