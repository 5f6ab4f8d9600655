"""Options always act, and text stays text."""

from pathlib import Path

import pytest

import mmwsss
from mmwsss.config import ConfigError, config_variables, load_config, loading
from mmwsss.config.acting import _other_values
from mmwsss.config.kinds import used_part
from mmwsss.config.loading import _Loading
from mmwsss.config.options import parse_text

ROOT = Path(mmwsss.__file__).parents[1]
FOLDERS = ('.', 'pseudo', 'seg', 'affinity', 'pipelines')


def acting_and_refused(config, path):
    """Names of variables that change something and of those that are refused; an assertion that there are no others."""
    before = used_part(config.tree.evaluate(config.values), config.kind)
    acting, refused = [], []
    for name, value in config.known.items():
        for other in _other_values(config.values.get(name, value)):
            try:
                after = config.with_options({name: other})
            except ConfigError as error:
                assert 'is refused' in str(error), (path, name)
                refused.append(name)  # for all values
                break
            except (TypeError, AttributeError, KeyError):
                continue  # this value does not fit
            if used_part(after, config.kind) != before:
                acting.append(name)
                break
        else:
            raise AssertionError(f'{path}: {name} is accepted and changes nothing')
    return acting, refused


@pytest.fixture
def short_errors(monkeypatch):
    monkeypatch.setattr(loading, 'why_not', lambda *_: 'is refused')  # what the error says beside takes its time
    monkeypatch.setattr(loading, 'near_variables', lambda *_: [])


@pytest.mark.usefixtures('short_errors')
@pytest.mark.parametrize('folder', FOLDERS)
def test_every_variable_of_every_config_acts_or_is_refused(folder):
    for path in sorted((ROOT / 'configs').glob(f'{folder}/*.py')):
        acting, refused = acting_and_refused(_Loading(path, None, None), path)
        assert len(acting) > 3
        assert 'resume' in refused or folder in ('pseudo', 'pipelines')


@pytest.mark.usefixtures('short_errors')
@pytest.mark.parametrize('name', ['ts_vitb_r50_cos_global', 'vitb', 'r50_pcm', 'r101', 'pseudo/gradcam_ms_fusion_4_1'])
def test_every_variable_of_the_small_scale_acts_or_is_refused(name):
    acting, refused = acting_and_refused(_Loading(f'configs/{name}.py', 'voc12', 'small'), name)
    assert 'dataset_root' in acting and 'group_file' in (refused if name[0] != 'p' else acting + refused)
    if name == 'ts_vitb_r50_cos_global':
        assert {'embed_dims', 'head_type', 'student_map', 'teacher_maps', 'student_init', 'teacher_init'} <= set(acting)
        assert {'pretrained', 'weights', 'patch_size', 'stem_stage', 'teacher_stride'} <= set(acting)
        assert 'deep_weights' in refused  # of r101.py alone
    if name == 'r101':
        assert 'deep_weights' in acting and 'teacher_command' in refused


@pytest.mark.parametrize(
    'path, option, reason',
    [
        ('acr_vitb_hybrid_official', 'epochs=1', r'overruled by acr_vitb_hybrid_official\.py'),
        ('acr_ts_vitb_r50_cos_global', 'cache_teacher=True', r'overruled by acr_ts_vitb_r50_cos_global\.py'),
        ('co_vitb_r50_cos_global', 'teacher_checkpoint=x.pth', r'overruled by co_vitb_r50_cos_global\.py'),
        ('pseudo/gradcam_ms', 'bg_exponent=2', r'overruled by gradcam_ms\.py'),
        ('ts_vitb_r50_cos_global', 'map_channels=7', r"Expected a variable or key of .*, but got 'map_channels'"),
        ('vitb', 'imgsize=3', r"Expected a variable or key of .*vitb\.py, but got 'imgsize'\. Near it: img_size\."),
        ('vitb', 'train_masks=x', r"but got train_masks='x': it changes nothing that is used\."),
        ('vitb', 'resume=True', 'but got resume=True: it changes nothing'),
        ('vitb', 'kind=pseudo', "but got 'kind': it says what the config is"),
        ('vitb', 'train_set.indices=3', "but got 'train_set.indices': it is computed from num_train_images"),
        ('pseudo/gradcam_ms', 'scales.0=3', "but got 'scales.0': set the variable scales"),
        ('vitb', 'modl.head.num_classes=3', "but got 'modl.head.num_classes'. Near it: model"),
        ('vitb', 'model.haed.num_classes=3', r"key of model in .*, but got 'haed'\. Near it: head\."),
        ('vitb', 'model.head.num_clases=3', r"key of model\.head in .*, but got 'num_clases'\. Near it: num_classes\."),
        ('vitb', 'train_cfg.val_begin=3', r"key of train_cfg in .*, but got 'val_begin'"),
        ('vitb', 'val_dataloader.batch.size=3', r"key of val_dataloader in .*, but got 'batch'"),
        ('vitb', 'epochs.a=3', "but got 'epochs.a': set the variable epochs"),
        ('vitb', 'train_dataloader.batch_size.a=3', r'Expected a dict or a list in train_dataloader\.batch_size of'),
        ('pseudo/gradcam_ms', 'pseudo.refine.5.x=1', r"index below . in pseudo\.refine of .*, but got '5'"),
        ('vitb', 'model.backbone=vit', "Expected a dict for model.backbone, or one of its keys as model.backbone.KEY"),
        ('vitb', 'epochs=ten', r"Expected a number for epochs, but got 'ten'\."),
        ('vitb', 'epochs=True', 'Expected a number for epochs, but got'),
        ('vitb', 'pretrained=perhaps', 'Expected True or False for pretrained, but got'),
        ('pseudo/gradcam_ms', 'scales=small', 'Expected numbers for scales, but got'),
        ('vitb', 'epochs', 'Expected options of the form KEY=VALUE, but got'),
    ],
)  # fmt: skip
def test_refused(path, option, reason):
    with pytest.raises(ConfigError, match=reason):
        load_config(f'configs/{path}.py', [option])


