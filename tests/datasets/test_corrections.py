"""Corrected masks in training."""

import json

import numpy as np
import pytest
from conftest import write_masks
from mmengine.registry import init_default_scope

from mmwsss.datasets import PseudoMaskDataset
from mmwsss.datasets.corrections import apply_corrections, read_corrections
from mmwsss.datasets.pictures import read_mask
from mmwsss.exports import export_masks, import_masks
from mmwsss.structures import Manifest, ManifestRecord
from mmwsss.utils.files import write_json


@pytest.fixture
def folders(tmp_path):
    """Four images with one smoky pixel; the first becomes all smoke, the second is kept, the third is rejected."""
    mask = np.eye(1, 12, dtype=np.uint8).reshape(3, 4)
    folder = write_masks(tmp_path, {f'{name}.jpg': mask for name in 'abcd'}, ['smoke'])
    checksum = {r.img_path[-5:]: r.checksum for r in Manifest(folder / 'manifest.jsonl') if r.status == 'ok'}
    rows = [
        {'name': 'a.jpg', 'verdict': 'accept', 'runs': [1, 12]},
        {'name': 'b.jpg', 'verdict': 'accept'},
        {'name': 'c.jpg', 'verdict': 'wrong_label'},
    ]
    rows = [{**row, 'checksum': checksum[row['name']]} for row in rows]
    write_json(tmp_path / 'c.json', {'kind': 'mmwsss-review', 'classes': ['smoke'], 'images': rows})
    counts = import_masks(tmp_path / 'c.json', folder, tmp_path / 'corrected', 'review')
    assert counts == {'corrected': 2, 'changed': 1, 'rejected': 1, 'untouched': 1}
    return folder, tmp_path / 'corrected'


def test_corrected_masks_win(folders):
    init_default_scope('mmseg')
    folder, corrected = folders
    data = PseudoMaskDataset(str(folder), corrections=str(corrected), corrections_repeat=2)
    items = [data.get_data_info(index) for index in range(len(data))]
    assert [item['img_path'][-5] for item in items] == list('aabbd')
    assert [item.get('corrected', False) for item in items] == [True] * 4 + [False]
    assert [int(read_mask(item['seg_map_path']).sum()) for item in items] == [12, 12, 1, 1, 1]
    assert data.correction_counts == {
        'corrected': 2,
        'changed': 1,
        'changed_share': 11 / 24,
        'rejected': 1,
        'unused': 0,
    }
    once = PseudoMaskDataset(str(folder), corrections=str(corrected))
    assert [item['img_path'][-5] for item in map(once.get_data_info, range(len(once)))] == list('abd')
    assert len(PseudoMaskDataset(str(folder))) == 4
    with pytest.raises(ValueError, match='Expected repeat >= 1, but got 0'):
        PseudoMaskDataset(str(folder), corrections=str(corrected), corrections_repeat=0)
    record = next(iter(Manifest(corrected / 'manifest.jsonl')))
    assert record.provenance['verdict'] == 'accept' and record.provenance['changed'] == pytest.approx(11 / 12)


def test_data_list_is_not_changed(folders):
    init_default_scope('mmseg')
    folder, corrected = folders
    before = PseudoMaskDataset(str(folder)).load_data_list()
    copy = json.loads(json.dumps(before, default=str))
    kept, counts = apply_corrections(before[3:], corrected, ['smoke'])
    assert kept == before[3:] and counts['unused'] == 3
    assert json.loads(json.dumps(before, default=str)) == copy


def test_errors(folders, tmp_path):
    folder, corrected = folders
    with pytest.raises(FileNotFoundError, match=r'Expected corrected masks in .*gone, .*mmwsss import'):
        read_corrections(tmp_path / 'gone', ['smoke'])
    with pytest.raises(ValueError, match=r"of the classes \['fog'\] in .*, but got \['smoke'\]"):
        read_corrections(corrected, ['fog'])
    with pytest.raises(ValueError, match="but .*a.jpg has the status 'ok'"):
        read_corrections(folder, ['smoke'])
    with pytest.raises(ValueError, match='Expected repeat >= 1, but got 0'):
        apply_corrections([], corrected, ['smoke'], 0)
    items = [{'img_path': r.img_path} for r in Manifest(corrected / 'manifest.jsonl') if r.status == 'rejected']
    with pytest.raises(ValueError, match='rejects all 1'):
        apply_corrections(items, corrected, ['smoke'])


def test_old_manifest_lines_have_no_provenance(tmp_path):
    path = tmp_path / 'manifest.jsonl'
    path.write_text('{"img_path": "x", "status": "ok"}\n')
    assert Manifest(path).read()['x'] == ManifestRecord('x', 'ok') and ManifestRecord('x', 'ok').provenance == {}


def test_a_mask_made_anew_is_not_overwritten_by_an_old_review(folders, tmp_path):
    folder, _ = folders
    rows = [{'name': 'a.jpg', 'verdict': 'accept', 'checksum': 'old'}]
    for content, message in [
        ({'kind': 'mmwsss-review', 'classes': ['smoke'], 'images': rows}, 'is another by now'),
        ({'kind': 'mmwsss-review', 'classes': ['fog'], 'images': rows}, r"Expected the classes \['smoke'\]"),
        ({'classes': ['smoke'], 'images': rows}, "Expected a download of the review page \\(kind 'mmwsss-review'\\)"),
    ]:
        write_json(tmp_path / 'r.json', content)
        with pytest.raises(ValueError, match=message):
            import_masks(tmp_path / 'r.json', folder, tmp_path / 'again', 'review')


def test_corrections_can_be_exported_again(folders, tmp_path):
    _, corrected = folders
    assert export_masks(corrected, tmp_path / 'out', 'coco-rle')['images'] == 2
