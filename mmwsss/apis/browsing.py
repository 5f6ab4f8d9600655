"""What a training really sees: batches of its own loader, after its whole pipeline."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner.utils import set_random_seed
from PIL import Image

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.engine.hooks.set_epoch import seeded_transforms
from mmwsss.structures.output_marker import mark_output
from mmwsss.utils.errors import InputError
from mmwsss.visualization.overlay import heat_overlay, mask_overlay
from mmwsss.visualization.sheet import sheet

_ROWS = 6  # of a sheet
Cells = list[tuple[str, np.ndarray | None]]
"""Places of one picture in a sheet: captions, and what stands there."""


class _Recorder:
    """The last transform but one: keeps the matte of a pasted plume, which packing drops."""

    def __init__(self) -> None:
        self.mattes: list[np.ndarray | None] = []

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        self.mattes.append(results.get('plume_matte'))
        return results


def _pipelines(dataset: Any) -> Iterator[Any]:
    """Pipelines of a data set and of those that it is put together from."""
    if hasattr(getattr(dataset, 'pipeline', None), 'transforms'):
        yield dataset.pipeline
    for inside in (*getattr(dataset, 'datasets', ()), *filter(None, [getattr(dataset, 'dataset', None)])):
        yield from _pipelines(inside)


def browse(
    cfg: Config, out_dir: str | Path, number: int = 48, epoch: int = 0, columns: int = 2, side: int = 192
) -> dict[str, Any]:
    """Draw the first pictures of an epoch as the network gets them, in the order of the loader's own sampler.

    Each has up to three places in a sheet: the picture, cropped, flipped, pasted and coloured as the pipeline does; the
    pixel labels over it, the ignore label in its pale colour; the matte of smoke that was pasted in. Above them stand
    the file's name and the labels of the image, with their targets where they are between 0 and 1.

    Args:
        cfg: A training config of classifiers or segmentors.
        out_dir: Gets ``sheet_0.png``, ``sheet_1.png`` and so on.
        number: Of pictures.
        epoch: Which epoch, for transforms and samplers that draw by it.
        columns: Pictures side by side.
        side: Of a picture in a sheet, in pixels.

    Returns:
        dict: ``images`` drawn, ``by_class`` (images with each class in their labels), ``pasted`` (images into which
        smoke was pasted), ``ignored`` (mean share of pixels with the ignore label, None without pixel labels),
        ``files``.

    Raises:
        ValueError: If an argument is below its least value, or the config trains nothing.
    """
    for name, value, least in (('number', number, 1), ('epoch', epoch, 0), ('columns', columns, 1), ('side', side, 16)):
        if value < least:
            raise InputError(f'Expected {name} >= {least}, but got {value}.')
    if not cfg.get('train_dataloader'):
        raise InputError(f'Expected a train_dataloader in {cfg.filename}, but it has none.')
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    loader = _loader(cfg)
    recorder = _Recorder()
    for pipeline in _pipelines(loader.dataset):
        pipeline.transforms.insert(len(pipeline.transforms) - 1, recorder)
    for node in seeded_transforms(loader.dataset):
        node.set_epoch(epoch)
    if hasattr(loader.sampler, 'set_epoch'):
        loader.sampler.set_epoch(epoch)
    classes = [name for name in loader.dataset.metainfo['classes'] if name != 'background']
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    mark_output(out_dir)
    seen = _Seen(classes)
    cells: list[Cells] = []
    files: list[str] = []
    for picture, sample in _samples(loader, number):
        cells.append(seen.cells(picture, sample, recorder.mattes[len(cells)] if recorder.mattes else None))
    for start in range(0, len(cells), columns * _ROWS):
        rows = _grid(cells[start : start + columns * _ROWS], columns)
        files.append(str(out_dir / f'sheet_{len(files)}.png'))
        Image.fromarray(sheet(rows, side)).save(files[-1])
    return {**seen.counts(), 'files': files}


def _loader(cfg: Config) -> Any:
    """The training's own loader, without processes beside this one."""
    settings = copy.deepcopy(cfg.train_dataloader)
    settings.update(num_workers=0, persistent_workers=False)
    settings.pop('prefetch_factor', None)
    seed = cfg.get('randomness', {}).get('seed') or 0
    set_random_seed(seed)
    return Runner.build_dataloader(settings, seed=seed)


def _samples(loader: Any, number: int) -> Iterator[tuple[np.ndarray, Any]]:
    """Pictures, uint8 RGB (H, W, 3), and their samples."""
    shown = 0
    for batch in loader:
        for inputs, sample in zip(batch['inputs'], batch['data_samples']):
            yield np.ascontiguousarray(inputs.permute(1, 2, 0).numpy()[..., ::-1]), sample
            shown += 1
            if shown == number:
                return


class _Seen:
    """Cells of pictures, and counts over them."""

    def __init__(self, classes: list[str]) -> None:
        self.classes = classes
        self.images, self.pasted = 0, 0
        self.by_class = dict.fromkeys(classes, 0)
        self.ignored: list[float] = []

    def counts(self) -> dict[str, Any]:
        """The counts by name."""
        ignored = float(np.mean(self.ignored)) if self.ignored else None
        return {'images': self.images, 'by_class': self.by_class, 'pasted': self.pasted, 'ignored': ignored}

    def cells(self, picture: np.ndarray, sample: Any, matte: np.ndarray | None) -> Cells:
        """The picture with its labels."""
        self.images += 1
        mask = sample.get('gt_sem_seg')
        targets = self._targets(sample, None if mask is None else mask.data[0].numpy())
        for name in targets:
            self.by_class[name] += 1
        told = ', '.join(name if value == 1 else f'{name} {value:.2f}' for name, value in targets.items())
        cells: Cells = [(Path(sample.get('img_path') or '').name, picture)]
        if mask is not None:
            values = mask.data[0].numpy().astype(np.uint8)
            self.ignored.append(float((values == IGNORE_LABEL).mean()))
            cells.append((told or 'no class', mask_overlay(picture, values)))
        else:
            cells[0] = (f'{told or "no class"} | {cells[0][0]}', picture)
        if matte is not None and matte.any():
            self.pasted += 1
            if matte.shape == picture.shape[:2]:  # nothing that moves pixels came after it
                cells.append(('pasted', heat_overlay(picture, matte)))
        return cells

    def _targets(self, sample: Any, mask: np.ndarray | None) -> dict[str, float]:
        """By class what the loss is told of the image; of a segmentor's sample, which classes its pixels have."""
        score = sample.get('gt_score')
        if score is not None:
            return {name: float(value) for name, value in zip(self.classes, score) if value > 0}
        if mask is None:
            return {}
        return {name: 1.0 for value, name in enumerate(self.classes, 1) if (mask == value).any()}


def _grid(cells: list[Cells], columns: int) -> list[Cells]:
    """Rows of a sheet: so many pictures side by side, each with as many places as the one that needs most."""
    places = max(map(len, cells))
    padded = [[*cell, *[('', None)] * (places - len(cell))] for cell in cells]
    rows = math.ceil(len(padded) / columns)
    return [[place for cell in padded[row * columns : (row + 1) * columns] for place in cell] for row in range(rows)]
