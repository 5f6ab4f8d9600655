"""What real folders hold, by the command line: one line that names file, value and what was expected, or it works."""

import json
import os
import shutil
import sys

import cv2
import numpy as np
import pytest
import torch
from conftest import SMALL, toy_data_file, toy_variables, write_masks, write_toy
from mmengine.registry import init_default_scope
from PIL import Image

from mmwsss.config import load_config
from mmwsss.registry import MODELS

pytestmark = pytest.mark.filterwarnings('ignore')
MAPS = ['img_size=32', 'scales=[1.0]', 'size_divisor=8', 'workers=0', 'method=cam']


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


# ------------------------------------------------------------------------------------------- converters (12)

SQUARE = [[2, 2, 8, 2, 8, 8, 2, 8]]


@pytest.fixture
def coco(tmp_path):
    """Pictures of one name in two folders, and a file that is wrong in every way that can be counted."""
    root = tmp_path / 'coco'
    names = ['cam1/0.jpg', 'cam2/0.jpg', 'cam2/1.jpg', 'a.jpg', 'empty.jpg']
    for name in names:
        (root / 'set' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (30, 20), 'grey').save(root / 'set' / name)
    annotations = [
        {'image_id': 0, 'category_id': 1, 'segmentation': SQUARE, 'area': None},
        {'image_id': 1, 'category_id': 1, 'bbox': [2, 3, 10, 5]},
        {'image_id': 2, 'category_id': 9, 'segmentation': SQUARE},
        {'image_id': 3, 'category_id': 1, 'segmentation': None},
        {'image_id': 77, 'category_id': 1, 'segmentation': SQUARE},
    ]
    content = {
        'images': [{'id': number, 'file_name': name} for number, name in enumerate(names)],
        'categories': [{'id': 1, 'name': 'smoke'}],
        'annotations': annotations,
    }
    (root / 'annotations').mkdir()
    (root / 'annotations/instances_set.json').write_text(json.dumps(content))
    return root


def test_convert_coco(coco, tmp_path, call):
    code, output, errors = call('convert', 'coco', coco, tmp_path / 'out', '--splits', 'set')
    assert code == 0, errors
    masks = {str(path.relative_to(tmp_path / 'out/ann_dir/set')) for path in (tmp_path / 'out').rglob('*.png')}
    assert masks == {'cam1/0.png', 'cam2/0.png', 'a.png', 'empty.png'}
    assert 'set: 4 images, 1 without a class' in output
    for line in (
        'left out: 2 annotations without a segmentation (their box is ignored in the mask), first',
        'left out: 1 annotations of a category that is not listed',
        'left out: 1 annotations of an image that is not listed',
        'left out: 1 images whose annotations are all of a category that is not listed, first cam2/1.jpg',
    ):
        assert line in output
    assert 'annotations[4]' in output and 'image_id 77' in output


@pytest.mark.parametrize(
    'change, said',
    [
        (lambda content: [content], 'Expected an object with images, annotations and categories in'),
        (lambda content: {**content, 'categories': None}, "['categories'] are missing"),
        (lambda content: {**content, 'images': [{'file_name': 'a'}]}, 'Expected id and file_name in'),
        (lambda content: {**content, 'images': content['images'] * 2}, 'Expected different ids in'),
        (lambda content: {**content, 'annotations': [{'category_id': 1}]}, 'Expected image_id and category_id in'),
        (lambda content: {**content, 'annotations': [3]}, 'Expected image_id and category_id in'),
    ],
)
def test_no_coco_file(coco, tmp_path, refused, change, said):
    path = coco / 'annotations/instances_set.json'
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    line = refused('convert', 'coco', coco, tmp_path / 'out', '--splits', 'set')
    assert said in line and str(path) in line and not (tmp_path / 'out').exists()


def test_convert_clips_of_one_name(tmp_path, call):
    rng = np.random.default_rng(0)
    for name in ('cam1/smoke', 'cam2/smoke', 'cam2/no_smoke'):
        path = tmp_path / 'videos' / name / '0001.avi'
        path.parent.mkdir(parents=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (32, 24))
        for _ in range(3):
            writer.write(rng.integers(0, 255, (24, 32, 3), np.uint8))
        writer.release()
    code, output, errors = call('convert', 'video_frames', tmp_path / 'videos', tmp_path / 'out', '--frames', 'all')
    assert code == 0 and '3 clips' in output, errors
    made = [str(path.relative_to(tmp_path / 'out').parent) for path in (tmp_path / 'out').rglob('*.jpg')]
    assert sorted(made) == ['no_smoke/cam2'] * 3 + ['smoke/cam1'] * 3 + ['smoke/cam2'] * 3
    code, output, _ = call('check_data', tmp_path / 'out')
    assert code == 0 and 'classes: smoke 6; without any class: 3' in output
    assert '\'no_smoke\' read as "no class"' in output


