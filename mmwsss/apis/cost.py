"""What a network costs: parameters, operations, activations, time."""

from __future__ import annotations

import copy
import time
from statistics import median
from typing import Any

import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope

from mmwsss.utils.errors import InputError


def network_cost(cfg: Config, size: tuple[int, int] | None = None, rounds: int = 5) -> dict[str, Any]:
    """Count what one picture costs in the network of a config; no weights are loaded.

    Operations and activations are those that MMEngine's analysis counts (a multiplication and an addition are one
    operation). Of a distiller the student is meant, which is all that is used afterwards.

    Args:
        cfg: A training config of classifiers or segmentors.
        size: Height and width of the input; by default the config's ``img_size``.
        rounds: Forward passes that are timed after one that is not; 0 times none.

    Returns:
        dict: ``model`` (name of its class), ``size``, ``parameters``, ``operations``, ``activations``, and
        ``milliseconds`` of a forward pass (median), with the number of ``threads``.

    Raises:
        ValueError: If the config has no network, or its network does not take the size.
    """
    if cfg.get('model') is None:
        raise InputError(f'Expected a training config with a model, but {cfg.filename} has none.')
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    settings = copy.deepcopy(cfg.model)
    side = cfg.get('img_size')
    if size is None and not side:
        raise InputError(f'Expected a size, because {cfg.filename} has no img_size.')
    height, width = size or (side, side)
    if 'data_preprocessor' not in settings and cfg.get('data_preprocessor'):
        settings.data_preprocessor = cfg.data_preprocessor
    model = revert_sync_batchnorm(MODELS.build(settings)).eval()
    network = getattr(model, 'cam_classifier', model)
    inputs = torch.rand(1, 3, height, width)
    try:
        with torch.no_grad():
            found = get_model_complexity_info(network, inputs=(inputs,), show_table=False, show_arch=False)
    except (RuntimeError, ValueError) as error:
        raise InputError(f'Expected a size that the network takes, but got {height} x {width}: {error}') from error
    cost = {
        'model': type(network).__name__,
        'size': [height, width],
        'parameters': sum(parameter.numel() for parameter in network.parameters()),
        'operations': int(found['flops']),
        'activations': int(found['activations']),
    }
    if rounds:
        cost.update(milliseconds=_milliseconds(network, inputs, rounds), threads=torch.get_num_threads())
    return cost


def _milliseconds(network: torch.nn.Module, inputs: torch.Tensor, rounds: int) -> float:
    seconds = []
    with torch.inference_mode():
        for _ in range(rounds + 1):
            start = time.perf_counter()
            network(inputs)
            seconds.append(time.perf_counter() - start)
    return round(1000 * median(seconds[1:]), 2)
