"""From kept maps to a trained AffinityNet to refined maps."""

import shutil

import numpy as np
import pytest
import torch
from conftest import SMALL, student_config, toy_variables, write_toy
from PIL import Image

from mmwsss.apis import make_pseudo, train
from mmwsss.config import load_config
from mmwsss.datasets import CamLabelDataset
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.transforms import LoadCamLabels, LoadSegMap
from mmwsss.datasets.transforms.labels import sure_labels
from mmwsss.refine import AffinityRefine
from mmwsss.structures import CamFile


def test_sure_labels_by_hand():
    cam = np.array([[[0.0, 0.04, 0.2, 0.5]], [[0.0, 0.06, 0.1, 0.3]]], np.float32)
    assert sure_labels(cam, [0, 1], 0.3, 0.05).tolist() == [[0, IGNORE_LABEL, IGNORE_LABEL, 1]]
    assert sure_labels(cam[::-1], [0, 1], 0.05, 0.05).tolist() == [[0, 1, 2, 2]]
    assert sure_labels(cam, [3, 7], 0.3, 0.05).tolist() == [[0, IGNORE_LABEL, IGNORE_LABEL, 4]]
    assert sure_labels(cam[:0], [], 0.3, 0.05).tolist() == [[0, 0, 0, 0]]
    with pytest.raises(ValueError, match='Expected 0 < bg_threshold <= fg_threshold < 1, but got 0.5 and 0.3'):
        LoadCamLabels(0.3, 0.5)


def test_load_seg_map(tmp_path):
    img = np.zeros((4, 6, 3), np.uint8)
    assert (LoadSegMap()({'img': img})['gt_seg_map'] == IGNORE_LABEL).all()
    Image.fromarray(np.ones((4, 6), np.uint8)).save(tmp_path / 'mask.png')
    assert (LoadSegMap()({'img': img, 'seg_map_path': str(tmp_path / 'mask.png')})['gt_seg_map'] == 1).all()
    with pytest.raises(ValueError, match=r'Expected a mask of \(5, 6\) \(H, W\) in .*mask\.png, but got \(4, 6\)'):
        LoadSegMap()({'img': np.zeros((5, 6, 3)), 'seg_map_path': str(tmp_path / 'mask.png')})


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    """A toy student, its maps, and an AffinityNet trained on them."""
    root = tmp_path_factory.mktemp('affinity')
    data = toy_variables(write_toy(root / 'toy'))
    classifier = {**SMALL, 'embed_dims': 32, 'num_layers': 1}
    train(student_config(classifier, data), root / 'student', quiet=True)
    options = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8, 'method': 'cam', 'save_cam': True}
    maps = load_config('configs/pseudo/gradcam_ms.py', options, data=data)
    make_pseudo(maps, root / 'student' / 'epoch_1.pth', root / 'maps')
    options = {**SMALL, 'cam_root': str(root / 'maps')}
    cfg = load_config('configs/affinity/affinity_lite0.py', options, data=data)
    train(cfg, root / 'affinity', quiet=True)
    return root / 'affinity' / 'epoch_1.pth', root / 'maps'


def test_chain(chain, tmp_path):
    checkpoint, maps = chain[0], shutil.copytree(chain[1], tmp_path / 'maps')
    step = AffinityRefine(checkpoint)
    assert not step.model.training
    rng = np.random.default_rng(0)
    data = {
        'img': rng.integers(0, 255, (40, 56, 3)).astype(np.uint8),
        'cam': rng.random((1, 40, 56)).astype(np.float32) * 0.5,
        'classes': np.array([1]),
    }
    refined = step({**data, 'cam': data['cam'].copy()})['cam']
    assert refined.shape == (1, 40, 56) and refined.dtype == np.float32
    assert 0 < refined.max() <= 1
    assert refined.std() < data['cam'].std()  # it spreads
    without = AffinityRefine(checkpoint, bg_exponent=None)({**data, 'cam': data['cam'].copy()})['cam']
    assert without.max() == pytest.approx(1, abs=0.15)
    nothing = np.zeros((0, 40, 56), np.float32)
    assert step({**data, 'cam': nothing, 'classes': np.array([], int)})['cam'] is nothing
    with pytest.raises(ValueError, match='one size'):
        step({**data, 'cam': np.zeros((1, 3, 3), np.float32)})

    dataset = CamLabelDataset(str(maps), pipeline=[])
    assert 0 < len(dataset) < 12  # images without a class are left out
    item = dataset.get_data_info(0)
    assert CamFile.load(item['cam_path']).cam.shape == (1, 48, 40)
    (maps / 'cams').rename(maps / 'gone')
    with pytest.raises(FileNotFoundError, match=r'Expected the map .*\.npz, but .* save_cam=True'):
        CamLabelDataset(str(maps), pipeline=[])


def test_a_walk_without_affinity_beyond_itself_changes_nothing(chain):
    """With features that differ everywhere and the neutral background exponent, only resizing changes a map."""
    step = AffinityRefine(chain[0], beta=1000)
    cam = np.full((1, 32, 32), 0.4, np.float32)
    img = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    refined = step({'img': img, 'cam': cam, 'classes': np.array([0])})['cam']
    assert np.allclose(refined, 0.4, atol=1e-3)


def test_errors(chain, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'trained AffinityNet in .*no\.pth.*Make it with: make it'):
        AffinityRefine(tmp_path / 'no.pth', 'make it')
    with pytest.raises(ValueError, match=r'Expected an AffinityNet in .*, but got mmwsss\.MapClassifier'):
        AffinityRefine(chain[1].parent / 'student' / 'epoch_1.pth')
    with pytest.raises(ValueError, match='Expected beta > 0 and num_squarings >= 0, but got 0'):
        AffinityRefine(chain[0], beta=0)
    with pytest.raises(ValueError, match='Expected bg_exponent > 0 or None, but got -1'):
        AffinityRefine(chain[0], bg_exponent=-1)
    assert torch.is_grad_enabled()
