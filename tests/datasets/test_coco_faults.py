"""COCO files, clips and lists as people have them: sub-folders kept, losses counted, errors that say where."""

import json

import numpy as np
import pytest
from PIL import Image
from test_converters import write_clip

from mmwsss.datasets import ImageLabelDataset, PhotoSplitDataset
from mmwsss.datasets.converters.coco import convert_coco
from mmwsss.datasets.converters.coco_file import (
    BAD_SEGMENTATION,
    NO_SEGMENTATION,
    ONLY_UNKNOWN,
    UNKNOWN_CATEGORY,
    UNKNOWN_IMAGE,
    CocoFile,
)
from mmwsss.datasets.converters.smoke_frames import convert_frames
from mmwsss.datasets.converters.video_frames import extract_frames, read_labels
from mmwsss.datasets.converters.voc import read_voc_labels
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.pictures import read_mask

SQUARE = [[2.0, 2.0, 8.0, 2.0, 8.0, 8.0, 2.0, 8.0]]


def tree(root, names, annotations, categories=({'id': 1, 'name': 'smoke'},), size=(20, 30), **image):
    """Pictures and a COCO file."""
    (root / 'annotations').mkdir(parents=True)
    for name in names:
        (root / 'set' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size[::-1], 'grey').save(root / 'set' / name)
    content = {
        'images': [{'id': n, 'file_name': name, **image} for n, name in enumerate(names)],
        'categories': list(categories),
        'annotations': annotations,
    }
    (root / 'annotations/instances_set.json').write_text(json.dumps(content))
    return root


def entry(image_id, category_id=1, **more):
    return {'id': 5, 'image_id': image_id, 'category_id': category_id, **more}


def test_sub_folders_are_kept(tmp_path):
    names = ['cam1/0.jpg', 'cam2/0.jpg', 'cam2/0.png']
    root = tree(tmp_path, names, [entry(1, segmentation=SQUARE), entry(2, segmentation=SQUARE)])
    convert_coco(root, root / 'out', 'set')
    masks = {str(path.relative_to(root / 'out/ann_dir/set')) for path in (root / 'out').rglob('*.png')}
    assert masks == {'cam1/0.png', 'cam2/0.jpg.png', 'cam2/0.png.png'}
    prefix = {'img_path': str(root / 'set'), 'seg_map_path': str(root / 'out/ann_dir/set')}
    dataset = ImageLabelDataset(str(root / 'out/annotations/set.json'), data_prefix=prefix, test_mode=True)
    shown = [bool(read_mask(dataset.get_data_info(n)['seg_map_path']).any()) for n in range(3)]
    assert shown == [bool(dataset.get_data_info(n)['gt_label'].size) for n in range(3)] == [False, True, True]


def test_what_cannot_be_used_is_counted(tmp_path):
    annotations = [
        entry(0, segmentation=SQUARE, area=None),
        entry(1, bbox=[2, 3, 10, 5]),
        entry(2, segmentation=None),
        entry(3, segmentation={'counts': 'nonsense', 'size': [1, 1]}, bbox=[0, 0, 4, 4]),
        entry(4, category_id=9, segmentation=SQUARE),
        entry(77, segmentation=SQUARE),
    ]
    root = tree(tmp_path, [f'{n}.png' for n in range(6)], annotations)
    found = convert_coco(root, root / 'out', 'set')
    counts = {reason: what['count'] for reason, what in found['left_out'].items()}
    assert counts == {NO_SEGMENTATION: 2, BAD_SEGMENTATION: 1, UNKNOWN_CATEGORY: 1, UNKNOWN_IMAGE: 1, ONLY_UNKNOWN: 1}
    assert 'annotations[5] (id 5): image_id 77' in found['left_out'][UNKNOWN_IMAGE]['first']
    assert (found['images'], found['negatives']) == (5, 1)
    masks = [read_mask(root / f'out/ann_dir/set/{n}.png') for n in (0, 1, 2, 3, 5)]
    assert masks[0][4, 4] == 1 and masks[0].shape == (20, 30)
    assert (masks[1][3:8, 2:12] == IGNORE_LABEL).all() and (masks[1] > 0).sum() == 50
    assert (masks[2] == IGNORE_LABEL).all() and (masks[3] > 0).sum() == 16 and not masks[4].any()


