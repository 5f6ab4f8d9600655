import re

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.models.backbones import VisionTransformer

from mmwsss.models.backbones import TokenMapVisionTransformer

ARCH = {'embed_dims': 16, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 32}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


def pair(**kwargs):
    torch.manual_seed(0)
    ours = TokenMapVisionTransformer(arch=ARCH, img_size=32, patch_size=8, **kwargs)
    ours.init_weights()
    host = VisionTransformer(arch=ARCH, img_size=32, patch_size=8, out_type='raw')
    host.load_state_dict(ours.state_dict())
    for model in (ours, host):
        model.eval()  # the host returns None here
    return ours, host


@pytest.mark.parametrize('size', [(32, 32), (48, 24), (16, 64)])
def test_tokens_are_the_hosts(size):
    ours, host = pair()
    x = torch.randn(2, 3, *size)
    patch_map, token = ours(x)[-1]
    raw = host(x)[-1]
    assert patch_map.shape == (2, 16, size[0] // 8, size[1] // 8)
    assert torch.equal(token, raw[:, 0])
    assert torch.equal(patch_map.flatten(2).transpose(1, 2), raw[:, 1:])


def test_position_embedding_is_interpolated_by_mode():
    x = torch.randn(1, 3, 64, 64)
    outputs = [pair(interpolate_mode=mode)[0](x)[-1][1] for mode in ('bicubic', 'bilinear')]
    assert not torch.allclose(*outputs)


def test_timm_names_and_bilinear_loading(tmp_path):
    ours, host = pair()
    timm = {}
    renames = (
        (r'^ln1\.', 'norm.'),
        (r'^layers\.', 'blocks.'),
        (r'^(blocks\..*)\.ln([12])\.', r'\1.norm\2.'),
        (r'\.ffn\.layers\.0\.0\.', '.mlp.fc1.'),
        (r'\.ffn\.layers\.1\.', '.mlp.fc2.'),
        (r'^patch_embed\.projection\.', 'patch_embed.proj.'),
    )
    for name, value in ours.state_dict().items():
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        timm[name] = value
    assert 'blocks.0.mlp.fc1.weight' in timm and 'norm.weight' in timm
    torch.save({**timm, 'head.weight': torch.zeros(3, 16)}, tmp_path / 'timm.pth')
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'timm.pth')}
    loaded = TokenMapVisionTransformer(arch=ARCH, img_size=32, patch_size=8, init_cfg=init_cfg)
    loaded.init_weights()
    for name, value in ours.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    larger = {}
    for mode in ('bilinear', 'bicubic'):
        model = TokenMapVisionTransformer(
            arch=ARCH, img_size=64, patch_size=8, init_cfg=init_cfg, load_interpolate_mode=mode
        )
        model.init_weights()
        larger[mode] = model.pos_embed.detach()
        assert model.interpolate_mode == 'bicubic'
    grid = ours.pos_embed[:, 1:].reshape(1, 4, 4, 16).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(grid, (8, 8), mode='bilinear', align_corners=False)
    assert torch.allclose(larger['bilinear'][:, 1:], expected.flatten(2).transpose(1, 2), atol=1e-6)
    assert not torch.allclose(larger['bilinear'], larger['bicubic'])
