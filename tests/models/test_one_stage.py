"""A segmentor that makes its own labels, against plain loops, and its ordinary checkpoint."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import toy_variables
from mmengine.registry import init_default_scope
from mmpretrain.structures import DataSample
from mmseg.registry import MODELS as SEG_MODELS
from test_pixel_and_patch_affinity import slow_pixel_adaptive

from mmwsss.apis import train
from mmwsss.apis.inference import init_segmentor
from mmwsss.config import load_config
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.models.affinity import PixelAdaptiveRefinement
from mmwsss.models.losses.balanced_cross_entropy import balanced_cross_entropy
from mmwsss.models.segmentors import TwoThresholdLabels
from mmwsss.models.segmentors.one_stage import ordinary_model
from mmwsss.models.segmentors.two_threshold_labels import two_threshold_labels
from mmwsss.registry import MODELS


@MODELS.register_module()
class TwoConvolutions(torch.nn.Sequential):
    """A backbone that sees few pixels around each."""

    def __init__(self):
        convs = [torch.nn.Conv2d(channels, 16, 3, 2, 1) for channels in (3, 16)]
        super().__init__(convs[0], torch.nn.ReLU(), convs[1], torch.nn.ReLU())

    def forward(self, x):
        return (super().forward(x),)


ARCH = {'embed_dims': 16, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 32}
VIT = {'type': 'mmwsss.TokenMapVisionTransformer', 'arch': ARCH, 'img_size': 32, 'patch_size': 8}


def map_classifier(classes=2, **more):
    head = {'type': 'mmwsss.PooledHead', 'num_classes': classes, 'in_channels': 16}
    return {'type': 'mmwsss.MapClassifier', 'head': head, **more}


def config(classes=2, **more):
    return {
        'type': 'mmwsss.OneStageSegmentor',
        'backbone': VIT,
        'neck': {'type': 'mmwsss.PatchMapNeck'},
        'decode_head': {
            'type': 'FCNHead', 'in_channels': 16, 'in_index': 0, 'channels': 16, 'num_convs': 1, 'concat_input': False,
            'num_classes': classes + 1, 'dropout_ratio': 0.0, 'norm_cfg': None, 'align_corners': False,
            'loss_decode': {'type': 'CrossEntropyLoss', 'avg_non_ignore': True},
        },
        'classifier': map_classifier(classes),
        'labels': {'type': 'mmwsss.TwoThresholdLabels', 'refinement': {'type': 'mmwsss.PixelAdaptiveRefinement'}},
        'train_cfg': {},
        'test_cfg': {'mode': 'whole'},
        'data_preprocessor': {'type': 'SegDataPreProcessor', 'mean': [127.0] * 3, 'std': [128.0] * 3},
        **more,
    }  # fmt: skip


def build(settings):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = SEG_MODELS.build(settings)
    model.init_weights()
    return model


def samples_of(scores, masks=None):
    samples = [DataSample().set_gt_score(torch.tensor(score)) for score in scores]
    for row, mask in (masks or {}).items():
        samples[row].set_field(mask, 'gt_seg_map')
    return samples


def slow_labels(img, maps, classes, low, high, dilations, num_iters):
    """One image at full size, pixel by pixel, its own classes alone."""
    found = []
    for beta in (low, high):
        scores = np.stack([np.full(maps.shape[1:], beta), *(maps[k] for k in classes)])
        scores = np.exp(scores) / np.exp(scores).sum(0)
        refined = slow_pixel_adaptive(img, scores, dilations, num_iters)
        found.append(np.array([0, *(k + 1 for k in classes)])[refined.argmax(0)])
    labels = np.full(maps.shape[1:], IGNORE_LABEL)
    for y, x in np.ndindex(*labels.shape):
        if found[1][y, x]:
            labels[y, x] = found[1][y, x]
        elif not found[0][y, x]:
            labels[y, x] = 0
    return labels


def test_two_threshold_labels_equal_a_loop():
    rng = np.random.default_rng(0)
    img, maps = rng.random((3, 3, 8, 7)), rng.random((3, 4, 8, 7))
    present = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]], bool)  # nobody has the second class
    made = two_threshold_labels(
        torch.from_numpy(img), torch.from_numpy(maps), torch.from_numpy(present), 0.4, 0.6,
        PixelAdaptiveRefinement(2, (1, 2)), shrink=1,
    ).numpy()  # fmt: skip
    for number in (0, 2):
        expected = slow_labels(img[number], maps[number], np.flatnonzero(present[number]), 0.4, 0.6, (1, 2), 2)
        assert (made[number] == expected).all()
    assert set(np.unique(made[0])) == {0, 1, 3, IGNORE_LABEL}  # all kinds occur
    assert not made[1].any()  # no class: all background


def test_two_threshold_labels_at_half_size_follow_the_thresholds():
    maps = torch.tensor([0.2, 0.45, 0.9]).repeat_interleave(8).expand(1, 1, 12, 24)
    labels = TwoThresholdLabels(0.3, 0.6, {'type': 'mmwsss.PixelAdaptiveRefinement', 'dilations': (1,)})
    made = labels(maps.expand(-1, 3, -1, -1), maps, torch.ones(1, 1, dtype=torch.bool))
    assert made.shape == (1, 12, 24)
    for column, expected in ((1, 0), (11, IGNORE_LABEL), (22, 1)):
        assert (made[0, :, column] == expected).all()
    with pytest.raises(ValueError, match=r'Expected 0 < low <= high < 1, but got 0\.6 and 0\.3\.'):
        TwoThresholdLabels(0.6, 0.3)
    with pytest.raises(ValueError, match='Expected images'):
        labels(maps.expand(-1, 3, -1, -1)[..., :5], maps, torch.ones(1, 1, dtype=torch.bool))


@pytest.mark.parametrize('flip', [False, True])
def test_the_loss_is_the_sum_of_its_parts(flip):
    model = build(config(seg_weight=0.3, map_flip=flip, map_scales=(1.0, 2.0) if flip else (1.0,))).eval()
    inputs, scores = torch.randn(3, 3, 32, 32), [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    losses = model.loss(inputs, samples_of(scores))
    head = model.map_classifier.head
    feats = model.backbone(inputs)
    entropy = F.binary_cross_entropy_with_logits(head(feats), torch.tensor(scores))
    assert losses['classifier.loss'].item() == pytest.approx(entropy.item(), rel=1e-5)

    def maps_of(images):
        small = head.class_maps(model.backbone(images)).relu()
        return F.interpolate(small, (32, 32), mode='bilinear', align_corners=False)

    maps = maps_of(inputs)
    if flip:
        maps = torch.maximum(maps, maps_of(inputs.flip(3)).flip(3))
        double = F.interpolate(inputs, (64, 64), mode='bilinear', align_corners=False)
        maps = maps + torch.maximum(maps_of(double), maps_of(double.flip(3)).flip(3))
    scaled = torch.stack([torch.stack([m / m.max() if m.max() > 0 else m for m in image]) for image in maps.detach()])
    labels = model.labels(inputs, scaled, torch.tensor(scores) > 0.5)
    assert not labels[1].any() and labels[0].any()
    logits = F.interpolate(model.decode_head([feats[0][0]]), (32, 32), mode='bilinear', align_corners=False)
    expected = 0.3 * F.cross_entropy(logits, labels, ignore_index=IGNORE_LABEL)
    assert losses['decode.loss_ce'].item() == pytest.approx(expected.item(), rel=1e-4)
    assert losses['ignored'].item() == pytest.approx((labels == IGNORE_LABEL).float().mean().item())
    losses['decode.loss_ce'].backward()
    assert head.fc.weight.grad is None  # labels have no gradient
    assert model.backbone.patch_embed.projection.weight.grad.abs().sum() > 0  # the decoder teaches the encoder


def test_map_scales_fit_the_patches_of_any_transformer():
    """DINOv2's patches have 14 pixels; half of 56 is two of them."""
    tiny = {'embed_dim': 16, 'depth': 2, 'num_heads': 2}
    backbone = {'type': 'mmwsss.TimmTokens', 'name': 'vit_small_patch14_dinov2.lvd142m', **tiny}
    model = build(config(backbone=backbone, map_scales=(0.5, 1.0)))
    maps = model.label_maps(torch.randn(1, 3, 56, 84))
    assert maps.shape == (1, 2, 56, 84) and maps.isfinite().all()


