"""The tools around exports as a user calls them."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import write_masks
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a tool in this process: (exit code, output, errors)."""

    def call(tool, *arguments):
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(str(ROOT / 'tools' / f'{tool}.py'), run_name='__main__')
        except SystemExit as exit_:
            code = exit_.code
        return (code, *capsys.readouterr())

    return call


def test_export_then_import(run, tmp_path):
    folder = write_masks(tmp_path, {'été/x.jpg': np.eye(9, dtype=np.uint8)}, ['smoke'])
    code, out, _ = run('export', folder, '--format', 'coco', '--out', tmp_path / 'out', '--tolerance', '0.5')
    assert code == 0 and 'images: 1\nannotations: 9\n' in out
    command = ['import', tmp_path / 'out', '--format', 'coco', '--masks', folder, '--out', tmp_path / 'back']
    code, out, _ = run(*command)
    assert (code, out) == (0, '1 corrected, 0 changed, 0 rejected, 0 untouched\n')
    code, _, errors = run(*command)
    assert code == 2 and errors.startswith('error: Expected a new folder for corrected masks')


def test_review(run, tmp_path):
    folder = write_masks(tmp_path, {'x.jpg': np.eye(9, dtype=np.uint8), 'y.jpg': np.eye(4, dtype=np.uint8)}, ['smoke'])
    page = tmp_path / 'review.html'
    code, out, _ = run('review', folder, '--out', page, '--limit', '1', '--positives-only')
    assert code == 0 and out == f'{page}: 1 of 2 images, 0 of them with maps, 0.0 MB\n' and page.is_file()
    code, _, errors = run('review', tmp_path / 'gone', '--out', page)
    assert code == 2 and errors.startswith('error: Expected a folder of masks with run.json')


def test_to_onnx(run, tmp_path):
    pytest.importorskip('onnxruntime')
    from test_onnx import checkpoint, pictures

    path, model = checkpoint(tmp_path, 'mit'), tmp_path / 'm.onnx'
    (tmp_path / 'pictures').mkdir()
    Image.fromarray(pictures(1)[0]).save(tmp_path / 'pictures' / 'x.png')
    arguments = ['to_onnx', path, '--out', model, '--pictures', tmp_path / 'pictures', '--size', '32', '64']
    code, out, errors = run(*arguments)
    assert code == 0, errors
    assert 'labels_alike: 1\n' in out and f'bytes: {model.stat().st_size}' in out
    code, _, errors = run('to_onnx', path, '--out', model, '--pictures', tmp_path / 'none')
    assert code == 2 and errors.startswith('error: Expected pictures in ')


@pytest.mark.parametrize('tool', ['export', 'import', 'review', 'to_onnx'])
def test_help_has_an_example(run, tool):
    code, out, _ = run(tool, '--help')
    assert code == 0 and 'example:' in out and f'{tool}' in out


def test_choices_of_the_tools_are_those_of_the_package(run):
    from mmwsss.exports import FORMATS
    from mmwsss.exports.options import EMPTY, IMAGES
    from mmwsss.exports.transfer import EXPORTS
    from mmwsss.visualization.review import ORDERS

    for tool, *choices in (('export', EXPORTS, IMAGES), ('import', FORMATS, EMPTY), ('review', ORDERS)):
        text = run(tool, '--help')[1]
        assert all('{' + ','.join(names) + '}' in text for names in choices), tool
