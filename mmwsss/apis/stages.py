"""What each stage of a pipeline does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmwsss.apis.cam_evaluation import evaluate_cams
from mmwsss.apis.inference import init_classifier
from mmwsss.apis.pseudo_masks import make_pseudo
from mmwsss.apis.training import test, train
from mmwsss.config import load_config
from mmwsss.datasets.converters.scenes import export_scenes
from mmwsss.evaluation import CamFigures
from mmwsss.refine.crf_refine import matching_exponent
from mmwsss.registry import DATASETS

FIXED_THRESHOLD = 0.3
"""The paper's threshold; figures at it stand beside those at a chosen one."""

CLASSIFIERS = ('teacher', 'control', 'student')


class Stages:
    """Runs single stages; what one needs of an earlier one is in ``results``.

    Args:
        cfg: A pipeline config.
        results: Results of finished stages by name; a stage adds nothing to it itself.
    """

    def __init__(self, cfg: Config, results: dict[str, dict]) -> None:
        self.cfg, self.results = cfg, results
        self.work_dir = Path(cfg.work_dir)
        self.data: dict[str, Any] = cfg.data.to_dict()
        self.names = [name for name in ('scenes', 'pretrain', *CLASSIFIERS, 'pseudo', 'segmentor') if cfg.get(name)]

    def run(self, name: str) -> dict[str, Any]:
        """Run one stage and give its result: ``figures``, and what later stages need."""
        return getattr(self, f'_run_{name}')()

    def configs(self, name: str) -> list[Config]:
        """The configs that a stage uses, as they read now: an edit of one of them makes another result."""
        if name in ('scenes', 'pretrain'):
            return []
        configs = [self._load(name)]
        if name in CLASSIFIERS and (self.cfg[name].get('maps') or self.cfg.get('pseudo')):
            configs.append(self._pseudo_config(name))
        return configs

    def _load(self, name: str, **more: Any) -> Config:
        settings = self.cfg[name]
        described = {key: more.pop(key) for key in ('classes', 'num_classes') if key in more}
        options = {**(settings.get('variables') or {}), **more}
        return load_config(settings.config, options, data={**self.data, **described}, scale=settings.get('scale'))

    def _classes(self, config: Config) -> tuple[str, ...]:
        init_default_scope('mmpretrain')
        dataset = DATASETS.build({**config.train_set.to_dict(), 'pipeline': []})
        return tuple(dataset.metainfo['classes'])

    def _run_scenes(self) -> dict[str, Any]:
        settings = self.cfg.scenes.to_dict()
        export_scenes(self.work_dir / 'scenes', settings.pop('numbers'), **settings)
        return {}

    def _run_classifier(self, name: str, more: Mapping[str, Any]) -> dict[str, Any]:
        options = {'seed': self.cfg.seed, **more}
        if 'pretrain' in self.results:
            key = 'teacher_init' if name == 'teacher' else 'student_init'
            options[key] = self.results['pretrain'][key]
        classes = self._classes(self._load(name, **options))
        cfg = self._load(name, **options, num_classes=len(classes), classes=list(classes))
        folder = self.work_dir / name
        train(cfg, folder, resume=True, quiet=True)
        checkpoint = folder / f'epoch_{cfg.train_cfg.max_epochs}.pth'
        result: dict[str, Any] = {'checkpoint': str(checkpoint), 'classes': list(classes)}
        result.update(self._map_figures(name, checkpoint, list(classes)))
        return result

    def _run_teacher(self) -> dict[str, Any]:
        return self._run_classifier('teacher', {})

    def _run_control(self) -> dict[str, Any]:
        return self._run_classifier('control', {})

    def _run_student(self) -> dict[str, Any]:
        return self._run_classifier('student', {'teacher_checkpoint': self.results['teacher']['checkpoint']})

    def _pseudo_config(self, name: str, more: Mapping[str, Any] | None = None) -> Config:
        maps = (self.cfg[name].get('maps') or self.cfg.pseudo).to_dict()
        more = dict(more or {})
        described = {key: more.pop(key) for key in ('classes',) if key in more}
        options = {**(maps.get('variables') or {}), **more}
        return load_config(maps['config'], options, data={**self.data, **described})

    def _map_figures(self, name: str, checkpoint: Path, classes: list[str]) -> dict[str, Any]:
        """Figures of the maps on the test set (else the validation set), at the chosen and at the paper's threshold."""
        cfg = self._pseudo_config(name, {'classes': classes})  # a small split may not show every class
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
        more: dict[str, Any] = {'threshold': threshold, 'classes': self.results['student']['classes']}
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
        counted = {key: summary[key] for key in ('images', 'ok', 'failed', 'without_class', 'label_source')}
        return {**summary.get('mask', {}), 'seed': summary.get('seed'), 'floor': summary.get('floor'), **counted}

    def _run_segmentor(self) -> dict[str, Any]:
        classes = self.results['student']['classes']
        options = {
            'seed': self.cfg.seed,
            'pseudo_root': str(self.work_dir / 'pseudo'),
            'num_classes': len(classes),
            'classes': list(classes),
        }
        cfg = self._load('segmentor', **options)
        folder = self.work_dir / 'segmentor'
        epochs = cfg.train_cfg.max_epochs
        train(cfg, folder, resume=True, quiet=True)
        checkpoint = folder / f'epoch_{epochs}.pth'
        result: dict[str, Any] = {'checkpoint': str(checkpoint), 'figures': {}, 'options': options}
        cfg = self._load('segmentor', **options)
        if cfg.get('test_dataloader'):
            cfg.test_evaluator.out_file = str(folder / 'test_images.json')
            result['figures'] = _nested(test(cfg, checkpoint, folder / 'test', quiet=True))
        return result

    def gallery_parts(self) -> dict[str, Any]:
        """What :func:`mmwsss.apis.gallery.make_gallery` needs."""
        on_test = (self.work_dir / 'pseudo_test' / 'manifest.jsonl').exists()
        cfg = self._pseudo_config('pseudo', self._refine_options())
        segmentor = self.results.get('segmentor')
        return {
            'pseudo_config': cfg,
            'dataset': cfg.test_set if on_test else cfg.pseudo_set,
            'pseudo_root': self.work_dir / ('pseudo_test' if on_test else 'pseudo'),
            'student': self.results['student']['checkpoint'],
            'segmentor_config': segmentor and self._load('segmentor', **segmentor['options']),
            'segmentor': segmentor and segmentor['checkpoint'],
            'ranking': self.work_dir / 'segmentor' / 'test_images.json',
            'split': 'test' if on_test else 'training',
            'count': self.cfg.get('gallery', 16),
        }


def _nested(figures: Mapping[str, float]) -> dict[str, Any]:
    """The flat figures of a test loop as :func:`~mmwsss.evaluation.figures.segmentation_figures` gives them."""
    nested: dict[str, Any] = {}
    for name, number in figures.items():
        value = None if number != number else number  # JSON has no NaN
        for prefix, group in (('all_images_', 'all_images'), ('false_alarm_', 'false_alarms')):
            if name.startswith(prefix):
                nested.setdefault(group, {})[name.removeprefix(prefix)] = value
                break
        else:
            nested[name] = value
    return nested
