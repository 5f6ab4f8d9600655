"""Bad pictures, labels and masks in bulk: each is named, none stops the run, nothing is written elsewhere."""

import csv
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import config, manifest, write_checkpoint
from PIL import Image

from mmwsss.apis import make_pseudo
from mmwsss.datasets import ImageLabelDataset
from mmwsss.datasets.pictures import BadPictureError
from mmwsss.pseudo import CamSource

ROUNDS = int(os.environ.get('MMWSSS_FUZZ', '1'))
"""Rounds of the fuzz tests; ``make soak`` sets many more."""

pytestmark = pytest.mark.filterwarnings('ignore')


def bomb(path: Path, side: int = 60_000) -> None:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    header = struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)
    data = chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(b'0')) + chunk(b'IEND', b'')
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + data)


def picture(rng: np.random.Generator, size=(40, 32)) -> Image.Image:
    return Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8))


ODD_NAMES = [
    'with space.jpg', 'Ünïcödé 煙.jpg', 'new\nline.jpg', "quote'\".jpg", '-dash.jpg', 'UPPER.JPG', 'dots..in.name.jpg',
    'tab\there.png', 'semi;colon.jpg',
]  # fmt: skip


@pytest.fixture
def world(tmp_path):
    """A data set of good and bad files, and the reasons that are expected."""
    root = tmp_path / 'data'
    images = root / 'img'
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ODD_NAMES:
        picture(rng).save(images / name, format='PNG' if name.endswith('png') else 'JPEG')
    (images / 'deep' / 'er').mkdir(parents=True)
    picture(rng).save(images / 'deep' / 'er' / 'x.webp')
    picture(rng, (1, 90)).save(images / 'thin.png')
    outside = tmp_path / 'elsewhere.jpg'
    picture(rng).save(outside)
    bad = {
        'truncated.jpg': 'truncated.jpg',
        'empty.jpg': 'empty',
        'text.png': 'not an image',
        'missing.jpg': 'no such file',
        'bomb.png': 'decompression bomb',
        'folder.jpg': 'folder.jpg',
        'link_out.jpg': 'is a link to',
        'dangling.jpg': 'is a link to',
        '../../elsewhere.jpg': 'outside the image folder',
        '../img/../../beside.jpg': 'outside the image folder',
        str(outside): 'outside the image folder',
        'locked.jpg': 'ermission',
    }
    (images / 'truncated.jpg').write_bytes((images / ODD_NAMES[0]).read_bytes()[:-200])
    (images / 'empty.jpg').touch()
    (images / 'text.png').write_text('hello')
    bomb(images / 'bomb.png')
    (images / 'folder.jpg').mkdir()
    (images / 'link_out.jpg').symlink_to(outside)
    (images / 'dangling.jpg').symlink_to(tmp_path / 'nowhere.jpg')
    picture(rng).save(images / 'locked.jpg')
    (images / 'locked.jpg').chmod(0)
    if os.access(images / 'locked.jpg', os.R_OK):  # root reads everything
        bad.pop('locked.jpg')
        (images / 'locked.jpg').unlink()
    Image.open(images / 'UPPER.JPG').save(images / 'really_png.jpg', format='PNG')  # a wrong ending is no fault
    (images / 'link_in.jpg').symlink_to('UPPER.JPG')
    good = [*ODD_NAMES, 'deep/er/x.webp', 'thin.png', 'really_png.jpg', 'link_in.jpg']
    with open(root / 'labels.csv', 'w', newline='') as handle:
        writer = csv.writer(handle)
        writer.writerow(['path', 'label'])
        writer.writerows([name, 'smoke'] for name in [*good, *bad])
    return root, good, bad


def test_each_is_named_and_none_stops_the_run(world, tmp_path):
    root, good, bad = world
    checkpoint = write_checkpoint(tmp_path / 'student.pth', root)
    cfg = config(root, train_ann='labels.csv', train_img='img', train_masks=None, classes=['smoke'])
    before = {path for path in tmp_path.rglob('*') if 'out' not in path.parts}
    summary = make_pseudo(cfg, checkpoint, tmp_path / 'out')
    assert (summary['ok'], summary['failed']) == (len(good), len(bad))
    records = {os.path.relpath(record['img_path'], root / 'img'): record for record in manifest(tmp_path / 'out')}
    for name, reason in bad.items():
        record = records[os.path.relpath(root / 'img' / name, root / 'img')]
        assert record['status'] == 'failed' and reason in record['reason'], record
    for name in good:
        assert records[name]['status'] == 'ok'
        assert (tmp_path / 'out' / records[name]['mask_path']).is_file()
    assert {path for path in tmp_path.rglob('*') if 'out' not in path.parts} == before
    follow = config(
        root, train_ann='labels.csv', train_img='img', train_masks=None, classes=['smoke'], follow_links=True
    )
    again = make_pseudo(follow, checkpoint, tmp_path / 'out')
    assert again['ok'] == len(good) + 1  # the link that leads to a picture


