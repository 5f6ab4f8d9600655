"""Look-alikes of smoke: clouds, haze, fog, glare of the sun and dirt on the lens, laid over a frame.

Each function draws a layer for a float32 BGR frame (H, W, 3) in [0, 255]: a colour (H, W, 3) or (3,), and how much it
covers, (H, W, 1) or (H, W, 3) in [0, 1]. Clouds stay in the sky, because a bright patch before the ground would be
smoke to any eye.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from mmwsss.datasets.plumes import air_light, fractal_noise, luminance

Layer = tuple[np.ndarray, np.ndarray]
"""Colour and cover."""

_ROUGH = 7.0  # grey levels of local change that end the sky
_MIN_SKY = 0.15
_WHITE = 255.0


def sky_mask(img: np.ndarray) -> np.ndarray:
    """Where the sky is, by one rule: from the top of each column down to its first edge.

    Args:
        img: float32 BGR (H, W, 3) in [0, 255].

    Returns:
        np.ndarray: float32 (H, W) in [0, 1] with a soft lower border; all 0 where the rule finds hardly any sky.
    """
    rows, columns = img.shape[:2]
    small = cv2.resize(luminance(img), (64, 64), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), 1.0)
    edge = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 4
    rough = np.maximum.accumulate(edge, axis=0) > _ROUGH
    dark = np.minimum.accumulate(smooth, axis=0) < 0.6 * np.quantile(smooth, 0.9)
    sky = cv2.medianBlur((~(rough | dark)).astype(np.uint8), 5).astype(np.float32)
    if sky.mean() < _MIN_SKY:
        return np.zeros((rows, columns), np.float32)
    return cv2.GaussianBlur(cv2.resize(cv2.erode(sky, np.ones((3, 3))), (columns, rows)), (0, 0), rows / 96)


def cloud(rng: np.random.Generator, img: np.ndarray) -> Layer:
    """Heaped, layered or feathery clouds in the sky, lit from above."""
    rows, columns = img.shape[:2]
    sky = sky_mask(img)
    flat = rng.uniform(1.5, 6)  # how much wider than high its patches are
    noise = fractal_noise(rng, (rows, max(int(columns / flat), 2)), int(rng.integers(3, 12)), 5)
    noise = cv2.resize(noise, (columns, rows), interpolation=cv2.INTER_LINEAR)
    height = np.arange(rows, dtype=np.float32)[:, None] / rows
    band = np.exp(-(((height - rng.uniform(-0.1, 0.7)) / rng.uniform(0.08, 0.5)) ** 2))
    cover = np.clip((noise - rng.uniform(0.35, 0.6) + 0.5 * (band - 1)) * rng.uniform(3, 14), 0, 1)
    cover *= sky * rng.uniform(0.4, 1.0)
    light = air_light(img)
    tone = np.float32(rng.uniform(0.85, 1.2)) * luminance(light)
    shade = 1 + rng.uniform(0, 0.5) * (noise - np.roll(noise, -max(rows // 40, 1), 0)) * 4
    hue = 1 + rng.uniform(0, 0.5) * (light / max(float(luminance(light)), 1.0) - 1)
    return np.clip((tone * shade)[..., None] * hue, 0, 255).astype(np.float32), cover[..., None].astype(np.float32)


def haze(rng: np.random.Generator, img: np.ndarray) -> Layer:
    """A veil over the whole width, thickest at one height, without an outline."""
    rows = img.shape[0]
    height = np.arange(rows, dtype=np.float32)[:, None] / rows
    veil = np.exp(-(((height - rng.uniform(0.2, 1.0)) / rng.uniform(0.1, 0.6)) ** 2)) * rng.uniform(0.1, 0.6)
    colour = air_light(img) * rng.uniform(0.75, 1.05)
    cover = np.broadcast_to(veil, img.shape[:2])[..., None]
    return np.clip(colour, 0, 255).astype(np.float32), cover.astype(np.float32)


def fog(rng: np.random.Generator, img: np.ndarray) -> Layer:
    """A bank of fog from one border to the other, with an uneven upper rim."""
    rows, columns = img.shape[:2]
    height = np.arange(rows, dtype=np.float32)[:, None] / rows
    rim = (fractal_noise(rng, (1, columns), int(rng.integers(2, 6)), 4)[0] - 0.5) * rng.uniform(0, 0.3)
    share = np.clip((height - rng.uniform(0.35, 0.9) - rim[None]) / rng.uniform(0.05, 0.4), 0, 1)
    share = share * (0.75 + 0.5 * fractal_noise(rng, (rows, columns), 4))
    light = air_light(img)
    colour = luminance(light) + rng.uniform(0, 0.5) * (light - luminance(light))
    colour = colour * rng.uniform(0.8, 1.0)
    cover = np.clip(share * rng.uniform(0.3, 0.95), 0, 1)[..., None]
    return colour.astype(np.float32), cover.astype(np.float32)


def glare(rng: np.random.Generator, img: np.ndarray) -> Layer:
    """Light of the sun in the lens: a halo, a streak or round ghosts, added to the frame."""
    rows, columns = img.shape[:2]
    y, x = np.ogrid[:rows, :columns]
    x, y = (x / columns).astype(np.float32), (y / rows).astype(np.float32)
    x0, y0 = rng.uniform(-0.2, 1.2), rng.uniform(-0.3, 0.7)
    light = np.exp(-np.hypot(x - x0, y - y0) / rng.uniform(0.08, 0.4)) * rng.uniform(0.2, 0.9)
    if rng.random() < 0.5:
        angle, width = rng.uniform(0, np.pi), rng.uniform(0.01, 0.05)
        across = (x - x0) * np.sin(angle) - (y - y0) * np.cos(angle)
        light = light + np.exp(-((across / width) ** 2)) * rng.uniform(0.1, 0.4)
    for _ in range(int(rng.integers(0, 4))):
        radius, far = rng.uniform(0.02, 0.08), rng.uniform(0.3, 1.5)
        distance = np.hypot(x - x0 - far * (0.5 - x0), y - y0 - far * (0.5 - y0))
        light = light + np.clip((radius - distance) / 0.01, 0, 1) * rng.uniform(0.05, 0.25)
    tint = np.array([rng.uniform(0.75, 1), rng.uniform(0.85, 1), 1], np.float32)
    return np.full(3, _WHITE, np.float32), np.clip(light, 0, 1).astype(np.float32)[..., None] * tint


def dirt(rng: np.random.Generator, img: np.ndarray) -> Layer:
    """Drops and dust on the lens: round spots, out of focus, a little brighter or darker than what they cover."""
    rows, columns = img.shape[:2]
    y, x = np.ogrid[:rows, :columns]
    cover = np.zeros((rows, columns), np.float32)
    for _ in range(int(rng.integers(1, 6))):
        radius = rng.uniform(0.01, 0.07) * rows
        distance = np.hypot(x - rng.uniform(0, columns), (y - rng.uniform(0, rows)) * rng.uniform(0.8, 1.25))
        cover = np.maximum(cover, np.clip((radius - distance) / (radius * rng.uniform(0.2, 0.8)), 0, 1))
    soft = cv2.GaussianBlur(img, (0, 0), rows / 40)
    spot = np.clip(soft * rng.uniform(0.6, 1.25) + rng.uniform(-10, 25), 0, 255)
    return spot.astype(np.float32), (cover * rng.uniform(0.2, 0.7)).astype(np.float32)[..., None]


LOOKALIKES: dict[str, Callable[[np.random.Generator, np.ndarray], Layer]] = {
    'cloud': cloud,
    'haze': haze,
    'fog': fog,
    'glare': glare,
    'dirt': dirt,
}
"""Look-alikes by name. Glare and dirt belong to the lens and lie before everything; the others lie behind a plume."""

LENS = frozenset({'glare', 'dirt'})
"""Those that belong to the lens."""

CHANCES: dict[str, float] = {'cloud': 0.45, 'haze': 0.2, 'fog': 0.1, 'glare': 0.15, 'dirt': 0.1}
"""How often each look-alike is drawn."""


def draw_lookalike(rng: np.random.Generator, chances: Mapping[str, float] = CHANCES) -> str:
    """Name of a look-alike, drawn by its chance."""
    names = list(chances)
    shares = np.array([chances[name] for name in names], float)
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def lay(img: np.ndarray, layer: Layer) -> np.ndarray:
    """``(1 - cover) * img + cover * colour``: float32 (H, W, 3)."""
    colour, cover = layer
    return img + cover * (colour - img)
