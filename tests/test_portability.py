"""Windows and macOS, as far as Linux can play them: other modules, processes, drives, encodings."""

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch.multiprocessing as mp
from conftest import SMALL, toy_variables, write_masks
from mmengine.registry import DATASETS, init_default_scope

import mmwsss
from mmwsss.apis import training
from mmwsss.config import load_config
from mmwsss.engine.hooks.set_epoch import seeded_transforms
from mmwsss.exports import ExportOptions, MaskFolder, label_studio
from mmwsss.pseudo import RefineSettings, refine_pool
from mmwsss.pseudo.cam_source import CamItem
from mmwsss.pseudo.refine_worker import RefineWorker
from mmwsss.structures import mask_names
from mmwsss.utils.files import atomic_write, path_below

PACKAGE = Path(mmwsss.__file__).parent
ROOT = PACKAGE.parent
SOURCES = [*PACKAGE.rglob('*.py'), *(ROOT / 'tools').rglob('*.py'), ROOT / 'mmwsss_lite.py', ROOT / 'setup.py']
UNIX_MODULES = {'fcntl', 'resource', 'pwd', 'grp', 'termios', 'tty', 'pty', 'syslog', 'readline', 'posix'}
UNIX_NAMES = {
    'fork', 'forkpty', 'sched_getaffinity', 'sched_setaffinity', 'getloadavg', 'sysconf', 'uname', 'getuid', 'geteuid',
    'getpgid', 'setsid', 'killpg', 'mkfifo', 'nice', 'wait3', 'wait4', 'chown', 'statvfs', 'SIGKILL', 'SIGHUP',
    'SIGALRM', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGCHLD',
}  # fmt: skip
SPAWN = pytest.mark.skipif('MMWSSS_SPAWN' not in os.environ, reason='slow: MMWSSS_SPAWN=1, as make soak has')
GUARDED = {('work_group.py', 'sched_getaffinity')}  # behind hasattr


def nodes(path):
    return list(ast.walk(ast.parse(path.read_text(encoding='utf-8'))))


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: path.stem)
def test_nothing_is_used_that_only_unix_has(path):
    for node in nodes(path):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert not UNIX_MODULES & set(modules), f'line {node.lineno}'
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ('os', 'signal'):
            assert node.attr not in UNIX_NAMES or (path.name, node.attr) in GUARDED, f'line {node.lineno}'
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.startswith(('/proc/', '/dev/', '/tmp')), f'line {node.lineno}'


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: path.stem)
def test_text_files_have_an_encoding(path):
    """Without one it is that of the machine: cp1252 on many."""
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')
        given = {keyword.arg for keyword in node.keywords}
        if name in ('read_text', 'write_text'):
            assert 'encoding' in given or node.args[name == 'write_text' :], f'line {node.lineno}'
        elif isinstance(node.func, ast.Name) and name == 'open':
            mode = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else 'r'
            assert 'b' in mode or 'encoding' in given, f'line {node.lineno}'


def test_what_a_terminal_shows_before_any_work_is_ascii():
    """Help texts are printed before a session has said what becomes of letters that the terminal lacks."""
    for path in (*(ROOT / 'tools').rglob('*.py'), *(PACKAGE / 'cli').glob('*.py')):
        assert path.read_text(encoding='utf-8').isascii(), path


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr.decode('utf-8', 'replace')[-2000:]
    return done.stdout


@pytest.mark.parametrize('encoding', ['cp1252', 'ascii'])
def test_a_console_without_the_letters_ends_no_tool(encoding):
    code = "from mmwsss.cli.session import tool_session\nwith tool_session():\n    print('дым – été ±')\n"
    text = run(code, PYTHONIOENCODING=encoding, PYTHONUTF8='0')
    assert text.startswith(b'\\u0434\\u044b\\u043c') and (b'\xe9t\xe9 \xb1' in text) == (encoding == 'cp1252')


def test_every_module_is_imported_and_folders_are_locked_without_modules_of_unix(tmp_path):
    code = (
        'import importlib, os, pkgutil, sys, warnings\n'
        'import mmwsss, torch, torchvision, multiprocessing.pool, subprocess, mmseg, mmpretrain, matplotlib, scipy\n'
        'import timm, PIL.Image, cv2, asyncio, mmpretrain.models, mmseg.models, mmseg.apis\n'  # others may use them
        f'for name in {sorted(UNIX_MODULES)!r}: sys.modules[name] = None\n'
        f'for name in {sorted(UNIX_NAMES)!r}:\n    if hasattr(os, name): delattr(os, name)\n'
        'for name in [name for name in sys.modules if name.split(".")[0] in ("filelock", "mmwsss")]:\n'
        '    del sys.modules[name]\n'
        'warnings.simplefilter("ignore")\n'
        'from mmengine import registry\n'
        'for node in vars(registry).values():\n'
        '    for child in getattr(node, "_children", {}).copy() if isinstance(node, registry.Registry) else ():\n'
        '        if child == "mmwsss": del node._children[child]\n'
        'import mmwsss\n'
        'names = [m.name for m in pkgutil.walk_packages(mmwsss.__path__, "mmwsss.")]\n'
        'for name in names: importlib.import_module(name)\n'
        'from mmwsss.utils.files import locked\n'
        'from mmwsss.pseudo.work_group import cores_of_this_process\n'
        f'with locked({str(tmp_path / "run")!r}):\n    print(len(names), cores_of_this_process() > 0)\n'
    )
    number, cores = run(code).split()[-2:]
    assert int(number) > 250 and cores == b'True'


