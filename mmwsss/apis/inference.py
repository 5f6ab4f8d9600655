"""From a checkpoint to a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmwsss.registry import MODELS
from mmwsss.weights.checkpoints import load_checkpoint_file, model_config


def init_classifier(
    checkpoint: str | Path,
    config: Config | None = None,
    num_classes: int | None = None,
    device: str | torch.device | None = None,
) -> nn.Module:
    """Build a classifier or distiller and load its weights, all of them or not at all.

    Args:
        checkpoint: The weights; a checkpoint of the project's own training carries its config.
        config: Training config for a checkpoint that carries none, or to overrule it.
        num_classes: Number of classes of the data, to be compared.
        device: By default a GPU where there is one.

    Returns:
        nn.Module: in eval mode.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If it is broken, does not fit the model, or has other classes than the data.
    """
    content = load_checkpoint_file(checkpoint)
    config = model_config(content, checkpoint, config)
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    settings: dict[str, Any] = config.model.to_dict()
    if 'data_preprocessor' in config and 'data_preprocessor' not in settings:
        settings['data_preprocessor'] = config.data_preprocessor.to_dict()
    model = MODELS.build(settings)
    if not hasattr(model, 'cam_classifier'):
        raise ValueError(
            f'Expected a MapClassifier or CrossArchDistiller for {checkpoint}, but got {type(model).__name__}.'
        )
    try:
        model.load_state_dict(content.get('state_dict', content))
    except RuntimeError as error:
        raise ValueError(f'The checkpoint {checkpoint} does not fit the model: {error}') from error
    if num_classes is not None and model.num_classes != num_classes:
        raise ValueError(
            f'Expected a checkpoint of {num_classes} classes, as the data set has, '
            f'but {checkpoint} has {model.num_classes}.'
        )
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    return model.to(device).eval()
