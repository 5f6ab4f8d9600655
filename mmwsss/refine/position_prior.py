"""Where in a picture a class is, as the class maps of many pictures say."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.refine.maximum import scaled_to_maximum
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write

PRIOR_FILE = 'position_prior.npz'
"""What make_pseudo calls it in its output folder."""


def save_position_prior(path: str | Path, prior: np.ndarray, classes: Sequence[str]) -> None:
    """Write what :class:`PositionPrior` reads.

    Args:
        path: The ``.npz``.
        prior: float (K, s, s) in [0, 1].
        classes: Names of the K classes.
    """
    with atomic_write(path, 'wb') as handle:
        np.savez_compressed(handle, prior=prior.astype(np.float32), classes=np.array(list(classes), dtype=np.str_))


@TRANSFORMS.register_module()
class PositionPrior(BaseTransform):
    r"""Weigh the maps by where in the picture their classes mostly are.

    The map of class k becomes :math:`M_k P_k^\gamma`, scaled to the maximum that it had, where :math:`P_k` is the mean
    of the maps of the training images that show k, divided by its maximum (:func:`~mmwsss.apis.position_prior`): no
    mask is read. It says something where things have their place, as in pictures of people who stand upright, and
    little where pictures are crops from anywhere.

    Required Keys:

    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps

    Modified Keys:

    - cam: float32 (n, H, W) in [0, 1]

    Args:
        file: ``position_prior.npz`` as make_pseudo writes it into its output folder. None: make_pseudo fills it in.
        exponent: :math:`\gamma`; 0 changes nothing.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no file, it holds something else, its classes are others, or the exponent is negative.
    """

    def __init__(self, file: str | Path | None = None, exponent: float = 3.0) -> None:
        if exponent < 0:
            raise InputError(f'Expected exponent >= 0, but got {exponent}.')
        if file is None:
            raise InputError(
                'Expected file, the position_prior.npz that make_pseudo writes into its output folder, but got none: '
                'the config makes it from pseudo.position_prior, or position_prior_file=... names one.'
            )
        if not Path(file).is_file():
            raise MissingFileError(f'Expected the position prior in {file}, but there is no such file.')
        try:
            with np.load(file, allow_pickle=False) as data:
                self.prior, self.classes = data['prior'], tuple(str(name) for name in data['classes'])
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f'Expected a position prior (prior, classes) in {file}, but {error}') from error
        self.file, self.exponent = file, exponent

    def check_classes(self, classes: Sequence[str]) -> None:
        """Refuse the prior of other classes."""
        if tuple(classes) != self.classes:
            raise InputError(f'Expected a position prior of {list(classes)}, but {self.file} has {list(self.classes)}.')

    def transform(self, results: dict) -> dict:
        """Weigh."""
        cam = results['cam']
        height, width = cam.shape[1:]
        weighted = np.empty_like(cam)
        for number, k in enumerate(results['classes']):
            prior = cv2.resize(self.prior[k], (width, height), interpolation=cv2.INTER_LINEAR)
            weighted[number] = cam[number] * prior**self.exponent
        results['cam'] = scaled_to_maximum(weighted, cam.max((1, 2))) if len(cam) else cam
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(file={str(self.file)!r}, exponent={self.exponent})'
