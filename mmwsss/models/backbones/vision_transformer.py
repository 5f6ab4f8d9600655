"""MMPretrain's VisionTransformer with its patch map and its class token side by side."""

from __future__ import annotations

import re
from typing import Any

from mmpretrain.models.backbones import VisionTransformer
from torch import Tensor

from mmwsss.models.backbones.hybrid_stem import HybridStem
from mmwsss.registry import MODELS

_TIMM_NAMES = (
    (r'^blocks\.(\d+)\.norm([12])\.', r'layers.\1.ln\2.'),
    (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
    (r'^blocks\.(\d+)\.', r'layers.\1.'),
    (r'^norm\.', 'ln1.'),
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
)


_TIMM_HYBRID_NAMES = (  # the stem is one module there, backbone and projection side by side here
    (r'^patch_embed\.(backbone|proj)\.', r'patch_embed.projection.\1.'),
    *_TIMM_NAMES[:-1],
)


def _from_timm(name: str, hybrid: bool) -> str:
    for pattern, replacement in _TIMM_HYBRID_NAMES if hybrid else _TIMM_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


@MODELS.register_module()
class TokenMapVisionTransformer(VisionTransformer):
    """A ViT whose outputs are ``[patch map, class token]``, both after the last norm.

    The host gives one or the other; distillation needs both from one pass: the classifier reads the class token, the
    consistency loss the patch tokens. Weights, arguments and the interpolation of position embeddings are the host's.

    Weights of timm's ViTs load as well: their names are translated.

    Args:
        load_interpolate_mode: How position embeddings are resized when weights are loaded; by default as in every
            forward pass (``interpolate_mode``). The paper's code has bilinear here and bicubic there.
        stem: Config of a module in the place of the patch projection, such as
            :class:`~mmwsss.models.backbones.FeatureStem`; it is given ``out_channels`` and ``patch_size``.
        **kwargs: Of :class:`mmpretrain.models.VisionTransformer`, except ``out_type`` and ``with_cls_token``.

    Shape:
        - input (B, 3, H, W)
        - output: a tuple with, for each of ``out_indices``, the list of patch map (B, D, h, w) and class token (B, D)
    """

    interpolate_mode: str

    def __init__(self, load_interpolate_mode: str | None = None, stem: dict | None = None, **kwargs: Any) -> None:
        super().__init__(out_type='raw', **kwargs)
        if stem is not None:
            patch_size = self.patch_embed.projection.stride[0]
            self.patch_embed.projection = MODELS.build(
                {
                    **stem,
                    'out_channels': self.embed_dims,
                    'patch_size': patch_size,
                }
            )
        self.load_interpolate_mode = load_interpolate_mode or self.interpolate_mode

    def _prepare_pos_embed(self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any) -> None:
        """Runs before weights are loaded: translate timm's names, then resize position embeddings."""
        hybrid = isinstance(self.patch_embed.projection, HybridStem)
        for name in [name for name in state_dict if name.startswith(prefix)]:
            translated = _from_timm(name[len(prefix) :], hybrid)
            if translated != name[len(prefix) :]:
                state_dict[prefix + translated] = state_dict.pop(name)
        forward_mode, self.interpolate_mode = self.interpolate_mode, self.load_interpolate_mode
        try:
            super()._prepare_pos_embed(state_dict, prefix, *args, **kwargs)
        finally:
            self.interpolate_mode = forward_mode

    def _format_output(self, x: Tensor, hw: tuple[int, int]) -> list[Tensor]:
        patches = x[:, self.num_extra_tokens :]
        patch_map = patches.transpose(1, 2).reshape(x.shape[0], x.shape[2], *hw)
        return [patch_map, x[:, 0]]
