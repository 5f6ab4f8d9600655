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

    At the beginning and the end of a series the window is what there is of it. A series ends where its key or the size
    of its frames changes. Frames without a label are passed on in their place and count for nothing.

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
            frames: Anything, the key of its series (a camera), and its label, uint8 (H, W), or None.

        Yields:
            The same things in the same order, with their labels.
        """
        waiting: deque[tuple[Item, str, np.ndarray | None]] = deque()  # not given out yet
        around: deque[np.ndarray] = deque(maxlen=2 * self.half + 1)  # labels of the series, up to the newest
        before = 0  # how many of them are those of frames that were given out
        series: tuple | None = None
        for frame in frames:
            label = frame[2]
            if label is not None:
                here = (frame[1], label.shape)
                if series is not None and here != series:
                    yield from self._flush(waiting, around, before)
                    around.clear()
                    before = 0
                series = here
                if len(around) == around.maxlen:
                    before -= 1
                around.append(label)
            waiting.append(frame)
            while waiting and (waiting[0][2] is None or len(around) - before > self.half):
                yield self._first(waiting, around, before)
                before += waiting.popleft()[2] is not None
        yield from self._flush(waiting, around, before)

    def _flush(
        self, waiting: deque[tuple[Item, str, np.ndarray | None]], around: deque[np.ndarray], before: int
    ) -> Iterator[tuple[Item, np.ndarray | None]]:
        while waiting:
            yield self._first(waiting, around, before)
            before += waiting.popleft()[2] is not None

    def _first(
        self, waiting: deque[tuple[Item, str, np.ndarray | None]], around: deque[np.ndarray], before: int
    ) -> tuple[Item, np.ndarray | None]:
        item, _, label = waiting[0]
        if label is None:
            return item, None
        labels = list(around)[max(before - self.half, 0) : before + self.half + 1]
        return item, median_label(labels)
