import json

import numpy as np
import pytest

from mmwsss.structures import CamFile, Manifest, ManifestRecord, mask_names


def record(path, **kwargs):
    return ManifestRecord(path, 'ok', mask_path=f'masks/{path}.png', **kwargs)


def test_append_and_read(tmp_path):
    manifest = Manifest(tmp_path / 'deep' / 'manifest.jsonl')
    assert manifest.read() == {}
    manifest.append(record('a', labels=['smoke'], coverage={'smoke': 0.5}))
    manifest.append(ManifestRecord('b', 'failed', reason='broken'))
    manifest.append(record('b'))
    there = manifest.read()
    assert list(there) == ['a', 'b']
    assert there['b'].status == 'ok'
    assert there['a'].coverage == {'smoke': 0.5}


def test_names_with_newlines_and_unicode(tmp_path):
    manifest = Manifest(tmp_path / 'manifest.jsonl')
    names = ['a\nb', 'ümläut', 'x y']
    for name in names:
        manifest.append(record(name))
    assert list(manifest.read()) == names


def test_torn_last_line_is_passed_over_and_cut(tmp_path):
    manifest = Manifest(tmp_path / 'manifest.jsonl')
    manifest.append(record('a'))
    with open(manifest.path, 'a') as handle:
        handle.write('{"img_path": "b", "sta')
    assert list(manifest.read()) == ['a']
    manifest.append(record('c'))
    assert list(manifest.read()) == ['a', 'c']
    assert [json.loads(line)['img_path'] for line in manifest.path.read_text().splitlines()] == ['a', 'c']


def test_broken_line_in_the_middle_is_named(tmp_path):
    manifest = Manifest(tmp_path / 'manifest.jsonl')
    manifest.path.write_text('nonsense\n')
    manifest.append(record('a'))
    with pytest.raises(ValueError, match=r'Expected a manifest record in .*manifest.jsonl, line 1'):
        manifest.read()


def test_mask_names():
    assert mask_names(['/d/a/x.jpg', '/d/y.png'], '/d') == ['a/x.png', 'y.png']
    assert mask_names(['/d/x.jpg', '/d/x.png', '/d/z.jpg'], '/d') == ['x.jpg.png', 'x.png.png', 'z.png']
    assert mask_names(['/e/x.jpg', '/d/../e/x.jpg'], '/d') == [None, None]
    names = mask_names(['/d/x.jpg', '/d/x.bmp', '/d/x.jpg.gif'], '/d')
    assert len(set(names)) == 3


def test_cam_file_round_trip(tmp_path):
    cam = np.random.default_rng(0).random((2, 5, 7)).astype(np.float32)
    CamFile(cam, np.array([3.0, 4.0], np.float32), np.array([1, 4])).save(tmp_path / 'a.npz')
    loaded = CamFile.load(tmp_path / 'a.npz')
    assert np.abs(loaded.cam - cam).max() < 5e-4
    assert loaded.raw_max.tolist() == [3, 4]
    assert loaded.classes.tolist() == [1, 4]


def test_no_record_has_nan(tmp_path):
    with pytest.raises(ValueError, match='not JSON compliant'):
        Manifest(tmp_path / 'manifest.jsonl').append(record('a', raw_max={'smoke': float('nan')}))


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04nonsense', b'hello'])
def test_broken_cam_file_is_named(tmp_path, content):
    (tmp_path / 'a.npz').write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.npz'):
        CamFile.load(tmp_path / 'a.npz')


def test_names_that_would_be_too_long(tmp_path):
    paths = [f'a/{"x" * 250}.jpg', f'a/{"x" * 250}.png', f'a/{"ü" * 125}.jpg', f'a/{"ü" * 125}.png', 'a/y.jpg']
    names = mask_names(paths, '.')
    assert len(set(names)) == len(names) and names[-1] == 'a/y.png'
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()  # the file system takes it
        path.with_suffix('.npz').touch()
    assert mask_names(paths, '.') == names
