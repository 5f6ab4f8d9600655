"""What gives masks of pictures, and what it says of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from mmengine.model import BaseModel
from mmseg.structures import SegDataSample


@dataclass
class Prediction:
    """What a network says of one picture.

    Attributes:
        label: uint8 (H, W), 0 background, k + 1 class k, and where a refiner gives it the ignore label.
        score: float32 (H, W) in [0, 1], how probable the label is; of maps their value.
        reason: Why there is no label: the network gave NaN, or a refiner failed; then both are empty.
        scores: float16 (K + 1, H, W), background first, of a network that keeps them; None of a picture in tiles.
    """

    label: np.ndarray
    score: np.ndarray
    reason: str | None = None
    scores: np.ndarray | None = None


def failed(reason: str) -> Prediction:
    """A picture without a label."""
    return Prediction(np.zeros((0, 0), np.uint8), np.zeros((0, 0), np.float32), reason)


class Network(Protocol):
    """A network that gives masks.

    Attributes:
        classes: Names of the K classes, without the background.
        model: The module with the weights.
        keeps_scores: Whether predictions carry the scores of all classes; they are left out at first.
    """

    classes: tuple[str, ...]
    model: BaseModel
    keeps_scores: bool

    def samples(self, imgs: Sequence[np.ndarray]) -> list[SegDataSample]:
        """MMSegmentation's samples of pictures, uint8 BGR (H, W, 3), with ``pred_sem_seg`` (1, H, W).

        Where all scores are at hand also ``seg_logits`` (K + 1, H, W).
        """

    def predict(self, imgs: Sequence[np.ndarray]) -> list[Prediction]:
        """Labels of pictures, uint8 BGR (H, W, 3)."""
