"""The one model of smoke: opacity and colour of generated plumes, as pure functions of a random generator.

A plume is a line of puffs that leave a source, rise, drift with the wind and widen. Their Gaussians add up to an
optical depth tau; turbulence bends it, texture makes it patchy, and the opacity (the matte) is
``opacity * (1 - exp(-tau))``. A composite is ``(1 - matte) * clean + matte * colour``.

Coordinates and lengths are shares of the frame: x of its width, y of its height and downwards, lengths and radii of
the geometric mean of the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mmwsss.datasets.plume_kinds import PlumeRanges

_GRID = 144  # longest side of the grid that plumes are drawn on; the frame's own size comes by interpolation
_PUFFS = 56
FLOOR = 0.012
"""Opacities below this are set to 0, so that a matte has an end."""

MASK_OPACITY = 0.2
"""A pixel belongs to the plume's mask from this opacity on; below it the eye does not see the smoke."""


@dataclass
class Plume:
    """One drawn plume.

    Attributes:
        matte: float32 (H, W) in [0, 1], the opacity; exactly 0 outside.
        shade: float32 (H, W) around 1, light and shadow of the smoke.
        ranges: The ranges that it was drawn from.
    """

    matte: np.ndarray
    shade: np.ndarray
    ranges: PlumeRanges


def fractal_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int = 4) -> np.ndarray:
    """Sum of smooth random fields, each with twice the cells and half the weight of the last.

    Args:
        rng: Random generator.
        shape: (H, W).
        cells: Cells of the first field along the longer side.
        octaves: Number of fields.

    Returns:
        np.ndarray: float32 (H, W) in [0, 1].
    """
    total, weight_sum = np.zeros(shape, np.float32), 0.0
    longest = max(shape)
    for octave in range(octaves):
        sides = [min(max(round((cells << octave) * side / longest), 1), side) + 1 for side in shape]
        grid = rng.random(sides).astype(np.float32)
        total += cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC) / 2**octave
        weight_sum += 1 / 2**octave
    return np.clip(total / weight_sum, 0, 1)


