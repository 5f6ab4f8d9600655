"""Composites: a frame without smoke, the same frame with smoke, and the smoke's opacity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import cv2
import numpy as np

from mmwsss.datasets import lookalikes, plume_kinds, plumes
from mmwsss.datasets.grain import Grain, add_grain, measure_grain, recompress
from mmwsss.datasets.lookalikes import Layer
from mmwsss.utils.errors import InputError

_MAX_SHARE = 0.75  # of the frame: smoke that fills the view has no outline to learn
_TRIES = 8


@dataclass
class Composite:
    """One composite.

    Attributes:
        img: uint8 BGR (H, W, 3), with smoke.
        clean: uint8 BGR (H, W, 3), the same without; equal to ``img`` where the matte is 0.
        matte: float32 (H, W) in [0, 1], the smoke's opacity.
    """

    img: np.ndarray
    clean: np.ndarray
    matte: np.ndarray


def _check_names(what: str, given: Mapping[str, float], known: Collection[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown or not given or min(given.values()) < 0 or not sum(given.values()):
        raise InputError(f'Expected {what} as chances of {sorted(known)}, but got {dict(given)}.')


@dataclass(frozen=True)
class Composer:
    """Blends smoke and look-alikes into frames.

    Attributes:
        kinds: Chances of the kinds of :data:`mmwsss.datasets.plume_kinds.KINDS`.
        second: Chance of a second plume.
        cut: Opacity from which on a pixel counts as smoke.
        min_share: Smallest share of such pixels; a plume that left the frame is drawn anew, 8 times at most, and then
            left out.
        grounded: Chance that smoke has its source at the skyline, where the frame shows one.
        behind: Chance that smoke stands behind the skyline, which then cuts it off below.
        lookalike: Chance of a look-alike, with smoke and without.
        lookalikes: Chances of :data:`mmwsss.datasets.lookalikes.LOOKALIKES`.
        quality: Range of the JPEG quality that the frame is given where it is smoke; None: no compression.
        ranges: Of :class:`~mmwsss.datasets.plume_kinds.PlumeRanges`, in the place of those of every kind: what is
            known of the smoke that one has, or a part of the model switched off.
        grain: Give smoke the frame's noise, and no sharper edges than the frame has.

    Raises:
        ValueError: If a chance or the cut is outside [0, 1], or a kind, a look-alike or a range is unknown.
    """

    kinds: Mapping[str, float] = field(default_factory=lambda: dict(plume_kinds.CHANCES))
    second: float = 0.25
    cut: float = plumes.MASK_OPACITY
    min_share: float = 0.003
    grounded: float = 0.4
    behind: float = 0.3
    lookalike: float = 0.3
    lookalikes: Mapping[str, float] = field(default_factory=lambda: dict(lookalikes.CHANCES))
    quality: tuple[int, int] | None = (75, 95)
    ranges: Mapping[str, Any] = field(default_factory=dict)
    grain: bool = True

    def __post_init__(self) -> None:
        for name in ('second', 'cut', 'min_share', 'grounded', 'behind', 'lookalike'):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f'Expected {name} in [0, 1], but got {getattr(self, name)}.')
        _check_names('kinds', self.kinds, plume_kinds.KINDS)
        _check_names('lookalikes', self.lookalikes, lookalikes.LOOKALIKES)
        known = [entry.name for entry in fields(plume_kinds.PlumeRanges)]
        if unknown := sorted(set(self.ranges) - set(known)):
            raise InputError(f'Expected ranges of {known}, but got {unknown}.')
        if self.quality is not None and not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise InputError(f'Expected quality as (low, high) in [1, 100], but got {self.quality}.')

    def compose(self, rng: np.random.Generator, img: np.ndarray, smoke: bool) -> Composite:
        """Lay a look-alike and smoke over a frame, each as the chances say.

        Args:
            rng: Random generator; the same state gives the same composite.
            img: uint8 BGR (H, W, 3), without smoke; not changed.
            smoke: Whether there is smoke at all.

        Returns:
            The composite; its matte is all 0 without smoke, and where no plume fitted into the frame.
        """
        clean = img.astype(np.float32)
        name = lookalikes.draw_lookalike(rng, self.lookalikes) if rng.random() < self.lookalike else None
        layer = None if name is None else lookalikes.LOOKALIKES[name](rng, clean)
        grain = measure_grain(clean) if self.grain and (smoke or layer is not None) else Grain(0.0, 0.0)
        sky = lookalikes.sky_mask(clean) if smoke else None
        if layer is not None and name not in lookalikes.LENS:
            clean = self._lay_behind(rng, clean, layer, grain)
        frame, matte = clean, np.zeros(img.shape[:2], np.float32)
        if sky is not None:
            for _ in range(1 + int(rng.random() < self.second)):
                frame, opacity = self._add_plume(rng, frame, grain, sky)
                matte = 1 - (1 - matte) * (1 - opacity)
        if layer is not None and name in lookalikes.LENS:
            clean, frame = lookalikes.lay(clean, layer), lookalikes.lay(frame, layer)
        if smoke and self.quality is not None:
            frame = recompress(frame, matte, int(rng.integers(self.quality[0], self.quality[1] + 1)))
        return Composite(_to_uint8(frame), _to_uint8(clean), matte)

    def _lay_behind(self, rng: np.random.Generator, frame: np.ndarray, layer: Layer, grain: Grain) -> np.ndarray:
        """A look-alike with the frame's noise and compression: neither may tell it from smoke."""
        colour, cover = layer
        matte = cover.max(2)
        frame = lookalikes.lay(frame, (add_grain(rng, colour, matte, grain), cover))
        if self.quality is not None:
            frame = recompress(frame, matte, int(rng.integers(*self.quality, endpoint=True)))
        return frame

    def _add_plume(
        self, rng: np.random.Generator, frame: np.ndarray, grain: Grain, sky: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        behind, grounded = rng.random() < self.behind, rng.random() < self.grounded
        for _ in range(_TRIES):
            ranges = replace(plume_kinds.draw_kind(rng, self.kinds), **self.ranges)
            if (behind or grounded) and sky.any():
                skyline = float((sky[:, int(rng.integers(sky.shape[1]))] > 0.5).mean())
                ranges = replace(ranges, y=(skyline - 0.03, skyline + (0.1 if behind else 0.25)))
            plume = plumes.draw_plume(rng, frame.shape[:2], ranges)
            if behind and sky.any():
                plume.matte = plume.matte * sky
            if self.min_share <= float((plume.matte > self.cut).mean()) <= _MAX_SHARE:
                break
        else:
            return frame, np.zeros(frame.shape[:2], np.float32)
        if grain.blur > 0.4:  # nothing in a soft frame is sharper than the frame
            soft = cv2.GaussianBlur(plume.matte, (0, 0), grain.blur)
            plume.matte = np.where(soft < plumes.FLOOR / 2, 0, soft)
        colour = plumes.smoke_colour(rng, frame, plume)
        colour = add_grain(rng, colour, plume.matte, grain)
        return plumes.blend(frame, colour, plume.matte), plume.matte


def _to_uint8(img: np.ndarray) -> np.ndarray:
    return np.clip(img, 0, 255).round().astype(np.uint8)
