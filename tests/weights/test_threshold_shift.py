"""Segmentors whose plain masks are those above a threshold."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmwsss.apis.score_maps import against_background
from mmwsss.weights.threshold_shift import BIAS, shift_threshold, write_at_threshold


def segmentor(classes: int = 2, **head):
    init_default_scope('mmseg')
    torch.manual_seed(3)
    backbone = {'type': 'mmwsss.TimmFeatures', 'name': 'resnet18', 'out_indices': (1, 2)}
    head = {
        'type': 'FCNHead',
        'in_channels': 128,
        'in_index': 1,
        'channels': 8,
        'num_convs': 1,
        'num_classes': classes,
        **head,
    }
    net = MODELS.build(
        {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head, 'test_cfg': {'mode': 'whole'}}
    )
    with torch.no_grad():
        net.decode_head.conv_seg.weight.mul_(40)
    return net.eval()


def probabilities(net, pictures):
    with torch.no_grad():
        return net.encode_decode(pictures, [{'ori_shape': (48, 80), 'img_shape': (48, 80)}] * len(pictures)).softmax(1)


@pytest.mark.parametrize('threshold', [0.07, 0.3, 0.5, 0.9])
def test_plain_masks_are_those_above_the_threshold(tmp_path, threshold):
    net, pictures = segmentor(), torch.randn(2, 3, 48, 80)
    before = probabilities(net, pictures)[:, 1]
    torch.save(
        {'state_dict': net.state_dict(), 'meta': {'dataset_meta': {'classes': ('b', 'smoke')}}}, tmp_path / 'a.pth'
    )
    write_at_threshold(tmp_path / 'a.pth', threshold, tmp_path / 'deep' / 'b.pth')
    written = torch.load(tmp_path / 'deep' / 'b.pth', weights_only=True)
    net.load_state_dict(written['state_dict'])
    after = probabilities(net, pictures).argmax(1)
    sure = (before - threshold).abs() > 1e-5
    assert torch.equal(after.bool()[sure], (before > threshold)[sure])
    assert 0 < (before > threshold).float().mean() < 1, 'the threshold cuts somewhere'
    assert written['meta'] == {'dataset_meta': {'classes': ('b', 'smoke')}, 'at_threshold': threshold}


def test_of_several_classes_each_wins_against_the_background_by_its_odds():
    net, pictures = segmentor(4), torch.randn(2, 3, 48, 80)
    before = probabilities(net, pictures)
    state = net.state_dict()
    kept = {name: value.clone() for name, value in state.items()}
    shifted = shift_threshold(state, 0.2)
    assert all(torch.equal(kept[name], state[name]) for name in kept), 'the given weights are left as they were'
    net.load_state_dict(shifted)
    odds = before[:, 1:] / before[:, :1]
    best, where = odds.max(1)
    expected = torch.where(best > 0.25, where + 1, 0)
    sure = (best - 0.25).abs() > 1e-4
    assert torch.equal(probabilities(net, pictures).argmax(1)[sure], expected[sure])


@pytest.mark.parametrize('threshold', [0, 1, -0.2, 1.5, float('nan')])
def test_a_threshold_is_between_0_and_1(threshold):
    with pytest.raises(ValueError, match=r'threshold in \(0, 1\), but got'):
        shift_threshold({BIAS: torch.zeros(2)}, threshold)


def test_other_networks_are_refused(tmp_path):
    with pytest.raises(ValueError, match='last layer is decode_head.conv_seg, but here.pth has none'):
        shift_threshold({'head.fc.bias': torch.zeros(2)}, 0.2, 'here.pth')
    with pytest.raises(ValueError, match='a single output. Set threshold of its decode head'):
        shift_threshold(segmentor(2, out_channels=1, threshold=0.3).state_dict(), 0.2)
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        write_at_threshold(tmp_path / 'nowhere.pth', 0.2, tmp_path / 'out.pth')


@pytest.mark.parametrize('threshold', [0.2, 0.5, 0.8])
def test_what_rules_see_of_several_classes_is_what_becomes_the_plain_mask(threshold):
    """The scores of `mmwsss choose`: a mask above a threshold, and the plain mask of the shifted segmentor."""
    net, pictures = segmentor(4), torch.randn(2, 3, 48, 80)
    scores = np.stack([against_background(one[1:].numpy()) for one in probabilities(net, pictures)])
    net.load_state_dict(shift_threshold(net.state_dict(), threshold))
    plain = probabilities(net, pictures).argmax(1).numpy()
    mask = np.where(scores.max(1) > threshold, scores.argmax(1) + 1, 0)
    sure = np.abs(scores.max(1) - threshold) > 1e-4
    assert np.array_equal(mask[sure], plain[sure]) and sure.mean() > 0.9
    assert set(np.unique(plain)) > {0} and ((scores > 0).sum(1) <= 1).all()