# ----------------------------------------------------------------------- names, kinds and depths, and the way of it


def picture(path, size=(40, 48), seed=0, **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    img = np.random.default_rng(seed).integers(0, 90, (*size, 3), np.uint8)
    if 'clear' not in str(path.parent):
        img[: size[0] // 2 + 1, : size[1] // 2] = 220
    Image.fromarray(img).save(path, **settings)


def test_an_odd_folder_through_the_pipeline(tmp_path, call, refused):
    root = tmp_path / 'mine'
    for number in range(3):
        picture(root / f'smoke/{number}.jpg', seed=number)
        picture(root / f'No smoke/clear/{number}.jpg', seed=10 + number)
    odd = ['x.jpg', 'x.png', 's' * 251 + '.jpg', os.fsdecode(b'\xff\xfe.png'), 'deep/x.bmp']
    for number, name in enumerate(odd):
        picture(root / 'smoke' / name, seed=20 + number)
    picture(root / 'smoke/thin.png', (1, 40), 30)
    picture(root / 'smoke/a.jfif', seed=31, format='JPEG')
    Image.new('L', (48, 40), 'grey').save(root / 'smoke/b.pgm')
    twelve_bits = np.full((40, 48), 200, np.uint16)
    twelve_bits[:20] = 4000
    Image.fromarray(twelve_bits).save(root / 'smoke/twelve.png')
    (root / 'smoke/c.nef').write_bytes(b'raw')
    (root / '.ipynb_checkpoints').mkdir()
    picture(root / '.ipynb_checkpoints/x.jpg')
    options = [f'dataset_root={root}', f'work_dir={tmp_path / "work"}', 'img_size=32', 'last_size=32', 'round_epochs=1']
    command = ['pipeline', 'configs/pipelines/folder.py', '--cfg-options', *options, 'epochs=1']
    code, output, errors = call(*command)
    assert code == 0, errors
    for said in (
        'classes: smoke 12; without any class: 3',
        'left out: 1 pictures of a kind that is not read (first smoke/c.nef)',
        '1 pictures have a side below 8 pixels, first',
        'of 1 looked at, 1 use fewer bits than they have and are stretched',
        'pseudo: 15 of 15 masks',
    ):
        assert said in output, output
    masks = list((tmp_path / 'work/pseudo/masks').rglob('*.png'))
    assert len(masks) == 15 and {'x.jpg.png', 'x.png.png'} <= {path.name for path in masks}
    assert (tmp_path / 'work/report.html').read_bytes()
    code, output, errors = call(*command, '--plan')
    assert code == 0 and output.count('stands') == 7, output
    line = refused(*command[:-1], 'epochs=2')
    assert f'What is in {tmp_path / "work/classifier"} was made by other settings' in line


def test_a_single_picture_trains_a_segmentor(tmp_path, call):
    """Batch norm over one image of one pixel is an error of PyTorch: the image stands twice in its batch."""
    write_masks(tmp_path, {'a.jpg': np.eye(32, dtype=np.uint8)}, ['smoke'])
    options = ['img_size=32', 'pretrained=False', 'epochs=1', 'num_workers=0', f'pseudo_root={tmp_path / "pseudo"}']
    command = ['train', 'configs/seg/segformer_mit-b0_pseudo-512x512.py', '--work-dir', tmp_path / 'w']
    code, output, errors = call(*command, '--cfg-options', *options, 'val_img=None', 'test_img=None')
    assert code == 0 and (tmp_path / 'w/epoch_1.pth').is_file(), errors
    assert 'the training set has 1 image, and batch norm cannot learn from a single one' in output + errors


def test_lists_and_single_pictures(tmp_path, call, refused):
    checkpoint = classifier(tmp_path / 'one.pth', ['smoke'])
    for number in range(3):
        picture(tmp_path / f'mine/{number}.jpg', seed=number)
    (tmp_path / 'list.txt').write_text('\ufeffmine/0.jpg\n\nmine/1.jpg\r\nmine/gone.jpg\n', encoding='utf-8')

    def masks(images, out):
        words = ['make_pseudo', 'configs/pseudo/unlabelled.py', checkpoint, '--out', tmp_path / out]
        return [*words, '--cfg-options', *MAPS, f'images={tmp_path / images}', 'crf_backend=torch']

    assert '"images": 1, "ok": 1, "failed": 0' in call(*masks('mine/2.jpg', 'one'))[1]
    code, output, errors = call(*masks('list.txt', 'list'))
    assert code == 1 and '"images": 3, "ok": 2, "failed": 1' in output and '1 images failed' in errors
    records = [json.loads(line) for line in (tmp_path / 'list/manifest.jsonl').read_text().splitlines()]
    assert [record['reason'] for record in records if record['status'] == 'failed'] == [
        f'Cannot read the image {tmp_path / "mine/gone.jpg"}: there is no such file.'
    ]
    (tmp_path / 'utf16.txt').write_text('mine/0.jpg\n', encoding='utf-16')
    assert f'Expected a text file in UTF-8 with one path a line, but {tmp_path / "utf16.txt"} is none' in refused(
        *masks('utf16.txt', 'no')
    )


@pytest.mark.parametrize(
    'name, text',
    [
        ('labels.CSV', '\ufeffpath,label\n0.jpg,smoke\n1.jpg,\n'),
        (
            'labels.JSON',
            '\ufeff{"metainfo": {"classes": "smoke"}, "data_list": [{"img_path": "0.jpg", "gt_label": 0}, '
            '{"img_path": "1.jpg", "gt_label": []}]}',
        ),
    ],
)
def test_label_files_with_a_mark_and_capital_suffixes(tmp_path, call, name, text):
    for number in range(2):
        picture(tmp_path / f'{number}.jpg', seed=number)
    (tmp_path / name).write_text(text, encoding='utf-8')
    code, output, _ = call('check_data', tmp_path, '--labels', name)
    assert code == 0 and 'classes: smoke 1; without any class: 1' in output


# ---------------------------------------------------------------------------------------------------- others (15)


def test_a_wrong_folder_is_said_before_anything_is_made(tmp_path, refused):
    for config in ('folder', 'smoke5k', 'ccp'):
        command = ['pipeline', f'configs/pipelines/{config}.py', '--cfg-options', f'work_dir={tmp_path / "work"}']
        line = refused(*command, f'dataset_root={tmp_path / "nowhere"}')
        assert str(tmp_path / 'nowhere') in line and 'there is no' in line and not (tmp_path / 'work').exists()


@pytest.mark.parametrize('value', ['', 'None'])
def test_no_validation_and_no_test_by_an_empty_option(toy, tmp_path, call, refused, value):
    small = {**SMALL, 'embed_dims': 32, 'num_layers': 1, 'head_type': 'mmwsss.PooledHead', 'test_img': value}
    options = [f'{name}={given}' for name, given in small.items()]
    command = [
        'train',
        'configs/vitb.py',
        '--scale',
        'small',
        '--data',
        toy_data_file(toy),
        '--work-dir',
        tmp_path / 'w',
    ]
    code, _, errors = call(*command, '--cfg-options', *options)
    assert code == 0 and (tmp_path / 'w/epoch_1.pth').is_file(), errors
    command = ['evaluate_cam', 'configs/pseudo/gradcam_ms.py', tmp_path / 'w/epoch_1.pth', '--data', toy_data_file(toy)]
    line = refused(*command, '--split', 'test', '--cfg-options', *MAPS)
    assert 'Expected a config with test_set, but the data of' in line


def test_a_class_called_ignore_without_pydensecrf(tmp_path, call, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pydensecrf.densecrf', None)  # an import of it fails
    root = write_toy(tmp_path / 'toy', 3)
    content = json.loads((root / 'train.json').read_text())
    content['metainfo']['classes'] = ['no_smoke', 'ignore']
    (root / 'train.json').write_text(json.dumps(content))
    checkpoint = classifier(tmp_path / 'one.pth', ['ignore'])
    command = ['make_pseudo', 'configs/pseudo/gradcam_ms_crf.py', checkpoint, '--out', tmp_path / 'out']
    with pytest.warns(UserWarning, match='The CRF runs on PyTorch, which is slower on a CPU'):
        code, output, errors = call(*command, '--data', toy_data_file(root), '--cfg-options', *MAPS)
    assert code == 0 and '"ok": 3' in output, errors
    records = [json.loads(line) for line in (tmp_path / 'out/manifest.jsonl').read_text().splitlines()]
    assert [list(record['coverage']) for record in records] == [record['labels'] for record in records]
    assert ['ignore'] in [record['labels'] for record in records]
