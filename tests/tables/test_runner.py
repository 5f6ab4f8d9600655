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
from mmwsss.apis import training
from mmwsss.tables import ACR_ROWS, ROWS, Row, results_json, results_table, select_rows
from mmwsss.tables.runner import TableRunner
from mmwsss.utils.files import read_json

ROOT = Path(mmwsss.__file__).parents[1]


def quiet(line):
    pass


@pytest.fixture
def scale(tmp_path):
    """The small scale at toy size, from nothing."""
    path = tmp_path / 'toyscale.py'
    tiny = {**SMALL, 'embed_dims': 32, 'num_layers': 2}
    seg = {'img_size': 32, 'epochs': 1, 'batch_size': 4}
    variables = {
        'classifier': {'_delete_': True, **tiny},
        'segmentor': seg,
        'affinity': seg,
        'pseudo': {'img_size': 32},
        'seg/segformer_mit-b0_pseudo-512x512.py': {**seg, 'pretrained': False},
    }
    path.write_text(f'_base_ = {str(ROOT / "configs/scales/small.py")!r}\nstart = None\nvariables = {variables}\n')
    return str(path)


def describe(folder, content, **generate):
    """A description of data, as a file."""
    path = folder / 'mydata.py'
    lines = [f'{name} = {value!r}' for name, value in content.items()]
    path.write_text('\n'.join(["kind = 'data'", *lines, *([f'generate = {generate!r}'] if generate else [])]) + '\n')
    return str(path)


@pytest.fixture
def data(tmp_path):
    for split in ('train', 'val', 'test'):
        write_toy(tmp_path / 'toy', split=split)
    variables = toy_variables(tmp_path / 'toy', val=True, test=True)
    return describe(tmp_path, {**variables, 'negative_classes': ['no_smoke']})


@pytest.fixture
def shapes(tmp_path):
    from mmengine.config import Config

    content = Config.fromfile(ROOT / 'configs/data/shapes_scenes.py').to_dict()
    generate = {**content.pop('generate'), 'numbers': {'train': 8, 'val': 6, 'test': 6}, 'size': 48}
    return describe(tmp_path, content, **generate)


@pytest.fixture
def trainings(monkeypatch):
    """Names of the folders that are trained in."""
    made = []
    original = training.train

    def counted(cfg, work_dir, **kwargs):
        made.append('/'.join(Path(work_dir).parts[-2:]))
        return original(cfg, work_dir, **kwargs)

    monkeypatch.setattr(training, 'train', counted)
    return made


@pytest.mark.filterwarnings('ignore')
def test_shared_runs_are_trained_once_and_finished_ones_never_again(scale, data, tmp_path, trainings):
    rows = select_rows(['4.10-1.0', '4.8-ts_global', '4.6-s10', '4.4b-oracle', '4.11c-2', '4.7-co_l1_global'])

    def runner(options=(), seeds=(1, 2)):
        return TableRunner(scale, data, options, seeds, tmp_path / 'out', quiet)

    results = runner().run(rows)
    expected = {f'{name}/seed{seed}' for seed in (1, 2) for name in (
        'r50_pcm', 'ts_vitb_r50_cos_global', 'vitb', 'co_vitb_r50_l1_global')}  # fmt: skip
    assert len(trainings) == len(expected) and set(trainings) == expected
    for row in rows:
        assert len(results[row.row]['figures']) == len(results[row.row]['control']) == 2, row.row
    assert results['4.10-1.0']['figures'] == results['4.8-ts_global']['figures']
    assert results['4.4b-oracle']['figures'][0]['is_oracle']
    assert results['4.4b-oracle']['figures'][0]['iou_image'] >= results['4.10-1.0']['figures'][0]['iou_image']
    assert 'at_val_threshold' in results['4.10-1.0']['figures'][0]
    assert runner().finished(rows) == results
    assert '26 of 26 runs stand' in runner().plan(rows)
    trainings.clear()
    assert runner().run(rows) == results and not trainings
    (tmp_path / 'out/eval/vitb/gradcam_ms/seed2/result.json').unlink()  # as if killed before it was written
    assert runner().run(rows) == results and not trainings
    (tmp_path / 'out/train/vitb/seed2/result.json').unlink()
    assert runner().run(rows) == results and trainings == ['vitb/seed2']
    trainings.clear()
    lower = runner({'mask_threshold': 0.0}, [1]).run(select_rows(['4.10-1.0', '4.11c-2']))
    assert not trainings  # maps and masks are evaluated anew
    for name in ('4.10-1.0', '4.11c-2'):
        assert lower[name]['figures'][0] != results[name]['figures'][0]
    with pytest.raises(ValueError, match=r'Expected options that act in a config that is run, but got datset_root'):
        runner({'datset_root': 'x'}, [1]).run(rows)
    with pytest.raises(ValueError, match='made by other settings: choose another work folder'):
        runner({'lr': 0.5}, [1]).run(rows)
    assert not trainings