def test_what_is_right_acts():
    assert load_config('configs/pseudo/pcm_ms.py', ['method=cam']).pseudo.generator.method == 'cam'
    assert load_config('configs/vitb.py', ['epochs=3']).train_cfg.max_epochs == 3  # the default, said again
    config = load_config(
        'configs/vitb.py', ['model.head.init_cfg=None', 'work_dir=a b', 'optim_wrapper.optimizer.eps=1e-6']
    )
    assert (
        config.model.head.init_cfg is None and config.work_dir == 'a b' and config.optim_wrapper.optimizer.eps == 1e-6
    )
    config = load_config('configs/pseudo/gradcam_ms_crf.py', ['pseudo.pipeline.0.scale=(32,48)', 'evaluation=oracle'])
    assert config.pseudo.pipeline[0].scale == (32, 48) and config.evaluation == 'oracle'
    config = load_config('configs/vitb.py', {'model.backbone': {'final_norm': False}, 'dataset_root': Path('a')})
    assert config.model.backbone.final_norm is False and config.model.backbone.arch == 'deit-base'
    assert config.train_dataloader.dataset.data_root == 'a'
    assert (
        load_config(
            'configs/seg/segformer_mit-b0_pseudo-512x512.py', ['checkpoint=w.pth']
        ).model.backbone.init_cfg.checkpoint
        == 'w.pth'
    )


def test_variables_reach_what_is_computed_from_them():
    options = ['img_size=64', 'num_classes=3', 'dataset_root=/content/drive/My  Drive', 'kt_weight=.5']
    config = load_config('configs/ts_vitb_r50_cos_global.py', options)
    assert config.train_dataloader.dataset.pipeline[1].scale == (64, 64)
    assert config.model.student.backbone.img_size == 64 and config.model.kt_loss.loss_weight == 0.5
    assert config.model.teacher.head.num_classes == config.model.student.head.num_classes == 3
    assert config.model.neck.out_channels == 4
    assert config.train_dataloader.dataset.data_root == '/content/drive/My  Drive'
    assert Path(config.filename).name == 'ts_vitb_r50_cos_global.py'


@pytest.mark.parametrize(
    'text, current, value',
    [
        ('/content/drive/My Drive', 'data', '/content/drive/My Drive'),
        (' a,b ', 'data', ' a,b '),
        ('001', 'data', '001'),
        ('[1]', 'data', '[1]'),
        ('True', 'data', 'True'),
        ('None', 'data', None),
        ('~/x', 'data', str(Path.home() / 'x')),
        ('a~', 'data', 'a~'),
        ('3', 1, 3),
        ('1e-3', 1, 0.001),
        ('true', False, True),
        ('0', True, False),
        ('clean', ['a'], ['clean']),
        ('001', ['a'], ['001']),
        ('1,2', ['a'], ['1', '2']),
        ('[a, b c]', ['a'], ['a', 'b c']),
        ("['a', 'b']", ['x'], ['a', 'b']),
        ('a,b', [], ['a', 'b']),
        ('[]', ['a'], []),
        ('1,2', [0.5], [1, 2]),
        ('[1, 2]', (3, 4), (1, 2)),
        ('5', [1], [5]),
        ('-2,backbone.layer4', [-1], [-2, 'backbone.layer4']),
        ("[['a b'], ['c']]", [['x']], [['a b'], ['c']]),
        ('3', None, 3),
        ('[a,b]', None, ['a', 'b']),
        ('some text', None, 'some text'),
        ('~', None, str(Path.home())),
        ('{"a": 1}', {'b': 2}, {'a': 1}),
        ('(1, 2)', None, (1, 2)),
    ],
)  # fmt: skip
def test_text(text, current, value):
    found = parse_text('key', text, current)
    assert found == value and type(found) is type(value)


def test_python_values():
    config = load_config('configs/pseudo/gradcam_ms.py', {'negative_classes': 'clean', 'target_layers': [-2]})
    assert config.pseudo.dataset.negative_classes == ['clean'] and config.pseudo.generator.target_layers == [-2]
    with pytest.raises(ConfigError, match="Expected a number for img_size, but got '3'"):
        load_config('configs/vitb.py', {'img_size': '3'})


def test_two_options_are_seen_together():
    assert 'teacher_maps' in config_variables('configs/ts_vitb_r50_cos_global.py')
    config = load_config('configs/ts_vitb_r50_cos_global.py', ['student_map=class_maps', 'teacher_maps=classes'])
    assert config.model.neck is None and config.model.teacher.head.map_channels == 'classes'
    with pytest.raises(ConfigError, match='val_ann'):  # without images there is nothing that it says anything of
        load_config('configs/vitb.py', ['val_img=None', 'val_ann=None'])
