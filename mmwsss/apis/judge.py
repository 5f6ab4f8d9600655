"""A judge of whole images: features of a frozen network, and a regression on them; it makes no maps and no masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn as nn

from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.transforms import LoadPicture
from mmwsss.evaluation.evidence import THRESHOLDS
from mmwsss.evaluation.logistic import Logistic, fit_logistic
from mmwsss.registry import MODELS
from mmwsss.utils.progress import Progress

ENCODER: dict[str, Any] = {
    'type': 'mmwsss.TimmFeatures',
    'name': 'tf_efficientnet_lite0',
    'out_indices': (3, 4),
    'output_stride': 16,
    'init_cfg': {'type': 'Pretrained', 'checkpoint': 'package://efficientnet-lite0'},
}
"""ImageNet features that the extra ``pretrained`` installs: what a judge sees with unless told otherwise."""
_MEAN, _DEVIATION = 127.0, 128.0  # of the weights of ENCODER
ASKED = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds at which a judge is asked."""


class Encoder:
    """Pooled features of pictures.

    Args:
        config: Of a backbone whose output is a tuple of maps; it learns nothing.
        size: Side of the squares that pictures are resized to.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, size: int = 192) -> None:
        self.network: nn.Module = MODELS.build(dict(ENCODER if config is None else config))
        self.network.init_weights()
        self.network.eval()
        self.size = size

    @torch.no_grad()
    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Features (N, D): of every map its mean and its maximum over positions.

        Args:
            pictures: uint8 BGR (H, W, 3) each, of any sizes.
        """
        side = (self.size, self.size)
        resized = [cv2.resize(picture, side, interpolation=cv2.INTER_AREA)[..., ::-1] for picture in pictures]
        inputs = torch.from_numpy(np.stack(resized).transpose(0, 3, 1, 2).astype(np.float32))
        maps = self.network((inputs - _MEAN) / _DEVIATION)
        pooled = [part for values in maps for part in (values.mean((2, 3)), values.amax((2, 3)))]
        return torch.cat(pooled, 1).float().numpy()

    def of_dataset(self, dataset: ImageDataset, indices: Sequence[int], batch_size: int = 16) -> np.ndarray:
        """Features of images of a data set, in order."""
        load, rows = LoadPicture(), []
        with Progress(len(indices), 'features') as progress:
            for start in range(0, len(indices), batch_size):
                batch = indices[start : start + batch_size]
                rows.append(self([load(dataset.get_data_info(index))['img'] for index in batch]))
                progress.update(len(batch))
        return np.concatenate(rows)


