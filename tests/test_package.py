"""The package as a whole: imports, dependencies, packaging."""

import ast
import graphlib
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
    ('visualization', 'exports'),
    ('engine',),
    ('prediction',),
    ('apis',),
    ('runs',),
    ('tables',),
    ('cli',),
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def module_name(path: Path, root: Path) -> str:
    return '.'.join(path.relative_to(root.parent).with_suffix('').parts).removesuffix('.__init__')


def module_imports(text: str, modules: set[str]) -> set[str]:
    """Modules of the package that a module imports: at its top, inside its functions, and for type checkers alone."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'a relative import in line {node.lineno}'
            inside = {f'{node.module}.{alias.name}' for alias in node.names}
            names |= {name if name in modules else node.module for name in inside}
    return names & modules


def import_graph(root: Path) -> dict[str, set[str]]:
    """Imports by module of a package."""
    files = {module_name(path, root): path.read_text() for path in root.rglob('*.py')}
    return {name: module_imports(text, set(files)) - {name} for name, text in files.items()}


def cycle_of(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one cycle; none where there is no cycle."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


GRAPH = import_graph(ROOT)


@pytest.mark.parametrize('name', sorted(GRAPH))
def test_imports_point_down(name):
    if name == 'mmwsss':
        return
    own = name.split('.')[1]
    above = {module for module in GRAPH[name] if module == 'mmwsss' or RANK[module.split('.')[1]] > RANK[own]}
    assert not above, f'{name} imports {above}, which stand above {own}'


def test_no_module_imports_itself_by_way_of_others():
    assert len(GRAPH) > 150 and sum(map(len, GRAPH.values())) > 300
    assert cycle_of(GRAPH) == []


def test_cycles_are_found_wherever_the_import_stands(tmp_path):
    root = tmp_path / 'house'
    root.mkdir()
    lazy = 'def f():\n    from house.a import x\n'
    for_types = 'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.a\n'
    for text in ('from house.a import x\n', 'from house import a\n', lazy, for_types):
        for name, content in {'__init__': '', 'a': 'import house.b\n', 'b': 'import house.c\n', 'c': text}.items():
            (root / f'{name}.py').write_text(content)
        assert set(cycle_of(import_graph(root))) == {'house.a', 'house.b', 'house.c'}, text
    (root / 'c.py').write_text('import os\n')
    assert cycle_of(import_graph(root)) == []


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
        'try:\n    CRFRefine(backend="pydensecrf")\n'
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


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light():
    heavy = ('torch', 'torchvision', 'mmcv', 'mmseg', 'mmpretrain', 'cv2', 'matplotlib')
    code = f'import sys, mmwsss\nprint([name for name in {heavy!r} if name in sys.modules], len(dir(mmwsss)) > 10)'
    assert run_python(code) == '[] True\n'


def test_eleven_public_names():
    names = [name for name in mmwsss.__all__ if name != '__version__']
    assert len(names) == 11 and set(names) <= set(dir(mmwsss))
    for name in names:
        assert getattr(mmwsss, name).__name__ == name and name in vars(mmwsss)
    with pytest.raises(AttributeError, match="module 'mmwsss' has no attribute 'make_pseudos'"):
        _ = mmwsss.make_pseudos


def test_type_checkers_see_the_public_names():
    (block,) = [node for node in ast.parse((ROOT / '__init__.py').read_text()).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == mmwsss._PLACES


def test_components_are_found_by_custom_imports():
    names = (
        'MODELS.CrossArchDistiller MODELS.FeatureProjectionNeck MODELS.CosineGlobalKTLoss MODELS.PCMHead '
        'TASK_UTILS.CAMGenerator TRANSFORMS.CRFRefine DATASETS.PseudoMaskDataset '
        'METRICS.WeakSegMetric HOOKS.ProgressHook'
    )
    code = (
        'from mmengine.utils import import_modules_from_strings\nimport_modules_from_strings(["mmwsss"])\n'
        'import mmengine.registry as registry\n'
        f'for name in {names!r}.split():\n'
        '    node, kind = name.split(".")\n'
        '    assert getattr(registry, node).get(f"mmwsss.{kind}").__name__ == kind, name\n'
    )
    run_python(code)


def test_hosts_and_scope_are_in_the_table_of_mmengine():
    code = (
        'import {0}\nimport {1}\nfrom mmengine.config.utils import MODULE2PACKAGE as table\n'
        'from mmwsss.utils.dependencies import installed_version\n'
        'assert table["mmwsss"] == "mmwsss"\n'
        'assert table["mmseg"] == installed_version("mmseg")[0]\n'
        'assert table["mmpretrain"] == installed_version("mmpretrain")[0]\n'
    )
    run_python(code.format('mmwsss', 'mmengine'))
    run_python(code.format('mmengine.config', 'mmwsss'))


@pytest.mark.parametrize('importer', ['torchvision', 'segment_anything', 'timm', 'open_clip', 'mmpretrain'])
def test_torchvision_is_cured_whoever_imports_it(importer):
    pytest.importorskip(importer)
    code = (
        f'import mmwsss, sys\nassert "torch" not in sys.modules\nimport {importer}\nimport torch, torchvision\n'
        'print(torchvision.ops.nms(torch.eye(4)[:1], torch.ones(1), 0.5).tolist())\n'
    )
    assert run_python(code).splitlines()[-1] == '[0]'


def test_nothing_is_done_to_a_torchvision_that_was_there():
    code = (
        'import sys, types\nsys.modules["torchvision"] = fake = types.ModuleType("torchvision")\n'
        'import mmwsss, torchvision\nassert torchvision is fake\n'
        'from mmwsss.utils import torchvision_ops\nprint(torchvision_ops._LIBRARY, "torch" in sys.modules)\n'
    )
    assert run_python(code) == 'None False\n'
