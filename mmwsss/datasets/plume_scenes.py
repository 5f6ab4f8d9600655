"""Generated scenes with smoke plumes, chimneys and look-alikes, whose co-occurrence is a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmwsss.datasets.metainfo import palette
from mmwsss.datasets.plumes import MASK_OPACITY, blend, fractal_noise, puff_density
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError

MIN_CONTRAST = 40.0
"""Grey levels between a plume and what is behind it, where a colour of smoke allows it."""


@dataclass
class Scene:
    """One generated scene.

    Attributes:
        img: uint8 RGB (S, S, 3) in [0, 255].
        plume: bool (S, S), where the plume is.
        chimney: bool (S, S), where chimneys are, hidden parts left out.
    """

    img: np.ndarray
    plume: np.ndarray
    chimney: np.ndarray


class _Painter:
    """Paints one scene, back to front; coordinates are shares of the side, y downwards."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.rng, self.size, self.shape = rng, size, (size, size)
        self.axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.y, self.x = np.meshgrid(self.axis, self.axis, indexing='ij')
        self.img = np.zeros((size, size, 3), np.float32)
        self.chimney = np.zeros((size, size), bool)
        self.horizon = rng.uniform(0.6, 0.85)
        self.roofs: list[tuple[float, float]] = []  # (x, y) of building tops

    def sky(self) -> None:
        rng = self.rng
        top = np.array([rng.uniform(60, 150), rng.uniform(110, 180), rng.uniform(160, 235)], np.float32)
        if rng.random() < 0.35:  # an overcast day
            top = np.full(3, rng.uniform(120, 200), np.float32) + rng.normal(0, 6, 3).astype(np.float32)
        bottom = np.clip(top + rng.uniform(10, 70), 0, 245)
        share = np.clip(self.y / self.horizon, 0, 1)[..., None]
        self.img += top * (1 - share) + bottom * share

    def clouds(self) -> None:
        rng = self.rng
        if rng.random() < 0.75:
            noise = fractal_noise(rng, self.shape, int(rng.integers(2, 5)))
            cover = np.clip((noise - rng.uniform(0.45, 0.62)) * rng.uniform(3, 8), 0, 1)
            cover *= np.clip((self.horizon - self.y) * 6, 0, 1) * rng.uniform(0.4, 0.95)
            self.img = blend(self.img, np.full(3, rng.uniform(165, 250), np.float32), cover)
        if rng.random() < 0.5:  # haze lies on the horizon
            band = np.exp(-(((self.y - self.horizon) / rng.uniform(0.05, 0.2)) ** 2))
            self.img = blend(self.img, np.full(3, rng.uniform(170, 225), np.float32), band * rng.uniform(0.2, 0.7))

    def ground(self) -> None:
        rng = self.rng
        colour = np.array(
            [(95, 105, 60), (120, 100, 75), (110, 110, 110), (70, 90, 60)][int(rng.integers(4))], np.float32
        )
        noise = fractal_noise(rng, self.shape, 8)[..., None]
        below = self.y > self.horizon + 0.02 * (fractal_noise(rng, self.shape, 3)[0] - 0.5)
        self.img[below] = (colour * rng.uniform(0.6, 1.3) * (0.7 + 0.6 * noise))[below]

    def _box(self, x: float, top: float, width: float, bottom: float) -> np.ndarray:
        return (np.abs(self.x - x) <= width / 2) & (self.y >= top) & (self.y <= bottom)

    def buildings(self) -> None:
        rng = self.rng
        for _ in range(int(rng.integers(1, 5))):
            x, width = rng.uniform(0.05, 0.95), rng.uniform(0.08, 0.3)
            top = self.horizon - rng.uniform(0.03, 0.2)
            bottom = self.horizon + rng.uniform(0.0, 0.06)
            wall = self._box(x, top, width, bottom)
            tone = rng.uniform(60, 190)
            self.img[wall] = np.array([tone, tone * rng.uniform(0.85, 1), tone * rng.uniform(0.75, 1)], np.float32)
            if rng.random() < 0.6:  # rows of windows
                rows = np.sin(self.y * rng.uniform(120, 200)) * np.sin(self.x * rng.uniform(120, 200)) > 0.3
                self.img[wall & rows] *= 0.6
            self.roofs.append((x, top))

    def chimneys(self) -> list[tuple[float, float]]:
        rng, tops = self.rng, []
        for _ in range(int(rng.integers(1, 4))):
            x, base = rng.uniform(0.12, 0.88), self.horizon + 0.02
            top = self.horizon - rng.uniform(0.18, 0.42)
            width = rng.uniform(0.03, 0.065)
            taper = width * (0.65 + 0.35 * (self.y - top) / max(base - top, 1e-3))
            stack = (np.abs(self.x - x) <= taper / 2) & (self.y >= top) & (self.y <= base)
            tone = rng.uniform(70, 190)
            colour = np.array([tone, tone * rng.uniform(0.7, 1), tone * rng.uniform(0.65, 1)], np.float32)
            self.img[stack] = colour
            if rng.random() < 0.4:  # a red and white stack
                bands = stack & (np.sin((self.y - top) * rng.uniform(60, 110)) > 0)
                self.img[bands] = np.array([190, 60, 50], np.float32)
            self.img[stack & (self.x > x)] *= 0.85
            self.chimney |= stack
            tops.append((x, top))
        return tops

    def plume(self, x: float, y: float) -> np.ndarray:
        """Smoke from a source: puffs that rise, drift and widen; returns the opacity."""
        rng = self.rng
        length, wind = rng.uniform(0.3, 0.75), rng.uniform(-0.9, 0.9)
        spread, start = rng.uniform(0.12, 0.3), rng.uniform(0.015, 0.03)
        t = np.linspace(0, 1, 36)
        radius = start + spread * t**0.9
        sway = rng.normal(0, 0.12, (len(t), 2)) * radius[:, None]
        centre_x = x + wind * length * t**1.3 + sway[:, 0]
        centre_y = y - length * (1 - 0.5 * abs(wind)) * t**0.8 + sway[:, 1]
        density = puff_density(centre_x, centre_y, radius, radius, 1 - 0.75 * t, (self.axis, self.axis))
        noise = fractal_noise(rng, self.shape, 6)
        alpha = (1 - np.exp(-density * rng.uniform(0.4, 1.2) * (0.35 + 1.3 * noise))) * rng.uniform(0.55, 0.98)
        behind = float((self.img.mean(2) * alpha).sum() / alpha.sum())
        tones = [rng.uniform(200, 250), rng.uniform(120, 190), rng.uniform(35, 90)]  # white, grey, black smoke
        visible = [tone for tone in tones if abs(tone - behind) > MIN_CONTRAST]
        tone = rng.choice(visible or [max(tones, key=lambda tone: abs(tone - behind))])
        shade = tone * (0.85 + 0.3 * fractal_noise(rng, self.shape, 5))
        colour = shade[..., None] * np.array([1, rng.uniform(0.94, 1), rng.uniform(0.88, 1.02)], np.float32)
        self.img = blend(self.img, colour, alpha)
        self.chimney &= alpha < 0.5
        return alpha


