"""Feature maps of timm's networks: grids, channels, weights, what stays frozen."""

import pytest
import timm
import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmwsss.models.backbones import TimmFeatures
from mmwsss.utils import dependencies
from mmwsss.weights.packages import read_package

LITE0 = {'type': 'Pretrained', 'checkpoint': 'package://efficientnet-lite0'}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


@pytest.mark.parametrize(
    ('stride', 'strides'), [(None, [2, 4, 8, 16, 32]), (16, [2, 4, 8, 16, 16]), (8, [2, 4, 8, 8, 8])]
)
def test_strides_and_channels(stride, strides):
    net = TimmFeatures('tf_efficientnet_lite0', out_indices=(0, 1, 2, 3, 4), output_stride=stride)
    assert net.out_strides == strides and net.out_channels == [16, 24, 40, 112, 320]
    maps = net.eval()(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, c, 64 // s, 96 // s) for c, s in zip(net.out_channels, strides)
    ]  # fmt: skip


def test_the_normalisation_of_its_weights():
    assert TimmFeatures('tf_efficientnet_lite0').pixel_mean == [127.5] * 3
    net = TimmFeatures('resnet18')
    assert net.pixel_mean == pytest.approx([123.675, 116.28, 103.53]) and net.pixel_std[0] == pytest.approx(58.395)


@pytest.mark.parametrize('channels_last', [False, True])
def test_maps_are_those_of_the_network(channels_last):
    net = TimmFeatures('tf_efficientnet_lite0', out_indices=(1, 3), init_cfg=LITE0, channels_last=channels_last)
    net.init_weights()
    reference = timm.create_model('tf_efficientnet_lite0', features_only=True, out_indices=(1, 3))
    state = read_package(LITE0['checkpoint'])
    reference.load_state_dict({key: state[key] for key in reference.state_dict()})
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(net.eval()(x), reference.eval()(x)):
            assert theirs.std() > 0.1 and torch.allclose(ours, theirs, atol=1e-4)


def test_layers_that_no_map_needs_are_left_out():
    small, whole = (TimmFeatures('tf_efficientnet_lite0', out_indices=(index,)) for index in (2, 4))
    count = [sum(p.numel() for p in net.parameters()) for net in (small, whole)]
    assert count[0] < count[1] / 40 and not any(name.startswith('network.conv_head') for name in whole.state_dict())


@pytest.mark.parametrize('name', ['resnet18', 'convnext_atto', 'mobilenetv3_small_050'])
def test_other_networks_with_weights_of_a_file(name, tmp_path):
    torch.manual_seed(1)
    donor = timm.create_model(name)
    torch.save(donor.state_dict(), tmp_path / 'net.pth')
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'net.pth')}
    net = TimmFeatures(name, out_indices=(1, 2), init_cfg=init_cfg)
    net.init_weights()
    state = donor.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in net.network.state_dict().items())
    maps = net(torch.randn(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == net.out_channels and [64 // m.shape[2] for m in maps] == net.out_strides


def test_weights_must_be_whole(tmp_path):
    state = timm.create_model('resnet18').state_dict()
    del state['layer1.0.conv1.weight']
    torch.save(state, tmp_path / 'part.pth')
    net = TimmFeatures(
        'resnet18', (2,), init_cfg={'type': 'Pretrained', 'checkpoint': str(tmp_path / 'part.pth')}
    )  # fmt: skip
    with pytest.raises(ValueError, match=r'checkpoint .*part\.pth does not fit timm.s resnet18:[^$]*layer1\.0\.conv1'):
        net.init_weights()


def _changed_by_a_step(net: TimmFeatures) -> tuple[set[str], set[str]]:
    """Parameters that have a gradient, and statistics that moved, by name of their module."""
    before = {name: value.clone() for name, value in net.network.named_buffers() if name.endswith('running_mean')}
    net.train()
    sum(m.sum() for m in net(torch.randn(4, 3, 64, 64))).backward()
    moved = {name for name, value in net.network.named_buffers() if name in before and not value.equal(before[name])}
    return {name for name, p in net.network.named_parameters() if p.grad is not None}, moved


def test_what_is_frozen():
    learns, moves = _changed_by_a_step(TimmFeatures('tf_efficientnet_lite0', (3,)))
    assert len(learns) == len(list(TimmFeatures('tf_efficientnet_lite0', (3,)).parameters()))
    assert 'bn1.running_mean' in moves and 'blocks.4.2.bn3.running_mean' in moves
    learns, moves = _changed_by_a_step(TimmFeatures('tf_efficientnet_lite0', (3,), frozen_stages=2))
    first = [name for name in (*learns, *moves) if name.startswith(('conv_stem', 'bn1', 'blocks.0.', 'blocks.1.'))]
    assert not first and 'blocks.2.0.conv_pw.weight' in learns and 'blocks.2.0.bn1.running_mean' in moves
    learns, moves = _changed_by_a_step(TimmFeatures('tf_efficientnet_lite0', (3,), norm_eval=True))
    assert not moves and 'bn1.weight' in learns


def test_bad_arguments():
    with pytest.raises(ValueError, match="name of a network of timm, but got 'lite7'"):
        TimmFeatures('lite7')
    with pytest.raises(ValueError, match=r'frozen_stages in \[0, 3\] for tf_efficientnet_lite0 .* but got 4'):
        TimmFeatures('tf_efficientnet_lite0', (2,), frozen_stages=4)


def test_without_timm(monkeypatch):
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(dependencies.importlib, 'import_module', missing)
    with pytest.raises(
        ImportError, match=r'TimmFeatures needs the package timm\. Install it with: pip install "mmwsss\[pre'
    ):
        TimmFeatures('resnet18')


def test_state_dict_loads_into_itself():
    nets = [TimmFeatures('resnet18', (1,), channels_last=flag) for flag in (True, False)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = torch.randn(1, 3, 32, 32)
    assert torch.allclose(nets[0].eval()(x)[0], nets[1].eval()(x)[0], atol=1e-5)
    assert isinstance(nets[0].stages[-1], nn.Sequential) and len(nets[0].stages) == 2
