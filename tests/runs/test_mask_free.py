"""Runs that choose, measure and promise: from image labels alone, on frames that trained nothing."""

import json
import shutil

import pytest
from conftest import toy_variables, write_toy

from mmwsss.config import load_config
from mmwsss.registry import DATASETS
from mmwsss.runs import Pipeline, load_pipeline
from mmwsss.runs.keys import use_scope

BLOCKS = r'(picture \d+)'
RULES = {
    'chosen': {'action': 'choose', 'of': ['segmentor_0', 'again'], 'settings': {'vary': {'refiner': [None, 'par']}}},
    'measured': {'action': 'measure', 'of': 'chosen', 'settings': {'pictures': 2}},
    'bound': {'action': 'calibrate', 'of': 'chosen', 'settings': {'alpha': 0.9, 'blocks': BLOCKS}},
    'sure': {'action': 'calibrate', 'of': 'chosen', 'settings': {'alpha': 0.9, 'blocks': BLOCKS, 'confidence': 0.5}},
    'refused': {'action': 'calibrate', 'of': 'segmentor_0', 'settings': {'alpha': 0.01, 'blocks': BLOCKS}},
    'blind': {'action': 'calibrate', 'of': 'segmentor_0', 'settings': {'alpha': 0.9}},
    'trained': {'action': 'calibrate', 'of': 'segmentor_0', 'settings': {'alpha': 0.9, 'split': 'train'}},
}


def toy_pipeline(root, work_dir, rules=RULES):
    cfg = load_pipeline('configs/pipelines/plumes_smoke5k.py', {'dataset_root': str(root), 'work_dir': str(work_dir)})
    variables = toy_variables(root)
    cfg.data_options.update({**variables, 'aside_share': 0.4, 'blocks': BLOCKS})
    train = {'img_size': 32, 'batch_size': 4, 'num_workers': 0, 'epochs': 1, 'steps_per_epoch': 2, 'pretrained': False}
    segmentor = {'config': 'configs/seg/lite0_plumes.py'}
    runs = {'segmentor_0': {**segmentor, 'options': train}, 'again': {**segmentor, 'options': {**train, 'lr': 1e-3}}}
    small = {'config': 'configs/pseudo/segmentor.py', 'options': {'img_size': 32, 'num_workers': 0}}
    for name, rule in rules.items():
        few = {'frames': 4, 'composites': 4, 'split': 'aside'}
        runs[name] = {**small, **rule, 'settings': {**few, **rule.get('settings', {})}}
    cfg.merge_from_dict({'runs': None})
    cfg.runs = type(cfg)({'runs': runs}).runs
    return cfg


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy')
    write_toy(root, 30)
    lines = []
    summary = Pipeline(toy_pipeline(root, root / 'work'), lines.append).run()
    return root, root / 'work', summary, lines


def test_a_pipeline_ends_with_a_choice_a_measure_and_a_bound_or_its_reason(finished):
    _, work_dir, summary, lines = finished
    free = summary['without_masks']
    assert list(free) == list(RULES)
    chosen = json.loads((work_dir / 'chosen' / 'result.json').read_text())['values']
    assert len(free['chosen']['candidates']) == 4 and chosen['threshold'] == free['chosen']['threshold']
    assert chosen['checkpoint'].endswith('.pth') and chosen['refiner'] in (None, 'par')
    name, _, refiner = free['chosen']['candidate'].partition(' refiner=')
    assert f'/{name}/' in chosen['checkpoint'] and refiner == str(chosen['refiner'])
    assert free['measured']['threshold'] == chosen['threshold'] and 'low' in free['measured']['iou']
    assert free['bound']['alpha'] == 0.9 and free['bound']['among'] == 4  # two networks, two refiners: 0.9 / 4 each
    assert free['bound']['chosen_threshold'] == chosen['threshold']
    assert free['bound']['covered'] == (chosen['threshold'] >= free['bound']['threshold'])
    assert (free['sure']['alpha'], free['sure']['confidence'], free['sure']['needed']) == (0.9, 0.5, 1)
    assert 'in 50 % of calibrations' in free['sure']['promise']
    assert 'blocks must say what repeats itself' in free['blind']['reason']
    assert free['trained']['reason'] == 'there are no frames that trained nothing'
    assert free['bound']['observed'] <= 0.9 / 4 and 'exchangeable' in free['bound']['promise']
    assert 'Expected at least 99 blocks' in free['refused']['reason']
    assert any('no bound on false alarms: Expected at least 99' in line for line in lines)
    page = (work_dir / 'measured' / 'measure.html').read_text()
    assert page.count('<img') == 4
    assert Pipeline(toy_pipeline(*finished[:2]), lines.append).results().keys() >= RULES.keys()  # they stand


def test_taking_the_masks_away_changes_no_byte(finished):
    root, work_dir, _, _ = finished

    def content():
        found = {}
        for name in RULES:
            result = json.loads((work_dir / name / 'result.json').read_text())
            found[name] = json.dumps({key: value for key, value in result.items() if key != 'seconds'})
        found['pictures'] = (work_dir / 'measured' / 'measured.json').read_bytes()
        return found

    before = content()
    for name in RULES:
        shutil.rmtree(work_dir / name)
    shutil.move(root / 'ann', root / 'gone')
    try:
        pipeline = Pipeline(toy_pipeline(root, work_dir), lambda line: None)
        for name in RULES:
            pipeline.store.get(pipeline.runs[name])
    finally:
        shutil.move(root / 'gone', root / 'ann')
    assert content() == before


def test_frames_aside_train_nothing_and_blocks_stay_whole(finished):
    root = finished[0]
    data = {**toy_variables(root), 'negative_classes': ['no_smoke'], 'aside_share': 0.4}
    parts = {}
    for blocks in (BLOCKS, r'(sub\d)'):
        cfg = load_config('configs/seg/lite0_plumes.py', {'pretrained': False}, data={**data, 'blocks': blocks})
        use_scope(cfg)
        if blocks != BLOCKS:
            with pytest.raises(ValueError, match='Expected images in the part'):
                [DATASETS.build(cfg[name].to_dict()) for name in ('train_set', 'aside_set')]
            continue
        for name in ('train_set', 'pseudo_set', 'aside_set'):
            dataset = DATASETS.build(cfg[name].to_dict())
            parts[name] = {dataset.get_data_info(index)['img_path'] for index in range(len(dataset))}
    assert parts['train_set'] == parts['pseudo_set'] and not parts['train_set'] & parts['aside_set']
    assert len(parts['train_set'] | parts['aside_set']) == 30 and 6 <= len(parts['aside_set']) <= 18


@pytest.mark.parametrize(
    ('rule', 'message'),
    [
        (
            {'action': 'guess', 'of': 'segmentor_0'},
            "Expected the action choose, .* for x, but got 'guess'",
        ),
        ({'action': 'measure', 'of': ['segmentor_0', 'again']}, r'Expected one network in of for x'),
        ({'action': 'choose', 'of': ['nobody']}, 'Expected a run of'),
        ({'action': 'choose', 'of': ['segmentor_0'] * 17}, 'Expected at most 16 networks to choose from, but got 17'),
    ],
)
def test_wrong_entries(finished, rule, message):
    with pytest.raises(ValueError, match=message):
        Pipeline(toy_pipeline(finished[0], finished[1], {'x': rule}), lambda line: None)
