"""What frames say about thresholds without a mask of theirs: counts of pixels, small enough to keep for every frame.

Every count is a share of the frame's pixels, at each of :data:`THRESHOLDS`. A row is one frame and one class.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write

THRESHOLDS = np.arange(1, 100) / 100
"""The T = 99 thresholds; a pixel is in a mask where its score is above one."""
CUTS = (0.05, 0.1, 0.2)
"""Opacities from which on a pixel of a composite may be called smoke."""
_Curves = TypeVar('_Curves', 'FrameCurves', 'CompositeCurves')


def shares_above(score: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Sum over the pixels above each threshold, divided by the number of all pixels.

    Args:
        score: float (m,) or (H, W) in [0, 1].
        weights: Of the same size; None counts pixels.

    Returns:
        np.ndarray: float64 (T,), never growing.
    """
    steps = np.searchsorted(THRESHOLDS, np.asarray(score, np.float64).ravel(), side='left')
    weights = None if weights is None else np.asarray(weights, np.float64).ravel()
    table = np.bincount(steps, weights, len(THRESHOLDS) + 1)
    return table[::-1].cumsum()[::-1][1:] / max(steps.size, 1)


@dataclass
class FrameCurves:
    """Masks of real frames at every threshold.

    Attributes:
        names: Path of each of the N rows.
        blocks: Block of each row; see :class:`~mmwsss.datasets.groups.FrameGroup`.
        classes: int64 (N,), class of each row.
        positive: bool (N,), whether the frame's label has it.
        area: float (N, T), share of pixels above.
        mass: float (N, T), sum of the scores above.
        total: float (N,), mean score.
        both: float (N, T), share of pixels above in two views of the frame, such as it and its mirror image; empty
            (N, 0) where there was one view.
        either: float (N, T), in one or both.
    """

    names: Sequence[str]
    blocks: Sequence[str]
    classes: np.ndarray
    positive: np.ndarray
    area: np.ndarray
    mass: np.ndarray
    total: np.ndarray
    both: np.ndarray
    either: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def only(self, rows: np.ndarray) -> FrameCurves:
        """Some rows: bool (N,) or indices, which may repeat."""
        return _only(self, rows)


@dataclass
class CompositeCurves:
    """Masks of composites, whose smoke is known, and of the same frames without it.

    Attributes:
        names: Path of the frame of each of the N composites.
        blocks: Block of each.
        area: float (N, T), share of pixels above.
        hits: float (N, T, C), those that are smoke, for each of :data:`CUTS`.
        truth: float (N, C), share of pixels that are smoke.
        opacity: float (N,), mean opacity of the smoke from the last cut on.
        clean_area: float (N, T), share of pixels above where the smoke is left out of the frame.
        clean_hits: float (N, T), those of them where the smoke was, from the last cut on.
    """

    names: Sequence[str]
    blocks: Sequence[str]
    area: np.ndarray
    hits: np.ndarray
    truth: np.ndarray
    opacity: np.ndarray
    clean_area: np.ndarray
    clean_hits: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def only(self, rows: np.ndarray) -> CompositeCurves:
        """Some rows: bool (N,) or indices, which may repeat."""
        return _only(self, rows)


def _only(curves: _Curves, rows: np.ndarray) -> _Curves:
    rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
    chosen: dict[str, Any] = {}
    for name in (item.name for item in fields(curves)):
        value = getattr(curves, name)
        chosen[name] = value[rows] if isinstance(value, np.ndarray) else [value[row] for row in rows.tolist()]
    return type(curves)(**chosen)


