"""The small networks on ImageNet's EfficientNet-Lite0: a hybrid student, its teacher, the segmentor."""

import copy

import pytest
import torch
from conftest import OURS
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmpretrain.structures import DataSample
from mmseg.registry import MODELS as SEG_MODELS
from mmseg.structures import SegDataSample

from mmwsss.cam import CAMGenerator
from mmwsss.cam.layer_tap import LayerTap, target_layers
from mmwsss.config import load_config
from mmwsss.models.backbones.attention import explicit_attention
from mmwsss.registry import MODELS
from mmwsss.weights.packages import read_package

SMALL = {'img_size': 64, 'embed_dims': 64, 'num_layers': 2}
STEM = 'patch_embed.projection.backbone.network.'


def config(**options):
    init_default_scope('mmpretrain')
    return load_config('configs/ts_vitb_r50_cos_global.py', {**SMALL, **OURS, **options}, scale='small')


def build(settings):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(settings if isinstance(settings, dict) else settings.to_dict()))
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def weights():
    return read_package('package://efficientnet-lite0')


def batch(classes=1, size=64):
    torch.manual_seed(2)
    samples = [DataSample().set_gt_score(torch.full((classes,), float(index % 2))) for index in range(2)]
    return torch.randn(2, 3, size, size), samples


@pytest.mark.parametrize(
    ('options', 'stem', 'grid'),
    [
        ({}, (3, 112), 4),
        ({'stem_stage': 2, 'patch_size': 8, 'stem_stride': 32}, (2, 40), 8),
        ({'stem_stage': 2, 'patch_size': 16, 'stem_stride': 32}, (2, 40), 4),
        ({'stem_stage': 3, 'patch_size': 8, 'stem_stride': 8}, (3, 112), 8),
        ({'stem_stage': 4}, (4, 320), 4),
    ],
)
def test_stem_grid_and_weights(options, stem, grid, weights):
    backbone = build(config(**options).student.backbone)
    backbone.eval()  # the host returns None here
    projection = backbone.patch_embed.projection
    assert projection.backbone.out_indices == [stem[0]] and projection.proj.in_channels == stem[1]
    state = {k.removeprefix(STEM): v for k, v in backbone.state_dict().items() if k.startswith(STEM)}
    assert len(state) > 80 and all(torch.equal(value, weights[key]) for key, value in state.items())
    patch_map, token = backbone(torch.randn(2, 3, 64, 96))[-1]
    assert patch_map.shape == (2, 64, grid, grid * 3 // 2) and token.shape == (2, 64)


def test_patches_see_their_own_place():
    """A patch's embedding depends on the pixels around it, not on those at the other end."""
    stem = build(config(img_size=256, stem_stage=2, patch_size=8, stem_stride=32).student.backbone)
    stem.eval()
    x = torch.zeros(1, 3, 256, 256)
    changed = x.clone()
    changed[..., :16, :16] = 1
    with torch.no_grad():
        moved = (stem.patch_embed(changed)[0] - stem.patch_embed(x)[0]).abs().sum(2).view(32, 32) > 1e-4
    assert moved[0, 0] and not moved[16:].any() and not moved[:, 16:].any()


@pytest.mark.parametrize('head', ['PooledHead', 'ClassTokenHead'])
def test_maps_of_every_kind(head):
    student = build(config(head_type=f'mmwsss.{head}').student).eval()
    inputs, _ = batch()
    methods = ['gradcam', 'gradcampp', 'layercam', 'scorecam', 'rollout', 'acr', 'acr_unrefined']
    for method in methods + ['cam'] * (head == 'PooledHead'):
        generator = CAMGenerator(method, target_layers=(-1,), classes='all', scales=(0.5, 1.0))
        result = generator(student, inputs)
        assert result.maps.shape == (len(inputs), 1, 64, 64) and torch.isfinite(result.maps).all(), method
        assert torch.allclose(result.scores, student(inputs).sigmoid(), atol=1e-5)


def test_layers_and_attention():
    student = build(config(head_type='mmwsss.ClassTokenHead').student).eval()
    inputs, _ = batch()
    with LayerTap(student, target_layers(student, [-1, -2])) as tap:
        logits = student(inputs)
        assert [tuple(m.shape) for m in tap.maps()] == [(2, 64, 4, 4)] * 2
        assert all(g.abs().sum() > 0 for g in tap.gradients(logits.sum()))
    with explicit_attention(student.backbone) as attentions:
        student(inputs)
    assert [tuple(a.shape) for a in attentions.means] == [(2, 17, 17)] * 2
    teacher = build(dict(config().teacher.to_dict()))
    assert target_layers(teacher, [-1, -2]) == [teacher.backbone.network.blocks[6], teacher.backbone.network.blocks[4]]


def step(model, losses):
    """One step of training; names of the parameters that moved."""
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    loss = sum(losses.values())
    assert torch.isfinite(loss)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), 1e-3)
    loss.backward()
    optimizer.step()
    return {name for name, value in model.named_parameters() if not value.equal(before[name])}


