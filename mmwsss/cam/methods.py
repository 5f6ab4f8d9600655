"""The kinds of class activation maps, behind one signature.

Each takes a classifier in eval mode, normalised images (B, 3, H, W), which classes are wanted (B, K) and target layers,
and gives raw, non-negative maps (B, L, K, h, w) and logits (B, K). Maps of classes that no image wants may be zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsss.cam.functional import (
    attention_rollout,
    grad_cam,
    grad_cam_plus_plus,
    layer_cam,
    resize_cam,
    scale_min_max,
    spread_by_attention,
)
from mmwsss.cam.layer_tap import AttentionTap, LayerTap, target_layers
from mmwsss.models.classifiers import MapClassifier
from mmwsss.models.heads import PCMHead, PooledHead, TransCAMHead

Method = Callable[[MapClassifier, Tensor, Tensor, Sequence[int | str]], tuple[Tensor, Tensor]]

_SCORE_BATCH = 32


def gradient_maps(
    classifier: MapClassifier,
    inputs: Tensor,
    wanted: Tensor,
    layers: Sequence[int | str],
    rule: Callable[[Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Maps by a rule of activation and gradient, of all layers from one forward pass."""
    with LayerTap(classifier, target_layers(classifier, layers)) as tap:
        logits = classifier(inputs).float()
        activations = tap.maps()
        size = tuple(max(side) for side in zip(*(a.shape[2:] for a in activations)))
        maps = inputs.new_zeros((*logits.shape, len(activations), *size), dtype=torch.float32)
        for index in wanted.any(0).nonzero().flatten().tolist():
            gradients = tap.gradients(logits[:, index].sum())
            for layer, (activation, gradient) in enumerate(zip(activations, gradients)):
                cam = rule(activation.float(), gradient.float())
                maps[:, index, layer] = resize_cam(cam[:, None], size)[:, 0]
    return maps.transpose(1, 2), logits.detach()


@torch.no_grad()
def head_maps(
    classifier: MapClassifier, inputs: Tensor, wanted: Tensor, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """The head's own class maps, cut at zero."""
    class_maps = classifier.head.class_maps(classifier.extract_feat(inputs)).float()
    return class_maps[:, None, : classifier.num_classes].relu(), classifier.head.logits_of(class_maps)


@torch.no_grad()
def score_maps(
    classifier: MapClassifier, inputs: Tensor, wanted: Tensor, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """Score-CAM (Wang et al., CVPRW 2020): channels weighted by the score of the image seen through them.

    As many forward passes as the layers have channels.
    """
    with LayerTap(classifier, target_layers(classifier, layers)) as tap:
        logits = classifier(inputs).detach().float()
        activations = [activation.float() for activation in tap.maps()]
    size = tuple(max(side) for side in zip(*(a.shape[2:] for a in activations)))
    maps = inputs.new_zeros((len(inputs), len(activations), logits.shape[1], *size), dtype=torch.float32)
    for layer, activation in enumerate(activations):
        masks = scale_min_max(resize_cam(activation, tuple(inputs.shape[2:])))
        for image in wanted.any(1).nonzero().flatten().tolist():
            parts = [
                classifier(inputs[image] * chunk[:, None].to(inputs)).float()
                for chunk in masks[image].split(_SCORE_BATCH)
            ]
            weight = torch.cat(parts).softmax(0)  # over channels
            cam = torch.einsum('ck,chw->khw', weight, activation[image]).relu()
            maps[image, layer] = resize_cam(cam[None], size)[0]
    return maps, logits


@torch.no_grad()
def rollout_maps(
    classifier: MapClassifier, inputs: Tensor, wanted: Tensor, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """Attention rollout from the class token to the patches; the same map for every class."""
    with AttentionTap(classifier) as tap:
        logits = classifier(inputs).float()
        joint = attention_rollout(tap.attentions())
    cam = joint[:, 0, 1:].reshape(-1, 1, 1, *tap.grid)
    return cam.expand(-1, 1, logits.shape[1], -1, -1), logits


@torch.no_grad()
def transcam_maps(
    classifier: MapClassifier, inputs: Tensor, wanted: Tensor, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """TransCAM: the convolution branch's class maps, spread by the transformer branch's attention."""
    with AttentionTap(classifier) as tap:
        feats = classifier.extract_feat(inputs)
        attentions = tap.attentions()
    class_maps = classifier.head.class_maps(feats).float()
    class_maps = F.interpolate(class_maps, size=tap.grid, mode='bilinear', align_corners=False)
    return spread_by_attention(class_maps.relu(), attentions)[:, None], classifier.head(feats).float()


METHODS: dict[str, Method] = {
    'gradcam': partial(gradient_maps, rule=grad_cam),
    'gradcampp': partial(gradient_maps, rule=grad_cam_plus_plus),
    'layercam': partial(gradient_maps, rule=layer_cam),
    'scorecam': score_maps,
    'rollout': rollout_maps,
    'cam': head_maps,
    'pcm': head_maps,
    'transcam': transcam_maps,
}
"""Every kind by its name."""

LAYERED = ('gradcam', 'gradcampp', 'layercam', 'scorecam')
"""Kinds that give a map for each target layer."""

HEADS = {'cam': PooledHead, 'pcm': PCMHead, 'transcam': TransCAMHead}
"""Kinds that need a certain head."""
