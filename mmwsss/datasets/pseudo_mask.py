"""Pseudo masks as the training set of a segmentor."""

from __future__ import annotations

import os.path as osp
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset

from mmwsss.datasets.corrections import apply_corrections
from mmwsss.datasets.metainfo import palette, segmentation_classes
from mmwsss.registry import DATASETS
from mmwsss.structures import Manifest
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import read_json


@DATASETS.register_module()
class PseudoMaskDataset(BaseSegDataset):
    """The masks of one ``make_pseudo`` output folder, read through its manifest.

    Images that failed are left out; images without any class are kept with their all-background masks. Masks that a
    person corrected (``mmwsss import``) win over pseudo masks, and images that were rejected are left out.

    Args:
        pseudo_root: The output folder (``run.json``, ``manifest.jsonl``, masks).
        positives_only: Leave out images without any class.
        corrections: Folder of corrected masks; see :mod:`mmwsss.datasets.corrections`.
        corrections_repeat: How often a corrected image is shown an epoch, at least 1.
        **kwargs: Of :class:`mmseg.datasets.BaseSegDataset`.

    Attributes:
        correction_counts: What :func:`~mmwsss.datasets.corrections.apply_corrections` counted; empty without any.

    Raises:
        FileNotFoundError: If the folder holds no finished run, or there are no corrections.
        ValueError: If no image of it can be used, or the corrections are of other classes.
    """

    def __init__(
        self,
        pseudo_root: str,
        positives_only: bool = False,
        corrections: str | None = None,
        corrections_repeat: int = 1,
        **kwargs: Any,
    ) -> None:
        self.pseudo_root = Path(pseudo_root)
        self.positives_only = positives_only
        self.corrections, self.corrections_repeat = corrections, corrections_repeat
        self.correction_counts: dict[str, float] = {}
        run_file = self.pseudo_root / 'run.json'
        if not run_file.is_file():
            raise MissingFileError(
                f'Expected pseudo masks in {pseudo_root}, but there is no {run_file}. '
                'Make them with: python tools/make_pseudo.py CONFIG CHECKPOINT --out DIR'
            )
        classes = read_json(run_file)['classes']
        metainfo = {'classes': segmentation_classes(classes), 'palette': palette(len(classes))}
        kwargs['metainfo'] = {**metainfo, **kwargs.get('metainfo', {})}
        kwargs.setdefault('reduce_zero_label', False)
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Items of the images whose masks were made, in the order of the manifest, with their image labels."""
        index = {name: number - 1 for number, name in enumerate(self.metainfo['classes'])}
        records = Manifest(self.pseudo_root / 'manifest.jsonl').read().values()
        data_list = [
            {
                'img_path': record.img_path,
                'seg_map_path': osp.join(self.pseudo_root, record.mask_path),
                'gt_label': np.array(sorted(index[name] for name in record.labels), np.int64),
                'label_map': self.label_map,
                'reduce_zero_label': self.reduce_zero_label,
                'seg_fields': [],
            }
            for record in records
            if record.status == 'ok' and record.mask_path and (record.labels or not self.positives_only)
        ]
        if not data_list:
            raise InputError(f'Expected at least one finished mask in {self.pseudo_root}, but its manifest has none.')
        if self.corrections:
            data_list, self.correction_counts = apply_corrections(
                data_list, self.corrections, self.metainfo['classes'][1:], self.corrections_repeat
            )
            print_log(f'Corrected masks of {self.corrections}: {self._counted()}.', 'current')
        return data_list

    def _counted(self) -> str:
        counts = self.correction_counts
        return (
            f'{counts["corrected"]} corrected ({counts["changed"]} changed, on average {counts["changed_share"]:.1%} '
            f'of the pixels), {counts["rejected"]} rejected, {counts["unused"]} of images that are not trained on'
        )
