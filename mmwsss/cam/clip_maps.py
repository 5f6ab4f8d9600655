"""Maps from text: CLIP-ES (Lin et al., CVPR 2023), without any training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from mmwsss.cam.functional import grad_cam, scale_min_max
from mmwsss.models.classifiers.clip_classifier import CLIPClassifier


def clip_maps(
    classifier: CLIPClassifier,
    inputs: Tensor,
    pairs: tuple[Tensor, Tensor],
    layers: Sequence[int | str],
    refine: bool,
) -> tuple[Tensor, Tensor]:
    r"""Grad-CAM of a softmax over the image's own classes and the background words, spread by attention.

    The target is :math:`\log s_c`, whose gradient is that of the paper's :math:`s_c` times a positive number, which the
    normalisation removes; it does not vanish where :math:`s_c` does. Activation and gradient are those of the first
    norm of the last block, so the residual branch has no part in it. Nothing below the last block is differentiated.

    With ``refine``, class-aware attention affinity: see :func:`attention_affinity` and :func:`box_mask`. A map keeps
    its raw maximum.

    Args:
        classifier: CLIP and its texts, in eval mode.
        inputs: Normalised images (B, 3, H, W).
        pairs: Image and class of each map, int64 (P,) each, ordered by image; the classes of an image are those that
            its softmax has.
        layers: Not used.
        refine: Whether to spread.

    Returns:
        Non-negative maps (P, 1, h, w) and logits (B, K) against the background.
    """
    images, classes = pairs
    blocks = list(classifier.visual.transformer.resblocks)
    attentions: list[Tensor] = []
    with torch.no_grad():
        tokens, grid = classifier.embed(inputs)
        for number, block in enumerate(blocks[:-1]):
            tokens, attention = classifier.run_block(block, tokens)
            if number >= len(blocks) - classifier.attention_blocks:
                attentions.append(attention)
    with torch.enable_grad():
        normed = blocks[-1].ln_1(tokens).detach().requires_grad_()
        last, attention = classifier.run_block(blocks[-1], tokens, normed)
        logits = classifier.text_logits(last).float()
        maps = inputs.new_zeros((len(images), *grid), dtype=torch.float32)
        own = torch.zeros_like(logits, dtype=torch.bool)
        own[:, classifier.num_classes :] = True
        own[images, classes] = True
        shares = logits.masked_fill(~own, -torch.inf).log_softmax(1)
        rank = torch.arange(len(images), device=images.device) - torch.searchsorted(images, images)
        for turn in range(int(rank.max()) + 1 if len(rank) else 0):
            group = (rank == turn).nonzero().flatten()  # one class of each image: they do not depend on each other
            score = shares[images[group], classes[group]].sum()
            (gradient,) = torch.autograd.grad(score, normed, retain_graph=True)
            activation, slope = (
                value[images[group], 1:].transpose(1, 2).reshape(len(group), -1, *grid).float()
                for value in (normed.detach(), gradient)
            )
            maps[group] = grad_cam(activation, slope)
    attentions.append(attention.detach())
    if refine:
        mean = torch.stack(attentions).mean(0)[:, 1:, 1:].float()
        for pair, image in enumerate(images.tolist()):
            maps[pair] = _spread(maps[pair], attention_affinity(mean[image]), classifier.box_threshold)
    return maps[:, None], classifier.against_background(logits.detach())


def attention_affinity(attention: Tensor, rounds: int = 3) -> Tensor:
    """Attention of patches (N, N) made nearly doubly stochastic (columns, then rows, some rounds), and symmetric."""
    for _ in range(rounds):
        attention = attention / attention.sum(0, keepdim=True)
        attention = attention / attention.sum(1, keepdim=True)
    return (attention + attention.T) / 2


def box_mask(cam: Tensor, threshold: float) -> Tensor:
    """The union of the bounding boxes of what is above a share of a map's maximum.

    The paper's code leaves out the last row and column of the grid; here they may be inside.

    Args:
        cam: Non-negative (h, w).
        threshold: The share.

    Returns:
        Tensor: bool (h, w).

    >>> box_mask(torch.tensor([[0.9, 0.0, 0.0], [0.8, 0.7, 0.0], [0.0, 0.0, 0.3]]), 0.4).int().tolist()
    [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    """
    above = (cam > threshold * cam.max()).cpu().numpy()
    components, _ = ndimage.label(above, structure=np.ones((3, 3)))
    mask = np.zeros(above.shape, bool)
    for box in ndimage.find_objects(components):
        mask[box] = True
    return torch.from_numpy(mask).to(cam.device)


def _spread(cam: Tensor, affinity: Tensor, threshold: float) -> Tensor:
    """Two steps over the affinity from what is inside the boxes; the maximum stays."""
    peak = cam.max()
    scaled = scale_min_max(cam)
    sources = torch.where(box_mask(scaled, threshold), scaled, torch.zeros_like(scaled)).flatten()
    spread = (affinity @ (affinity @ sources)).view(cam.shape)
    return scale_min_max(spread) * peak
