"""Toys that several tests share: a few small pictures, and the variables that shrink the project's configs to them."""

from __future__ import annotations

import functools
import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from yapf.yapflib import yapf_api

import mmwsss  # noqa: F401  (first: cures torchvision)
from mmwsss.config import load_config

torch.set_num_threads(1)
GOLDEN = Path(__file__).parent / 'golden' / 'reference.npz'
SHARED = Path(__file__).parents[1].parent / 'shared'
FORMAT_CODE = yapf_api.FormatCode


def pytest_collection_finish() -> None:
    """MMEngine collects garbage for every data set: without a look at all that was imported it takes no time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def unformatted_configs() -> Iterator[None]:
    """MMEngine formats the config of every training, a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yapf_api, 'FormatCode', lambda text, **_: (text, True))
        yield


@pytest.fixture(scope='session')
def golden() -> dict[str, np.ndarray]:
    """Recorded inputs and outputs of the public implementations."""
    with np.load(GOLDEN) as data:
        return {key: data[key] for key in data.files}


@pytest.fixture(scope='session')
def smoke5k() -> Path:
    """The real smoke set."""
    path = Path(os.environ.get('MMWSSS_SMOKE5K', SHARED / 'data' / 'smoke5k_wsss'))
    if not path.is_dir():
        pytest.skip(f'no real smoke set in {path}')
    return path


@pytest.fixture(scope='session')
def toy_clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Weights of a CLIP of three blocks, known to open_clip as ``toy-text``."""
    open_clip = pytest.importorskip('open_clip')
    folder = tmp_path_factory.mktemp('clip')
    (folder / 'toy-text.json').write_text(json.dumps(TOY_CLIP))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    clip = open_clip.create_model('toy-text')
    for name, parameter in clip.named_parameters():
        if parameter.ndim > 1 and 'token_embedding' not in name:
            torch.nn.init.normal_(parameter, std=0.2)
    torch.save(clip.state_dict(), folder / 'toy.pt')
    with pytest.MonkeyPatch.context() as patch:  # it reads its vocabulary anew for every tokenizer: seconds
        patch.setattr(open_clip, 'get_tokenizer', functools.cache(open_clip.get_tokenizer))
        yield str(folder / 'toy.pt')


def write_toy(root: Path, number: int = 12, size: tuple[int, int] = (48, 40), split: str = 'train') -> Path:
    """Pictures (height, width) with a bright square where the label says smoke; every third has none."""
    rng = np.random.default_rng(number)
    data_list = []
    for index in range(number):
        img = rng.integers(0, 90, (*size, 3)).astype(np.uint8)
        mask = np.zeros(size, np.uint8)
        smoke = index % 3 != 2
        if smoke:
            y, x = rng.integers(2, 14, 2)
            mask[y : y + 18, x : x + 16] = 1
            img[mask > 0] = rng.integers(180, 255, 3)
        name = f'sub{index % 2}/picture {index}.jpg'
        for folder, picture in (('img', Image.fromarray(img)), ('ann', Image.fromarray(mask))):
            path = root / folder / split / (name if folder == 'img' else name.replace('.jpg', '.png'))
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, **({'quality': 95} if folder == 'img' else {}))
        data_list.append({'img_path': name, 'gt_label': int(smoke)})
    content = {'metainfo': {'classes': ['no_smoke', 'smoke']}, 'data_list': data_list}
    (root / f'{split}.json').write_text(json.dumps(content))
    return root


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Training pictures with labels and masks."""
    return write_toy(tmp_path / 'toy')


def toy_variables(root: Path, masks: bool = True, val: bool = False, test: bool = False) -> dict:
    """Config variables of :func:`write_toy`'s folder."""
    variables = {'dataset_root': str(root)}
    for split, there in (('train', True), ('val', val), ('test', test)):
        variables[f'{split}_ann'] = f'{split}.json' if there else None
        variables[f'{split}_img'] = f'img/{split}' if there else None
        variables[f'{split}_masks'] = f'ann/{split}' if there and masks else None
    return variables


