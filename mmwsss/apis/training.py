"""Train and test any config of the project, and any stock MMPretrain or MMSegmentation config."""

from __future__ import annotations

import logging
import sys
from itertools import count
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config, ConfigDict
from mmengine.dist import get_world_size
from mmengine.registry import DATASETS as HOST_DATASETS
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, find_latest_checkpoint

from mmwsss.datasets.batching import plan_batches
from mmwsss.datasets.listing import without_pictures
from mmwsss.engine.hooks import FiniteLossHook, ProgressHook
from mmwsss.structures.output_marker import mark_output
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.weights.checkpoints import check_checkpoint, weights_only
from mmwsss.weights.pretrained import resolve_pretrained

_runners = count(1)
"""Numbers of the runners of this process."""


def prepare(cfg: Config, work_dir: str | Path | None, launcher: str = 'none', amp: bool = False) -> Config:
    """Fill in what a runner needs: work folder, launcher, mixed precision, processes without a GPU, exact resume.

    Args:
        cfg: The config; changed in place.
        work_dir: Output folder; by default the config's own, else ``work_dirs/<name of the config>``.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        amp: Train with mixed precision.

    Raises:
        ValueError: If mixed precision is asked without a GPU or of an optimiser wrapper that has it not.
    """
    if work_dir is not None:
        cfg.work_dir = str(work_dir)
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(cfg.filename).stem)
    cfg.launcher = launcher
    if amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise InputError(f'Expected the optimiser wrapper OptimWrapper for --amp, but the config has {kind}.')
        if not torch.cuda.is_available():
            raise InputError("Expected a GPU for --amp, but there is none: MMEngine's mixed precision needs one.")
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if launcher == 'pytorch' and not torch.cuda.is_available():
        if not dist.is_initialized():
            dist.init_process_group('gloo')  # the host's launcher asks for a GPU
        cfg.setdefault(
            'model_wrapper_cfg', {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False}
        )
    if not torch.cuda.is_available():
        _replace_sync_batch_norm(cfg)
    if sys.platform == 'darwin' and (cfg.get('env_cfg') or {}).get('mp_cfg', {}).get('mp_start_method') == 'fork':
        cfg.env_cfg.mp_cfg.mp_start_method = 'spawn'  # macOS: its libraries do not outlive a fork
    cfg.setdefault('custom_hooks', [])
    if not any(hook.get('type') == 'mmwsss.ExactResumeHook' for hook in cfg.custom_hooks):
        cfg.custom_hooks.append(ConfigDict(type='mmwsss.ExactResumeHook'))
    return cfg


def _replace_sync_batch_norm(value: Any) -> None:
    """SyncBN has no CPU version; plain batch norm takes its place in every ``norm_cfg``."""
    if isinstance(value, (dict, Config)):
        for key, inner in value.items():
            if key == 'type' and inner == 'SyncBN':
                value['type'] = 'BN'
            else:
                _replace_sync_batch_norm(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _replace_sync_batch_norm(inner)


def train(
    cfg: Config,
    work_dir: str | Path | None = None,
    resume: bool = False,
    launcher: str = 'none',
    amp: bool = False,
    quiet: bool = False,
    trust: bool | None = None,
) -> Runner:
    """Train.

    Args:
        cfg: A config of :func:`mmwsss.config.loading.load_config`.
        work_dir: See :func:`prepare`.
        resume: Go on from the last checkpoint of the work folder, if there is one.
        launcher: See :func:`prepare`.
        amp: See :func:`prepare`.
        quiet: Only warnings and the progress on the console; the log file has everything.
        trust: Whether checkpoints may run code; by default the environment variable says it.

    Returns:
        Runner: after training.

    Raises:
        FileNotFoundError: If pre-trained weights are missing and cannot be fetched; says where to put them.
        UnsafeCheckpointError: If a checkpoint would run code.
    """
    with weights_only(trust):
        resolve_pretrained(cfg.get('model'), Path(cfg.filename).name if cfg.filename else 'The model')
        cfg = prepare(cfg, work_dir, launcher, amp)
        cfg.resume = resume
        resumed = find_latest_checkpoint(cfg.work_dir) if resume and Path(cfg.work_dir).is_dir() else None
        for path in (cfg.get('load_from'), resumed):
            if path and Path(path).is_file():
                check_checkpoint(path)
        note = fit_batches(cfg)
        mark_output(cfg.work_dir)  # its pictures are never taken for images
        runner = _build_runner(cfg, quiet)
        if note is not None:
            runner.logger.warning(f'Training in {cfg.work_dir}: {note}.')
        runner.register_hook(FiniteLossHook())
        if quiet:
            runner.register_hook(ProgressHook())
        runner.train()
    return runner


def fit_batches(cfg: Config) -> str | None:
    """Let batches be no larger than the training set, and none of a single image.

    Trainings that count iterations draw from the images without end: they are left alone.

    Args:
        cfg: A training config; ``train_dataloader`` is changed in place.

    Returns:
        What was changed and why, in one line; None where nothing was.
    """
    loader = cfg.get('train_dataloader')
    if loader is None or loader.get('batch_size') is None or loader.get('sampler', {}).get('type') != 'DefaultSampler':
        return None
    init_default_scope(cfg.get('default_scope') or 'mmpretrain')
    images = len(HOST_DATASETS.build(without_pictures(loader.dataset.to_dict())))
    plan = plan_batches(images, loader.batch_size, loader.get('drop_last', False), get_world_size())
    loader.update(batch_size=plan.batch_size, drop_last=plan.drop_last)
    if plan.repeats > 1:
        loader.dataset = ConfigDict(type='RepeatDataset', times=plan.repeats, dataset=loader.dataset)
    return plan.note


def _build_runner(cfg: Config, quiet: bool) -> Runner:
    number = next(_runners)
    if number > 1:  # MMEngine knows loggers, message hubs, visualizers by name and second: two runners would share them
        cfg.experiment_name = f'{cfg.get("experiment_name") or Path(cfg.filename or "run").stem}-{number}'
    if not quiet:
        return Runner.from_cfg(cfg)
    cfg.log_level = 'WARNING'
    runner = Runner.from_cfg(cfg)
    runner.logger.setLevel(logging.INFO)
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.INFO)
    return runner


def test(
    cfg: Config,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    launcher: str = 'none',
    quiet: bool = False,
    trust: bool | None = None,
) -> dict:
    """Test a checkpoint.

    Args:
        cfg: A config with a test loop.
        checkpoint: The weights.
        work_dir: See :func:`prepare`.
        launcher: See :func:`prepare`.
        quiet: See :func:`train`.
        trust: See :func:`train`.

    Returns:
        dict: figures by name.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If the config has no test loop.
    """
    if '://' not in str(checkpoint) and not Path(checkpoint).is_file():
        raise MissingFileError(f'Expected a checkpoint in {checkpoint}, but there is no such file.')
    if cfg.get('test_dataloader') is None:
        raise InputError(f'Expected a test_dataloader in {cfg.filename}, but it has none.')
    with weights_only(trust):
        if Path(checkpoint).is_file():
            check_checkpoint(checkpoint)
        cfg = prepare(cfg, work_dir, launcher)
        cfg.load_from = str(checkpoint)
        return _build_runner(cfg, quiet).test()
