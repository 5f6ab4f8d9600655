"""The distiller: what learns, what is saved, what the loss is."""

import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import get_state_dict
from mmengine.runner.checkpoint import load_state_dict as load_state_dict_of_mmengine
from mmpretrain.structures import DataSample

from mmwsss.models.heads.image_label_head import image_label_loss
from mmwsss.models.losses.functional import cosine_global
from mmwsss.registry import MODELS

MEAN = {'mean': [120.0, 110.0, 100.0], 'std': [60.0, 50.0, 40.0], 'to_rgb': True}
HALF = {'mean': [127.5] * 3, 'std': [127.5] * 3, 'to_rgb': True}


def settings(classes=1, extra=False):
    arch = {'embed_dims': 16, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 32}
    student = {
        'type': 'mmwsss.MapClassifier',
        'data_preprocessor': MEAN,
        'backbone': {'type': 'mmwsss.TokenMapVisionTransformer', 'arch': arch, 'img_size': 32, 'patch_size': 8},
        'head': {'type': 'mmwsss.ClassTokenHead', 'num_classes': classes, 'in_channels': 16},
    }
    teacher = {
        'type': 'mmwsss.MapClassifier',
        'with_image': True,
        'data_preprocessor': HALF,
        'backbone': {
            'type': 'ResNet',
            'depth': 18,
            'stem_channels': 8,
            'base_channels': 8,
            'num_stages': 3,
            'strides': (1, 2, 1),
            'dilations': (1, 1, 1),
            'out_indices': (1, 2),
        },
        'head': {
            'type': 'mmwsss.PCMHead',
            'num_classes': classes,
            'in_channels': (16, 32),
            'feature_channels': 4,
            'correlation_channels': 8,
            'map_channels': 'classes_and_extra' if extra else 'classes',
        },
    }
    neck = {'type': 'mmwsss.FeatureProjectionNeck', 'in_channels': 16, 'out_channels': classes + extra}
    return {
        'type': 'mmwsss.CrossArchDistiller',
        'student': student,
        'teacher': teacher,
        'neck': neck,
        'kt_loss': {'type': 'mmwsss.CosineGlobalKTLoss', 'loss_weight': 0.7},
    }


@pytest.fixture
def config(tmp_path):
    init_default_scope('mmpretrain')
    torch.manual_seed(1)
    config = settings()
    teacher = MODELS.build(copy.deepcopy(config['teacher']))
    teacher.init_weights()
    torch.save({'state_dict': teacher.state_dict()}, tmp_path / 'teacher.pth')
    return {**config, 'teacher_checkpoint': str(tmp_path / 'teacher.pth')}


def build(config):
    model = MODELS.build(copy.deepcopy(config))
    model.init_weights()
    return model.train()


def batch(classes=1):
    torch.manual_seed(2)
    samples = [DataSample().set_gt_score([float(i == j % classes) for j in range(classes)]) for i in (0, 1)]
    return torch.randn(2, 3, 32, 32), samples


def test_losses_by_hand(config):
    model = build(config)
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    assert set(losses) == {'loss_bce', 'loss_kt'}
    patch_map, token = model.student.backbone(inputs)[-1]
    logits = model.student.head.fc(token)
    target = torch.stack([sample.gt_score for sample in samples])
    assert losses['loss_bce'].item() == pytest.approx(
        torch.nn.functional.binary_cross_entropy_with_logits(logits, target).item(), rel=1e-5
    )
    mean, std = (torch.tensor(MEAN[key]).view(3, 1, 1) for key in ('mean', 'std'))
    theirs = (inputs * std + mean - 127.5) / 127.5
    with torch.no_grad():
        teacher_map = model.teacher.head.class_maps((theirs, *model.teacher.backbone(theirs)))
    expected = 0.7 * cosine_global(model.neck(patch_map), teacher_map)
    assert losses['loss_kt'].item() == pytest.approx(expected.item(), rel=1e-4)


def test_frozen_teacher(config):
    model = build(config)
    assert not model.teacher.training and model.student.training
    before = copy.deepcopy(model.teacher.state_dict())
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    inputs, samples = batch()
    sum(model.loss(inputs, samples).values()).backward()
    optimizer.step()
    assert all(p.grad is None for p in model.teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.teacher.state_dict().items())
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {'neck.proj.weight', 'student.head.fc.weight'} <= reached
    assert any(name.startswith('student.backbone.layers.0') for name in reached)


def test_teacher_is_absent_from_the_checkpoint(config):
    model = build(config)
    for state in (model.state_dict(), get_state_dict(model)):
        assert state and not any(name.startswith('teacher.') for name in state)
    other = build(config)
    teacher = copy.deepcopy(other.teacher.state_dict())
    other.load_state_dict(model.state_dict())  # strict
    load_state_dict_of_mmengine(other, get_state_dict(model), strict=True)
    assert all(torch.equal(value, teacher[name]) for name, value in other.teacher.state_dict().items())
    assert torch.equal(other.student.head.fc.weight, model.student.head.fc.weight)


def test_co_training_reaches_both(config):
    model = build({**config, 'paradigm': 'co', 'teacher_checkpoint': None})
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    assert set(losses) == {'loss_bce', 'loss_kt', 'loss_bce_teacher'}
    losses['loss_kt'].backward()
    for part in ('student.backbone.patch_embed', 'teacher.backbone.conv1', 'teacher.head.fc8', 'neck'):
        grads = [p.grad for name, p in model.named_parameters() if name.startswith(part)]
        assert any(grad is not None and grad.abs().sum() > 0 for grad in grads), part
    assert any(name.startswith('teacher.') for name in model.state_dict())
    assert model.teacher.training


