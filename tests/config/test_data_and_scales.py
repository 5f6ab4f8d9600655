"""Data in one form, and networks of another size."""

from pathlib import Path

import pytest

import mmwsss
from mmwsss.config import ConfigError, config_variables, load_config, load_data, load_scale
from mmwsss.config.data import data_defaults
from mmwsss.datasets import ShapesScenes

ROOT = Path(mmwsss.__file__).parents[1]
DATA = sorted(path.stem for path in (ROOT / 'configs/data').glob('*.py'))
SEGFORMER = 'configs/seg/segformer_mit-b0_pseudo-512x512.py'


@pytest.mark.parametrize('name', DATA)
def test_a_description_fits_every_kind_of_config(name):
    described = load_data(name)
    assert described.keys() == data_defaults().keys() and 'kind' not in described
    config = load_config('configs/vitb.py', data=name)
    assert config.train_dataloader.dataset.data_root == described['dataset_root']
    assert config.model.head.num_classes == described['num_classes']
    assert (config.val_dataloader is None) == (described['val_img'] is None)
    maps = load_config('configs/pseudo/gradcam_ms.py', data=f'configs/data/{name}.py')
    assert maps.pseudo.dataset.negative_classes == described['negative_classes']
    assert maps.pseudo.dataset.data_prefix.get('seg_map_path') == described['train_masks']
    segmentor = load_config(SEGFORMER, data=name)
    assert segmentor.model.decode_head.num_classes == described['num_classes'] + 1


@pytest.mark.parametrize('empty', ['', 'None'])
@pytest.mark.parametrize(
    'name',
    ['r50_pcm', 'vitb', 'acr_vitb_hybrid', 'seg/segformer_mit-b0_pseudo-512x512', 'seg/segformer_lite0_pseudo-192x192'],
)
def test_no_validation_and_no_test(name, empty):
    """What MMEngine takes for "none" is None alone, not an empty text."""
    config = load_config(f'configs/{name}.py', [f'val_img={empty}', f'test_img={empty}'])
    for split in ('val', 'test'):
        assert [config[f'{split}_{key}'] for key in ('dataloader', 'cfg', 'evaluator')] == [None] * 3
        assert config[f'{split}_set'] is None
    if name.startswith('seg/segformer'):
        config = load_config(f'configs/{name}.py', [f'val_masks={empty}', f'test_masks={empty}'])
        assert config.val_dataloader is None and config.test_cfg is None and config.val_set is not None


def test_data_sets_do_not_mix():
    voc = load_data('voc12')  # nothing of smoke5k_wsss, the data of configs where none is named
    assert (voc['negative_classes'], voc['group_file'], voc['dataset_root']) == ([], None, 'data/VOCdevkit/VOC2012')
    assert load_config('configs/pseudo/gradcam_ms.py', data='ccp_wsss').pseudo.dataset.negative_classes == []
    assert load_data('shapes_scenes')['classes'] == list(ShapesScenes.METAINFO['classes'])
    assert load_data('shapes_scenes')['context_by_class'] is ShapesScenes.METAINFO['context_by_class']


def test_a_users_own_description(tmp_path):
    mine = tmp_path / 'mine.py'
    mine.write_text("dataset_root = '/camera'\nnum_classes = 3\ntrain_ann = 'a,b.csv'\n")
    config = load_config('configs/vitb.py', ['dataset_root=/other'], data=mine)
    assert config.train_dataloader.dataset.data_root == '/other' and config.model.head.num_classes == 3
    assert config.train_dataloader.dataset.ann_file == 'a,b.csv'
    assert config.train_dataloader.dataset.negative_classes == []  # the defaults', not those of smoke5k_wsss
    some = load_config('configs/vitb.py', data={'dataset_root': 'x', 'train_masks': None})  # a mapping is as it is
    assert some.train_dataloader.dataset.negative_classes == ['no_smoke'] and some.dataset_root == 'x'
    mine.write_text("negative_classes = 'clean'\n")
    assert load_data(mine)['negative_classes'] == ['clean']
    mine.write_text("num_classes = 'three'\n")
    with pytest.raises(ConfigError, match="Expected a number for num_classes, but got 'three'"):
        load_data(mine)
    mine.write_text("datset_root = '/camera'\n")
    with pytest.raises(
        ConfigError, match=r"describe data in .*mine\.py, but got 'datset_root'\. Near it: dataset_root"
    ):
        load_config('configs/vitb.py', data=mine)
    with pytest.raises(ConfigError, match="describe data in the data, but got 'epochs'"):
        load_config('configs/vitb.py', data={'epochs': 3})
    with pytest.raises(ConfigError, match="Expected a config of the kind 'data' in .*, but got 'classifier'"):
        load_config('configs/vitb.py', data='configs/vitb.py')
    with pytest.raises(
        FileNotFoundError, match=r"Expected a file or one of \['ccp_wsss', .*'voc12'\] in configs/data, but got voc"
    ):
        load_config('configs/vitb.py', data='voc')
    with pytest.raises(FileNotFoundError, match='configs/data/ccp.py is gone: use configs/data/ccp_wsss.py'):
        load_data('ccp')


