import numpy as np
import pytest

from mmwsss.datasets import PlumeScenes


def test_deterministic_in_seed_and_index():
    first, second, other = (PlumeScenes(6, 48, seed=seed, test_mode=True) for seed in (3, 3, 4))
    for index in (0, 5):
        assert np.array_equal(first[index]['img'], second[index]['img'])
        assert np.array_equal(first[index]['gt_seg_map'], second[index]['gt_seg_map'])
    assert any(not np.array_equal(first[i]['img'], other[i]['img']) for i in range(6))
    longer = PlumeScenes(60, 48, seed=3, smoke=1.0)
    assert np.array_equal(longer.scene(2).img, PlumeScenes(6, 48, seed=3, smoke=1.0).scene(2).img)


def test_masks_and_labels_agree():
    scenes = PlumeScenes(40, 64, seed=1, test_mode=True)
    for item in scenes:
        assert item['img'].shape == (64, 64, 3) and item['img'].dtype == np.uint8
        assert (item['gt_seg_map'].sum() > 0) == bool(item['gt_label'].size) == bool(item['gt_score'][0])
    assert sum(item['gt_label'].size for item in scenes) == 20


def test_the_mask_is_where_the_smoke_is():
    """A plume changes the picture where it is opaque and nowhere else."""
    from mmwsss.datasets.plume_scenes import MASK_OPACITY, _Painter

    painter = _Painter(np.random.default_rng(0), 64)
    painter.sky()
    before = painter.img.copy()
    alpha = painter.plume(0.5, 0.8)
    change = np.abs(painter.img - before).max(2)
    assert change[alpha < 0.01].max() < 3
    assert change[alpha > MASK_OPACITY].mean() > 10


@pytest.mark.parametrize('bias', [(0.95, 0.15), (0.5, 0.5), (1.0, 0.0)])
def test_bias_is_what_was_asked_for(bias):
    scenes = PlumeScenes(300, 32, seed=2, chimney_given_smoke=bias[0], chimney_given_clear=bias[1], test_mode=True)
    smoke = np.array([item['gt_label'].size for item in scenes]) > 0
    chimney = np.array([item['context_map'].any() for item in scenes])
    assert chimney[smoke].mean() == pytest.approx(bias[0], abs=0.09)
    assert chimney[~smoke].mean() == pytest.approx(bias[1], abs=0.09)


def test_masks_stay_out_of_training():
    assert not {'gt_seg_map', 'context_map'} & set(PlumeScenes(2, 32)[0])


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'chimney_given_smoke': 1.2}, r'Expected chimney_given_smoke in \[0, 1\], but got 1.2'),
        ({'num_images': 0}, 'Expected num_images >= 1, but got 0'),
        ({'img_size': 0}, 'Expected img_size >= 1, but got 0'),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        PlumeScenes(**{'num_images': 2, **kwargs})
