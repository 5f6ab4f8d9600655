"""The 80 rows: their figures, and that each of them runs (``test_configs`` builds them all in the paper's size)."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from conftest import SMALL, TOY_SAM, toy_variables, write_toy

from mmwsss.apis import make_pseudo, train
from mmwsss.config import config_variables, find_config, load_config, load_scale, options_that_act
from mmwsss.registry import TASK_UTILS
from mmwsss.tables import ACR_ROWS, ROWS, select_rows

ALL_ROWS = [*ROWS, *ACR_ROWS]
CONFIGS = sorted({row.config for row in ALL_ROWS})
PSEUDO = sorted({row.pseudo for row in ALL_ROWS if row.pseudo})
MAIN, CONTROL, TEACHER = (f'configs/{name}.py' for name in ('ts_vitb_r50_cos_global', 'vitb', 'r50_pcm'))
REPORTED = {
    '4.1': [26.10, 21.29, 13.18, 47.37, 47.99, None],
    '4.2': [68.27, 54.68, 52.93],
    '4.3': [15.02, 24.28, 33.56, 47.37, 52.93],
    '4.4a': [37.42, 38.49, 34.00, 43.20, None, 43.27, 46.91, 37.81, 38.51, 53.92],
    '4.4b': [46.25, 47.37, 45.27, 49.16, 51.00, None, 52.52, 52.93, 57.15],
    '4.5a': [45.27, 40.82, 35.34],
    '4.5b': [46.91, 45.99, 45.11, 46.90],
    '4.6': [40.17, 46.25, 45.73, 42.60, 47.37],
    '4.7': [47.37, 38.39, 33.74, 43.70, 46.85, 45.93, 18.51, 0.27, 45.11, 42.75],
    '4.8': [47.37, 45.93, 42.75, 38.49],
    '4.9': [47.37, 33.87, 48.19, 43.70, 44.65],
    '4.10': [38.55, 43.81, 45.04, 47.37, 46.62, 41.90],
    '4.11a': [50.50, 51.03],
    '4.11b': [41.03, 35.97, 51.03],
    '4.11c': [33.47, 52.51, 52.52, 50.91, 48.85],
}


def test_eighty_rows_with_the_published_figures():
    assert len(ROWS) == 80 and len({row.row for row in ROWS}) == 80
    assert {table: [row.reported for row in ROWS if row.table == table] for table in REPORTED} == REPORTED
    assert Counter(row.table for row in ROWS) == {table: len(figures) for table, figures in REPORTED.items()}
    for row in ROWS:
        find_config(row.config)
        assert row.pseudo is None or find_config(row.pseudo)
        assert row.row.startswith(row.table + '-') and row.label


def test_rows_of_acr():
    reported = {row.row: row.reported for row in ACR_ROWS if row.reported}
    assert reported == {'acr-voc_train': 67.3, 'acr-voc_val': 71.2, 'acr-voc_test': 70.9, 'acr-coco_val': 45.0}
    assert {row.figure for row in ACR_ROWS} == {'miou'} and select_rows(['acr']) == list(ACR_ROWS)
    for row in ACR_ROWS:
        for config in (row.config, row.pseudo, row.segmentor):
            assert config is None or find_config(config)
        assert row.data is None or find_config(f'configs/data/{row.data}.py')
    assert load_config('configs/pseudo/acr_oracle.py').pseudo.generator.method == 'acr'
    assert load_config('configs/pseudo/acr_affinity.py').pseudo.refine[0].beta == 36


def test_one_run_has_one_figure():
    """Rows that share training and post-processing print one figure, but for the two that the paper rounds apart."""
    figures: dict = {}
    for row in ROWS:
        if row.reported is not None:
            figures.setdefault((row.config, row.pseudo), set()).add(row.reported)
    several = {key: values for key, values in figures.items() if len(values) > 1}
    assert list(several.values()) == [{51.00, 51.03}]


def test_select():
    assert len(select_rows(['4.4'])) == 19 and len(select_rows(['4.11'])) == 10
    assert [row.row for row in select_rows(['4.10-0.3', '4.1'])][:2] == ['4.10-0.3', '4.1-resnet50']
    assert len(select_rows(['4.1'])) == 6  # not 4.10, not 4.11
    assert len(select_rows(['4.7', '4.7-ts_l1_global'])) == 10
    with pytest.raises(
        ValueError, match=r"Expected a table of \['4\.1', .*'4\.11c', 'acr'\] or the id of a row, but got '5\.1'"
    ):
        select_rows(['5.1'])


@pytest.fixture(scope='session')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('rows')
    for split in ('train', 'val', 'test'):
        write_toy(root, 40 if split == 'test' else 12, split=split)
    return {**toy_variables(root, val=True, test=True), 'group_file': None, 'pixel_share': 0.5}


def small(path, data, **more):
    """A config of the tables at scale small, its networks and pictures smaller still."""
    tiny = options_that_act(path, {**SMALL, 'embed_dims': 32}, data=data, scale='small')
    return load_config(path, {**tiny, **more}, data=data, scale='small')


@pytest.fixture(scope='session')
def trained(data, tmp_path_factory):
    """Checkpoints at scale small, made once each."""
    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp('trained')

    def get(path):
        name = Path(path).stem
        if name not in made:
            train(small(path, data), folder / name, quiet=True)
            made[name] = folder / name / 'epoch_1.pth'
        return made[name]

    return get


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('path', sorted({load_scale('small').config(path) for path in CONFIGS}), ids=lambda p: p.stem)
def test_every_training_config_takes_its_steps(path, data, trained, toy_sam, tmp_path):
    needs = load_config(path, scale='small').get('needs') or {}
    more = {variable: str(trained(needed)) for variable, needed in needs.items()}
    if path.stem.startswith('sam_'):
        more.update({'img_size': 64, 'model.arch': TOY_SAM, 'sam_checkpoint': str(toy_sam)})
    runner = train(small(path, data, **more), tmp_path, quiet=True)
    assert runner.iter >= 1
    losses = runner.message_hub.get_scalar('train/loss')
    assert torch.isfinite(torch.tensor(losses.current()))
    content = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    steps = [state['step'] for state in content['optimizer']['state'].values() if 'step' in state]
    assert content['optimizer']['state'] and all(step >= 1 for step in steps)


@pytest.fixture(scope='session')
def affinity(data, trained, tmp_path_factory):
    """A toy AffinityNet, trained on the maps of a toy student."""
    folder = tmp_path_factory.mktemp('affinity')
    cfg = small('configs/pseudo/gradcam_ms.py', data, scales=[1.0], save_cam=True)
    make_pseudo(cfg, trained(CONTROL), folder / 'maps')
    train(small('configs/affinity/affinity_r50.py', data, cam_root=str(folder / 'maps')), folder / 'net', quiet=True)
    return folder / 'net' / 'epoch_1.pth'


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('path', PSEUDO, ids=lambda path: Path(path).stem)
def test_images_go_through_every_post_processing(path, data, trained, affinity, toy_sam, toy_clip, tmp_path):
    optional = {
        'sam_arch': TOY_SAM,
        'sam_checkpoint': str(toy_sam),
        'sam_cache': str(tmp_path / 'sam'),
        'points_per_side': 2,
        'affinity_checkpoint': str(affinity),
        'clip_arch': 'toy-text',
        'clip_checkpoint': toy_clip,
    }
    known = config_variables(path, scale='small')
    cfg = small(path, data, **{name: value for name, value in optional.items() if name in known})
    cfg.pseudo.dataset = {**cfg.test_set.to_dict(), 'indices': 4}
    models = {'transcam': 'configs/conformer_mini.py', 'pcm': TEACHER}
    checkpoint = trained(models.get(cfg.pseudo.generator.method, CONTROL))
    if cfg.evaluation.startswith('oracle'):  # thresholds chosen on ground truth: maps are measured, no mask is made
        with pytest.raises(ValueError, match='it only measures maps'):
            make_pseudo(cfg, checkpoint, tmp_path / 'masks')
        return
    summary = make_pseudo(cfg, checkpoint, tmp_path / 'masks')
    assert summary['ok'] == 4 and summary['failed'] == 0
    assert summary['mask']['num_images'] >= 2


def test_a_gradient_cam_of_the_paper_reads_what_the_table_says():
    layers = {
        row.row: TASK_UTILS.build(load_config(row.pseudo).pseudo.generator).target_layers
        for row in select_rows(['4.5', '4.4a-fusion', '4.4b-fusion'])
    }
    assert layers['4.5a-5_4_2_1'] == (-5, -4, -2, -1) and layers['4.5a-2_1'] == layers['4.4b-fusion'] == (-2, -1)
    assert layers['4.5b-5_4_2'] == layers['4.4a-fusion'] == (-5, -4, -2) and layers['4.5b-4_1'] == (-4, -1)
    scales = [list(load_config(row.pseudo).pseudo.generator.scales) for row in select_rows(['4.6'])]
    assert scales == [[0.5], [1.0], [1.5], [2.0], [0.5, 1.0, 1.5, 2.0]]
    exponents = [load_config(row.pseudo).pseudo.refine[0].bg_exponent for row in select_rows(['4.11c'])]
    assert exponents == [2, 12, 16, 24, 32]
    sam = [load_config(row.pseudo).pseudo.refine[0] for row in select_rows(['4.11a', '4.11b'])]
    assert [(step.points_per_side, step.strategy) for step in sam] == [
        (16, 'copy'), (32, 'copy'), (32, 'and'), (32, 'or'), (32, 'copy')
    ]  # fmt: skip
    weights = [load_config(row.config).model.kt_loss.loss_weight for row in select_rows(['4.10'])]
    assert weights == [0.3, 0.5, 0.8, 1.0, 1.3, 1.5]


@pytest.mark.parametrize('scale', ['paper', 'small'])
def test_a_row_is_what_its_label_says(scale):
    for row in select_rows(['4.7', '4.8', '4.9']):
        model = load_config(row.config, scale=scale).model
        paradigm = 'co' if 'Co-training' in row.label or 'co-training' in row.label else 'ts'
        assert model.paradigm == paradigm, row
        assert (model.teacher_checkpoint is None) == (paradigm == 'co')
        loss = model.kt_loss
        level = loss.get('level', 'global')
        name = row.label.lower()
        if row.table == '4.7':
            assert loss.get('metric', 'cosine') == name.split(', ')[1] and level == name.split(', ')[2]
        assert (model.neck is None) == ('No projection' in row.label)
        if row.row == '4.7-ts_l2_global':
            assert loss.normalize_l2 is False  # as in the paper's code
    main = load_config(MAIN, scale=scale).model
    assert main.student_map == 'patch_tokens'
    assert main.teacher.head.map_channels == 'classes_and_extra' and main.neck.out_channels == 2
    assert main.student == load_config(CONTROL, scale=scale).model
    assert main.teacher == load_config(TEACHER, scale=scale).model
