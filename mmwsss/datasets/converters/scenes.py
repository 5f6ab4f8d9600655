"""Generated scenes as files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from mmwsss.datasets.metainfo import png_palette
from mmwsss.datasets.plume_scenes import PlumeScenes
from mmwsss.datasets.shapes_scenes import ShapesScenes
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write
from mmwsss.utils.progress import Progress

_KINDS: dict[str, tuple[type, tuple[str, str]]] = {
    'plumes': (PlumeScenes, ('chimney_given_smoke', 'chimney_given_clear')),
    'shapes': (ShapesScenes, ('context_given', 'context_without')),
}


def export_scenes(
    out_dir: str | Path,
    numbers: Mapping[str, int],
    size: int = 96,
    seed: int = 0,
    train_bias: Sequence[float] = (0.95, 0.15),
    test_bias: Sequence[float] = (0.5, 0.5),
    kind: str = 'plumes',
) -> None:
    """Write scenes as PNG images, ``path,label`` lists, and indexed masks of objects and of what they co-occur with.

    Args:
        out_dir: Output folder; gets ``img_dir``, ``ann_dir``, ``context_dir`` and ``annotations``.
        numbers: Number of scenes by split; ``train`` has the training bias, any other the test bias.
        size: Side in pixels.
        seed: Splits are drawn with seed, seed + 1, and so on.
        train_bias: Chance of chimneys given smoke and given none (of a class's surrounding given the class and not).
        test_bias: Likewise.
        kind: ``'plumes'`` (:class:`~mmwsss.datasets.PlumeScenes`) or ``'shapes'``
            (:class:`~mmwsss.datasets.ShapesScenes`).

    Raises:
        ValueError: If the kind is none of the two.
    """
    if kind not in _KINDS:
        raise InputError(f'Expected a kind of {list(_KINDS)}, but got {kind!r}.')
    out_dir = Path(out_dir)
    with Progress(sum(numbers.values()), 'scenes') as progress:
        for offset, (split, number) in enumerate(numbers.items()):
            scene_type, names = _KINDS[kind]
            chances = dict(zip(names, train_bias if split == 'train' else test_bias))
            scenes = scene_type(number, size, seed=seed + offset, test_mode=True, **chances)
            classes = scenes.metainfo['classes']
            colours = png_palette(len(classes))
            rows = [('path', 'label')]
            for index in range(number):
                item = scenes.get_data_info(index)
                name = item['img_path']
                _save(out_dir / 'img_dir' / split / name, Image.fromarray(item['img'][..., ::-1]))
                for folder, key in (('ann_dir', 'gt_seg_map'), ('context_dir', 'context_map')):
                    mask = Image.fromarray(item[key])
                    mask.putpalette(colours)
                    _save(out_dir / folder / split / name, mask)
                rows.append((name, ';'.join(classes[label] for label in item['gt_label'])))
                progress.update()
            with atomic_write(out_dir / 'annotations' / f'{split}.csv') as handle:
                csv.writer(handle, lineterminator='\n').writerows(rows)


def _save(path: Path, image: Image.Image) -> None:
    with atomic_write(path, 'wb') as handle:
        image.save(handle, format='PNG')
