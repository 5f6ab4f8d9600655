"""Configs as MMEngine reads them, and what a child's variable reaches."""

import json
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest
from mmengine.config import Config

import mmwsss
from mmwsss.config import ConfigError, config_variables, find_config, load_config
from mmwsss.config.kinds import TRAINED, USED
from mmwsss.config.tree import ConfigTree

ROOT = Path(mmwsss.__file__).parents[1]
CONFIGS = sorted((ROOT / 'configs').rglob('*.py'))
# a pipeline's base computes its runs from variables that the pipeline sets, which MMEngine does not carry into bases;
# nothing but load_pipeline reads one
STOCK = [path for path in CONFIGS if ConfigTree(path).evaluate().get('kind') != 'pipeline']
USABLE = [path for path in CONFIGS if path.parent.name not in ('_base_', 'data', 'scales')]


def name_of(path):
    return str(path.relative_to(ROOT / 'configs'))


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize('path', STOCK, ids=name_of)
def test_a_config_is_what_mmengine_reads(path):
    ours = load_config(path)
    stock = Config.fromfile(path)
    assert ours.to_dict() == stock.to_dict()
    assert ours.filename == str(path)


def test_names_are_unique():
    names = [path.stem for path in CONFIGS]
    assert sorted(names) == sorted(set(names))  # `mim train mmwsss NAME` takes the only one


@pytest.mark.parametrize('path', USABLE, ids=name_of)
def test_a_config_says_what_it_is(path):
    config = load_config(path)
    assert config.kind in USED
    if config.kind == 'pipeline':
        return
    folders = {'pseudo': ('pseudo',), 'affinity': ('affinity',), 'seg': ('segmentor',), 'configs': ('classifier',)}
    assert config.kind in folders[path.parent.name]
    for name, source in config.get('needs', {}).items():
        assert name in config_variables(path)
        assert source == 'pseudo' or load_config(source).kind in TRAINED
    if config.get('control'):
        assert load_config(config.control).kind == 'classifier'
        assert 'control' not in load_config(config.control)
    used = json.dumps(config.to_dict(), default=str)
    for kind, name in (('CrossArchDistiller', 'teacher_checkpoint'), ('AffinityRefine', 'affinity_checkpoint')):
        learns = f'mmwsss.{kind}' in used and '"paradigm": "co"' not in used and config.kind != 'affinity'
        is_step = kind != 'AffinityRefine' or any(
            s.type == f'mmwsss.{kind}' for s in config.get('pseudo', {}).get('refine', [])
        )
        assert (name in config.get('needs', {})) == (learns and is_step)


@pytest.mark.parametrize('base', [str(ROOT / 'configs/r50_pcm.py'), 'mmwsss::r50_pcm.py'])
def test_a_childs_variable_reaches_its_bases(base, tmp_path):
    child = write(
        tmp_path / 'mine.py', f"_base_ = {base!r}\nepochs = 5\ndataset_root = '/data/two  blanks'\nbatch_size = 3\n"
    )
    config = load_config(child)
    assert config.train_cfg.max_epochs == config.epochs == 5
    assert config.train_dataloader.dataset.data_root == config.val_dataloader.dataset.data_root == '/data/two  blanks'
    assert config.train_dataloader.batch_size == config.auto_scale_lr.base_batch_size == 3
    grandchild = write(tmp_path / 'more.py', "_base_ = './mine.py'\nepochs = 7\n")
    config = load_config(grandchild)
    assert config.train_cfg.max_epochs == 7 and config.train_dataloader.batch_size == 3
    assert load_config(grandchild, {'epochs': 9}).train_cfg.max_epochs == 9
    assert load_config(grandchild, ['epochs=9']).train_cfg.max_epochs == 9
    assert config_variables(grandchild)['epochs'] == 7
    assert load_config('configs/r50_pcm.py').train_cfg.max_epochs == 2


def test_a_childs_variable_acts_or_is_refused(tmp_path):
    base = f'_base_ = {str(ROOT / "configs/r50_pcm.py")!r}\n'
    with pytest.raises(ConfigError, match=r'act in .*slip\.py, but got epoch: it changes nothing.*Near it: epochs'):
        load_config(write(tmp_path / 'slip.py', base + 'epoch = 3\n'))
    with pytest.raises(ConfigError, match=r'but got epochs: it is overruled by own\.py'):
        load_config(write(tmp_path / 'own.py', base + 'epochs = 3\ntrain_cfg = dict(_delete_=True, max_epochs=5)\n'))
    width = write(tmp_path / 'width.py', base + 'width = 64\nmodel = dict(head=dict(feature_channels=width))\n')
    assert load_config(width).model.head.feature_channels == 64
    described = write(tmp_path / 'described.py', base + "test_img = None\ntest_ann = None\ntrain_masks = 'masks'\n")
    assert load_config(described).test_dataloader is None  # not all of a data set's description is needed


