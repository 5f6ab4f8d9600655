"""The whole way in one go: teacher, control, student, pseudo masks, segmentor, report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmwsss.apis.cam_evaluation import evaluate_cams
from mmwsss.apis.gallery import make_gallery
from mmwsss.apis.inference import init_classifier
from mmwsss.apis.pseudo_masks import make_pseudo, versions
from mmwsss.apis.scenes import SCENE_VARIABLES, export_scenes
from mmwsss.apis.training import test, train
from mmwsss.evaluation import CamFigures
from mmwsss.refine.crf_refine import matching_exponent
from mmwsss.registry import DATASETS
from mmwsss.utils.config import load_config
from mmwsss.utils.files import content_hash, read_json, write_json
from mmwsss.visualization import write_report

FIXED_THRESHOLD = 0.3
"""The paper's threshold; figures at it stand beside those at a chosen one."""

CLASSIFIERS = ('teacher', 'control', 'student')


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
        self.data: dict[str, Any] = cfg.data.to_dict()
        self.results: dict[str, dict] = {}
        self.names = [name for name in ('scenes', 'pretrain', *CLASSIFIERS, 'pseudo', 'segmentor') if cfg.get(name)]

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
        for name in self.names:
            self._stage(name)
            if name == until:
                break
        summary = self.summary()
        write_json(self.work_dir / 'summary.json', summary)
        if 'segmentor' in self.results or until is None:
            report = self.work_dir / 'report.html'
            write_report(report, summary, self._curves(), make_gallery(self._gallery_parts()))
            self.say(f'report: {report}')
        return summary

    def _stage(self, name: str) -> None:
        path = self.work_dir / 'stages' / f'{name}.json'
        settings = [self.cfg[name].to_dict(), *(config.to_dict() for config in self._configs(name))]
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
            result = getattr(self, f'_run_{name}')()
            result = {'fingerprint': fingerprint, 'seconds': round(time.perf_counter() - start, 1), **result}
            write_json(path, result)
            started.unlink()
            note = f'{result["seconds"]:.0f} s'
        self.results[name] = result
        self.say(f'{name}: {_figures_line(result.get("figures"))} ({note})')

    def _configs(self, name: str) -> list[Config]:
        """The configs that a stage uses, as they read now: an edit of one of them makes another result."""
        if name in ('scenes', 'pretrain'):
            return []
        configs = [load_config(self.cfg[name].config, self._variables(name))]
        if name in CLASSIFIERS and (self.cfg[name].get('maps') or self.cfg.get('pseudo')):
            configs.append(self._pseudo_config(name))
        return configs

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

    def _variables(self, name: str) -> dict[str, Any]:
        variables = self.cfg[name].get('variables') or {}
        return {**self.data, **variables}

    def _classes(self, config: Config) -> tuple[str, ...]:
        init_default_scope('mmpretrain')
        dataset = DATASETS.build({**config.train_set.to_dict(), 'pipeline': []})
        return tuple(dataset.metainfo['classes'])

    # stages

    def _run_scenes(self) -> dict[str, Any]:
        settings = self.cfg.scenes.to_dict()
        export_scenes(self.work_dir / 'scenes', settings.pop('numbers'), **settings)
        return {}

    def _run_pretrain(self) -> dict[str, Any]:
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

    def _run_classifier(self, name: str, more: Mapping[str, Any]) -> dict[str, Any]:
        options = {**self._variables(name), 'seed': self.cfg.seed, **more}
        if 'pretrain' in self.results:
            key = 'teacher_init' if name == 'teacher' else 'student_init'
            options[key] = self.results['pretrain'][key]
        probe = load_config(self.cfg[name].config, options)
        classes = self._classes(probe)
        cfg = load_config(self.cfg[name].config, {**options, 'num_classes': len(classes), 'classes': list(classes)})
        folder = self.work_dir / name
        train(cfg, folder, resume=True, quiet=True)
        checkpoint = folder / f'epoch_{cfg.train_cfg.max_epochs}.pth'
        result: dict[str, Any] = {'checkpoint': str(checkpoint), 'classes': list(classes)}
        result.update(self._map_figures(name, checkpoint))
        return result

    def _run_teacher(self) -> dict[str, Any]:
        return self._run_classifier('teacher', {})

    def _run_control(self) -> dict[str, Any]:
        return self._run_classifier('control', {})

    def _run_student(self) -> dict[str, Any]:
        return self._run_classifier('student', {'teacher_checkpoint': self.results['teacher']['checkpoint']})

    def _pseudo_config(self, name: str, more: Mapping[str, Any] | None = None) -> Config:
        maps = (self.cfg[name].get('maps') or self.cfg.pseudo).to_dict()
        return load_config(maps['config'], {**self.data, **(maps.get('variables') or {}), **(more or {})})

    def _map_figures(self, name: str, checkpoint: Path) -> dict[str, Any]:
        """Figures of the maps on the test set (else the validation set), at the chosen and at the paper's threshold."""
        cfg = self._pseudo_config(name)
        val = cfg.val_set if cfg.val_masks else None
        split = 'test' if cfg.test_set and cfg.test_masks else 'val'
        fixed = FIXED_THRESHOLD if self.cfg.threshold == 'val' else float(self.cfg.threshold)
        if val is None and split == 'val':
            return {'threshold': fixed, 'threshold_source': 'fixed', 'figures': {}}
        model = init_classifier(checkpoint)
        threshold, source, collected = fixed, 'fixed', None
        if self.cfg.threshold == 'val' and val is not None:
            collected = evaluate_cams(cfg, model, val)
            threshold, source = collected.best_threshold(), 'val masks'
        if split == 'test' or collected is None:
            collected = evaluate_cams(cfg, model, cfg[f'{split}_set'])
        return {
            'threshold': threshold,
            'threshold_source': source,
            'figures': {'split': split, **self._with_fixed(collected, threshold)},
            'curve': collected.curve(),
        }

    @staticmethod
    def _with_fixed(collected: CamFigures, threshold: float) -> dict[str, Any]:
        fixed = collected.at(FIXED_THRESHOLD)
        figures = collected.compute(threshold)
        figures['at_0.3'] = {key: fixed[key] for key in ('iou_image', 'iou_dataset', 'miou')}
        return figures

    def _refine_options(self) -> dict[str, Any]:
        """The student's threshold for the seeds, and the CRF exponent whose unary term cuts there too."""
        options = self.cfg.pseudo.get('variables') or {}
        threshold = self.results['student'].get('threshold', FIXED_THRESHOLD)
        more: dict[str, Any] = {'threshold': threshold}
        if self.cfg.pseudo.get('match_crf'):
            cut = options.get('mask_threshold', FIXED_THRESHOLD)
            lowest, highest = 0.02, 0.98 * min(1.0, cut / (1 - cut))  # where an exponent exists
            more['bg_exponent'] = matching_exponent(min(max(threshold, lowest), highest), cut)
        return more

    def _run_pseudo(self) -> dict[str, Any]:
        checkpoint = self.results['student']['checkpoint']
        more = self._refine_options()
        cfg = self._pseudo_config('pseudo', more)
        figures = make_pseudo(cfg, checkpoint, self.work_dir / 'pseudo')
        result: dict[str, Any] = {'settings': more, 'figures': self._mask_figures(figures)}
        if cfg.test_set and cfg.test_masks:
            cfg.pseudo.dataset = cfg.test_set
            result['figures']['test'] = self._mask_figures(make_pseudo(cfg, checkpoint, self.work_dir / 'pseudo_test'))
        return result

    @staticmethod
    def _mask_figures(summary: Mapping[str, Any]) -> dict[str, Any]:
        counted = {key: summary[key] for key in ('images', 'ok', 'failed', 'without_class')}
        return {**summary.get('mask', {}), 'seed': summary.get('seed'), 'floor': summary.get('floor'), **counted}

    def _run_segmentor(self) -> dict[str, Any]:
        classes = self.results['student']['classes']
        options = {
            **self._variables('segmentor'),
            'seed': self.cfg.seed,
            'pseudo_root': str(self.work_dir / 'pseudo'),
            'num_classes': len(classes),
            'classes': list(classes),
        }
        cfg = load_config(self.cfg.segmentor.config, options)
        folder = self.work_dir / 'segmentor'
        epochs = cfg.train_cfg.max_epochs
        train(cfg, folder, resume=True, quiet=True)
        checkpoint = folder / f'epoch_{epochs}.pth'
        result: dict[str, Any] = {'checkpoint': str(checkpoint), 'figures': {}, 'options': options}
        cfg = load_config(self.cfg.segmentor.config, options)
        if cfg.get('test_dataloader'):
            cfg.test_evaluator.out_file = str(folder / 'test_images.json')
            result['figures'] = test(cfg, checkpoint, folder / 'test', quiet=True)
        return result

    # what comes out

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

    def _gallery_parts(self) -> dict[str, Any]:
        on_test = (self.work_dir / 'pseudo_test' / 'manifest.jsonl').exists()
        cfg = self._pseudo_config('pseudo', self._refine_options())
        segmentor = self.results.get('segmentor')
        return {
            'pseudo_config': cfg,
            'dataset': cfg.test_set if on_test else cfg.pseudo_set,
            'pseudo_root': self.work_dir / ('pseudo_test' if on_test else 'pseudo'),
            'student': self.results['student']['checkpoint'],
            'segmentor_config': segmentor and load_config(self.cfg.segmentor.config, segmentor['options']),
            'segmentor': segmentor and segmentor['checkpoint'],
            'ranking': self.work_dir / 'segmentor' / 'test_images.json',
            'split': 'test' if on_test else 'training',
            'count': self.cfg.get('gallery', 16),
        }


def load_pipeline(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a pipeline config; generated scenes get their data variables."""
    cfg = load_config(path, options)
    if cfg.get('scenes'):  # they are the data
        cfg.data = {**SCENE_VARIABLES, 'dataset_root': str(Path(cfg.work_dir) / 'scenes'), **(cfg.get('data') or {})}
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
    return ', '.join(parts) or 'done'
