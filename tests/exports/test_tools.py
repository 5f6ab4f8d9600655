"""Export and import as a user calls them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from conftest import write_masks

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)


def test_export_then_import(tmp_path):
    folder = write_masks(tmp_path, {'été/x.jpg': np.eye(9, dtype=np.uint8)}, ['smoke'])
    done = run('tools/export.py', folder, '--format', 'coco', '--out', tmp_path / 'out', '--tolerance', '0.5')
    assert done.returncode == 0, done.stderr
    assert 'images: 1\nannotations: 9\n' in done.stdout
    command = ['tools/import.py', tmp_path / 'out', '--format', 'coco', '--masks', folder, '--out', tmp_path / 'back']
    done = run(*command)
    assert done.returncode == 0 and done.stdout.endswith('1 corrected, 0 changed, 0 rejected, 0 untouched\n'), (
        done.stderr
    )
    again = run(*command)
    assert again.returncode == 2 and again.stderr.startswith('error: Expected a new folder for corrected masks')


def test_help_has_an_example():
    for tool in ('export', 'import'):
        done = run(f'tools/{tool}.py', '--help')
        assert done.returncode == 0 and f'Example: mmwsss {tool} ' in done.stdout
