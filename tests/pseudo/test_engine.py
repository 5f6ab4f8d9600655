"""make_pseudo: files, resume, refusal, bad inputs."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import write_toy
from helpers import config, manifest, tree, write_checkpoint
from PIL import Image

from mmwsss.apis import evaluate_cams, init_classifier, make_pseudo
from mmwsss.config import load_config
from mmwsss.datasets.pictures import read_mask
from mmwsss.evaluation import count_pixels, segmentation_figures
from mmwsss.pseudo import RunMismatchError
from mmwsss.refine import LayerFusion, ThresholdMask
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.files import file_sha256


@pytest.fixture
def checkpoint(tmp_path, toy):
    """An untrained student with its config inside, as a training leaves it."""
    return write_checkpoint(tmp_path / 'student.pth', toy)


def test_files_and_figures(toy, checkpoint, tmp_path):
    out = tmp_path / 'out'
    summary = make_pseudo(config(toy, save_cam=True), checkpoint, out)
    assert (summary['images'], summary['ok'], summary['failed'], summary['without_class']) == (12, 12, 0, 4)
    assert summary == json.loads((out / 'summary.json').read_text())
    assert {'load', 'cam', 'refine', 'write', 'wall'} == set(summary['seconds'])
    run = json.loads((out / 'run.json').read_text())
    assert run['classes'] == ['smoke'] and run['checkpoint_sha256'] == file_sha256(checkpoint)
    assert run['versions']['torch'] and run['config']['refine'][0]['type'] == 'mmwsss.CRFRefine'
    counts = []
    for record in manifest(out):
        path = out / record['mask_path']
        assert record['mask_path'].startswith(('masks/sub0/picture ', 'masks/sub1/picture '))
        assert record['checksum'] == file_sha256(path)
        with Image.open(path) as image:
            assert image.mode == 'P' and image.size == (40, 48)
            assert image.getpalette()[3:6] == [128, 0, 0]
        mask = read_mask(path)
        assert set(np.unique(mask)) <= {0, 1}
        if record['labels']:
            assert record['coverage'] == {'smoke': pytest.approx((mask == 1).mean())}
        else:
            assert not mask.any() and record['coverage'] == record['raw_max'] == {}
        truth = read_mask(toy / 'ann' / 'train' / record['mask_path'].removeprefix('masks/'))
        counts.append(count_pixels(mask, truth, 1))
        assert (out / 'cams' / record['mask_path'].removeprefix('masks/')).with_suffix('.npz').exists()
    expected = segmentation_figures(counts, ['smoke'])
    assert summary['mask']['iou_dataset'] == pytest.approx(expected['iou_dataset'])
    assert 0 < summary['floor']['iou_dataset'] < 1 and 'unrefined' in summary


def test_second_call_makes_only_what_is_missing(toy, checkpoint, tmp_path):
    out = tmp_path / 'out'
    make_pseudo(config(toy), checkpoint, out)
    before = tree(out)
    first = manifest(out)
    assert make_pseudo(config(toy, batch_size=2), checkpoint, out)['made_now'] == 0
    (out / first[3]['mask_path']).unlink()
    (out / first[5]['mask_path']).write_bytes(b'half')
    with open(out / 'manifest.jsonl', 'a') as handle:
        handle.write('{"img_path": "torn')
    again = make_pseudo(config(toy), checkpoint, out)
    assert again['made_now'] == 2 and again['ok'] == 12
    assert tree(out) == before
    assert [r['img_path'] for r in manifest(out)] == [r['img_path'] for r in first]


def test_a_pool_gives_the_same_masks(toy, checkpoint, tmp_path):
    make_pseudo(config(toy), checkpoint, tmp_path / 'one')
    make_pseudo(config(toy), checkpoint, tmp_path / 'two', workers=2)
    assert tree(tmp_path / 'one') == tree(tmp_path / 'two')
    assert len(set(tree(tmp_path / 'one').values())) > 5


def test_another_run_is_refused(toy, checkpoint, tmp_path):
    out = tmp_path / 'out'
    make_pseudo(config(toy), checkpoint, out)
    before = tree(out)
    with pytest.raises(RunMismatchError, match=r'made by another run: config_hash .* Choose another --out folder'):
        make_pseudo(config(toy, mask_threshold=0.4), checkpoint, out)
    other = write_checkpoint(tmp_path / 'other.pth', write_toy(tmp_path / 'toy2'))
    content = torch.load(other)
    content['state_dict']['head.fc.bias'] += 1
    torch.save(content, other)
    with pytest.raises(RunMismatchError, match='checkpoint_sha256'):
        make_pseudo(config(toy), other, out)
    assert tree(out) == before


def test_a_locked_folder_is_refused(toy, checkpoint, tmp_path):
    import fcntl

    out = tmp_path / 'out'
    out.mkdir()
    with open(out / '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RunMismatchError, match='Another process is making masks in'):
            make_pseudo(config(toy), checkpoint, out)


def test_bad_images_are_recorded_and_the_others_go_on(toy, checkpoint, tmp_path):
    folder = toy / 'img' / 'train'
    victims = {
        'sub0/picture 0.jpg': lambda p: p.unlink(),
        'sub1/picture 1.jpg': lambda p: p.write_bytes(b''),
        'sub1/picture 3.jpg': lambda p: p.write_bytes(p.read_bytes()[:-300]),
        'sub0/picture 4.jpg': lambda p: p.write_text('no picture'),
    }
    for name, spoil in victims.items():
        spoil(folder / name)
    Image.new('L', (10, 10)).save(toy / 'ann' / 'train' / 'sub0' / 'picture 6.png')
    with Image.open(folder / 'sub1' / 'picture 7.jpg') as image:
        image.convert('L').save(folder / 'sub1' / 'picture 7.jpg')
    out = tmp_path / 'out'
    summary = make_pseudo(config(toy), checkpoint, out)
    assert (summary['ok'], summary['failed']) == (7, 5)
    reasons = {r['img_path'].split('train/')[1]: r['reason'] for r in manifest(out) if r['status'] == 'failed'}
    assert set(reasons) == {*victims, 'sub0/picture 6.jpg'}
    assert 'no such file' in reasons['sub0/picture 0.jpg'] and 'empty' in reasons['sub1/picture 1.jpg']
    assert 'not an image' in reasons['sub0/picture 4.jpg'] and 'picture 3.jpg' in reasons['sub1/picture 3.jpg']
    assert 'Expected a mask of (48, 40)' in reasons['sub0/picture 6.jpg']
    shutil.copy(folder / 'sub0' / 'picture 2.jpg', folder / 'sub0' / 'picture 0.jpg')  # mended: the next call takes it
    assert make_pseudo(config(toy), checkpoint, out)['failed'] == 4


def test_image_outside_the_folder_is_refused(toy, checkpoint, tmp_path):
    content = json.loads((toy / 'train.json').read_text())
    shutil.copy(toy / 'img' / 'train' / 'sub0' / 'picture 0.jpg', toy / 'outside.jpg')
    content['data_list'].append({'img_path': '../../outside.jpg', 'gt_label': 1})
    (toy / 'train.json').write_text(json.dumps(content))
    summary = make_pseudo(config(toy, train_masks=None), checkpoint, tmp_path / 'out')
    assert summary['failed'] == 1 and 'mask' not in summary
    assert 'outside the image folder' in manifest(tmp_path / 'out')[-1]['reason']
    assert not (tmp_path / 'outside.png').exists() and not (toy / 'outside.png').exists()


def test_wrong_checkpoints(toy, checkpoint, tmp_path):
    two = write_checkpoint(tmp_path / 'two.pth', toy, num_classes=2)
    with pytest.raises(ValueError, match=r'checkpoint of 1 classes, .*as the data have, but .*two\.pth has 2'):
        make_pseudo(config(toy), two, tmp_path / 'out')
    with pytest.raises(FileNotFoundError, match=r'no\.pth, but there is no such file'):
        make_pseudo(config(toy), tmp_path / 'no.pth', tmp_path / 'out')
    (tmp_path / 'junk.pth').write_bytes(b'junk')
    with pytest.raises(ValueError, match=r'Expected a checkpoint in .*junk\.pth'):
        make_pseudo(config(toy), tmp_path / 'junk.pth', tmp_path / 'out')
    content = torch.load(checkpoint)
    del content['state_dict']['head.fc.bias']
    torch.save(content, tmp_path / 'part.pth')
    with pytest.raises(ValueError, match=r'(?s)part\.pth does not fit the model.*head\.fc\.bias'):
        init_classifier(tmp_path / 'part.pth')
    torch.save({'state_dict': content['state_dict']}, tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match=r'bare\.pth, but it carries none: give it by --model-config'):
        init_classifier(tmp_path / 'bare.pth')
    assert not (tmp_path / 'out').exists()


def test_out_that_is_a_file(toy, checkpoint, tmp_path):
    (tmp_path / 'file').write_text('precious')
    with pytest.raises(NotADirectoryError, match='Expected a folder for the masks, but .* is a file'):
        make_pseudo(config(toy), checkpoint, tmp_path / 'file')
    assert (tmp_path / 'file').read_text() == 'precious'


def test_out_that_cannot_be_written(toy, checkpoint):
    with pytest.raises(PermissionError, match='Expected a folder that can be written to, but /proc/masks'):
        make_pseudo(config(toy), checkpoint, '/proc/masks')


def test_steps_can_be_dropped_and_must_make_a_mask(toy, checkpoint, tmp_path):
    summary = make_pseudo(config(toy, 'gradcam_ms'), checkpoint, tmp_path / 'a')
    assert summary['ok'] == 12
    cfg = config(toy)
    cfg.pseudo.refine = cfg.pseudo.refine[:1]
    summary = make_pseudo(cfg, checkpoint, tmp_path / 'b')
    assert summary['failed'] == 12
    assert 'makes a mask' in manifest(tmp_path / 'b')[0]['reason']


def test_configs_of_before_are_told_where_things_are_now(toy, checkpoint, tmp_path):
    cfg = config(toy)
    cfg.pseudo.refine = [cfg.pseudo.fusion, *cfg.pseudo.refine]
    with pytest.raises(ValueError, match=r'LayerFusion in pseudo.refine\[0\]: the fusion has a key of its own'):
        make_pseudo(cfg, checkpoint, tmp_path / 'out')
    cfg = config(toy)
    cfg.pseudo.seed = cfg.pseudo.pop('unrefined')
    with pytest.raises(ValueError, match=r'Expected pseudo.unrefined .* called pseudo.seed before'):
        make_pseudo(cfg, checkpoint, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


class _Counted(ThresholdMask):
    built = 0

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        type(self).built += 1


@pytest.mark.parametrize('workers', [0, 2])
def test_each_step_is_built_once_and_each_image_fused_once(toy, checkpoint, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(_Counted, 'built', 0)
    log = tmp_path / 'fused'
    monkeypatch.setitem(TRANSFORMS._module_dict, 'CountedMask', _Counted)
    original = LayerFusion.transform

    def counted(self, results):
        with open(log, 'a') as handle:
            handle.write(f'{_Counted.built}\n')
        return original(self, results)

    monkeypatch.setattr(LayerFusion, 'transform', counted)
    cfg = config(toy)
    cfg.pseudo.refine = [{'type': 'mmwsss.CountedMask'}]
    make_pseudo(cfg, checkpoint, tmp_path / 'out', workers=workers)
    assert log.read_text().splitlines() == ['1'] * 12  # in this process and, forked, in those of the pool
    assert _Counted.built == 1


def test_maps_that_are_not_finite_are_failed_images(toy, checkpoint, tmp_path):
    content = torch.load(checkpoint)
    content['state_dict']['head.fc.weight'][:] = float('nan')
    torch.save(content, tmp_path / 'nan.pth')
    cfg = config(toy, save_cam=True)
    summary = make_pseudo(cfg, tmp_path / 'nan.pth', tmp_path / 'out')
    assert (summary['ok'], summary['failed']) == (4, 8)  # the four without a class have no map
    reasons = {record['reason'] for record in manifest(tmp_path / 'out') if record['status'] == 'failed'}
    assert len(reasons) == 8 and all('NaN or infinity for smoke' in reason for reason in reasons)
    for path in (tmp_path / 'out').glob('*.json*'):
        assert 'NaN' not in path.read_text().replace('NaN or infinity', '')
    with pytest.raises(ValueError, match='Expected finite maps of .* but got NaN or infinity for smoke'):
        evaluate_cams(cfg, init_classifier(tmp_path / 'nan.pth'), cfg.pseudo_set)


def test_classes_with_an_empty_mask_are_counted_and_said(toy, checkpoint, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmwsss.pseudo.engine.print_log', lambda text, *args: said.append(text))
    summary = make_pseudo(config(toy, 'gradcam_ms', mask_threshold=1.0), checkpoint, tmp_path / 'out')
    assert summary['empty'] == {'smoke': 8} and summary['ok'] == 12
    assert said == ['Classes of the labels without a pixel in their masks: smoke in 8 images.']


def test_a_class_called_ignore_keeps_its_coverage(toy, checkpoint, tmp_path):
    content = json.loads((toy / 'train.json').read_text())
    content['metainfo']['classes'] = ['no_smoke', 'ignore']
    (toy / 'train.json').write_text(json.dumps(content))
    cfg = config(toy, 'gradcam_ms', ignore_band=(0.2, 0.5), train_masks=None)
    make_pseudo(cfg, checkpoint, tmp_path / 'out')
    records = [record for record in manifest(tmp_path / 'out') if record['labels']]
    assert len(records) == 8
    for record in records:
        mask = read_mask(tmp_path / 'out' / record['mask_path'])
        assert record['coverage'] == {'ignore': pytest.approx((mask == 1).mean())}
        assert record['ignored'] == pytest.approx((mask == 255).mean()) and record['ignored'] > 0


def test_config_without_pseudo(toy, checkpoint, tmp_path):
    with pytest.raises(ValueError, match=r'Expected a pseudo config .*vitb\.py'):
        make_pseudo(load_config('configs/vitb.py'), checkpoint, tmp_path / 'out')


@pytest.mark.parametrize('kind', ['folder', 'list'])
def test_images_without_labels(toy, checkpoint, tmp_path, kind):
    folder = toy / 'img' / 'train'
    source = folder
    if kind == 'list':
        source = tmp_path / 'list.txt'
        source.write_text('\n'.join(str(path.relative_to(folder)) for path in sorted(folder.rglob('*.jpg'))))
    variables = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8, 'images': str(source)}
    cfg = load_config('configs/pseudo/unlabelled.py', {**variables, 'pseudo.generator.classes': 'all'})
    if kind == 'list':
        cfg.pseudo.dataset.data_root = str(folder)
    summary = make_pseudo(cfg, checkpoint, tmp_path / 'out')
    assert summary['ok'] == 12 and summary['label_source'] == 'all classes' and 'mask' not in summary
    assert len(tree(tmp_path / 'out')) == 12 and 'masks/sub0/picture 0.png' in tree(tmp_path / 'out')