def distiller(cfg, **more):
    return {'type': 'mmwsss.CrossArchDistiller', 'student': cfg.student.to_dict(), 'teacher': cfg.teacher.to_dict(),
            'kt_loss': {'type': 'mmwsss.CosineGlobalKTLoss'}, **more}  # fmt: skip


@pytest.mark.parametrize('student_map', ['class_maps', 'patch_tokens'])
def test_a_step_of_teacher_then_student(student_map, tmp_path):
    head = {'class_maps': 'PooledHead', 'patch_tokens': 'ClassTokenHead'}[student_map]
    cfg = config(head_type=f'mmwsss.{head}')
    inputs, samples = batch()
    teacher = build(cfg.teacher).train()
    moved = step(teacher, teacher.loss(inputs, samples))
    assert 'backbone.network.conv_stem.weight' in moved and 'head.fc8.weight' in moved
    torch.save({'state_dict': teacher.state_dict()}, tmp_path / 'teacher.pth')
    neck = {'type': 'mmwsss.FeatureProjectionNeck', 'in_channels': 64, 'out_channels': 1}
    model = build(
        distiller(
            cfg,
            student_map=student_map,
            neck=neck if student_map == 'patch_tokens' else None,
            teacher_checkpoint=str(tmp_path / 'teacher.pth'),
        )
    ).train()
    assert torch.equal(model.teacher.backbone.network.conv_stem.weight, teacher.backbone.network.conv_stem.weight)
    losses = model.loss(inputs, samples)
    assert set(losses) == {'loss_bce', 'loss_kt'}
    moved = step(model, losses)
    assert f'student.backbone.{STEM}conv_stem.weight' in moved and 'student.backbone.layers.0.attn.qkv.weight' in moved
    assert not any(name.startswith('teacher.') for name in moved)


def test_acr_on_the_distilled_hybrid():
    model = build({'type': 'mmwsss.AllPairsConsistency', 'model': distiller(config(), paradigm='co',
                   student_map='class_maps'), 'view': 'hflip'}).train()  # fmt: skip
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    assert {'loss_activation', 'loss_affinity', 'loss_kt'} <= set(losses)
    assert f'model.student.backbone.{STEM}conv_stem.weight' in step(model, losses)


def test_frozen_stem():
    cfg = config(stem_frozen_stages=4, stem_norm_eval=True)
    model = build(cfg.student).train()
    inputs, samples = batch()
    stem = model.backbone.patch_embed.projection.backbone
    before = {key: value.clone() for key, value in stem.state_dict().items()}
    moved = step(model, model.loss(inputs, samples))
    assert all(torch.equal(value, before[key]) for key, value in stem.state_dict().items())
    assert 'backbone.patch_embed.projection.proj.weight' in moved


def test_a_whole_checkpoint_wins_over_the_package(tmp_path):
    donor = build(config().student)
    with torch.no_grad():
        for parameter in donor.parameters():
            parameter.add_(1)
    torch.save(donor.state_dict(), tmp_path / 'donor.pth')
    model = build(config(student_init=str(tmp_path / 'donor.pth')).student)
    assert all(torch.equal(value, donor.state_dict()[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize('output_stride', [32, 16])
def test_a_step_of_the_segmentor(output_stride, weights):
    cfg = load_config(
        'configs/seg/segformer_lite0_pseudo-192x192.py', {'img_size': 64, 'output_stride': output_stride}
    )  # fmt: skip
    init_default_scope('mmseg')
    settings = cfg.model.to_dict()
    settings['decode_head']['norm_cfg'] = {'type': 'BN'}  # as training without a GPU does
    torch.manual_seed(0)
    model = SEG_MODELS.build(settings)
    model.init_weights()
    assert torch.equal(model.backbone.network.conv_stem.weight, weights['conv_stem.weight'])
    samples = []
    for _ in range(2):
        sample = SegDataSample(metainfo={'img_shape': (64, 64), 'ori_shape': (64, 64), 'pad_shape': (64, 64)})
        sample.gt_sem_seg = PixelData(data=torch.randint(0, 2, (1, 64, 64)))
        samples.append(sample)
    images = [torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8) for _ in range(2)]
    data = model.data_preprocessor({'inputs': images, 'data_samples': samples}, training=True)
    expected = (images[0].flip(0).float() - 127) / 128  # BGR to RGB
    assert torch.allclose(data['inputs'][0], expected)
    losses = model.train()(**data, mode='loss')
    moved = step(model, {key: value for key, value in losses.items() if 'loss' in key})
    assert 'backbone.network.conv_stem.weight' in moved and 'decode_head.conv_seg.weight' in moved


def test_patches_that_do_not_fit():
    settings = config().student.backbone.to_dict()
    with pytest.raises(ValueError, match='a patch_size that is a multiple of the stride 16, but got 8'):
        build({**settings, 'patch_size': 8})
