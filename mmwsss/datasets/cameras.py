"""What of a fixed camera's view does not count: a file with a picture or polygons for each camera.

::

    north:                                 # the camera: the pictures' folder, or --camera
      mask: north_ignored.png              # white (not 0) is left out; beside the file
    south:
      polygons:                            # corners x, y as shares of width and height
        sky text: [[0, 0], [1, 0], [1, 0.06], [0, 0.06]]
        own steam: [[0.6, 0.2], [0.7, 0.2], [0.7, 0.5], [0.6, 0.5]]
    west:
      size: [1920, 1080]                   # width, height: corners are pixels of it
      polygons:
        road: [[0, 1000], [1920, 900], [1920, 1080], [0, 1080]]
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from mmwsss.datasets.picture_files import BadPictureError
from mmwsss.datasets.pictures import read_picture
from mmwsss.utils.errors import InputError, MissingFileError

_KEYS = ('mask', 'polygons', 'size')


class CameraMasks:
    """Which pixels of which camera's frames are left out.

    Args:
        path: The YAML file; see the module.

    Attributes:
        cameras: Names of the cameras that have some.
        fingerprint: Names the content of the file and of the pictures that it names.

    Raises:
        FileNotFoundError: If the file or a picture is missing.
        ValueError: If the file is not as it must be; names the camera and what is wrong.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        content = self._read()
        digest = hashlib.sha256()
        self._masks: dict[str, np.ndarray] = {}
        self._polygons: dict[str, list[np.ndarray]] = {}
        for name, settings in content.items():
            self._add(str(name), settings)
        for name in sorted(self.cameras):
            digest.update(name.encode())
            for array in (*self._polygons.get(name, ()), self._masks.get(name, np.zeros(0))):
                digest.update(f'{array.shape}'.encode() + array.tobytes())
        self.fingerprint = digest.hexdigest()[:16]
        self._kept: dict[tuple[str, tuple[int, int]], np.ndarray] = {}

    @property
    def cameras(self) -> set[str]:
        """See above."""
        return {*self._masks, *self._polygons}

    def _read(self) -> Mapping[Any, Any]:
        if not self.path.is_file():
            raise MissingFileError(f'Expected a file of cameras in {self.path}, but there is no such file.')
        try:
            content = yaml.safe_load(self.path.read_text(encoding='utf-8-sig'))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f'Expected YAML in {self.path}, but {" ".join(str(error).split())}') from error
        if not isinstance(content, Mapping) or not content:
            raise InputError(f'Expected cameras by name in {self.path}, but got {type(content).__name__}.')
        return content

    def _add(self, name: str, settings: Any) -> None:
        where = f'the camera {name!r} of {self.path}'
        if not isinstance(settings, Mapping) or not set(settings) <= set(_KEYS):
            got = sorted(map(str, settings)) if isinstance(settings, Mapping) else repr(settings)
            raise InputError(f'Expected {", ".join(_KEYS)} for {where}, but got {got}.')
        if not {'mask', 'polygons'} & set(settings):
            raise InputError(f'Expected a mask or polygons for {where}, but it has neither.')
        if 'mask' in settings:
            self._masks[name] = self._read_mask(settings['mask'], where)
        if 'polygons' in settings:
            size = self._size(settings.get('size'), where)
            self._polygons[name] = [
                _corners(corners, size, f'the polygon {key!r} of {where}')
                for key, corners in _named(settings['polygons'], where).items()
            ]
        elif 'size' in settings:
            raise InputError(f'Expected size beside polygons for {where}, but it has a mask alone.')

    def _read_mask(self, name: Any, where: str) -> np.ndarray:
        path = self.path.parent / str(name)
        if not path.is_file():
            raise MissingFileError(f'Expected the mask {path} of {where}, but there is no such file.')
        try:
            return read_picture(path).max(2) > 0
        except BadPictureError as error:
            raise InputError(f'Expected a picture as the mask of {where}: {error}') from error

    @staticmethod
    def _size(size: Any, where: str) -> tuple[float, float]:
        if size is None:
            return 1.0, 1.0
        good = isinstance(size, Sequence) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size)
        if not good:
            raise InputError(f'Expected size: [width, height] in pixels for {where}, but got {size!r}.')
        return float(size[0]), float(size[1])

    def ignored(self, camera: str, shape: tuple[int, int]) -> np.ndarray | None:
        """The pixels to leave out.

        Args:
            camera: Name of the camera.
            shape: Height and width of its frame.

        Returns:
            np.ndarray: bool (H, W); None for a camera without an entry.

        Raises:
            ValueError: If the mask's picture has other proportions than the frame.
        """
        if camera not in self.cameras:
            return None
        key = (camera, (int(shape[0]), int(shape[1])))
        if key not in self._kept:
            if len(self._kept) > 64:  # cameras that change their size all the time
                self._kept.clear()
            self._kept[key] = self._paint(*key)
        return self._kept[key]

    def _paint(self, camera: str, shape: tuple[int, int]) -> np.ndarray:
        height, width = shape
        ignored: np.ndarray = np.zeros(shape, np.uint8)
        mask = self._masks.get(camera)
        if mask is not None:
            if abs(mask.shape[1] / mask.shape[0] * height / width - 1) > 0.02:
                raise InputError(
                    f'Expected a mask of the proportions of the frames, {width} x {height}, for the camera {camera!r} '
                    f'of {self.path}, but got {mask.shape[1]} x {mask.shape[0]}.'
                )
            ignored = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        for corners in self._polygons.get(camera, ()):
            pixels = np.round(corners * (width, height) - 0.5).astype(np.int32)
            cv2.fillPoly(ignored, [pixels], 1)
        return ignored.astype(bool)


def _named(polygons: Any, where: str) -> dict[str, Any]:
    if isinstance(polygons, Mapping):
        return {str(key): value for key, value in polygons.items()}
    if isinstance(polygons, Sequence) and not isinstance(polygons, str):
        return {str(number): corners for number, corners in enumerate(polygons, 1)}
    raise InputError(f'Expected polygons by name, or a list of them, for {where}, but got {polygons!r}.')


def _corners(corners: Any, size: tuple[float, float], where: str) -> np.ndarray:
    """float64 (n, 2), shares of width and height."""
    try:
        points = np.asarray(corners, np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < 3:
        raise InputError(f'Expected at least three corners [x, y] for {where}, but got {corners!r}.')
    shares = points / size
    if not ((shares >= 0) & (shares <= 1)).all():
        what = 'shares in [0, 1] (or pixels, with size: [width, height])' if size == (1, 1) else 'pixels inside size'
        worst = points[((shares < 0) | (shares > 1)).any(1)][0].tolist()
        raise InputError(f'Expected corners as {what} for {where}, but got {worst}.')
    return shares
