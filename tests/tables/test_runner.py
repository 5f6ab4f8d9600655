"""The runner: nothing twice, nothing lost, and a table that says what was measured."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SMALL, toy_variables, write_toy

import mmwsss
from mmwsss.tables import ACR_ROWS, ROWS, Row, results_json, results_table, select_rows
from mmwsss.tables import data as data_module
from mmwsss.tables import runner as runner_module
from mmwsss.tables.data import data_variables
from mmwsss.tables.runner import AblationRunner
from mmwsss.tables.scales import Scale
from mmwsss.utils.files import read_json

ROOT = Path(mmwsss.__file__).parents[1]


@pytest.fixture
def scale(tmp_path):
    """The small scale at toy size, without pre-training."""
    path = tmp_path / 'toyscale.py'
    tiny = {**SMALL, 'embed_dims': 32, 'num_layers': 2}
    path.write_text(
        f'_base_ = {str(ROOT / "configs/ablation/small.py")!r}\npretrain = None\n'
        f'train_variables = dict(_delete_=True, **{tiny})\n'
        'segmentor_variables = dict(img_size=32, epochs=1, batch_size=4)\n'
        'pseudo_segmentor_variables = dict(pretrained=False, epochs=1, batch_size=4)\n'
        'pseudo_variables = dict(img_size=32)\n'
    )
    return path


@pytest.fixture
def data(tmp_path):
    for split in ('train', 'val', 'test'):
        write_toy(tmp_path / 'toy', split=split)
    return {**toy_variables(tmp_path / 'toy', val=True, test=True), 'group_file': None}


@pytest.fixture
def trainings(monkeypatch):
    """Names of the folders that are trained in."""
    made = []
    original = runner_module.train

    def counted(cfg, work_dir, **kwargs):
        made.append('/'.join(Path(work_dir).parts[-2:]))
        return original(cfg, work_dir, **kwargs)

    monkeypatch.setattr(runner_module, 'train', counted)
    return made


@pytest.mark.filterwarnings('ignore')
def test_shared_runs_are_trained_once_and_finished_ones_never_again(scale, data, tmp_path, trainings):
    rows = select_rows(['4.10-1.0', '4.8-ts_global', '4.6-s10', '4.4b-oracle', '4.11c-2', '4.7-co_l1_global'])
    runner = AblationRunner(Scale(str(scale)), data, [1, 2], tmp_path / 'out', lambda line: None)
    results = runner.run(rows)
    expected = {f'{name}/seed{seed}' for seed in (1, 2) for name in (
        'r18_pcm_extra', 'ts_vitmini_r18_cos_global_tokens', 'vitmini_tokens', 'co_vitmini_r18_l1_global')}  # fmt: skip
    assert len(trainings) == len(expected) and set(trainings) == expected
    for row in rows:
        assert len(results[row.row]['figures']) == len(results[row.row]['control']) == 2, row.row
    assert results['4.10-1.0']['figures'] == results['4.8-ts_global']['figures']
    assert results['4.4b-oracle']['figures'][0]['is_oracle']
    assert results['4.4b-oracle']['figures'][0]['iou_image'] >= results['4.10-1.0']['figures'][0]['iou_image']
    assert 'at_val_threshold' in results['4.10-1.0']['figures'][0]
    assert runner.finished(rows) == results
    trainings.clear()
    again = AblationRunner(Scale(str(scale)), data, [1, 2], tmp_path / 'out', lambda line: None)
    assert again.run(rows) == results and not trainings
    (tmp_path / 'out/eval/vitmini_tokens/gradcam_ms/seed2.json').unlink()  # as if killed before it was written
    assert again.run(rows) == results and not trainings
    (tmp_path / 'out/train/vitmini_tokens/seed2/result.json').unlink()
    assert again.run(rows) == results and trainings == ['vitmini_tokens/seed2']
    assert (tmp_path / 'out/train/vitmini_tokens/seed2/started.json').exists()
    lower = AblationRunner(Scale(str(scale)), {**data, 'mask_threshold': 0.0}, [1], tmp_path / 'out', lambda line: None)
    trainings.clear()
    changed = lower.run(select_rows(['4.10-1.0', '4.11c-2']))  # maps and masks are evaluated anew, nothing is trained
    assert not trainings
    for name in ('4.10-1.0', '4.11c-2'):
        assert changed[name]['figures'][0] != results[name]['figures'][0]
    with pytest.raises(ValueError, match=r"none of them has \['datset_root'\]"):
        AblationRunner(Scale(str(scale)), {**data, 'datset_root': 'x'}, [1], tmp_path / 'out').run(rows)
    other = AblationRunner(Scale(str(scale)), {**data, 'lr': 0.5}, [1], tmp_path / 'out', lambda line: None)
    with pytest.raises(ValueError, match='made by other settings: choose another --work-dir'):
        other.run(rows)


@pytest.mark.filterwarnings('ignore')
def test_affinity_segmentor_and_missing_weights(scale, data, tmp_path, trainings):
    rows = select_rows(['4.3-affinitynet', '4.2-setr', '4.4b-sam', '4.2-sam_ft'])
    data = {**data, 'pixel_share': 0.5}
    for key in ('val_ann', 'val_img'):
        data.pop(key)
    write_toy(tmp_path / 'toy', 40, split='test')
    data.update(toy_variables(tmp_path / 'toy', val=True, test=True))
    results = AblationRunner(Scale(str(scale)), data, [1], tmp_path / 'out', lambda line: None).run(rows)
    assert 'iou_image' in results['4.3-affinitynet']['figures'][0]
    assert (tmp_path / 'out/affinity/r18/gradcam_ms_affinity/seed1/maps/cams').is_dir()
    assert 'mmwsss/' not in results['4.2-setr']['figures'][0] and 'iou_image' in results['4.2-setr']['figures'][0]
    assert 'sam_vit_h_4b8939.pth' in results['4.4b-sam']['missing']
    assert 'weights/sam_mini.pth' in results['4.2-sam_ft']['missing']
    other = AblationRunner(Scale(str(scale)), {**data, 'batch_size': 2}, [1], tmp_path / 'out', lambda line: None)
    assert 'missing' in other.run(rows[-1:])['4.2-sam_ft']  # what never began does not stand in the way
    table = results_table(rows, results)
    assert '| 4.4b-sam | + SAM | 51.00 | cannot run here |' in table and '* SAMRefine needs the weights' in table


@pytest.mark.filterwarnings('ignore')
def test_killed_in_the_middle_goes_on(scale, data, tmp_path):
    """A process that dies while it trains leaves a checkpoint that the next one goes on from; two share the rest."""
    command = [sys.executable, 'tools/ablate.py', '--run', '4.10-0.3', '--scale', str(scale), '--seeds', '1']
    options = [f'{key}={value}' for key, value in {**data, 'epochs': 3}.items()]
    command += ['--work-dir', str(tmp_path / 'out'), '--cfg-options', *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    checkpoint = tmp_path / 'out/train/r18_pcm_extra/seed42'
    for _ in range(1200):
        if list(checkpoint.glob('epoch_1.pth')) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (checkpoint / 'result.json').exists()
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in '12'
    ]
    outputs = [run.communicate(timeout=300) for run in both]
    assert [run.returncode for run in both] == [0, 0], outputs
    said = outputs[0][0] + outputs[1][0]
    for name in ('r18_pcm_extra', 'ts_vitmini_r18_cos_global_lambda03', 'vitmini_tokens'):
        assert said.count(f'training {name}, seed 42 ...') == 1, said
    assert outputs[0][0].splitlines()[-4:] == outputs[1][0].splitlines()[-4:]


def test_table_and_json():
    row = next(row for row in ROWS if row.row == '4.7-ts_l1_global')
    results = {row.row: {
        'figures': [{'iou_image': 0.2, 'iou_dataset': 0.3, 'oracle': {'iou_image': 0.5}}, {'iou_image': 0.4}],
        'control': [{'iou_image': 0.1}, {'iou_image': 0.1}],
    }}  # fmt: skip
    table = results_table([row], results)
    cells = [cell.strip() for cell in table.splitlines()[2].strip('|').split('|')]
    assert cells == ['4.7-ts_l1_global', 'Teacher-student, L1, global', '38.39', '30.0 ± 14.1', '10.0 ± 0.0', '30.0',
                     '', '50.0', '2']  # fmt: skip
    assert len({line.count('|') for line in table.splitlines()}) == 1
    content = results_json([row], results)[0]
    assert content['reported'] == 38.39 and content['summary']['measured']['mean'] == pytest.approx(30)
    assert content['summary']['control: measured'] == {'mean': pytest.approx(10), 'std': pytest.approx(0)}
    json.dumps(content)
    assert '| not run |' in results_table([row], {})


@pytest.mark.filterwarnings('ignore')
def test_configs_of_your_own_on_several_classes(scale, tmp_path, monkeypatch):
    monkeypatch.setattr(data_module, 'SCENES', {'train': 8, 'val': 6, 'test': 6})
    variables = data_variables('shapes', tmp_path / 'out')
    assert variables['num_classes'] == 4 and variables['context_by_class']
    rows = [
        Row('own', name, name, f'configs/{name}.py', 'configs/pseudo/acr.py', None)
        for name in ('vitmini_tokens', 'acr_ts_vitmini_r18_cos_global_tokens')
    ]
    runner = AblationRunner(Scale(str(scale)), variables, [1], tmp_path / 'out', lambda line: None)
    results = runner.run(rows)
    assert not results['vitmini_tokens']['control'] and len(results[rows[1].row]['control']) == 1
    table = results_table(rows, results)
    assert 'co-occurrence |' in table and len({line.count('|') for line in table.splitlines()}) == 1
    assert results_json(rows, results)[1]['summary']['co-occurrence']['mean'] > 0


@pytest.mark.filterwarnings('ignore')
def test_published_rows_on_their_own_data(scale, tmp_path, monkeypatch):
    """Rows of ACR: an oracle's threshold, a segmentor on masks of an AffinityNet, and a test set without masks."""
    monkeypatch.setattr(data_module, 'SCENES', {'train': 8, 'val': 6, 'test': 6})
    variables = data_variables('shapes', tmp_path / 'out')
    own = {'test_ann': variables['val_ann'], 'test_img': variables['val_img'], 'test_masks': variables['val_masks']}
    train_row, val_row, test_row = select_rows(['acr-voc_train', 'acr-voc_val', 'acr-voc_test'])
    rows = [
        replace(train_row, test_options=own),
        replace(val_row, test_options=own),
        replace(test_row, test_options={'test_masks': None}),
    ]
    runner = AblationRunner(Scale(str(scale)), variables, [1], tmp_path / 'out', lambda line: None, 'voc12')
    results = runner.run(rows)
    oracle = results['acr-voc_train']['figures'][0]
    assert oracle['is_oracle'] and oracle['miou'] == pytest.approx(oracle['oracle']['miou'])
    assert len(results['acr-voc_train']['control']) == 1 and oracle['num_images'] <= 6
    assert set(results['acr-voc_val']['figures'][0]) >= {'miou', 'iou_boat'}
    assert 'Expected a test set with masks' in results['acr-voc_test']['missing']
    table = results_table(rows, results)
    assert f'| 67.30 | {100 * oracle["miou"]:.1f} |' in table
    other = AblationRunner(Scale(str(scale)), variables, [1], tmp_path / 'out', lambda line: None, 'shapes')
    elsewhere = other.run(rows[:1])['acr-voc_train']['figures'][0]
    assert elsewhere != oracle  # on other data the row has that data's own test set


