"""From images to the maps of a segmentor: its probabilities, for the classes of the image's label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from mmwsss.cam.functional import resize_cam, scaled_inputs
from mmwsss.cam.generator import CAMs
from mmwsss.registry import TASK_UTILS
from mmwsss.utils.errors import InputError

_SCORE_QUANTILE = 0.99  # an image shows a class where the surest hundredth of its pixels does


@TASK_UTILS.register_module()
class SegmentorMaps:
    """Probabilities of a segmentor in the place of class activation maps, for rounds of self-training.

    The network is an ``EncoderDecoder`` of MMSegmentation whose class 0 is the background. Its probabilities are
    averaged over scales and flips and are **not** normalised by their maximum: what is nowhere probable stays so. Put
    ``fusion=dict(type='mmwsss.LayerFusion', normalize=False)`` behind it.

    Where the head has one channel, or its first loss is a ``use_sigmoid`` one, probabilities are sigmoids; else they
    are softmaxes over background and classes.

    Args:
        scales: Factors on the input size.
        flip: Also average the un-flipped maps of the mirrored images.
        alternate: With ``flip``, mirror the images at every second scale instead, which costs half as much.
        classes: Which classes get maps: those of the image's ``'label'``, the ``'predicted'`` ones (score > 0.5), or
            ``'all'``.
        size_divisor: Scaled sizes are rounded to multiples of it.

    Attributes:
        views: Scale of each view, and whether it is mirrored.
        network: What a checkpoint must hold for this generator: ``'segmentor'``.
        num_layers: Number of maps for each class: 1.

    Raises:
        ValueError: If an argument is none of those above.
    """

    network = 'segmentor'
    num_layers = 1

    def __init__(
        self,
        scales: Sequence[float] = (1.0,),
        flip: bool = True,
        classes: str = 'label',
        size_divisor: int = 32,
        alternate: bool = False,
    ) -> None:
        if classes not in ('label', 'predicted', 'all'):
            raise InputError(f"Expected classes 'label', 'predicted' or 'all', but got {classes!r}.")
        if not scales or min(scales) <= 0:
            raise InputError(f'Expected positive scales, but got {tuple(scales)}.')
        if size_divisor < 1:
            raise InputError(f'Expected size_divisor >= 1, but got {size_divisor}.')
        self.classes, self.size_divisor = classes, size_divisor
        self.views = [(scale, mirrored) for scale in scales for mirrored in (False, True)[: 1 + flip]]
        if flip and alternate:
            self.views = [(scale, bool(index % 2)) for index, scale in enumerate(scales)]

    @torch.no_grad()
    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor | None = None) -> CAMs:
        """Compute the maps of a batch.

        Args:
            model: A segmentor, in eval mode.
            inputs: Normalised images (B, 3, H, W).
            labels: bool (B, K), needed for ``classes='label'``.

        Returns:
            CAMs: probabilities (P, 1, H, W) of the classes asked for; their ``scores`` are the 99 % quantile of each
            class's probabilities in the image.

        Raises:
            ValueError: If the model is in training mode or no segmentor, or labels are missing or of another shape.
        """
        if model.training:
            raise ValueError('Expected a model in eval mode, but it is in training mode.')
        head = _head_of(model)
        total = torch.zeros((), device=inputs.device)
        for scale, mirrored in self.views:
            scaled = scaled_inputs(inputs, scale, self.size_divisor)
            logits = model(scaled.flip(3) if mirrored else scaled, mode='tensor').float()
            logits = resize_cam(logits, (inputs.shape[2], inputs.shape[3]))
            scores = class_probabilities(logits, _is_sigmoid(head))
            total = total + (scores.flip(3) if mirrored else scores)
        total = total / len(self.views)
        pixels = inputs.shape[2] * inputs.shape[3]
        scores = total.flatten(2).kthvalue(max(round(_SCORE_QUANTILE * pixels), 1), dim=2).values
        images, classes = self._wanted(scores, labels).nonzero(as_tuple=True)
        maps = total[images, classes][:, None]
        return CAMs(maps, maps.amax((2, 3)), images, classes, scores)

    def _wanted(self, scores: Tensor, labels: Tensor | None) -> Tensor:
        """Which classes of which images get maps: bool (B, K)."""
        if self.classes == 'label':
            if labels is None or labels.shape != scores.shape:
                got = labels if labels is None else tuple(labels.shape)
                raise ValueError(f'Expected labels (B, K) = {tuple(scores.shape)}, but got {got}.')
            return labels.to(scores.device) != 0
        return scores > 0.5 if self.classes == 'predicted' else torch.ones_like(scores, dtype=torch.bool)


def class_probabilities(logits: Tensor, sigmoid: bool = False) -> Tensor:
    """Probabilities of the classes without the background.

    Args:
        logits: (B, K + 1, H, W), background first; or (B, 1, H, W), of the only class.
        sigmoid: Each class by itself; a single channel always is.

    Returns:
        Tensor: (B, K, H, W) in [0, 1].

    >>> logits = torch.tensor([0.0, 2.0]).view(1, 2, 1, 1)
    >>> round(float(class_probabilities(logits)), 4), round(float(class_probabilities(logits[:, 1:])), 4)
    (0.8808, 0.8808)
    """
    if logits.shape[1] == 1:
        return logits.sigmoid()
    return (logits.sigmoid() if sigmoid else logits.softmax(1))[:, 1:]


def _head_of(model: nn.Module) -> Any:
    head = getattr(model, 'decode_head', None)
    if head is None:
        raise InputError(f'Expected a segmentor with a decode_head, but got {type(model).__name__}.')
    return head[-1] if isinstance(head, nn.ModuleList) else head  # a cascade's last one


def _is_sigmoid(head: Any) -> bool:
    losses = head.loss_decode
    first = losses[0] if isinstance(losses, nn.ModuleList) else losses
    return bool(getattr(first, 'use_sigmoid', False))


def is_sigmoid(model: nn.Module) -> bool:
    """Whether a segmentor of MMSegmentation gives each class a sigmoid of its own: its first loss says it."""
    return _is_sigmoid(_head_of(model))
