"""Objects that are cut out of images along their pseudo masks, where the masks are reliable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmwsss.datasets.pictures import read_mask, read_picture
from mmwsss.structures import Manifest
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import read_json


@dataclass(frozen=True)
class CutRules:
    """Which objects of pseudo masks are cut out.

    Attributes:
        area: Smallest and largest share of the image that the class covers (the published ones: 0.1 and 0.7).
        solidity: Smallest share of its convex hull that the object fills: a torn mask is no object.
        main_part: Smallest share of the class's pixels that lie in the largest piece.
        single_class: Cut only from images whose label has one class: there the mask cannot mix two (published).
    """

    area: tuple[float, float] = (0.03, 0.7)
    solidity: float = 0.6
    main_part: float = 0.7
    single_class: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.area[0] < self.area[1] <= 1:
            raise InputError(f'Expected area as 0 <= low < high <= 1, but got {self.area}.')
        for name in ('solidity', 'main_part'):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f'Expected {name} in [0, 1], but got {getattr(self, name)}.')

    def accept(self, mask: np.ndarray, value: int) -> tuple[int, int, int, int] | None:
        """Box (top, bottom, left, right) of the largest piece of a class in a mask (H, W), or None if it is unsure."""
        found = (mask == value).astype(np.uint8)
        total = int(found.sum())
        if not total or not self.area[0] <= total / found.size <= self.area[1]:
            return None
        _, pieces, figures, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
        largest = 1 + int(figures[1:, cv2.CC_STAT_AREA].argmax())
        left, top, width, height, area = figures[largest]
        if area < self.main_part * total:
            return None
        piece = (pieces[top : top + height, left : left + width] == largest).astype(np.uint8)
        outlines = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        hull = cv2.convexHull(np.concatenate(outlines))
        filled = cv2.fillConvexPoly(np.zeros_like(piece), hull, 1).sum()
        if piece.sum() < self.solidity * filled:
            return None
        return int(top), int(top + height), int(left), int(left + width)


@dataclass(frozen=True)
class CutObject:
    """Where one object stands.

    Attributes:
        img_path: Its image.
        mask_path: The pseudo mask.
        class_index: Its class; the mask has this plus 1.
        box: (top, bottom, left, right) in pixels, ends exclusive.
    """

    img_path: str
    mask_path: str
    class_index: int
    box: tuple[int, int, int, int]

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """The object's box of the image, uint8 BGR (h, w, 3), and of its largest piece, uint8 (h, w) in {0, 1}."""
        top, bottom, left, right = self.box
        img = read_picture(self.img_path)[top:bottom, left:right, ::-1]
        mask = (read_mask(self.mask_path)[top:bottom, left:right] == self.class_index + 1).astype(np.uint8)
        _, pieces, figures, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        largest = 1 + int(figures[1:, cv2.CC_STAT_AREA].argmax())
        return np.ascontiguousarray(img), (pieces == largest).astype(np.uint8)


def cut_objects(
    pseudo_root: str, classes: Sequence[str] | None = None, rules: CutRules | None = None
) -> list[CutObject]:
    """Objects of one ``make_pseudo`` output folder: of each image's own classes alone, where the mask is sure.

    Args:
        pseudo_root: The output folder (``run.json``, ``manifest.jsonl``, masks).
        classes: Names of the classes that are cut; None: all.
        rules: Which masks are sure.

    Raises:
        FileNotFoundError: If the folder holds no finished run.
        ValueError: If a class is none of the run's, or nothing can be cut.
    """
    root, rules = Path(pseudo_root), rules or CutRules()
    if not (root / 'run.json').is_file():
        raise MissingFileError(f'Expected pseudo masks in {pseudo_root}, but there is no {root / "run.json"}.')
    names = list(read_json(root / 'run.json')['classes'])
    wanted = set(names if classes is None else classes)
    if wanted - set(names):
        raise InputError(f'Expected classes of {names} from {pseudo_root}, but got {sorted(wanted - set(names))}.')
    objects = []
    for record in Manifest(root / 'manifest.jsonl').read().values():
        if record.status != 'ok' or not record.mask_path or (rules.single_class and len(record.labels) != 1):
            continue
        mask_path = root / record.mask_path
        labels = [names.index(label) for label in record.labels if label in wanted]
        if not labels:
            continue
        mask = read_mask(mask_path)
        for index in labels:
            box = rules.accept(mask, index + 1)
            if box is not None:
                objects.append(CutObject(record.img_path, str(mask_path), index, box))
    if not objects:
        raise InputError(f'Expected at least one sure object in {pseudo_root}, but no mask passes {rules}.')
    return objects