def test_warm_up_and_known_masks():
    model = build(config(1, warm_up=2)).train()
    inputs, scores = torch.randn(2, 3, 32, 32), [[1.0], [0.0]]
    assert set(model.loss(inputs, samples_of(scores))) == {'classifier.loss'}
    mask = np.zeros((32, 32), np.uint8)
    mask[:8] = 1
    of_composite = model.loss(inputs, samples_of(scores, {0: mask}))
    assert of_composite['labelled_as_class'].item() == 0.25 and of_composite['ignored'].item() == 0
    assert model.steps.item() == 2
    of_both = model.loss(inputs, samples_of(scores, {0: mask}))  # its maps say something else
    assert of_both['labelled_as_class'].item() == 0.125
    assert 'decode.loss_ce' in model.loss(inputs, samples_of(scores))


def test_the_encoder_is_shared_and_stands_once(tmp_path):
    teacher = map_classifier(backbone=VIT, data_preprocessor={'mean': [100.0] * 3, 'std': [50.0] * 3})
    init_default_scope('mmpretrain')
    trained = SEG_MODELS.build({**teacher, 'type': 'mmwsss.MapClassifier'})
    torch.save({'state_dict': trained.state_dict()}, tmp_path / 'teacher.pth')
    distiller = {
        'type': 'mmwsss.CrossArchDistiller', 'student': map_classifier(), 'teacher': teacher,
        'teacher_checkpoint': str(tmp_path / 'teacher.pth'), 'student_map': 'class_maps',
        'kt_loss': {'type': 'mmwsss.CosineGlobalKTLoss'},
    }  # fmt: skip
    pairs = {'type': 'mmwsss.AllPairsConsistency', 'model': distiller}
    model = build(config(classifier=pairs))
    names = [name for name, _ in model.named_parameters()]
    assert not any('teacher.backbone' not in name and '.backbone' in name for name in names)
    assert not any('teacher' in name for name in model.state_dict())
    assert torch.equal(model.classifier.model.teacher.head.fc.weight, trained.head.fc.weight)
    model.train()
    assert model.map_classifier.backbone is model.backbone and model.map_classifier.training
    calls = []
    handle = model.backbone.register_forward_hook(lambda *_: calls.append(1))
    losses = model.loss(torch.randn(2, 3, 32, 32), samples_of([[1.0, 0.0], [0.0, 1.0]]))
    handle.remove()
    assert len(calls) == 2  # image and view: the decoder costs no pass of its own
    expected = {'bce', 'kt', 'bce_view', 'kt_view', 'activation', 'affinity'}
    assert {name for name in losses if 'classifier' in name} == {f'classifier.loss_{name}' for name in expected}
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert model.backbone.patch_embed.projection.weight.grad.abs().sum() > 0
    assert model.classifier.model.teacher.head.fc.weight.grad is None


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'classifier': map_classifier(backbone=VIT)}, 'Expected a classifier without a backbone of its own'),
        ({'classifier': map_classifier(3)}, 'Expected a decode_head of 4 classes, .*, but got 3'),
        ({'seg_weight': 0.0}, r'Expected warm_up >= 0, seg_weight > 0 .*, but got 0, 0\.0 and'),
        (
            {'classifier': map_classifier(head={'type': 'mmwsss.ClassTokenHead', 'num_classes': 2, 'in_channels': 16})},
            'whose head has class maps, but got ClassTokenHead',
        ),
    ],
)
def test_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        build(config(**changes))


