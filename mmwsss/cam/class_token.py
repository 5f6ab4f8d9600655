"""The last block of a ViT, computed for its class token alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import Tensor

from mmwsss.models.backbones import TokenMapVisionTransformer
from mmwsss.models.classifiers import MapClassifier
from mmwsss.models.heads import ClassTokenHead


def _class_token_of(block: TransformerEncoderLayer, tokens: Tensor) -> Tensor:
    """The block's output with the class token's row computed, and the patches' rows left as they came."""
    attn = block.attn
    normed = block.ln1(tokens)
    batch, number, _ = tokens.shape
    dims, heads = attn.embed_dims, attn.num_heads
    weight, bias = attn.qkv.weight, attn.qkv.bias
    query = F.linear(normed[:, :1], weight[:dims], None if bias is None else bias[:dims])
    keys = F.linear(normed, weight[dims:], None if bias is None else bias[dims:])
    query = query.view(batch, 1, heads, -1).transpose(1, 2)
    key, value = keys.view(batch, number, 2, heads, -1).permute(2, 0, 3, 1, 4)
    attended = attn.scaled_dot_product_attention(query, key, value, dropout_p=0.0)
    attended = attn.proj(attended.transpose(1, 2).reshape(batch, 1, dims))
    token = tokens[:, :1] + attn.out_drop(attn.gamma1(attn.proj_drop(attended)))
    token = block.ffn(block.ln2(token), identity=token)
    return torch.cat([token, tokens[:, 1:]], dim=1)


def reads_class_token_only(classifier: MapClassifier) -> bool:
    """Whether the logits depend on nothing but the class token of the last block's output."""
    backbone = classifier.backbone
    return (
        type(backbone) is TokenMapVisionTransformer
        and type(classifier.head) is ClassTokenHead
        and type(backbone.layers[-1]) is TransformerEncoderLayer
        and not backbone.layers[-1].attn.v_shortcut
        and backbone.num_extra_tokens == 1
    )


@contextlib.contextmanager
def class_token_only(classifier: MapClassifier) -> Iterator[None]:
    """Inside the block, compute only the class token in a ViT's last block; logits stay the same.

    Nothing is changed where the logits read more than the class token (:func:`reads_class_token_only`). Keys and values
    of all tokens are still computed: a sixth of the block's matrix products, forward and backward.
    """
    if classifier.training or not reads_class_token_only(classifier):
        yield
        return
    block = classifier.backbone.layers[-1]
    block.forward = lambda tokens: _class_token_of(block, tokens)
    try:
        yield
    finally:
        del block.forward