@dataclass(frozen=True)
class Judge:
    """Says how probable it is that a picture shows a class.

    Attributes:
        encoder: Its eyes.
        regression: What it learned from image labels.
    """

    encoder: Encoder
    regression: Logistic

    @classmethod
    def learn(cls, encoder: Encoder, dataset: ImageDataset, indices: Sequence[int], class_index: int = 0) -> Judge:
        """Learn a class from the image labels of some images."""
        labels = [float(class_index in dataset.get_data_info(index)['gt_label']) for index in indices]
        return cls(encoder, fit_logistic(encoder.of_dataset(dataset, indices), np.array(labels)))

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities (N,)."""
        return self.regression.probability(self.encoder(pictures))


def fill(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture with a mask's area filled from around it: a smooth surface, by the pull-push of averages.

    The picture is averaged over known pixels at ever coarser scales, and each hole takes the finest scale that knows
    something there.

    Args:
        picture: uint8 BGR (H, W, 3).
        mask: bool (H, W), what to fill.
    """
    height, width = mask.shape
    known = (~mask).astype(np.float32)
    levels: list[Any] = [(picture.astype(np.float32) * known[..., None], known)]
    while min(levels[-1][1].shape) > 1:
        size = [max(side // 2, 1) for side in levels[-1][1].shape[::-1]]
        levels.append(tuple(cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in levels[-1]))
    values, weight = levels[-1]
    filled: Any = values / max(float(weight.mean()), 1e-6)
    for values, weight in reversed(levels[:-1]):
        filled = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*weight.shape, 3)
        there = np.clip(weight * 4, 0, 1)[..., None]
        filled = there * values / np.maximum(weight, 1e-6)[..., None] + (1 - there) * filled
    filled[~mask] = picture[~mask]
    return np.clip(filled.reshape(height, width, 3), 0, 255).round().astype(np.uint8)


def blur(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture that is blurred where a mask is, by a Gaussian of a tenth of its longer side (Fong and Vedaldi, 2017).

    Args:
        picture: uint8 BGR (H, W, 3).
        mask: bool (H, W), what to blur.
    """
    return np.where(mask[..., None], cv2.GaussianBlur(picture, (0, 0), max(picture.shape[:2]) / 10), picture)


ERASERS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {'fill': fill, 'blur': blur}
"""Ways to take what a mask covers out of a picture."""


def keep(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture in which only a mask's area is left; the rest has its mean colour.

    Args:
        picture: uint8 BGR (H, W, 3).
        mask: bool (H, W), not everywhere.
    """
    ground = picture[~mask].mean(0).round().astype(np.uint8)
    return np.where(mask[..., None], picture, ground)


def erase_and_keep(
    judge: Judge,
    frames: Iterable[tuple[np.ndarray, np.ndarray]],
    erase: str = 'fill',
    moves: int = 2,
    asked: Sequence[float] = ASKED,
    seed: int = 0,
) -> np.ndarray:
    r"""Ask a judge about frames with the mask erased, and about the mask alone on an even ground.

    .. math:: U(t) = \operatorname{mean}_i \big[J(\text{keep } M_i(t)) - J(\text{erase } M_i(t))\big]
              - \operatorname{mean}_{i, m} \big[J(\text{keep } m M_i) - J(\text{erase } m M_i)\big]

    where m moves the mask to a random place of the frame, wrapped around: what the mere shape and size of a hole do to
    the judge is the same in both. A mask that is too small leaves smoke when it is erased. One that is too large should
    gain nothing over its moved self; measured (docs/no_masks.md), it gains all the same, so that the curve orders
    networks and chooses no threshold. Sources: "Erase and keep" after Fong and Vedaldi (ICCV 2017) and Dabkowski and
    Gal (NeurIPS 2017); the control by moved masks is this project's.

    Args:
        judge: One that took no part in making the masks.
        frames: Pairs of a picture, uint8 BGR (H, W, 3), and its scores, float (H, W); all show the class.
        erase: One of :data:`ERASERS`: filled from around it, or blurred.
        moves: Moved masks a frame.
        asked: Thresholds, of :data:`~mmwsss.evaluation.evidence.THRESHOLDS`.
        seed: Of the moves.

    Returns:
        np.ndarray: float (T,), NaN at thresholds that were not asked.
    """
    rng = np.random.default_rng(seed)
    sums, number = np.zeros(len(asked)), 0
    for picture, score in frames:
        side = judge.encoder.size
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        score = cv2.resize(np.asarray(score, np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
        shifts = rng.integers(side // 4, side - side // 4, (moves, 2))
        for place, threshold in enumerate(asked):
            mask = score > threshold
            if mask.any() and not mask.all():
                masks = [mask, *(np.roll(mask, tuple(shift), (0, 1)) for shift in shifts)]
                said = judge([made for one in masks for made in (keep(picture, one), ERASERS[erase](picture, one))])
                gains = said[::2] - said[1::2]
                sums[place] += gains[0] - gains[1:].mean()
        number += 1
    curve = np.full(len(THRESHOLDS), np.nan)
    places = np.abs(THRESHOLDS[None] - np.asarray(asked)[:, None]).argmin(1)
    curve[places] = sums / max(number, 1)
    return curve
