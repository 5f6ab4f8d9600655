"""Segmentors as ONNX, and the small runner."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import mmwsss_lite  # noqa: E402
from mmwsss.apis.onnx_export import export_onnx, load_segmentor  # noqa: E402
from mmwsss.exports.onnx_int8 import iou_of, labels_alike, pairs_of, quantise  # noqa: E402
from mmwsss.exports.onnx_segmentor import SegmentorGraph, compare_with_torch, export_segmentor  # noqa: E402
from mmwsss.weights.threshold_shift import write_at_threshold  # noqa: E402

ROOT = Path(__file__).parents[2]
SIZE = (64, 96)
CLASSES = ['background', 'smoke', 'nuée']

MIT = {'type': 'MixVisionTransformer', 'embed_dims': 8, 'num_stages': 4, 'num_layers': [1, 1, 1, 1],
       'num_heads': [1, 1, 2, 2], 'patch_sizes': [7, 3, 3, 3], 'sr_ratios': [8, 4, 2, 1], 'out_indices': (0, 1, 2, 3),
       'mlp_ratio': 2}  # fmt: skip
LITE0 = {'type': 'mmpretrain.TIMMBackbone', 'model_name': 'tf_efficientnet_lite0', 'features_only': True,
         'pretrained': False, 'out_indices': (1, 2, 3, 4)}  # fmt: skip


def settings(backbone, channels, indices, align_corners=False):
    return {
        'type': 'EncoderDecoder',
        'data_preprocessor': {
            'type': 'SegDataPreProcessor', 'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375],
            'bgr_to_rgb': True, 'pad_val': 0, 'seg_pad_val': 255, 'size': SIZE,
        },
        'backbone': backbone,
        'decode_head': {
            'type': 'SegformerHead', 'in_channels': channels, 'in_index': indices, 'channels': 16, 'num_classes': 3,
            'norm_cfg': {'type': 'BN'}, 'align_corners': align_corners, 'dropout_ratio': 0.1,
            'loss_decode': {'type': 'CrossEntropyLoss'},
        },
        'test_cfg': {'mode': 'whole'},
    }  # fmt: skip


NETWORKS = {
    'mit': settings(MIT, [8, 8, 16, 16], [0, 1, 2, 3]),
    'mit, corners': settings(MIT, [8, 8, 16, 16], [0, 1, 2, 3], True),
    'lite0': settings(LITE0, [24, 40, 112, 320], [0, 1, 2, 3]),
}


def checkpoint(tmp_path, name):
    """A network with weights that give every class some pixels, saved as a runner saves it."""
    from mmseg.registry import MODELS

    init_default_scope('mmseg')
    torch.manual_seed(1)
    model = MODELS.build(NETWORKS[name])
    model.init_weights()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # statistics that are not those of a new layer
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    images = torch.from_numpy(np.stack(pictures()).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        logits = SegmentorGraph(model)(images).transpose(0, 1).flatten(1)
        scale = 2 / logits.std(1)
        model.decode_head.conv_seg.bias.copy_((model.decode_head.conv_seg.bias - logits.mean(1)) * scale)
        model.decode_head.conv_seg.weight *= scale[:, None, None, None]
    config = Config({'model': NETWORKS[name], 'default_scope': 'mmseg'})
    path = tmp_path / 'segmentor.pth'
    meta = {'cfg': config.pretty_text, 'dataset_meta': {'classes': tuple(CLASSES)}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return path


def pictures(number=6, size=SIZE):
    """Smooth pictures, as photographs are."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(number):
        rough = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8))
        rows.append(np.asarray(rough.resize(size[::-1], Image.Resampling.BICUBIC)))
    return rows