@pytest.mark.parametrize('name', ['seg/lite0_plumes_pseudo', 'vitb', 'pseudo/segmentor'])
def test_a_config_that_was_written_out_is_read_back(name, tmp_path):
    config = load_config(f'configs/{name}.py')
    written = tmp_path / 'written.py'
    Config(config.to_dict()).dump(written)  # as training does in its work folder
    assert load_config(written).to_dict() == config.to_dict()


def test_errors_name_file_and_line(tmp_path):
    base = f'_base_ = {str(ROOT / "configs/vitb.py")!r}\n'
    with pytest.raises(NameError) as caught:
        load_config(write(tmp_path / 'name.py', base + '\nmodel = dict(depth=dephth)\n'))
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.lineno) == (str(tmp_path / 'name.py'), 3) and 'dephth' in frame.line
    with pytest.raises(SyntaxError) as broken:
        load_config(write(tmp_path / 'syntax.py', base + 'model = dict(\n'))
    assert (broken.value.filename, broken.value.lineno) == (str(tmp_path / 'syntax.py'), 2)
    with pytest.raises(FileNotFoundError, match=r'Expected the base .*none\.py of .*child\.py'):
        load_config(write(tmp_path / 'child.py', "_base_ = './none.py'\n"))
    with pytest.raises(FileNotFoundError, match=r'vitmini\.py of .*, but it is gone: use configs/vitb\.py with'):
        load_config(write(tmp_path / 'old.py', f'_base_ = {str(ROOT / "configs/vitmini.py")!r}\n'))
    with pytest.raises(ConfigError, match=r'without a circle in .*round\.py'):
        load_config(write(tmp_path / 'round.py', "_base_ = './round.py'\n"))
    two = f'_base_ = [{str(ROOT / "configs/vitb.py")!r}, {str(ROOT / "configs/r50.py")!r}]\n'
    with pytest.raises(KeyError, match='different keys'):
        load_config(write(tmp_path / 'two.py', two))
    with pytest.raises(ConfigError, match=r"Expected a kind of .* in .*kind\.py, but got 'teacher'"):
        load_config(write(tmp_path / 'kind.py', "kind = 'teacher'\n"))
    with pytest.raises(FileNotFoundError, match=r'Expected a config configs/no\.py, but found none in'):
        find_config('configs/no.py')


def test_nothing_is_copied_and_nothing_is_shared(tmp_path, monkeypatch):
    child = write(
        tmp_path / 'child.py',
        f'_base_ = {str(ROOT / "configs/vitb.py")!r}\n'
        "_base_.train_pipeline.insert(1, dict(type='RandomFlip', prob=0.5))\n"
        'train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))\n',
    )
    monkeypatch.setattr(tempfile, 'TemporaryDirectory', None)
    monkeypatch.setattr(tempfile, 'NamedTemporaryFile', None)
    first, second = load_config(child), load_config(child)
    assert len(first.train_dataloader.dataset.pipeline) == len(second.train_dataloader.dataset.pipeline) == 4
    first.model.head.num_classes = 99
    assert load_config(child).model.head.num_classes == 1
    child.write_text(f'_base_ = {str(ROOT / "configs/vitb.py")!r}\nlr = 0.25\n')  # an edit is seen
    assert load_config(child).optim_wrapper.optimizer.lr == 0.25


def test_configs_of_hosts_and_of_other_forms(tmp_path):
    stock = "_base_ = 'mmpretrain::resnet/resnet18_8xb16_cifar10.py'\nmodel = dict(head=dict(num_classes=3))\n"
    config = load_config(write(tmp_path / 'stock.py', stock), {'model.head.topk': (1,)})
    assert config.model.head.num_classes == 3 and config.model.head.topk == (1,)
    assert config.to_dict() != (read := Config.fromfile(tmp_path / 'stock.py')).to_dict()
    assert load_config(tmp_path / 'stock.py').to_dict() == read.to_dict()
    (tmp_path / 'numbers.json').write_text('{"lr": 0.5}')
    write(tmp_path / 'template.py', "_base_ = './numbers.json'\nwork_dir = 'work/{{ fileBasenameNoExtension }}'\n")
    assert load_config(tmp_path / 'template.py').to_dict() == {'lr': 0.5, 'work_dir': 'work/template'}
    mixed = "_base_ = './numbers.json'\nmodel = dict(rate=_base_.lr)\n"
    assert load_config(write(tmp_path / 'mixed.py', mixed), {'lr': 2}).model.rate == 2


def test_what_checkpoints_keep():
    options = {'img_size': 64, 'model.head.num_classes': 3}
    config = load_config('configs/vitb.py', options)
    assert Config.fromstring(config.dump(), '.py').to_dict() == config.to_dict()
    assert 'ViT-B/16 student' in config.text and 'dataset_root' in config.text


