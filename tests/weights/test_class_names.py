"""A checkpoint's classes are compared by name and order with those of the data."""

import numpy as np
import pytest
import torch
from conftest import SMALL, toy_variables, write_toy
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmwsss.apis import init_classifier
from mmwsss.apis import make_pseudo as run_make_pseudo
from mmwsss.apis.inference import init_segmentor
from mmwsss.config import load_config
from mmwsss.registry import MODELS
from mmwsss.weights.class_names import channels_of, names_in

BOTH = ['fire', 'smoke']


def save(path, classes, number=2, config='configs/vitb.py', form=None, **meta):
    """A checkpoint of a toy classifier whose class k has the bias 100 + k."""
    init_default_scope('mmpretrain')
    form = {'embed_dims': 32, 'num_layers': 1, 'head_type': 'mmwsss.PooledHead'} if form is None else form
    cfg = load_config(config, {**SMALL, **form, 'pretrained': False, 'num_classes': number}, scale='small')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model.to_dict())
    for name, value in model.named_parameters():
        if name in ('head.fc.bias', 'head.fc8.bias'):
            value.data[:] = 100 + torch.arange(len(value))
    meta = {'cfg': cfg.pretty_text, **meta}
    if classes:
        meta['dataset_meta'] = {'classes': classes}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return path


def bias(model):
    return [round(value) for value in model.head.fc.bias.tolist()]


def test_same_names_in_the_same_order(tmp_path):
    model = init_classifier(save(tmp_path / 'a.pth', BOTH), classes=BOTH)
    assert bias(model) == [100, 101] and model.class_names == ('fire', 'smoke')


@pytest.mark.parametrize('wanted', [['smoke', 'fire'], ['smoke'], ['fire', 'steam'], ['fire', 'smoke', 'steam']])
def test_others_are_refused_with_both_lists(wanted, tmp_path):
    path = save(tmp_path / 'a.pth', BOTH)
    lists = rf'classes \[{", ".join(map(repr, wanted))}\], .*a\.pth has \[\'fire\', \'smoke\'\]'
    with pytest.raises(ValueError, match=lists):
        init_classifier(path, classes=wanted)


def test_a_map_chooses_channels(tmp_path):
    path = save(tmp_path / 'a.pth', BOTH)
    x = torch.randn(2, 3, 32, 32)
    whole = init_classifier(path)
    for wanted, class_map, expected in (
        (['smoke'], {}, [1]),
        (['smoke', 'fire'], {}, [1, 0]),
        (['steam'], {'steam': 'smoke'}, [1]),
        (['a', 'fire'], {'a': 'fire'}, [0, 0]),
    ):
        model = init_classifier(path, classes=wanted, class_map=class_map)
        assert bias(model) == [100 + channel for channel in expected] and model.num_classes == len(wanted)
        assert torch.allclose(model(x), whole(x)[:, expected])
        maps = model.head.class_maps(model.extract_feat(x))
        assert torch.allclose(maps, whole.head.class_maps(whole.extract_feat(x))[:, expected], atol=1e-4)
    with pytest.raises(ValueError, match=r"Expected classes of the data, \['smoke'\], in class_map, but got 'cloud'"):
        init_classifier(path, classes=['smoke'], class_map={'cloud': 'smoke'})
    with pytest.raises(ValueError, match=r"which has \['fire', 'smoke'\], for each of \['steam'\], but got 'steam'"):
        init_classifier(path, classes=['steam'], class_map={})


@pytest.mark.parametrize('extra', [False, True])
def test_a_map_on_the_teachers_head(extra, tmp_path):
    form = {'teacher_maps': 'classes_and_extra' if extra else 'classes'}
    path = save(tmp_path / 'a.pth', BOTH, config='configs/r50_pcm.py', form=form)
    whole, model = init_classifier(path), init_classifier(path, classes=['smoke'], class_map={})
    x = torch.randn(1, 3, 32, 32)
    maps, all_maps = (net.head.class_maps(net.extract_feat(x)) for net in (model, whole))
    assert torch.allclose(maps, all_maps[:, [1, 2][: 1 + extra]], rtol=1e-4, atol=1e-4)
    assert model(x).shape == (1, 1) and torch.allclose(model(x), whole(x)[:, 1:], rtol=1e-4)


