"""Reading activations and their gradients inside a network; the only module with hooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

import torch
import torch.nn as nn
from mmpretrain.models.backbones import ResNet
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from mmwsss.cam.any_classifier import AnyClassifier
from mmwsss.models.backbones import TimmFeatures, TimmTokens
from mmwsss.models.backbones.attention import first_norm, transformer_blocks
from mmwsss.models.classifiers import MapClassifier
from mmwsss.utils.errors import InputError


def target_layers(model: MapClassifier | AnyClassifier, layers: Sequence[int | str]) -> list[nn.Module]:
    """Modules whose outputs a gradient CAM reads.

    Args:
        model: The classifier; one that is not ours says itself which they are.
        layers: Numbers count blocks from the end (-1 is the last): for a ViT the first norm of each block (the paper's
            ``blocks[-1].norm1``), for a Conformer the same of its transformer branch, for a ResNet its residual blocks
            (``layer4[-1]``), for a network of timm its stages. A string names any submodule of the model.

    Raises:
        ValueError: If a layer does not exist, or the backbone's blocks are not known; says which there are.
    """
    if isinstance(model, AnyClassifier):
        return model.target_layers(layers)
    backbone = model.backbone
    blocks: list[nn.Module] = [first_norm(block) for block in transformer_blocks(backbone)]
    if isinstance(backbone, ResNet):
        blocks = [block for name in backbone.res_layers for block in getattr(backbone, name)]
    if isinstance(backbone, TimmFeatures):
        blocks = backbone.stages
    found = []
    for layer in layers:
        if isinstance(layer, str):
            try:
                found.append(model.get_submodule(layer))
            except AttributeError as error:
                raise InputError(
                    f'Expected the name of a submodule as target layer, but got {layer!r}: {error}.'
                ) from error
        elif not blocks:
            raise InputError(
                f'Expected a submodule name as target layer for {type(backbone).__name__}, but got the number {layer}.'
            )
        elif not -len(blocks) <= layer < 0:
            raise InputError(f'Expected a target layer in [-{len(blocks)}, -1], but got {layer}.')
        else:
            found.append(blocks[layer])
    return found


class LayerTap:
    """Keep the outputs of some layers, with gradients from the first of them upwards and none below.

    ::

        with LayerTap(model, layers) as tap:
            logits = model(inputs)
            maps = tap.maps()
            gradients = tap.gradients(logits[:, k].sum())

    The hooks are gone when the block ends, however it ends.

    Args:
        model: The network.
        layers: Modules of it, from :func:`target_layers`.
    """

    def __init__(self, model: nn.Module, layers: Sequence[nn.Module]) -> None:
        self._model, self._layers = model, list(layers)
        self._activations: dict[int, Tensor] = {}
        self._handles: list[RemovableHandle] = []
        self._grid: tuple[int, int] | None = None
        self._size: tuple[int, int] | None = None

    def __enter__(self) -> LayerTap:
        self._grad_mode = torch.no_grad()
        self._grad_mode.__enter__()
        for index, layer in enumerate(self._layers):
            self._handles.append(layer.register_forward_hook(self._keep(index)))
        if isinstance(self._model, AnyClassifier):
            self._handles.append(self._model.register_forward_pre_hook(self._keep_size))
            return self
        backbone = self._model.backbone
        if isinstance(backbone, TimmTokens):
            self._handles.append(backbone.register_forward_pre_hook(self._keep_grid_of))
            return self
        patches = getattr(backbone, 'patch_embed', None) or getattr(backbone, 'trans_patch_conv', None)
        if patches is not None:
            self._handles.append(patches.register_forward_hook(self._keep_grid))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._activations.clear()
        self._grad_mode.__exit__(kind, error, trace)

    def _keep(self, index: int) -> Callable[[nn.Module, tuple, Tensor], Tensor]:
        def hook(_module: nn.Module, _args: tuple, output: Tensor) -> Tensor:
            if not torch.is_grad_enabled():  # the first of the layers: the graph starts here
                torch.set_grad_enabled(True)  # until the block ends
                output = output.detach().requires_grad_()
            self._activations[index] = output
            return output.clone()  # later in-place operations must not change what was kept

        return hook

    def _keep_grid(self, _module: nn.Module, _args: tuple, output: Tensor | tuple[Tensor, tuple[int, int]]) -> None:
        """A patch layer gives a map, or tokens and their grid."""
        rows, columns = output.shape[2:] if isinstance(output, Tensor) else output[1]
        self._grid = (rows, columns)

    def _keep_grid_of(self, backbone: TimmTokens, args: tuple) -> None:
        self._grid = backbone.grid(args[0])

    def _keep_size(self, _module: nn.Module, args: tuple) -> None:
        self._size = (args[0].shape[2], args[0].shape[3])

    def _to_map(self, value: Tensor) -> Tensor:
        if isinstance(self._model, AnyClassifier) and self._size is not None:
            return self._model.to_map(value, self._size)
        if value.ndim == 4:
            return value
        if self._grid is None:
            raise InputError('Expected a patch layer that tells the grid of the tokens, but the network has none.')
        height, width = self._grid
        tokens = value[:, value.shape[1] - height * width :]  # class tokens stand first
        return tokens.transpose(1, 2).reshape(value.shape[0], value.shape[2], height, width)

    def maps(self) -> list[Tensor]:
        """Activations as (B, C, h, w), in the order of the layers; of a ViT the patch tokens alone."""
        missing = [index for index in range(len(self._layers)) if index not in self._activations]
        if missing:
            raise InputError(f'Expected an output of every target layer, but the network never ran {missing}.')
        return [self._to_map(self._activations[index]).detach() for index in range(len(self._layers))]

    def gradients(self, score: Tensor) -> list[Tensor]:
        """Gradients of a scalar with respect to :meth:`maps`, of the same shapes; the graph is kept."""
        values = [self._activations[index] for index in range(len(self._layers))]
        return [self._to_map(grad) for grad in torch.autograd.grad(score, values, retain_graph=True)]
