"""Pairs of frames with and without smoke, for any classifier with class maps."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.models.classifiers import MapClassifier
from mmwsss.models.distillers.cross_arch_distiller import preprocessor_of
from mmwsss.models.heads.image_label_head import ImageLabelHead
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


@MODELS.register_module()
class CounterfactualPairs(BaseModel):
    """A classifier whose class map has to differ, within a pair, by the smoke alone.

    ``loss = L(x) + L_pair``: the wrapped model's own losses on the batch, and the pair loss
    (:class:`~mmwsss.models.losses.CounterfactualLoss`) on those samples that
    :class:`~mmwsss.datasets.transforms.PastePlume` gave smoke: the frame with it against the same frame without. Both
    frames go through the classifier once more, in one batch. A batch without a pair has the pair loss 0.

    It wraps a classifier, or a model that has one (:class:`~mmwsss.models.distillers.CrossArchDistiller`, whose student
    is meant; :class:`~mmwsss.models.consistency.AllPairsConsistency`). To predict, and for CAMs, it is what it wraps.

    Samples carry ``img_clean`` and ``plume_matte``: pack them with
    ``PackInputs(algorithm_keys=('plume_matte', 'img_clean'))``.

    Args:
        model: Config of the wrapped model; the head of its classifier has class maps.
        pair_loss: Config of the pair loss.
        class_index: Index of smoke among the classes.
        data_preprocessor: By default the wrapped model's.
        init_cfg: Of :class:`mmengine.model.BaseModel`.

    Raises:
        ValueError: If the classifier's head has no class maps.
    """

    def __init__(
        self,
        model: dict,
        pair_loss: dict,
        class_index: int = 0,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        classifier = model
        while 'head' not in classifier and ('student' in classifier or 'model' in classifier):
            classifier = classifier.get('student') or classifier['model']
        super().__init__(data_preprocessor or preprocessor_of(classifier), init_cfg)
        self.model = MODELS.build(model)
        self.pair_loss = MODELS.build(pair_loss)
        self.class_index = class_index
        head = self.model.cam_classifier.head
        if type(head).class_maps is ImageLabelHead.class_maps:
            raise InputError(f'Expected a head with class maps for pairs, but got {type(head).__name__}.')

    @property
    def num_classes(self) -> int:
        """Number of classes K of the image labels."""
        return self.model.num_classes

    @property
    def cam_classifier(self) -> MapClassifier:
        """The classifier whose class activation maps are meant: that of the wrapped model."""
        return self.model.cam_classifier

    def forward(
        self, inputs: Tensor, data_samples: list[DataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | list[DataSample] | dict[str, Tensor]:
        """Losses in mode ``'loss'``; otherwise what the wrapped model gives.

        Args:
            inputs: Normalised images (B, 3, H, W).
            data_samples: Samples with ``gt_score``; of pairs also with ``img_clean`` (H, W, 3), BGR in [0, 255], and
                ``plume_matte`` (H, W).
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples or [])
        return self.model(inputs, data_samples, mode)

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict[str, Tensor]:
        """The wrapped model's losses, and ``loss_pair``."""
        losses = dict(self.model.loss(inputs, data_samples))
        pairs = [index for index, sample in enumerate(data_samples) if _is_pair(sample)]
        if not pairs:
            losses['loss_pair'] = inputs.new_zeros(())
            return losses
        clean = self._normalised([data_samples[index].img_clean for index in pairs])
        matte = torch.stack([torch.as_tensor(data_samples[index].plume_matte) for index in pairs]).to(inputs)
        if clean.shape[1:] != inputs.shape[1:] or matte.shape[1:] != inputs.shape[2:]:
            raise ValueError(
                f'Expected img_clean and plume_matte of the size of the inputs, {tuple(inputs.shape[2:])}, '
                f'but got {tuple(clean.shape[2:])} and {tuple(matte.shape[1:])}: paste after every crop and resize.'
            )
        classifier = self.cam_classifier
        maps = classifier.head.class_maps(classifier.extract_feat(torch.cat([inputs[pairs], clean])))
        with_smoke, without = maps[:, self.class_index].float().chunk(2)
        losses['loss_pair'] = self.pair_loss(with_smoke, without, matte)
        return losses

    def _normalised(self, images: list[np.ndarray]) -> Tensor:
        stacked = torch.from_numpy(np.stack([np.ascontiguousarray(img.transpose(2, 0, 1)) for img in images]))
        return self.data_preprocessor({'inputs': stacked}, training=False)['inputs']


def _is_pair(sample: DataSample) -> bool:
    return 'img_clean' in sample and 'plume_matte' in sample and bool((sample.plume_matte > 0).any())