def puff_density(
    x: np.ndarray,
    y: np.ndarray,
    radius_x: np.ndarray,
    radius_y: np.ndarray,
    weight: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    r"""Sum of Gaussian puffs, :math:`\sum_i w_i \exp(-2 (x - x_i)^2 / r_{x,i}^2 - 2 (y - y_i)^2 / r_{y,i}^2)`.

    A Gaussian with upright axes is a product of one of x and one of y, so that the sum is one matrix product.

    Args:
        x: Centres (n,).
        y: Centres (n,).
        radius_x: Two standard deviations (n,).
        radius_y: Two standard deviations (n,).
        weight: Heights (n,).
        axes: Coordinates of the rows (H,) and of the columns (W,).

    Returns:
        np.ndarray: float32 (H, W).
    """
    rows = np.exp(-2 * ((axes[0][:, None] - y) / radius_y) ** 2) * weight
    columns = np.exp(-2 * ((axes[1][:, None] - x) / radius_x) ** 2)
    return rows.astype(np.float32) @ columns.astype(np.float32).T


def _puffs(rng: np.random.Generator, r: PlumeRanges, units: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Centres, radii and weights of a plume's puffs; ``units`` are height and width in sides of the frame."""
    t = np.linspace(0, 1, _PUFFS) ** 1.4
    length, wind, ceiling = rng.uniform(*r.length), rng.uniform(*r.wind), rng.uniform(*r.ceiling)
    wind *= 1 if rng.random() < 0.5 else -1
    up = length / np.hypot(1, wind)
    radius = rng.uniform(*r.start) + rng.uniform(*r.spread) * t ** rng.uniform(0.75, 1.2)
    wander = np.cumsum(rng.normal(0, 1, _PUFFS)) / np.sqrt(_PUFFS) * rng.uniform(*r.meander) * radius
    x = rng.uniform(*r.x) * units[1] + wind * up * t**1.3 + wander + rng.normal(0, 0.22, _PUFFS) * radius
    y = rng.uniform(*r.y) * units[0] - ceiling * (1 - np.exp(-up * t**0.85 / ceiling))
    y += rng.normal(0, 0.22, _PUFFS) * radius
    stretch = np.sqrt(rng.uniform(*r.stretch))
    gap = np.hypot(np.gradient(x), np.gradient(y))
    depth = rng.uniform(*r.depth) * (1 - rng.uniform(*r.fade) * t) * rng.lognormal(0, 0.25, _PUFFS)
    # Gaussians that lie close add up: on the axis their sum is 1.25 radii by the gap between two
    return x, y, radius * stretch, radius / stretch, depth * np.minimum(1, gap / (1.25 * radius))


def draw_plume(rng: np.random.Generator, shape: tuple[int, int], ranges: PlumeRanges | None = None) -> Plume:
    """Draw a plume's opacity and its light and shadow; the colour follows from the frame (:func:`smoke_colour`).

    Args:
        rng: Random generator; the same state gives the same plume.
        shape: (H, W) of the frame.
        ranges: What it may look like; None: the default ranges.

    Returns:
        The plume, whose matte may be empty where the wind took it out of the frame.
    """
    ranges = ranges or PlumeRanges()
    zoom = min(1.0, _GRID / max(shape))
    grid = (max(round(shape[0] * zoom), 1), max(round(shape[1] * zoom), 1))
    side = np.sqrt(grid[0] * grid[1])
    units = (grid[0] / side, grid[1] / side)
    x, y, radius_x, radius_y, weight = _puffs(rng, ranges, units)
    axes = tuple((np.arange(n, dtype=np.float32) + 0.5) / np.float32(side) for n in grid)
    depth = puff_density(x, y, radius_x, radius_y, weight, (axes[0], axes[1]))
    cells = int(rng.uniform(*ranges.cells))
    depth = _bend(rng, depth, rng.uniform(*ranges.turbulence) * float(radius_y.mean()) * side, max(cells // 2, 2))
    noise = fractal_noise(rng, grid, cells, 5)
    noise = (noise - 0.5) / 0.17
    axis_depth = float(np.quantile(depth, 0.995)) + 1e-6
    depth = depth * np.exp(rng.uniform(*ranges.texture) * noise)
    depth = axis_depth * (depth / axis_depth) ** (1 + 1.3 * rng.uniform(*ranges.sharpness))
    matte = rng.uniform(*ranges.opacity) * (1 - np.exp(-depth))
    # the upper side of a billow is lit: the slope of the texture, as a light from above sees it
    slope = cv2.GaussianBlur(noise, (0, 0), 1.2)
    tilt = rng.uniform(-1, 1)
    slope = slope - cv2.warpAffine(
        slope, np.array([[1, 0, 2 * tilt], [0, 1, -2]], np.float32), grid[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    shade = np.clip(1 - rng.uniform(*ranges.relief) * 0.35 * slope, 0.5, 1.4)
    return Plume(_finish(matte, shape), _resize(shade, shape), ranges)


def _bend(rng: np.random.Generator, field: np.ndarray, pixels: float, cells: int) -> np.ndarray:
    """Move every point of a field by a smooth random displacement of about ``pixels``."""
    rows, columns = field.shape
    flow = [(fractal_noise(rng, field.shape, cells, 3) - 0.5) * np.float32(6 * pixels) for _ in range(2)]
    map_x = np.arange(columns, dtype=np.float32)[None] + flow[0]
    map_y = np.arange(rows, dtype=np.float32)[:, None] + flow[1]
    return cv2.remap(field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _resize(field: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if field.shape == tuple(shape):
        return field.astype(np.float32)
    return cv2.resize(field.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)


def _finish(matte: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    matte = np.clip(_resize(matte, shape), 0, 1)
    return np.maximum(matte - FLOOR, 0) / (1 - FLOOR)


def luminance(img: np.ndarray) -> np.ndarray:
    """Grey levels (H, W) of a BGR image (H, W, 3), by BT.601."""
    return img @ np.array([0.114, 0.587, 0.299], np.float32)


def air_light(img: np.ndarray) -> np.ndarray:
    """Colour of the light that fills the air, (3,) in the order of ``img``: the mean of the brightest fifth."""
    small = img[:: max(img.shape[0] // 48, 1), :: max(img.shape[1] // 48, 1)].reshape(-1, 3).astype(np.float32)
    grey = luminance(small)
    return small[grey >= np.quantile(grey, 0.8)].mean(0)


def smoke_colour(rng: np.random.Generator, img: np.ndarray, plume: Plume) -> np.ndarray:
    """Colour of a plume's smoke in a frame: lit by the frame's own light, and different from what is behind it.

    Args:
        rng: Random generator.
        img: float32 BGR (H, W, 3) in [0, 255].
        plume: The plume.

    Returns:
        np.ndarray: float32 BGR (H, W, 3) in [0, 255].
    """
    ranges, light = plume.ranges, air_light(img)
    weight = plume.matte / (plume.matte.sum() + 1e-6)
    behind = float((luminance(img) * weight).sum())
    bright = float(luminance(light))
    drawn = (rng.uniform(0.92, 1.15), rng.uniform(0.6, 0.92), rng.uniform(0.2, 0.55))
    tone = drawn[int(rng.choice(3, p=ranges.tones))] * max(bright, 70.0)
    least = ranges.contrast / max(float(plume.matte.max()), 0.15)
    if abs(tone - behind) < least:
        way = np.sign(tone - behind) or 1.0
        change = least * rng.uniform(1, 2)
        tone = behind + way * change if 8 < behind + way * change < 250 else behind - way * change
    hue = light / max(bright, 1.0)
    hue = 1 + rng.uniform(0, 0.8) * (hue - 1)  # grey smoke, tinted by the light of the sky
    warm = rng.uniform(-1, 1)
    green = 1 - rng.uniform(0, 0.4) * ranges.cast
    hue = hue * np.array([1 - warm * ranges.cast, green, 1 + warm * ranges.cast / 2])
    colour = (np.float32(tone) * plume.shade)[..., None] * hue.astype(np.float32)
    return np.clip(colour, 0, 255)


def blend(img: np.ndarray, colour: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """``(1 - matte) * img + matte * colour``: float32 (H, W, 3)."""
    return img + matte[..., None] * (colour - img)
