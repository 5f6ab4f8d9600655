"""What plumes may look like: ranges of every parameter, by kind of smoke.

Coordinates and lengths are shares of the frame: x of its width, y of its height and downwards, lengths and radii of
the geometric mean of the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mmwsss.utils.errors import InputError

Range = tuple[float, float]
"""Lowest and highest value of a uniform draw."""


@dataclass(frozen=True)
class PlumeRanges:
    """What plumes of one kind may look like; every pair is the range of a uniform draw.

    Attributes:
        x: Source, share of the width; outside [0, 1] the plume comes in from the side.
        y: Source, share of the height, downwards.
        length: Way of the smoke, share of the frame's side.
        wind: Sideways per upward motion at the end of the way: 0 straight up, 2 nearly flat; the sign is drawn.
        ceiling: Height above the source at which the smoke stops rising and spreads, share of the side.
        start: Radius at the source, share of the side.
        spread: Growth of the radius along the whole way, share of the side.
        stretch: Horizontal over vertical radius of a puff; 1 round, 4 a layer.
        meander: How far the axis wanders, in radii.
        depth: Optical depth on the axis at the source; 1 hides 63 % of what is behind, 3 hides 95 %.
        fade: Share of the depth that is lost on the way, in [0, 1].
        opacity: Opacity of endless smoke, in [0, 1].
        turbulence: Displacement of the outline, in mean radii.
        texture: Standard deviation of the logarithm of the depth: 0 even, 1 torn to shreds.
        cells: Size of the texture: patches along the side of the frame.
        sharpness: 0 the outline fades away as a Gaussian, 1 it is 2.3 times as steep in the depth's logarithm.
        relief: Light and shadow on the billows, share of the tone.
        tones: Chances of white, grey and dark smoke.
        cast: Largest colour cast a channel, share.
        contrast: Least difference that the plume makes where it is densest, grey levels of [0, 255].
    """

    x: Range = (-0.1, 1.1)
    y: Range = (0.35, 1.15)
    length: Range = (0.3, 1.2)
    wind: Range = (0.0, 1.6)
    ceiling: Range = (0.15, 1.2)
    start: Range = (0.008, 0.09)
    spread: Range = (0.08, 0.42)
    stretch: Range = (0.9, 1.6)
    meander: Range = (0.1, 0.5)
    depth: Range = (0.6, 3.0)
    fade: Range = (0.3, 0.95)
    opacity: Range = (0.5, 0.98)
    turbulence: Range = (0.2, 0.9)
    texture: Range = (0.15, 0.65)
    cells: Range = (4, 14)
    sharpness: Range = (0.0, 0.9)
    relief: Range = (0.0, 0.4)
    tones: tuple[float, float, float] = (0.4, 0.45, 0.15)
    cast: float = 0.08
    contrast: float = 10.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in ('cast', 'contrast', 'tones'):
                continue
            if len(value) != 2 or value[0] > value[1]:
                raise InputError(f'Expected {name} as (low, high), but got {value}.')
        if len(self.tones) != 3 or min(self.tones) < 0 or not np.isclose(sum(self.tones), 1):
            raise InputError(f'Expected tones as three chances that add up to 1, but got {self.tones}.')


_DRIFTING = PlumeRanges()
KINDS: dict[str, PlumeRanges] = {
    'drifting': _DRIFTING,
    'column': replace(
        _DRIFTING,
        wind=(0.0, 0.6),
        ceiling=(0.6, 2.0),
        depth=(1.5, 5.0),
        fade=(0.0, 0.6),
        opacity=(0.75, 1.0),
        sharpness=(0.4, 1.0),
        relief=(0.1, 0.5),
        texture=(0.2, 0.6),
    ),
    'layer': replace(
        _DRIFTING,
        wind=(1.0, 3.0),
        ceiling=(0.03, 0.25),
        start=(0.02, 0.09),
        spread=(0.04, 0.2),
        stretch=(2.0, 5.0),
        depth=(0.4, 1.6),
        fade=(0.0, 0.6),
        turbulence=(0.2, 0.7),
        sharpness=(0.0, 0.6),
        relief=(0.0, 0.25),
    ),
    'thin': replace(
        _DRIFTING,
        depth=(0.3, 0.9),
        fade=(0.2, 0.8),
        opacity=(0.3, 0.8),
        sharpness=(0.0, 0.5),
        relief=(0.0, 0.2),
    ),
    'far': replace(
        _DRIFTING,
        y=(0.3, 0.9),
        length=(0.1, 0.4),
        start=(0.005, 0.03),
        spread=(0.04, 0.14),
        ceiling=(0.05, 0.3),
        cells=(10, 28),
    ),
}
"""Kinds of plumes by name."""

CHANCES: dict[str, float] = {'drifting': 0.35, 'column': 0.2, 'layer': 0.15, 'thin': 0.15, 'far': 0.15}
"""How often each kind is drawn."""


def draw_kind(rng: np.random.Generator, chances: Mapping[str, float] = CHANCES) -> PlumeRanges:
    """Ranges of a kind of :data:`KINDS`, drawn by its chance."""
    names = list(chances)
    shares = np.array([chances[name] for name in names], float)
    return KINDS[names[int(rng.choice(len(names), p=shares / shares.sum()))]]
