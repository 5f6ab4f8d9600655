"""Objects pasted into images without their class, so that they no longer come with their surroundings."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.objects import CutRules, cut_objects
from mmwsss.datasets.transforms.paste_plume import add_label, lacks_class
from mmwsss.datasets.transforms.seeded import SeededTransform
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError

_EDGE = (0.05, 0.5)  # opacities between which a pixel of the soft edge is neither object nor background


@TRANSFORMS.register_module()
class PasteObjects(SeededTransform):
    """Context decoupling (Su et al., ICCV 2021): a class's object, cut by its pseudo mask, in an image without it.

    By a chance an image gets one object of a class that its label lacks: flipped, turned a little, shrunk, blended in
    with a soft edge at a place where all of it is seen. Only objects of their own image's label are cut, where the mask
    is sure (:class:`~mmwsss.datasets.objects.CutRules`). Against the published form: soft edges, an ignore band, and
    decoys: a patch of the **same image**, cut along an object's outline, changes no label, so that a seam does not give
    the class away.

    What an image gets depends on (seed, epoch, image) alone; the epoch comes from
    :class:`~mmwsss.engine.hooks.SetEpochHook`. Put it behind crops and resizing.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - gt_label: class indices of the image
    - sample_idx
    - gt_score, gt_seg_map (optional)

    Modified Keys:

    - img
    - gt_label, gt_score: with the object's class; unchanged by a decoy
    - gt_seg_map: class index + 1 on the object, the ignore label on its soft edge; under a decoy what was copied

    Added Keys, where an object was pasted:

    - object_matte: float32 (H, W) in [0, 1], its opacity

    Args:
        pseudo_root: Output folder of ``make_pseudo``.
        prob: Chance that an image gets anything.
        decoy_prob: Chance that this is a decoy.
        size: Range of the object's longer side, share of the frame's shorter one; an object is never enlarged.
        rotation: Largest turn, degrees to either side.
        edge: Standard deviation of the soft edge, pixels.
        classes: Names of the classes that are cut; None: all.
        rules: Arguments of :class:`~mmwsss.datasets.objects.CutRules`.
        seed: Of :class:`~mmwsss.datasets.transforms.seeded.SeededTransform`.

    Raises:
        FileNotFoundError: If the folder holds no finished run.
        ValueError: If a number is out of range or nothing can be cut.
    """

    def __init__(
        self,
        pseudo_root: str,
        prob: float = 0.5,
        decoy_prob: float = 0.25,
        size: tuple[float, float] = (0.2, 0.7),
        rotation: float = 15.0,
        edge: float = 1.2,
        classes: Sequence[str] | None = None,
        rules: dict | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        for name, value in {'prob': prob, 'decoy_prob': decoy_prob}.items():
            if not 0 <= value <= 1:
                raise InputError(f'Expected {name} in [0, 1], but got {value}.')
        if not 0 < size[0] <= size[1] <= 1:
            raise InputError(f'Expected size as 0 < low <= high <= 1, but got {size}.')
        if rotation < 0 or edge <= 0:
            raise InputError(f'Expected rotation >= 0 and edge > 0, but got {rotation} and {edge}.')
        self.pseudo_root, self.prob, self.decoy_prob, self.size = pseudo_root, prob, decoy_prob, size
        self.rotation, self.edge = rotation, edge
        objects = cut_objects(pseudo_root, classes, CutRules(**(rules or {})))
        self.objects = {
            index: [o for o in objects if o.class_index == index] for index in {o.class_index for o in objects}
        }

    def transform(self, results: dict) -> dict:
        """Paste, or leave the image as it is."""
        absent = [index for index in sorted(self.objects) if lacks_class(results, index, type(self).__name__)]
        rng = self.generator(results)
        if not absent or rng.random() >= self.prob:
            return results
        index = absent[int(rng.integers(len(absent)))]
        bank = self.objects[index]
        img, mask = self._turned(rng, *bank[int(rng.integers(len(bank)))].read(), min(results['img'].shape[:2]))
        rows, columns = results['img'].shape[:2]
        height, width = mask.shape
        if height > rows or width > columns:
            return results
        top, left = int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1))
        place = (slice(top, top + height), slice(left, left + width))
        if rng.random() < self.decoy_prob:
            self._paste_decoy(rng, results, mask, place)
        else:
            self._paste(results, img, mask, place)
            add_label(results, index)
            results['object_matte'] = np.zeros((rows, columns), np.float32)
            results['object_matte'][place] = mask
            self._relabel(results, mask, place, index + 1)
        return results

    def _turned(
        self, rng: np.random.Generator, img: np.ndarray, mask: np.ndarray, side: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The object flipped, turned and shrunk, with a rim for its edge; mask as opacity, float32 in [0, 1]."""
        if rng.random() < 0.5:
            img, mask = img[:, ::-1], mask[:, ::-1]
        zoom = min(1.0, rng.uniform(*self.size) * side / max(mask.shape))
        angle = rng.uniform(-self.rotation, self.rotation)
        rim = int(np.ceil(3 * self.edge))
        height, width = mask.shape
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, zoom)
        cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
        columns = int(np.ceil(height * sine + width * cosine)) + 2 * rim
        rows = int(np.ceil(height * cosine + width * sine)) + 2 * rim
        matrix[:, 2] += (columns / 2 - width / 2, rows / 2 - height / 2)
        area = cv2.INTER_AREA if zoom < 0.5 else cv2.INTER_LINEAR
        colours = cv2.warpAffine(
            np.ascontiguousarray(img), matrix, (columns, rows), flags=area, borderMode=cv2.BORDER_REPLICATE
        )
        opacity = cv2.warpAffine(np.ascontiguousarray(mask, np.float32), matrix, (columns, rows))
        # the outline of a mask is where it errs most, and what lies outside it belongs to the old surroundings
        opacity = cv2.erode(opacity, np.ones((3, 3), np.uint8))
        return colours, np.clip(cv2.GaussianBlur(opacity, (0, 0), self.edge), 0, 1)

    @staticmethod
    def _paste(results: dict, colours: np.ndarray, opacity: np.ndarray, place: tuple[slice, slice]) -> None:
        img = results['img'].copy()
        under = img[place].astype(np.float32)
        img[place] = (under + opacity[..., None] * (colours - under)).round().astype(np.uint8)
        results['img'] = img

    @staticmethod
    def _relabel(results: dict, opacity: np.ndarray, place: tuple[slice, slice], value: int) -> None:
        if 'gt_seg_map' in results:
            labels = results['gt_seg_map'].copy()
            labels[place][opacity > _EDGE[0]] = IGNORE_LABEL
            labels[place][opacity > _EDGE[1]] = value
            results['gt_seg_map'] = labels

    def _paste_decoy(
        self, rng: np.random.Generator, results: dict, opacity: np.ndarray, place: tuple[slice, slice]
    ) -> None:
        (rows, columns), (height, width) = results['img'].shape[:2], opacity.shape
        top, left = int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1))
        source = (slice(top, top + height), slice(left, left + width))
        self._paste(results, results['img'][source].copy(), opacity, place)
        if 'gt_seg_map' in results:
            copied = results['gt_seg_map'][source].copy()
            labels = results['gt_seg_map'].copy()
            labels[place][opacity > _EDGE[0]] = IGNORE_LABEL
            labels[place][opacity > _EDGE[1]] = copied[opacity > _EDGE[1]]
            results['gt_seg_map'] = labels

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(pseudo_root={self.pseudo_root!r}, prob={self.prob}, decoy_prob={self.decoy_prob}, '
            f'size={self.size}, rotation={self.rotation}, edge={self.edge}, seed={self.seed})'
        )