def test_it_learns_where_the_class_is_from_image_labels():
    model = build(config(1, warm_up=40, seg_weight=1.0, backbone={'type': 'mmwsss.TwoConvolutions'}, neck=None)).train()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    rng = np.random.default_rng(0)

    def batch(number=16):
        images, masks = torch.from_numpy(rng.normal(0, 0.1, (number, 3, 32, 32))).float(), np.zeros((number, 32, 32))
        for image, mask in zip(images[::2], masks[::2]):
            y, x = rng.integers(0, 17, 2)
            mask[y : y + 16, x : x + 16] = 1
            image[:, mask > 0] += 1.0
        return images, masks

    for _ in range(120):
        images, masks = batch()
        losses = model.loss(images, samples_of([[float(mask.any())] for mask in masks]))
        optimiser.zero_grad()
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        optimiser.step()
    images, masks = batch(32)
    with torch.no_grad():
        logits = model.eval()(images, mode='tensor')
    found = F.interpolate(logits, (32, 32), mode='bilinear', align_corners=False).argmax(1).numpy()
    assert (found * masks).sum() / np.maximum(found, masks).sum() > 0.5
    assert found[1::2].mean() < 0.02


@pytest.mark.filterwarnings('ignore')
def test_the_checkpoint_is_ordinary_and_a_resumed_run_goes_on(toy, tmp_path):
    options = {
        'img_size': 64, 'batch_size': 4, 'epochs': 2, 'steps_per_epoch': 2, 'pretrained': False, 'num_workers': 0,
        'warm_up_share': 0.5,
    }  # fmt: skip
    data = {**toy_variables(toy), 'negative_classes': ['no_smoke']}

    def trained(epochs):
        cfg = load_config('configs/seg/one_stage_lite0_composites.py', options, data=data)
        cfg.train_cfg.max_epochs = epochs
        return train(cfg, tmp_path / 'work', resume=True).model.eval()

    first = trained(1)
    assert first.steps.item() == 2
    path = tmp_path / 'work' / 'epoch_1.pth'
    checkpoint = torch.load(path, weights_only=False)
    assert {name.split('.')[0] for name in checkpoint['state_dict']} == {'backbone', 'decode_head'}
    plain = init_segmentor(None, path)
    assert type(plain).__name__ == 'EncoderDecoder' and tuple(plain.class_names) == ('smoke',)
    given = init_segmentor(load_config('configs/seg/one_stage_lite0_composites.py', options, data=data), path)
    assert type(given).__name__ == 'EncoderDecoder'  # by the training's own config, as reports have it
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(plain(images, mode='tensor'), first(images, mode='tensor'))
    resumed = trained(2)
    assert resumed.steps.item() == 4
    moved = (resumed.map_classifier.head.fc.weight - first.map_classifier.head.fc.weight).abs().max()
    assert 0 < moved < 0.02  # two steps away, not drawn anew


