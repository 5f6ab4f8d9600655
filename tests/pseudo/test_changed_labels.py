"""Masks follow corrected labels: exactly those whose labels changed are made again."""

import json

import pytest
from helpers import config, write_checkpoint

from mmwsss.apis import make_pseudo
from mmwsss.structures import Manifest


@pytest.fixture
def made(toy, tmp_path):
    checkpoint = write_checkpoint(tmp_path / 'net.pth', toy)
    make_pseudo(config(toy), checkpoint, tmp_path / 'out')
    return checkpoint


def stamps(out):
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in (out / 'masks').rglob('*.png')}


def test_masks_of_changed_labels_are_made_again(made, toy, tmp_path):
    out = tmp_path / 'out'
    before = stamps(out)
    labels = json.loads((toy / 'train.json').read_text())
    smoke, clear = (next(e for e in labels['data_list'] if e['gt_label'] == kind) for kind in (1, 0))
    smoke['gt_label'], clear['gt_label'] = 0, 1
    added = labels['data_list'].pop()
    (toy / 'train.json').write_text(json.dumps(labels))
    summary = make_pseudo(config(toy), made, out)
    changed = {entry['img_path'].replace('.jpg', '.png') for entry in (smoke, clear)}
    after = stamps(out)
    assert {name.removeprefix('masks/') for name in after if after[name] != before[name]} == changed
    assert summary['made_now'] == 2 and summary['images'] == 11
    records = Manifest(out / 'manifest.jsonl').read()
    assert len(records) == 11 and not any(path.endswith(added['img_path']) for path in records)
    for entry, names in ((smoke, []), (clear, ['smoke'])):
        record = next(record for path, record in records.items() if path.endswith(entry['img_path']))
        assert record.labels == names
    assert make_pseudo(config(toy), made, out)['made_now'] == 0


def test_an_oracle_makes_no_masks(made, toy, tmp_path):
    cfg = config(toy)
    cfg.evaluation = 'oracle'
    with pytest.raises(ValueError, match="has evaluation='oracle': it only measures maps"):
        make_pseudo(cfg, made, tmp_path / 'other')
