"""PositionPrior: what it does to maps, how make_pseudo makes it, and what both refuse."""

import json

import cv2
import numpy as np
import pytest
from conftest import SMALL, student_config, toy_variables, write_toy

from mmwsss.apis import make_pseudo, train
from mmwsss.config import load_config
from mmwsss.refine import PARRefine, PositionPrior, build_step
from mmwsss.refine.position_prior import save_position_prior
from mmwsss.registry import DATASETS

MAPS = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8, 'num_workers': 0, 'workers': 0, 'target_layers': [-1]}


def prior_file(folder, classes=('smoke', 'cloud')):
    prior = np.zeros((2, 4, 4), np.float32)
    prior[0, 2:] = 1.0  # below
    prior[1] = 0.5
    save_position_prior(folder / 'prior.npz', prior, classes)
    return folder / 'prior.npz'


def test_maps_are_weighed_and_keep_their_maximum(tmp_path):
    cam = 0.6 * np.random.default_rng(0).random((2, 8, 12)).astype(np.float32)
    cam[1] = 0
    file = prior_file(tmp_path)
    refined = PositionPrior(file, exponent=2.0)({'cam': cam.copy(), 'classes': np.array([0, 1])})['cam']
    weights = cv2.resize(np.repeat([[0.0], [0.0], [1.0], [1.0]], 4, axis=1).astype(np.float32), (12, 8))
    expected = cam[0] * weights**2
    assert np.allclose(refined[0], expected * cam[0].max() / expected.max(), atol=1e-6) and not refined[0, :2].any()
    assert not refined[1].any() and refined.dtype == np.float32
    cam[1] = 0.25
    flat = PositionPrior(file)({'cam': cam[1:], 'classes': np.array([1])})['cam']
    assert np.allclose(flat, 0.25)  # the same everywhere: nothing changes
    none = PositionPrior(file)({'cam': np.zeros((0, 8, 12), np.float32), 'classes': np.zeros(0, np.int64)})['cam']
    assert none.shape == (0, 8, 12)


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match='Expected file, the position_prior.npz that make_pseudo writes'):
        PositionPrior()
    with pytest.raises(FileNotFoundError, match='Expected the position prior in .*nowhere.npz'):
        PositionPrior(tmp_path / 'nowhere.npz')
    (tmp_path / 'text.npz').write_text('no archive')
    np.savez(tmp_path / 'other.npz', maps=np.zeros(3))
    for name in ('text.npz', 'other.npz'):
        with pytest.raises(ValueError, match=rf'Expected a position prior \(prior, classes\) in .*{name}'):
            PositionPrior(tmp_path / name)
    file = prior_file(tmp_path)
    with pytest.raises(ValueError, match='Expected exponent >= 0, but got -1'):
        PositionPrior(file, -1)
    with pytest.raises(ValueError, match=r"Expected a position prior of \['smoke'\], but .* has \['smoke', 'cloud'\]"):
        build_step({'type': 'mmwsss.PositionPrior', 'file': str(file)}, ['smoke'])


def test_par_gives_the_peak_back():
    img = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    cam = np.zeros((2, 24, 32), np.float32)
    cam[0, 10:13, 10:13] = 0.8
    data = {'img': img, 'cam': cam, 'classes': np.array([0, 1])}
    plain = PARRefine(5)({**data, 'cam': cam.copy()})['cam']
    scaled = PARRefine(5, keep_maximum=True)({**data, 'cam': cam.copy()})['cam']
    assert plain.max() < 0.7 and scaled[0].max() == pytest.approx(0.8)
    assert np.allclose(scaled[0] * plain[0].max(), 0.8 * plain[0], atol=1e-6) and not scaled[1].any()


@pytest.fixture(scope='module')
def classifiers(tmp_path_factory):
    root = write_toy(tmp_path_factory.mktemp('data'), 12)
    folders = [tmp_path_factory.mktemp('train') for _ in range(2)]
    for seed, folder in enumerate(folders):
        train(student_config({**SMALL, 'seed': seed}, data=toy_variables(root)), folder)
    return root, [folder / 'epoch_1.pth' for folder in folders]


def masks_of(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / 'masks').rglob('*.png'))}


def test_make_pseudo_makes_it_from_labels(classifiers, tmp_path):
    root, (first, second) = classifiers
    cfg = load_config('configs/pseudo/gradcam_ms_position_par.py', {**MAPS, 'save_cam': True}, data=toy_variables(root))
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'position_prior.npz').write_text('left by another checkpoint, before it had a run.json')
    make_pseudo(cfg, first, out)
    dataset = DATASETS.build(cfg.pseudo.dataset)
    total, shown = np.zeros((32, 32)), 0
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if len(info['gt_label']):
            name = info['img_path'].rsplit('/', 1)[-1].rsplit('.', 1)[0]
            cam = np.load(next((out / 'cams').rglob(f'{name}.npz')))['cam'][0].astype(np.float32)
            total += cv2.resize(cam, (32, 32), interpolation=cv2.INTER_AREA)
            shown += 1
    with np.load(out / 'position_prior.npz') as made:
        assert made['classes'].tolist() == ['smoke'] and made['prior'].shape == (1, 32, 32)
        assert np.allclose(made['prior'][0], total / total.max(), atol=2e-3)  # maps are kept as float16
    assert 0 < shown < len(dataset)
    masks = masks_of(out)
    assert len(masks) == 12

    made = (out / 'position_prior.npz').stat().st_mtime_ns
    next((out / 'masks').rglob('*.png')).unlink()
    make_pseudo(cfg, first, out)  # what is missing, by the prior that is there
    assert masks_of(out) == masks and (out / 'position_prior.npz').stat().st_mtime_ns == made
    with pytest.raises(ValueError, match='were made by another run: checkpoint_sha256'):
        make_pseudo(cfg, second, out)
    assert (out / 'position_prior.npz').stat().st_mtime_ns == made

    given = load_config(
        'configs/pseudo/gradcam_ms_position_par.py',
        {**MAPS, 'position_prior_file': str(out / 'position_prior.npz')},
        data=toy_variables(root),
    )
    make_pseudo(given, first, tmp_path / 'given')
    assert masks_of(tmp_path / 'given') == masks and not (tmp_path / 'given' / 'position_prior.npz').exists()
    assert json.loads((tmp_path / 'given' / 'summary.json').read_text())['ok'] == 12
