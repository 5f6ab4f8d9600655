"""Pre-trained weights: where they come from, where they lie, and the error where they are missing."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from mmwsss.utils.errors import MissingFileError
from mmwsss.weights.checkpoints import UnsafeCheckpointError, check_checkpoint, weights_only
from mmwsss.weights.packages import PACKAGE_SCHEME, find_package

WEIGHTS_ROOT = 'weights'
"""Folder, below the working directory, where files that were fetched by hand are looked for by their name."""

_SAM = 'https://dl.fbaipublicfiles.com/segment_anything'
_CLIP = 'https://openaipublic.azureedge.net/clip/models'
SOURCES = {
    'sam_vit_h_4b8939.pth': f'{_SAM}/sam_vit_h_4b8939.pth',
    'sam_vit_l_0b3195.pth': f'{_SAM}/sam_vit_l_0b3195.pth',
    'sam_vit_b_01ec64.pth': f'{_SAM}/sam_vit_b_01ec64.pth',
    'ViT-B-32.pt': f'{_CLIP}/40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt',
    'ViT-B-16.pt': f'{_CLIP}/5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f/ViT-B-16.pt',
    'vit_large_p16.pth': 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/setr/vit_large_p16.pth',
}
"""Addresses of files that no host fetches by itself."""


def require_weights(path: str | Path, needed_by: str) -> Path:
    """A local file of weights.

    Args:
        path: Where it should lie.
        needed_by: Who needs it, for the error.

    Raises:
        FileNotFoundError: If it is not there; says where it comes from and where to put it.
    """
    path = Path(path)
    if path.is_file():
        return path
    source = SOURCES.get(path.name)
    origin = f'Fetch it from {source} and save it there.' if source else 'Save it there, or name another file.'
    raise MissingFileError(f'{needed_by} needs the weights {path}, but there is no such file. {origin}')


def resolve_pretrained(model: Any, needed_by: str, root: str | Path = WEIGHTS_ROOT) -> None:
    """See to every ``init_cfg=dict(type='Pretrained', checkpoint=...)`` of a model's config before it is built.

    An address is replaced by the file of that name in ``root`` where there is one; else it is fetched now, into
    PyTorch's cache, so that training never starts without its weights. A frozen teacher's are left alone: its own
    checkpoint follows.

    Args:
        model: Config of a model; changed in place.
        needed_by: The config's name, for the error.
        root: Folder of files fetched by hand.

    Raises:
        FileNotFoundError: If a file is missing and cannot be fetched; says where it comes from and where to put it.
        UnsafeCheckpointError: If a file would run code.
    """
    if isinstance(model, (list, tuple)):
        for value in model:
            resolve_pretrained(value, needed_by, root)
    if not isinstance(model, Mapping):
        return
    if model.get('type') == 'Pretrained' and isinstance(model.get('checkpoint'), str):
        if isinstance(model, MutableMapping):
            model['checkpoint'] = _resolve(model['checkpoint'], needed_by, Path(root))
        return
    if isinstance(model.get('pretrained'), str) and isinstance(model, MutableMapping):  # MMSegmentation's other way
        model['pretrained'] = _resolve(model['pretrained'], needed_by, Path(root))
    for key, value in model.items():
        if not (key == 'teacher' and model.get('paradigm') == 'ts'):
            resolve_pretrained(value, needed_by, root)


def _resolve(checkpoint: str, needed_by: str, root: Path) -> str:
    if checkpoint.startswith(PACKAGE_SCHEME):
        find_package(checkpoint, needed_by)
        return checkpoint
    if '://' not in checkpoint:
        path = require_weights(checkpoint, needed_by)
        check_checkpoint(path)
        return str(path)
    from mmengine.runner.checkpoint import CheckpointLoader, get_torchvision_models

    address = checkpoint
    if checkpoint.startswith(('torchvision://', 'modelzoo://')):
        address = get_torchvision_models()[checkpoint.split('://', 1)[1]]
    local = root / address.rsplit('/', 1)[-1]
    if local.is_file():
        check_checkpoint(local)
        return str(local)
    try:
        with weights_only():
            CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
    except UnsafeCheckpointError:
        raise
    except Exception as error:  # no network, no such file, no space: whatever it was, the file is what is needed
        raise MissingFileError(
            f'{needed_by} needs the weights {address}, which could not be fetched ({error}). Save the file as {local}, '
            f'or start from scratch with --cfg-options pretrained=False.'
        ) from error
    return checkpoint
