"""Generated scenes as files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmwsss.datasets import PlumeScenes
from mmwsss.datasets.metainfo import png_palette
from mmwsss.utils.files import atomic_write
from mmwsss.utils.progress import Progress

SCENE_VARIABLES = {
    'negative_classes': [],
    'classes': ['smoke'],
    **{f'{split}_ann': f'annotations/{split}.csv' for split in ('train', 'val', 'test')},
    **{f'{split}_img': f'img_dir/{split}' for split in ('train', 'val', 'test')},
    **{f'{split}_masks': f'ann_dir/{split}' for split in ('train', 'val', 'test')},
    **{f'{split}_context': f'context_dir/{split}' for split in ('train', 'val', 'test')},
}
"""Config variables of a folder that :func:`export_scenes` wrote (beside ``dataset_root``)."""


def export_scenes(
    out_dir: str | Path,
    numbers: Mapping[str, int],
    size: int = 96,
    seed: int = 0,
    train_bias: Sequence[float] = (0.95, 0.15),
    test_bias: Sequence[float] = (0.5, 0.5),
) -> None:
    """Write scenes as PNG images, ``path,label`` lists, and indexed masks of plume and chimney.

    Args:
        out_dir: Output folder; gets ``img_dir``, ``ann_dir``, ``context_dir`` and ``annotations``.
        numbers: Number of scenes by split; ``train`` has the training bias, any other the test bias.
        size: Side in pixels.
        seed: Splits are drawn with seed, seed + 1, and so on.
        train_bias: Chance of chimneys given smoke and given none.
        test_bias: Likewise.
    """
    out_dir = Path(out_dir)
    colours = png_palette(1)
    with Progress(sum(numbers.values()), 'scenes') as progress:
        for offset, (split, number) in enumerate(numbers.items()):
            given_smoke, given_clear = train_bias if split == 'train' else test_bias
            scenes = PlumeScenes(
                number,
                size,
                seed=seed + offset,
                chimney_given_smoke=given_smoke,
                chimney_given_clear=given_clear,
                test_mode=True,
            )
            rows = [('path', 'label')]
            for index in range(number):
                item = scenes.get_data_info(index)
                name = item['img_path']
                _save(out_dir / 'img_dir' / split / name, Image.fromarray(item['img'][..., ::-1]))
                for folder, key in (('ann_dir', 'gt_seg_map'), ('context_dir', 'context_map')):
                    mask = Image.fromarray(item[key])
                    mask.putpalette(colours)
                    _save(out_dir / folder / split / name, mask)
                rows.append((name, 'smoke' if np.any(item['gt_score']) else ''))
                progress.update()
            with atomic_write(out_dir / 'annotations' / f'{split}.csv') as handle:
                csv.writer(handle, lineterminator='\n').writerows(rows)


def _save(path: Path, image: Image.Image) -> None:
    with atomic_write(path, 'wb') as handle:
        image.save(handle, format='PNG')