def test_class_maps_of_the_student_are_compared(config):
    head = {'type': 'mmwsss.PooledHead', 'num_classes': 1, 'in_channels': 16}
    config = {**config, 'student': {**config['student'], 'head': head}, 'student_map': 'class_maps'}
    with pytest.raises(ValueError, match='Expected no neck for student_map class_maps'):
        build(config)
    model = build({**config, 'neck': None})
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    maps = model.student.head.fc(model.student.backbone(inputs)[-1][0])
    theirs = model.teacher_inputs(inputs)
    with torch.no_grad():
        teacher_map = model.teacher.head.class_maps((theirs, *model.teacher.backbone(theirs)))
    assert losses['loss_kt'].item() == pytest.approx(0.7 * cosine_global(maps, teacher_map).item(), rel=1e-4)
    expected = image_label_loss(maps.mean((2, 3)), samples)
    assert losses['loss_bce'].item() == pytest.approx(expected.item(), rel=1e-5)
    with pytest.raises(ValueError, match="'patch_tokens' or 'class_maps', but got 'x'"):
        build({**config, 'student_map': 'x'})


def test_predicts_as_its_student(config):
    model = build(config).eval()
    inputs, samples = batch()
    assert torch.equal(model(inputs, mode='tensor'), model.student(inputs, mode='tensor'))
    assert model.cam_classifier is model.student


def test_paper_maps_with_two_classes():
    init_default_scope('mmpretrain')
    model = build({**settings(2, extra=True), 'paradigm': 'co'})
    inputs, samples = batch(2)
    assert all(torch.isfinite(value) for value in model.loss(inputs, samples).values())


@pytest.mark.parametrize('prefix', ['model.', 'model.student.'])
def test_a_teacher_may_lie_inside_of_what_trained_it(config, tmp_path, prefix):
    plain = build(config).teacher.state_dict()
    wrapped = {f'{prefix}{name}': value for name, value in plain.items()}
    torch.save({'state_dict': {**wrapped, 'pair_loss.scale': torch.ones(1)}}, tmp_path / 'pairs.pth')
    model = build({**config, 'teacher_checkpoint': str(tmp_path / 'pairs.pth')})
    assert all(torch.equal(value, plain[name]) for name, value in model.teacher.state_dict().items())


def test_errors(config, tmp_path):
    with pytest.raises(ValueError, match="Expected paradigm 'ts' or 'co', but got 'xx'"):
        build({**config, 'paradigm': 'xx'})
    with pytest.raises(ValueError, match='Expected teacher_checkpoint for the paradigm ts, but got None'):
        build({**config, 'teacher_checkpoint': None})
    missing = {**config, 'teacher_checkpoint': str(tmp_path / 'no.pth'), 'teacher_command': 'make it so'}
    with pytest.raises(FileNotFoundError, match=r'no\.pth, but there is no such file\. Make it with: make it so'):
        build(missing)
    other = settings(3)['teacher']
    with pytest.raises(ValueError, match='of the same classes, but got 1 and 3'):
        build({**config, 'teacher': other})
    torch.save({'state_dict': {'backbone.x': torch.zeros(1)}}, tmp_path / 'odd.pth')
    with pytest.raises(ValueError, match=r'odd\.pth does not fit the teacher'):
        build({**config, 'teacher_checkpoint': str(tmp_path / 'odd.pth')})
    wide = {**config, 'neck': {**config['neck'], 'out_channels': 5}}
    inputs, samples = batch()
    with pytest.raises(ValueError, match='FeatureProjectionNeck'):
        build(wide).loss(inputs, samples)


COMBINATIONS = [
    ('cosine', 'global'), ('l1', 'global'), ('l2', 'global'), ('mse', 'global'), ('cosine', 'spatial'),
    ('cosine', 'channel'), ('cosine', 'spatial_map'), ('l1', 'spatial_map'), ('cosine', 'inner'), ('l1', 'logits'),
    ('bernoulli_kl', 'logits'),
]  # fmt: skip


@pytest.mark.parametrize('paradigm', ['ts', 'co'])
@pytest.mark.parametrize(('metric', 'level'), COMBINATIONS)
def test_every_loss_teaches_in_both_paradigms(metric, level, paradigm, config):
    """The transfer loss alone reaches the student, and the teacher in co-training only."""
    settings_of = settings(extra=True)
    kt_loss = {'type': 'mmwsss.KnowledgeTransferLoss', 'metric': metric, 'level': level}
    model = MODELS.build(copy.deepcopy({**settings_of, 'paradigm': paradigm, 'kt_loss': kt_loss})).train()
    for parameter in model.parameters():  # away from zeros
        parameter.data += 0.05 * torch.randn_like(parameter)
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    losses['loss_kt'].backward()
    assert torch.isfinite(losses['loss_kt']) and losses['loss_kt'] > 0
    student = model.student.backbone.patch_embed.projection.weight.grad
    assert student is not None and student.abs().sum() > 0
    taught = [parameter.grad for parameter in model.teacher.backbone.parameters() if parameter.grad is not None]
    assert bool(taught) == (paradigm == 'co')
    assert (model.neck.proj.weight.grad is None) == (level == 'logits')


def test_without_projection():
    """All pairs of channels need no neck; other levels name it."""
    config = {**settings(extra=True), 'paradigm': 'co', 'neck': None}
    kt_loss = {'type': 'mmwsss.KnowledgeTransferLoss', 'level': 'channel'}
    model = MODELS.build(copy.deepcopy({**config, 'kt_loss': kt_loss})).train()
    assert torch.isfinite(model.loss(*batch())['loss_kt'])
    model = MODELS.build(copy.deepcopy(config)).train()
    with pytest.raises(ValueError, match='FeatureProjectionNeck'):
        model.loss(*batch())