def test_balanced_cross_entropy_by_hand():
    logits, labels = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    labels[0, :2] = IGNORE_LABEL
    halves = {True: [], False: []}
    for place in (labels != IGNORE_LABEL).nonzero().tolist():
        b, y, x = place
        value = -logits[b, :, y, x].log_softmax(0)[labels[b, y, x]]
        halves[labels[b, y, x].item() == 0].append(value.item())
    expected = (np.mean(halves[True]) + np.mean(halves[False])) / 2
    assert balanced_cross_entropy(logits, labels).item() == pytest.approx(expected, rel=1e-5)
    empty = torch.zeros_like(labels)
    alone = balanced_cross_entropy(logits, empty)
    assert alone.item() == pytest.approx(F.cross_entropy(logits, empty).item() / 2, rel=1e-5)
    assert balanced_cross_entropy(logits, torch.full_like(labels, IGNORE_LABEL)).item() == 0
    with pytest.raises(ValueError, match='Expected logits'):
        balanced_cross_entropy(logits, labels[:, :3])


def test_balanced_by_class_by_hand():
    logits, labels = torch.randn(2, 4, 4, 5, requires_grad=True), torch.randint(0, 3, (2, 4, 5))  # class 3 is absent
    labels[1, :2] = IGNORE_LABEL
    means = []
    for value in range(3):
        places = (labels == value).nonzero().tolist()
        means.append(np.mean([-logits[b, :, y, x].log_softmax(0)[value].item() for b, y, x in places]))
    expected = (means[0] + (means[1] + means[2]) / 2) / 2
    loss = balanced_cross_entropy(logits, labels, by_class=True)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert (logits.grad[1, :, :2] == 0).all() and (logits.grad[0] != 0).all()
    empty = torch.zeros_like(labels)
    assert balanced_cross_entropy(logits, empty, by_class=True).item() == pytest.approx(
        F.cross_entropy(logits, empty).item() / 2, rel=1e-5
    )
    assert balanced_cross_entropy(logits, torch.full_like(labels, IGNORE_LABEL), by_class=True).item() == 0


def test_the_ordinary_config_is_what_the_host_builds():
    model = build(ordinary_model(config()))
    assert type(model).__name__ == 'EncoderDecoder' and not hasattr(model, 'classifier')
