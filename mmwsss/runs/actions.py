"""What a run can do: generate scenes, find weights, train, evaluate maps, make masks, test; choose, measure, bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from mmwsss.evaluation import CamFigures, PixelCounts
from mmwsss.evaluation.cam_figures import place_of
from mmwsss.refine.position_prior import PRIOR_FILE
from mmwsss.runs.mask_free import CHECKPOINTS, calibrate, choose, labelled_data, measure
from mmwsss.runs.work import Action, Work
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import write_json

FIXED_THRESHOLD = 0.3
"""The paper's threshold of maps; figures at it stand beside those at a chosen one."""
MAIN_FIGURES = ('iou_image', 'iou_dataset', 'miou')


def _generate_scenes(work: Work) -> dict[str, Any]:
    from mmwsss.datasets.converters.scenes import export_scenes

    export_scenes(work.folder, **work.settings)
    return {}


def _ready_weights(work: Work) -> dict[str, Any]:
    """Weights that nobody trains here: a checkpoint that is there, such as CLIP's."""
    path = Path(work.settings['path'])
    if not path.is_file():
        raise MissingFileError(f'Expected the weights of {work.run.name} in {path}, but there is no such file.')
    return {'values': {'checkpoint': str(path.resolve())}}


def _training_data(cfg: Config, settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield cfg.train_dataloader.dataset.to_dict()


def _train(work: Work) -> dict[str, Any]:
    from mmwsss.apis import training

    runner = training.train(work.config(), work.folder, resume=True, quiet=True)
    dataset = runner.train_dataloader.dataset
    parts = getattr(dataset, 'datasets', [dataset])
    corrections = next((counts for part in parts if (counts := getattr(part, 'correction_counts', None))), None)
    return {
        'files': {'checkpoint': Path(find_latest_checkpoint(str(work.folder))).name},
        **({'figures': {'corrections': corrections}} if corrections else {}),
    }


def _evaluation_data(cfg: Config, settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for split in ('val', 'test'):
        if cfg.get(f'{split}_set') and cfg.get(f'{split}_masks'):
            yield cfg[f'{split}_set'].to_dict()


def _evaluate_maps(work: Work) -> dict[str, Any]:
    """Figures of unrefined maps, or of a segmentor's scores, and the threshold to cut them at.

    They are those of the test set, else of the validation set. ``images.json`` has the counts of each test image.
    ``settings['threshold']`` is a number, ``'val'`` for the best one on the validation masks, or ``'config'`` for the
    pseudo config's own. What the config's ``evaluation`` says counts: ``'oracle'`` and ``'oracle_threshold'`` choose
    thresholds on the very masks they are measured with.
    """
    from mmwsss.apis import evaluate_cams, init_for_maps

    cfg = work.config()
    own = float(cfg.pseudo.refine[-1].get('threshold', FIXED_THRESHOLD))
    wanted = work.settings['threshold']
    threshold, source = (own, 'config') if wanted in ('config', 'val') else (float(wanted), 'fixed')
    if wanted == 'val':
        threshold, source = FIXED_THRESHOLD, 'fixed'
    splits = [split for split in ('val', 'test') if cfg.get(f'{split}_set') and cfg.get(f'{split}_masks')]
    if cfg.get('evaluation') in ('oracle', 'oracle_threshold'):
        splits = splits[-1:]
    if not splits:
        return {'values': {'threshold': threshold, 'threshold_source': source}, 'figures': {}}
    model = init_for_maps(cfg, work.inputs['checkpoint'])
    best, rows = None, []
    if 'val' in splits:
        maps = evaluate_cams(cfg, model, cfg.val_set)
        best = _best_threshold(work, maps)
        if wanted == 'val' and best is not None:
            threshold, source = best, 'val masks'
    if 'test' in splits:
        place = place_of(threshold)

        def keep(path: str, counts: PixelCounts) -> None:
            rows.append({'img_path': path, 'counts': counts.to_list(place)})

        maps = evaluate_cams(cfg, model, cfg.test_set, on_counts=keep)
    figures = {'split': splits[-1], **_figures_at(maps, threshold, cfg.get('evaluation'))}
    if best is not None and splits[-1] == 'test':
        figures['at_val_threshold'] = {'threshold': best, **_main(maps.at(best))}
    if rows:
        write_json(work.folder / 'images.json', rows)
    return {
        'files': {'images': 'images.json'} if rows else {},
        'values': {'threshold': threshold, 'threshold_source': source},
        'figures': figures,
        **({'curve': maps.curve()} if maps.shows_a_class else {}),
    }


def _best_threshold(work: Work, maps: CamFigures) -> float | None:
    """The best one on masks; None, with a line, where no mask shows a class."""
    if maps.shows_a_class:
        return maps.best_threshold()
    work.on_message(f'{work.run.name}: no validation mask shows a class, so that no threshold is chosen on them')
    return None


def _figures_at(maps: CamFigures, threshold: float, evaluation: str | None) -> dict[str, Any]:
    if evaluation == 'oracle_threshold':  # one for the whole set
        return {**maps.compute(maps.best_threshold('miou')), 'is_oracle': True}
    figures = {**maps.compute(threshold), f'at_{FIXED_THRESHOLD}': _main(maps.at(FIXED_THRESHOLD))}
    if evaluation == 'oracle':  # one for each image
        figures.update(iou_image=figures['oracle']['iou_image'], is_oracle=True)
    return figures


def _main(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in MAIN_FIGURES}


def _mask_data(cfg: Config, settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    split = settings.get('split')
    yield (cfg[f'{split}_set'] if split else cfg.pseudo.dataset).to_dict()


def _make_masks(work: Work) -> dict[str, Any]:
    """Masks of the training images, or of ``settings['split']``.

    ``settings['match_crf']`` matches the CRF's background exponent to the threshold of the unrefined maps, so that the
    CRF's gain is not that of a lower threshold; ``settings['maps_only']`` keeps the unrefined maps for an AffinityNet
    and refines nothing.
    """
    from mmwsss.apis import make_pseudo

    cfg = work.config()
    if work.settings.get('match_crf'):
        cfg = work.config(bg_exponent=_exponent(cfg.threshold, cfg.mask_threshold))
    if work.settings.get('split'):
        cfg.pseudo.dataset = cfg[f'{work.settings["split"]}_set']
    if work.settings.get('maps_only'):
        cfg.pseudo.update(save_cam=True, refine=[cfg.pseudo.refine[-1]])
    summary = make_pseudo(cfg, work.inputs['checkpoint'], work.folder)
    if summary['failed']:
        told = f'{summary["failed"]} images failed; the reasons are in {work.folder / "manifest.jsonl"}'
        if summary['ok'] == summary['without_class']:
            raise InputError(f'Expected a mask of an image with a class in {work.folder}, but got none: {told}.')
        work.on_message(f'{work.run.name}: {told}')
    figures = {**summary.get('mask', {}), **{key: summary[key] for key in _KEPT if key in summary}}
    is_there = (work.folder / PRIOR_FILE).is_file()
    return {'files': {'position_prior': PRIOR_FILE} if is_there else {}, 'values': {}, 'figures': figures}


def _exponent(threshold: float, cut: float) -> float:
    """The CRF's background exponent whose unary term alone cuts at ``threshold``, or the nearest one that there is."""
    from mmwsss.refine.crf_refine import matching_exponent

    lowest, highest = 0.02, 0.98 * min(1.0, cut / (1 - cut))  # where an exponent exists
    return matching_exponent(min(max(threshold, lowest), highest), cut)


_KEPT = ('images', 'ok', 'failed', 'without_class', 'label_source', 'unrefined', 'floor')


def _test_data(cfg: Config, settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if cfg.get('test_dataloader'):
        yield cfg.test_dataloader.dataset.to_dict()


def _test(work: Work) -> dict[str, Any]:
    """Figures of a segmentor; none without a test set."""
    from mmwsss.apis.training import test

    cfg = work.config()
    if not cfg.get('test_dataloader'):
        return {'figures': {}}
    counted = {**cfg.test_evaluator, 'out_file': str(work.folder / 'test_images.json')}
    cfg.test_evaluator = [counted, {'type': 'mmwsss.ConfusionMetric'}]
    figures = test(cfg, work.inputs['checkpoint'], work.folder / 'log', quiet=True)
    confusion = {key: figures.pop(key) for key in ('classes', 'images', 'matrix')}
    write_json(work.folder / 'confusion.json', confusion)
    files = {'images': 'test_images.json', 'confusion': 'confusion.json'}
    return {'files': files, 'figures': nested_figures(figures)}


def _at_threshold(work: Work) -> dict[str, Any]:
    """The segmentor whose most probable class is what the given one shows above a threshold."""
    from mmwsss.weights.threshold_shift import write_at_threshold

    threshold = float({**work.settings, **work.inputs}['threshold'])
    write_at_threshold(work.inputs['checkpoint'], threshold, work.folder / 'segmentor.pth')
    source = 'no mask' if 'threshold' in work.inputs else 'config'
    return {
        'files': {'checkpoint': 'segmentor.pth'},
        'figures': {'shifted_to': threshold, 'threshold_source': f'{source}: {threshold:.2f}'},
    }


def nested_figures(figures: Mapping[str, float]) -> dict[str, Any]:
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


ACTIONS: dict[str, Action] = {
    'scenes': Action('generating', _generate_scenes),
    'weights': Action('finding', _ready_weights),
    'train': Action('training', _train, datasets=_training_data, costly=True),
    'evaluate_maps': Action('evaluating', _evaluate_maps, ('checkpoint',), _evaluation_data),
    'make_masks': Action('making', _make_masks, ('checkpoint',), _mask_data),
    'test': Action('testing', _test, ('checkpoint',), _test_data),
    'at_threshold': Action('writing', _at_threshold, ('checkpoint', 'threshold')),
    'choose': Action('choosing', choose, (*CHECKPOINTS, 'objects'), labelled_data),
    'calibrate': Action('calibrating', calibrate, ('checkpoint', 'threshold'), labelled_data),
    'measure': Action('measuring', measure, ('checkpoint', 'threshold'), labelled_data),
}
"""Every action by its name."""
