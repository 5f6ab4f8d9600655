"""Every command ends a wrong input with one line, which names what was expected and what it got."""

import re

import pytest

from mmwsss.cli.main import ANALYZE, CONVERT, analyses, converters, tools

PSEUDO, SMOKE = 'configs/pseudo/segmentor.py', 'configs/data/smoke5k_wsss.py'
WRONG = {
    'ablate': (['--run', '9.9-nothing'], '9.9-nothing'),
    'calibrate': ([PSEUDO, 'gone.pth', '--alpha', '2'], r'gone\.pth|alpha'),
    'choose': ([PSEUDO, '--checkpoints', 'a.pth', 'b.pth', '--peers', 'c.pth'], 'a network of --peers for each of 2'),
    'compare_runs': (['gone'], 'gone'),
    'evaluate_cam': ([PSEUDO, 'gone.pth', '--data', SMOKE], 'gone|data/'),
    'export': (['gone', '--format', 'voc', '--out', 'out'], 'gone'),
    'import': (['gone.json', '--format', 'review', '--masks', 'gone', '--out', 'out'], 'gone'),
    'lr_range': (['configs/gone.py'], r'gone\.py'),
    'make_pseudo': ([PSEUDO, 'gone.pth', '--out', 'out'], 'gone|data/'),
    'measure': ([PSEUDO, 'gone.pth', '--threshold', '0.5'], r'gone\.pth|data/'),
    'onnx': (['gone.pth', '--out', 'm.onnx'], r'gone\.pth'),
    'pipeline': (['configs/pipelines/folder.py', '--cfg-options', 'dataset_root=gone'], 'gone'),
    'predict': (['gone.pth', 'clip.mp4', '--out', 'out'], r'clip\.mp4'),
    'review': (['gone', '--out', 'page.html'], 'gone'),
    'set_threshold': (['gone.pth', '0.2', '--out', 'final.pth'], r'gone\.pth'),
    'suspects': (['--data', SMOKE, '--out', 'out', '--cfg-options', 'dataset_root=gone'], 'gone'),
    'test': (['configs/seg/lite0_pseudo.py', 'gone.pth', '--data', SMOKE], 'gone|data/'),
    'train': (['configs/vitb.py', '--cfg-options', 'epoch=3'], 'epoch'),
    f'{CONVERT} coco': (['gone', 'out'], 'gone'),
    f'{CONVERT} plume_scenes': (['out', '--train', '-1'], '-1'),
    f'{CONVERT} smoke5k': (['gone', 'out'], 'gone'),
    f'{CONVERT} smoke_frames': (['gone.json', 'gone', 'out'], 'gone'),
    f'{CONVERT} video_frames': (['gone', 'out'], 'gone'),
    f'{CONVERT} voc': (['gone'], 'gone'),
    f'{ANALYZE} analyze_logs': (['gone'], 'gone'),
    f'{ANALYZE} browse_dataset': (['configs/gone.py', '--out', 'out'], r'gone\.py'),
    f'{ANALYZE} confusion_matrix': (['configs/seg/lite0_pseudo.py', 'gone.pth'], 'gone|data/'),
    f'{ANALYZE} difference': (['--first', 'gone', '--second', 'other'], 'gone'),
    f'{ANALYZE} get_flops': (['configs/vitb.py', '--shape', '0'], '0'),
}


def test_no_command_is_left_out():
    known = {*tools(), *(f'{CONVERT} {name}' for name in converters()), *(f'{ANALYZE} {name}' for name in analyses())}
    assert known == {*WRONG, 'check_data'}


def test_a_check_says_what_is_wrong(call, tmp_path):
    code, output, errors = call('check_data', tmp_path / 'gone')
    assert code == 1 and not errors
    assert 'problem: train: Expected a folder with one sub-folder a class' in output and 'would fail' in output


@pytest.mark.parametrize('command', WRONG)
def test_a_wrong_input_is_one_line(command, refused, tmp_path, monkeypatch):
    words, message = WRONG[command]
    monkeypatch.chdir(tmp_path)
    line = refused(*command.split(), *words)
    assert re.search(message, line), line
    assert not any(path.is_file() for path in tmp_path.rglob('*')), list(tmp_path.rglob('*'))
