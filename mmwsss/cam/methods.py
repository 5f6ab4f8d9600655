"""The kinds of class activation maps, behind one signature.

Each takes a classifier in eval mode, normalised images (B, 3, H, W), the wanted pairs of an image and a class (two
int64 vectors (P,), ordered by image), and target layers. It gives raw, non-negative maps (P, L, h, w) and logits
(B, K).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mmwsss.cam.any_classifier import AnyClassifier
from mmwsss.cam.class_token import class_token_only
from mmwsss.cam.clip_maps import clip_maps
from mmwsss.cam.functional import (
    attention_rollout,
    grad_cam,
    grad_cam_plus_plus,
    layer_cam,
    resize_cam,
    scale_min_max,
    spread_by_attention,
)
from mmwsss.cam.layer_tap import LayerTap, target_layers
from mmwsss.models.backbones.attention import explicit_attention, transformer_blocks
from mmwsss.models.classifiers import MapClassifier
from mmwsss.models.heads import PCMHead, PooledHead, TransCAMHead
from mmwsss.utils.errors import InputError

Pairs = tuple[Tensor, Tensor]
Method = Callable[[Any, Tensor, Pairs, Sequence[int | str]], tuple[Tensor, Tensor]]

_SCORE_BATCH = 32


def backward_groups(images: Tensor) -> Iterator[Tensor]:
    """Split pairs into groups with at most one pair of each image: as many groups as the most classes of an image.

    Each group takes one backward pass: images do not depend on each other, so the gradient of the sum of their scores
    holds the gradient of each.

    Args:
        images: int64 (P,), the image of each pair, in ascending order.

    Yields:
        Positions of a group's pairs, int64 (n,).
    """
    order = torch.arange(len(images), device=images.device)
    rank = order - torch.searchsorted(images, images)  # place of a pair among those of its image
    for number in range(int(rank.max()) + 1 if len(rank) else 0):
        yield (rank == number).nonzero().flatten()


def gradient_maps(
    classifier: MapClassifier | AnyClassifier,
    inputs: Tensor,
    pairs: Pairs,
    layers: Sequence[int | str],
    rule: Callable[[Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Maps by a rule of activation and gradient, of all layers from one forward pass."""
    by_number = all(isinstance(layer, int) for layer in layers)  # a name may mean a part of the last block
    shortened: contextlib.AbstractContextManager = contextlib.nullcontext()
    if by_number and isinstance(classifier, MapClassifier):
        shortened = class_token_only(classifier)
    with shortened, LayerTap(classifier, target_layers(classifier, layers)) as tap:
        logits = classifier(inputs).float()
        activations = tap.maps()
        size = _largest_size(activations)
        maps = inputs.new_zeros((len(pairs[0]), len(activations), *size), dtype=torch.float32)
        for group in backward_groups(pairs[0]):
            images, classes = pairs[0][group], pairs[1][group]
            gradients = tap.gradients(logits[images, classes].sum())
            for layer, (activation, gradient) in enumerate(zip(activations, gradients)):
                cam = rule(activation[images].float(), gradient[images].float())
                maps[group, layer] = resize_cam(cam[:, None], size)[:, 0]
    return maps, logits.detach()


