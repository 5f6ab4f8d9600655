"""Windows of annotated frames, and frames of clips."""

import csv
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coder

from mmwsss.datasets import ImageLabelDataset
from mmwsss.datasets.converters.smoke_frames import PROTOCOLS, choose_windows, convert_frames
from mmwsss.datasets.converters.video_frames import extract_frames, frame_numbers, read_labels


def test_windows_of_the_paper():
    mask = np.zeros((1080, 1920), bool)
    mask[300:500, 700:950] = True
    rule = PROTOCOLS['paper']
    windows = choose_windows(mask, rule, np.random.default_rng(0))
    top, left = int(0.12 * 1080), int(0.24 * 1920)
    every = [(y, x) for y in range(top, 1080 - 511, 128) for x in range(left, 1920 - 511, 128)]
    assert len(every) == 32  # 4 x 8
    share = {(y, x): mask[y : y + 512, x : x + 512].mean() for y, x in every}
    best = sorted((s for s in share.values() if s >= 0.005), reverse=True)[:3]
    assert [w[3] for w in windows if w[2]] == best
    clear = [w for w in windows if not w[2]]
    assert len(clear) == 3 and all(share[w[:2]] == 0 for w in clear)
    plain = choose_windows(mask, PROTOCOLS['plain'], np.random.default_rng(0))
    corners = [w[:2] for w in plain]
    assert all(abs(a[0] - b[0]) >= 512 or abs(a[1] - b[1]) >= 512 for a in corners for b in corners if a != b)
    assert {w[2] for w in plain} == {0, 1}
    assert choose_windows(np.zeros((1080, 1920), bool), rule, np.random.default_rng(0)) == []
    assert len(choose_windows(np.zeros((1080, 1920), bool), PROTOCOLS['plain'], np.random.default_rng(0))) == 2


@pytest.fixture
def frames(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'frames').mkdir()
    content = {
        'images': [],
        'annotations': [],
        'categories': [
            {'id': 1, 'name': 'high-opacity-smoke', 'supercategory': 'smoke'},
            {'id': 2, 'name': 'low-opacity-smoke', 'supercategory': 'smoke'},
            {'id': 3, 'name': 'car', 'supercategory': 'vehicle'},
        ],
    }
    for index in range(2):
        Image.fromarray(rng.integers(0, 255, (640, 1200, 3)).astype(np.uint8)).save(tmp_path / f'frames/f {index}.png')
        content['images'].append({'id': index, 'file_name': f'f {index}.png', 'height': 640, 'width': 1200})
    polygon = [400.0, 200.0, 600.0, 200.0, 600.0, 300.0, 400.0, 300.0]
    binary = np.zeros((640, 1200), np.uint8)
    binary[350:400, 500:700] = 1
    code = coder.encode(np.asfortranarray(binary))
    counts = [int(n) for n in np.diff(np.flatnonzero(np.diff(np.r_[2, binary.ravel('F'), 2])))]
    flat = binary.ravel('F')
    assert not flat[0]
    content['annotations'] = [
        {'id': 1, 'image_id': 0, 'category_id': 1, 'segmentation': [polygon]},
        {'id': 2, 'image_id': 0, 'category_id': 2, 'segmentation': {**code, 'counts': code['counts'].decode()}},
        {'id': 3, 'image_id': 1, 'category_id': 3, 'segmentation': [polygon]},
        {'id': 4, 'image_id': 1, 'category_id': 2, 'segmentation': {'size': [640, 1200], 'counts': counts}},
    ]
    (tmp_path / 'coco.json').write_text(json.dumps(content))
    return tmp_path, binary


def test_polygons_and_both_run_length_codes(frames):
    root, binary = frames
    counts = convert_frames(root / 'coco.json', root / 'frames', root / 'out', 'plain')
    assert counts['frames'] == 2 and counts['smoke'] == 2
    dataset = ImageLabelDataset(
        ann_file=str(root / 'out/annotations/test.json'),
        data_prefix={'img_path': str(root / 'out/img_dir/test'), 'seg_map_path': str(root / 'out/ann_dir/test')},
        negative_classes=['no_smoke'],
        test_mode=True,
    )
    found = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        mask = np.array(Image.open(info['seg_map_path']))
        assert mask.shape == (512, 512) and bool(mask.any()) == bool(info['gt_label'].size)
        found[info['img_path']] = mask
    with open(root / 'out/provenance/provenance_test.csv', newline='') as handle:
        rows = list(csv.DictReader(handle))
    assert {row['source_photo'] for row in rows} == {'f 0.png', 'f 1.png'}
    for row in rows:
        if row['source_photo'] == 'f 1.png':  # the car is no smoke
            y, x = int(row['y']), int(row['x'])
            window = binary[y : y + 512, x : x + 512]
            assert np.array_equal(found[str(root / f'out/img_dir/test/{row["id"]}.jpg')], window)
            assert float(row['smoke_frac']) == pytest.approx(window.mean(), abs=1e-5)
    again = convert_frames(root / 'coco.json', root / 'frames', root / 'out2', 'plain')
    assert again == counts


