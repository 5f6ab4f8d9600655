"""A pipeline config as a graph of runs: the whole way from images with labels to a segmentor and a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from mmwsss.config import load_config, load_data, load_generator
from mmwsss.datasets.listing import without_pictures
from mmwsss.registry import TASK_UTILS
from mmwsss.runs.images import check_pictures, training_set
from mmwsss.runs.keys import use_scope
from mmwsss.runs.mask_free import mask_free_inputs, mask_free_networks
from mmwsss.runs.run import Output, Run, in_order
from mmwsss.runs.store import Store
from mmwsss.structures.output_marker import mark_output
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import file_sha256

_MAIN_OUTPUT = {'make_masks': 'folder', 'scenes': 'folder'}


class Pipeline:
    """Runs what a pipeline config asks for; what stands is not run again.

    Args:
        cfg: A pipeline config: ``work_dir``, ``data``, ``seed``, ``threshold`` and ``runs``, one entry a stage:
            ``config``; ``options`` for it; ``inputs``, other runs that fill its variables; for a classifier ``maps``,
            how its maps are made and evaluated; for masks ``of``, the classifier or, where their generator reads a
            segmentor, the segmentor; for a segmentor ``masks``, where it learns from some. An entry with an ``action``
            of :mod:`mmwsss.runs.mask_free` has ``of``, for a choice a list of them, and ``settings``. One with the
            action ``'weights'`` has a ``path``: a network that is there and is not trained, for masks ``of`` it or
            as an input. One with the action ``'at_threshold'`` makes the segmentor that a choice (``of``) found one
            whose plain masks are those above the chosen threshold; ``config`` and ``options`` are the segmentor's.
        on_message: Gets one line a run.

    Raises:
        InputError: If an entry is wrong.
    """

    def __init__(self, cfg: Config, on_message: Callable[[str], None] = print) -> None:
        self.cfg, self.on_message = cfg, on_message
        self.work_dir = Path(cfg.work_dir)
        self.store = Store(on_message)
        self.runs: dict[str, Run] = {}
        self._included = {name: self._include(entry) for name, entry in (cfg.get('include') or {}).items()}
        self.data = {**load_data(cfg.data), **(cfg.get('data_options') or {})}
        self._add_scenes({**load_generator(cfg.data), **(cfg.get('generate') or {})})
        self._add_classes()
        self.stages: dict[str, str] = {}
        self.mask_free: list[str] = []
        for name, entry in cfg.runs.items():
            if entry is not None:
                self._add(name, entry.to_dict())

    def _include(self, entry: str | Mapping[str, Any]) -> Pipeline:
        settings = {'config': entry} if isinstance(entry, str) else dict(entry)
        return Pipeline(load_config(settings['config'], settings.get('options')), self.on_message)

    def _add_scenes(self, settings: Mapping[str, Any]) -> None:
        if settings:  # generated scenes are the data
            self.runs['scenes'] = Run(self.work_dir / 'scenes', 'scenes', settings=settings)
            self.data.pop('dataset_root', None)

    def _add_classes(self) -> None:
        """Classes are those of the training set; another split may show fewer of them."""
        if 'scenes' not in self.runs:
            cfg = self._first_config()
            use_scope(cfg)
            labelled = without_pictures(training_set(cfg))
            self.data['classes'] = list(DATASETS.build(labelled).metainfo['classes'])
        self.data['num_classes'] = len(self.data['classes'])
        if self.cfg.get('plumes') and len(self.data['classes']) != 1:
            raise InputError(
                f'Expected one class with plumes=True, of which generated plumes are examples, but got '
                f'{list(self.data["classes"])}. Run a pipeline for each of them, or plumes=False.'
            )

    def _first_config(self) -> Config:
        """The first run's config: all of them have the same data sets."""
        first = next(entry for entry in self.cfg.runs.values() if entry is not None and entry.get('config'))
        return load_config(first.config, first.get('options'), data=self.data, scale=self.cfg.get('scale'))

    def _add(self, name: str, entry: dict[str, Any]) -> None:
        if entry.get('action'):
            own = {'weights': self._weights, 'at_threshold': self._at_threshold}
            own.get(entry['action'], self._without_masks)(name, entry)
            return
        kind = load_config(entry['config']).get('kind')
        build = {'classifier': self._classifier, 'pseudo': self._masks, 'segmentor': self._segmentor}.get(kind)
        if build is None:
            raise InputError(
                f'Expected a config of a classifier, of masks or of a segmentor for {name}, but {entry["config"]} '
                f'is of kind {kind!r}.'
            )
        self.stages[name] = kind
        build(name, entry)
        self._check_needs(name, self.runs[name])

    def _run(self, name: str, action: str, entry: Mapping[str, Any], **more: Any) -> Run:
        """Add a run; its inputs are those of the entry, the given ones, and generated scenes."""
        inputs = {key: self.output(text) for key, text in (entry.get('inputs') or {}).items()}
        inputs.update(more.pop('inputs', {}))
        if 'scenes' in self.runs:
            inputs['dataset_root'] = Output(self.runs['scenes'], 'folder')
        options = {**(entry.get('options') or {}), **more.pop('options', {})}
        self.runs[name] = Run(
            self.work_dir / name,
            action,
            entry['config'],
            options,
            inputs,
            data=self.data,
            scale=entry.get('scale', self.cfg.get('scale')),
            label=name,
            **more,
        )
        return self.runs[name]

    def output(self, text: str) -> Output:
        """An output by its name: ``'teacher'``, ``'student_maps.threshold'``, ``'pretrain/teacher'``.

        Raises:
            InputError: If there is no such run above it.
        """
        *included, name = text.split('/')
        pipeline = self._included.get(included[0]) if included else self
        name, _, output = name.partition('.')
        if pipeline is None or name not in pipeline.runs:
            known = [*self.runs, *(f'{key}/{run}' for key, other in self._included.items() for run in other.runs)]
            raise InputError(f'Expected a run of {known}, defined above it, but got {text!r}.')
        run = pipeline.runs[name]
        return Output(run, output or _MAIN_OUTPUT.get(run.action, 'checkpoint'))

    def _check_needs(self, name: str, run: Run) -> None:
        cfg = run.load()
        missing = [variable for variable in cfg.get('needs') or {} if variable not in {**run.inputs, **run.options}]
        if missing:
            raise InputError(
                f'Expected inputs for what {run.config} needs, but the entry {name} has none for {", ".join(missing)}.'
            )

    def _classifier(self, name: str, entry: dict[str, Any]) -> None:
        trained = self._run(name, 'train', entry, options={'seed': self.cfg.seed})
        if entry.get('maps'):
            self._evaluated(f'{name}_maps', entry['maps'], trained)

    def _evaluated(self, name: str, entry: Mapping[str, Any], trained: Run) -> None:
        threshold = {'threshold': self.cfg.threshold}
        inputs = {'checkpoint': Output(trained, 'checkpoint')}
        self._run(name, 'evaluate_maps', entry, inputs=inputs, settings=threshold)

    def _weights(self, name: str, entry: dict[str, Any]) -> None:
        """A network that is there; other weights under the same name make other results."""
        path = Path(entry['path'])
        settings = {'path': str(path), 'sha256': file_sha256(path) if path.is_file() else None}
        self.runs[name] = Run(self.work_dir / name, 'weights', settings=settings, label=name)

    def _masks(self, name: str, entry: dict[str, Any]) -> None:
        self._check_network(name, entry)
        inputs = {'checkpoint': self.output(entry['of'])}
        if f'{entry["of"]}_maps' in self.runs:
            inputs['threshold'] = self.output(f'{entry["of"]}_maps.threshold')
        settings: dict[str, Any] = {'match_crf': True} if entry.get('match_crf') else {}
        made = self._run(name, 'make_masks', entry, inputs=inputs, settings=settings)
        if self.data.get('test_img') and self.data.get('test_masks'):
            if made.load().pseudo.get('position_prior'):
                inputs = {**inputs, 'position_prior_file': Output(made, 'position_prior')}
            settings = {**settings, 'split': 'test'}
            self._run(f'{name}_test', 'make_masks', entry, inputs=inputs, settings=settings)

    def _check_network(self, name: str, entry: Mapping[str, Any]) -> None:
        """Refuse masks of a classifier from a segmentor, and the other way round."""
        generator = load_config(entry['config'], entry.get('options')).pseudo.generator
        wanted = TASK_UTILS.build(generator).network
        found = self.stages.get(entry['of'], wanted)  # an included pipeline's is checked when it is loaded
        if found != wanted:
            raise InputError(f'Expected the name of a {wanted} in of for {name}, but {entry["of"]!r} is a {found}.')

    def _segmentor(self, name: str, entry: dict[str, Any]) -> None:
        masks = {'pseudo_root': self.output(entry['masks'])} if entry.get('masks') else {}
        trained = self._run(name, 'train', entry, inputs=masks, options={'seed': self.cfg.seed})
        self._tested(name, entry, trained)

    def _tested(self, name: str, entry: Mapping[str, Any], trained: Run) -> None:
        if self.data.get('test_img') and self.data.get('test_masks'):
            inputs = {'checkpoint': Output(trained, 'checkpoint')}
            self._run(f'{name}_test', 'test', entry, inputs=inputs, options={'seed': self.cfg.seed})
        if entry.get('scores'):
            self._evaluated(f'{name}_scores', entry['scores'], trained)

    def _at_threshold(self, name: str, entry: dict[str, Any]) -> None:
        """A segmentor whose plain masks are those that a chosen threshold cuts out of another one's scores."""
        checkpoint = self.output(entry['of'])
        inputs = {'checkpoint': checkpoint}
        if checkpoint.run.action == 'choose':
            inputs['threshold'] = Output(checkpoint.run, 'threshold')
        for network in checkpoint.run.settings.get('names', [entry['of']]):
            if self.stages.get(network) != 'segmentor':
                raise InputError(f'Expected segmentors in of for {name}, but {network!r} is none.')
        self.stages[name] = 'segmentor'
        settings = dict(entry.get('settings') or {})
        if 'threshold' not in {**inputs, **settings}:
            raise InputError(f'Expected a choice in of for {name}, or a threshold in its settings, but got neither.')
        self._tested(name, entry, self._run(name, 'at_threshold', entry, inputs=inputs, settings=settings))

    def _without_masks(self, name: str, entry: dict[str, Any]) -> None:
        """A run that chooses, measures or promises, of networks that stand above it or of what a choice chose."""
        networks = mask_free_networks(name, entry)
        for network in networks:
            self._check_network(name, {**entry, 'of': network})
        inputs, settings = mask_free_inputs(entry, networks, self.output)
        self.mask_free.append(name)
        self._run(name, entry['action'], entry, inputs=inputs, settings=settings)

    def ordered(self, until: str | None = None) -> list[Run]:
        """The runs in the order in which they are made, included pipelines' first; only up to one where asked.

        Raises:
            InputError: If there is no run of that name.
        """
        if until is None:
            return in_order(self.runs)
        last = self.evaluation(until) or self._named(until)
        runs = list(self.runs.values())
        return in_order(runs[: runs.index(last) + 1])

    def evaluation(self, name: str) -> Run | None:
        """The run that says how good another one's maps or masks are."""
        return self.runs.get(f'{name}_maps') or self.runs.get(f'{name}_test')

    def _named(self, name: str) -> Run:
        if name not in self.runs:
            raise InputError(f'Expected a run of {list(self.runs)}, but got {name!r}.')
        return self.runs[name]

    def run(self, until: str | None = None, restart: str | None = None) -> dict[str, Any]:
        """Run what is missing, then write ``summary.json`` and ``report.html``.

        Labels and configs of all runs are read before the first one starts.

        Args:
            until: Stop after this run (and what says how good it is).
            restart: Set the results of this run and of those that rest on it aside first.

        Returns:
            dict: the summary.

        Raises:
            InputError: If a run's name is unknown, labels are wrong, or a result was made by other settings.
            FileNotFoundError: If images, labels or a config are missing.
        """
        from mmwsss.runs.report import figures_line, write_summary_and_report

        ordered = self.ordered(until)
        if restart is not None:
            self.store.restart(ordered, self._named(restart))
        for run in ordered:
            self.store.key(run)
        mark_output(self.work_dir)
        self._check_pictures()
        for run in ordered:
            stood = self.store.finished(run) is not None
            result = self.store.get(run)
            note = 'stands' if stood else f'{result["seconds"]:.0f} s'
            self.on_message(f'{run.name}: {figures_line(result.get("figures"))} ({note})')
        return write_summary_and_report(self, with_report=until is None)

    def _check_pictures(self) -> None:
        """Look at every picture and say what is there, unless generated scenes are the data.

        Raises:
            InputError: If a training would fail on them.
        """
        if 'scenes' in self.runs:
            return
        check_pictures(self._first_config(), self.on_message)

    def plan(self) -> str:
        """What stands, what will run, and what each did cost, as lines of text."""
        from mmwsss.runs.plan import plan_table

        return plan_table(self.store, self.ordered())

    def results(self) -> dict[str, dict[str, Any]]:
        """The results that stand, by name."""
        return {name: result for name, run in self.runs.items() if (result := self.store.finished(run)) is not None}
