"""One image's class activation maps on disk."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write


@dataclass
class CamFile:
    """Class activation maps of the classes of one image.

    Attributes:
        cam: float32 (n, H, W) in [0, 1], fused and unrefined, at the picture's size.
        raw_max: float32 (n,), the maximum of each map before normalisation.
        classes: int64 (n,), ascending indices of the classes of the maps.
    """

    cam: np.ndarray
    raw_max: np.ndarray
    classes: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write a compressed ``.npz`` atomically; maps are kept as float16 (their step is below 0.0005)."""
        with atomic_write(path, 'wb') as handle:
            np.savez_compressed(
                handle,
                cam=self.cam.astype(np.float16),
                raw_max=self.raw_max,
                classes=np.asarray(self.classes, np.int64),
            )

    @classmethod
    def load(cls, path: str | Path) -> CamFile:
        """Read a file that :meth:`save` wrote.

        Raises:
            ValueError: If the file is no such file, or of an older version, whose maps were of all classes; names it.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(data['cam'].astype(np.float32), data['raw_max'], data['classes'])
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f'Expected a CAM file with cam, raw_max and classes in {path}, but {error}') from error