def test_frames_errors(frames):
    root, _ = frames
    with pytest.raises(ValueError, match=r"Expected a category or supercategory 'steam' .*'high-opacity-smoke'"):
        convert_frames(root / 'coco.json', root / 'frames', root / 'out', category='steam')
    with pytest.raises(ValueError, match=r"Expected a protocol of \['paper', 'plain'\], but got 'mine'"):
        convert_frames(root / 'coco.json', root / 'frames', root / 'out', 'mine')
    Image.new('RGB', (1200, 600)).save(root / 'frames/f 1.png')
    with pytest.raises(ValueError, match=r'f 1\.png to be 640 x 1200 .* but it is 600 x 1200'):
        convert_frames(root / 'coco.json', root / 'frames', root / 'out')
    (root / 'frames/f 0.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'Expected the frame .*f 0\.png'):
        convert_frames(root / 'coco.json', root / 'frames', root / 'out')


def write_clip(path, frames=36):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 12, (64, 48))
    for index in range(frames):
        writer.write(np.full((48, 64, 3), index * 7, np.uint8))
    writer.release()


def test_frames_of_clips(tmp_path):
    for name in ('a', 'b', 'c', 'd'):
        write_clip(tmp_path / 'videos' / f'{name}.avi')
    labels = [('a.mp4', 47), ('b', 32), ('c', 16), ('d', -1)]
    (tmp_path / 'meta.json').write_text(json.dumps([{'file_name': n, 'label_state': s} for n, s in labels]))
    assert read_labels(tmp_path / 'meta.json') == {'a': 'smoke', 'b': 'no_smoke', 'c': 'no_smoke', 'd': None}
    counts, failed = extract_frames(tmp_path / 'videos', tmp_path / 'out', labels=tmp_path / 'meta.json')
    assert counts == {'clips': 3, 'without_label': 1, 'smoke': 2, 'no_smoke': 4} and not failed
    made = sorted(str(p.relative_to(tmp_path / 'out')) for p in (tmp_path / 'out').rglob('*.jpg'))
    clips = (('no_smoke', 'b'), ('no_smoke', 'c'), ('smoke', 'a'))
    assert made == [f'{label}/{name}_{number:05d}.jpg' for label, name in clips for number in (0, 18)]
    middle = np.array(Image.open(tmp_path / 'out/smoke/a_00018.jpg'))
    assert abs(float(middle.mean()) - 18 * 7) < 4
    dataset = ImageLabelDataset(data_prefix=str(tmp_path / 'out'), negative_classes=['no_smoke'])
    assert len(dataset) == 6 and dataset.metainfo['classes'] == ('smoke',)
    stamp = (tmp_path / 'out/smoke/a_00018.jpg').stat().st_mtime_ns
    write_clip(tmp_path / 'videos' / 'd.avi')
    (tmp_path / 'videos' / 'b.avi').write_bytes(b'spoilt')  # finished before: not read again
    (tmp_path / 'videos' / 'e.avi').write_bytes(b'spoilt')
    (tmp_path / 'meta.csv').write_text('video,label\na,smoke\nb,no_smoke\nc,no_smoke\ne,smoke\n')
    counts, failed = extract_frames(tmp_path / 'videos', tmp_path / 'out', labels=tmp_path / 'meta.csv')
    assert counts['smoke'] == 2 and counts['no_smoke'] == 4
    assert 'cannot be read' in failed[str(tmp_path / 'videos/e.avi')]
    assert (tmp_path / 'out/smoke/a_00018.jpg').stat().st_mtime_ns == stamp
    only, _ = extract_frames(tmp_path / 'videos', tmp_path / 'neg', '3', tmp_path / 'meta.csv', ['no_smoke'])
    assert only['no_smoke'] == 3 and not (tmp_path / 'neg/smoke').exists()  # c alone: b is spoilt now


def test_frame_numbers():
    assert frame_numbers('all', 3) == [0, 1, 2]
    assert frame_numbers('first', 36) == [0]
    assert frame_numbers('first_middle', 36) == [0, 18]
    assert frame_numbers('3', 36) == [0, 17, 35]
    assert frame_numbers('9', 2) == [0, 1]
    with pytest.raises(ValueError, match="Expected frames 'all', .* but got 'half'"):
        frame_numbers('half', 36)


def test_clips_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='Expected video clips'):
        extract_frames(tmp_path, tmp_path / 'out')
    (tmp_path / 'meta.json').write_text('[{"file_name": "a"}]')
    with pytest.raises(ValueError, match=r'Expected file_name and label_state in .*meta\.json, entry 0'):
        read_labels(tmp_path / 'meta.json')


def test_class_folders_at_900_pixels_are_read_as_they_are(tmp_path):
    for name, colour in (('manual_positive', 200), ('manual_negative', 30)):
        (tmp_path / 'frames' / name).mkdir(parents=True)
        Image.new('RGB', (900, 900), (colour,) * 3).save(tmp_path / f'frames/{name}/x.jpg')
    dataset = ImageLabelDataset(
        data_prefix=str(tmp_path / 'frames'),
        negative_classes=['manual_negative'],
        pipeline=[{'type': 'mmwsss.LoadPicture'}],
    )
    shapes = [dataset[i]['img'].shape for i in range(2)]
    assert shapes == [(900, 900, 3)] * 2
    assert sorted(len(dataset[i]['gt_label']) for i in range(2)) == [0, 1]