@dataclass
class FrameCurvesBuilder:
    """Collects rows of :class:`FrameCurves`."""

    rows: list[tuple] = field(default_factory=list)

    def add(
        self,
        name: str,
        block: str,
        index: int,
        positive: bool,
        score: np.ndarray,
        views: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Add a frame and a class.

        Args:
            name: Path of the frame.
            block: Its block.
            index: The class.
            positive: Whether the frame's label has it.
            score: float (H, W) in [0, 1].
            views: Scores of two views of the frame, laid back onto it.
        """
        two = (np.zeros(0), np.zeros(0))
        if views is not None:
            two = shares_above(np.minimum(*views)), shares_above(np.maximum(*views))
        self.rows.append(
            (name, block, index, positive, shares_above(score), shares_above(score, score), float(score.mean()), *two)
        )

    def build(self) -> FrameCurves:
        """All rows.

        Raises:
            ValueError: If there is none.
        """
        if not self.rows:
            raise InputError('Expected at least one frame, but got none.')
        names, blocks, *columns = zip(*self.rows)
        arrays = [np.array(column) for column in columns]
        return FrameCurves(list(names), list(blocks), arrays[0].astype(np.int64), arrays[1].astype(bool), *arrays[2:])


@dataclass
class CompositeCurvesBuilder:
    """Collects rows of :class:`CompositeCurves`."""

    rows: list[tuple] = field(default_factory=list)

    def add(self, name: str, block: str, score: np.ndarray, matte: np.ndarray, clean: np.ndarray) -> None:
        """Add a composite.

        Args:
            name: Path of its frame.
            block: The frame's block.
            score: float (H, W) in [0, 1].
            matte: float (H, W) in [0, 1], the smoke's opacity.
            clean: float (H, W), scores of the frame without the smoke.
        """
        inside = [matte > cut for cut in CUTS]
        hits = np.stack([shares_above(score, mask) for mask in inside], 1)
        seen = inside[-1]
        self.rows.append(
            (
                name,
                block,
                shares_above(score),
                hits,
                [float(mask.mean()) for mask in inside],
                float(matte[seen].mean()) if seen.any() else 0.0,
                shares_above(clean),
                shares_above(clean, seen),
            )
        )

    def build(self) -> CompositeCurves:
        """All rows.

        Raises:
            ValueError: If there is none.
        """
        if not self.rows:
            raise InputError('Expected at least one composite, but got none.')
        names, blocks, *columns = zip(*self.rows)
        return CompositeCurves(list(names), list(blocks), *(np.array(column) for column in columns))


@dataclass
class Evidence:
    """All that is known of one candidate (a network, its scales, its refiners) without a mask.

    Attributes:
        frames: Real frames with their image labels.
        composites: Composites on held-out frames, where the class can be generated.
        erased: float (T,), what a judge said; see :func:`mmwsss.evaluation.rules.erase_and_keep`; NaN where it was
            not asked.
    """

    frames: FrameCurves
    composites: CompositeCurves | None = None
    erased: np.ndarray | None = None

    def save(self, path: str | Path) -> None:
        """Write a compressed ``.npz`` atomically."""
        arrays: dict[str, Any] = {}
        for part, curves in (('frames', self.frames), ('composites', self.composites)):
            if curves is not None:
                for item in fields(curves):
                    arrays[f'{part}_{item.name}'] = _compact(np.asarray(getattr(curves, item.name)))
        if self.erased is not None:
            arrays['erased'] = self.erased
        with atomic_write(path, 'wb') as handle:
            np.savez_compressed(handle, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Evidence:
        """Read a file that :meth:`save` wrote.

        Raises:
            ValueError: If it is no such file; names it.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                parts: dict[str, Any] = {}
                for part, kind in (('frames', FrameCurves), ('composites', CompositeCurves)):
                    there = f'{part}_names' in data
                    values = {item.name: data[f'{part}_{item.name}'] for item in fields(kind)} if there else None
                    if values is not None:
                        values.update({name: values[name].tolist() for name in ('names', 'blocks')})
                        parts[part] = kind(**values)
                return cls(parts['frames'], parts.get('composites'), data.get('erased'))
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile, OSError) as error:
            raise InputError(f'Expected kept evidence in {path}, but {error}') from error


def _compact(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float64 else array