@pytest.mark.parametrize('name', NETWORKS)
def test_labels_are_those_of_mmsegmentation(tmp_path, name):
    """Picture to mask: the runner against the host's own test step, on pictures of other sizes."""
    from mmcv.transforms import Compose
    from mmseg.datasets.transforms import PackSegInputs  # noqa: F401

    path = checkpoint(tmp_path, name)
    done = export_onnx(path, tmp_path / 'm.onnx')
    assert done['labels_alike'] >= 0.999 and done['largest_difference'] < 1e-4 * done['largest_logit']
    model, classes = load_segmentor(path)
    runner = mmwsss_lite.Segmentor(tmp_path / 'm.onnx', threads=1)
    assert runner.classes == classes == CLASSES and runner.size == SIZE
    pipeline = Compose([{'type': 'mmwsss.LoadPicture'}, {'type': 'Resize', 'scale': SIZE[::-1], 'keep_ratio': False},
                        {'type': 'PackSegInputs'}])  # fmt: skip
    found = set()
    for size in ((64, 96), (90, 70), (200, 301)):
        file = tmp_path / 'picture.png'
        Image.fromarray(pictures(1, size)[0]).save(file)
        packed = pipeline({'img_path': str(file)})
        with torch.no_grad():
            sample = model.test_step({'inputs': [packed['inputs']], 'data_samples': [packed['data_samples']]})[0]
        expected, logits = sample.pred_sem_seg.data[0].numpy(), sample.seg_logits.data
        label, probability = runner(mmwsss_lite.read_picture(file))
        assert label.shape == size and (label == expected).mean() > 0.99  # the resize differs by a level at most
        np.testing.assert_allclose(probability, logits.softmax(0).max(0).values, atol=0.1)
        found |= set(np.unique(expected).tolist())
    assert len(found) > 1


def test_free_size(tmp_path):
    pytest.importorskip('onnxscript')
    path = checkpoint(tmp_path, 'mit')
    export_onnx(path, tmp_path / 'm.onnx', free_size=True)
    assert [row.name for row in tmp_path.glob('m.onnx*')] == ['m.onnx']  # weights are inside
    model, _ = load_segmentor(path)
    for size in ((64, 64), (96, 160), (128, 32)):
        done = compare_with_torch(model, tmp_path / 'm.onnx', pictures(2, size))
        assert done['labels_alike'] >= 0.999 and done['largest_difference'] < 1e-4 * done['largest_logit']


def test_fixed_size_takes_any_number(tmp_path):
    import onnxruntime

    model, classes = load_segmentor(checkpoint(tmp_path, 'mit'))
    export_segmentor(model, tmp_path / 'm.onnx', SIZE, classes)
    session = onnxruntime.InferenceSession(str(tmp_path / 'm.onnx'), providers=['CPUExecutionProvider'])
    images = np.stack(pictures(3)).transpose(0, 3, 1, 2).astype(np.float32)
    (together,) = session.run(None, {'image': images})
    for index in range(3):
        np.testing.assert_allclose(
            session.run(None, {'image': images[index : index + 1]})[0][0], together[index], atol=1e-4
        )


def test_network_on_bgr(tmp_path):
    model, _ = load_segmentor(checkpoint(tmp_path, 'mit'))
    image = torch.from_numpy(np.stack(pictures(1)).transpose(0, 3, 1, 2).astype(np.float32))
    expected = SegmentorGraph(model)(image.flip(1))
    model.data_preprocessor.channel_conversion = False
    torch.testing.assert_close(SegmentorGraph(model)(image), expected)


def test_int8(tmp_path, monkeypatch):
    source = checkpoint(tmp_path, 'lite0')
    export_onnx(source, tmp_path / 'm.onnx')
    quantise(tmp_path / 'm.onnx', tmp_path / 'q.onnx', pictures(12))
    assert (tmp_path / 'q.onnx').stat().st_size < 0.45 * (tmp_path / 'm.onnx').stat().st_size
    assert labels_alike(tmp_path / 'm.onnx', tmp_path / 'm.onnx', pictures(2)) == 1
    assert mmwsss_lite.Segmentor(tmp_path / 'q.onnx').classes == CLASSES
    folder, masks = tmp_path / 'val', tmp_path / 'masks'
    runner = mmwsss_lite.Segmentor(tmp_path / 'm.onnx')
    for number, picture in enumerate(pictures(4)):
        for where, array in ((folder, picture), (masks, runner(picture)[0])):
            where.mkdir(exist_ok=True)
            Image.fromarray(array).save(where / f'{number}.png')
    val = pairs_of(folder, masks)
    assert iou_of(tmp_path / 'm.onnx', val) == 1  # its own labels
    assert 0.5 < iou_of(tmp_path / 'q.onnx', val) < 1
    (masks / '2.png').unlink()
    with pytest.raises(FileNotFoundError, match='Expected a mask .*2.png of the picture .*2.png'):
        pairs_of(folder, masks)
    import onnx

    kinds = [node.op_type for node in onnx.load(tmp_path / 'q.onnx').graph.node]
    assert kinds.index('Conv') < kinds.index('DequantizeLinear') or 'QuantizeLinear' not in kinds[: kinds.index('Conv')]
    monkeypatch.setattr('mmwsss.apis.onnx_export.iou_of', lambda path, _: 0.5 if path.suffix == '.float' else 0.4)
    names = [row[0] for row in val]
    with pytest.raises(ValueError, match=r'at most 0\.5% of IoU, but it goes from 50\.00% to 40\.00%'):
        export_onnx(source, tmp_path / 'bad.onnx', pictures=names, int8=True, val=val)
    assert not list(tmp_path.glob('*bad.onnx*'))
    with pytest.raises(ValueError, match='Expected pictures to calibrate'):
        quantise(tmp_path / 'm.onnx', tmp_path / 'q.onnx', [])


