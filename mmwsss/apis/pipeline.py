"""The whole way in one go: teacher, control, student, pseudo masks, segmentor, report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.apis.gallery import make_gallery
from mmwsss.apis.pseudo_masks import versions
from mmwsss.apis.stages import Stages
from mmwsss.config.loading import load_config
from mmwsss.datasets.converters.scenes import SCENE_VARIABLES, SHAPES_VARIABLES
from mmwsss.structures.output_marker import mark_output
from mmwsss.utils.files import content_hash, read_json, write_json
from mmwsss.visualization import write_report


class Pipeline:
    """Runs the stages of a pipeline config; a stage whose result stands is not run again.

    A result is ``stages/<name>.json`` in the work folder. It stands as long as the settings that led to it, those of
    earlier stages included, are the same. Training that was interrupted goes on from its last checkpoint.

    Args:
        cfg: A pipeline config: ``work_dir``, ``data``, ``seed``, ``threshold`` and a dict for each stage.
        say: Gets one line a stage.
    """

    def __init__(self, cfg: Config, say: Callable[[str], None] = print) -> None:
        self.cfg, self.say = cfg, say
        self.work_dir = Path(cfg.work_dir)
        self.results: dict[str, dict] = {}
        self.stages = Stages(cfg, self.results)
        self.names = self.stages.names

    def run(self, until: str | None = None, restart: str | None = None) -> dict[str, Any]:
        """Run what is missing, then write ``summary.json`` and ``report.html``.

        Args:
            until: Stop after this stage.
            restart: Throw away the results of this stage (its files are moved aside) and of those after it.

        Returns:
            dict: the summary.

        Raises:
            ValueError: If a stage's name is unknown, or a stage's result was made by other settings.
        """
        for name in (until, restart):
            if name is not None and name not in self.names:
                raise ValueError(f'Expected a stage of {self.names}, but got {name!r}.')
        if restart is not None:
            for name in self.names[self.names.index(restart) :]:
                self._set_aside(name)
        mark_output(self.work_dir)
        for name in self.names:
            self._stage(name)
            if name == until:
                break
        summary = self.summary()
        write_json(self.work_dir / 'summary.json', summary)
        if 'segmentor' in self.results or until is None:
            report = self.work_dir / 'report.html'
            write_report(report, summary, self._curves(), make_gallery(self.stages.gallery_parts()))
            self.say(f'report: {report}')
        return summary

    def _stage(self, name: str) -> None:
        path = self.work_dir / 'stages' / f'{name}.json'
        settings = [self.cfg[name].to_dict(), *(config.to_dict() for config in self.stages.configs(name))]
        fingerprint = content_hash([settings, self.cfg.seed, self.cfg.threshold, self._fingerprints()])
        if path.exists():
            result = read_json(path)
            if result['fingerprint'] != fingerprint:
                raise ValueError(
                    f'The result of the stage {name} in {self.work_dir} was made by other settings. Choose another '
                    f'work_dir, or run it and what follows again with --restart {name}.'
                )
            note = 'stands'
        else:
            started = self.work_dir / 'stages' / f'{name}.started'
            self._check_start(started, name, fingerprint)
            self.say(f'{name} ...')
            start = time.perf_counter()
            result = self._pretrain() if name == 'pretrain' else self.stages.run(name)
            result = {'fingerprint': fingerprint, 'seconds': round(time.perf_counter() - start, 1), **result}
            write_json(path, result)
            started.unlink()
            note = f'{result["seconds"]:.0f} s'
        self.results[name] = result
        self.say(f'{name}: {_figures_line(result.get("figures"))} ({note})')

    def _check_start(self, started: Path, name: str, fingerprint: str) -> None:
        """Files that another setting's interrupted run left must not be gone on with."""
        if started.exists() and read_json(started) != fingerprint:
            self._set_aside(name)
        write_json(started, fingerprint)

    def _fingerprints(self) -> list[str]:
        return [result['fingerprint'] for result in self.results.values()]

    def _set_aside(self, name: str) -> None:
        for path in (self.work_dir / name, self.work_dir / f'{name}_test'):
            if path.exists():
                number = 1
                while (moved := path.with_name(f'{path.name}.old{number}')).exists():
                    number += 1
                shutil.move(path, moved)
        for suffix in ('json', 'started'):
            (self.work_dir / 'stages' / f'{name}.{suffix}').unlink(missing_ok=True)

    def _pretrain(self) -> dict[str, Any]:
        """Teacher and control of another pipeline, from which this one's networks start."""
        settings = self.cfg.pretrain.to_dict()
        before = Pipeline(
            load_pipeline(settings['config'], settings.get('options')), lambda line: self.say('  ' + line)
        )
        before.run(until='control')
        return {
            'teacher_init': before.results['teacher']['checkpoint'],
            'student_init': before.results['control']['checkpoint'],
            'from': before.results['control']['fingerprint'],
        }

    def summary(self) -> dict[str, Any]:
        """All figures: what ``summary.json`` holds."""
        stages = {}
        for name, result in self.results.items():
            stages[name] = {
                **(result.get('figures') or {}),
                'seconds': result['seconds'],
                **{key: result[key] for key in ('threshold', 'threshold_source', 'settings') if key in result},
            }
        return {
            'title': self.cfg.get('title', self.work_dir.name),
            'seed': self.cfg.seed,
            'classes': self.results.get('student', {}).get('classes'),
            'stages': stages,
            'versions': versions(),
        }

    def _curves(self) -> dict[str, dict]:
        return {name: result['curve'] for name, result in self.results.items() if 'curve' in result}


def load_pipeline(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a pipeline config; generated scenes get their data variables."""
    cfg = load_config(path, options)
    if cfg.get('scenes'):  # they are the data
        variables = SHAPES_VARIABLES if cfg.scenes.get('kind') == 'shapes' else SCENE_VARIABLES
        cfg.data = {**variables, 'dataset_root': str(Path(cfg.work_dir) / 'scenes'), **(cfg.get('data') or {})}
    return cfg


def _figures_line(figures: Mapping[str, Any] | None) -> str:
    """The main figures of a stage in one line."""
    if not figures:
        return 'done'
    names = ('iou_image', 'iou_dataset', 'miou', 'co_occurrence', 'threshold')
    parts = [f'{name} {figures[name]:.3f}' for name in names if isinstance(figures.get(name), float)]
    if figures.get('seed'):
        parts += [f'seed {name} {figures["seed"][name]:.3f}' for name in names[:2]]
    floor = figures.get('floor_all_foreground') or figures.get('floor')
    if floor:
        parts.append(f'all-foreground floor {floor["iou_dataset"]:.3f}')
    if 'images' in figures:
        parts.append(f'{figures["ok"]} of {figures["images"]} masks')
    return ', '.join(parts) or 'done'
