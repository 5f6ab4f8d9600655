"""Views of an image whose patches correspond by an invertible map of positions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsss.utils.errors import InputError


class View(ABC):
    """A changed copy of an image, and which of its patches are which of the image's.

    Args:
        patch_size: Side of a patch in pixels.
    """

    def __init__(self, patch_size: int) -> None:
        if patch_size < 1:
            raise InputError(f'Expected patch_size >= 1, but got {patch_size}.')
        self.patch_size = patch_size

    @abstractmethod
    def images(self, inputs: Tensor) -> Tensor:
        """The view of images (B, 3, H, W)."""

    def grid(self, grid: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the view's patches, given the image's."""
        return grid

    @abstractmethod
    def compare_first(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The image's attention (B, N) and (B, N, N), at the positions that are compared."""

    @abstractmethod
    def compare_second(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The view's attention, in the order of :meth:`compare_first`."""


def _take(vector: Tensor, matrix: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    index = index.to(vector.device)
    return vector[:, index], matrix[:, index][:, :, index]


def _numbers(grid: tuple[int, int]) -> Tensor:
    return torch.arange(grid[0] * grid[1]).view(grid)


class Rearranged(View):
    """A view that only moves patches: what happens to the picture happens to the grid.

    Args:
        patch_size: Side of a patch in pixels.
        move: Moves the last two dimensions of a tensor.
    """

    def __init__(self, patch_size: int, move: Callable[[Tensor], Tensor]) -> None:
        super().__init__(patch_size)
        self.move = move

    def images(self, inputs: Tensor) -> Tensor:
        """The view of images (B, 3, H, W)."""
        return self.move(inputs)

    def grid(self, grid: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the view's patches."""
        rows, columns = self.move(_numbers(grid)).shape
        return rows, columns

    def positions(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Numbers of the image's patches (n,), and of the view's patches that show the same (n,)."""
        moved = self.move(_numbers(grid)).flatten()  # which patch of the image lies at each place of the view
        return torch.arange(moved.numel()), moved.argsort()

    def compare_first(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The image's attention as it is."""
        return vector, matrix

    def compare_second(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The view's attention, moved back."""
        return _take(vector, matrix, self.positions(grid)[1])


class CropShift(View):
    """The picture moved by whole patches, what moves in being black; only what both show is compared.

    Args:
        patch_size: Side of a patch in pixels.
        rows: Patches by which it moves down (negative: up).
        columns: Patches by which it moves to the right.
    """

    def __init__(self, patch_size: int, rows: int = 1, columns: int = 1) -> None:
        super().__init__(patch_size)
        self.rows, self.columns = rows, columns

    def images(self, inputs: Tensor) -> Tensor:
        """The view of images (B, 3, H, W)."""
        down, right = self.rows * self.patch_size, self.columns * self.patch_size
        return F.pad(inputs, (right, -right, down, -down))

    def positions(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Numbers of the patches that both show: in the image (n,), and in the view (n,)."""
        if abs(self.rows) >= grid[0] or abs(self.columns) >= grid[1]:
            raise ValueError(f'Expected a shift inside the grid {grid}, but got {(self.rows, self.columns)}.')
        numbers = _numbers(grid)
        height, width = grid[0] - abs(self.rows), grid[1] - abs(self.columns)

        def window(top: int, left: int) -> Tensor:
            return numbers[top : top + height, left : left + width].flatten()

        first = window(max(-self.rows, 0), max(-self.columns, 0))
        return first, window(max(self.rows, 0), max(self.columns, 0))

    def compare_first(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The image's attention, at the patches that both show."""
        return _take(vector, matrix, self.positions(grid)[0])

    def compare_second(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The view's attention, at the same patches."""
        return _take(vector, matrix, self.positions(grid)[1])


class Downscale(View):
    """The picture at a whole fraction of its size; the image's patches are joined to compare.

    Attention **to** a group of patches is the sum, attention **from** it the mean.

    Args:
        patch_size: Side of a patch in pixels.
        factor: 2 is half the size.
    """

    def __init__(self, patch_size: int, factor: int = 2) -> None:
        super().__init__(patch_size)
        if factor < 2:
            raise InputError(f'Expected factor >= 2, but got {factor}.')
        self.factor = factor

    def images(self, inputs: Tensor) -> Tensor:
        """The view of images (B, 3, H, W)."""
        size = tuple(side // self.factor for side in inputs.shape[2:])
        return F.interpolate(inputs, size=size, mode='bilinear', align_corners=False, antialias=True)

    def grid(self, grid: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the view's patches."""
        if grid[0] % self.factor or grid[1] % self.factor:
            raise InputError(f'Expected a grid that {self.factor} divides, but got {grid}.')
        return grid[0] // self.factor, grid[1] // self.factor

    def compare_first(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The image's attention, patches joined to the view's grid."""
        coarse = _numbers(self.grid(grid))
        group = coarse.repeat_interleave(self.factor, 0).repeat_interleave(self.factor, 1).flatten()
        assign = F.one_hot(group, coarse.numel()).to(matrix)
        return vector @ assign, (assign / assign.sum(0)).T @ matrix @ assign

    def compare_second(self, vector: Tensor, matrix: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The view's attention as it is."""
        return vector, matrix


VIEWS: dict[str, Callable[..., View]] = {
    'hflip': partial(Rearranged, move=lambda values: values.flip(-1)),  # the published one
    'vflip': partial(Rearranged, move=lambda values: values.flip(-2)),
    'rot90': partial(Rearranged, move=lambda values: values.rot90(1, (-2, -1))),
    'crop_shift': CropShift,
    'scale': Downscale,
}
"""Every view by its name."""


def build_view(view: str | dict, patch_size: int) -> View:
    """A view by its name, or by a dict of name (``type``) and arguments.

    Raises:
        ValueError: If the name is unknown.
    """
    settings = {'type': view} if isinstance(view, str) else dict(view)
    name = settings.pop('type')
    if name not in VIEWS:
        raise InputError(f'Expected a view of {list(VIEWS)}, but got {name!r}.')
    return VIEWS[name](patch_size, **settings)