def test_data_variables(tmp_path):
    assert data_variables('smoke5k', tmp_path) == {}
    (tmp_path / 'mine.py').write_text("dataset_root = '/data'\nval_ann = None\n")
    assert data_variables(str(tmp_path / 'mine.py'), tmp_path) == {'dataset_root': '/data', 'val_ann': None}
    with pytest.raises(
        FileNotFoundError, match="Expected data 'smoke5k', 'scenes', 'shapes' or a config .* but got 'nope'"
    ):
        data_variables('nope', tmp_path)


def test_generated_scenes_are_data(tmp_path, monkeypatch):
    monkeypatch.setattr(data_module, 'SCENES', {'train': 3, 'val': 2, 'test': 2})
    variables = data_variables('scenes', tmp_path)
    assert (Path(variables['dataset_root']) / variables['test_ann']).is_file()


def test_blocks_of_the_small_student():
    assert Scale('small').target_layers([-5, -4, -2, -1, 'backbone']) == [-4, -3, -2, -1, 'backbone']
    assert Scale('paper').target_layers([-5, -1]) == [-5, -1]


def test_every_row_has_a_small_sibling():
    scale = Scale('small')
    names = {Path(scale.config(row.config)).stem for row in ROWS}
    assert not any('vitb' in name and 'sam' not in name for name in names)
    assert Scale('paper').config('configs/vitb.py') == 'configs/vitb.py'


