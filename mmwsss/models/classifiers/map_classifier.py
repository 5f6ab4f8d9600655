"""An image classifier that also gives class maps."""

from __future__ import annotations

from typing import Any

from mmpretrain.models.classifiers import ImageClassifier
from torch import Tensor

from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


@MODELS.register_module()
class MapClassifier(ImageClassifier):
    """MMPretrain's classifier, whose head also gives class maps.

    The head is one of ours (:mod:`mmwsss.models.heads`): ``head(feats)`` are logits (B, K), ``head.class_maps(feats)``
    maps (B, C, h, w) with C >= K.

    Args:
        with_image: Put the normalised input before the backbone's outputs, for a head that uses colours (PCM).
        **kwargs: Of :class:`mmpretrain.models.ImageClassifier`.

    Raises:
        ValueError: If the backbone crops its maps, so that the input would show something else than they do.
    """

    def __init__(self, with_image: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if with_image and getattr(self.backbone, 'crop', None) is not None:
            raise InputError(
                f'Expected crop=None of the kept features of a head that uses the image, but got {self.backbone.crop}.'
            )
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
