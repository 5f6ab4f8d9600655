"""The package as a whole: imports, dependencies, packaging."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mmwsss
from mmwsss.utils import dependencies

ROOT = Path(mmwsss.__file__).parent
LAYERS = [
    ('version', 'utils'),
    ('weights',),
    ('config',),
    ('registry',),
    ('structures',),
    ('datasets',),
    ('models',),
    ('cam',),
    ('refine',),
    ('evaluation',),
    ('pseudo',),
    ('engine',),
    ('visualization', 'exports'),
    ('apis',),
    ('runs',),
    ('tables',),
    ('cli',),
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imported(path: Path) -> set[str]:
    """Sub-packages of mmwsss that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        modules = []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        names |= {module.split('.')[1] for module in modules if module.startswith('mmwsss.')}
    return names


@pytest.mark.parametrize('path', sorted(ROOT.rglob('*.py')), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    own = path.relative_to(ROOT).parts[0].removesuffix('.py')
    if own == '__init__':
        return
    above = {name for name in imported(path) if RANK[name] > RANK[own]}
    assert not above, f'{path} imports {above}, which stand above {own}'


def test_every_module_is_small():
    long = {str(p.relative_to(ROOT)): n for p in ROOT.rglob('*.py') if (n := len(p.read_text().splitlines())) > 320}
    assert not long


def test_no_literal_ignore_label():
    for path in ROOT.rglob('*.py'):
        if path.name in ('metainfo.py',):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                values = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
                assert 255 not in values, f'{path}: compare with IGNORE_LABEL'


def test_import_without_optional_packages():
    code = (
        'import sys\n'
        'for name in ("segment_anything", "pydensecrf", "open_clip", "pycocotools"): sys.modules[name] = None\n'
        'import mmwsss, mmwsss.refine, mmwsss.apis, mmwsss.tables.runner\n'
        'from mmwsss.refine import CRFRefine\n'
        'try:\n    CRFRefine()\n'
        'except ImportError as error:\n    print("MESSAGE", error)\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 'MESSAGE CRFRefine needs the package pydensecrf. Install it with: pip install "mmwsss[crf]"' in done.stdout


def test_missing_and_wrong_host(monkeypatch):
    monkeypatch.setattr(dependencies, 'HOSTS', {'nothere': (('nothere-dist',), '1', '2')})
    with pytest.raises(ImportError, match='mmwsss needs the package nothere.*pip install nothere-dist'):
        dependencies.check_dependencies()
    monkeypatch.setattr(dependencies, 'HOSTS', {'torch': (('torch',), '99', '100')})
    with pytest.raises(ImportError, match=r'Expected torch >= 99, < 100, but got 2\.'):
        dependencies.check_dependencies()


def test_torchvision_nms():
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.1])
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert torchvision.ops.batched_nms(boxes, scores, torch.tensor([0, 1, 0]), 0.5).tolist() == [1, 0, 2]


def test_plain_nms_empty():
    import torch

    from mmwsss.utils.torchvision_ops import plain_nms

    assert plain_nms(torch.zeros(0, 4), torch.zeros(0), 0.5).shape == (0,)


@pytest.mark.parametrize('tool', ['train', 'test', 'make_pseudo', 'pipeline', 'evaluate_cam', 'ablate', 'lr_range'])
def test_console_command_help_from_any_folder(tool, tmp_path):
    command = [
        sys.executable,
        '-c',
        f'import sys; sys.argv = ["mmwsss", "{tool}", "--help"]\nfrom mmwsss.cli.main import main\nmain()',
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'usage:' in done.stdout