def toy_data_file(root: Path, **splits: bool) -> Path:
    """The same as a file for ``--data``, beside the folders."""
    content = {**toy_variables(root, **splits), 'negative_classes': ['no_smoke']}
    path = root / 'data.py'
    path.write_text('\n'.join(f'{name} = {value!r}' for name, value in content.items()))
    return path


SMALL = {'img_size': 32, 'batch_size': 4, 'num_workers': 0, 'epochs': 1}
OURS = {'head_type': 'mmwsss.PooledHead', 'student_map': 'class_maps', 'teacher_maps': 'classes'}
"""Our form: classifier and consistency loss on the student's own class maps."""


def student_config(options: dict, data: dict | None = None) -> Config:
    """A student alone, at scale small and in our form, from no weights."""
    options = {'head_type': OURS['head_type'], 'pretrained': False, **options}
    return load_config('configs/vitb.py', options, data=data, scale='small')


def distiller_config(options: dict, data: dict | None = None) -> Config:
    """Teacher and student at scale small and in our form, from no weights."""
    options = {**OURS, 'pretrained': False, **options}
    return load_config('configs/ts_vitb_r50_cos_global.py', options, data=data, scale='small')


TOY_SAM = {'embed_dim': 16, 'depth': 1, 'num_heads': 2, 'global_attn_indexes': (0,), 'image_size': 64}
TOY_CLIP = {
    'embed_dim': 16,
    'quick_gelu': True,
    'vision_cfg': {'image_size': 32, 'layers': 3, 'width': 24, 'head_width': 12, 'patch_size': 8},
    'text_cfg': {'context_length': 77, 'vocab_size': 49408, 'width': 16, 'heads': 2, 'layers': 1},
}


@pytest.fixture(scope='session')
def toy_sam(tmp_path_factory) -> Path:
    """Weights of a toy SAM, of the shape of ``TOY_SAM``."""
    from mmwsss.models.segmentors.sam_network import build_sam

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('sam') / 'toy.pth'
    torch.save(build_sam(TOY_SAM, None, 'test').state_dict(), path)
    return path


def write_masks(root: Path, masks: dict[str, np.ndarray], classes: list[str], seed: int = 0) -> Path:
    """A folder as make_pseudo leaves it, with pictures in ``images/``: masks by the image's name below it."""
    from mmwsss.datasets.metainfo import palette
    from mmwsss.exports.mask_folder import write_mask
    from mmwsss.structures import Manifest, ManifestRecord, mask_names
    from mmwsss.utils.files import file_sha256, write_json

    rng = np.random.default_rng(seed)
    folder = root / 'pseudo'
    write_json(folder / 'run.json', {'classes': classes, 'palette': palette(len(classes)), 'config_hash': 'abc'})
    paths = [str(root / 'images' / name) for name in masks]
    records = []
    for path, mask_name, mask in zip(paths, mask_names(paths, root / 'images'), masks.values()):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*mask.shape, 3), np.uint8)).save(path)
        target = folder / 'masks' / mask_name
        write_mask(target, mask, len(classes))
        labels = [classes[value - 1] for value in np.unique(mask).tolist() if 0 < value <= len(classes)]
        record = ManifestRecord(path, 'ok', mask_path=f'masks/{mask_name}', labels=labels, checksum=file_sha256(target))
        record.raw_max = dict.fromkeys(labels, 0.5)
        records.append(record)
    records.append(ManifestRecord(str(root / 'images' / 'broken.jpg'), 'failed', reason='broken'))
    Manifest(folder / 'manifest.jsonl').rewrite(records)
    return folder


@pytest.fixture
def call(monkeypatch, capsys):
    """Run ``mmwsss WORDS`` in this process; exit code, output and errors."""

    from mmwsss.cli.main import main

    def run(*words):
        monkeypatch.setattr('sys.argv', ['mmwsss', *map(str, words)])
        monkeypatch.setattr('mmwsss.cli.arguments.called_as', None)  # put back behind the test
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(call):
    """Run ``mmwsss WORDS``, which a user's error ends; its line."""

    def run(*words):
        code, _, errors = call(*words)
        line = errors.strip().splitlines()[-1]
        assert code == 2 and line.startswith('error: ') and 'Traceback' not in errors, errors
        return line

    return run
