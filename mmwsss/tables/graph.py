"""Rows of a table as a graph of runs: what two rows share is one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.config import load_config, load_data, load_generator, load_scale, options_that_act, split_data_options
from mmwsss.runs import Output, Run
from mmwsss.tables.rows import Row
from mmwsss.utils.errors import MissingFileError


class RowGraph:
    """Gives the run that evaluates a row, with all that it rests on.

    Folders: ``train/<config>/seed<n>``, ``eval/<config>/<pseudo config>/seed<n>``, and ``masks`` and ``affinity`` where
    a row trains on its own masks or maps.

    Args:
        scale: The size of the networks: a file of ``configs/scales/``, or its name.
        data: Description of the data, by its short name or path: a row whose published figure is of it uses that
            figure's test set. Generated scenes are generated below ``work_dir``.
        work_dir: Output folder.
        options: Variables of the data, and of every config in which they act.
    """

    def __init__(
        self,
        scale: str,
        data: str,
        work_dir: str | Path,
        options: Mapping[str, Any] | Sequence[str] = (),
    ) -> None:
        self.scale, self.data_name = load_scale(scale), Path(data).stem
        self.work_dir = Path(work_dir)
        self.options: dict[str, Any] | list[str]
        own, self.options = split_data_options(options)
        self.data = {**load_data(data), **own}
        settings = load_generator(data)
        self.scenes = Run(self.work_dir / 'scenes', 'scenes', settings=settings) if settings else None
        self.unused = {option.partition('=')[0] for option in self.options}
        self._runs: dict[Path, Run] = {}

    def load(self, config: str, options: Mapping[str, Any] | None = None) -> Config:
        """A config at this scale, on this data."""
        return load_config(config, options, data=self.data, scale=self.scale)

    def control(self, row: Row) -> str | None:
        """The config that a row is compared with: of the same student without what the row adds."""
        return self.load(row.config).get('control')

    def _stem(self, config: str) -> str:
        return self.scale.config(config).stem

    def _add(
        self,
        folder: Path,
        action: str,
        config: str,
        label: str,
        inputs: Mapping[str, Output],
        test_options: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Run:
        if folder not in self._runs:
            data = {**self.data, **(test_options or {})}
            if self.scenes is not None:
                inputs = {**inputs, 'dataset_root': Output(self.scenes, 'folder')}
            acting = options_that_act(config, self.options, data=data, scale=self.scale)
            self.unused -= set(acting)
            self._runs[folder] = Run(
                folder,
                action,
                config,
                {**acting, **(options or {})},
                inputs,
                settings or {},
                data,
                str(self.scale.path),
                label,
            )
        return self._runs[folder]

    def trained(self, config: str, seed: int) -> Run:
        """The training of a config, its teacher among its inputs."""
        cfg, stem = self.load(config), self._stem(config)
        inputs = {
            variable: Output(self.trained(needed, seed), 'checkpoint')
            for variable, needed in (cfg.get('needs') or {}).items()
        }
        folder = self.work_dir / 'train' / stem / f'seed{seed}'
        return self._add(folder, 'train', config, f'{stem}, seed {seed}', options={'seed': seed}, inputs=inputs)

    def evaluated(self, row: Row, config: str, seed: int) -> Run:
        """The run whose figures are a row's: of a segmentor, of maps, or of refined masks.

        Args:
            row: The row.
            config: The row's training config, or its control's.
            seed: Random seed of the training.
        """
        if row.pseudo is None:
            return self._tested(row, config, seed, self.trained(config, seed))
        if row.segmentor:
            trained = self._segmentor(row, row.pseudo, row.segmentor, config, seed)
            return self._tested(row, row.segmentor, seed, trained, config)
        cfg = self.load(row.pseudo)
        action, settings = ('make_masks', {'split': 'test'})
        if cfg.evaluation != 'masks':
            action, settings = 'evaluate_maps', {'threshold': 'config'}
        inputs = self._mask_inputs(row, row.pseudo, config, seed)
        folder = self._folder('eval', row, config, seed)
        label = f'{folder.relative_to(self.work_dir / "eval").parent}, seed {seed}'
        test_options = self._test_options(row)
        return self._add(folder, action, row.pseudo, label, inputs=inputs, settings=settings, test_options=test_options)

    def _folder(self, kind: str, row: Row, config: str, seed: int) -> Path:
        name = Path(row.pseudo).stem if row.pseudo else 'segmentor'
        if row.segmentor and kind == 'eval':
            name += f'-{self._stem(row.segmentor)}'
        if self._test_options(row) and kind == 'eval':
            name += f'-{row.row}'
        return self.work_dir / kind / self._stem(config) / name / f'seed{seed}'

    def _test_options(self, row: Row) -> dict[str, Any]:
        return dict(row.test_options) if row.data and row.data == self.data_name else {}

    def check_test_set(self, row: Row) -> None:
        """See that there are masks to measure a row on.

        Raises:
            MissingFileError: If there are none.
        """
        data = {**self.data, **self._test_options(row)}
        if not (data['test_img'] and data['test_masks']):
            raise MissingFileError('Expected a test set with masks to evaluate on, but the data has none.')

    def _mask_inputs(self, row: Row, pseudo: str, config: str, seed: int) -> dict[str, Output]:
        """Classifier, and an AffinityNet trained on the training images' own maps where the refiners need one."""
        inputs = {'checkpoint': Output(self.trained(config, seed), 'checkpoint')}
        for variable, needed in (self.load(pseudo).get('needs') or {}).items():
            folder = self._folder('affinity', row, config, seed)
            label = f'{needed} for {config}, {pseudo}, seed {seed}'
            maps = self._add(
                folder / 'maps', 'make_masks', pseudo, f'maps: {label}', inputs=dict(inputs), settings=_MAPS_ONLY
            )
            trained = self._add(
                folder / 'train',
                'train',
                needed,
                label,
                options={'seed': seed},
                inputs={name: Output(maps, 'folder') for name in self.load(needed).needs},
            )
            inputs[variable] = Output(trained, 'checkpoint')
        return inputs

    def _segmentor(self, row: Row, pseudo: str, segmentor: str, config: str, seed: int) -> Run:
        """A segmentor on the training set's masks."""
        inputs = self._mask_inputs(row, pseudo, config, seed)
        folder = self._folder('masks', row, config, seed)
        masks = self._add(folder, 'make_masks', pseudo, f'masks of {config}, seed {seed}', inputs=inputs)
        learnt = {name: Output(masks, 'folder') for name in self.load(segmentor).needs}
        stem = self._stem(segmentor)
        return self._add(
            folder.with_name(f'{folder.name}-{stem}'),
            'train',
            segmentor,
            f'{stem} on {masks.name}',
            options={'seed': seed},
            inputs=learnt,
        )

    def _tested(self, row: Row, segmentor: str, seed: int, trained: Run, config: str | None = None) -> Run:
        folder = self._folder('eval', row, config or segmentor, seed)
        inputs = {'checkpoint': Output(trained, 'checkpoint')}
        test_options = self._test_options(row)
        return self._add(
            folder,
            'test',
            segmentor,
            f'test of {trained.name}',
            options={'seed': seed},
            inputs=inputs,
            test_options=test_options,
        )

    def runs(self, rows: Iterable[Row], seeds: Iterable[int]) -> list[Run]:
        """The runs whose figures tables show: of each row and of its control; seed by seed."""
        rows = list(rows)
        found = []
        for seed in seeds:
            for row in rows:
                for config in (row.config, self.control(row)):
                    if config is not None:
                        found.append(self.evaluated(row, config, seed))
        return list(dict.fromkeys(found))


_MAPS_ONLY = {'maps_only': True}