@pytest.mark.filterwarnings('ignore')
def test_affinity_segmentor_and_missing_weights(scale, data, tmp_path, trainings):
    rows = select_rows(['4.3-affinitynet', '4.2-setr', '4.4b-sam', '4.2-sam_ft'])
    write_toy(tmp_path / 'toy', 40, split='test')
    options = {'pixel_share': 0.5}
    results = TableRunner(scale, data, options, [1], tmp_path / 'out', quiet).run(rows)
    assert 'iou_image' in results['4.3-affinitynet']['figures'][0]
    assert (tmp_path / 'out/affinity/r50/gradcam_ms_affinity/seed1/maps/cams').is_dir()
    assert 'mmwsss/' not in results['4.2-setr']['figures'][0] and 'iou_image' in results['4.2-setr']['figures'][0]
    assert 'sam_vit_h_4b8939.pth' in results['4.4b-sam']['missing']
    assert 'weights/sam_mini.pth' in results['4.2-sam_ft']['missing']
    other = TableRunner(scale, data, {**options, 'batch_size': 2}, [1], tmp_path / 'out', quiet)
    assert 'missing' in other.run(rows[-1:])['4.2-sam_ft']  # what never began does not stand in the way
    table = results_table(rows, results)
    assert '| 4.4b-sam | + SAM | 51.00 | cannot run here |' in table and '* SAMRefine needs the weights' in table


@pytest.mark.filterwarnings('ignore')
def test_killed_in_the_middle_goes_on(scale, data, tmp_path):
    """A process that dies while it trains leaves a checkpoint that the next one goes on from; two share the rest."""
    command = [sys.executable, 'tools/ablate.py', '--run', '4.10-0.3', '--scale', scale, '--seeds', '1']
    command += ['--data', data, '--work-dir', str(tmp_path / 'out'), '--cfg-options', 'epochs=3']
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    checkpoint = tmp_path / 'out/train/r50_pcm/seed42'
    for _ in range(2400):
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
    for name in ('r50_pcm', 'ts_vitb_r50_cos_global_lambda03', 'vitb'):
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
def test_configs_of_your_own_on_several_classes(scale, shapes, tmp_path):
    rows = [
        Row('own', name, name, f'configs/{name}.py', 'configs/pseudo/acr.py', None)
        for name in ('vitb', 'acr_ts_vitb_r50_cos_global')
    ]
    results = TableRunner(scale, shapes, None, [1], tmp_path / 'out', quiet).run(rows)
    assert (tmp_path / 'out/scenes/annotations/test.csv').is_file()
    assert not results['vitb']['control'] and len(results[rows[1].row]['control']) == 1
    table = results_table(rows, results)
    assert 'co-occurrence |' in table and len({line.count('|') for line in table.splitlines()}) == 1
    assert results_json(rows, results)[1]['summary']['co-occurrence']['mean'] > 0


@pytest.mark.filterwarnings('ignore')
def test_published_rows_on_their_own_data(scale, shapes, tmp_path):
    """Rows of ACR: an oracle's threshold, a segmentor on masks of an AffinityNet, and a test set without masks."""
    own = {'test_ann': 'annotations/val.csv', 'test_img': 'img_dir/val', 'test_masks': 'ann_dir/val'}
    train_row, val_row, test_row = select_rows(['acr-voc_train', 'acr-voc_val', 'acr-voc_test'])
    data = str(Path(shapes).rename(tmp_path / 'voc12.py'))
    rows = [
        replace(train_row, test_options=own),
        replace(val_row, test_options=own),
        replace(test_row, test_options={'test_masks': None}),
    ]
    results = TableRunner(scale, data, None, [1], tmp_path / 'out', quiet).run(rows)
    oracle = results['acr-voc_train']['figures'][0]
    assert oracle['is_oracle'] and oracle['miou'] == pytest.approx(oracle['oracle']['miou'])
    assert len(results['acr-voc_train']['control']) == 1 and oracle['num_images'] <= 6
    assert set(results['acr-voc_val']['figures'][0]) >= {'miou', 'iou_boat'}
    assert 'Expected a test set with masks' in results['acr-voc_test']['missing']
    table = results_table(rows, results)
    assert f'| 67.30 | {100 * oracle["miou"]:.1f} |' in table
    elsewhere = str(Path(data).rename(tmp_path / 'shapes.py'))
    other = TableRunner(scale, elsewhere, None, [1], tmp_path / 'out', quiet).run(rows[:1])
    assert other['acr-voc_train']['figures'][0] != oracle  # on other data the row has that data's own test set


def test_tables_take_no_data_that_is_not_there(scale, tmp_path):
    with pytest.raises(FileNotFoundError, match='nope'):
        TableRunner(scale, 'nope', None, [1], tmp_path)


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
    command += ['--run', '4.10-0.3', '4.4b-sam', '--scale', scale, '--seeds', '1', '--work-dir', tmp_path / 'out']
    command += ['--data', data]
    planned = subprocess.run([*command, '--plan'], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert planned.returncode == 0 and '0 of 8 runs stand' in planned.stdout, planned
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 1, done.stderr[-2000:]  # SAM's weights are not there
    assert 'Lambda 0.3 | 38.55 |' in done.stdout
    name = '4.10-0.3_4.4b-sam'
    assert (tmp_path / f'out/{name}.md').read_text() in done.stdout
    content = read_json(tmp_path / f'out/{name}.json')
    assert content[0]['reported'] == 38.55 and len(content[0]['figures']) == 1 and 'missing' in content[1]
    wrong = subprocess.run([*command[:2], '--run', '9.9'], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert wrong.returncode == 2 and 'error: Expected a table of' in wrong.stderr
