"""PNG -> format -> PNG, every format, and what each loses; errors of files that do not belong."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import write_masks

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.exports import EXPORTS, ExportOptions, MaskFolder, export_masks, import_masks
from mmwsss.structures import Manifest

CLASSES = ['smoke', 'nuée ardente', '煙']
LOSSLESS = ('coco', 'coco-rle', 'label-studio', 'cvat', 'voc')


def awkward_masks():
    """Sizes that differ, holes, several parts, diagonal neighbours, single pixels, empty and full masks, 255."""
    rng = np.random.default_rng(3)
    ring = np.zeros((40, 50), np.uint8)
    ring[4:30, 5:40] = 1
    ring[10:20, 10:30] = 0  # a hole
    ring[13:16, 15:20] = 1  # an island in it
    ring[22:24, 8:10] = 2
    parts = np.zeros((33, 17), np.uint8)
    parts[0, 0] = parts[1, 1] = parts[32, 16] = 3
    parts[5:9, 2:6] = IGNORE_LABEL
    return {
        'a/rue de la fumée 1.jpg': ring,
        'a/b/煙.png': parts,
        'empty.jpg': np.zeros((7, 9), np.uint8),
        'full.jpg': np.full((5, 6), 2, np.uint8),
        'one.png': np.ones((1, 1), np.uint8),
        'noise.jpg': rng.choice([0, 1, 2, 3, IGNORE_LABEL], (21, 37)).astype(np.uint8),
        'same.jpg': np.eye(8, dtype=np.uint8),
        'same.png': 3 * np.eye(8, dtype=np.uint8),
    }


@pytest.fixture
def folder(tmp_path):
    return write_masks(tmp_path, awkward_masks(), CLASSES)


def as_annotated(out):
    """Turn the pre-annotations of a Label Studio file into what a person submitted untouched."""
    path = out / 'tasks.json'
    tasks = json.loads(path.read_text())
    for task in tasks:
        task['annotations'] = [{'result': row['result'], 'updated_at': '2026'} for row in task.pop('predictions')]
    path.write_text(json.dumps(tasks))


def read_back(folder):
    return {item.name: item.mask() for item in MaskFolder(folder).items}


@pytest.mark.parametrize('name', EXPORTS)
def test_masks_come_back(folder, tmp_path, name):
    export_masks(folder, tmp_path / 'out', name)
    if name == 'label-studio':
        as_annotated(tmp_path / 'out')
    counts = import_masks(tmp_path / 'out', folder, tmp_path / 'back', name)
    masks, back = awkward_masks(), read_back(tmp_path / 'back')
    assert list(back) == list(masks) if name not in ('yolo-seg', 'voc') else set(back) == set(masks)
    for image, mask in masks.items():
        expected = mask if name in LOSSLESS else np.where(mask == IGNORE_LABEL, 0, mask)
        np.testing.assert_array_equal(back[image], expected, err_msg=f'{name}: {image}')
    changed = 0 if name in LOSSLESS else 2  # images with ignored pixels
    assert counts == {'corrected': 8, 'changed': changed, 'rejected': 0, 'untouched': 0}


def test_corrected_folder_says_where_it_comes_from(folder, tmp_path):
    export_masks(folder, tmp_path / 'out', 'yolo-seg')
    import_masks(tmp_path / 'out', folder, tmp_path / 'back', 'yolo-seg')
    before = Manifest(folder / 'manifest.jsonl').read()
    for record in Manifest(tmp_path / 'back' / 'manifest.jsonl'):
        assert record.status == 'corrected' and record.provenance['format'] == 'yolo-seg'
        assert record.provenance['replaces'] == before[record.img_path].checksum
    noise = next(r for r in Manifest(tmp_path / 'back' / 'manifest.jsonl') if r.img_path.endswith('noise.jpg'))
    mask = awkward_masks()['noise.jpg']
    assert noise.provenance['changed'] == pytest.approx((mask == IGNORE_LABEL).mean())
    assert noise.coverage['smoke'] == pytest.approx((mask == 1).mean()) and noise.labels == CLASSES
    with pytest.raises(FileExistsError, match='Expected a new folder for corrected masks, but .*back holds manifest'):
        import_masks(tmp_path / 'out', folder, tmp_path / 'back', 'yolo-seg')


def plume(size=(180, 240)):
    yy, xx = np.mgrid[: size[0], : size[1]]
    wave = 0.15 * np.sin(xx / 9) + 0.1 * np.cos(yy / 5)
    return (((xx - 110) / 80) ** 2 + ((yy - 90) / 45) ** 2 + wave < 1).astype(np.uint8)


@pytest.mark.parametrize('name', ['coco', 'yolo-seg'])
def test_tolerance_of_polygons(tmp_path, name):
    """An outline moves by the tolerance at most, so only pixels that near to the true outline change."""
    import cv2

    mask = plume()
    folder = write_masks(tmp_path, {'p.jpg': mask}, ['smoke'])
    corners = []
    for tolerance in (0.0, 1.0, 2.0):
        out, back = tmp_path / f'out{tolerance}', tmp_path / f'back{tolerance}'
        export_masks(folder, out, name, ExportOptions(tolerance=tolerance))
        import_masks(out, folder, back, name)
        other = read_back(back)['p.jpg']
        iou = (mask & other).sum() / (mask | other).sum()
        assert iou == 1 if tolerance == 0 else iou > 0.98 - 0.01 * (tolerance - 1)
        inner = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
        outer = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
        assert np.maximum(inner, outer)[mask != other].max(initial=0) <= tolerance + 1
        text = (out / ('annotations.json' if name == 'coco' else 'labels/train/p.txt')).read_text()
        corners.append(len(text.split(',' if name == 'coco' else ' ')))
    assert corners[0] > 3 * corners[1] > 3 * corners[2]


def test_nothing_there_is_not_nobody_looked(folder, tmp_path):
    export_masks(folder, tmp_path / 'ls', 'label-studio')  # predictions only
    assert import_masks(tmp_path / 'ls', folder, tmp_path / 'b1', 'label-studio')['untouched'] == 8
    as_annotated(tmp_path / 'ls')
    tasks = json.loads((tmp_path / 'ls' / 'tasks.json').read_text())
    tasks[0]['annotations'][0] |= {'result': []}  # a person erased all
    tasks[1]['annotations'][0]['was_cancelled'] = True
    (tmp_path / 'ls' / 'tasks.json').write_text(json.dumps(tasks))
    counts = import_masks(tmp_path / 'ls', folder, tmp_path / 'b2', 'label-studio')
    assert counts == {'corrected': 7, 'changed': 1, 'rejected': 0, 'untouched': 1}
    assert not read_back(tmp_path / 'b2')['a/rue de la fumée 1.jpg'].any()
    export_masks(folder, tmp_path / 'yolo', 'yolo-seg')
    (tmp_path / 'yolo' / 'labels' / 'train' / 'a' / 'b' / '煙.txt').unlink()
    assert import_masks(tmp_path / 'yolo', folder, tmp_path / 'b3', 'yolo-seg')['untouched'] == 1
    for name in ('coco', 'cvat'):
        export_masks(folder, tmp_path / name, name)
        skipped = import_masks(tmp_path / name, folder, tmp_path / f'b-{name}', name, ExportOptions(empty='skip'))
        assert skipped['untouched'] == 1


def test_of_several_annotations_the_newest_or_the_true_one_counts(tmp_path):
    folder = write_masks(tmp_path, {'x.jpg': np.eye(6, dtype=np.uint8)}, ['smoke'])
    export_masks(folder, tmp_path / 'out', 'label-studio')
    path = tmp_path / 'out' / 'tasks.json'
    (task,) = json.loads(path.read_text())
    old = {'result': task['predictions'][0]['result'], 'updated_at': '2026-01-01'}
    new = {'result': [], 'updated_at': '2026-02-01'}
    for number, (rows, left) in enumerate([([old, new], False), ([{**old, 'ground_truth': True}, new], True)]):
        path.write_text(json.dumps([{**task, 'annotations': rows}]))
        import_masks(path, folder, tmp_path / f'b{number}', 'label-studio')
        assert read_back(tmp_path / f'b{number}')['x.jpg'].any() == left


def test_polygons_drawn_by_hand(tmp_path):
    folder = write_masks(tmp_path, {'x.jpg': np.zeros((10, 20), np.uint8)}, ['smoke', 'fire'])
    expected = np.zeros((10, 20), np.uint8)
    expected[2:6, 4:12] = 2
    box = [[20, 20], [60, 20], [60, 60], [20, 60]]  # per cent
    region = {'type': 'polygonlabels', 'original_width': 20, 'original_height': 10,
              'value': {'points': box, 'polygonlabels': ['fire'], 'closed': True}}  # fmt: skip
    task = {'data': {'mmwsss_path': 'x.jpg'}, 'annotations': [{'result': [region]}]}
    (tmp_path / 'ls.json').write_text(json.dumps([task]))
    import_masks(tmp_path / 'ls.json', folder, tmp_path / 'b1', 'label-studio')
    np.testing.assert_array_equal(read_back(tmp_path / 'b1')['x.jpg'], expected)
    xml = (
        '<annotations><image id="0" name="x.jpg" width="20" height="10">'
        '<polygon label="fire" points="4.00,2.00;12.00,2.00;12.00,6.00;4.00,6.00" z_order="0"/>'
        '<box label="smoke" xtl="0" ytl="0" xbr="9" ybr="9" z_order="-1"/></image></annotations>'
    )
    with zipfile.ZipFile(tmp_path / 'cvat.zip', 'w') as archive:
        archive.writestr('annotations.xml', xml)
    import_masks(tmp_path / 'cvat.zip', folder, tmp_path / 'b2', 'cvat')
    under = np.zeros((10, 20), np.uint8)
    under[:9, :9] = 1
    np.testing.assert_array_equal(read_back(tmp_path / 'b2')['x.jpg'], np.where(expected, expected, under))


def changed_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def first(tasks):
    return tasks[0]['annotations'][0]['result'][0]


@pytest.mark.parametrize(
    ('name', 'file', 'change', 'message'),
    [
        ('coco', 'annotations.json', lambda c: c['images'][0].update(file_name='../x.jpg'), "but got '../x.jpg'"),
        ('coco', 'annotations.json', lambda c: c['images'][0].update(width=9), r'Expected the size \[40, 50\]'),
        ('coco', 'annotations.json', lambda c: c['categories'][0].update(name='fog'), "Expected a class of .*'fog'"),
        ('coco', 'annotations.json', lambda c: c.pop('categories'), r"\['categories'\] are missing"),
        ('coco-rle', 'annotations.json', lambda c: c['annotations'][0]['segmentation'].update(counts=[7]),
         'run lengths that add up to 2000, but got 7'),
        ('coco', 'annotations.json', lambda c: c['annotations'][0].update(segmentation=[[1, 2, 3, 4]]),
         'at least three corners x, y, but got 4 numbers'),
        ('label-studio', 'tasks.json', lambda c: c[0]['data'].update(mmwsss_path='y.jpg'), "but got 'y.jpg'"),
        ('label-studio', 'tasks.json', lambda c: first(c).update(original_width=3),
         r'Expected regions of the size \(40, 50\)'),
        ('label-studio', 'tasks.json', lambda c: first(c).update(type='keypoint'),
         "Expected brushlabels or polygonlabels in .*, but got 'keypoint'"),
        ('label-studio', 'tasks.json', lambda c: first(c)['value'].update(rle=[0, 0, 31, 64]),
         'Expected a brush code of 8000 values'),
        ('label-studio', 'tasks.json', lambda c: first(c)['value'].update(rle=first(c)['value']['rle'][:-9]),
         'Expected a brush code of 8000 values, but it ends after'),
    ],
)  # fmt: skip
def test_files_that_do_not_belong(folder, tmp_path, name, file, change, message):
    export_masks(folder, tmp_path / 'out', name)
    if name == 'label-studio':
        as_annotated(tmp_path / 'out')
    changed_json(tmp_path / 'out' / file, change)
    with pytest.raises(ValueError, match=message):
        import_masks(tmp_path / 'out', folder, tmp_path / 'back', name)


@pytest.mark.parametrize(
    ('name', 'file', 'old', 'new', 'message'),
    [
        ('cvat', 'annotations.xml', 'label="smoke"', 'label="fog"', "Expected a class of .*'fog'"),
        ('cvat', 'annotations.xml', 'left="5"', 'left="30"', 'Expected a box inside'),
        ('cvat', 'annotations.xml', '<annotations>', '<annotations', 'Expected CVAT annotations'),
        ('cvat', 'annotations.xml', 'width="50"', 'width="51"', r'Expected the size \(40, 50\)'),
        ('yolo-seg', 'labels/train/full.txt', '1 ', '9 ', r'full\.txt: Expected a class in .* in line 1, but got 9'),
        ('yolo-seg', 'labels/train/full.txt', '1 ', 'x ', 'Expected a class and coordinates in line 1'),
        ('yolo-seg', 'data.yaml', 'smoke', 'fog', "Expected a class of .*'fog'"),
        ('voc', 'labelmap.txt', 'smoke', 'fog', "Expected a class of .*'fog'"),
    ],
)  # fmt: skip
def test_texts_that_do_not_belong(folder, tmp_path, name, file, old, new, message):
    export_masks(folder, tmp_path / 'out', name)
    path = tmp_path / 'out' / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        import_masks(tmp_path / 'out', folder, tmp_path / 'back', name)


def test_voc_with_other_values(folder, tmp_path):
    """The label map of the tool says what its values mean."""
    export_masks(folder, tmp_path / 'out', 'voc')
    path = tmp_path / 'out' / 'labelmap.txt'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([*lines[:2], lines[3], lines[2], *lines[4:]]))  # 1 and 2 change places
    import_masks(tmp_path / 'out', folder, tmp_path / 'back', 'voc')
    assert (read_back(tmp_path / 'back')['full.jpg'] == 1).all()


def test_options_and_folders(folder, tmp_path):
    with pytest.raises(ValueError, match=r"Expected a format of \['coco'.*\], but got 'tiff'"):
        export_masks(folder, tmp_path / 'o', 'tiff')
    with pytest.raises(ValueError, match='Expected tolerance >= 0'):
        ExportOptions(tolerance=-1)
    with pytest.raises(ValueError, match="Expected images of .*, but got 'zip'"):
        ExportOptions(images='zip')
    with pytest.raises(FileNotFoundError, match=r'Expected a folder of masks with run\.json in '):
        export_masks(tmp_path / 'gone', tmp_path / 'o', 'coco')
    with pytest.raises(FileNotFoundError, match=r'Expected a file or folder of coco in .*gone'):
        import_masks(tmp_path / 'gone', folder, tmp_path / 'o', 'coco')
    out = tmp_path / 'voc'
    export_masks(folder, out, 'voc', ExportOptions(images='copy'))
    assert not (out / 'JPEGImages' / 'empty.jpg').is_symlink() and (out / 'JPEGImages' / 'same.jpg.jpg').is_file()
    Path(MaskFolder(folder).items[0].img_path).unlink()
    with pytest.raises(FileNotFoundError, match='Expected the image .*1.jpg, but there is no such file'):
        export_masks(folder, tmp_path / 'o', 'yolo-seg')
