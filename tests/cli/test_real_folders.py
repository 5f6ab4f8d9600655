"""What real folders hold, by the command line: one line that names file, value and what was expected, or it works."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import SMALL, toy_data_file, toy_variables, write_toy
from mmengine.registry import init_default_scope
from PIL import Image

from mmwsss.cli.main import main
from mmwsss.config import load_config
from mmwsss.registry import MODELS

pytestmark = pytest.mark.filterwarnings('ignore')
MAPS = ['img_size=32', 'scales=[1.0]', 'size_divisor=8', 'workers=0', 'method=cam']


@pytest.fixture
def call(monkeypatch, capsys):
    """Run ``mmwsss WORDS`` in this process; exit code, output and errors."""

    def run(*words):
        monkeypatch.setattr('sys.argv', ['mmwsss', *map(str, words)])
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


def classifier(path, classes):
    """A checkpoint that names its classes."""
    init_default_scope('mmpretrain')
    form = {'embed_dims': 32, 'num_layers': 1, 'head_type': 'mmwsss.PooledHead', 'num_classes': len(classes)}
    cfg = load_config('configs/vitb.py', {**SMALL, **form}, scale='small')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model.to_dict())
    meta = {'cfg': cfg.pretty_text, 'dataset_meta': {'classes': classes}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return path


# ------------------------------------------------------------------------------ a checkpoint of other classes (11)


@pytest.fixture
def steam(tmp_path):
    """Data of (smoke, steam) with masks, and a checkpoint of (fire, smoke)."""
    root = write_toy(tmp_path / 'steam', 6)
    content = json.loads((root / 'train.json').read_text())
    content['metainfo']['classes'] = ['smoke', 'steam']
    for number, entry in enumerate(content['data_list']):
        entry['gt_label'] = [[0], [1], [0, 1]][number % 3]
    (root / 'train.json').write_text(json.dumps(content))
    (root / 'data.py').write_text('\n'.join(f'{name} = {value!r}' for name, value in toy_variables(root).items()))
    return root / 'data.py', classifier(tmp_path / 'two.pth', ['fire', 'smoke'])


def test_a_checkpoint_of_other_classes(steam, tmp_path, call, refused):
    data, checkpoint = steam
    masks = ['make_pseudo', 'configs/pseudo/gradcam_ms.py', checkpoint, '--out', tmp_path / 'out', '--data', data]
    maps = ['evaluate_cam', 'configs/pseudo/gradcam_ms.py', checkpoint, '--split', 'pseudo', '--data', data]
    both = "Expected a checkpoint of the classes ['smoke', 'steam'], as the data have, but "
    for command in (masks, maps):
        line = refused(*command, '--cfg-options', *MAPS)
        assert f"{both}{checkpoint} has ['fire', 'smoke'], in this order" in line and 'class_map=' in line
        line = refused(*command, '--cfg-options', *MAPS, "class_map={'steam': 'cloud'}")
        assert f"Expected a class of {checkpoint}, which has ['fire', 'smoke']" in line and "got 'cloud'" in line
        assert "mapping from a class of the data to one of the checkpoint, but got 'steam'" in refused(
            *command, '--cfg-options', *MAPS, 'class_map=steam'
        )
        assert not (tmp_path / 'out').exists()
    mapped = ["class_map={'steam': 'fire'}"]
    code, output, errors = call(*masks, '--cfg-options', *MAPS, *mapped)
    assert code == 0 and '"ok": 6, "failed": 0' in output, errors
    code, output, errors = call(*maps, '--cfg-options', *MAPS, *mapped)
    assert code == 0 and '"smoke"' in output and '"steam"' in output, errors


# ---------------------------------------------------------------------------------------- masks of other values (10)


def soft(mask):
    values = mask * 255
    values[0, :2] = 3, 120
    return values


ODD_MASKS = {
    '0/255': (lambda mask: mask * 255, 'have 0, 255 and so show no class', 'mask_values={255: 1}'),
    '0/128': (lambda mask: mask * 128, 'but got 0, 128', 'mask_values={128: 1}'),
    'soft edges': (soft, 'but got 0, 3, 120, 255', "mask_values={255: 1, 'other': 'ignore'}"),
    'another size': (lambda mask: mask[:20, :30], 'is (20, 30), its image (48, 40) (H, W)', None),
}


@pytest.fixture(params=ODD_MASKS)
def odd_masks(request, tmp_path):
    """A data set whose masks another tool has written, with a test split; what is said; the option that reads them."""
    change, said, option = ODD_MASKS[request.param]
    root = write_toy(tmp_path / 'toy', 6)
    write_toy(root, 3, split='val')
    for path in (root / 'ann').rglob('*.png'):
        Image.fromarray(np.ascontiguousarray(change(np.array(Image.open(path))))).save(path)
    return root, said, option


def test_masks_of_other_tools(odd_masks, tmp_path, call, refused):
    root, said, option = odd_masks
    data = toy_data_file(root)
    checkpoint = classifier(tmp_path / 'one.pth', ['smoke'])
    maps = ['evaluate_cam', 'configs/pseudo/gradcam_ms.py', checkpoint, '--split', 'pseudo', '--data', data]
    masks = ['make_pseudo', 'configs/pseudo/gradcam_ms.py', checkpoint, '--out', tmp_path / 'out', '--data', data]
    look = ['check_data', 'configs/pseudo/gradcam_ms.py', '--data', data]
    for command in (maps, masks):
        line = refused(*command, '--cfg-options', *MAPS)
        assert said in line and (option is None or option in line) and str(root / 'ann') in line
    assert not (tmp_path / 'out').exists()
    code, output, _ = call(*look)
    assert code == 1 and said in output and output.endswith('training would fail\n')
    if option is not None:
        code, output, errors = call(*maps, '--cfg-options', *MAPS, option)
        figures = json.loads(output[output.index('{') :])
        assert code == 0 and figures['iou_dataset'] is not None, errors
        assert call(*masks, '--cfg-options', *MAPS, option)[0] == 0
        code, output, _ = call(*look, '--cfg-options', option)
        assert code == 0 and output.endswith('training can start\n')


def test_masks_of_other_tools_stop_a_segmentor_and_a_pipeline(odd_masks, tmp_path, refused):
    root, said, _ = odd_masks
    name = 'configs/seg/segformer_mit-b0_pseudo-512x512.py'
    cfg = load_config(name, {'img_size': 32, 'pretrained': False})
    init_default_scope('mmseg')
    meta = {'dataset_meta': {'classes': ('background', 'smoke')}}
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict(), 'meta': meta}, tmp_path / 'seg.pth')
    variables = {**toy_variables(root), 'test_ann': 'val.json', 'test_img': 'img/val', 'test_masks': 'ann/val'}
    data = tmp_path / 'data.py'
    variables['negative_classes'] = ['no_smoke']
    data.write_text('\n'.join(f'{name} = {value!r}' for name, value in variables.items()))
    small = ['img_size=32', 'pretrained=False', 'num_workers=0']
    line = refused('test', name, tmp_path / 'seg.pth', '--work-dir', tmp_path / 'w', '--data', data,
                   '--cfg-options', *small)  # fmt: skip
    assert said in line and str(root / 'ann/val') in line
    for old, new in (('img', 'img_dir'), ('ann', 'ann_dir')):
        (root / old).rename(root / new)
    (root / 'annotations').mkdir()
    for split in ('train', 'val'):
        (root / f'{split}.json').rename(root / f'annotations/{split}.json')
    for place in ('img_dir', 'ann_dir'):
        shutil.copytree(root / place / 'val', root / place / 'test')
    shutil.copy(root / 'annotations/val.json', root / 'annotations/test.json')
    line = refused('pipeline', 'configs/pipelines/smoke5k.py', '--cfg-options', f'dataset_root={root}',
                   f'work_dir={tmp_path / "work"}')  # fmt: skip
    assert said in line and not list((tmp_path / 'work').glob('*/*.pth'))
