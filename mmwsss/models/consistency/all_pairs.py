"""All-pairs consistency regularisation of any transformer classifier."""

from __future__ import annotations

from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.models.backbones.attention import explicit_attention, transformer_blocks
from mmwsss.models.backbones.patch_size import patch_size_of
from mmwsss.models.classifiers import MapClassifier
from mmwsss.models.consistency.functional import all_pairs_losses
from mmwsss.models.consistency.views import build_view
from mmwsss.models.data_samples import require_samples
from mmwsss.models.distillers.cross_arch_distiller import preprocessor_of
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


@MODELS.register_module()
class AllPairsConsistency(BaseModel):
    """ACR (Sun et al., ICCVW 2023): a transformer should attend to the same things in two views of an image.

    ``loss = L(x) + L(x') + alpha * L_act + alpha * L_aff``: the wrapped model's own losses on both views (with our
    heads the multi-label soft margin of the paper), and the differences of the class token's attention to the patches
    and of all patches' attention to each other, in all blocks; see
    :func:`~mmwsss.models.consistency.functional.all_pairs_losses`. Gradients flow through both views.

    It wraps a classifier, or a :class:`~mmwsss.models.distillers.CrossArchDistiller`, whose student is regularised. To
    predict, and for CAMs, it is what it wraps.

    Args:
        model: Config of the wrapped model; its backbone is a ViT.
        view: ``'hflip'`` (published), ``'vflip'``, ``'rot90'``, ``'crop_shift'``, ``'scale'``, or a dict with ``type``
            and arguments of :mod:`~mmwsss.models.consistency.views`.
        activation_weight: alpha of the class token's attention (published: 125 on VOC, 100 on COCO).
        affinity_weight: alpha of the patches' attention.
        data_preprocessor: By default the wrapped model's.
        init_cfg: Of :class:`mmengine.model.BaseModel`.

    Raises:
        ValueError: If the wrapped model's backbone has no attention, or the view is unknown.
    """

    def __init__(
        self,
        model: dict,
        view: str | dict = 'hflip',
        activation_weight: float = 125.0,
        affinity_weight: float = 125.0,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        student = model.get('student') or model
        super().__init__(data_preprocessor or preprocessor_of(student), init_cfg)
        self.model = MODELS.build(model)
        backbone = self.model.cam_classifier.backbone
        if not transformer_blocks(backbone):
            raise InputError(f'Expected a backbone with attention, but got {type(backbone).__name__}.')
        self.view = build_view(view, patch_size_of(backbone))
        self.activation_weight, self.affinity_weight = activation_weight, affinity_weight

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
            inputs: Normalised images (B, 3, H, W), both sides multiples of the patch size.
            data_samples: Samples with ``gt_score``; needed in mode ``'loss'``.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.
        """
        if mode == 'loss':
            return self.loss(inputs, require_samples(data_samples, mode))
        return self.model(inputs, data_samples, mode)

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict[str, Tensor]:
        """The wrapped model's losses on both views (the second's end in ``_view``), and the two consistency losses."""
        sides = tuple(inputs.shape[2:])
        if sides[0] % self.view.patch_size or sides[1] % self.view.patch_size:
            raise InputError(f'Expected images whose sides {self.view.patch_size} divides, but got {sides}.')
        backbone = self.model.cam_classifier.backbone
        with explicit_attention(backbone) as first:
            losses = dict(self.model.loss(inputs, data_samples))
        with explicit_attention(backbone) as second:
            of_view = self.model.loss(self.view.images(inputs), data_samples)
        losses.update({f'{name}_view': value for name, value in of_view.items()})
        grid = (sides[0] // self.view.patch_size, sides[1] // self.view.patch_size)
        activation, affinity = all_pairs_losses(first.means, second.means, grid, self.view)
        losses['loss_activation'] = self.activation_weight * activation
        losses['loss_affinity'] = self.affinity_weight * affinity
        return losses