def test_what_the_file_says_of_itself(tmp_path):
    import onnxruntime

    path = checkpoint(tmp_path, 'mit')
    export_onnx(path, tmp_path / 'm.onnx')
    kept = onnxruntime.InferenceSession(str(tmp_path / 'm.onnx')).get_modelmeta().custom_metadata_map
    model = load_segmentor(path)[0]
    assert json.loads(kept['mean']) == pytest.approx(model.data_preprocessor.mean.flatten().tolist())
    assert json.loads(kept['std']) == pytest.approx(model.data_preprocessor.std.flatten().tolist())
    assert json.loads(kept['threshold']) == 0.5
    write_at_threshold(path, 0.2, tmp_path / 'final.pth')
    export_onnx(tmp_path / 'final.pth', tmp_path / 'final.onnx')
    kept = onnxruntime.InferenceSession(str(tmp_path / 'final.onnx')).get_modelmeta().custom_metadata_map
    assert json.loads(kept['threshold']) == 0.2
    with pytest.raises(ValueError, match='Expected no threshold for the segmentor .*: mmwsss set_threshold writes'):
        export_onnx(path, tmp_path / 'other.onnx', threshold=0.4)


def test_errors_leave_no_file(tmp_path, monkeypatch):
    path = checkpoint(tmp_path, 'mit')
    model, classes = load_segmentor(path)
    with pytest.raises(ValueError, match=r"Expected 3 names of classes, background first, but got \['a'\]"):
        export_segmentor(model, tmp_path / 'm.onnx', SIZE, ['a'])
    with pytest.raises(TypeError, match='Expected an EncoderDecoder of MMSegmentation, but got Linear'):
        SegmentorGraph(torch.nn.Linear(1, 1))
    worse = {'labels_alike': 0.9, 'largest_difference': 1.0, 'largest_logit': 1.0}
    monkeypatch.setattr('mmwsss.apis.onnx_export.compare_with_torch', lambda *_: worse)
    with pytest.raises(ValueError, match=r'on 99\.9% of the pixels, but got 90\.000%'):
        export_onnx(path, tmp_path / 'm.onnx')
    assert not list(tmp_path.glob('*.onnx*'))
    content = torch.load(path, weights_only=True)
    content['meta'].pop('dataset_meta')
    torch.save(content, tmp_path / 'nameless.pth')
    with pytest.raises(ValueError, match='Expected names of classes in .*nameless.pth'):
        load_segmentor(tmp_path / 'nameless.pth')


@pytest.mark.parametrize('align_corners', [False, True])
def test_resize_is_pytorchs(align_corners):
    rng = np.random.default_rng(0)
    for before, after in [((5, 7), (20, 9)), ((40, 31), (7, 12)), ((1, 1), (3, 4)), ((6, 6), (6, 6))]:
        plane = rng.normal(size=before).astype(np.float32)
        expected = F.interpolate(
            torch.from_numpy(plane)[None, None], after, mode='bilinear', align_corners=align_corners
        )
        np.testing.assert_allclose(mmwsss_lite.resize(plane, after, align_corners), expected[0, 0], atol=2e-5)


@pytest.fixture
def folder(tmp_path):
    for name, size in (('été/a.jpg', (50, 70)), ('b.png', (64, 96))):
        path = tmp_path / 'pictures' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures(1, size)[0]).save(path)
    (tmp_path / 'pictures' / 'c.jpg').write_bytes(b'broken')
    return tmp_path / 'pictures'