def generate_scene(
    seed: int, index: int, size: int, chimney_given_smoke: float, chimney_given_clear: float, smoke: bool
) -> Scene:
    """Paint one scene; the same arguments give the same picture.

    Args:
        seed: Seed of the data set.
        index: Number of the scene.
        size: Side S in pixels.
        chimney_given_smoke: Chance of chimneys in a scene with smoke, in [0, 1].
        chimney_given_clear: Chance of chimneys in a scene without, in [0, 1].
        smoke: Whether there is a plume.
    """
    rng = np.random.default_rng([seed, index])
    painter = _Painter(rng, size)
    painter.sky()
    painter.clouds()
    painter.ground()
    painter.buildings()
    tops = painter.chimneys() if rng.random() < (chimney_given_smoke if smoke else chimney_given_clear) else []
    plume = np.zeros((size, size), bool)
    if smoke:
        # without a chimney the smoke comes from a roof or from the ground beyond the horizon
        sources = tops or [painter.roofs[0] if rng.random() < 0.5 else (rng.uniform(0.15, 0.85), painter.horizon)]
        for source in sources[: 1 + int(rng.random() < 0.3)]:
            plume |= painter.plume(*source) > MASK_OPACITY
    img = painter.img * rng.uniform(0.85, 1.1) + rng.normal(0, rng.uniform(1, 5), painter.img.shape)
    return Scene(np.clip(img, 0, 255).astype(np.uint8), plume, painter.chimney)


