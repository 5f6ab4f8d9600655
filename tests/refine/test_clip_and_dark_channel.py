"""CLIPRefine with a CLIP of toy size, and the dark channel."""

import json

import numpy as np
import open_clip
import pytest
import torch

from mmwsss.refine import CLIPRefine, DarkChannelRefine
from mmwsss.refine.clip_refine import patch_text_scores
from mmwsss.refine.dark_channel import dark_channel, dark_channel_ratio

POSITIVE = [['a photo of smoke', 'a plume'], ['a photo of a boat']]
NEGATIVE = ['a photo of the sky', 'a chimney']


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    """A toy CLIP's name and weights."""
    folder = tmp_path_factory.mktemp('clip')
    config = {
        'embed_dim': 16,
        'vision_cfg': {'image_size': 32, 'layers': 2, 'width': 32, 'head_width': 16, 'patch_size': 8},
        'text_cfg': {'context_length': 77, 'vocab_size': 49408, 'width': 16, 'heads': 2, 'layers': 1},
    }
    (folder / 'toy-clip.json').write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    torch.save(open_clip.create_model('toy-clip').state_dict(), folder / 'toy.pt')
    return 'toy-clip', str(folder / 'toy.pt')


def scene():
    rng = np.random.default_rng(0)
    cam = np.zeros((2, 40, 56), np.float32)
    cam[0, 5:30, 10:40] = 0.8
    cam[1, 5:30, 10:40] = 0.5
    return {'img': rng.integers(0, 255, (40, 56, 3)).astype(np.uint8), 'cam': cam, 'classes': np.array([0, 1])}


def test_scores_by_hand():
    rng = np.random.default_rng(0)
    patches, positive, negative = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (
        rng.normal(size=(5, 4)), rng.normal(size=(2, 4)), rng.normal(size=(3, 4))))  # fmt: skip
    scores = patch_text_scores(*(torch.from_numpy(v) for v in (patches, positive, negative)), 10.0).numpy()
    for k in range(2):
        for n in range(5):
            values = np.exp(10 * np.r_[positive[k] @ patches[n], negative @ patches[n]])
            assert scores[k, n] == pytest.approx(values[0] / values.sum(), abs=1e-6)


@pytest.mark.parametrize('fuse', ['product', 'mean'])
def test_toy_clip(fuse, toy):
    step = CLIPRefine(POSITIVE, NEGATIVE, *toy, fuse=fuse)
    data = scene()
    similarity = step.similarity(data['img'], data['classes'])
    assert similarity.shape == (2, 4, 4) and (similarity > 0).all() and (similarity < 1).all()
    refined = step({**data, 'cam': data['cam'].copy()})['cam']
    assert refined.max((1, 2)) == pytest.approx([0.8, 0.5], abs=1e-5)
    second = step({'img': data['img'], 'cam': data['cam'][1:], 'classes': np.array([1])})['cam']
    assert np.allclose(second[0], refined[1], atol=1e-6)  # the texts of class 1, though its map is the first
    if fuse == 'product':
        assert not refined[0][data['cam'][0] == 0].any()
    brighter = data['img'].copy()
    brighter[:20] = 255
    assert not np.allclose(step.similarity(brighter, data['classes']), similarity)


def test_similarity_is_that_of_the_projected_patch_tokens(toy):
    """Computed from what the transformer gives, class token first."""
    step = CLIPRefine(POSITIVE, NEGATIVE, *toy)
    img = scene()['img']
    kept = []
    visual = step.model.visual
    handle = visual.transformer.register_forward_hook(lambda m, i, o: kept.append(o))
    similarity = step.similarity(img, np.arange(2))
    handle.remove()
    with torch.no_grad():
        patches = visual.ln_post(kept[0])[0, 1:] @ visual.proj
    patches = patches / patches.norm(dim=1, keepdim=True)
    for k in range(2):
        against = [
            (patches @ text).mul(step.model.logit_scale.exp().item()) for text in (step.positive[k], *step.negative)
        ]
        expected = torch.stack(against).softmax(0)[0].view(4, 4)
        assert np.allclose(similarity[k], expected, atol=1e-5)


def test_clip_errors(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'CLIPRefine needs the weights .*ViT-B-32\.pt.*openaipublic'):
        CLIPRefine(POSITIVE, NEGATIVE, 'ViT-B-32-quickgelu', str(tmp_path / 'ViT-B-32.pt'))
    with pytest.raises(ValueError, match='Expected at least one prompt for every class'):
        CLIPRefine([[]], NEGATIVE, *toy)
    with pytest.raises(ValueError, match='Expected a list of prompts for each class'):
        CLIPRefine(['smoke'], NEGATIVE, *toy)
    with pytest.raises(ValueError, match="Expected fuse .* but got 'sum'"):
        CLIPRefine(POSITIVE, NEGATIVE, *toy, fuse='sum')
    with pytest.raises(ValueError, match="Expected the name of an open_clip network, but got 'ViT-Z'"):
        CLIPRefine(POSITIVE, NEGATIVE, 'ViT-Z')
    broken = tmp_path / 'broken.pt'
    broken.write_bytes(b'nothing')
    with pytest.raises(FileNotFoundError, match=r'Expected weights of toy-clip in .*broken\.pt'):
        CLIPRefine(POSITIVE, NEGATIVE, toy[0], str(broken))
    with pytest.raises(ValueError, match='Expected prompts for 3 classes, but got 2'):
        CLIPRefine(POSITIVE, NEGATIVE, *toy)({**scene(), 'classes': np.array([0, 2])})
    with pytest.raises(ValueError, match=r"positive_prompts for the 1 classes \['smoke'\], but got 2 lists"):
        CLIPRefine(POSITIVE, NEGATIVE, *toy).check_classes(['smoke'])


def test_dark_channel_by_loops():
    img = np.random.default_rng(0).integers(0, 255, (9, 11, 3)).astype(np.uint8)
    expected = np.zeros((9, 11))
    for y in range(9):
        for x in range(11):
            expected[y, x] = img[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].min() / 255
    assert np.allclose(dark_channel(img, 3), expected)
    assert np.allclose(dark_channel(img, 1), img.min(2) / 255)


def test_dark_channel_prefers_haze():
    img = np.full((40, 40, 3), (200, 30, 30), np.uint8)
    img[:, 20:] = 200
    cam = np.ones((1, 40, 40), np.float32)
    refined = DarkChannelRefine(0.5, 3)({'img': img, 'cam': cam})['cam']
    assert refined[0, :, 30].min() == 1 and refined[0, :, 5].max() < 0.6
    assert dark_channel_ratio(cam[0], img, 3) == pytest.approx(1)
    assert dark_channel_ratio((np.arange(40) > 25) * cam[0], img, 3) > 1.5
    assert dark_channel_ratio(0 * cam[0], img) is None
    with pytest.raises(ValueError, match='Expected an odd patch, but got 4'):
        dark_channel(img, 4)
    with pytest.raises(ValueError, match=r'Expected weight in \[0, 1\], but got 2'):
        DarkChannelRefine(2)
    with pytest.raises(ValueError, match='one size'):
        DarkChannelRefine()({'img': img, 'cam': np.zeros((1, 3, 3))})