@pytest.mark.parametrize(
    'segmentation',
    [
        {'counts': [], 'size': [20, 30]},
        {'counts': [5], 'size': [20, 30]},
        {'counts': 'P', 'size': [20, 30]},
        {'counts': [10**18], 'size': [10**9, 10**9]},
        {'size': [20, 30]},
        [[0, 0, 1e9, 0, 1e9, 1e9]],
        [[0, 0, float('nan'), 0, 5, 5]],
        [[0, 0, float('inf'), 0, 5, 5]],
        [[0, 0, 5, 0, 5]],
        [[0, 0, None, 0, 5, 5]],
        ['abcdef'],
        'polygon',
        7,
    ],
    ids=str,
)
def test_segmentations_that_end_the_process_or_show_other_memory(tmp_path, segmentation):
    """What pycocotools does with them; here each is counted, and its box is ignored."""
    root = tree(tmp_path, ['a.png'], [entry(0, segmentation=segmentation, bbox=[2, 3, 10, 5])])
    found = convert_coco(root, root / 'out', 'set')
    assert found['left_out'][BAD_SEGMENTATION]['count'] == 1
    mask = read_mask(root / 'out/ann_dir/set/a.png')
    assert (mask[3:8, 2:12] == IGNORE_LABEL).all() and (mask > 0).sum() == 50


def test_corners_outside_the_picture(tmp_path):
    around = [[-50.0, -9.0, 99.0, -9.0, 99.0, 10.0, -50.0, 10.0]]
    root = tree(tmp_path, ['a.png'], [entry(0, segmentation=around)])
    convert_coco(root, root / 'out', 'set')
    mask = read_mask(root / 'out/ann_dir/set/a.png')
    assert (mask[:10] == 1).all() and not mask[11:].any()


def test_masks_that_would_not_fit_are_not_written(tmp_path):
    root = tree(tmp_path, ['a.png'], [entry(0, segmentation=SQUARE)], height=99, width=30)
    found = convert_coco(root, root / 'out', 'set')
    assert list(found['left_out'].values())[0]['first'] == 'a.png: (99, 30) and (20, 30) (H, W)'
    assert not list((root / 'out').rglob('*.png'))


BAD = {
    'a list': ([], r'Expected an object with images, annotations and categories in .*\.json, but got a list'),
    'no categories': ({'images': [], 'annotations': []}, r"\['categories'\] are missing"),
    'no id': (
        {'images': [{'file_name': 'a'}], 'annotations': [], 'categories': []},
        r'id and file_name in .*images\[0\]',
    ),
    'no name': ({'images': [], 'annotations': [], 'categories': [{'id': 1}]}, r'id and name in .*categories\[0\]'),
    'twice': (
        {'images': [{'id': 1, 'file_name': 'a'}] * 2, 'annotations': [], 'categories': []},
        r'images\[1\] has 1 again',
    ),
    'outside': (
        {'images': [{'id': 1, 'file_name': '../a.jpg'}], 'annotations': [], 'categories': []},
        r"inside the folder of pictures in .*images\[0\], but got '\.\./a\.jpg'",
    ),
    'annotation': (
        {'images': [], 'annotations': [{'image_id': 1}], 'categories': []},
        r'image_id and category_id in .*annotations\[0\]',
    ),
}


@pytest.mark.parametrize('case', BAD)
def test_no_coco_file(tmp_path, case):
    (tmp_path / 'x.json').write_text(json.dumps(BAD[case][0]))
    with pytest.raises(ValueError, match=BAD[case][1]):
        CocoFile.read(tmp_path / 'x.json')


def test_frames_in_sub_folders_and_without_masks(tmp_path):
    names = ['cam1/0.png', 'cam2/0.png']
    big = [[0.0, 0.0, 900.0, 0.0, 900.0, 300.0, 0.0, 300.0]]
    annotations = [entry(0, segmentation=big), entry(1, bbox=[0, 0, 1200, 640])]
    root = tree(tmp_path, names, annotations, size=(640, 1200))
    counts = convert_frames(root / 'annotations/instances_set.json', root / 'set', root / 'out', 'plain')
    assert counts['smoke'] == 1 and counts['no_smoke'] == 0  # where only a box is known no window is cut
    assert any(NO_SEGMENTATION in key for key in counts)
    assert [path.parent.name for path in (root / 'out/img_dir').rglob('*.jpg')] == ['cam1']
    prefix = {'img_path': str(root / 'out/img_dir/test')}
    split = PhotoSplitDataset(
        'all', {'all': 1.0}, 'provenance/provenance_test.csv', data_root=str(root / 'out'), data_prefix=prefix,
        ann_file='annotations/test.json', negative_classes='no smoke', test_mode=True,
    )  # fmt: skip
    assert len(split) == 1


