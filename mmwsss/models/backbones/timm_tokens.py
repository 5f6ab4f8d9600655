"""Patch map and class token of any plain vision transformer of timm."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor

from mmwsss.registry import MODELS
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError
from mmwsss.weights.checkpoints import load_weights, read_checkpoint, state_of


@MODELS.register_module()
class TimmTokens(BaseBackbone):
    """Patch maps and class tokens of a vision transformer of timm: DINOv2, DINOv3, CLIP, SigLIP, EVA-02, DeiT-III, ...

    Images may have any size that is a multiple of the patch; position embeddings are resized in every pass. Registers
    and the like are left out. Gradient CAMs, rollout, ACR and the consistency losses read it as they read our own ViT.

    Weights come by ``init_cfg``: ``timm://NAME`` (those that timm fetches) or a local file, under timm's names or those
    of the network's authors where timm has a translation (DINO, DINOv2, DINOv3, EVA, OpenAI's CLIP and open_clip).

    Args:
        name: timm's name, with the tag of the weights (``vit_base_patch14_dinov2.lvd142m``): their normalisation goes
            with it.
        out_indices: Blocks whose outputs are given; negative ones count from the end. Later blocks are left out.
        norm: Apply the last norm to each output.
        input_mean: Of RGB in [0, 255], what the images were normalised with; they are then normalised anew with mean
            and deviation of the weights. With (0, 0, 0) and (1, 1, 1) they come as they are. None: the images are
            already normalised as the weights need it (``pixel_mean`` and ``pixel_std`` say how).
        input_std: See ``input_mean``; both or none.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` or None.
        **kwargs: Of timm's network, such as ``drop_path_rate``.

    Attributes:
        out_channels: D, for each output.
        out_strides: The patch size, for each output.
        pixel_mean: Of RGB in [0, 255], what the weights were trained with.
        pixel_std: Likewise.

    Shape:
        - input (B, 3, H, W), H and W multiples of the patch size
        - output: a tuple with, for each of ``out_indices``, the list of patch map (B, D, h, w) and class token (B, D);
          where there is no class token, the mean of the patches

    Raises:
        ImportError: If timm is missing, with the install line.
        ValueError: If timm has no such network, or it is no plain vision transformer.
    """

    def __init__(
        self,
        name: str,
        out_indices: Sequence[int] = (-1,),
        norm: bool = True,
        input_mean: Sequence[float] | None = None,
        input_std: Sequence[float] | None = None,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg)
        timm = require('timm', type(self).__name__)
        if not timm.is_model(name):
            raise InputError(f'Expected the name of a network of timm, but got {name!r}.')
        if (input_mean is None) != (input_std is None):
            raise InputError(f'Expected both input_mean and input_std or none, but got {input_mean} and {input_std}.')
        try:
            network: Any = timm.create_model(name, dynamic_img_size=True, **kwargs)
        except TypeError as error:
            raise InputError(f'Expected a plain vision transformer of timm, but got {name!r}: {error}') from error
        depth = len(network.blocks)
        if not out_indices or not all(-depth <= index < depth for index in out_indices):
            raise InputError(f'Expected out_indices in [{-depth}, {depth - 1}] for {name}, but got {out_indices}.')
        self.name, self.norm = name, norm
        self.out_indices = [index % depth for index in out_indices]
        network.prune_intermediate_layers(self.out_indices, prune_norm=not norm, prune_head=True)
        self.network: Any = network
        self.patch_size: int = network.patch_embed.patch_size[0]
        self.num_extra_tokens: int = network.num_prefix_tokens
        self.out_channels = [network.embed_dim] * len(self.out_indices)
        self.out_strides = [self.patch_size] * len(self.out_indices)
        trained_with = timm.data.resolve_model_data_config(network)
        self.pixel_mean, self.pixel_std = ([255 * v for v in trained_with[key]] for key in ('mean', 'std'))
        self.renormalize = input_mean is not None
        if input_mean is not None and input_std is not None:
            given, wanted = ((input_mean, input_std), (self.pixel_mean, self.pixel_std))
            (mean, std), (own_mean, own_std) = (torch.tensor([*map(tuple, pair)]) for pair in (given, wanted))
            for key, value in (('_factor', std / own_std), ('_shift', (mean - own_mean) / own_std)):
                self.register_buffer(key, value.view(3, 1, 1), persistent=False)

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer blocks, the first one first."""
        return list(self.network.blocks)

    def init_weights(self) -> None:
        """Load the weights that ``init_cfg`` names; without it the network stays as timm draws it.

        Raises:
            ValueError: If one of the network's weights is missing or has another shape.
        """
        init_cfg = self.init_cfg or {}
        if init_cfg.get('type') != 'Pretrained':
            super().init_weights()
            return
        state = state_of(read_checkpoint(init_cfg['checkpoint']))
        translate = getattr(sys.modules[type(self.network).__module__], 'checkpoint_filter_fn', None)
        if translate is not None and not set(self.network.state_dict()) <= set(state):
            state = translate(state, self.network)
        needed_by = f"timm's {self.name}"
        load_weights(self.network, state, needed_by, init_cfg['checkpoint'], allow_unused=True)
        self._is_init = True

    def train(self, mode: bool = True) -> TimmTokens:
        """Set the mode."""
        super().train(mode)  # the host's gives nothing back
        return self

    def grid(self, inputs: Tensor) -> tuple[int, int]:
        """Rows and columns of the patches.

        Raises:
            ValueError: If a side is no multiple of the patch size.
        """
        height, width = inputs.shape[2:]
        if height % self.patch_size or width % self.patch_size:
            raise InputError(
                f'Expected images whose sides are multiples of the patch size {self.patch_size} of {self.name}, '
                f'but got {height} x {width}.'
            )
        return height // self.patch_size, width // self.patch_size

    def forward(self, x: Tensor) -> tuple[list[Tensor], ...]:
        """The maps and tokens."""
        self.grid(x)
        if self.renormalize:
            x = x * self._factor + self._shift
        found = self.network.forward_intermediates(
            x, indices=self.out_indices, return_prefix_tokens=True, norm=self.norm, intermediates_only=True
        )
        return tuple(self._with_token(output) for output in found)

    @staticmethod
    def _with_token(output: Tensor | tuple[Tensor, Tensor]) -> list[Tensor]:
        if isinstance(output, Tensor):  # timm gives no prefix tokens where there are none
            return [output, output.mean((2, 3))]
        patches, prefix = output
        return [patches, prefix[:, 0]]
