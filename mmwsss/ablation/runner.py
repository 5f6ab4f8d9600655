"""Runs rows: what two rows share is done once, what is finished is never done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from mmwsss.ablation.affinity import train_affinity_for
from mmwsss.ablation.rows import Row
from mmwsss.ablation.scales import Scale
from mmwsss.apis import Pipeline, evaluate_cams, init_classifier, load_pipeline, make_pseudo, test, train
from mmwsss.apis.scenes import SCENE_VARIABLES, SHAPES_VARIABLES, export_scenes
from mmwsss.apis.stages import FIXED_THRESHOLD
from mmwsss.utils.config import config_variables, data_options, load_config
from mmwsss.utils.files import content_hash, locked, read_json, write_json

SCENES = {'train': 800, 'val': 100, 'test': 160}
"""Number of generated scenes by split."""
_GENERATED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    'scenes': ({'train_bias': (0.7, 0.4)}, SCENE_VARIABLES),
    'shapes': ({'kind': 'shapes', 'size': 64, 'train_bias': (0.9, 0.1)}, SHAPES_VARIABLES),
}
_UNAVAILABLE = (FileNotFoundError, ImportError)


def data_variables(data: str, work_dir: str | Path) -> dict[str, Any]:
    """Config variables of a data set: ``'smoke5k'``, ``'scenes'`` or ``'shapes'`` (generated now), or a file.

    Raises:
        FileNotFoundError: If ``data`` is none of them.
    """
    if data == 'smoke5k':
        return {}
    if data in _GENERATED:
        root = Path(work_dir) / 'scenes'
        settings, variables = _GENERATED[data]
        if not (root / 'annotations' / 'test.csv').exists():
            export_scenes(root, SCENES, **settings)
        return {**variables, 'dataset_root': str(root), 'group_file': None, 'num_classes': len(variables['classes'])}
    if not Path(data).is_file():
        raise FileNotFoundError(
            f"Expected data 'smoke5k', 'scenes', 'shapes' or a config of data variables, but got {data!r}."
        )
    return data_options(data)


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
    """

    def __init__(
        self,
        scale: Scale,
        data: Mapping[str, Any],
        seeds: Sequence[int],
        work_dir: str | Path,
        say: Callable[[str], None] = print,
    ) -> None:
        self.scale, self.data, self.seeds = scale, dict(data), tuple(seeds)
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
                    entry['figures'].append(self.figures(self.scale.config(row.config), row.pseudo, seed))
                    if self.has_control(row.config):
                        entry['control'].append(self.figures(self.scale.cfg.control, row.pseudo, seed))
                except _UNAVAILABLE as error:
                    entry['missing'] = str(error)
                    self.say(f'{row.row}: cannot run: {error}')
        return results

    def _check_options(self, rows: Sequence[Row]) -> None:
        """An option that no config of the rows has is a slip of the pen."""
        configs = {self.scale.cfg.teacher, self.scale.cfg.control}
        configs |= {self.scale.config(row.config) for row in rows} | {row.pseudo for row in rows if row.pseudo}
        known = set().union(*(config_variables(config) for config in configs))
        unknown = sorted(set(self.data) - known)
        if unknown:
            raise ValueError(f'Expected variables of the configs that are run, but none of them has {unknown}.')

    def finished(self, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
        """The results that are there, without running anything."""
        results = {}
        for row in rows:
            configs = {'figures': self.scale.config(row.config)}
            if self.has_control(row.config):
                configs['control'] = self.scale.cfg.control
            entry: dict[str, Any] = {'figures': [], 'control': []}
            for kind, config in configs.items():
                paths = [self._eval_path(config, row.pseudo, seed) for seed in self.seeds]
                entry[kind] = [read_json(path)['figures'] for path in paths if path.exists()]
            results[row.row] = entry
        return results

    @staticmethod
    def has_control(config: str) -> bool:
        """Whether a table's config has more than the student alone, and so a matched control."""
        return Path(config).name.startswith(('ts_', 'co_', 'acr_'))

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

    def _eval_path(self, config: str, pseudo: str | None, seed: int) -> Path:
        name = Path(pseudo).stem if pseudo else 'segmentor'
        return self.work_dir / 'eval' / Path(config).stem / name / f'seed{seed}.json'

    def figures(self, config: str, pseudo: str | None, seed: int) -> dict[str, Any]:
        """Figures of a trained config on the test set, after a pseudo config's maps and refiners.

        ``iou_image`` is at the pseudo config's own threshold, as in the paper; ``at_val_threshold`` at the one that is
        best on the validation masks; ``oracle`` at the best ones of the test set itself.
        """
        trained = self.trained(config, seed)
        path = self._eval_path(config, pseudo, seed)
        with locked(path.parent / f'.{path.stem}'):
            return self._figures(config, pseudo, seed, trained, path)

    def _pseudo_config(self, pseudo: str) -> Config:
        cfg = load_config(pseudo, self.scale.pseudo_variables(pseudo, self.data))
        cfg.pseudo.generator.target_layers = self.scale.target_layers(cfg.pseudo.generator.target_layers)
        return cfg

    def _figures(
        self, config: str, pseudo: str | None, seed: int, trained: Mapping[str, Any], path: Path
    ) -> dict[str, Any]:
        settings = None if pseudo is None else self._pseudo_config(pseudo).to_dict()
        fingerprint = content_hash([trained['fingerprint'], settings])
        if path.exists():
            result = read_json(path)
            if result['fingerprint'] == fingerprint:
                return result['figures']
        self.say(f'evaluating {path.parent.relative_to(self.work_dir / "eval")}, seed {seed} ...')
        if pseudo is None:
            figures = self._segmentor_figures(config, seed, trained)
        else:
            figures = self._pseudo_figures(config, pseudo, seed, trained, fingerprint)
        write_json(path, {'fingerprint': fingerprint, 'figures': figures})
        return figures

    def _segmentor_figures(self, config: str, seed: int, trained: Mapping[str, Any]) -> dict[str, Any]:
        cfg = load_config(config, self.scale.train_variables(config, {**self.data, 'seed': seed}))
        if cfg.get('test_dataloader') is None:
            raise ValueError(f'Expected masks of a test set for {config}, but there are none.')
        folder = self.work_dir / 'train' / Path(config).stem / f'seed{seed}' / 'test'
        return test(cfg, trained['checkpoint'], folder, quiet=True)

    def _pseudo_figures(
        self, config: str, pseudo: str, seed: int, trained: Mapping[str, Any], fingerprint: str
    ) -> dict[str, Any]:
        cfg = self._pseudo_config(pseudo)
        if not cfg.test_set or not cfg.test_masks:
            raise ValueError('Expected a test set with masks to evaluate on, but the data has none.')
        train_affinity_for(self, cfg, config, pseudo, seed)
        kinds = [step['type'].removeprefix('mmwsss.') for step in cfg.pseudo.refine]
        if not set(kinds) <= {'LayerFusion', 'ThresholdMask'}:
            cfg.pseudo.dataset = cfg.test_set
            path = self._eval_path(config, pseudo, seed)
            folder = path.with_name(f'{path.stem}-{fingerprint[:8]}')  # masks of other settings lie beside it
            return make_pseudo(cfg, trained['checkpoint'], folder)['mask']
        model = init_classifier(trained['checkpoint'])
        collected = evaluate_cams(cfg, model, cfg.test_set)
        figures = collected.compute(cfg.get('mask_threshold', FIXED_THRESHOLD))
        if cfg.get('evaluation') == 'oracle':
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