def spoil(data: bytes, rng: random.Random) -> bytes:
    """A file as a bad disk or a bad transfer leaves it."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(5)
        if not data:
            break
        at = rng.randrange(len(data))
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            for _ in range(rng.randint(1, 12)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        elif kind == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 40)))
        elif kind == 3:
            del data[at : at + rng.randint(1, 60)]
        else:
            data[at : at + 4] = rng.choice([b'\xff\xff\xff\xff', b'\0\0\0\0', b'\x7f\xff\xff\xff'])
    return bytes(data)


@pytest.mark.parametrize('seed', range(ROUNDS))
def test_fuzzed_images_and_masks(tmp_path, seed):
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    root = tmp_path / 'data'
    (root / 'img').mkdir(parents=True)
    (root / 'ann').mkdir()
    rows = [('path', 'label')]
    formats = ('jpg', 'png', 'webp', 'bmp', 'gif', 'tif')
    for index in range(60):
        name = f'{index}.{rng.choice(formats)}'
        picture(numbers).save(root / 'img' / name)
        Image.fromarray(numbers.integers(0, 2, (40, 32), dtype=np.uint8)).save(root / 'ann' / f'{index}.png')
        for path in (root / 'img' / name, root / 'ann' / f'{index}.png'):
            if rng.random() < 0.6:
                path.write_bytes(spoil(path.read_bytes(), rng))
        rows.append((name, 'smoke'))
    with open(root / 'labels.csv', 'w', newline='') as handle:
        csv.writer(handle).writerows(rows)
    checkpoint = write_checkpoint(tmp_path / 'student.pth', root)
    cfg = config(root, 'gradcam_ms', train_ann='labels.csv', train_img='img', train_masks='ann', classes=['smoke'])
    try:
        summary = make_pseudo(cfg, checkpoint, tmp_path / 'out')
    except BadPictureError as error:  # a mask that can be read and has other values: said first, and nothing is made
        assert f'in the mask {root}' in str(error) and not (tmp_path / 'out').exists()
        return
    assert summary['ok'] + summary['failed'] == 60 and summary['ok'] >= 5 and summary['failed'] >= 5
    for record in manifest(tmp_path / 'out'):
        if record['status'] == 'failed':
            assert Path(record['img_path']).stem in record['reason'], record
    assert {path.name for path in tmp_path.iterdir()} == {'data', 'student.pth', 'out'}


@pytest.mark.parametrize('seed', range(40 * ROUNDS))
def test_fuzzed_label_files(tmp_path, seed):
    """A label file is read, or refused by an error that names it."""
    rng = random.Random(seed)
    (tmp_path / 'img').mkdir()
    csv_text = 'path,label\na.jpg,smoke\nb.jpg,\n"c,d.jpg",smoke;fire\n'
    json_text = '{"metainfo": {"classes": ["smoke", "fire"]}, "data_list": [{"img_path": "a.jpg", "gt_label": [0, 1]}]}'
    name, text = rng.choice([('labels.csv', csv_text), ('labels.json', json_text)])
    (tmp_path / name).write_bytes(spoil(text.encode(), rng))
    try:
        dataset = ImageLabelDataset(name, str(tmp_path), 'img', test_mode=True)
        assert all(isinstance(dataset.get_data_info(index)['img_path'], str) for index in range(len(dataset)))
    except (ValueError, OSError) as error:
        assert name in str(error)


def test_out_of_memory_halves_the_batch_and_says_so_once(tmp_path, world, monkeypatch):
    root, good, _ = world
    checkpoint = write_checkpoint(tmp_path / 'student.pth', root)
    cfg = config(root, train_ann='labels.csv', train_img='img', train_masks=None, classes=['smoke'], batch_size=8)
    make_pseudo(cfg, checkpoint, tmp_path / 'whole')
    sizes = []
    original = CamSource._compute

    def small_memory(self, group):
        if len(group) > 3:
            raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')
        sizes.append(len(group))
        return original(self, group)

    monkeypatch.setattr(CamSource, '_compute', small_memory)
    with pytest.warns(UserWarning, match='memory does not suffice for .* images at a time: halving') as caught:
        summary = make_pseudo(cfg, checkpoint, tmp_path / 'out')
    assert sum('memory does not suffice' in str(warning.message) for warning in caught) == 1
    assert summary['ok'] == len(good) and max(sizes) <= 3

    def no_memory(self, group):
        raise torch.OutOfMemoryError('CUDA out of memory')

    monkeypatch.setattr(CamSource, '_compute', no_memory)
    with pytest.raises(RuntimeError, match='out of memory'):
        make_pseudo(cfg, checkpoint, tmp_path / 'none')
