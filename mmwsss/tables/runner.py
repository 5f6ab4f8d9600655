"""Runs rows: what two rows share is done once, what is finished is never done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from mmwsss.apis import Pipeline, evaluate_cams, init_classifier, load_pipeline, make_pseudo, test, train
from mmwsss.apis.stages import FIXED_THRESHOLD
from mmwsss.config.loading import config_variables, load_config
from mmwsss.tables.affinity import train_affinity_for
from mmwsss.tables.rows import Row
from mmwsss.tables.scales import Scale
from mmwsss.utils.files import content_hash, locked, read_json, write_json

_UNAVAILABLE = (FileNotFoundError, ImportError)


class AblationRunner:
    """Trains and evaluates rows with several seeds.

    Results are files below ``work_dir``: ``train/<config>/seed<n>/result.json`` and
    ``eval/<config>/<pseudo>/seed<n>.json``. A file stands as long as the settings that led to it are the same.

    Several processes may share a work folder: one waits for what another is making.

    Args:
        scale: The size of the networks.
        data: Config variables of the data set, and options for every config that has them.
        seeds: Seeds; each run's teacher has its seed too.
        work_dir: Output folder.
        say: Gets one line a step.
        data_name: What ``data`` is of (``'voc12'``): rows whose published figure is of it use its test set.
    """

    def __init__(
        self,
        scale: Scale,
        data: Mapping[str, Any],
        seeds: Sequence[int],
        work_dir: str | Path,
        say: Callable[[str], None] = print,
        data_name: str | None = None,
    ) -> None:
        self.scale, self.data, self.seeds, self.data_name = scale, dict(data), tuple(seeds), data_name
        self.work_dir, self.say = Path(work_dir), say
        self._init: dict[str, str] | None = None

    def run(self, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
        """Run what is missing; the seed is the outer loop, so that an interrupted run has whole seeds.

        Returns:
            dict: by row id ``figures`` and ``control``, a list of one dict a seed each, or ``missing``, why the row
            cannot run.
        """
        rows = list(rows)
        self._check_options(rows)
        results: dict[str, dict[str, Any]] = {}
        for seed in self.seeds:
            for row in rows:
                entry = results.setdefault(row.row, {'figures': [], 'control': []})
                if 'missing' in entry:
                    continue
                try:
                    entry['figures'].append(self.figures(row, self.scale.config(row.config), seed))
                    control = self.control(row.config)
                    if control:
                        entry['control'].append(self.figures(row, control, seed))
                except _UNAVAILABLE as error:
                    entry['missing'] = str(error)
                    self.say(f'{row.row}: cannot run: {error}')
        return results

    def _check_options(self, rows: Sequence[Row]) -> None:
        """An option that no config of the rows has is a slip of the pen."""
        configs = {self.scale.cfg.teacher, self.scale.cfg.control}
        configs |= {self.scale.config(row.config) for row in rows} | {row.pseudo for row in rows if row.pseudo}
        configs |= {self.scale.config(row.segmentor) for row in rows if row.segmentor}
        known = set().union(*(config_variables(config) for config in configs))
        unknown = sorted(set(self.data) - known)
        if unknown:
            raise ValueError(f'Expected variables of the configs that are run, but none of them has {unknown}.')

    def finished(self, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
        """The results that are there, without running anything."""
        results = {}
        for row in rows:
            configs = {'figures': self.scale.config(row.config)}
            control = self.control(row.config)
            if control:
                configs['control'] = control
            entry: dict[str, Any] = {'figures': [], 'control': []}
            for kind, config in configs.items():
                paths = [self._eval_path(row, config, seed) for seed in self.seeds]
                entry[kind] = [read_json(path)['figures'] for path in paths if path.exists()]
            results[row.row] = entry
        return results

    def control(self, config: str) -> str | None:
        """The student alone that a table's config is compared with; None for a network that stands alone."""
        name = Path(config).name
        if name.startswith('acr_') and not name.startswith('acr_ts_'):
            return self.scale.config(self.scale.cfg.acr_control)
        return self.scale.cfg.control if name.startswith(('ts_', 'co_', 'acr_')) else None

    def trained(self, config: str, seed: int) -> dict[str, Any]:
        """Train a config, or find that it was: ``checkpoint``, ``fingerprint``, ``seconds``.

        Raises:
            FileNotFoundError: If weights or data are missing.
        """
        options = {**self.data, 'seed': seed}
        if self.scale.cfg.pretrain:
            options.update(self._starts())
        if '_ts_' in f'_{Path(config).name}':
            teacher = self.trained(self.scale.cfg.teacher, seed)
            options['teacher_checkpoint'] = teacher['checkpoint']
        variables = self.scale.train_variables(config, options)
        cfg = load_config(config, variables)
        folder = self.work_dir / 'train' / Path(config).stem / f'seed{seed}'
        return self.train_once(cfg, folder, f'{Path(config).stem}, seed {seed}')

    def train_once(self, cfg: Config, folder: Path, label: str) -> dict[str, Any]:
        """Train into a folder, go on with an interrupted run, or find the result; another process is waited for.

        Raises:
            ValueError: If the folder holds another config's run.
        """
        with locked(folder):
            return self._train(cfg, folder, content_hash(cfg.to_dict()), label)

    def _train(self, cfg: Config, folder: Path, fingerprint: str, label: str) -> dict[str, Any]:
        path, started = folder / 'result.json', folder / 'started.json'
        something = path.exists() or any(folder.glob('*.pth'))  # a finished run, or one to go on with
        for file in (path, started):
            if something and file.exists() and read_json(file)['fingerprint'] != fingerprint:
                raise ValueError(f'What is in {folder} was made by other settings: choose another --work-dir.')
        if path.exists():
            return read_json(path)
        write_json(started, {'fingerprint': fingerprint})
        self.say(f'training {label} ...')
        start = time.perf_counter()
        train(cfg, folder, resume=True, quiet=True)
        result = {
            'checkpoint': find_latest_checkpoint(str(folder)),
            'fingerprint': fingerprint,
            'seconds': round(time.perf_counter() - start, 1),
        }
        write_json(path, result)
        return result

    def _starts(self) -> dict[str, str]:
        """Checkpoints that the small networks start from."""
        if self._init is None:
            settings = self.scale.cfg.pretrain
            pipeline = Pipeline(
                load_pipeline(settings['config'], settings.get('options')), lambda line: self.say(f'  pretrain: {line}')
            )
            pipeline.run(until='control')
            self._init = {
                'teacher_init': pipeline.results['teacher']['checkpoint'],
                'student_init': pipeline.results['control']['checkpoint'],
            }
        return self._init

    def _eval_path(self, row: Row, config: str, seed: int) -> Path:
        name = Path(row.pseudo).stem if row.pseudo else 'segmentor'
        if row.segmentor:
            name += f'-{Path(self.scale.config(row.segmentor)).stem}'
        if self._test_options(row):
            name += f'-{row.row}'
        return self.work_dir / 'eval' / Path(config).stem / name / f'seed{seed}.json'

    def _test_options(self, row: Row) -> dict[str, Any]:
        return dict(row.test_options) if row.data and row.data == self.data_name else {}

    def figures(self, row: Row, config: str, seed: int) -> dict[str, Any]:
        """Figures of a trained config on the test set, after a row's maps and refiners, or of a segmentor on its masks.

        ``iou_image`` is at the pseudo config's own threshold, as in the paper; ``at_val_threshold`` at the one that is
        best on the validation masks; ``oracle`` at the best ones of the test set itself.

        Args:
            row: The row.
            config: Training config: the row's at this scale, or its control's.
            seed: Seed.
        """
        trained = self.trained(config, seed)
        path = self._eval_path(row, config, seed)
        with locked(path.parent / f'.{path.stem}'):
            return self._figures(row, config, seed, trained, path)

    def _pseudo_config(self, row: Row) -> Config:
        cfg = load_config(row.pseudo, self.scale.pseudo_variables(row.pseudo, {**self.data, **self._test_options(row)}))
        cfg.pseudo.generator.target_layers = self.scale.target_layers(cfg.pseudo.generator.target_layers)
        return cfg

    def _segmentor_config(self, row: Row, config: str, seed: int, **more: Any) -> Config:
        options = {**self.data, **self._test_options(row), 'seed': seed, **more}
        return load_config(config, self.scale.train_variables(config, options))

    def _figures(self, row: Row, config: str, seed: int, trained: Mapping[str, Any], path: Path) -> dict[str, Any]:
        settings = None if row.pseudo is None else self._pseudo_config(row).to_dict()
        parts = [trained['fingerprint'], settings]
        if row.segmentor:
            parts.append(self._segmentor_config(row, self.scale.config(row.segmentor), seed, pseudo_root='').to_dict())
        fingerprint = content_hash(parts)
        if path.exists():
            result = read_json(path)
            if result['fingerprint'] == fingerprint:
                return result['figures']
        self.say(f'evaluating {path.parent.relative_to(self.work_dir / "eval")}, seed {seed} ...')
        if row.pseudo is None:
            figures = self._segmentor_figures(self._segmentor_config(row, config, seed), trained, path)
        elif row.segmentor:
            figures = self._chain_figures(row, config, seed, trained, path)
        else:
            figures = self._pseudo_figures(row, config, seed, trained, fingerprint)
        write_json(path, {'fingerprint': fingerprint, 'figures': figures})
        return figures

    def _segmentor_figures(self, cfg: Config, trained: Mapping[str, Any], path: Path) -> dict[str, Any]:
        if cfg.get('test_dataloader') is None:
            raise FileNotFoundError(f'Expected masks of a test set for {cfg.filename}, but there are none.')
        return test(cfg, trained['checkpoint'], path.with_name(f'{path.stem}-test'), quiet=True)

    def _chain_figures(
        self, row: Row, config: str, seed: int, trained: Mapping[str, Any], path: Path
    ) -> dict[str, Any]:
        """Masks of the training set, a segmentor trained on them, its figures."""
        segmentor = self.scale.config(row.segmentor)
        folder = self.work_dir / 'masks' / Path(config).stem / Path(row.pseudo).stem / f'seed{seed}'
        training = self._segmentor_config(row, segmentor, seed, pseudo_root=str(folder))
        self._check_test_set(training)
        cfg = self._pseudo_config(row)
        train_affinity_for(self, cfg, row, config, seed)
        make_pseudo(cfg, trained['checkpoint'], folder)
        label = f'{Path(segmentor).stem} on masks of {Path(config).stem}, seed {seed}'
        done = self.train_once(training, folder.with_name(f'{folder.name}-{Path(segmentor).stem}'), label)
        return self._segmentor_figures(training, done, path)

    @staticmethod
    def _check_test_set(cfg: Config) -> None:
        if not cfg.test_set or not cfg.test_masks:
            raise FileNotFoundError('Expected a test set with masks to evaluate on, but the data has none.')

    def _pseudo_figures(
        self, row: Row, config: str, seed: int, trained: Mapping[str, Any], fingerprint: str
    ) -> dict[str, Any]:
        cfg = self._pseudo_config(row)
        self._check_test_set(cfg)
        train_affinity_for(self, cfg, row, config, seed)
        kinds = [step['type'].removeprefix('mmwsss.') for step in cfg.pseudo.refine]
        if not set(kinds) <= {'LayerFusion', 'ThresholdMask'}:
            cfg.pseudo.dataset = cfg.test_set
            path = self._eval_path(row, config, seed)
            folder = path.with_name(f'{path.stem}-{fingerprint[:8]}')  # masks of other settings lie beside it
            return make_pseudo(cfg, trained['checkpoint'], folder)['mask']
        model = init_classifier(trained['checkpoint'])
        collected = evaluate_cams(cfg, model, cfg.test_set)
        evaluation = cfg.get('evaluation')
        if evaluation == 'oracle_threshold':  # one for the whole set
            return {**collected.compute(collected.best_threshold('miou')), 'is_oracle': True}
        figures = collected.compute(cfg.get('mask_threshold', FIXED_THRESHOLD))
        if evaluation == 'oracle':
            figures['iou_image'] = figures['oracle']['iou_image']
            figures['is_oracle'] = True
        elif cfg.val_set and cfg.val_masks:
            threshold = evaluate_cams(cfg, model, cfg.val_set).best_threshold()
            chosen = collected.at(threshold)
            figures['at_val_threshold'] = {
                'threshold': threshold,
                **{key: chosen[key] for key in ('iou_image', 'iou_dataset', 'miou')},
            }
        return figures