def test_clips_of_one_name(tmp_path):
    for name in ('cam1/smoke/0001', 'cam2/smoke/0001', 'cam2/no_smoke/0001', '.trash/smoke/0001'):
        write_clip(tmp_path / f'videos/{name}.avi', 4)
    write_clip(tmp_path / 'videos/cam2/smoke/0001.mkv.avi', 4)
    counts, failed = extract_frames(tmp_path / 'videos', tmp_path / 'out', 'first')
    assert not failed and counts == {'clips': 4, 'without_label': 0, 'smoke': 3, 'no_smoke': 1}
    made = sorted(str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*.jpg'))
    assert made == [
        'no_smoke/cam2/0001_00000.jpg', 'smoke/cam1/0001_00000.jpg', 'smoke/cam2/0001.mkv_00000.jpg',
        'smoke/cam2/0001_00000.jpg',
    ]  # fmt: skip
    assert extract_frames(tmp_path / 'videos', tmp_path / 'out', 'first')[0] == counts


def test_labels_of_clips_of_one_name(tmp_path):
    for name in ('cam1/0001', 'cam2/0001', 'cam2/0002'):
        write_clip(tmp_path / f'videos/{name}.avi', 4)
    labels = tmp_path / 'labels.CSV'
    labels.write_text('\ufeffvideo,label\ncam1/0001.avi,smoke\ncam2\\0001.avi,no_smoke\n0002,smoke\n')
    counts, failed = extract_frames(tmp_path / 'videos', tmp_path / 'out', 'first', labels)
    assert not failed and (counts['smoke'], counts['no_smoke']) == (2, 1)
    labels.write_text('video,label\n0001,smoke\n0002,smoke\n')
    counts, failed = extract_frames(tmp_path / 'videos', tmp_path / 'out2', 'first', labels)
    assert counts['smoke'] == 1 and len(failed) == 2
    assert all('2 clips are called 0001' in reason for reason in failed.values())
    labels.write_text('a.avi,smoke\nb.avi,no_smoke\n')  # no header
    assert read_labels(labels) == {'a': 'smoke', 'b': 'no_smoke'}
    labels.write_text('video,label\na,smoke\na.mp4,no_smoke\n')
    with pytest.raises(ValueError, match=r"one label of the clip a, but .*labels\.CSV has 'smoke' and 'no_smoke'"):
        read_labels(labels)
    for content, text in (('[{"file_name": "a", "label_state": "x"}]', 'a number as label_state in .*entry 0'),
                          ('{"data": 3}', 'Expected a list of file_name')):  # fmt: skip
        (tmp_path / 'm.json').write_text(content)
        with pytest.raises(ValueError, match=text):
            read_labels(tmp_path / 'm.json')


def test_label_files_of_voc(tmp_path):
    path = tmp_path / 'l.CSV'
    path.write_text('\ufeffid,label\nx.jpg,boat; car\n')
    assert read_voc_labels(path) == {'x': ['boat', 'car']}
    path.write_text('id,label\nx\n')
    with pytest.raises(ValueError, match=r'id,label;label" in .*l\.CSV, row 2, but got .x.'):
        read_voc_labels(path)
    path = tmp_path / 'l.json'
    for content, text in (
        ('[]', 'but got a list'),
        ('{"x": "boat"}', "a list of names in .*entry 'x', but got 'boat'"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=text):
            read_voc_labels(path)


def test_groups_that_contradict(tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'a.jpg')
    (tmp_path / 'l.csv').write_text('path,label\na.jpg,smoke\n')
    (tmp_path / 'groups.csv').write_text('id,source_photo\na,x\na,y\n')
    with pytest.raises(ValueError, match=r"one source_photo of a in .*groups\.csv, but got 'x' and 'y' \(line 3\)"):
        PhotoSplitDataset('all', {'all': 1.0}, 'groups.csv', data_root=str(tmp_path), ann_file='l.csv', test_mode=True)


def test_numpy_is_not_written_to_json(tmp_path):
    root = tree(tmp_path, ['a.png'], [entry(0, segmentation=SQUARE)])
    assert isinstance(json.dumps(convert_coco(root, root / 'out', 'set')), str)
    assert np.array(Image.open(root / 'out/ann_dir/set/a.png')).max() == 1