def test_runner_without_torch(tmp_path, folder):
    """As a small computer has it: nothing but onnxruntime, numpy and pillow."""
    export_onnx(checkpoint(tmp_path, 'mit'), tmp_path / 'm.onnx')
    alone = tmp_path / 'alone'
    alone.mkdir()
    (alone / 'mmwsss_lite.py').write_bytes((ROOT / 'mmwsss_lite.py').read_bytes())
    arguments = ['lite', str(tmp_path / 'm.onnx'), str(folder), '--out', str(tmp_path / 'out'), '--threads', '1']
    code = (
        'import sys\n'
        "for name in ('torch', 'cv2', 'mmwsss', 'mmengine', 'scipy', 'onnx'): sys.modules[name] = None\n"
        f'sys.argv = {arguments}\nimport mmwsss_lite\nmmwsss_lite.main()\n'
    )
    environment = {'PYTHONPATH': str(alone), 'PATH': '/usr/bin:/bin', 'PYTHONIOENCODING': 'utf-8'}
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, cwd=alone, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1, done.stderr  # one picture is broken
    assert '3 pictures, 1 failed' in done.stdout and 'c.jpg' in done.stderr
    with open(tmp_path / 'out' / 'area.csv', encoding='utf-8') as handle:
        rows = list(csv.DictReader(handle))
    assert [(row['camera'], row['source'], row['status']) for row in rows] == [
        ('', 'b.png', 'ok'), ('', 'c.jpg', 'failed'), ('été', 'été/a.jpg', 'ok'),
    ]  # fmt: skip
    assert (tmp_path / 'out' / 'events.csv').read_text().startswith('event,camera,class,start,')
    runner = mmwsss_lite.Segmentor(tmp_path / 'm.onnx')
    for name in ('b.png', 'été/a.jpg'):
        label, probability = runner(mmwsss_lite.read_picture(folder / name))
        with Image.open(tmp_path / 'out' / 'masks' / f'{name}.png') as image:
            assert image.mode == 'P' and image.getpalette()[3:6] == [128, 0, 0]
            np.testing.assert_array_equal(np.asarray(image), label)
        (row,) = (row for row in rows if row['source'] == name)
        for value, class_name in enumerate(CLASSES[1:], 1):
            inside = label == value
            assert float(row[f'area_{class_name}']) == pytest.approx(inside.mean(), abs=1e-6)
            assert int(row[f'components_{class_name}']) > 0 or not inside.any()
            if inside.any():
                assert float(row[f'score_{class_name}']) == pytest.approx(probability[inside].mean(), abs=1e-4)


def test_runner_errors(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match='Expected an ONNX network in .*gone'):
        mmwsss_lite.Segmentor(tmp_path / 'gone')
    with pytest.raises(FileNotFoundError, match='Expected a picture or a folder in .*gone'):
        list(mmwsss_lite.pictures_of(tmp_path / 'gone'))
    import onnx

    export_onnx(checkpoint(tmp_path, 'mit'), tmp_path / 'm.onnx')
    model = onnx.load(tmp_path / 'm.onnx')
    kept = {row.key: json.loads(row.value) for row in model.metadata_props}
    assert kept['size'] == list(SIZE) and len(kept['checkpoint_sha256']) == 64 and kept['free_size'] is False
    del model.metadata_props[:]
    onnx.save(model, tmp_path / 'bare.onnx')
    with pytest.raises(ValueError, match='Expected a network that mmwsss exported'):
        mmwsss_lite.Segmentor(tmp_path / 'bare.onnx')


