"""Runs that choose, measure and promise without a mask: image labels and generated plumes are all that they read.

Their settings are those of :class:`~mmwsss.apis.evidence.EvidencePlan` (``frames``, ``composites``, ``views``,
``erase``, ``class_index``, ``seed``), ``split`` (see :func:`~mmwsss.apis.score_maps.data_split`), ``blocks``,
``block_table`` (below the data's folder) and ``block_columns`` (see :class:`~mmwsss.datasets.groups.Grouping`), and
what each function names.
"""

from __future__ import annotations

import math
import os.path as osp
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmengine.config import Config

from mmwsss.datasets.groups import Grouping
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.runs.run import Output
from mmwsss.runs.work import Work
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import write_json

CHECKPOINTS = ('checkpoint', *(f'checkpoint_{number}' for number in range(1, 16)))
"""Inputs of a choice: the checkpoints that there are to choose from."""
NO_BOUND = 'no bound on false alarms'


def mask_free_networks(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Names of the runs whose networks an entry of a pipeline looks at.

    Raises:
        InputError: If its action is none of these, or it wants one network and names several.
    """
    action, of = entry['action'], entry['of']
    if action not in ('choose', 'calibrate', 'measure'):
        raise InputError(f'Expected the action choose, calibrate or measure for {name}, but got {action!r}.')
    networks = [of] if isinstance(of, str) else list(of)
    if action != 'choose' and len(networks) != 1:
        raise InputError(f'Expected one network in of for {name}, but got {networks}.')
    return networks


def mask_free_inputs(
    entry: Mapping[str, Any], networks: Sequence[str], output: Callable[[str], Output]
) -> tuple[dict[str, Output], dict[str, Any]]:
    """Inputs and settings of such a run; what a choice chose reaches those that look at it.

    Args:
        entry: Of the pipeline.
        networks: From :func:`mask_free_networks`.
        output: Finds an output by its name.
    """
    action, settings = entry['action'], dict(entry.get('settings') or {})
    if len(networks) > len(CHECKPOINTS):
        raise InputError(f'Expected at most {len(CHECKPOINTS)} networks to choose from, but got {len(networks)}.')
    inputs = {key: output(network) for key, network in zip(CHECKPOINTS, networks)}
    if action == 'choose':
        return inputs, {**settings, 'names': list(networks)}
    chosen = inputs['checkpoint'].run
    if chosen.action == 'choose':
        varied = chosen.settings.get('vary') or {}
        inputs.update({variable: Output(chosen, variable) for variable in varied})
        if action == 'calibrate':
            among = math.prod([len(chosen.settings['names']), *(len(values) for values in varied.values())])
            settings.setdefault('among', among)
        inputs['threshold'] = Output(chosen, 'threshold')
    return inputs, settings


def labelled_data(cfg: Config, settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The data set whose labels are looked at, without masks."""
    from mmwsss.apis.score_maps import split_config

    yield split_config(cfg, settings.get('split'))


EVERY_FRAME = r'([^/]+)$'
"""The pattern of blocks where nothing says what repeats itself: each frame is one."""


def _grouping(settings: Mapping[str, Any], dataset: ImageDataset) -> Grouping:
    columns = tuple(settings.get('block_columns') or ('path', 'block'))
    table = settings.get('block_table')
    if table:
        table = osp.join(getattr(dataset, 'data_root', ''), table)
    return Grouping(table, (columns[0], columns[1]), settings.get('blocks'), dataset.metainfo['image_root'])


def _plan(settings: Mapping[str, Any], dataset: ImageDataset) -> Any:
    from mmwsss.apis.evidence import EvidencePlan

    names = ('frames', 'composites', 'views', 'erase', 'class_index', 'seed')
    given = {key: settings[key] for key in names if key in settings}
    return EvidencePlan(grouping=_grouping(settings, dataset), **given)


def _split(work: Work, cfg: Config) -> str | None:
    """The split that settings name; the training set, with a line, where that one lacks one kind of frames."""
    from mmwsss.apis.score_maps import data_split, split_indices

    split = work.settings.get('split')
    dataset = data_split(cfg, split)
    positive, negative = split_indices(dataset)
    if positive and (negative or len(dataset.metainfo['classes']) > 1):
        return split
    work.on_message(
        f'{work.run.name}: the frames kept aside lack those with or those without a class: the training set is looked '
        'at in their place, which flatters'
    )
    return 'train'


def choose(work: Work) -> dict[str, Any]:
    """Choose a checkpoint, values of variables (``settings['vary']``) and a threshold by ``settings['rule']``.

    ``settings['names']`` are the candidates' names in the order of :data:`CHECKPOINTS`; ``settings['max_alarms']`` is
    that of :func:`~mmwsss.evaluation.choosing.choose`. With an input ``objects``, a folder of masks, objects are pasted
    in the place of generated smoke.
    """
    from mmwsss.apis.choosing import Candidate, choose_candidate, variations
    from mmwsss.apis.score_maps import data_split

    settings, candidates = work.settings, []
    networks = {key: work.inputs[key] for key in CHECKPOINTS if key in work.inputs}
    for values in variations(settings.get('vary') or {}):
        cfg = work.config(**values)
        for place, (key, checkpoint) in enumerate(networks.items()):
            names = settings.get('names') or []
            name = ' '.join([names[place] if place < len(names) else key, *(f'{k}={v}' for k, v in values.items())])
            candidates.append(Candidate(name, cfg, checkpoint, values))
    split = _split(work, candidates[0].cfg)
    dataset = data_split(candidates[0].cfg, split)
    plan = replace(_plan(settings, dataset), objects=work.inputs.get('objects'))
    best, choice = choose_candidate(
        candidates, split, settings.get('rule'), plan, max_alarms=settings.get('max_alarms')
    )
    return {
        'values': {'threshold': choice.threshold, 'checkpoint': best.checkpoint, **best.values},
        'figures': {
            'threshold': choice.threshold,
            'threshold_source': ': '.join(filter(None, (f'no mask, by the rule {choice.rule}', choice.reason))),
            'candidate': best.name,
            'candidates': [dict(row) for row in choice.table],
        },
    }


def calibrate(work: Work) -> dict[str, Any]:
    """Bound false alarms by ``alpha`` (of ``risk``, with ``confidence`` and ``min_share``), or say why it cannot be.

    A network that was chosen ``among`` several on the very frames that calibrate shares the bound with them:
    :meth:`~mmwsss.evaluation.conformal.FalseAlarms.bound`.

    Where a threshold was chosen, figures say whether masks cut at it are ``covered``: it is not below the bound's.
    """
    from mmwsss.apis import init_for_maps
    from mmwsss.apis.calibration import collect_false_alarms, why_no_promise
    from mmwsss.apis.score_maps import data_split, split_indices
    from mmwsss.evaluation.conformal import TooFewBlocksError

    cfg, settings = work.config(), work.settings
    dataset = data_split(cfg, settings.get('split'))
    grouping = _grouping(settings, dataset)
    if reason := why_no_promise(cfg, settings.get('split'), grouping):
        return _no_bound(work, reason)
    if not split_indices(dataset)[1]:
        return _no_bound(work, 'every frame that was kept aside shows a class')
    model = init_for_maps(cfg, work.inputs['checkpoint'])
    collected = collect_false_alarms(cfg, model, dataset, grouping, settings.get('min_share', 0.001))
    alpha, confidence = settings.get('alpha', 0.01), settings.get('confidence')
    among = settings.get('among', 1)
    try:
        bound = collected.bound(alpha, settings.get('risk', 'frames'), confidence, among)
    except TooFewBlocksError as error:
        return _no_bound(work, str(error))
    work.on_message(f'{work.run.name}: {bound.sentence()}')
    figures = {**bound.to_dict(), 'among': among}
    if 'threshold' in work.inputs:
        chosen_threshold = float(work.inputs['threshold'])
        figures.update(chosen_threshold=chosen_threshold, covered=chosen_threshold >= bound.threshold)
    return {'values': {'alarm_threshold': bound.threshold}, 'figures': figures}


def _no_bound(work: Work, reason: str) -> dict[str, Any]:
    work.on_message(f'{work.run.name}: {NO_BOUND}: {reason}')
    return {'values': {'alarm_threshold': None}, 'figures': {'reason': reason}}


def measure(work: Work) -> dict[str, Any]:
    """Figures with intervals at the threshold that an input or ``settings['threshold']`` gives, and a page."""
    from mmwsss.apis import init_for_maps
    from mmwsss.apis.measuring import measure_masks, without_pictures, write_measure_page
    from mmwsss.apis.score_maps import data_split, split_name

    cfg, settings = work.config(), work.settings
    split = split_name(cfg, _split(work, cfg))
    dataset = data_split(cfg, split)
    threshold = float(work.inputs.get('threshold', settings.get('threshold', 0.5)))
    plan = _plan({'seed': 1, **settings}, dataset)  # other composites than those that choose
    model = init_for_maps(cfg, work.inputs['checkpoint'])
    by_frame = settings.get('blocks') == EVERY_FRAME
    measured = measure_masks(cfg, model, dataset, threshold, plan, settings.get('pictures', 8))
    figures = {'split': split, 'by_frame': by_frame, **measured}
    write_json(work.folder / 'measured.json', figures)
    write_measure_page(str(work.folder / 'measure.html'), figures, work.run.name)
    return {'files': {'measured': 'measured.json', 'page': 'measure.html'}, 'figures': without_pictures(figures)}
