"""What happens to one image after its maps are there; runs in this process or in a pool."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmwsss.datasets.masks import truth_of
from mmwsss.datasets.metainfo import BACKGROUND, IGNORE_LABEL, png_palette
from mmwsss.evaluation import count_pixels
from mmwsss.pseudo.cam_source import CamItem
from mmwsss.refine import fusion_of
from mmwsss.registry import TRANSFORMS
from mmwsss.structures import CamFile, ManifestRecord
from mmwsss.utils.files import atomic_write, file_sha256


class RefineWorker:
    """From maps to files: seed, refiners, mask, figures, record.

    Args:
        out_dir: Output folder.
        classes: Names of the K classes.
        seed: Config of the step that cuts the unrefined maps; its mask is only evaluated.
        refine: Configs of the refiners, in order; the last ones must leave ``pred_seg_map``.
        save_cam: Also write the fused, unrefined maps below ``cams/``.
    """

    def __init__(
        self, out_dir: str | Path, classes: Sequence[str], seed: dict, refine: Sequence[dict], save_cam: bool = False
    ) -> None:
        self.out_dir, self.classes, self.save_cam = Path(out_dir), tuple(classes), save_cam
        self.seed = TRANSFORMS.build(seed)
        self.refine = [TRANSFORMS.build(step) for step in refine]
        self.fusion = fusion_of(self.refine)
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
        results = {**item.info, 'img': item.img, 'layer_cams': item.layer_cams, 'gt_label': item.labels}
        seed_results = self.seed(self.fusion(dict(results)))
        results = {**results, 'cam': seed_results['cam'].copy()}
        for step in self.refine:
            results = step(results)
        mask = results.get('pred_seg_map')
        if mask is None:
            raise ValueError('Expected a step among the refiners that makes a mask (ThresholdMask), but none did.')
        refined = time.perf_counter()
        counts = self._counts(item, {'seed': seed_results['pred_seg_map'], 'mask': mask})
        path = self.out_dir / 'masks' / mask_name
        self._write_mask(path, mask)
        if self.save_cam:
            cam_path = (self.out_dir / 'cams' / mask_name).with_suffix('.npz')
            CamFile(seed_results['cam'], item.raw_max, item.labels).save(cam_path)
        names = (BACKGROUND, *self.classes)
        shares = np.bincount(mask.ravel(), minlength=IGNORE_LABEL + 1) / mask.size
        seconds = {**item.seconds, 'refine': refined - start, 'write': time.perf_counter() - refined}
        return ManifestRecord(
            img_path,
            'ok',
            mask_path=f'masks/{mask_name}',
            labels=[self.classes[label] for label in item.labels],
            coverage={
                **{name: float(shares[value]) for value, name in enumerate(names) if value},
                'ignore': float(shares[IGNORE_LABEL]),
            },
            raw_max={self.classes[label]: float(item.raw_max[label]) for label in item.labels},
            checksum=file_sha256(path),
            seconds={key: round(value, 5) for key, value in seconds.items()},
            counts=counts,
        )

    def _counts(self, item: CamItem, masks: dict[str, np.ndarray]) -> dict[str, list]:
        """Pixel counts against ground truth; empty without it."""
        path = item.info.get('seg_map_path')
        truth = truth_of(item.info, item.img.shape[:2])
        if truth is None:
            return {}
        try:
            return {kind: count_pixels(mask, truth, len(self.classes)).tolist() for kind, mask in masks.items()}
        except ValueError as error:
            raise ValueError(f'{error} ({path or item.info["img_path"]})') from error

    def _write_mask(self, path: Path, mask: np.ndarray) -> None:
        image = Image.fromarray(mask)
        image.putpalette(self.palette)  # turns a grey picture into an indexed one
        buffer = io.BytesIO()
        image.save(buffer, format='PNG', optimize=False)
        with atomic_write(path, 'wb') as handle:
            handle.write(buffer.getvalue())