def settings(out_dir):
    return RefineSettings(
        out_dir, ('smoke',), {'type': 'mmwsss.LayerFusion'}, {'type': 'mmwsss.ThresholdMask', 'threshold': 0.3},
        [{'type': 'mmwsss.ThresholdMask', 'threshold': 0.5}], False,
    )  # fmt: skip


def items():
    rng = np.random.default_rng(0)
    for index in range(3):
        maps, img = rng.random((1, 1, 8, 8), dtype=np.float32), rng.integers(0, 255, (8, 8, 3), np.uint8)
        info = {'img_path': f'{index}.jpg', 'gt_label': np.array([0])}
        yield CamItem(index, info, img, maps, maps.max((2, 3))[0], np.array([0]), {}), f'{index}.png'


def masks_of(folder, records):
    assert [record.status for record in records] == ['ok'] * 3
    return [(folder / record.mask_path).read_bytes() for record in records]


def test_a_refining_process_can_build_its_own_refiners(tmp_path):
    """Elsewhere than on Linux nothing is inherited: settings, images and records travel as bytes."""
    sent = pickle.loads(pickle.dumps([settings(tmp_path / 'b'), list(items())]))
    records = [RefineWorker(sent[0])(*item) for item in sent[1]]
    own = RefineWorker(settings(tmp_path / 'a'))
    expected = masks_of(tmp_path / 'a', [own(*item) for item in items()])
    assert masks_of(tmp_path / 'b', pickle.loads(pickle.dumps(records))) == expected


@SPAWN
def test_refining_processes_that_are_started_anew_give_the_same_masks(tmp_path, monkeypatch):
    found = {}
    for platform in ('linux', 'win32'):
        monkeypatch.setattr(refine_pool, 'sys', SimpleNamespace(platform=platform))  # for this module alone
        folder = tmp_path / platform
        records = list(refine_pool.refine_in_pool(RefineWorker(settings(folder)), items(), 1))
        found[platform] = masks_of(folder, records)
    assert found['linux'] == found['win32']


@pytest.mark.parametrize('config', ['configs/vitb.py', 'configs/r50_pcm_pairs.py', 'configs/seg/lite0_plumes.py'])
def test_training_sets_reach_loaders_that_are_started_anew(config, toy):
    scale = None if 'seg' in config else 'small'
    options = {'img_size': 32, 'batch_size': 4, 'pretrained': False}
    cfg = load_config(config, options, data=toy_variables(toy), scale=scale)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    for transform in seeded_transforms(dataset):
        transform.set_epoch(0)
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(copy) == len(dataset) and copy[0]['inputs'].shape == dataset[0]['inputs'].shape


def small_training(root):
    net = {'embed_dims': 32, 'num_layers': 1, 'pretrained': False, 'num_workers': 1}
    return load_config('configs/vitb.py', {**SMALL, **net}, data=toy_variables(root), scale='small')


@pytest.mark.parametrize(('platform', 'method'), [('darwin', 'spawn'), ('linux', 'fork')])
def test_macos_does_not_fork(platform, method, toy, monkeypatch):
    monkeypatch.setattr(training, 'sys', SimpleNamespace(platform=platform))
    assert training.prepare(small_training(toy), 'work').env_cfg.mp_cfg.mp_start_method == method


@SPAWN
@pytest.mark.filterwarnings('ignore')
def test_macos_trains_with_processes_that_are_started_anew(toy, tmp_path, monkeypatch):
    method = mp.get_start_method(allow_none=True)
    monkeypatch.setattr(training, 'sys', SimpleNamespace(platform='darwin'))
    try:
        assert training.train(small_training(toy), tmp_path / 'work').iter == 3
        assert mp.get_start_method() == 'spawn'
    finally:
        mp.set_start_method(method, force=True)


@pytest.fixture
def two_drives(monkeypatch):
    """No path leads from one folder to another, as from C: to D:."""

    def no_way(*arguments):
        raise ValueError("path is on mount 'C:', start on mount 'D:'")

    monkeypatch.setattr(os.path, 'relpath', no_way)
    monkeypatch.setattr(os.path, 'commonpath', no_way)


def test_images_on_another_drive_lie_outside(two_drives, tmp_path):
    assert path_below('/x/a.jpg', '/y') == '/x/a.jpg'
    assert mask_names(['/x/a.jpg'], '/y') == [None]


@pytest.fixture
def folder(tmp_path):
    return MaskFolder(write_masks(tmp_path, {'a.jpg': np.eye(4, dtype=np.uint8)}, ['smoke']))


def test_label_studio_says_that_pictures_lie_on_two_drives(folder, two_drives, tmp_path):
    with pytest.raises(ValueError, match='Expected images on one drive, or a document root, but path is on mount'):
        label_studio.write(folder, tmp_path / 'out', ExportOptions())


def test_text_has_the_same_bytes_on_every_system(tmp_path, monkeypatch):
    opened = {}
    fdopen = os.fdopen
    monkeypatch.setattr(os, 'fdopen', lambda *args, **kwargs: opened.update(kwargs) or fdopen(*args, **kwargs))
    with atomic_write(tmp_path / 'a.txt') as handle:
        handle.write('é\n')
    assert (opened['newline'], opened['encoding']) == ('\n', 'utf-8')  # None would be the system's own line end
    assert (tmp_path / 'a.txt').read_bytes() == b'\xc3\xa9\n'
    with atomic_write(tmp_path / 'a.bin', 'wb') as handle:
        handle.write(b'\r\n')
    assert (tmp_path / 'a.bin').read_bytes() == b'\r\n'
