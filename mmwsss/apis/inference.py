"""From a checkpoint to a network."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmpretrain.models.classifiers.base import BaseClassifier
from mmseg.models.segmentors.base import BaseSegmentor

from mmwsss.cam import AnyClassifier
from mmwsss.models.backbones.kept_features import keep_nothing
from mmwsss.models.segmentors import OneStageSegmentor, SAMFinetuner
from mmwsss.models.segmentors.one_stage import ordinary_model
from mmwsss.registry import MODELS, TASK_UTILS
from mmwsss.utils.errors import InputError, UnknownNameError
from mmwsss.weights.checkpoints import load_weights, read_checkpoint
from mmwsss.weights.class_names import channels_of, names_in
from mmwsss.weights.embedded_config import model_config
from mmwsss.weights.trust import trusting


def init_classifier(
    checkpoint: str | Path,
    config: Config | None = None,
    classes: Sequence[str] | None = None,
    device: str | torch.device | None = None,
    *,
    checkpoint_classes: Sequence[str] | None = None,
    class_map: Mapping[str, str] | None = None,
    trust: bool | None = None,
) -> BaseModel:
    """Build a classifier or distiller and load its weights, all of them or not at all.

    A classifier of MMPretrain that is none of ours comes inside an :class:`~mmwsss.cam.AnyClassifier`.

    Args:
        checkpoint: The weights; a checkpoint of the project's own training carries its config.
        config: Training config for a checkpoint that carries none, or to overrule it.
        classes: Classes of the data, in order; the checkpoint's must be the same. None compares nothing.
        device: By default a GPU where there is one.
        checkpoint_classes: Names of the checkpoint's classes, in order, where it has none or wrong ones. Without names
            only their number is compared, with a warning.
        class_map: From a class of the data to one of the checkpoint, where names, order or number differ; the network
            then gives the classes of the data.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Returns:
        BaseModel: in eval mode; its ``cam_classifier`` is the classifier, its ``class_names`` are those of its classes,
        None where they are unknown.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        UnsafeCheckpointError: If it would run code.
        ValueError: If it is broken, does not fit the model, or has other classes than the data; names both lists.
    """
    content = read_checkpoint(checkpoint, trust)
    config = model_config(content, checkpoint, config, trust)
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    settings: dict[str, Any] = config.model.to_dict()
    if 'data_preprocessor' in config and 'data_preprocessor' not in settings:
        settings['data_preprocessor'] = config.data_preprocessor.to_dict()
    with trusting(trust):
        model = _built(settings, checkpoint)
    ours = hasattr(model, 'cam_classifier')
    if not ours and not isinstance(model, BaseClassifier):
        raise InputError(
            f'Expected a classifier or a CrossArchDistiller for {checkpoint}, but got {type(model).__name__}.'
        )
    load_weights(model, content, 'the model', checkpoint)
    model = model if ours else AnyClassifier(model)
    selecting: Any = model.cam_classifier.head if ours else model
    names = names_in(content) if checkpoint_classes is None else tuple(checkpoint_classes)
    if classes is not None:
        number: Any = model.num_classes
        if number is None:
            raise InputError(f'Expected a classifier whose head says its num_classes in {checkpoint}, but it does not.')
        channels = channels_of(checkpoint, names, number, classes, class_map)
        if channels is not None:
            selecting.select_classes(channels)
        names = tuple(classes)
    model.class_names = names  # None: unknown
    return model.to(_device(device)).eval()


def init_for_maps(
    cfg: Config,
    checkpoint: str | Path,
    model_cfg: Config | None = None,
    classes: Sequence[str] | None = None,
    device: str | torch.device | None = None,
    *,
    trust: bool | None = None,
) -> BaseModel:
    """Build the network that a pseudo config's generator reads its maps from, and load its weights.

    Args:
        cfg: A pseudo config; the ``network`` of its ``pseudo.generator`` says whether a classifier or a segmentor is
            meant. ``pseudo.checkpoint_classes`` and ``pseudo.class_map`` are for classifiers alone.
        checkpoint: The weights.
        model_cfg: Training config for a checkpoint that carries none, or to overrule it.
        classes: See :func:`init_classifier`.
        device: By default a GPU where there is one.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Returns:
        BaseModel: in eval mode; the default scope is the pseudo config's again.

    Raises:
        ValueError: If the checkpoint is of the other kind, besides what the two functions raise.
    """
    settings = cfg.pseudo
    renaming = {key: settings[key] for key in ('checkpoint_classes', 'class_map') if settings.get(key)}
    network = network_of(cfg)
    if network != 'classifier' and renaming:
        raise InputError(
            f'Expected neither checkpoint_classes nor class_map for a {network} in {cfg.filename}, '
            f'but got {sorted(renaming)}.'
        )
    if network == 'clip':
        model = init_clip(cfg, checkpoint, classes, device, trust=trust)
    elif network == 'segmentor':
        model = init_segmentor(model_cfg, checkpoint, classes, device, trust=trust)
    else:
        model = init_classifier(checkpoint, model_cfg, classes, device, trust=trust, **renaming)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    return model


def network_of(cfg: Config) -> str:
    """What a pseudo config reads its maps from: ``'classifier'``, ``'segmentor'``, or ``'clip'``, the weights alone."""
    return TASK_UTILS.build(cfg.pseudo.generator).network


def init_clip(
    cfg: Config,
    checkpoint: str | Path,
    classes: Sequence[str] | None = None,
    device: str | torch.device | None = None,
    *,
    trust: bool | None = None,
) -> BaseModel:
    """The CLIP that a pseudo config describes, with the classes of the data: a network that needs no training.

    Args:
        cfg: A config whose ``model`` is a :class:`~mmwsss.models.classifiers.CLIPClassifier`.
        checkpoint: open_clip's weights: a file, or a tag that open_clip fetches.
        classes: Classes of the data, in order, in the place of those of the config.
        device: By default a GPU where there is one.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Raises:
        ValueError: If the config has no such model.
    """
    settings: Any = cfg.get('model')
    if settings is None or not str(settings.get('type')).endswith('CLIPClassifier'):
        raise InputError(f'Expected model=dict(type="mmwsss.CLIPClassifier") beside pseudo in {cfg.filename}.')
    settings = {**settings.to_dict(), 'checkpoint': str(checkpoint)}
    if classes is not None:
        settings['classes'] = list(classes)
    init_default_scope('mmpretrain')
    with trusting(trust):
        model = MODELS.build(settings)
    return model.to(_device(device)).eval()


def init_segmentor(
    config: Config | None,
    checkpoint: str | Path,
    classes: Sequence[str] | None = None,
    device: str | torch.device | None = None,
    *,
    trust: bool | None = None,
) -> BaseModel:
    """Build a model of MMSegmentation and load its weights, as its ``init_model`` does, checked as every checkpoint is.

    Args:
        config: Its training config; None: the one that the checkpoint carries.
        checkpoint: The weights.
        classes: Classes of the data without the background, in order; the checkpoint's (whose first is the background)
            must be the same. None compares nothing.
        device: By default a GPU where there is one.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Returns:
        BaseModel: in eval mode, ready for ``mmseg.apis.inference_model``.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        UnsafeCheckpointError: If it would run code.
        ValueError: If it is broken, does not fit the model, or has other classes than the data; names both lists.
    """
    content = read_checkpoint(checkpoint, trust)
    config = model_config(content, checkpoint, config, trust)
    init_default_scope('mmseg')
    settings = copy.deepcopy(config.model)
    settings.pretrained, settings.train_cfg = None, None
    if MODELS.get(settings.type) is OneStageSegmentor:  # its checkpoints are those of an ordinary segmentor
        settings = ConfigDict(ordinary_model(settings.to_dict()))
    with trusting(trust):
        model = _built(settings, checkpoint)
    if not isinstance(model, (BaseSegmentor, SAMFinetuner)):
        raise InputError(f'Expected a segmentor for {checkpoint}, but got {type(model).__name__}.')
    load_weights(model, content, 'the model', checkpoint)
    names = names_in(content)
    if classes is not None:
        number = getattr(model, 'num_classes', None) or model.decode_head.num_classes
        channels_of(checkpoint, names and names[1:], number - 1, classes)
    model.class_names = names and tuple(names[1:])  # without the background; None: unknown
    model.dataset_meta = content.get('meta', {}).get('dataset_meta', {})
    model.cfg = config  # inference_model reads the pipeline from it
    return model.to(_device(device)).eval()


def _built(settings: Any, checkpoint: str | Path) -> BaseModel:
    """Build what a checkpoint's config describes; features are kept for trainings alone."""
    try:
        model = MODELS.build(settings)
    except KeyError as error:
        found = re.search(r'([\w.:]+) is not in the \S+ registry', str(error))
        if found is None:
            raise
        raise UnknownNameError(
            f'Expected registered components for {checkpoint}, but nothing that is imported has {found[1]}. Give the '
            'config whose custom_imports import it (--model-config); a part of an earlier version needs that version.'
        ) from error
    keep_nothing(model)
    return model


def _device(device: str | torch.device | None) -> str | torch.device:
    return device or ('cuda' if torch.cuda.is_available() else 'cpu')
