"""Pseudo masks from a config, a checkpoint and an output folder."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmwsss.apis.cam_evaluation import build_source, label_source
from mmwsss.apis.inference import init_for_maps
from mmwsss.apis.label_cuts import label_cuts
from mmwsss.apis.position_prior import position_prior
from mmwsss.pseudo import PseudoMaskEngine, RefineSettings, find_work_group
from mmwsss.pseudo.work_group import local_rank
from mmwsss.refine.position_prior import PRIOR_FILE, PositionPrior, save_position_prior
from mmwsss.registry import DATASETS, TRANSFORMS
from mmwsss.structures.output_folder import RUN_FILE
from mmwsss.utils.dependencies import HOSTS, installed_version
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import content_hash, file_sha256, read_json, write_json
from mmwsss.version import __version__

_PACE_ONLY = ('batch_size', 'num_workers', 'workers')  # settings that change no mask


def versions() -> dict[str, str]:
    """Versions of everything that a mask may depend on."""
    found = {name: (installed_version(name) or ('', 'missing'))[1] for name in HOSTS}
    return {'mmwsss': __version__, 'python': platform.python_version(), 'numpy': np.__version__, **found}


def mask_settings(cfg: Config) -> dict[str, Any]:
    """What of a pseudo config the mask of a picture depends on."""
    settings = cfg.pseudo.to_dict()
    return {key: value for key, value in settings.items() if key not in (*_PACE_ONLY, 'dataset')}


def make_pseudo(
    cfg: Config,
    checkpoint: str | Path,
    out_dir: str | Path,
    model_cfg: Config | None = None,
    workers: int | None = None,
    launcher: str = 'none',
    trust: bool | None = None,
) -> dict[str, Any]:
    """Make the masks of a data set, or what is missing of them.

    Args:
        cfg: A pseudo config: ``pseudo`` has ``dataset``, ``pipeline``, ``generator``, ``fusion``, ``unrefined`` and
            ``refine``.
        checkpoint: Weights of the classifier or distiller, or of the segmentor where the generator reads one.
        out_dir: Output folder.
        model_cfg: Training config, for a checkpoint that carries none.
        workers: Processes that refine; by default the config's ``pseudo.workers``.
        launcher: What started this process and others beside it: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Returns:
        dict: what stands in ``summary.json``.

    Raises:
        ValueError: If the config has no ``pseudo``, the checkpoint does not fit, or the folder is another run's.
    """
    if cfg.get('pseudo') is None:
        raise InputError(f'Expected a pseudo config (with the key pseudo), but got {cfg.filename}.')
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    group = find_work_group(launcher)
    settings = cfg.pseudo
    if 'unrefined' not in settings:
        raise InputError(
            f'Expected pseudo.unrefined (the threshold step of the unrefined maps, called pseudo.seed before) in '
            f'{cfg.filename}, but got only {sorted(settings)}.'
        )
    if str(cfg.get('evaluation')).startswith('oracle'):
        raise InputError(
            f'Expected a config whose masks can be made without ground truth, but {cfg.filename} has evaluation='
            f'{cfg.evaluation!r}: it only measures maps (tools/evaluate_cam.py, tools/ablate.py).'
        )
    dataset = DATASETS.build(settings.dataset)
    classes = dataset.metainfo['classes']
    if model_cfg is None and cfg.get('model') is not None:
        model_cfg = cfg
    device = f'cuda:{local_rank() % torch.cuda.device_count()}' if torch.cuda.is_available() else 'cpu'
    model = init_for_maps(cfg, checkpoint, model_cfg, classes, device, trust=trust)
    content = mask_settings(cfg)
    content['dataset'] = settings.dataset.to_dict()
    content['dataset'].pop('follow_links', None)  # chooses images, changes no mask
    sha256 = file_sha256(checkpoint)
    steps = [step.to_dict() for step in settings.refine]
    _fill_position_prior(steps, cfg, model, sha256, Path(out_dir))
    cuts = _label_cuts(cfg, model, sha256, Path(out_dir))
    if cuts is not None:
        steps[-1].update(ignore_band=tuple(cuts['ignore_band']), band_shares=settings.label_cuts.get('band_shares'))
    identity = {
        'config_hash': content_hash([content, model_cfg.model.to_dict() if model_cfg is not None else None]),
        'checkpoint_sha256': sha256,
        'checkpoint': str(checkpoint),
        'label_source': label_source(cfg),
        'label_cuts': cuts,
        'config': content,
        'versions': versions(),
    }
    engine = PseudoMaskEngine(
        RefineSettings(
            out_dir,
            classes,
            settings.fusion.to_dict() if settings.get('fusion') else None,
            settings.unrefined.to_dict(),
            steps,
            settings.get('save_cam', False),
        ),
        identity,
        settings.get('workers') if workers is None else workers,
        group,
        labels_are_given=settings.generator.get('classes', 'label') == 'label',
    )
    root = dataset.metainfo.get('image_root', '')
    with torch.no_grad():
        return engine.run(
            dataset,
            root,
            lambda batches: build_source(cfg, model, dataset, batches),
            settings.get('batch_size', 8),
        )


def _fill_position_prior(
    steps: list[dict[str, Any]], cfg: Config, model: BaseModel, checkpoint: str, out_dir: Path
) -> None:
    """Give the step that weighs by position its file; that of the folder, if this checkpoint made it.

    Nothing is made for a folder with another run's masks, which the engine refuses.
    """
    open_steps = [step for step in steps if not step.get('file') and TRANSFORMS.get(step['type']) is PositionPrior]
    settings = cfg.pseudo.get('position_prior')
    if not open_steps or not settings:
        return
    file, run = out_dir / PRIOR_FILE, out_dir / RUN_FILE
    if run.is_file() and read_json(run).get('checkpoint_sha256') != checkpoint:
        steps[:] = [step for step in steps if step not in open_steps]
        return
    if not (run.is_file() and file.is_file()):
        settings = settings.to_dict()
        dataset = DATASETS.build(settings.pop('dataset'))
        prior = position_prior(cfg, model, dataset, **settings)
        out_dir.mkdir(parents=True, exist_ok=True)
        save_position_prior(file, prior, dataset.metainfo['classes'])
    for step in open_steps:
        step['file'] = str(file)


def _label_cuts(cfg: Config, model: BaseModel, checkpoint: str, out_dir: Path) -> dict[str, Any] | None:
    """The cuts that image labels choose, where the config says so; those of the folder, if this checkpoint made them.

    Nothing is done for a folder with another run's masks, which the engine refuses.
    """
    settings = cfg.pseudo.get('label_cuts')
    file, run = out_dir / 'label_cuts.json', out_dir / RUN_FILE
    if not settings or (run.is_file() and read_json(run).get('checkpoint_sha256') != checkpoint):
        return None
    if file.is_file() and (there := read_json(file)).get('checkpoint_sha256') == checkpoint:
        return there
    settings = settings.to_dict()
    settings.pop('band_shares', None)
    cuts = label_cuts(cfg, model, settings.pop('dataset'), **settings)
    out_dir.mkdir(parents=True, exist_ok=True)
    cuts['checkpoint_sha256'] = checkpoint
    write_json(file, cuts)
    return cuts
