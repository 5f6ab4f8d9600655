"""Baselines that learn from pixels: a share of pixel labels, and SAM fine-tuning."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.models.losses.pixel_loss import pixel_bce, pixel_dice
from mmwsss.registry import MODELS

ARCH = {'embed_dims': 16, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 32}
SAM = {'embed_dim': 16, 'depth': 1, 'num_heads': 2, 'global_attn_indexes': (0,), 'image_size': 64}


def test_pixel_loss_by_hand():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 2, 4, 5))
    labels = rng.integers(0, 3, (3, 4, 5))
    labels[0, :2] = IGNORE_LABEL
    labels[2] = IGNORE_LABEL  # an image without pixel labels
    entropy, dice = [], []
    for b in range(3):
        valid = labels[b] != IGNORE_LABEL
        if not valid.any():
            continue
        for k in range(2):
            score = 1 / (1 + np.exp(-logits[b, k][valid]))
            target = (labels[b][valid] == k + 1).astype(float)
            entropy += list(-(target * np.log(score) + (1 - target) * np.log(1 - score)))
            dice.append(1 - (2 * (score * target).sum() + 1) / (score.sum() + target.sum() + 1))
    tensors = torch.from_numpy(logits), torch.from_numpy(labels)
    assert pixel_bce(*tensors).item() == pytest.approx(np.mean(entropy), rel=1e-5)
    assert pixel_dice(*tensors).item() == pytest.approx(np.mean(dice), rel=1e-5)
    nothing = torch.full((3, 4, 5), IGNORE_LABEL)
    assert pixel_bce(tensors[0], nothing).item() == pixel_dice(tensors[0], nothing).item() == 0


@pytest.mark.parametrize('head', ['ClassTokenHead', 'PooledHead'])
def test_gradient_of_the_pixel_loss_reaches_the_whole_network(head):
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build({
        'type': 'mmwsss.PixelLabelClassifier',
        'backbone': {'type': 'mmwsss.TokenMapVisionTransformer', 'arch': ARCH, 'img_size': 32, 'patch_size': 8},
        'head': {'type': f'mmwsss.{head}', 'num_classes': 1, 'in_channels': 16},
    })  # fmt: skip
    mask = np.zeros((32, 32), np.uint8)
    mask[:16] = 1
    samples = [DataSample(), DataSample()]
    for sample, seg in zip(samples, (mask, np.full((32, 32), IGNORE_LABEL, np.uint8))):
        sample.set_gt_score(torch.ones(1))
        sample.set_field(seg, 'gt_seg_map')
    losses = model.loss(torch.rand(2, 3, 32, 32), samples)
    losses['loss_pixel'].backward()
    assert model.head.fc.weight.grad.abs().sum() > 0
    reached = [p.grad is not None and p.grad.abs().sum() > 0 for p in model.backbone.layers[0].parameters()]
    assert all(reached)
    assert model.backbone.patch_embed.projection.weight.grad.abs().sum() > 0


def test_pixel_labels_are_learnt():
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build({
        'type': 'mmwsss.PixelLabelClassifier',
        'backbone': {'type': 'mmwsss.TokenMapVisionTransformer', 'arch': ARCH, 'img_size': 32, 'patch_size': 8},
        'head': {'type': 'mmwsss.ClassTokenHead', 'num_classes': 1, 'in_channels': 16},
    })  # fmt: skip
    inputs, samples = 0.2 * torch.rand(4, 3, 32, 32), []
    for index in range(4):
        mask = np.zeros((32, 32), np.uint8)
        mask[:, 8 * index : 8 * index + 8] = 1
        inputs[index, :, torch.from_numpy(mask) > 0] += 0.8
        samples.append(DataSample().set_gt_score(torch.ones(1)))
        samples[-1].set_field(mask, 'gt_seg_map')
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(60):
        loss = sum(model.loss(inputs, samples).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    maps = F.interpolate(model.head.pixel_maps(model.extract_feat(inputs)), (32, 32), mode='bilinear') > 0
    truth = torch.stack([torch.from_numpy(s.gt_seg_map) for s in samples])[:, None] > 0
    assert (maps & truth).sum() / (maps | truth).sum() > 0.6


def sam_model(classes=2):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    preprocessor = {'type': 'SegDataPreProcessor', 'mean': [0] * 3, 'std': [1] * 3}
    return MODELS.build(
        {'type': 'mmwsss.SAMFinetuner', 'num_classes': classes, 'arch': SAM, 'data_preprocessor': preprocessor}
    )


def seg_samples():
    samples = []
    for _ in range(2):
        labels = torch.zeros(1, 64, 64, dtype=torch.long)
        labels[:, :32] = 1
        labels[:, 60:] = IGNORE_LABEL
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels), metainfo={'ori_shape': (40, 50)}))
    return samples


def test_sam_finetuning_trains_decoder_and_task_embedding_only():
    model = sam_model().train()
    assert not model.sam.image_encoder.training and not model.sam.prompt_encoder.training
    loss = model(torch.rand(2, 3, 64, 64), seg_samples(), 'loss')['loss_bce']
    loss.backward()
    names = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    learnt = {name.split('.')[1] if name.startswith('sam') else name for name in names}
    assert learnt == {'mask_decoder', 'task_embedding'}
    assert model.task_embedding.grad.abs().sum() > 0
    assert model.logits(torch.rand(2, 3, 64, 64)).shape == (2, 2, 16, 16)


def test_sam_checkpoint_leaves_the_encoders_out():
    model = sam_model()
    state = model.state_dict()
    assert not any('encoder' in key for key in state) and 'task_embedding' in state
    other = sam_model()
    with torch.no_grad():
        other.task_embedding += 1
    before = {key: value.clone() for key, value in other.sam.image_encoder.state_dict().items()}
    other.load_state_dict(state)
    assert torch.equal(other.task_embedding, model.task_embedding)
    assert all(torch.equal(before[key], value) for key, value in other.sam.image_encoder.state_dict().items())


def test_sam_prediction_has_the_pictures_size():
    model = sam_model().eval()
    with torch.no_grad():
        samples = model(torch.rand(2, 3, 64, 64), seg_samples(), 'predict')
    for sample in samples:
        assert sample.pred_sem_seg.data.shape == (1, 40, 50)
        assert set(sample.pred_sem_seg.data.unique().tolist()) <= {0, 1, 2}
    with pytest.raises(ValueError, match='Expected num_classes >= 1'):
        MODELS.build({'type': 'mmwsss.SAMFinetuner', 'num_classes': 0, 'arch': SAM})
