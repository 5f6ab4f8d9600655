"""A segmentor that makes its own labels: from image labels to a decoder in one training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmpretrain.structures import DataSample
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.models.backbones.patch_size import patch_size_of
from mmwsss.models.classifiers import MapClassifier
from mmwsss.models.heads.image_label_head import ImageLabelHead
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError

_OWN = ('classifier', 'labels', 'warm_up', 'seg_weight', 'map_scales', 'map_flip')


@MODELS.register_module()
class OneStageSegmentor(EncoderDecoder):
    r"""MMSegmentation's ``EncoderDecoder`` that learns from image labels alone.

    .. math:: L = L_{classifier}(x, y) + w\,L_{decoder}(x, \hat m), \quad
        \hat m = \mathrm{labels}(\mathrm{maps}(x), y)

    The encoder is shared by a decoder and by a classifier with class maps. In every step the classifier learns from the
    image labels; its maps, without gradient, become pixel labels
    (:class:`~mmwsss.models.segmentors.two_threshold_labels.TwoThresholdLabels`), and the decoder learns from those. In
    the first steps the maps say nothing yet, so the classifier learns alone. Sources: AFA (Ru et al., CVPR 2022), ToCo
    (Ru et al., CVPR 2023); without their affinity and contrast losses.

    Known masks need no maps: one with ``gt_seg_map`` (smoke that :class:`~mmwsss.datasets.transforms.PastePlume`
    blended in) has that mask, from the first step on. An image without any class is all background, once the first
    steps are over: before, the decoder would learn nothing else.

    To predict it is an ``EncoderDecoder``. :class:`~mmwsss.engine.hooks.OrdinaryCheckpointHook` leaves the classifier
    out of the checkpoint's weights.

    Args:
        backbone: Of the host, shared.
        decode_head: Of the host; K + 1 classes, background first.
        classifier: Config of a model around a :class:`~mmwsss.models.classifiers.MapClassifier` **without a backbone**:
            one of these alone, or a :class:`~mmwsss.models.distillers.CrossArchDistiller` (cross-architecture loss
            with a trained teacher) or :class:`~mmwsss.models.consistency.AllPairsConsistency` around one. Its backbone
            and normalisation are the segmentor's.
        labels: Config of what makes labels of images, maps and classes.
        warm_up: Steps in which the decoder learns from known masks of composites alone, or not at all.
        seg_weight: w.
        map_scales: Factors on the image size at which maps are computed; their sum counts. At ``(1.0,)`` without
            ``map_flip`` they come from the step's own features; else the network, in eval mode, runs once more for
            each.
        map_flip: The larger of the map and of that of the mirrored image counts.
        **kwargs: Of :class:`mmseg.models.segmentors.EncoderDecoder`.

    Raises:
        ValueError: If the classifier has a backbone or a neck of its own or a head without class maps, its classes are
            not the decoder's, or an argument is out of range.
    """

    def __init__(
        self,
        backbone: dict,
        decode_head: dict,
        classifier: dict,
        labels: dict,
        warm_up: int = 0,
        seg_weight: float = 0.1,
        map_scales: Sequence[float] = (1.0,),
        map_flip: bool = False,
        data_preprocessor: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if warm_up < 0 or seg_weight <= 0 or not map_scales or min(map_scales) <= 0:
            raise InputError(
                f'Expected warm_up >= 0, seg_weight > 0 and positive map_scales, '
                f'but got {warm_up}, {seg_weight} and {tuple(map_scales)}.'
            )
        super().__init__(backbone, decode_head, data_preprocessor=data_preprocessor, **kwargs)
        self.warm_up, self.seg_weight = warm_up, seg_weight
        self.map_scales, self.map_flip = tuple(map_scales), map_flip
        with DefaultScope.overwrite_default_scope('mmpretrain'):  # the host of classifiers
            self.classifier: Any = MODELS.build(_with_backbone(classifier, self.backbone, data_preprocessor or {}))
        inner = self.map_classifier
        del inner.backbone  # the segmentor's alone, or its weights would stand twice in checkpoint and optimiser
        object.__setattr__(inner, 'backbone', self.backbone)
        if inner.with_neck or type(inner.head).class_maps is ImageLabelHead.class_maps:
            raise InputError(
                f'Expected a classifier without a neck whose head has class maps, but got {type(inner.head).__name__}.'
            )
        if self.decode_head.out_channels != inner.num_classes + 1:
            raise InputError(
                f'Expected a decode_head of {inner.num_classes + 1} classes, background and those of the classifier, '
                f'but got {self.decode_head.out_channels}.'
            )
        self.labels = MODELS.build(labels)
        self.steps: Tensor
        self.register_buffer('steps', torch.zeros((), dtype=torch.long))

    @property
    def map_classifier(self) -> MapClassifier:
        """The classifier whose class maps become labels."""
        return self.classifier.cam_classifier

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict[str, Tensor]:
        """The classifier's losses, the decoder's, and the shares of pixels with a class and without a label.

        Args:
            inputs: Normalised images (B, 3, H, W).
            data_samples: Of :class:`mmpretrain.datasets.PackInputs`: ``gt_score`` (K,), and ``gt_seg_map`` (H, W) where
                the mask is known.
        """
        with _first_output(self.backbone) as outputs:
            losses = add_prefix(self.classifier.loss(inputs, data_samples), 'classifier')
        feats = outputs[0] if not self.with_neck else self.neck(outputs[0])
        known = [sample.get('gt_seg_map') is not None for sample in data_samples]
        is_warm = int(self.steps) >= self.warm_up
        self.steps += 1
        rows = [row for row, has_mask in enumerate(known) if is_warm or has_mask]
        if not rows:
            return losses
        labels = self._labels(inputs, outputs[0], data_samples, is_warm)[rows]
        losses['labelled_as_class'] = ((labels > 0) & (labels != IGNORE_LABEL)).float().mean()
        losses['ignored'] = (labels == IGNORE_LABEL).float().mean()
        samples = [
            SegDataSample(gt_sem_seg=PixelData(data=label[None]), metainfo={'img_shape': tuple(inputs.shape[2:])})
            for label in labels
        ]
        of_rows = feats if len(rows) == len(inputs) else tuple(feat[rows] for feat in feats)
        of_decoder = self._decode_head_forward_train(of_rows, samples)
        if self.with_auxiliary_head:
            of_decoder.update(self._auxiliary_head_forward_train(of_rows, samples))
        for name, value in of_decoder.items():
            losses[name] = self.seg_weight * value if 'loss' in name else value
        return losses

    @torch.no_grad()
    def _labels(self, inputs: Tensor, feats: Sequence[Any], data_samples: list[DataSample], with_maps: bool) -> Tensor:
        """Labels (B, H, W): known masks, and of the other images what the maps give."""
        labels = torch.full((len(inputs), *inputs.shape[2:]), IGNORE_LABEL, dtype=torch.long, device=inputs.device)
        if with_maps:
            present = torch.stack([sample.gt_score for sample in data_samples]).to(inputs.device) > 0.5
            labels = self.labels(inputs, self.label_maps(inputs, feats), present)
        for row, sample in enumerate(data_samples):
            mask = sample.get('gt_seg_map')
            if mask is not None:
                labels[row] = torch.as_tensor(mask).to(labels)
        return labels

    @torch.no_grad()
    def label_maps(self, inputs: Tensor, feats: Sequence[Any] | None = None) -> Tensor:
        """The maps that labels are made of: positive part, summed over scales, divided by each map's maximum.

        Args:
            inputs: Normalised images (B, 3, H, W).
            feats: What the backbone gave for them, where it is at hand.

        Returns:
            Tensor: float32 (B, K, H, W) in [0, 1].
        """
        size = (inputs.shape[2], inputs.shape[3])
        if feats is not None and self.map_scales == (1.0,) and not self.map_flip:
            total = self._maps_at(inputs, size, feats)
        else:
            was_training = self.training
            self.eval()
            total, patch = torch.zeros(()), patch_size_of(self)
            for scale in self.map_scales:
                scaled = inputs
                if scale != 1:
                    sides = [max(round(side * scale / patch), 1) * patch for side in size]
                    scaled = F.interpolate(inputs, sides, mode='bilinear', align_corners=False)
                maps = self._maps_at(scaled, size)
                if self.map_flip:
                    maps = torch.maximum(maps, self._maps_at(scaled.flip(3), size).flip(3))
                total = total.to(maps) + maps
            self.train(was_training)
        peak = total.amax((2, 3), keepdim=True)
        return total / torch.where(peak > 0, peak, torch.ones_like(peak))

    def _maps_at(self, inputs: Tensor, size: tuple[int, int], feats: Sequence[Any] | None = None) -> Tensor:
        classifier = self.map_classifier
        feats = tuple(self.backbone(inputs) if feats is None else feats)
        maps = classifier.head.class_maps((inputs, *feats) if classifier.with_image else feats)
        maps = maps[:, : classifier.num_classes].float().relu()
        return F.interpolate(maps, size, mode='bilinear', align_corners=False)


def ordinary_model(model: Mapping[str, Any]) -> dict[str, Any]:
    """Config of the ``EncoderDecoder`` that a :class:`OneStageSegmentor` is when it predicts."""
    return {**{key: value for key, value in model.items() if key not in _OWN}, 'type': 'EncoderDecoder'}


def _with_backbone(classifier: Mapping[str, Any], backbone: nn.Module, preprocessor: Mapping[str, Any]) -> dict:
    """A classifier's config with the segmentor's backbone and normalisation in the innermost classifier."""
    for key in ('student', 'model'):
        if classifier.get(key) is not None:
            return {**classifier, key: _with_backbone(classifier[key], backbone, preprocessor)}
    if classifier.get('backbone') is not None:
        raise InputError(f'Expected a classifier without a backbone of its own, but got {classifier["backbone"]}.')
    normalisation = {key: preprocessor[key] for key in ('mean', 'std') if key in preprocessor}
    normalisation['to_rgb'] = preprocessor.get('bgr_to_rgb', False)
    return {**classifier, 'backbone': backbone, 'data_preprocessor': normalisation}


@contextlib.contextmanager
def _first_output(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what a module gives at its first call until the block ends."""
    outputs: list[Any] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        if not outputs:
            outputs.append(output)

    handle = module.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()
