"""Generated scenes of several classes, each with a surrounding that it mostly comes with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import BaseDataset

from mmwsss.datasets.metainfo import palette
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError

CLASSES = ('boat', 'car', 'tree', 'kite')
CONTEXTS = ('water', 'road', 'grass', 'cloud')
"""What each class mostly comes with."""

_CONTEXT_COLOURS = ((60, 110, 190), (95, 95, 100), (80, 150, 60), (215, 220, 228))
_OBJECT_COLOURS = ((200, 50, 40), (225, 190, 40), (20, 70, 35), (190, 50, 170))


@dataclass
class ShapesScene:
    """One generated scene.

    Attributes:
        img: uint8 RGB (S, S, 3) in [0, 255].
        objects: uint8 (S, S), 0 background, k + 1 class k.
        contexts: uint8 (S, S), k + 1 where the surrounding of class k is, parts behind objects left out.
    """

    img: np.ndarray
    objects: np.ndarray
    contexts: np.ndarray


def _polygon(points: list[tuple[float, float]]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Inside test of a convex polygon, in coordinates of the object in [-1, 1], y downwards, clockwise."""

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        result = np.ones(x.shape, bool)
        for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1]):
            result &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
        return result

    return inside


def _disc(cx: float, cy: float, radius: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda x, y: (x - cx) ** 2 + (y - cy) ** 2 <= radius**2


_PARTS = (  # a boat's hull and sail; a car's body, cabin and wheels; a tree's trunk and crown; a kite and its bar
    (_polygon([(-0.9, 0.3), (0.9, 0.3), (0.6, 0.8), (-0.6, 0.8)]), _polygon([(0.0, -0.9), (0.7, 0.2), (0.0, 0.2)])),
    (
        _polygon([(-0.95, 0.0), (0.95, 0.0), (0.95, 0.5), (-0.95, 0.5)]),
        _polygon([(-0.4, -0.45), (0.4, -0.45), (0.65, 0.0), (-0.6, 0.0)]),
        _disc(-0.5, 0.5, 0.25),
        _disc(0.5, 0.5, 0.25),
    ),
    (_polygon([(-0.12, 0.1), (0.12, 0.1), (0.12, 0.95), (-0.12, 0.95)]), _disc(0.0, -0.25, 0.6)),
    (_polygon([(0.0, -0.95), (0.6, -0.2), (0.0, 0.95), (-0.6, -0.2)]),
     _polygon([(-0.6, -0.25), (0.6, -0.25), (0.6, -0.12), (-0.6, -0.12)])),
)  # fmt: skip


def _noise(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """A smooth random field in about [-1, 1]."""
    grid = rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)


def generate_shapes(
    seed: int,
    index: int,
    size: int,
    labels: np.ndarray,
    context_given: float,
    context_without: float,
    colour_hint: float = 0.0,
) -> ShapesScene:
    """Paint one scene; the same arguments give the same picture.

    Args:
        seed: Seed of the data set.
        index: Number of the scene.
        size: Side S in pixels.
        labels: Classes of the objects in the scene.
        context_given: Chance of a class's surrounding where the class is, in [0, 1].
        context_without: Chance of it where the class is not, in [0, 1].
        colour_hint: How much the colour of an object says about its class, from 0 (nothing) to 1 (everything).
    """
    rng = np.random.default_rng([seed, index])
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    y, x = np.meshgrid(axis, axis, indexing='ij')
    ground = np.array([rng.uniform(120, 170), rng.uniform(100, 140), rng.uniform(80, 120)], np.float32)
    img = ground + 18 * _noise(rng, size, 6)[..., None]
    contexts, objects = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    chances = np.where(np.isin(np.arange(len(CLASSES)), labels), context_given, context_without)
    present = np.flatnonzero(rng.random(len(CLASSES)) < chances)
    places = _paint_contexts(rng, img, contexts, rng.permutation(present), y)
    for label in rng.permutation(labels):
        half = rng.uniform(0.14, 0.22)
        low, high = np.clip(places.get(int(label), (0.0, 1.0)), half, 1 - half)  # the whole object is in the picture
        centre_y = rng.uniform(low, high)
        across = (x - rng.uniform(half, 1 - half)) / half
        _paint_object(rng, img, objects, int(label), across, (y - centre_y) / half, colour_hint)
    contexts[objects > 0] = 0
    img = img * rng.uniform(0.85, 1.15) + rng.normal(0, rng.uniform(2, 6), img.shape)
    return ShapesScene(np.clip(img, 0, 255).astype(np.uint8), objects, contexts)


def _paint_contexts(
    rng: np.random.Generator, img: np.ndarray, contexts: np.ndarray, order: np.ndarray, y: np.ndarray
) -> dict[int, tuple[float, float]]:
    """Bands from top to bottom, with bare ground between; gives the rows of each."""
    size = len(img)
    places: dict[int, tuple[float, float]] = {}
    edges = np.linspace(0, 1, len(order) + 1) if len(order) else np.zeros(0)
    for label, top, bottom in zip(order, edges[:-1], edges[1:]):
        space = (bottom - top) * rng.uniform(0.0, 0.3)
        low = top + space * rng.random()
        high = bottom - (space - (low - top))
        band = (y + 0.02 * _noise(rng, size, 5) >= low) & (y < high)
        colour = np.array(_CONTEXT_COLOURS[label], np.float32) + rng.normal(0, 12, 3).astype(np.float32)
        waves = np.sin(y * size * rng.uniform(0.5, 1.2)) if CONTEXTS[label] == 'water' else 0.0
        texture = 14 * _noise(rng, size, 12) + 10 * waves
        img[band] = (colour + texture[..., None])[band]
        contexts[band] = label + 1
        places[int(label)] = (float(low), float(high))
    return places


def _paint_object(
    rng: np.random.Generator,
    img: np.ndarray,
    objects: np.ndarray,
    label: int,
    x: np.ndarray,
    y: np.ndarray,
    colour_hint: float,
) -> None:
    """Parts of one object: each a mixture of a random colour and of its class's."""
    typical = np.array(_OBJECT_COLOURS[label])
    mirror = rng.choice((-1, 1))
    for part in _PARTS[label]:
        inside = part(mirror * x, y)
        img[inside] = (1 - colour_hint) * rng.uniform(20, 235, 3) + colour_hint * typical
        objects[inside] = label + 1


@DATASETS.register_module()
class ShapesScenes(BaseDataset):
    """Generated scenes of boats, cars, trees and kites with exact masks of objects and of their surroundings.

    Water is mostly there where a boat is, and seldom where none is: a classifier is free to learn the water. With
    ``colour_hint`` 0 objects have random colours, and their shape is the only sure sign of the class: too hard for
    small networks that learn from scratch on a few hundred scenes. Deterministic in (seed, index); no files. Train with
    the bias 0.9 / 0.1, test with 0.5 / 0.5.

    An item has ``img`` (uint8 BGR (S, S, 3)), ``gt_label``, ``gt_score``, a made-up ``img_path``, and, in
    ``test_mode`` alone, ``gt_seg_map`` and ``context_map`` (uint8 (S, S), k + 1 where class k or its surrounding is).

    Args:
        num_images: Number of scenes.
        img_size: Side S in pixels.
        seed: Seed; give training and test sets different ones.
        presence: Chance of each class in a scene, in [0, 1]; some scenes have none.
        context_given: Chance of a class's surrounding where the class is.
        context_without: Chance of it where the class is not.
        colour_hint: How much an object's colour says about its class, in [0, 1].
        **kwargs: Of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ValueError: If a chance is outside [0, 1] or a number is not positive.
    """

    METAINFO = {'classes': CLASSES, 'palette': palette(len(CLASSES)), 'context_by_class': True}

    def __init__(
        self,
        num_images: int,
        img_size: int = 96,
        seed: int = 0,
        presence: float = 0.35,
        context_given: float = 0.9,
        context_without: float = 0.1,
        colour_hint: float = 0.7,
        **kwargs: Any,
    ) -> None:
        chances = {
            'presence': presence,
            'context_given': context_given,
            'context_without': context_without,
            'colour_hint': colour_hint,
        }
        for name, value in chances.items():
            if not 0 <= value <= 1:
                raise InputError(f'Expected {name} in [0, 1], but got {value}.')
        for name, number in {'num_images': num_images, 'img_size': img_size}.items():
            if number < 1:
                raise InputError(f'Expected {name} >= 1, but got {number}.')
        self.num_images, self.img_size, self.seed, self.presence = num_images, img_size, seed, presence
        self.look = (context_given, context_without, colour_hint)
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Names and labels of the scenes; which classes they show follows from the seed."""
        shown = np.random.default_rng([self.seed, 2**32]).random((self.num_images, len(CLASSES))) < self.presence
        return [
            {
                'img_path': f'shapes_{index:06d}.png',
                'scene_index': index,
                'gt_label': np.flatnonzero(row),
                'gt_score': row.astype(np.float32),
            }
            for index, row in enumerate(shown)
        ]

    def scene(self, idx: int) -> ShapesScene:
        """Paint the scene of one item."""
        info = super().get_data_info(idx)
        return generate_shapes(self.seed, info['scene_index'], self.img_size, info['gt_label'], *self.look)

    def get_data_info(self, idx: int) -> dict:
        """The item with its picture and, in test mode, its masks."""
        info, scene = super().get_data_info(idx), self.scene(idx)
        info['img'] = np.ascontiguousarray(scene.img[..., ::-1])
        if self.test_mode:
            info['gt_seg_map'], info['context_map'] = scene.objects, scene.contexts
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class indices of one scene; empty without any object."""
        return super().get_data_info(idx)['gt_label'].tolist()