def test_without_names_the_number_is_compared_and_it_is_said(tmp_path):
    path = save(tmp_path / 'a.pth', None)
    with pytest.warns(UserWarning, match=r"a\.pth does not name its classes: taken for \['x', 'y'\]"):
        init_classifier(path, classes=['x', 'y'])
    with pytest.raises(ValueError, match=r"a checkpoint of 1 classes, \['x'\], .*a\.pth has 2 and does not name them"):
        init_classifier(path, classes=['x'])
    with pytest.raises(ValueError, match='Expected names of the classes in .* by checkpoint_classes'):
        init_classifier(path, classes=['x'], class_map={})
    assert bias(init_classifier(path, classes=['x'], checkpoint_classes=['y', 'x'], class_map={})) == [101]
    with pytest.raises(ValueError, match=r"Expected 2 class names for .*a\.pth, as it has classes, but got \['x'\]"):
        init_classifier(path, classes=['x'], checkpoint_classes=['x'])


def test_names_that_hosts_write():
    assert names_in({'meta': {'dataset_meta': {'classes': ('a', 'b')}}}) == ('a', 'b')
    assert names_in({'meta': {'dataset_meta': {'CLASSES': ['a']}}}) == ('a',)  # before MMEngine 1.0
    assert (
        names_in({}) is None and names_in({'meta': {}}) is None and names_in({'meta': {'dataset_meta': None}}) is None
    )
    assert channels_of('x', ['a'], 1, ['a']) is None


@pytest.mark.filterwarnings('ignore')
def test_make_pseudo(tmp_path):
    """Weights for fire and smoke make smoke masks from the smoke map, or none at all."""
    root = write_toy(tmp_path / 'toy', 3)
    path = save(tmp_path / 'two.pth', BOTH)
    data = toy_variables(root)
    options = {'img_size': 32, 'method': 'cam', 'workers': 0, 'save_cam': True}
    with pytest.raises(ValueError, match=r"classes \['smoke'\], .* has \['fire', 'smoke'\]"):
        run_make_pseudo(load_config('configs/pseudo/gradcam_ms.py', options, data=data), path, tmp_path / 'refused')
    maps = {}
    for name, chosen in (('fire', {'smoke': 'fire'}), ('smoke', {'smoke': 'smoke'})):
        cfg = load_config('configs/pseudo/gradcam_ms.py', {**options, 'class_map': chosen}, data=data)
        assert run_make_pseudo(cfg, path, tmp_path / name)['ok'] == 3
        files = sorted((tmp_path / name).rglob('*.npz'))
        assert len(files) == 3
        maps[name] = [np.load(file) for file in files]
    one = save(tmp_path / 'one.pth', ['smoke'], 1)
    content = torch.load(path)['state_dict']
    small = torch.load(one)
    for key in ('head.fc.weight', 'head.fc.bias'):
        small['state_dict'][key] = content[key][1:]
    small['state_dict'].update({key: value for key, value in content.items() if not key.startswith('head.')})
    torch.save(small, one)
    run_make_pseudo(load_config('configs/pseudo/gradcam_ms.py', options, data=data), one, tmp_path / 'one')
    expected = [np.load(file) for file in sorted((tmp_path / 'one').rglob('*.npz'))]
    for mapped, single in zip(maps['smoke'], expected):
        assert all(np.array_equal(mapped[key], single[key]) for key in single.files)
    assert any(
        not np.array_equal(mapped[key], single[key])
        for mapped, single in zip(maps['fire'], expected)
        for key in single.files
    )


def test_segmentor(tmp_path):
    settings = {'img_size': 32, 'num_classes': 2, 'pretrained': False}
    cfg = load_config('configs/seg/segformer_mit-b0_pseudo-512x512.py', settings)
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model)
    meta = {'dataset_meta': {'classes': ('background', 'fire', 'smoke'), 'palette': [[0, 0, 0]] * 3}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, tmp_path / 'seg.pth')
    loaded = init_segmentor(cfg, tmp_path / 'seg.pth', BOTH)
    assert not loaded.training and loaded.dataset_meta['classes'] == ('background', 'fire', 'smoke')
    assert loaded.cfg is cfg and isinstance(loaded.cfg, Config)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in model.state_dict().items())
    with pytest.raises(ValueError, match=r"classes \['smoke', 'fire'\], .*seg\.pth has \['fire', 'smoke'\]"):
        init_segmentor(cfg, tmp_path / 'seg.pth', ['smoke', 'fire'])
    del meta['dataset_meta']
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, tmp_path / 'seg.pth')
    with pytest.warns(UserWarning, match='does not name its classes'):
        init_segmentor(cfg, tmp_path / 'seg.pth', BOTH)
    with pytest.raises(ValueError, match=r'of 1 classes, .* has 2 and does not name them'):
        init_segmentor(cfg, tmp_path / 'seg.pth', ['smoke'])
