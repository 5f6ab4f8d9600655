"""An image classifier that also gives class maps."""

from __future__ import annotations

from typing import Any

from mmpretrain.models.classifiers import ImageClassifier
from torch import Tensor

from mmwsss.registry import MODELS


@MODELS.register_module()
class MapClassifier(ImageClassifier):
    """MMPretrain's classifier, whose head also gives class maps.

    The head is one of ours (:mod:`mmwsss.models.heads`): ``head(feats)`` are logits (B, K), ``head.class_maps(feats)``
    maps (B, C, h, w) with C >= K.

    Args:
        with_image: Put the normalised input before the backbone's outputs, for a head that uses colours (PCM).
        **kwargs: Of :class:`mmpretrain.models.ImageClassifier`.
    """

    def __init__(self, with_image: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.with_image = with_image

    @property
    def num_classes(self) -> int:
        """Number of classes K of the image labels."""
        return self.head.num_classes

    @property
    def cam_classifier(self) -> MapClassifier:
        """The classifier whose class activation maps are meant: itself."""
        return self

    def extract_feat(self, inputs: Tensor, stage: str = 'neck') -> tuple | Tensor:
        """Features as the host gives them, the input first where ``with_image`` is set."""
        feats = super().extract_feat(inputs, stage)
        return (inputs, *feats) if self.with_image and stage != 'pre_logits' else feats
