"""open_clip's networks with their weights."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mmwsss.utils.errors import MissingFileError
from mmwsss.weights.checkpoints import (
    UnsafeCheckpointError,
    check_checkpoint,
    is_torchscript,
    load_weights,
    read_checkpoint,
    weights_only,
)
from mmwsss.weights.pretrained import require_weights

if TYPE_CHECKING:
    from open_clip import CLIP


def load_clip(package: ModuleType, arch: str, checkpoint: str, needed_by: str, trust: bool | None = None) -> CLIP:
    """A CLIP with its weights, float32, in eval mode on the CPU.

    Args:
        package: open_clip.
        arch: Name of one of its networks.
        checkpoint: Local file of weights, or a tag that open_clip fetches.
        needed_by: Who needs it, for errors.
        trust: See :func:`~mmwsss.weights.trust.trusted`.

    Raises:
        FileNotFoundError: If the weights are missing or cannot be fetched; says where they come from.
        UnsafeCheckpointError: If they would run code.
    """
    if checkpoint not in package.list_pretrained_tags_by_model(arch):
        check_checkpoint(require_weights(checkpoint, needed_by), trust)
    try:
        with weights_only(trust):
            if Path(checkpoint).is_file() and is_torchscript(checkpoint):
                model = package.create_model(arch)
                load_weights(model, read_checkpoint(checkpoint, trust), f'the CLIP {arch}', checkpoint)
                return model.float().eval()
            return package.create_model(arch, pretrained=checkpoint).float().eval()
    except UnsafeCheckpointError:
        raise
    except Exception as error:  # no network, a broken file: whatever it was, the weights are what is needed
        local = Path(checkpoint)
        where = f'in {local}' if local.is_file() else f'under the tag {checkpoint!r}, which could not be fetched'
        raise MissingFileError(f'Expected weights of {arch} {where}: {error}') from error
