"""What came out of a pipeline: one line a run, ``summary.json``, ``report.html``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from mmengine.config import Config

from mmwsss.runs.actions import MAIN_FIGURES
from mmwsss.runs.run import Run
from mmwsss.runs.store import Store
from mmwsss.utils.files import read_json, write_json

_OF_SCORES = ('at_0.3', 'at_val_threshold', 'oracle')
"""What a segmentor's scores at all thresholds add to the figures of its plain masks."""


class ReportedPipeline(Protocol):
    """What summary and report read of a :class:`~mmwsss.runs.Pipeline`.

    Attributes:
        cfg: The pipeline config.
        work_dir: Output folder.
        data: Variables that describe the data.
        stages: Kind of config by name of a stage, in order.
        mask_free: Names of the runs that choose, measure and promise without a mask.
        runs: Runs by name.
        store: Knows which results stand.
        on_message: Gets one line a step.
    """

    cfg: Config
    work_dir: Path
    data: dict[str, Any]
    stages: dict[str, str]
    mask_free: list[str]
    runs: dict[str, Run]
    store: Store
    on_message: Callable[[str], None]

    def evaluation(self, name: str) -> Run | None:
        """The run that says how good another one's maps or masks are."""

    def results(self) -> dict[str, dict[str, Any]]:
        """The results that stand, by name."""


def figures_line(figures: Mapping[str, Any] | None) -> str:
    """The main figures of a run in one line."""
    if not figures:
        return 'done'
    names = (*MAIN_FIGURES, 'co_occurrence', 'threshold')
    parts = [f'{name} {figures[name]:.3f}' for name in names if isinstance(figures.get(name), float)]
    if figures.get('unrefined'):
        unrefined = figures['unrefined']
        parts += [f'unrefined {name} {unrefined[name]:.3f}' for name in MAIN_FIGURES[:2] if unrefined[name] is not None]
    floor = figures.get('floor_all_foreground') or figures.get('floor')
    if floor and floor['iou_dataset'] is not None:
        parts.append(f'all-foreground floor {floor["iou_dataset"]:.3f}')
    if 'images' in figures:
        parts.append(f'{figures["ok"]} of {figures["images"]} masks')
    return ', '.join(parts) or 'done'


def summarise(pipeline: ReportedPipeline) -> dict[str, Any]:
    """All figures, by stage: what ``summary.json`` holds."""
    from mmwsss.apis.pseudo_masks import versions

    results = pipeline.results()
    stages = {name: _stage(pipeline, name, kind, results) for name, kind in pipeline.stages.items() if name in results}
    free = {name: results[name]['figures'] for name in pipeline.mask_free if name in results}
    return {
        'title': pipeline.cfg.get('title', pipeline.work_dir.name),
        'seed': pipeline.cfg.seed,
        'classes': pipeline.data['classes'],
        'stages': stages,
        **({'without_masks': free} if free else {}),
        'versions': versions(),
    }


def _stage(pipeline: ReportedPipeline, name: str, kind: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's figures and those of the run that says how good it is."""
    own = results[name]
    stage: dict[str, Any] = {'kind': kind, 'seconds': own['seconds'], **(own.get('figures') or {})}
    run = pipeline.evaluation(name)
    measured = results.get(run.name, {}) if run else {}
    if kind == 'pseudo':
        if measured:
            stage['test'] = measured['figures']
    else:
        stage.update({**(measured.get('figures') or {}), **measured.get('values', {})})
    scores = results.get(f'{name}_scores', {}).get('figures') or {}
    stage.update({key: scores[key] for key in _OF_SCORES if key in scores})
    return stage


def write_summary_and_report(pipeline: ReportedPipeline, with_report: bool = True) -> dict[str, Any]:
    """Write ``summary.json`` and, of a whole pipeline that made masks, ``report.html``; gives the summary."""
    summary = summarise(pipeline)
    write_json(pipeline.work_dir / 'summary.json', summary)
    parts = gallery_parts(pipeline) if with_report else None
    if parts is not None:
        from mmwsss.apis.gallery import image_figures, make_gallery
        from mmwsss.visualization import write_report
        from mmwsss.visualization.charts import read_training

        path = pipeline.work_dir / 'report.html'
        curves = {
            name: pipeline.store.get(run)['curve']
            for name in summary['stages']
            if (run := pipeline.evaluation(name)) is not None and 'curve' in (pipeline.store.finished(run) or {})
        }
        training = {name: read_training(pipeline.runs[name].folder) for name in summary['stages']}
        images = image_figures(parts['images'], tuple(summary['classes'])) if parts['images'] else None
        confusion = read_json(parts['confusion']) if parts['confusion'] else None
        write_report(
            path,
            summary,
            curves,
            make_gallery(parts, images or ()),
            confusion=confusion and {f'the segmentor on {confusion["images"]} test images': confusion['matrix']},
            training=training,
            images=images,
            camera_pattern=_camera_pattern(pipeline.cfg.get('blocks')),
            measured=_measured(pipeline),
        )
        pipeline.on_message(f'report: {path}')
    return summary


def _camera_pattern(blocks: str | None) -> str | None:
    """The pattern of blocks, if its first group is named ``camera``."""
    return blocks if blocks and re.compile(blocks).groupindex.get('camera') == 1 else None


def _measured(pipeline: ReportedPipeline) -> dict[str, Any] | None:
    """What the last run that measured without masks found, with its pictures; and what was chosen and promised."""
    found: dict[str, Any] = {}
    results = pipeline.results()
    for name in pipeline.mask_free:
        result, run = results.get(name), pipeline.runs[name]
        if result is not None and run.action == 'measure':
            found.update(read_json(run.folder / result['files']['measured']))
        elif result is not None:
            found[run.action] = result['figures']
    return found if 'threshold' in found else None


def _last(pipeline: ReportedPipeline, kind: str) -> str | None:
    return next((name for name in reversed(pipeline.stages) if pipeline.stages[name] == kind), None)


def gallery_parts(pipeline: ReportedPipeline) -> dict[str, Any] | None:
    """What :func:`mmwsss.apis.gallery.make_gallery` needs: of the last masks, and of the last segmentor."""
    masks, segmentor = _last(pipeline, 'pseudo'), _last(pipeline, 'segmentor')
    if masks is None:
        return None
    run = pipeline.runs.get(f'{masks}_test', pipeline.runs[masks])
    store = pipeline.store
    cfg = run.load(store.filled(run))
    on_test = run.settings.get('split') == 'test'
    parts: dict[str, Any] = {
        'pseudo_config': cfg,
        'dataset': cfg.test_set if on_test else cfg.pseudo.dataset,
        'pseudo_root': run.folder,
        'student': store.value(run.inputs['checkpoint']),
        'split': 'test' if on_test else 'training',
        'count': pipeline.cfg.get('gallery', 16),
        'segmentor_config': None,
        'segmentor': None,
        'images': None,
        'confusion': None,
    }
    if segmentor is not None:
        trained = pipeline.runs[segmentor]
        tested = pipeline.runs.get(f'{segmentor}_test')
        files = (tested and store.finished(tested) or {}).get('files', {})
        parts.update(
            segmentor_config=trained.load(store.filled(trained)),
            segmentor=str(trained.folder / store.get(trained)['files']['checkpoint']),
            **{name: tested.folder / files[name] for name in ('images', 'confusion') if tested and name in files},
        )
    return parts