@torch.no_grad()
def head_maps(
    classifier: MapClassifier, inputs: Tensor, pairs: Pairs, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """The head's own class maps, cut at zero."""
    class_maps = classifier.head.class_maps(classifier.extract_feat(inputs)).float()
    return class_maps[pairs][:, None].relu(), classifier.head.logits_of(class_maps)


@torch.no_grad()
def score_maps(
    classifier: MapClassifier | AnyClassifier, inputs: Tensor, pairs: Pairs, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """Score-CAM (Wang et al., CVPRW 2020): channels weighted by the score of the image seen through them.

    As many forward passes as the layers have channels.
    """
    with LayerTap(classifier, target_layers(classifier, layers)) as tap:
        logits = classifier(inputs).detach().float()
        activations = [activation.float() for activation in tap.maps()]
    size = _largest_size(activations)
    images, classes = pairs
    maps = inputs.new_zeros((len(images), len(activations), *size), dtype=torch.float32)
    for layer, activation in enumerate(activations):
        masks = scale_min_max(resize_cam(activation, (inputs.shape[2], inputs.shape[3])))
        for image in images.unique().tolist():
            of_image = images == image
            scores = [
                classifier(inputs[image] * chunk[:, None].to(inputs)).float()
                for chunk in masks[image].split(_SCORE_BATCH)
            ]
            weight = torch.cat(scores).softmax(0)  # over channels
            cam = torch.einsum('ck,chw->khw', weight, activation[image])[classes[of_image]].relu()
            maps[of_image, layer] = resize_cam(cam[None], size)[0]
    return maps, logits


@torch.no_grad()
def rollout_maps(
    classifier: MapClassifier, inputs: Tensor, pairs: Pairs, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """Attention rollout from the class token to the patches; the same map for every class."""
    with explicit_attention(classifier.backbone) as attentions:
        feats = classifier.extract_feat(inputs)
    logits = classifier.head(feats).float()
    joint = attention_rollout([mean.float() for mean in attentions.means])
    grid = _grid(classifier, feats, joint)
    cam = joint[:, 0, -grid[0] * grid[1] :].reshape(-1, 1, *grid)
    return cam[pairs[0]], logits


@torch.no_grad()
def transcam_maps(
    classifier: MapClassifier, inputs: Tensor, pairs: Pairs, layers: Sequence[int | str]
) -> tuple[Tensor, Tensor]:
    """TransCAM: the convolution branch's class maps, spread by the transformer branch's attention."""
    with explicit_attention(classifier.backbone) as attentions:
        feats = classifier.extract_feat(inputs)
    means = [mean.float() for mean in attentions.means]
    _grid(classifier, feats, means[0])
    class_maps = classifier.head.class_maps(feats).float().relu()
    return _spread(class_maps[pairs], pairs[0], means)[:, None], classifier.head(feats).float()


def attention_gradient_maps(
    classifier: MapClassifier, inputs: Tensor, pairs: Pairs, layers: Sequence[int | str], refine: bool
) -> tuple[Tensor, Tensor]:
    r"""ACR's class-wise localisation (Sun et al., ICCVW 2023): the gradient of a logit with respect to attention.

    .. math:: M = \mathrm{ReLU}\Big(\sum_{l \in \text{last two}} \frac{1}{H} \sum_h
        \mathrm{ReLU}\Big(\frac{\partial y}{\partial A^{lh}}\Big)\Big)_{\text{class token}, \text{patches}}

    ``refine`` multiplies the map once by the sum over all blocks of the patches' attention. All classes come from one
    forward pass, and nothing below the last two blocks is differentiated.
    """
    first = max(len(transformer_blocks(classifier.backbone)) - 2, 0)
    with torch.no_grad(), explicit_attention(classifier.backbone, heads_from=first) as attentions:
        feats = classifier.extract_feat(inputs)
        logits = classifier.head(feats).float()
        heads = [attentions.heads[number] for number in sorted(attentions.heads)]
        grid = _grid(classifier, feats, attentions.means[0])
        patches = grid[0] * grid[1]
        maps = inputs.new_zeros((len(pairs[0]), *grid), dtype=torch.float32)
        for group in backward_groups(pairs[0]):
            images, classes = pairs[0][group], pairs[1][group]
            gradients = torch.autograd.grad(logits[images, classes].sum(), heads, retain_graph=True)
            rows = torch.stack([gradient[images].float().relu().mean(1)[:, 0, -patches:] for gradient in gradients])
            maps[group] = rows.sum(0).view(-1, *grid)
    if refine:
        maps = _spread(maps, pairs[0], [mean.detach().float() for mean in attentions.means])
    return maps[:, None], logits.detach()


def _largest_size(activations: Sequence[Tensor]) -> tuple[int, int]:
    return max(a.shape[2] for a in activations), max(a.shape[3] for a in activations)


def _spread(maps: Tensor, images: Tensor, attentions: Sequence[Tensor]) -> Tensor:
    """:func:`spread_by_attention` of pairs' maps (P, h, w), image by image."""
    spread = torch.zeros_like(maps)
    for image in images.unique().tolist():
        of_image = images == image
        spread[of_image] = spread_by_attention(maps[of_image][None], [a[image : image + 1] for a in attentions])[0]
    return spread


def _grid(classifier: MapClassifier, feats: Any, attention: Tensor) -> tuple[int, int]:
    """Rows and columns of the patches, from a backbone's last [map, class token]."""
    grid = tuple(feats[-1][0].shape[2:])
    extra = getattr(classifier.backbone, 'num_extra_tokens', 1)  # a Conformer has its class token alone
    if extra < 1:
        raise InputError('Expected a class token, whose attention is the map, but the backbone has none.')
    if grid[0] * grid[1] != attention.shape[-1] - extra:
        raise ValueError(
            f'Expected a feature map on the grid of the {attention.shape[-1] - extra} patches, but got one of {grid}.'
        )
    return grid


METHODS: dict[str, Method] = {
    'gradcam': partial(gradient_maps, rule=grad_cam),
    'gradcampp': partial(gradient_maps, rule=grad_cam_plus_plus),
    'layercam': partial(gradient_maps, rule=layer_cam),
    'scorecam': score_maps,
    'rollout': rollout_maps,
    'cam': head_maps,
    'pcm': head_maps,
    'transcam': transcam_maps,
    'acr': partial(attention_gradient_maps, refine=True),
    'acr_unrefined': partial(attention_gradient_maps, refine=False),
    'clip': partial(clip_maps, refine=True),
    'clip_unrefined': partial(clip_maps, refine=False),
}
"""Every kind by its name."""

LAYERED = ('gradcam', 'gradcampp', 'layercam', 'scorecam')
"""Kinds that give a map for each target layer."""

HEADS = {'cam': PooledHead, 'pcm': PCMHead, 'transcam': TransCAMHead}
"""Kinds that need a certain head."""

TEXT = ('clip', 'clip_unrefined')
"""Kinds that read a :class:`~mmwsss.models.classifiers.CLIPClassifier`, which needs no training."""
