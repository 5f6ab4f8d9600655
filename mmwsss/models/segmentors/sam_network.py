"""segment-anything's network, of any size, with its weights."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError
from mmwsss.weights.checkpoints import load_weights
from mmwsss.weights.pretrained import require_weights

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

ARCHS: dict[str, dict[str, Any]] = {
    'vit_b': {'embed_dim': 768, 'depth': 12, 'num_heads': 12, 'global_attn_indexes': (2, 5, 8, 11)},
    'vit_l': {'embed_dim': 1024, 'depth': 24, 'num_heads': 16, 'global_attn_indexes': (5, 11, 17, 23)},
    'vit_h': {'embed_dim': 1280, 'depth': 32, 'num_heads': 16, 'global_attn_indexes': (7, 15, 23, 31)},
}


def build_sam(arch: str | Mapping[str, Any], checkpoint: str | Path | None, needed_by: str) -> Sam:
    """A SAM with its weights, in eval mode on the CPU.

    Args:
        arch: ``'vit_b'``, ``'vit_l'``, ``'vit_h'``, or the image encoder's ``embed_dim``, ``depth``, ``num_heads``,
            ``global_attn_indexes`` and ``image_size`` (1024) for any other network of SAM's shape.
        checkpoint: Its weights, a plain state dict; None leaves them random.
        needed_by: Who needs it, for errors.

    Raises:
        ImportError: If segment-anything is missing, with the install line.
        ValueError: If the architecture is unknown or the weights do not fit.
        FileNotFoundError: If the weights are missing; says where they come from.
    """
    modeling = require('segment_anything.modeling', needed_by)
    if isinstance(arch, str) and arch not in ARCHS:
        raise InputError(f'Expected a SAM of {list(ARCHS)} or a dict, but got {arch!r}.')
    encoder = dict(ARCHS[arch] if isinstance(arch, str) else arch)
    size = encoder.pop('image_size', 1024)
    known = inspect.signature(modeling.ImageEncoderViT).parameters
    unknown = [name for name in encoder if name not in known]
    if unknown:
        raise InputError(f"Expected arguments of SAM's image encoder, but got {unknown}.")
    sam = modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            img_size=size,
            patch_size=16,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            qkv_bias=True,
            use_rel_pos=True,
            window_size=14,
            out_chans=256,
            **encoder,
        ),
        prompt_encoder=modeling.PromptEncoder(256, (size // 16, size // 16), (size, size), 16),
        mask_decoder=modeling.MaskDecoder(
            num_multimask_outputs=3,
            transformer=modeling.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
            transformer_dim=256,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    )
    if checkpoint is not None:
        load_weights(sam, require_weights(checkpoint, needed_by), f'the SAM {arch}')
    return sam.eval()
