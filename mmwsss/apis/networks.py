"""From a checkpoint to a network that gives masks of pictures of any size."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.models.classifiers.base import BaseClassifier
from mmseg.models.segmentors.base import BaseSegmentor

from mmwsss.apis.inference import init_for_maps, init_segmentor, network_of
from mmwsss.models.segmentors import SAMFinetuner
from mmwsss.prediction import MapNetwork, Network, SegmentorNetwork, Tiling
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError
from mmwsss.weights.checkpoints import read_checkpoint
from mmwsss.weights.class_names import names_in
from mmwsss.weights.embedded_config import model_config


def is_segmentor(content: dict, checkpoint: str | Path, config: Config | None = None) -> bool:
    """Whether a checkpoint is of a segmentor; False for a classifier with maps.

    Args:
        content: What :func:`~mmwsss.weights.checkpoints.read_checkpoint` gave.
        checkpoint: Its file.
        config: Training config for a checkpoint that carries none.

    Raises:
        ValueError: If it is of neither.
    """
    config = model_config(content, checkpoint, config)
    init_default_scope(config.get('default_scope') or 'mmseg')
    with MODELS.switch_scope_and_registry(None) as registry:
        kind = registry.get(config.model.type)
    if kind is not None and issubclass(kind, (BaseSegmentor, SAMFinetuner)):
        return True
    if kind is None or not (hasattr(kind, 'cam_classifier') or issubclass(kind, BaseClassifier)):
        raise InputError(
            f'Expected the checkpoint of a segmentor or of a classifier with maps in {checkpoint}, but its model is '
            f'{config.model.type}.'
        )
    return False


def init_network(
    checkpoint: str | Path,
    config: Config | None = None,
    maps: Config | None = None,
    tiling: Tiling | None = None,
    device: str | torch.device | None = None,
    batch_size: int = 1,
    trust: bool | None = None,
) -> Network:
    """The network of a checkpoint, ready for pictures of any size.

    Args:
        checkpoint: Weights of a segmentor, of a classifier with maps or of MMPretrain's (timm's as its
            ``TimmClassifier``), or with such ``maps`` of CLIP.
        config: Training config for a checkpoint that carries none.
        maps: A pseudo config, whose maps and refiners are used; needed for a classifier.
        tiling: How large pictures are cut; segmentors alone can do it.
        device: By default a GPU where there is one.
        batch_size: Tiles at a time.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        UnsafeCheckpointError: If it would run code.
        ValueError: If the checkpoint, the config and the tiles do not go together; says how.
    """
    if maps is not None and maps.get('pseudo') is None:
        raise InputError(f'Expected a pseudo config (with the key pseudo) for the maps, but got {maps.filename}.')
    if maps is not None and network_of(maps) == 'clip':  # weights of no training: no config and no names inside
        named, segmentor = None, False
    else:
        content = read_checkpoint(checkpoint, trust)
        named, segmentor = names_in(content), is_segmentor(content, checkpoint, config)
    if maps is None:
        if not segmentor:
            raise InputError(
                f'Expected a pseudo config for the classifier in {checkpoint} (--maps configs/pseudo/unlabelled.py), '
                'which says how masks come from its maps, but got none.'
            )
        return SegmentorNetwork(init_segmentor(config, checkpoint, None, device, trust=trust), tiling, batch_size)
    if tiling is not None and tiling.size != 0:
        raise InputError(
            f'Expected a segmentor for tiles, but the masks of {checkpoint} come from maps, each normalised by the '
            'highest value of the whole picture: tiles belong into their config (configs/pseudo/gradcam_tiles.py).'
        )
    classes = named[1:] if named and segmentor else named
    if classes is None or maps.pseudo.get('class_map'):
        classes = tuple(maps.pseudo.dataset.get('classes') or ())
    if not classes:
        raise InputError(f'Expected names of classes in {checkpoint}, but it has none: set class_names in the config.')
    return MapNetwork(maps, init_for_maps(maps, checkpoint, config, classes, device, trust=trust), classes)
