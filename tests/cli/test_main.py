"""The command ``mmwsss`` and the help of every tool."""

import importlib.machinery
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mmwsss.cli.main import analyses, converters, main, tools
from mmwsss.version import __version__

HEAVY = ('torch', 'torchvision', 'mmcv', 'mmseg', 'mmpretrain', 'cv2', 'matplotlib')
WORDS = [
    *([name] for name in tools()),
    *(['convert', name] for name in converters()),
    *(['analyze', name] for name in analyses()),
]
CONFIG_TOOLS = ('train', 'test', 'make_pseudo', 'pipeline', 'evaluate_cam', 'ablate', 'lr_range')


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, 'argv', ['mmwsss', *words])
    main()


def in_new_process(words, folder):
    """Run the command; its output, and the heavy modules that it imported."""
    code = (
        f'import json, sys\nsys.argv = {["mmwsss", *words]!r}\nfrom mmwsss.cli.main import main\n'
        'try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n'
        f'print("HEAVY", json.dumps([name for name in {HEAVY!r} if name in sys.modules]))\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stderr
    output, _, heavy = done.stdout.rpartition('HEAVY ')
    return output, json.loads(heavy)


@pytest.mark.parametrize('words', WORDS, ids=' '.join)
def test_help_is_light_and_has_an_example(words, tmp_path):
    output, heavy = in_new_process([*words, '--help'], tmp_path)
    command = ' '.join(['mmwsss', *words])
    assert heavy == []
    assert output.startswith(f'usage: {command} [-h]')
    assert f'example:\n  {command} ' in output and 'MMWSSS_TRACEBACK=1' in output
    if words[0] in CONFIG_TOOLS:
        assert '--data FILE' in output and '--scale FILE' in output and '--cfg-options NAME=VALUE' in output


def test_tools_are_the_known_ones():
    assert set(CONFIG_TOOLS) | {'compare_runs', 'onnx'} <= set(tools())
    assert tools()['onnx'].name == 'to_onnx.py' and 'to_onnx' not in tools()
    assert {'voc', 'coco', 'smoke5k', 'smoke_frames', 'video_frames', 'plume_scenes'} <= set(converters())


def test_own_help_describes_every_tool(tmp_path):
    output, heavy = in_new_process(['--help'], tmp_path)
    assert heavy == []
    for name in (*tools(), *converters(), *analyses()):
        (line,) = [line for line in output.splitlines() if line.split()[:1] == [name]]
        assert len(line.split()) > 4, f'{name} has no description'


def test_no_tool_shadows_a_package():
    """Python puts the folder of a script before all others: tools/onnx.py would be what ``import onnx`` finds."""
    folders = [folder for folder in sys.path if 'packages' in Path(folder).name]
    for path in (*tools().values(), *converters().values(), *analyses().values()):
        assert importlib.machinery.PathFinder.find_spec(path.stem, folders) is None, path


def test_version(monkeypatch, capsys):
    call(monkeypatch, '--version')
    assert capsys.readouterr().out == f'mmwsss {__version__}\n'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'error: Expected a tool, but got none. See mmwsss --help.'),
        (['trian'], 'but got trian, nearest to train. See mmwsss --help.'),
        (['convert'], 'error: Expected a data set after convert, but got none.'),
        (['convert', 'vok'], 'but got vok, nearest to voc.'),
        (['analyze'], 'error: Expected an analysis after analyze, but got none.'),
        (['analyze', 'flops'], 'but got flops, nearest to get_flops.'),
        (['../tools/train'], 'error: Expected a tool of '),
        (['to-onnx'], 'but got to-onnx, nearest to onnx.'),
    ],
)
def test_bad_words(monkeypatch, capsys, words, message):
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, *words)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_convert_from_any_folder(tmp_path):
    words = ['convert', 'plume-scenes', 'out', '--train', '2', '--val', '1', '--test', '1', '--size', '32']
    in_new_process(words, tmp_path)
    assert len(list((tmp_path / 'out').rglob('*.png')) + list((tmp_path / 'out').rglob('*.jpg'))) >= 4