@DATASETS.register_module()
class PlumeScenes(BaseDataset):
    """Generated smoke scenes with exact masks of plume and chimney; no files, deterministic in (seed, index).

    Where chimneys nearly always stand beside smoke and seldom without, a classifier is free to learn the chimney: an
    instrument for measuring that. Train with the bias 0.95 / 0.15, test with 0.5 / 0.5.

    An item has ``img`` (uint8 BGR (S, S, 3)), ``gt_label``, ``gt_score``, a made-up ``img_path``, and, in
    ``test_mode`` alone, ``gt_seg_map`` and ``context_map`` (uint8 (S, S), 1 where plume or chimney is).

    Args:
        num_images: Number of scenes.
        img_size: Side S in pixels.
        seed: Seed; give training and test sets different ones.
        smoke: Share of scenes with smoke, in [0, 1].
        chimney_given_smoke: Chance of chimneys given smoke.
        chimney_given_clear: Chance of chimneys given no smoke.
        **kwargs: Of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ValueError: If a chance is outside [0, 1] or a number is not positive.
    """

    METAINFO = {'classes': ('smoke',), 'palette': palette(1), 'context': 'chimney'}

    def __init__(
        self,
        num_images: int,
        img_size: int = 96,
        seed: int = 0,
        smoke: float = 0.5,
        chimney_given_smoke: float = 0.95,
        chimney_given_clear: float = 0.15,
        **kwargs: Any,
    ) -> None:
        chances = {'smoke': smoke, 'chimney_given_smoke': chimney_given_smoke}
        chances['chimney_given_clear'] = chimney_given_clear
        for name, value in chances.items():
            if not 0 <= value <= 1:
                raise InputError(f'Expected {name} in [0, 1], but got {value}.')
        for name, value in {'num_images': num_images, 'img_size': img_size}.items():
            if value < 1:
                raise InputError(f'Expected {name} >= 1, but got {value}.')
        self.num_images, self.img_size, self.seed, self.smoke = num_images, img_size, seed, smoke
        self.bias = (chimney_given_smoke, chimney_given_clear)
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Names and labels of the scenes; which ones smoke follows from the seed."""
        order = np.random.default_rng([self.seed, 2**32]).permutation(self.num_images)
        smoking = set(order[: round(self.smoke * self.num_images)].tolist())
        return [
            {
                'img_path': f'scene_{index:06d}.png',
                'scene_index': index,
                'gt_label': np.zeros(int(index in smoking), np.int64),
                'gt_score': np.array([float(index in smoking)], np.float32),
            }
            for index in range(self.num_images)
        ]

    def scene(self, idx: int) -> Scene:
        """Paint the scene of one item."""
        info = super().get_data_info(idx)
        return generate_scene(self.seed, info['scene_index'], self.img_size, *self.bias, info['gt_label'].size > 0)

    def get_data_info(self, idx: int) -> dict:
        """The item with its picture and, in test mode, its masks."""
        info, scene = super().get_data_info(idx), self.scene(idx)
        info['img'] = np.ascontiguousarray(scene.img[..., ::-1])
        if self.test_mode:
            info['gt_seg_map'] = scene.plume.astype(np.uint8)
            info['context_map'] = scene.chimney.astype(np.uint8)
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class indices of one scene; empty without smoke."""
        return super().get_data_info(idx)['gt_label'].tolist()