def test_tool(scale, data, tmp_path):
    command = [sys.executable, 'tools/ablate.py']
    listed = subprocess.run([*command, '--list', '--json'], capture_output=True, text=True, cwd=ROOT, timeout=120)
    rows = json.loads(listed.stdout)
    assert len(rows) == 80 + len(ACR_ROWS)
    assert list(rows[0])[:7] == ['table', 'row', 'label', 'config', 'pseudo', 'reported', 'note']
    listed = subprocess.run(
        [*command, '--list', '--table', '4.7'], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert len(listed.stdout.splitlines()) == 10 and '38.39' in listed.stdout
    options = [f'{key}={value}' for key, value in data.items()]
    command += ['--run', '4.10-0.3', '4.4b-sam', '--scale', scale, '--seeds', '1', '--work-dir', tmp_path / 'out']
    done = subprocess.run([*command, '--cfg-options', *options], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 1, done.stderr[-2000:]  # SAM's weights are not there
    assert 'Lambda 0.3 | 38.55 |' in done.stdout
    name = '4.10-0.3_4.4b-sam'
    assert (tmp_path / f'out/{name}.md').read_text() in done.stdout
    content = read_json(tmp_path / f'out/{name}.json')
    assert content[0]['reported'] == 38.55 and len(content[0]['figures']) == 1 and 'missing' in content[1]
    wrong = subprocess.run([*command[:2], '--run', '9.9'], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert wrong.returncode == 2 and 'error: Expected a table of' in wrong.stderr
