"""Attention matrices of a transformer, collected during a forward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn as nn
from mmpretrain.models.backbones import Conformer, VisionTransformer
from torch import Tensor

from mmwsss.models.backbones.timm_tokens import TimmTokens
from mmwsss.utils.errors import InputError


def transformer_blocks(backbone: nn.Module) -> list[Any]:
    """The transformer blocks of a ViT or of a Conformer, the first one first; of other backbones none."""
    if isinstance(backbone, TimmTokens):
        return backbone.blocks
    if isinstance(backbone, VisionTransformer):
        return list(backbone.layers)
    if isinstance(backbone, Conformer):
        later = [getattr(backbone, f'conv_trans_{index}').trans_block for index in range(2, backbone.fin_stage)]
        return [backbone.trans_1, *later]
    return []


def first_norm(block: Any) -> nn.Module:
    """The first norm of one of :func:`transformer_blocks`."""
    return block.ln1 if hasattr(block, 'ln1') else block.norm1


def attend(query: Tensor, key: Tensor, value: Tensor, dropout_p: float = 0.0) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention that also returns its matrix; the output equals PyTorch's fused one.

    Args:
        query: (B, H, N, d).
        key: (B, H, N, d).
        value: (B, H, N, d).
        dropout_p: Dropout on the matrix that is multiplied (not on the one that is returned).

    Returns:
        Output (B, H, N, d) and attention (B, H, N, N), rows summing to one.
    """
    attention = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(-1)
    used = nn.functional.dropout(attention, dropout_p) if dropout_p else attention
    return used @ value, attention


class Attentions:
    """What :func:`explicit_attention` collects, by block.

    Attributes:
        means: Mean over heads (B, N, N) of each block, in the order of the blocks.
        heads: By number of block the attention of each head (B, H, N, N), of the blocks whose heads were asked for.
    """

    def __init__(self) -> None:
        self.means: list[Tensor] = []
        self.heads: dict[int, Tensor] = {}


@contextlib.contextmanager
def explicit_attention(backbone: nn.Module, heads_from: int | None = None) -> Iterator[Attentions]:
    """Collect the attention of every block in the forward passes inside; fused attention stays on everywhere else.

    ::

        with explicit_attention(model.backbone) as attentions:
            logits = model(inputs)
        loss = consistency(attentions.means)

    Only head means are kept, so a pass without gradients needs the memory of one block's heads at a time; with
    gradients every block's heads live until the backward pass, as fused attention would avoid.

    Args:
        backbone: A ViT (ours, MMPretrain's or one of timm) or Conformer.
        heads_from: Number of the block from which on the heads are kept as well. If gradients are off at that block,
            they are turned on there until the context ends, and the graph starts at its attention: gradients of a score
            with respect to ``heads`` then cost nothing below.

    Raises:
        ValueError: If the backbone has no transformer blocks.
    """
    blocks = transformer_blocks(backbone)
    if not blocks:
        raise InputError(f'Expected a backbone with attention (ViT or Conformer), but got {type(backbone).__name__}.')
    kept, enabled = Attentions(), torch.is_grad_enabled()

    def keep(number: int, attention: Tensor) -> Tensor:
        """The attention that the block goes on with."""
        if heads_from is not None and number >= heads_from:
            if not torch.is_grad_enabled():
                torch.set_grad_enabled(True)
                attention = attention.detach().requires_grad_()
            kept.heads[number] = attention
        kept.means.append(attention.mean(1))
        return attention

    def shown(number: int) -> Callable[..., Tensor]:
        def run(query: Tensor, key: Tensor, value: Tensor, dropout_p: float = 0.0, **_: object) -> Tensor:
            output, attention = attend(query, key, value, dropout_p)
            passed = keep(number, attention)
            return output if heads_from is None or number < heads_from else passed @ value

        return run

    with _shown_by_timm(blocks, keep) if isinstance(backbone, TimmTokens) else _shown_by_host(blocks, shown):
        try:
            yield kept
        finally:
            torch.set_grad_enabled(enabled)


@contextlib.contextmanager
def _shown_by_host(blocks: Sequence[Any], shown: Callable[[int], Callable[..., Tensor]]) -> Iterator[None]:
    """MMPretrain's blocks hold the function that computes their attention."""
    fused = [block.attn.scaled_dot_product_attention for block in blocks]
    try:
        for number, block in enumerate(blocks):
            block.attn.scaled_dot_product_attention = shown(number)
        yield
    finally:
        for block, function in zip(blocks, fused):
            block.attn.scaled_dot_product_attention = function


@contextlib.contextmanager
def _shown_by_timm(blocks: Sequence[Any], keep: Callable[[int, Tensor], Tensor]) -> Iterator[None]:
    """Timm's blocks send their attention through a dropout, unless it is fused."""
    fused = [block.attn.fused_attn for block in blocks]
    handles = []
    try:
        for number, block in enumerate(blocks):
            block.attn.fused_attn = False

            def hook(_module: nn.Module, _args: tuple, output: Tensor, number: int = number) -> Tensor:
                return keep(number, output)

            handles.append(block.attn.attn_drop.register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()
        for block, value in zip(blocks, fused):
            block.attn.fused_attn = value
