"""Rounds of self-training as runs: composites, a segmentor, and twice its masks and a segmentor of them."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import toy_variables, write_toy
from mmengine.registry import DATASETS

from mmwsss import MaskInferencer
from mmwsss.apis import make_pseudo
from mmwsss.config import load_config
from mmwsss.datasets.pictures import read_mask
from mmwsss.exports import Correction, MaskFolder
from mmwsss.exports.mask_folder import write_corrections
from mmwsss.runs import Pipeline, load_pipeline
from mmwsss.runs.keys import use_scope
from mmwsss.structures import Manifest
from mmwsss.weights.threshold_shift import BIAS

STAGES = ['segmentor_0', *(f'{kind}_{round_}' for round_ in (1, 2) for kind in ('masks', 'segmentor')), 'final']


def toy_pipeline(root, work_dir):
    cfg = load_pipeline('configs/pipelines/plumes_smoke5k.py', {'dataset_root': str(root), 'work_dir': str(work_dir)})
    cfg.data_options.update(toy_variables(root, val=True, test=True))
    for entry in cfg.runs.values():
        entry.options.update(img_size=32, batch_size=4, num_workers=0)
        if entry.get('action') == 'choose':
            entry.settings.update(frames=4, composites=4)
        elif 'of' not in entry:
            entry.options.update(epochs=1, steps_per_epoch=2, pretrained=False)
    return cfg


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy')
    for split, number in (('train', 12), ('val', 6), ('test', 7)):
        write_toy(root, number, split=split)
    summary = Pipeline(toy_pipeline(root, root / 'work'), lambda line: None).run()
    return root, root / 'work', summary


def test_the_whole_graph_runs_and_stands(finished):
    root, work_dir, summary = finished
    assert list(summary['stages']) == STAGES and (work_dir / 'report.html').exists()
    for name in STAGES:
        assert {'iou_image', 'iou_dataset', 'miou'} <= set(summary['stages'][name]), name
    lines = []
    Pipeline(toy_pipeline(root, work_dir), lines.append).run()
    assert sum('(stands)' in line for line in lines) == 14
    pipeline = Pipeline(toy_pipeline(root, work_dir), lines.append)
    chosen = pipeline.results()['chosen']['figures']['candidates']
    assert len(chosen) == 2 and all(0 <= row['alarms'] <= 1 for row in chosen)
    limited = load_pipeline('configs/pipelines/plumes_smoke5k.py', {'max_alarms': 0.05})
    assert limited.runs.chosen.settings.max_alarms == 0.05
    last = summary['stages']['segmentor_2']
    assert {'iou_dataset', 'threshold'} <= set(last['at_val_threshold'])  # of its scores
    assert (
        last['oracle']['iou_dataset'] >= last['at_val_threshold']['iou_dataset']
        and 'oracle' not in summary['stages']['segmentor_1']
    )


def test_the_last_segmentors_plain_masks_are_those_above_the_chosen_threshold(finished):
    _, work_dir, summary = finished
    chosen = json.loads((work_dir / 'chosen' / 'result.json').read_text())['values']
    assert summary['stages']['final']['shifted_to'] == chosen['threshold']
    assert summary['stages']['final']['threshold_source'] == f'no mask: {chosen["threshold"]:.2f}'
    before = torch.load(chosen['checkpoint'], weights_only=False)['state_dict']
    after = torch.load(work_dir / 'final' / 'segmentor.pth', weights_only=True)['state_dict']
    assert [name for name in before if not torch.equal(before[name], after[name])] in ([], [BIAS])
    found = after[BIAS][1] - before[BIAS][1]
    assert torch.allclose(-found, torch.tensor(chosen['threshold']).logit(), atol=1e-5)
    inferencer = MaskInferencer(work_dir / 'final' / 'segmentor.pth')
    picture = np.full((40, 60, 3), 200, np.uint8)
    assert inferencer(picture, return_datasamples=True).pred_sem_seg.shape == (40, 60)  # it carries its own config


def test_only_a_segmentor_is_written_at_a_threshold(finished, tmp_path):
    cfg = toy_pipeline(finished[0], tmp_path)
    cfg.runs.final.of = 'masks_1'
    with pytest.raises(ValueError, match="Expected segmentors in of for final, but 'masks_1' is none"):
        Pipeline(cfg, print)
    cfg.runs.final.of = 'segmentor_1'
    with pytest.raises(ValueError, match='a choice in of for final, or a threshold in its settings, but got neither'):
        Pipeline(cfg, print)
    cfg.runs.final.settings = {'threshold': 0.2}
    assert Pipeline(cfg, print).runs['final'].settings == {'threshold': 0.2}


def test_masks_are_the_segmentors_and_of_the_labels_classes(finished):
    work_dir = finished[1]
    records = Manifest(work_dir / 'masks_1' / 'manifest.jsonl').read().values()
    assert len(records) == 12 and sum(not record.labels for record in records) == 4
    for record in records:
        mask = read_mask(work_dir / 'masks_1' / record.mask_path)
        assert set(np.unique(mask)) <= ({0, 1, 255} if record.labels else {0})
        assert (mask == 1).any() == bool(record.labels)  # the surest pixels of every image with smoke, however unsure
    cuts = json.loads((work_dir / 'masks_1' / 'label_cuts.json').read_text())
    assert list(cuts['by_class']) == ['smoke'] and cuts['by_class']['smoke']['images'] == [4, 8]
    low, high = cuts['ignore_band']
    assert 0 <= low < high <= 1
    first, second = (json.loads((work_dir / f'masks_{n}' / 'run.json').read_text()) for n in (1, 2))
    assert first['checkpoint_sha256'] != second['checkpoint_sha256']
    assert 'segmentor_1' in second['checkpoint']


def test_a_round_starts_from_the_last_segmentor(finished):
    root, work_dir, _ = finished
    data = toy_variables(root, val=True)
    start = next((work_dir / 'segmentor_0').glob('*.pth'))
    options = {'segmentor_init': str(start), 'img_size': 32, 'pseudo_root': str(work_dir / 'masks_1')}
    from mmengine.registry import MODELS, init_default_scope

    cfg = load_config('configs/seg/lite0_plumes_pseudo.py', options, data=data)
    init_default_scope('mmseg')
    cfg.model.decode_head.norm_cfg.type = 'BN'
    model = MODELS.build(cfg.model)
    model.init_weights()
    state = torch.load(start, weights_only=False)['state_dict']
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_an_entry_of_the_wrong_kind_is_refused(finished, tmp_path):
    root = finished[0]
    cfg = toy_pipeline(root, tmp_path)
    cfg.runs.masks_1.config = 'configs/pseudo/pcm_ms.py'
    cfg.runs.masks_1.options = {}
    with pytest.raises(ValueError, match="Expected the name of a classifier in of for masks_1, but 'segmentor_0' is a"):
        Pipeline(cfg, print)
    checkpoint = next((finished[1] / 'segmentor_0').glob('*.pth'))
    pseudo = load_config('configs/pseudo/gradcam_ms.py', {'img_size': 32}, data=toy_variables(root))
    with pytest.raises(ValueError, match='Expected a classifier or a CrossArchDistiller for .* but got EncoderDec'):
        make_pseudo(pseudo, checkpoint, tmp_path / 'out')
    pseudo = load_config('configs/pseudo/segmentor.py', {'img_size': 32}, data=toy_variables(root))
    pseudo.pseudo.class_map = {'smoke': 'steam'}
    with pytest.raises(
        ValueError, match='Expected neither checkpoint_classes nor class_map for a segmentor in .*class_map'
    ):
        make_pseudo(pseudo, checkpoint, tmp_path / 'out')


def test_cuts_belong_to_their_checkpoint(finished, tmp_path):
    root, work_dir, _ = finished
    pseudo = load_config('configs/pseudo/segmentor.py', {'img_size': 32, 'num_workers': 0}, data=toy_variables(root))
    first, second = (next((work_dir / f'segmentor_{n}').glob('*.pth')) for n in (0, 1))
    cuts = tmp_path / 'out' / 'label_cuts.json'
    cuts.parent.mkdir()
    cuts.write_text(json.dumps({'ignore_band': [0.97, 0.98], 'checkpoint_sha256': 'of another'}))
    make_pseudo(pseudo, first, tmp_path / 'out')
    before = cuts.read_bytes()
    assert json.loads(before) == json.loads((tmp_path / 'out' / 'run.json').read_text())['label_cuts']
    assert json.loads(before)['ignore_band'] != [0.97, 0.98]
    with pytest.raises(ValueError, match='were made by another run: checkpoint_sha256'):
        make_pseudo(pseudo, second, tmp_path / 'out')
    assert cuts.read_bytes() == before
    pseudo.pseudo.label_cuts.dataset.indices = 2  # both show smoke
    with pytest.raises(ValueError, match=r"of 2 images \[2\] show \['smoke'\]\. Set cut_posteriors=None"):
        make_pseudo(pseudo, first, tmp_path / 'other')


def test_a_folder_of_smoke_has_one_class(tmp_path):
    root = write_toy(tmp_path / 'data', 9)
    options = {'dataset_root': str(root), 'images': 'img/train', 'labels': 'train.json', 'plumes': True}
    cfg = load_pipeline('configs/pipelines/folder.py', options)
    assert list(Pipeline(cfg, print).stages)[: len(STAGES)] == STAGES
    cfg.data_options['negative_classes'] = []
    cfg.data_options['classes'] = ['no_smoke', 'smoke']
    with pytest.raises(ValueError, match=r"Expected one class with plumes=True, .* but got \['no_smoke', 'smoke'\]"):
        Pipeline(cfg, print)


def run_folder(root, work_dir, **blocks):
    """The figures without masks, and the last weights, of folder.py with plumes."""
    options = {
        'dataset_root': str(root), 'images': 'img/train', 'labels': 'train.json', 'plumes': True, 'scale': 'small',
        'work_dir': str(work_dir), 'img_size': 32, 'last_size': 32, 'batch_size': 4, 'num_workers': 0,
        'composite_epochs': 1, 'round_epochs': 1, 'aside_share': 0.4, 'alpha': 0.8, **blocks,
    }  # fmt: skip
    cfg = load_pipeline('configs/pipelines/folder.py', options)
    for name in ('segmentor_0', 'segmentor_1', 'segmentor_2', 'final'):
        cfg.runs[name].options.update({'steps_per_epoch': 1, 'pretrained': False})
    for name in ('chosen', 'measured'):
        cfg.runs[name].settings.composites = 24
    summary = Pipeline(cfg, lambda line: None).run()
    assert (work_dir / 'final/segmentor.pth').is_file()
    last = torch.load(work_dir / 'segmentor_2/epoch_1.pth', weights_only=False)['state_dict']
    return summary['without_masks'], last


def test_a_folder_of_smoke_ends_with_choice_figure_and_bound(tmp_path):
    """Days of 40 pictures are blocks, a share of which trains nothing; with masks on the disk all of it is the same."""
    root = write_toy(tmp_path / 'data', 40)
    beside, weights = run_folder(root, tmp_path / 'beside', blocks=r'(picture \d+)')
    shutil.rmtree(root / 'ann')
    rows = [f'{path.name},{path.stem}' for path in (root / 'img/train').rglob('*.jpg')]
    (root / 'days.csv').write_text('\n'.join(['path,block', *rows]) + '\n')
    free, without = run_folder(root, tmp_path / 'work', block_table='days.csv')
    assert weights.keys() == without.keys() and all(torch.equal(weights[name], without[name]) for name in weights)
    for name in ('chosen', 'bound', 'measured'):
        assert free[name] == beside[name]
    finals = [tmp_path / folder / 'final/segmentor.pth' for folder in ('beside', 'work')]
    states = [torch.load(path, weights_only=True)['state_dict'] for path in finals]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert list(free) == ['chosen', 'bound', 'measured']
    assert free['chosen']['candidate'] in ('segmentor_1', 'segmentor_2') and free['measured']['split'] == 'aside'
    assert free['measured']['iou']['low'] <= free['measured']['iou']['value'] <= free['measured']['iou']['high']
    assert free['bound']['alpha'] == 0.8 and free['bound']['among'] == 2 and free['bound']['needed'] == 2
    assert not free['measured']['by_frame']
    alarms = free['chosen']['candidates'][0]['alarms']
    said = f'of the frames without a class {100 * alarms:.1f} % have a mask above 1 % of the area there'
    assert said in (tmp_path / 'work/report.html').read_text()


def test_corrections_reach_the_pseudo_masks_beside_the_composites(finished, tmp_path):
    root, work_dir, _ = finished
    folder = MaskFolder(work_dir / 'masks_2')
    item = next(item for item in folder.items if item.record.labels)
    keys = []
    for value in (0, 1):
        corrected = tmp_path / str(value)
        write_corrections(folder, [Correction(item, np.full(item.size(), value, np.uint8))], corrected, {})
        cfg = toy_pipeline(root, work_dir)
        plain = Pipeline(cfg)
        without = plain.store.key(plain.runs['segmentor_2'])
        cfg.runs.segmentor_2.options.corrections = str(corrected)
        pipeline = Pipeline(cfg)
        key = pipeline.store.key(pipeline.runs['segmentor_2'])
        assert key.settings == without.settings and key.data != without.data  # no other settings: made again
        keys.append(key.data)
        config = pipeline.runs['segmentor_2'].load({'pseudo_root': str(folder.path)})
        use_scope(config)
        masks = DATASETS.build(config.train_dataloader.dataset).datasets[0]
        assert masks.correction_counts['corrected'] == 1
        (shown,) = [info for info in map(masks.get_data_info, range(len(masks))) if info.get('corrected')]
        assert set(np.unique(read_mask(shown['seg_map_path']))) == {value}
    assert keys[0] != keys[1]