def test_configs_are_found_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert find_config('configs/vitb.py') == find_config('vitb.py') == ROOT / 'configs/vitb.py'
    assert find_config('pseudo/gradcam_ms_crf.py').is_file()
    for name, instead in {
        'configs/ts_vitmini_r18_l1_global.py': 'configs/ts_vitb_r50_l1_global.py with --scale small',
        'configs/vitmini.py': 'configs/vitb.py with --scale small and the option head_type=mmwsss.PooledHead',
        'configs/ablation/small.py': 'configs/scales/small.py',
        'configs/_base_/vitmini_r18.py': 'configs/_base_/lite0.py',
        'configs/data/ccp.py': 'configs/data/ccp_wsss.py',
    }.items():
        with pytest.raises(FileNotFoundError) as caught:
            find_config(name)
        assert str(caught.value) == f'{name} is gone: use {instead}.'
    with pytest.raises(FileNotFoundError, match=r'pretrain\.py is gone: nothing takes its place, as .*ImageNet'):
        find_config('configs/pipelines/pretrain.py')


def test_what_takes_the_place_of_old_configs_is_there():
    from mmwsss.config.moved import GONE, MOVED

    assert not GONE.keys() & MOVED.keys() and not any((ROOT / 'configs' / old).exists() for old in GONE)
    for old, new in MOVED.items():
        assert not (ROOT / 'configs' / old).exists()
        config, _, rest = new.partition(' with --scale small')
        options = rest.partition('option')[2].removeprefix('s').split()
        load_config(config, options, scale='small' if 'with --scale' in new else None)


def test_variables():
    variables = ConfigTree(find_config('configs/ts_vitb_r50_cos_global_lambda03.py')).variables()
    assert variables['kt_weight'] == 0.3 and variables['epochs'] == 3 and variables['test_context'] is None
    assert not {'kind', 'control', 'needs', 'model', '_set'} & variables.keys()
    assert (
        'param_scheduler' not in ConfigTree(find_config('configs/acr_vitb_hybrid.py')).variables()
    )  # a child computes it


SHRUNK = {
    'mmpretrain': [
        'train_dataloader.dataset.data_root={root}', 'train_dataloader.dataset.ann_file=train.json',
        'train_dataloader.dataset.data_prefix.img_path=img/train', 'train_dataloader.dataset.pipeline.1.scale=32',
    ],
    'mmseg': [
        'train_dataloader.dataset.source.data_root={root}', 'train_dataloader.dataset.source.ann_file=train.json',
        'train_dataloader.dataset.source.data_prefix.img_path=img/train',
        'train_dataloader.dataset.source.data_prefix.seg_map_path=ann/train',
        'train_dataloader.dataset.source.group_file=None', 'train_dataloader.dataset.pipeline.2.scale=(32,32)',
        'model.data_preprocessor.size=(32,32)', 'model.backbone.img_size=(32,32)',
    ],
}  # fmt: skip
TRAINED_BY_HOSTS = {
    'r50.py': ('mmpretrain', [
        'model.backbone.depth=18', 'model.backbone.init_cfg=None', 'model.head.in_channels=512',
    ]),
    'co_vitb_r50_cos_global.py': ('mmpretrain', [
        'model.student.backbone.arch=deit-tiny', 'model.student.backbone.init_cfg=None',
        'model.student.backbone.img_size=32', 'model.student.head.in_channels=192', 'model.neck.in_channels=192',
        'model.teacher.backbone.depth=18', 'model.teacher.backbone.init_cfg=None',
        'model.teacher.head.in_channels=(256,512)',
    ]),
    'seg/setr_mini_supervised.py': ('mmseg', []),
}  # fmt: skip


@pytest.mark.parametrize('config', TRAINED_BY_HOSTS)
def test_hosts_own_tools_train_our_configs(config, toy, tmp_path):
    host, options = TRAINED_BY_HOSTS[config]
    package = Path(__import__(host).__file__).parent
    off = [f'{split}_{key}=None' for split in ('val', 'test') for key in ('dataloader', 'cfg', 'evaluator')]
    loader = ['train_dataloader.batch_size=4', 'train_dataloader.num_workers=0', 'train_cfg.max_epochs=1']
    # onedl's MMEngine looks for `mmseg::` in the upstream distribution until mmwsss has named the installed one
    run = ['-c', 'import mmwsss, runpy, sys\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name="__main__")']
    tool = [*(run if host == 'mmseg' else []), str(package / '.mim/tools/train.py')]
    command = [sys.executable, *tool, str(ROOT / 'configs' / config), '--work-dir', str(tmp_path / 'work')]
    values = [*(option.format(root=toy) for option in SHRUNK[host]), *options, *off, *loader]
    done = subprocess.run(
        [*command, '--cfg-options', *values], capture_output=True, text=True, timeout=240, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / 'work/epoch_1.pth').is_file()


def test_our_configs_are_bases_of_stock_mmengine(tmp_path):
    write(tmp_path / 'a.py', "_base_ = 'mmwsss::ts_vitb_r50_cos_global.py'\nmodel = dict(cache_teacher=True)\n")
    write(tmp_path / 'b.py', "_base_ = ['mmwsss::pseudo/gradcam_ms.py', 'mmwsss::_base_/sam.py']\n")
    for name in 'ab':
        stock = Config.fromfile(tmp_path / f'{name}.py').to_dict()
        assert stock == load_config(tmp_path / f'{name}.py').to_dict()
    assert stock['sam_step']['type'] == 'mmwsss.SAMRefine' and '_scope_' not in stock['pseudo']
