"""The hybrid stem equals timm's, and its weights load by timm's names."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmwsss.models.backbones import HybridStem
from mmwsss.registry import MODELS

ARCH = {'embed_dims': 48, 'num_layers': 2, 'num_heads': 3, 'feedforward_channels': 192}


@pytest.fixture(scope='module')
def theirs():
    """timm's ViT hybrid, small, with weights away from their start."""
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    model = timm.create_model(
        'vit_base_r50_s16_384', pretrained=False, img_size=64, embed_dim=48, depth=2, num_heads=3, num_classes=0
    )
    for parameter in model.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize('size', [(64, 64), (48, 80)])
def test_stem_equals_timms(theirs, size):
    stem = HybridStem(3, 48, 16, 16)
    state = {key[12:]: value for key, value in theirs.state_dict().items() if key.startswith('patch_embed.')}
    stem.load_state_dict(state)  # strict: the names are the same
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        features = theirs.patch_embed.proj(theirs.patch_embed.backbone(x)[-1] if isinstance(
            theirs.patch_embed.backbone(x), (list, tuple)) else theirs.patch_embed.backbone(x))  # fmt: skip
        assert torch.allclose(stem(x), features, atol=1e-4)


def test_whole_network_equals_timms(theirs, tmp_path):
    init_default_scope('mmpretrain')
    torch.save(theirs.state_dict(), tmp_path / 'hybrid.pth')
    model = MODELS.build({
        'type': 'mmwsss.TokenMapVisionTransformer', 'arch': ARCH, 'img_size': 64, 'patch_size': 16,
        'patch_cfg': {'conv_type': 'mmwsss.HybridStem'},
        'init_cfg': {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'hybrid.pth')},
    })  # fmt: skip
    model.init_weights()
    model.eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        tokens = theirs.forward_features(x)
        patch_map, token = model(x)[-1]
    assert torch.allclose(token, tokens[:, 0], atol=1e-3)
    assert torch.allclose(patch_map.flatten(2).transpose(1, 2), tokens[:, 1:], atol=1e-3)


def test_errors():
    with pytest.raises(ValueError, match='Expected 3 channels and patches of 16 pixels, but got 3, 8 and 8'):
        HybridStem(3, 48, 8, 8)