def test_a_scale_swaps_bases():
    config = load_config('configs/ts_vitb_r50_cos_global_lambda03.py', scale='small')
    assert config.model.student.backbone.arch.embed_dims == config.model.neck.in_channels == 192
    assert config.model.teacher.backbone.name == 'tf_efficientnet_lite0' and config.model.kt_loss.loss_weight == 0.3
    assert config.train_cfg.max_epochs == 3 and config.optim_wrapper.optimizer.lr == 3e-4
    assert config.model.student.backbone.img_size == 160
    assert config.model.student == load_config(config.control, scale='small').model
    assert config.model.teacher == load_config(config.needs.teacher_checkpoint, scale='small').model
    assert config.optim_wrapper.clip_grad.max_norm == 5.0  # the recipe is the small one
    acr = load_config('configs/acr_vitb_hybrid.py', scale='small')
    assert acr.model.model == load_config(acr.control, scale='small').model == config.model.student
    for name, size in (('r50', 'lite0'), ('r101', 'lite2')):
        backbone = load_config(f'configs/{name}.py', scale='small').model.backbone
        assert backbone.name == f'tf_efficientnet_{size}'
        assert backbone.init_cfg.checkpoint == f'package://efficientnet-{size}'
    paper = load_config('configs/ts_vitb_r50_cos_global.py', scale='paper')
    assert paper.to_dict() == load_config('configs/ts_vitb_r50_cos_global.py').to_dict()


def test_our_form_is_reached_by_variables_at_both_scales():
    ours = ['head_type=mmwsss.PooledHead', 'student_map=class_maps', 'teacher_maps=classes']
    for scale, dims in (('paper', 768), ('small', 192)):
        config = load_config('configs/ts_vitb_r50_cos_global.py', ours, scale=scale)
        assert config.model.neck is None and config.model.student_map == 'class_maps'
        assert config.model.student.head.type == 'mmwsss.PooledHead' and config.model.student.head.in_channels == dims
        assert config.model.teacher.head.map_channels == 'classes'
    tokens = load_config('configs/ts_vitb_r50_cos_global.py', ['teacher_maps=classes', 'num_classes=3'], scale='small')
    assert tokens.model.neck.out_channels == 3


def test_variables_layers_and_configs_of_a_scale():
    maps = load_config('configs/pseudo/gradcam_ms_fusion_5_4_2_1.py', scale='small')
    assert maps.pseudo.generator.target_layers == [-4, -3, -2, -1] and maps.pseudo.generator.size_divisor == 16
    chosen = load_config('configs/pseudo/gradcam_ms_fusion_5_1.py', ['target_layers=-5'], scale='small')
    assert chosen.pseudo.generator.target_layers == [-5]
    deeplab = load_config('configs/seg/deeplabv2_r101_pseudo-321x321.py', scale='small')
    assert deeplab.filename.endswith('segformer_lite0_pseudo-192x192.py') and deeplab.train_cfg.max_epochs == 5
    assert load_config('configs/seg/setr_supervised.py', scale='small').train_cfg.max_epochs == 20
    assert config_variables(SEGFORMER, scale='small')['lr'] == 5e-4 and config_variables(SEGFORMER)['lr'] == 6e-5
    assert config_variables('configs/vitb.py', data='voc12', scale='small')['num_classes'] == 20
    assert load_config('configs/vitb.py', ['epochs=5'], scale='small').train_cfg.max_epochs == 5
    shapes = load_config('configs/vitb.py', scale='small_shapes', data='shapes_scenes')
    assert (shapes.train_cfg.max_epochs, shapes.model.head.num_classes) == (4, 4) and shapes.img_size == 96
    assert load_config('configs/pseudo/gradcam_ms.py', scale='small_shapes').pseudo.generator.scales == [1.0, 2.0]


def test_a_users_config_goes_before_a_scale(tmp_path):
    mine = tmp_path / 'mine.py'
    mine.write_text("_base_ = 'mmwsss::r50_pcm.py'\nepochs = 4\nnum_classes = 5\n")
    config = load_config(mine, scale='small')
    assert config.train_cfg.max_epochs == 4 and config.optim_wrapper.optimizer.lr == 3e-4
    assert config.model.backbone.name == 'tf_efficientnet_lite0' and config.model.head.num_classes == 5
    assert load_config(mine, ['epochs=6'], scale='small', data='voc12').train_cfg.max_epochs == 6
    assert load_config(mine, data='voc12').model.head.num_classes == 20


def test_a_scale_of_a_users_own(tmp_path):
    path = tmp_path / 'tiny.py'
    path.write_text(
        "_base_ = 'mmwsss::scales/small.py'\n"
        'variables = dict(classifier=dict(_delete_=True, embed_dims=32, img_size=32))\n'
    )
    config = load_config('configs/ts_vitb_r50_cos_global.py', scale=path)
    assert config.model.neck.in_channels == 32 and config.train_cfg.max_epochs == 10
    assert load_scale(path).name == 'tiny'
    path.write_text("kind = 'scale'\nbases = {'_base_/vitb_r50.py': '_base_/none.py'}\n")
    with pytest.raises(FileNotFoundError, match=r'_base_/none\.py'):
        load_scale(path)
    with pytest.raises(ConfigError, match="Expected a config of the kind 'scale' in .*, but got 'classifier'"):
        load_scale('configs/vitb.py')
    with pytest.raises(
        FileNotFoundError, match=r"one of \['paper', 'small', 'small_shapes'\] in configs/scales, but got tiny"
    ):
        load_scale('tiny')
