"""Classifiers that are not ours: where their last spatial features are, and how they are laid out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from mmwsss.utils.errors import InputError

_NORMS = ('norm1', 'ln1', 'ln_1')  # the first norm of a transformer block at timm, MMPretrain, torchvision and CLIP
_ATTENTION = ('attn', 'self_attention', 'attention')
_COUNTS = ('num_prefix_tokens', 'num_extra_tokens')  # timm's and MMPretrain's words for tokens that are no patches
_NO_FEATURES = (nn.Dropout, nn.Softmax, nn.Identity)  # of attention weights, most often
_TOKENS = ('cls_token', 'class_token', 'dist_token', 'reg_token')


class AnyClassifier(nn.Module):
    """An image classifier of MMPretrain, timm, torchvision or another's, as gradient CAMs read it.

    :class:`~mmwsss.cam.CAMGenerator` wraps by itself what is none of ours::

        maps = CAMGenerator()(timm.create_model('vit_base_patch16_224').eval(), images, labels).maps

    **Layers by number.** Where there are transformer blocks (a module with a first norm and an attention), -1 is the
    first norm of the last one, the layer that pytorch-grad-cam's examples take for ViT and Swin: behind the last
    attention the patches of a classifier on the class token have no gradient. Else -1 is the last output with more than
    one position that the network computes (``layer4`` of a ResNet), and -2, -3, ... are the last ones on each finer
    grid. Both are found on the first image that is seen. A network whose last features are tokens of other blocks
    (LeViT, TNT, mixers) has no layers by number. **By name** any submodule of the model.

    **Layout.** Outputs may be (B, C, h, w), (B, h, w, C) or (B, N, C) with class token, registers and the like first;
    a grid is one that the image's size divided by a stride gives.

    Args:
        model: From normalised images (B, 3, H, W) to logits (B, K).
        prefix_tokens: Tokens before the patches; by default what the model says of itself.

    Attributes:
        num_classes: K; None until an image was seen, unless the model's head says it.

    Raises:
        TypeError: If the model is no module.
    """

    def __init__(self, model: nn.Module, prefix_tokens: int | None = None) -> None:
        super().__init__()
        if not isinstance(model, nn.Module):
            raise TypeError(f'Expected a torch.nn.Module, but got {type(model).__name__}.')
        self.model = model
        self.training = model.training
        numbers = (getattr(part, 'num_classes', None) for part in (getattr(model, 'head', None), *_inner(model)))
        self.num_classes = next((number for number in numbers if isinstance(number, int)), None)
        self.prefix_tokens = _prefix_tokens(model) if prefix_tokens is None else prefix_tokens
        self._layers = [getattr(block, norm) for block in model.modules() if (norm := _first_norm(block))]
        self._channels: list[int] | None = None

    @property
    def cam_classifier(self) -> AnyClassifier:
        """The classifier whose class activation maps are meant: itself."""
        return self

    @property
    def data_preprocessor(self) -> Any:
        """That of the model, where it has one (MMPretrain's do)."""
        return self.model.data_preprocessor

    @property
    def patch_size(self) -> int:
        """Side of a vision transformer's patch; 16 where there is none, or smaller ones that are merged later."""
        module: Any
        for module in self.model.modules():
            size, resolution = getattr(module, 'patch_size', None), getattr(module, 'patch_resolution', None)
            side: Any = size[0] if isinstance(size, (tuple, list)) else size
            if resolution and not isinstance(side, int):  # MMPretrain's
                side = int(module.img_size[0]) // int(resolution[0])
            if isinstance(side, int):
                return side if side >= 8 else 16
        return 16

    def train(self, mode: bool = True) -> AnyClassifier:
        """Set the mode, also of models whose own method gives nothing back."""
        self.training = mode
        self.model.train(mode)
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (B, K).

        Raises:
            ValueError: If the model gives something else.
        """
        logits: Any = self.model(inputs)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(inputs):
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise InputError(f'Expected logits (B, K) of {type(self.model).__name__}, but got {got}.')
        return logits if self._channels is None else logits[:, self._channels]

    def select_classes(self, channels: Sequence[int]) -> None:
        """Keep some classes, in another order: afterwards class i is what ``channels[i]`` was."""
        kept = list(channels)
        self._channels = kept if self._channels is None else [self._channels[channel] for channel in kept]
        self.num_classes = len(kept)

    @torch.no_grad()
    def look_at(self, inputs: Tensor) -> None:
        """Find the number of classes and the layers, by one forward pass of the first image, if not known yet."""
        if self.num_classes is not None and self._layers:
            return
        found: list[tuple[nn.Module, tuple[int, int]]] = []
        tokens_since: list[nn.Module] = []  # outputs with a token a patch behind the last map

        def keep(module: nn.Module, _args: tuple, output: Any) -> None:
            if not isinstance(output, Tensor) or isinstance(module, _NO_FEATURES):
                return
            if output.ndim == 3 and _grid_of(output.shape[1] - self.prefix_tokens, inputs.shape[2:]):
                tokens_since.append(module)
            if output.ndim == 4:
                rows, columns = self.to_map(output, inputs.shape[2:]).shape[2:]
                if _is_grid((rows, columns), inputs.shape[2:]):
                    found.append((module, (rows, columns)))
                    tokens_since.clear()

        handles = [module.register_forward_hook(keep) for module in self.model.modules()]
        try:
            self.num_classes = self(inputs[:1]).shape[1]
        finally:
            for handle in handles:
                handle.remove()
        if not self._layers and not tokens_since:
            runs = Counter(module for module, _ in found)
            last = {grid: module for module, grid in found if runs[module] == 1 and grid[0] * grid[1] > 1}
            order = {module: number for number, (module, _) in enumerate(found)}
            self._layers = sorted(last.values(), key=order.__getitem__)

    def target_layers(self, layers: Sequence[int | str]) -> list[nn.Module]:
        """The modules meant by numbers and names; see the class.

        Raises:
            ValueError: If there is none of that number or name.
        """
        found = []
        for layer in layers:
            if isinstance(layer, str):
                try:
                    found.append(self.model.get_submodule(layer))
                except AttributeError as error:
                    raise InputError(
                        f'Expected the name of a submodule as target layer, but got {layer!r}: {error}.'
                    ) from error
            elif -len(self._layers) <= layer < 0:
                found.append(self._layers[layer])
            else:
                known = f'a target layer in [-{len(self._layers)}, -1]' if self._layers else 'a name as target layer'
                raise InputError(f'Expected {known} of {type(self.model).__name__}, but got {layer}.')
        return found

    def to_map(self, value: Tensor, size: Sequence[int]) -> Tensor:
        """A layer's output as (B, C, h, w), of tokens the patches alone.

        Args:
            value: (B, C, h, w), (B, h, w, C) or (B, N, C).
            size: H and W of the input.

        Raises:
            ValueError: If no grid has that many patches.
        """
        if value.ndim == 4:
            first, last = (_is_grid(value.shape[axis : axis + 2], size) for axis in (1, 2))
            return value.permute(0, 3, 1, 2) if first and not last else value
        if value.ndim == 3:
            grid = _grid_of(value.shape[1] - self.prefix_tokens, size)
            if grid is not None:
                tokens = value[:, self.prefix_tokens :]
                return tokens.transpose(1, 2).reshape(value.shape[0], value.shape[2], *grid)
        raise InputError(
            f'Expected an output with the grid of an image of {tuple(size)} (H, W), {self.prefix_tokens} tokens before '
            f'it, but got {tuple(value.shape)}.'
        )


def _inner(model: nn.Module) -> list[nn.Module]:
    """The model, and what a wrapper such as MMPretrain's ``TimmClassifier`` holds as its ``model``."""
    inside = getattr(model, 'model', None)
    return [model, inside] if isinstance(inside, nn.Module) else [model]


def _first_norm(block: nn.Module) -> str | None:
    """The name of a transformer block's first norm; None for what is no such block."""
    if not any(isinstance(getattr(block, name, None), nn.Module) for name in _ATTENTION):
        return None
    return next((name for name in _NORMS if isinstance(getattr(block, name, None), nn.Module)), None)


def _prefix_tokens(model: nn.Module) -> int:
    """Tokens before the patches: what a module of the model says, else its token parameters."""
    for module in model.modules():
        for name in _COUNTS:
            if isinstance(getattr(module, name, None), int):
                return int(getattr(module, name))
    for module in model.modules():
        tokens = [getattr(module, name, None) for name in _TOKENS]
        known = [token.shape[1] for token in tokens if isinstance(token, Tensor) and token.ndim == 3]
        if known:
            return sum(known)
    return 0


def _grids(size: Sequence[int]) -> list[tuple[int, int]]:
    """Rows and columns at each stride, rounded down and up."""
    height, width = size
    found = []
    for stride in range(1, max(height, width) + 1):
        found.append((height // stride, width // stride))
        found.append((math.ceil(height / stride), math.ceil(width / stride)))
    return found


def _is_grid(shape: Sequence[int], size: Sequence[int]) -> bool:
    return tuple(shape) in _grids(size)


def _grid_of(number: int, size: Sequence[int]) -> tuple[int, int] | None:
    return next((grid for grid in _grids(size) if grid[0] * grid[1] == number > 0), None)