CLASSIFIERS = {
    'cam': ({'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'out_indices': (3,)},
            {'type': 'mmwsss.PooledHead', 'num_classes': 2, 'in_channels': 64}, False),
    'pcm': ({'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'out_indices': (2, 3),
             'strides': (1, 2, 2, 1)},
            {'type': 'mmwsss.PCMHead', 'num_classes': 2, 'in_channels': (32, 64), 'feature_channels': 8,
             'correlation_channels': 8}, True),
}  # fmt: skip
CLASSIFIERS['cam of kept features'] = (
    {'type': 'mmwsss.KeptFeatures', 'backbone': CLASSIFIERS['cam'][0], 'folder': 'features'},
    *CLASSIFIERS['cam'][1:],
)


def classifier_checkpoint(tmp_path, name):
    """A small classifier that sees every class, saved as a runner saves it."""
    from mmwsss.registry import MODELS

    backbone, head, with_image = CLASSIFIERS[name]
    preprocessor = {'mean': [120.0, 110.0, 100.0], 'std': [60.0, 55.0, 50.0], 'to_rgb': True}
    model = {'type': 'mmwsss.MapClassifier', 'with_image': with_image, 'backbone': backbone, 'head': head,
             'data_preprocessor': preprocessor}  # fmt: skip
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    built = MODELS.build(model)
    built.init_weights()
    built.eval()
    layer = built.head.class_layers()[0]
    with torch.no_grad():
        layer.weight.normal_()
    path = tmp_path / f'{name}.pth'
    config = Config({'model': model, 'default_scope': 'mmpretrain'})
    meta = {'cfg': config.pretty_text, 'dataset_meta': {'classes': CLASSES[1:]}}
    torch.save({'state_dict': built.state_dict(), 'meta': meta}, path)
    return path


@pytest.mark.parametrize('name', CLASSIFIERS)
def test_class_maps_are_the_generators(tmp_path, name, monkeypatch):
    """Picture to mask: the runner against our generator, fusion and threshold."""
    monkeypatch.chdir(tmp_path)
    from mmwsss.apis import init_classifier
    from mmwsss.cam import CAMGenerator
    from mmwsss.refine.layer_fusion import LayerFusion
    from mmwsss.refine.threshold_mask import scores_to_mask

    path = classifier_checkpoint(tmp_path, name)
    done = export_onnx(path, tmp_path / 'm.onnx', size=SIZE, threshold=0.4)
    assert done['labels_alike'] >= 0.999 and done['largest_difference'] < 1e-4 * max(done['largest_logit'], 1)
    runner = mmwsss_lite.open_network(tmp_path / 'm.onnx', threads=1)
    assert isinstance(runner, mmwsss_lite.ClassMaps) and runner.classes == CLASSES and runner.threshold == 0.4
    model = init_classifier(path, device='cpu')
    seen = 0
    for picture in pictures(4):
        inputs = torch.from_numpy(picture.transpose(2, 0, 1).copy()).float()[[2, 1, 0]]
        inputs = model.data_preprocessor({'inputs': [inputs]})['inputs']
        cams = CAMGenerator(method=name.split()[0], classes='predicted')(model, inputs)
        fused = LayerFusion()({'layer_cams': cams.maps.transpose(0, 1).numpy(), 'img': picture})
        expected = scores_to_mask(fused['cam'], cams.class_index.numpy(), 0.4)
        label, score = runner(picture)
        assert (label == expected).mean() > 0.99 and score.min() >= 0 and score.max() <= 1
        seen += len(np.unique(expected)) > 1
    assert seen  # some picture shows a class


def test_maps_that_need_a_gradient_are_refused(tmp_path):
    from mmwsss.cam import AnyClassifier
    from mmwsss.exports.onnx_class_maps import ClassMapGraph
    from mmwsss.models.heads import ClassTokenHead, TransCAMHead

    model = torch.nn.Module()
    model.cam_classifier = torch.nn.Module()
    for head in (ClassTokenHead(1, 8), TransCAMHead(1, (8, 8))):  # the latter's maps are weighted by attention
        model.cam_classifier.head = head
        with pytest.raises(ValueError, match=f'but got {type(head).__name__}: maps that need a gradient .* or atten'):
            ClassMapGraph(model)
    with pytest.raises(ValueError, match='but got NoneType: maps that need a gradient'):  # none of ours
        ClassMapGraph(AnyClassifier(torch.nn.Linear(1, 1)))
    with pytest.raises(TypeError, match='Expected a classifier with maps, but got Linear'):
        ClassMapGraph(torch.nn.Linear(1, 1))
    path = classifier_checkpoint(tmp_path, 'cam')
    with pytest.raises(ValueError, match='Expected a segmentor for 8 bits, but .*cam.pth is a classifier'):
        export_onnx(path, tmp_path / 'm.onnx', size=SIZE, int8=True)
    with pytest.raises(ValueError, match=r'Expected a size \(height, width\) for .*cam.pth'):
        export_onnx(path, tmp_path / 'm.onnx')
    assert not list(tmp_path.glob('*.onnx*'))
