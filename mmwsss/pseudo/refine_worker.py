"""What happens to one image after its maps are there; runs in this process or in a pool."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from mmwsss.datasets.masks import truth_of
from mmwsss.datasets.metainfo import IGNORE_LABEL, png_palette
from mmwsss.evaluation import count_pixels, value_counts
from mmwsss.pseudo.cam_source import CamItem
from mmwsss.refine import build_fusion, build_refiners, build_step
from mmwsss.structures import CamFile, ManifestRecord
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write, file_sha256


@dataclass(frozen=True)
class RefineSettings:
    """What every process that refines needs to know.

    Attributes:
        out_dir: Output folder.
        classes: Names of the K classes.
        fusion: Config of the step from the maps of several layers to one at the picture's size; None is the default.
        unrefined: Config of the step that cuts the unrefined maps; its mask is only compared with ground truth.
        refine: Configs of the refiners, in order; the last ones must leave ``pred_seg_map``.
        save_cam: Also write the fused, unrefined maps below ``cams/``.
    """

    out_dir: str | Path
    classes: Sequence[str]
    fusion: Mapping[str, Any] | None
    unrefined: Mapping[str, Any]
    refine: Sequence[Mapping[str, Any]]
    save_cam: bool = False


class RefineWorker:
    """From maps to files: fusion, refiners, mask, pixel counts, record.

    Args:
        settings: Output folder, classes and steps; the steps are built here, once.

    Raises:
        ValueError: If a step's argument is wrong, or a fusion stands among the refiners.
        ImportError: If a package that a step needs is missing.
        FileNotFoundError: If weights are missing.
    """

    def __init__(self, settings: RefineSettings) -> None:
        self.settings = settings
        self.out_dir, self.classes = Path(settings.out_dir), tuple(settings.classes)
        self.fusion = build_fusion(settings.fusion, self.classes)
        self.unrefined = build_step(settings.unrefined, self.classes)
        self.refine = build_refiners(settings.refine, self.classes)
        self.palette = png_palette(len(self.classes))

    @property
    def cpu_bound(self) -> bool:
        """Whether a refiner keeps a core busy, so that other processes are worth their start."""
        return any(getattr(step, 'cpu_bound', False) for step in self.refine)

    def __call__(self, item: CamItem, mask_name: str) -> ManifestRecord:
        """Finish one image; a refiner's error on it becomes its record."""
        img_path = item.info['img_path']
        try:
            return self._finish(item, img_path, mask_name)
        except (ValueError, MemoryError, cv2.error) as error:
            return ManifestRecord(img_path, 'failed', reason=str(error) or type(error).__name__)

    def _finish(self, item: CamItem, img_path: str, mask_name: str) -> ManifestRecord:
        start = time.perf_counter()
        results = self.fusion(item.for_fusion())
        del results['layer_cams']
        classes, raw_max = results['classes'], results.pop('raw_max')
        counts = self._count_unrefined(item, results)
        if self.settings.save_cam:
            cam_path = (self.out_dir / 'cams' / mask_name).with_suffix('.npz')
            CamFile(results['cam'], raw_max, classes).save(cam_path)
        for step in self.refine:
            results = step(results)
        mask = results.get('pred_seg_map')
        if mask is None:
            raise InputError('Expected a step among the refiners that makes a mask (ThresholdMask), but none did.')
        del results
        refined = time.perf_counter()
        if counts:
            counts['mask'] = self._count(item, mask)
        path = self.out_dir / 'masks' / mask_name
        self._write_mask(path, mask)
        shares = value_counts(mask) / mask.size
        seconds = {**item.seconds, 'refine': refined - start, 'write': time.perf_counter() - refined}
        names = [self.classes[index] for index in classes]
        return ManifestRecord(
            img_path,
            'ok',
            mask_path=f'masks/{mask_name}',
            labels=names,
            coverage={name: float(shares[index + 1]) for name, index in zip(names, classes)},
            ignored=float(shares[IGNORE_LABEL]),
            raw_max={name: float(value) for name, value in zip(names, raw_max)},
            checksum=file_sha256(path),
            seconds={key: round(value, 5) for key, value in seconds.items()},
            counts=counts,
        )

    def _count_unrefined(self, item: CamItem, results: dict) -> dict[str, list[list[int]]]:
        """Pixel counts of the unrefined mask; empty where there is no ground truth."""
        if 'gt_seg_map' not in item.info and 'seg_map_path' not in item.info:
            return {}
        return {'unrefined': self._count(item, self.unrefined(dict(results))['pred_seg_map'])}

    def _count(self, item: CamItem, mask: np.ndarray) -> list[list[int]]:
        """Pixel counts against ground truth."""
        path = item.info.get('seg_map_path')
        truth = truth_of(item.info, mask.shape)
        if truth is None:
            raise InputError(f'Expected ground truth of {item.info["img_path"]}, but there is none.')
        try:
            return count_pixels(mask, truth, len(self.classes)).to_list()
        except ValueError as error:
            raise InputError(f'{error} ({path or item.info["img_path"]})') from error

    def _write_mask(self, path: Path, mask: np.ndarray) -> None:
        image = Image.fromarray(mask)
        image.putpalette(self.palette)  # turns a grey picture into an indexed one
        buffer = io.BytesIO()
        image.save(buffer, format='PNG', optimize=False)
        with atomic_write(path, 'wb') as handle:
            handle.write(buffer.getvalue())
