"""From images to class activation maps: kinds, layers, scales, classes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from mmwsss.cam.any_classifier import AnyClassifier
from mmwsss.cam.functional import resize_cam, scale_by_max, scale_min_max, scaled_inputs
from mmwsss.cam.map_tiles import MapTiles
from mmwsss.cam.methods import HEADS, LAYERED, METHODS, TEXT
from mmwsss.models.backbones.patch_size import patch_size_of
from mmwsss.models.classifiers import CLIPClassifier, MapClassifier
from mmwsss.registry import TASK_UTILS
from mmwsss.utils.errors import InputError


@dataclass
class CAMs:
    """Class activation maps of a batch: one entry for each pair of an image and a class that was asked for.

    Pairs are ordered by image, then by class; P of them may be none.

    Attributes:
        maps: float32 (P, L, H, W) in [0, 1], one map for each target layer, at the size of the inputs.
        raw_max: float32 (P, L), the maximum of each map before normalisation; with ``per_scale_min_max`` the mean of
            those of all scales.
        image_index: int64 (P,), the image of each pair.
        class_index: int64 (P,), the class of each pair.
        scores: float32 (B, K), sigmoid of the logits at scale 1 (or the scale nearest to it); of tiles the highest.
    """

    maps: Tensor
    raw_max: Tensor
    image_index: Tensor
    class_index: Tensor
    scores: Tensor


@contextlib.contextmanager
def _without_inference_mode() -> Iterator[None]:
    """Leave :func:`torch.inference_mode`, within which nothing can be differentiated, until the block ends."""
    if not torch.is_inference_mode_enabled():
        yield
        return
    with torch.inference_mode(False), torch.no_grad():  # leaving it alone would turn gradients on
        yield


@TASK_UTILS.register_module()
class CAMGenerator:
    """Class activation maps at several scales.

    Maps are averaged over scales and flips, and each is normalised **once, last**, by its own maximum, and only for
    the classes asked for. Below the first target layer the network runs without gradients.

    Args:
        method: ``'gradcam'``, ``'gradcampp'``, ``'layercam'`` and ``'scorecam'`` on any classifier, also on those of
            MMPretrain, timm and torchvision (:class:`~mmwsss.cam.any_classifier.AnyClassifier`); ``'rollout'`` on any
            of ours with attention; ``'acr'`` and ``'acr_unrefined'`` on a ViT; ``'cam'``, the maps of a
            :class:`~mmwsss.models.heads.PooledHead`; ``'pcm'``, those of a :class:`~mmwsss.models.heads.PCMHead`;
            ``'transcam'``, those of a :class:`~mmwsss.models.heads.TransCAMHead`; ``'clip'`` and ``'clip_unrefined'``
            on a :class:`~mmwsss.models.classifiers.CLIPClassifier`, which nobody trains. See :mod:`mmwsss.cam.methods`.
        target_layers: Layers of the first four, counted from the end or by name; see
            :func:`~mmwsss.cam.layer_tap.target_layers`.
        scales: Factors on the input size (the paper: 0.5, 1, 1.5, 2).
        flip: Also average the un-flipped maps of the mirrored images (the paper does not).
        per_scale_min_max: The paper's code: every scale is min-max scaled before the mean, and the mean is not
            normalised again. A map that is low everywhere at one scale then counts as much as any other.
        classes: Which classes get maps: those of the image's ``'label'``, the ``'predicted'`` ones (score > 0.5), or
            ``'all'``; no others are computed or held.
        size_divisor: Scaled sizes are rounded to multiples of it; None: of the backbone's patch size, where it has
            one, else of 16, and a classifier that is none of ours sees pictures at scale 1 as they are.
        tiles: ``size`` and ``overlap`` of :class:`~mmwsss.cam.map_tiles.MapTiles`: large pictures go through the
            network in overlapping tiles. Maps are normalised over the whole picture, never tile by tile: where no tile
            but one shows the class, the others' maps stay low. None: in one piece.

    Attributes:
        network: What a checkpoint must hold for this generator: ``'classifier'``, or ``'clip'``, the weights alone.

    Raises:
        ValueError: If an argument is none of those above.
    """

    network = 'classifier'

    def __init__(
        self,
        method: str = 'gradcam',
        target_layers: Sequence[int | str] = (-1,),
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        per_scale_min_max: bool = False,
        classes: str = 'label',
        size_divisor: int | None = None,
        tiles: Mapping[str, Any] | None = None,
    ) -> None:
        if method not in METHODS:
            raise InputError(f'Expected a method of {list(METHODS)}, but got {method!r}.')
        if classes not in ('label', 'predicted', 'all'):
            raise InputError(f"Expected classes 'label', 'predicted' or 'all', but got {classes!r}.")
        if not scales or min(scales) <= 0:
            raise InputError(f'Expected positive scales, but got {tuple(scales)}.')
        if not target_layers:
            raise InputError('Expected at least one target layer, but got none.')
        self.method, self.target_layers = method, tuple(target_layers)
        self.scales, self.flip = tuple(scales), flip
        self.per_scale_min_max, self.classes = per_scale_min_max, classes
        self.size_divisor = size_divisor
        self.tiles = None if tiles is None else MapTiles(**tiles)
        self._wrapped: AnyClassifier | None = None
        if method in TEXT:
            self.network = 'clip'

    @property
    def num_layers(self) -> int:
        """Number L of maps for each class."""
        return len(self.target_layers) if self.method in LAYERED else 1

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor | None = None) -> CAMs:
        """Compute the maps of a batch.

        Args:
            model: A :class:`~mmwsss.models.classifiers.MapClassifier`, a distiller (its student is meant), or any other
                network from images to logits, in eval mode.
            inputs: Normalised images (B, 3, H, W).
            labels: bool (B, K), needed for ``classes='label'``.

        Returns:
            CAMs: maps of the classes asked for, at the size of ``inputs``.

        Raises:
            ValueError: If labels are missing or of another shape, the model is in training mode, has no head for the
                method, or was built inside :func:`torch.inference_mode`.
        """
        classifier = self._classifier_of(model)
        if isinstance(classifier, AnyClassifier) and not classifier.training:
            rows, columns, *_ = self._windows(inputs)[0]
            classifier.look_at(inputs[:, :, rows, columns])
        self._check(classifier, inputs, labels)
        with _without_inference_mode():
            return self._compute(classifier, inputs.clone() if inputs.is_inference() else inputs, labels)

    def _classifier_of(self, model: nn.Module) -> MapClassifier | AnyClassifier:
        ours = getattr(model, 'cam_classifier', None)
        if ours is not None:
            return ours
        if self._wrapped is None or self._wrapped.model is not model:
            self._wrapped = AnyClassifier(model)
        self._wrapped.training = model.training
        return self._wrapped

    def _compute(self, classifier: MapClassifier | AnyClassifier, inputs: Tensor, labels: Tensor | None) -> CAMs:
        scores = None
        windows = self._windows(inputs)
        if self.classes != 'label' or labels is None:
            with torch.no_grad():
                of_tiles = [classifier(inputs[:, :, rows, columns]).sigmoid() for rows, columns, *_ in windows]
            scores = torch.stack(of_tiles).amax(0)
            wanted = scores > 0.5 if self.classes == 'predicted' else torch.ones_like(scores, dtype=torch.bool)
        else:
            wanted = labels.to(inputs.device) != 0
        images, classes = wanted.nonzero(as_tuple=True)
        size = (inputs.shape[2], inputs.shape[3])
        total = inputs.new_zeros((len(images), self.num_layers, *size), dtype=torch.float32)
        raw_max = total.new_zeros((len(images), self.num_layers))
        logits_at: dict[float, Tensor] = {}
        for scale in self.scales:
            for mirrored in (False, True)[: 1 + self.flip]:
                if len(windows) == 1:
                    maps, logits = self._maps_of(classifier, inputs, (images, classes), scale, mirrored)
                else:
                    maps, logits = self._joined(classifier, inputs, (images, classes), scale, mirrored)
                if len(images):
                    raw_max += maps.float().amax((2, 3))
                    total += self._at_size(maps, size)
                logits_at.setdefault(scale, logits)
        total /= len(self.scales) * (1 + self.flip)
        if self.per_scale_min_max:
            raw_max /= len(self.scales) * (1 + self.flip)
        else:
            raw_max = total.amax((2, 3))
            total = scale_by_max(total)
        if scores is None:
            scores = logits_at[min(self.scales, key=lambda scale: abs(scale - 1))].sigmoid()
        return CAMs(total, raw_max, images, classes, scores.float())

    def _windows(self, inputs: Tensor) -> list[tuple[slice, slice, Tensor, Tensor]]:
        """The tiles, as :meth:`~mmwsss.cam.map_tiles.MapTiles.windows` gives them; one without tiles."""
        tiles = self.tiles or MapTiles(max(*inputs.shape[2:], 16))
        return tiles.windows(inputs.shape[2], inputs.shape[3])

    def _maps_of(
        self,
        classifier: MapClassifier | AnyClassifier,
        inputs: Tensor,
        pairs: tuple[Tensor, Tensor],
        scale: float,
        mirrored: bool,
    ) -> tuple[Tensor, Tensor]:
        """Raw maps (P, L, h, w) of images in one piece, and logits (B, K)."""
        if scale == 1 and self.size_divisor is None and isinstance(classifier, AnyClassifier):
            scaled = inputs  # of any size that it takes
        else:
            scaled = scaled_inputs(inputs, scale, self.size_divisor or patch_size_of(classifier))
        method = METHODS[self.method]
        maps, logits = method(classifier, scaled.flip(3) if mirrored else scaled, pairs, self.target_layers)
        return maps.flip(3) if mirrored else maps, logits

    def _joined(
        self,
        classifier: MapClassifier | AnyClassifier,
        inputs: Tensor,
        pairs: tuple[Tensor, Tensor],
        scale: float,
        mirrored: bool,
    ) -> tuple[Tensor, Tensor]:
        """Raw maps (P, L, H, W) of images in tiles, and the highest logits (B, K)."""
        joined = inputs.new_zeros((len(pairs[0]), self.num_layers, *inputs.shape[2:]), dtype=torch.float32)
        weights = inputs.new_zeros(tuple(inputs.shape[2:]), dtype=torch.float32)
        highest: list[Tensor] = []
        for rows, columns, down, across in self._windows(inputs):
            weight = (down[:, None] * across).to(inputs.device)
            maps, logits = self._maps_of(classifier, inputs[:, :, rows, columns], pairs, scale, mirrored)
            if len(pairs[0]):
                joined[:, :, rows, columns] += weight * resize_cam(maps.float(), (weight.shape[0], weight.shape[1]))
            weights[rows, columns] += weight
            highest = [logits if not highest else torch.maximum(highest[0], logits)]
        return joined.div_(weights), highest[0]

    def _at_size(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        return resize_cam(scale_min_max(maps) if self.per_scale_min_max else maps, size)

    def _check(self, classifier: MapClassifier | AnyClassifier, inputs: Tensor, labels: Tensor | None) -> None:
        if classifier.training:
            raise ValueError('Expected a model in eval mode, but it is in training mode.')
        if isinstance(classifier, AnyClassifier) and self.method not in LAYERED:
            raise InputError(
                f'Expected a method of {list(LAYERED)} for a {type(classifier.model).__name__}, which is no '
                f'MapClassifier, but got {self.method!r}.'
            )
        if isinstance(classifier, CLIPClassifier) != (self.method in TEXT):
            raise InputError(
                f'Expected a CLIPClassifier for the methods {list(TEXT)} and for no other, '
                f'but got a {type(classifier).__name__} for {self.method!r}.'
            )
        head = HEADS.get(self.method)
        if head is not None and not isinstance(classifier.head, head):
            raise InputError(
                f'Expected a {head.__name__} for the method {self.method!r}, but got {type(classifier.head).__name__}.'
            )
        if any(parameter.is_inference() for parameter in classifier.parameters()):
            raise InputError(
                'Expected a model that was built outside torch.inference_mode(), but its parameters cannot be '
                'differentiated through: build it outside; the maps may then be computed inside.'
            )
        shape = (inputs.shape[0], classifier.num_classes)
        if self.classes == 'label' and (labels is None or tuple(labels.shape) != shape):
            raise ValueError(f'Expected labels (B, K) = {shape}, but got {labels if labels is None else labels.shape}.')
