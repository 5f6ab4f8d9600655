"""Reading activations and their gradients inside a network; the only module with hooks."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import torch
import torch.nn as nn
from mmpretrain.models.backbones import Conformer, ResNet, VisionTransformer
from torch import Tensor


def transformer_blocks(backbone: nn.Module) -> list[nn.Module]:
    """The transformer blocks of a ViT or of a Conformer, the first one first; of other backbones none."""
    if isinstance(backbone, VisionTransformer):
        return list(backbone.layers)
    if isinstance(backbone, Conformer):
        later = [getattr(backbone, f'conv_trans_{index}').trans_block for index in range(2, backbone.fin_stage)]
        return [backbone.trans_1, *later]
    return []


def target_layers(model: nn.Module, layers: Sequence[int | str]) -> list[nn.Module]:
    """Modules whose outputs a gradient CAM reads.

    Args:
        model: A classifier with a ``backbone``.
        layers: Numbers count blocks from the end (-1 is the last): for a ViT the first norm of each block (the paper's
            ``blocks[-1].norm1``), for a Conformer the same of its transformer branch, for a ResNet its residual blocks
            (``layer4[-1]``). A string names any submodule of the model.

    Raises:
        ValueError: If a layer does not exist, or the backbone's blocks are not known; says which there are.
    """
    backbone = model.backbone
    blocks: list[nn.Module] = []
    if isinstance(backbone, (VisionTransformer, Conformer)):
        blocks = [block.ln1 for block in transformer_blocks(backbone)]
    elif isinstance(backbone, ResNet):
        blocks = [block for name in backbone.res_layers for block in getattr(backbone, name)]
    found = []
    for layer in layers:
        if isinstance(layer, str):
            try:
                found.append(model.get_submodule(layer))
            except AttributeError as error:
                raise ValueError(
                    f'Expected the name of a submodule as target layer, but got {layer!r}: {error}.'
                ) from error
        elif not blocks:
            raise ValueError(
                f'Expected a submodule name as target layer for {type(backbone).__name__}, but got the number {layer}.'
            )
        elif not -len(blocks) <= layer < 0:
            raise ValueError(f'Expected a target layer in [-{len(blocks)}, -1], but got {layer}.')
        else:
            found.append(blocks[layer])
    return found


def _patch_layer(backbone: nn.Module) -> nn.Module | None:
    return getattr(backbone, 'patch_embed', None) or getattr(backbone, 'trans_patch_conv', None)


class _Tap:
    """Hooks that are gone when the block ends, however it ends."""

    def __init__(self) -> None:
        self._handles: list[Any] = []
        self.grid: tuple[int, int] = (0, 0)
        """Rows and columns of a transformer's patches, after a forward pass."""

    def _hook(self, layer: nn.Module | None, hook: Any) -> None:
        if layer is not None:
            self._handles.append(layer.register_forward_hook(hook))

    def _keep_grid(self, _module: nn.Module, _args: tuple, output: Any) -> None:
        """A patch layer gives a map, or tokens and their grid."""
        self.grid = tuple(output.shape[2:] if isinstance(output, Tensor) else output[1])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


class LayerTap(_Tap):
    """Keep the outputs of some layers, with gradients from the first of them upwards and none below.

    ::

        with LayerTap(model, layers) as tap:
            logits = model(inputs)
            maps = tap.maps()
            gradients = tap.gradients(logits[:, k].sum())

    Args:
        model: The network.
        layers: Modules of it, from :func:`target_layers`.
    """

    def __init__(self, model: nn.Module, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self._model, self._layers = model, list(layers)
        self._activations: dict[int, Tensor] = {}

    def __enter__(self) -> LayerTap:
        self._grad_mode = torch.no_grad()
        self._grad_mode.__enter__()
        for index, layer in enumerate(self._layers):
            self._hook(layer, self._keep(index))
        self._hook(_patch_layer(self._model.backbone), self._keep_grid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._activations.clear()
        self._grad_mode.__exit__(kind, error, trace)

    def _keep(self, index: int) -> Any:
        def hook(_module: nn.Module, _args: tuple, output: Tensor) -> Tensor:
            if not torch.is_grad_enabled():  # the first of the layers: the graph starts here
                torch.set_grad_enabled(True)  # until the block ends
                output = output.detach().requires_grad_()
            self._activations[index] = output
            return output.clone()  # later in-place operations must not change what was kept

        return hook

    def _to_map(self, value: Tensor) -> Tensor:
        if value.ndim == 4:
            return value
        height, width = self.grid
        tokens = value[:, value.shape[1] - height * width :]  # class tokens stand first
        return tokens.transpose(1, 2).reshape(value.shape[0], value.shape[2], height, width)

    def maps(self) -> list[Tensor]:
        """Activations as (B, C, h, w), in the order of the layers; of a ViT the patch tokens alone."""
        missing = [index for index in range(len(self._layers)) if index not in self._activations]
        if missing:
            raise ValueError(f'Expected an output of every target layer, but the network never ran {missing}.')
        return [self._to_map(self._activations[index]).detach() for index in range(len(self._layers))]

    def gradients(self, score: Tensor) -> list[Tensor]:
        """Gradients of a scalar with respect to :meth:`maps`, of the same shapes; the graph is kept."""
        values = [self._activations[index] for index in range(len(self._layers))]
        return [self._to_map(grad) for grad in torch.autograd.grad(score, values, retain_graph=True)]


class AttentionTap(_Tap):
    """Keep the attention of every transformer block of a ViT or Conformer, without changing its computation.

    Fused attention never shows its matrix; here it is computed once more from the same queries and keys. With gradients
    off, memory is that of one block's heads and of a head mean for each block.

    ::

        with AttentionTap(model) as tap:
            logits = model(inputs)
            attentions = tap.attentions()

    Args:
        model: A classifier with a transformer backbone.

    Raises:
        ValueError: If the backbone has no transformer blocks.
    """

    def __init__(self, model: nn.Module) -> None:
        self._blocks = transformer_blocks(model.backbone)
        if not self._blocks:
            raise ValueError(
                f'Expected a backbone with attention (ViT or Conformer), but got {type(model.backbone).__name__}.'
            )
        super().__init__()
        self._patches = _patch_layer(model.backbone)
        self._kept: dict[int, Tensor] = {}

    def __enter__(self) -> AttentionTap:
        self._hook(self._patches, self._keep_grid)
        for index, block in enumerate(self._blocks):
            self._hook(block.attn.qkv, self._keep(index, block.attn))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._kept.clear()

    def _keep(self, index: int, attention: nn.Module) -> Any:
        def hook(_module: nn.Module, _args: tuple, output: Tensor) -> None:
            batch, tokens, _ = output.shape
            query, key, _ = output.view(batch, tokens, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
            scores = query.float() @ key.float().transpose(-2, -1) * attention.head_dims**-0.5
            self._kept[index] = scores.softmax(-1).mean(1)

        return hook

    def attentions(self) -> list[Tensor]:
        """Head means (B, N, N) of each block, class token first."""
        return [self._kept[index] for index in range(len(self._blocks))]
