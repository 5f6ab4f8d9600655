"""A frozen backbone whose outputs are computed once an image and kept on the disk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor, nn

from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import array_hash, atomic_write, content_hash

_GIB = 1 << 30


@MODELS.register_module()
class KeptFeatures(BaseBackbone):
    """Any backbone, frozen: its outputs have no gradient, and are read from a folder where they were computed before.

    A head, a PCM or a projection then trains in seconds an epoch. What is kept belongs to the exact pixels that the
    backbone was given: a flip is another image, computed and kept once, so that flips cost nothing and are exact.
    Crops, scales and colours drawn at random never come again: leave them out of the pipeline, or keep nothing
    (``folder=None``). Crops of the features can take the place of crops of the pictures: each cell still knows its
    surroundings, which a crop of the picture would have cut away. Maps of the head itself (``'cam'``, ``'pcm'``) can be
    read; there is no gradient to read others.

    Features are kept in half precision, below a name of the backbone's weights, so that other weights never meet them.
    Several runs may share a folder.

    Args:
        backbone: Config of a backbone, with the weights of its ``init_cfg``.
        folder: Where the features are kept; None: nowhere. A network that is loaded from a checkpoint to make maps has
            none: only a training meets the same pictures again.
        max_gib: Most GiB that this process writes; with what a random pipeline would write the disk is full otherwise.
        crop: Smallest side of a random window that is cut out of the maps in training, as a share of theirs, in (0, 1];
            one window a batch, at the same place of all maps; class tokens stay. None: whole maps.
        init_cfg: Of :class:`mmengine.model.BaseModule`; the backbone's own is another.

    Attributes:
        hits: Number of images whose features were there.
        misses: Number of images whose features were computed.

    Shape:
        - input (B, 3, H, W); output: as the backbone's

    Raises:
        ValueError: If ``max_gib`` is not positive, or ``crop`` is out of its range.
    """

    def __init__(
        self,
        backbone: dict,
        folder: str | Path | None = None,
        max_gib: float = 20.0,
        crop: float | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if max_gib <= 0:
            raise InputError(f'Expected max_gib > 0, but got {max_gib}.')
        self.backbone: Any = MODELS.build(backbone)
        self.backbone.requires_grad_(False)
        self.backbone.eval()
        self.folder = None if folder is None else Path(folder)
        if crop is not None and not 0 < crop <= 1:
            raise InputError(f'Expected crop in (0, 1] or None, but got {crop}.')
        self.max_gib, self.crop = max_gib, crop
        self.hits = self.misses = 0
        self._written = 0
        self._fingerprint: str | None = None
        self._settings = content_hash({key: value for key, value in backbone.items() if key != 'init_cfg'})
        self.register_load_state_dict_post_hook(_forget)

    def train(self, mode: bool = True) -> KeptFeatures:
        """Set the mode; the backbone stays in eval mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the backbone's config and weights."""
        if self._fingerprint is None:
            digest = hashlib.sha256(self._settings.encode())
            for name, value in sorted(self.backbone.state_dict().items()):
                digest.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
            self._fingerprint = digest.hexdigest()[:32]
        return self._fingerprint

    @torch.no_grad()
    def forward(self, x: Tensor) -> tuple:
        """The backbone's outputs, in training cropped where ``crop`` says so."""
        outputs = tuple(self.backbone(x)) if self.folder is None else self._kept(x, self.folder / self.fingerprint())
        if not self.training or self.crop is None:
            return outputs
        return _tree(_cropped(_leaves(outputs), self.crop))

    def _kept(self, x: Tensor, folder: Path) -> tuple:
        paths = [folder / f'{array_hash(img)}.npz' for img in x.detach().float().cpu().contiguous().numpy()]
        found: list[dict[str, Tensor] | None] = [_read(path) for path in paths]
        missing = [number for number, leaves in enumerate(found) if leaves is None]
        self.hits, self.misses = self.hits + len(paths) - len(missing), self.misses + len(missing)
        if missing:
            with torch.autocast(x.device.type, enabled=False):  # the same for every run that shares the folder
                computed = _leaves(self.backbone(x[missing].float()))
            for place, number in enumerate(missing):
                found[number] = self._write(paths[number], {key: value[place] for key, value in computed.items()})
        kept = [leaves for leaves in found if leaves is not None]
        return _tree({key: torch.stack([leaves[key] for leaves in kept]).to(x) for key in kept[0]})

    def _write(self, path: Path, leaves: dict[str, Tensor]) -> dict[str, Tensor]:
        halves = {key: value.half().cpu() for key, value in leaves.items()}
        if not all(torch.isfinite(value).all() for value in halves.values()):
            raise InputError('Expected finite features below 65504 to keep in half precision, but got larger ones.')
        self._written += sum(2 * value.numel() for value in halves.values())
        if self._written > self.max_gib * _GIB:
            raise InputError(
                f'Expected at most max_gib={self.max_gib} of features in {self.folder}, but there would be more: does '
                f'the pipeline crop or change colours at random, so that no image comes twice?'
            )
        with atomic_write(path, 'wb') as handle:
            arrays: dict[str, Any] = {key: value.numpy() for key, value in halves.items()}
            np.savez(handle, **arrays)
        return halves


def keep_nothing(model: nn.Module) -> None:
    """Let a network compute what it would have read from a folder, and write nothing."""
    for module in model.modules():
        if isinstance(module, KeptFeatures):
            module.folder = None


def _forget(module: KeptFeatures, _keys: Any) -> None:
    """After other weights were loaded."""
    module._fingerprint = None


def _read(path: Path) -> dict[str, Tensor] | None:
    try:
        with np.load(path, allow_pickle=False) as content:
            return {key: torch.from_numpy(content[key]) for key in content.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f'Expected kept features in {path}, but they cannot be read: {error}. Remove it.') from error


def _cropped(leaves: dict[str, Tensor], smallest: float) -> dict[str, Tensor]:
    """One random window of all maps (B, C, h, w); what has no places stays as it is."""
    share = smallest + (1 - smallest) * float(torch.rand(()))
    corner = torch.rand(2).tolist()
    cropped = dict(leaves)
    for key, value in leaves.items():
        if value.ndim == 4:
            sides = [max(1, round(share * side)) for side in value.shape[2:]]
            top, left = (round(at * (whole - side)) for at, whole, side in zip(corner, value.shape[2:], sides))
            cropped[key] = value[..., top : top + sides[0], left : left + sides[1]]
    return cropped


def _leaves(outputs: Any) -> dict[str, Tensor]:
    """Maps by place; of a ViT also its class token: ``0``, or ``0.0`` and ``0.1``."""
    leaves = {}
    for number, output in enumerate(outputs):
        if isinstance(output, Tensor):
            leaves[str(number)] = output
        else:
            leaves.update({f'{number}.{part}': value for part, value in enumerate(output)})
    return leaves


def _tree(leaves: dict[str, Tensor]) -> tuple:
    """The other way round."""
    outputs: list[Any] = []
    for number in range(1 + max(int(key.split('.')[0]) for key in leaves)):
        if str(number) in leaves:
            outputs.append(leaves[str(number)])
        else:
            parts = sorted(
                (key for key in leaves if key.startswith(f'{number}.')), key=lambda key: int(key.split('.')[1])
            )
            outputs.append([leaves[key] for key in parts])
    return tuple(outputs)
