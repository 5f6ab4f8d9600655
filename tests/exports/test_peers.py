"""The tools themselves read what we write, and we read what they write; see requirements/peers.txt."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from conftest import write_masks
from test_round_trips import CLASSES, as_annotated, awkward_masks, read_back

from mmwsss.datasets.metainfo import IGNORE_LABEL, palette, segmentation_classes
from mmwsss.exports import ExportOptions, MaskFolder, export_masks, import_masks
from mmwsss.exports.brush_rle import decode_brush, encode_brush
from mmwsss.exports.cvat import decode_mask, encode_mask
from mmwsss.exports.outlines import bridged, fill, trace

IGNORE = '_ignore'


@pytest.fixture
def folder(tmp_path):
    return write_masks(tmp_path, awkward_masks(), CLASSES)


def random_masks(number=60):
    rng = np.random.default_rng(11)
    for _ in range(number):
        size = rng.integers(1, 40, 2)
        mask = rng.random(size) < rng.random()
        if mask.any():
            yield mask


def test_outlines_of_random_masks():
    coco = pytest.importorskip('pycocotools.mask')
    for mask in random_masks():
        regions = trace(mask)
        np.testing.assert_array_equal(fill([ring for region in regions for ring in region.rings], mask.shape), mask)
        codes = coco.frPyObjects([bridged(region).ravel().tolist() for region in regions], *map(int, mask.shape))
        np.testing.assert_array_equal(coco.decode(coco.merge(codes)), mask)


@pytest.mark.parametrize('name', ['coco', 'coco-rle'])
def test_pycocotools_reads_ours(folder, tmp_path, name):
    coco = pytest.importorskip('pycocotools.coco')
    export_masks(folder, tmp_path / 'out', name)
    data = coco.COCO(str(tmp_path / 'out' / 'annotations.json'))
    names = {row['name']: row['id'] for row in data.loadCats(data.getCatIds())}
    assert names == {**{name: value for value, name in enumerate(CLASSES, 1)}, IGNORE: IGNORE_LABEL}
    masks = awkward_masks()
    assert len(data.getImgIds()) == len(masks)
    for image in data.loadImgs(data.getImgIds()):
        mask = np.zeros((image['height'], image['width']), np.uint8)
        for row in data.loadAnns(data.getAnnIds(image['id'])):
            pixels = data.annToMask(row).astype(bool)
            assert row['area'] == pixels.sum() and row['iscrowd'] == (name == 'coco-rle')
            x, y, width, height = row['bbox']
            assert pixels[y : y + height, x : x + width].sum() == row['area']
            mask[pixels] = row['category_id']
        np.testing.assert_array_equal(mask, masks[image['file_name']])


def test_we_read_pycocotools(tmp_path):
    """Runs of pycocotools, and its uncompressed ones."""
    coco = pytest.importorskip('pycocotools.mask')
    mask = np.random.default_rng(0).integers(0, 2, (13, 21)).astype(np.uint8)
    folder = write_masks(tmp_path, {'x.jpg': np.zeros_like(mask)}, ['smoke'])
    packed = coco.encode(np.asfortranarray(mask))
    flat = mask.ravel(order='F')
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
    plain = {'size': [13, 21], 'counts': np.diff([0, *edges, flat.size]).tolist()}
    assert coco.frPyObjects(plain, 13, 21)['counts'] == packed['counts']
    for number, code in enumerate([{'size': [13, 21], 'counts': packed['counts'].decode()}, plain]):
        content = {
            'images': [{'id': 7, 'file_name': 'x.jpg', 'width': 21, 'height': 13}],
            'categories': [{'id': 44, 'name': 'smoke'}],
            'annotations': [{'id': 1, 'image_id': 7, 'category_id': 44, 'segmentation': code}],
        }
        (tmp_path / f'{number}.json').write_text(json.dumps(content))
        import_masks(tmp_path / f'{number}.json', folder, tmp_path / f'b{number}', 'coco')
        np.testing.assert_array_equal(read_back(tmp_path / f'b{number}')['x.jpg'], mask)


def test_label_studio_reads_ours_and_we_read_its(folder, tmp_path):
    brush = pytest.importorskip('label_studio_sdk.converter.brush')
    for mask in random_masks(20):
        theirs = brush.decode_rle(encode_brush(mask)).reshape(*mask.shape, 4)
        assert set(np.unique(theirs)) <= {0, 255} and (theirs == theirs[..., :1]).all()
        np.testing.assert_array_equal(theirs[..., 3] == 255, mask)
        np.testing.assert_array_equal(decode_brush(brush.mask2rle(mask.astype(np.uint8) * 255), mask.shape), mask)
    soft = np.zeros((4, 5, 4), np.uint8)  # the rim of a stroke: half opacity counts
    soft[1, :, 3] = [0, 127, 128, 255, 10]
    assert decode_brush(brush.encode_rle(soft.ravel()), (4, 5))[1].tolist() == [False, False, True, True, False]
    export_masks(folder, tmp_path / 'out', 'label-studio')
    masks = awkward_masks()
    for task in json.loads((tmp_path / 'out' / 'tasks.json').read_text()):
        mask = masks[task['data']['mmwsss_path']]
        regions = [{**row, **row['value']} for row in task['predictions'][0]['result']]
        layers = brush.decode_from_annotation('mask', regions)
        for name, value in {**{name: value for value, name in enumerate(CLASSES, 1)}, IGNORE: IGNORE_LABEL}.items():
            layer = layers.get(f'mask-{name}-0', np.zeros(mask.shape))
            np.testing.assert_array_equal(layer == 255, mask == value)


def test_label_studio_accepts_our_predictions(folder, tmp_path):
    interface = pytest.importorskip('label_studio_sdk.label_interface', exc_type=ImportError)
    export_masks(folder, tmp_path / 'out', 'label-studio')
    view = interface.LabelInterface((tmp_path / 'out' / 'label_config.xml').read_text())
    view.validate()
    tasks = json.loads((tmp_path / 'out' / 'tasks.json').read_text())
    for task in tasks:
        assert view.validate_prediction(task['predictions'][0], return_errors=True) == []
    tasks[0]['predictions'][0]['result'][0]['from_name'] = 'nothing'
    assert view.validate_prediction(tasks[0]['predictions'][0], return_errors=True)


def test_label_studio_finds_the_pictures(folder, tmp_path):
    """Addresses of local files lead to the pictures below the document root that is printed."""
    from urllib.parse import unquote

    done = export_masks(folder, tmp_path / 'out', 'label-studio')
    root = done['start the server with'].rsplit('=', 1)[1]
    tasks = json.loads((tmp_path / 'out' / 'tasks.json').read_text())
    for task, item in zip(tasks, MaskFolder(folder).items):
        address = task['data']['image']
        assert address.startswith('/data/local-files/?d=') and address.isascii() and ' ' not in address
        path = f'{root}/{unquote(address.split("?d=")[1])}'
        assert path == item.img_path
    export_masks(folder, tmp_path / 'o2', 'label-studio', ExportOptions(image_url='https://host/x/'))
    assert json.loads((tmp_path / 'o2' / 'tasks.json').read_text())[2]['data']['image'] == 'https://host/x/empty.jpg'
    with pytest.raises(ValueError, match='Expected images inside the document root'):
        export_masks(folder, tmp_path / 'o3', 'label-studio', ExportOptions(document_root=str(tmp_path / 'other')))
    pictures = str(Path(folder, '..', 'images').resolve())
    with pytest.raises(ValueError, match='Expected images in a sub-folder of the document root .* the server asks for'):
        export_masks(folder, tmp_path / 'o4', 'label-studio', ExportOptions(document_root=pictures))


def test_cvat_reads_ours_and_we_read_its():
    masks = pytest.importorskip('cvat_sdk.masks')
    for mask in random_masks():
        ours = encode_mask(mask)
        left, top, width, height = (int(ours[key]) for key in ('left', 'top', 'width', 'height'))
        code = [int(word) for word in ours['rle'].split(', ')]
        assert [*code, left, top, left + width - 1, top + height - 1] == masks.encode_mask(mask)
        *counts, x0, y0, x1, y1 = masks.encode_mask(mask, bbox=[0, 0, mask.shape[1], mask.shape[0]])
        box = {'rle': ','.join(map(str, counts)), 'left': x0, 'top': y0, 'width': x1 - x0 + 1, 'height': y1 - y0 + 1}
        np.testing.assert_array_equal(decode_mask({key: str(value) for key, value in box.items()}, mask.shape), mask)


def test_datumaro_reads_our_cvat_file(tmp_path):
    datumaro = pytest.importorskip('datumaro', exc_type=ImportError)
    # datumaro names images by their stem, so of x.jpg and x.png it takes one
    masks = {name: mask for name, mask in awkward_masks().items() if name != 'same.png'}
    folder = write_masks(tmp_path, masks, CLASSES)
    export_masks(folder, tmp_path / 'cvat', 'cvat', ExportOptions(images='link'))
    labels = [row.text for row in ET.parse(tmp_path / 'cvat' / 'annotations.xml').iterfind('.//label/name')]
    assert labels == [*CLASSES, IGNORE]
    data = datumaro.Dataset.import_from(str(tmp_path / 'cvat'), 'cvat')
    names = [row.name for row in data.categories()[datumaro.AnnotationType.label]]
    by_stem = {name.rsplit('.', 1)[0]: mask for name, mask in masks.items()}
    seen = set()
    for item in data:
        mask = np.zeros_like(by_stem[item.id])
        for row in item.annotations:
            name = names[row.label]
            mask[row.image.astype(bool)] = IGNORE_LABEL if name == IGNORE else CLASSES.index(name) + 1
        np.testing.assert_array_equal(mask, by_stem[item.id])
        seen.add(item.id)
    assert seen == set(by_stem)


@pytest.mark.parametrize('name', ['coco', 'yolo-seg'])
def test_supervision_reads_polygons(tmp_path, name):
    """Its reader fills edges inclusively: the mask grows by a rim, at most one pixel wide."""
    import cv2

    supervision = pytest.importorskip('supervision', exc_type=ImportError)
    from test_round_trips import plume

    folder = write_masks(tmp_path, {'p.jpg': plume(), 'q.jpg': np.zeros((9, 9), np.uint8)}, ['smoke'])
    out = tmp_path / 'out'
    export_masks(folder, out, name)
    load = supervision.DetectionDataset
    if name == 'coco':
        data = load.from_coco(str(tmp_path / 'images'), str(out / 'annotations.json'), force_masks=True)
    else:
        paths = [str(out / part) for part in ('images/train', 'labels/train', 'data.yaml')]
        data = load.from_yolo(*paths, force_masks=True)
    assert data.classes[-1] == 'smoke' and len(data) == 2
    found = next(row for path, _, row in data if path.endswith('p.jpg')).mask.any(0)
    mask = plume().astype(bool)
    assert not (mask & ~found).any()
    near = cv2.dilate(plume(), np.ones((3, 3), np.uint8)).astype(bool)
    assert not (found & ~near).any() and (found & ~mask).any()


def test_mmsegmentation_reads_our_voc(folder, tmp_path):
    from mmengine.registry import init_default_scope
    from mmseg.datasets import BaseSegDataset
    from mmseg.datasets.transforms import LoadAnnotations

    init_default_scope('mmseg')
    export_masks(folder, tmp_path / 'voc', 'voc')
    data = BaseSegDataset(
        data_root=str(tmp_path / 'voc'), ann_file='ImageSets/Segmentation/train.txt', img_suffix='.jpg',
        data_prefix={'img_path': 'JPEGImages', 'seg_map_path': 'SegmentationClass'}, reduce_zero_label=False,
        metainfo={'classes': segmentation_classes(CLASSES), 'palette': palette(3)}, pipeline=[],
    )  # fmt: skip
    items = MaskFolder(folder).items
    assert len(data) == len(items)
    for index, item in enumerate(items):
        info = data.get_data_info(index)
        np.testing.assert_array_equal(LoadAnnotations(imdecode_backend='pillow')(info)['gt_seg_map'], item.mask())
        if item.name.endswith('.jpg'):
            assert (tmp_path / 'voc' / 'JPEGImages' / f'{item.stem}.jpg').samefile(item.img_path)


def test_what_people_submit_untouched_changes_nothing(folder, tmp_path):
    export_masks(folder, tmp_path / 'out', 'label-studio')
    as_annotated(tmp_path / 'out')
    assert import_masks(tmp_path / 'out', folder, tmp_path / 'back', 'label-studio')['changed'] == 0
