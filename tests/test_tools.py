"""The tools as a user calls them: exit codes, messages, and a wheel that works from any folder."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import toy_data_file

ROOT = Path(__file__).parents[1]


def run(*arguments, cwd=ROOT, **kwargs):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=cwd, **kwargs)


def options(variables):
    return ['--cfg-options', *(f'{key}={value}' for key, value in variables.items())]


TINY = {'img_size': 32, 'epochs': 1, 'num_workers': 0, 'batch_size': 4, 'embed_dims': 32, 'num_layers': 1}


def test_train_then_make_pseudo(toy, tmp_path):
    work_dir, out = tmp_path / 'work', tmp_path / 'masks'
    data = toy_data_file(toy)
    command = ['tools/train.py', 'configs/vitb.py', '--data', data, '--scale', 'small', '--work-dir', work_dir]
    done = run(*command, *options({**TINY, 'head_type': 'mmwsss.PooledHead'}))
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'Exp name: vitb' in done.stdout + done.stderr
    checkpoint = work_dir / 'epoch_1.pth'
    small = ['--data', data, *options({'img_size': 32, 'scales': '[1.0]', 'size_divisor': 8})]
    (toy / 'img' / 'train' / 'sub0' / 'picture 4.jpg').write_bytes(b'spoilt')
    command = ['tools/make_pseudo.py', 'configs/pseudo/gradcam_ms_crf.py', checkpoint, '--out', out, *small]
    done = run(*command)
    assert done.returncode == 1, done.stderr[-2000:]
    assert '"ok": 11, "failed": 1' in done.stdout and 'unrefined: iou_image' in done.stdout
    assert '1 images failed; the reasons are in' in done.stderr
    assert 'pseudo masks: ' in done.stderr and '\r' not in done.stderr  # plain lines where there is no terminal
    refused = run(*command, 'threshold=0.2')
    assert refused.returncode == 2
    assert 'error: The masks in' in refused.stderr and 'Traceback' not in refused.stderr
    figures = run('tools/evaluate_cam.py', 'configs/pseudo/gradcam_ms.py', checkpoint, '--split', 'pseudo',
                  '--out', tmp_path / 'f.json', *small)  # fmt: skip
    assert figures.returncode == 2 and 'picture 4.jpg: it is not an image file' in figures.stderr


@pytest.mark.parametrize(
    ('config', 'more', 'message'),
    [
        ('configs/ts_vitb_r50_cos_global.py', {'teacher_checkpoint': 'no.pth'},
         'error: Expected the trained teacher in no.pth, but there is no such file. '
         'Make it with: python tools/train.py configs/r50_pcm.py --scale small'),
        ('configs/vitb.py', {'train_ann': 'gone.json'}, 'error: Expected a label file'),
        ('configs/vitb.py', {'num_classes': 2}, 'error: Expected labels of 2 classes'),
        ('configs/nope.py', {}, 'error: Expected a config configs/nope.py'),
        ('configs/seg/segformer_mit-b0_pseudo-512x512.py', {'pseudo_root': 'gone', 'pretrained': False},
         'error: Expected pseudo masks in gone'),
    ],
)  # fmt: skip
def test_clear_errors(config, more, message, toy, tmp_path):
    tiny = TINY if 'seg' not in config else {}
    command = ['tools/train.py', config, '--data', toy_data_file(toy), '--scale', 'small', '--work-dir', tmp_path / 'w']
    done = run(*command, *options({**tiny, **more}))
    assert done.returncode == 2
    assert message in done.stderr and 'Traceback' not in done.stderr


def test_bad_training_images_are_named_before_training(toy, tmp_path):
    (toy / 'img' / 'train' / 'sub0' / 'picture 4.jpg').write_bytes(b'')
    command = ['tools/train.py', 'configs/vitb.py', '--data', toy_data_file(toy), '--scale', 'small']
    done = run(*command, '--work-dir', tmp_path / 'w', *options(TINY))
    assert done.returncode == 2
    assert '1 of 12 images of' in done.stderr and 'picture 4.jpg: the file is empty' in done.stderr


def test_wheel_carries_configs_and_tools(tmp_path):
    done = run('-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w', tmp_path, str(ROOT))
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = tmp_path.glob('mmwsss-*.whl')
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / 'installed')
    kinds = ('.py', '.yml', '.sh')
    carried = [path for name in ('configs', 'tools') for path in (ROOT / name).rglob('*') if path.suffix in kinds]
    for path in (*carried, ROOT / 'model-index.yml', ROOT / 'dataset-index.yml'):
        assert f'mmwsss/.mim/{path.relative_to(ROOT)}' in names
    assert 'mmwsss/visualization/report.html' in names
    assert 'mmwsss/py.typed' in names
    code = (
        f'import sys; sys.path.insert(0, {str(tmp_path / "installed")!r})\n'
        'import mmwsss, json\nfrom mmwsss.config import load_config\n'
        'cfg = load_config("configs/ts_vitb_r50_cos_global.py")\n'
        'print(json.dumps([mmwsss.__file__, cfg.filename, cfg.model.type]))\n'
    )
    done = run('-c', code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    module, config, kind = json.loads(done.stdout.splitlines()[-1])
    listed = run('-c', code.splitlines()[0] + '\nsys.argv[1:] = ["--help"]\nfrom mmwsss.cli.main import main; main()')
    assert '  train ' in listed.stdout and '  voc ' in listed.stdout, listed.stderr  # converters too
    assert 'installed' in module and 'installed' in config and kind == 'mmwsss.CrossArchDistiller'
