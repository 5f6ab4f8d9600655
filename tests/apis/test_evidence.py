"""Evidence of real networks on toy frames, and a judge that has an opinion of its own."""

import numpy as np
import pytest
from conftest import write_masks
from test_calibration import load, trained  # noqa: F401

from mmwsss.apis.evidence import EvidencePlan, collect_evidence, composite_sets
from mmwsss.apis.judge import Encoder, Judge, blur, erase_and_keep, fill, keep
from mmwsss.apis.score_maps import data_split, scored_frames, split_indices
from mmwsss.datasets.groups import Grouping
from mmwsss.datasets.transforms import LoadPicture
from mmwsss.evaluation.evidence import THRESHOLDS, shares_above
from mmwsss.evaluation.logistic import fit_logistic

TINY = {'type': 'mmwsss.TimmFeatures', 'name': 'tf_efficientnet_lite0', 'out_indices': (1,)}


def test_evidence_is_of_the_scores(trained):  # noqa: F811
    cfg, model = load(*trained)
    dataset = data_split(cfg, 'train')
    plan = EvidencePlan(frames=4, composites=6, views='mirrored', grouping=Grouping(pattern=r'(picture \d+)'))
    found = collect_evidence(cfg, model, dataset, plan)
    frames = found.frames
    assert len(frames) == 8 and frames.positive.sum() == 4 and len(set(frames.blocks)) == 8
    again = next(scored_frames(cfg, model, dataset, [0]))
    assert again.info['img_path'] == frames.names[0] and np.allclose(frames.area[0], shares_above(again.scores[0]))
    assert (frames.both <= frames.either).all() and (frames.both < frames.either).any()
    composites = found.composites
    assert len(composites) == 6 and composites.hits.shape == (6, 99, 3)
    assert (composites.truth[:, 0] >= composites.truth[:, 2]).all() and composites.truth[:, 2].min() > 0
    assert (composites.hits[:, :, 0] <= composites.area + 1e-9).all()
    assert not np.allclose(composites.area, composites.clean_area)
    same = collect_evidence(cfg, model, dataset, plan, peer=model)  # one that always agrees, in the mirror's place
    assert np.array_equal(same.composites.hits, composites.hits) and np.array_equal(same.frames.area, frames.area)
    assert np.array_equal(same.frames.both, same.frames.either) and np.allclose(same.frames.both, frames.area)


def test_a_second_look_at_another_size(trained):  # noqa: F811
    cfg, model = load(*trained)
    cfg.pseudo.generator.size_divisor = 8  # the toy's pictures are small
    dataset, sizes = data_split(cfg, 'train'), list(cfg.pseudo.generator.scales)
    found = collect_evidence(cfg, model, dataset, EvidencePlan(frames=4, composites=0, views='scaled')).frames
    assert cfg.pseudo.generator.scales == sizes, 'the config stays what it was'
    one = next(scored_frames(cfg, model, dataset, [0])).scores[0]
    cfg.pseudo.generator.scales = [0.75 * size for size in sizes]
    other = next(scored_frames(cfg, model, dataset, [0])).scores[0]
    cfg.pseudo.generator.scales = sizes
    assert not np.allclose(one, other)
    assert np.isclose(found.both[0, 20], ((one > THRESHOLDS[20]) & (other > THRESHOLDS[20])).mean(), atol=1e-6)
    for name in ('views', 'erase'):
        with pytest.raises(ValueError, match=f"Expected {name} of .*, but got 'upside_down'"):
            EvidencePlan(**{name: 'upside_down'})


def test_pasted_objects_in_the_place_of_smoke(trained, tmp_path):  # noqa: F811
    cfg, model = load(*trained)
    dataset = data_split(cfg, 'train')
    mask = np.zeros((48, 48), np.uint8)
    mask[10:34, 8:36] = 1
    folder = write_masks(tmp_path, {f'{index}.jpg': mask for index in range(3)}, list(dataset.metainfo['classes']))
    found = collect_evidence(cfg, model, dataset, EvidencePlan(frames=4, composites=6, objects=str(folder))).composites
    assert len(found) == 6 and (found.truth[:, 2] > 0.01).all() and (found.opacity > 0.5).all()
    assert (found.hits[:, :, 2] <= found.truth[:, None, 2] + 1e-9).all()
    assert set(found.names) <= {dataset.get_data_info(i)['img_path'] for i in split_indices(dataset)[1]}


def test_a_peer_is_asked_about_the_same_frames(trained):  # noqa: F811
    cfg, model = load(*trained)
    peer = load(*trained)[1]
    for parameter in peer.parameters():
        parameter.data.mul_(-1.5)
    dataset = data_split(cfg, 'train')
    frames = collect_evidence(cfg, model, dataset, EvidencePlan(frames=4, composites=0), peer=peer).frames
    one, other = (next(scored_frames(cfg, network, dataset, [0])).scores[0] for network in (model, peer))
    for place, threshold in ((10, THRESHOLDS[10]), (50, THRESHOLDS[50])):
        both, either = (one > threshold) & (other > threshold), (one > threshold) | (other > threshold)
        assert np.isclose(frames.both[0, place], both.mean(), atol=0.01)
        assert np.isclose(frames.either[0, place], either.mean(), atol=0.01)


def test_composites_are_of_frames_without_the_class_and_their_clean_twins_differ_in_the_smoke_alone(trained):  # noqa: F811
    cfg, _ = load(*trained)
    dataset = data_split(cfg, 'train')
    smoky, clean = composite_sets(dataset, EvidencePlan(composites=25))
    assert len(smoky.frames) == 10 and smoky.repeat == 3
    mattes = []
    for index in (0, 1, 7):
        one, two = smoky.get_data_info(index), clean.get_data_info(index)
        assert dataset.get_data_info(smoky.frame_of(index))['gt_label'].size == 0
        outside = one['plume_matte'] == 0
        assert np.array_equal(one['img'][outside], two['img'][outside]) and not two['plume_matte'].any()
        assert (one['gt_seg_map'] == (one['plume_matte'] > 0.2)).all() and one['gt_label'].tolist() == [0]
        mattes.append(one['plume_matte'].sum())
    assert len(set(mattes)) == 3
    other = composite_sets(dataset, EvidencePlan(composites=25, seed=1))[0].get_data_info(0)
    assert other['plume_matte'].sum() not in mattes


def test_a_judge_learns_what_labels_say(trained):  # noqa: F811
    cfg, _ = load(*trained)
    dataset = data_split(cfg, 'train')
    judge = Judge.learn(Encoder(TINY, size=64), dataset, list(range(30)))
    infos = [data_split(cfg, 'val').get_data_info(index) for index in range(9)]
    labels = np.array([bool(info['gt_label'].size) for info in infos])
    said = judge([LoadPicture()(info)['img'] for info in infos])
    assert said[labels].min() > said[~labels].max()


def test_erase_and_keep_wants_the_object_whole_and_nothing_else():
    """The judge sees how bright the brightest spot is: too small a mask leaves some of it, too large a one all."""

    class Brightness:
        encoder = type('', (), {'size': 64})

        def __call__(self, pictures):
            return np.array([(picture.mean(2) > 150).mean() / 0.06 for picture in pictures]).clip(0, 1)

    frames = []
    for place in (8, 20, 34):
        picture = np.full((64, 64, 3), 60, np.uint8)
        picture[place : place + 16, place : place + 16] = 220
        distance = np.maximum(*np.abs(np.indices((64, 64)) - place - 7.5))
        frames.append((picture, np.clip(1 - distance / 40, 0, 1)))
    curve = erase_and_keep(Brightness(), frames)
    right = 1 - 8 / 40  # the object's own border
    best = THRESHOLDS[np.nanargmax(curve)]
    assert 0.55 <= best <= right and np.nanmax(curve) > 0.8
    blurred = THRESHOLDS[np.nanargmax(erase_and_keep(Brightness(), frames, 'blur'))]
    assert 0.55 <= blurred <= right
    asked = np.isfinite(curve)
    assert asked.sum() == 12 and max(curve[asked][0], curve[asked][-1]) < np.nanmax(curve) - 0.3


def test_fill_knows_only_what_is_around():
    picture = np.full((40, 50, 3), 100, np.uint8)
    mask = np.zeros((40, 50), bool)
    mask[10:25, 12:40] = True
    picture[mask] = 250
    filled = fill(picture, mask)
    assert np.abs(filled.astype(int) - 100).max() <= 1
    gradient = np.broadcast_to(np.linspace(20, 220, 50)[None, :, None], (40, 50, 3)).astype(np.uint8)
    filled = fill(gradient, mask)
    assert np.array_equal(filled[~mask], gradient[~mask]) and np.abs(filled.astype(int) - gradient).max() < 70
    assert fill(picture, np.ones((40, 50), bool)).shape == picture.shape
    soft = blur(picture, mask)
    assert np.array_equal(soft[~mask], picture[~mask]) and soft[mask].max() < 235 and soft[mask].min() > 100
    alone = keep(picture, mask)
    assert (alone[mask] == 250).all() and (alone[~mask] == 100).all()


def test_logistic_regression_is_at_the_optimum():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 5)) * [1, 10, 0.1, 1, 1] + 3
    target = (features[:, 0] + features[:, 1] / 10 + rng.normal(0, 0.3, 200) > 6).astype(float)
    fitted = fit_logistic(features, target, np.ones(200), 0.01)
    rows = (features - features.mean(0)) / features.std(0)
    error = fitted.probability(features) - target
    assert np.abs(rows.T @ error / 200 + 0.01 * fitted.weight).max() < 1e-4 and abs(error.mean()) < 1e-4
    assert ((fitted.probability(features) > 0.5) == target).mean() > 0.85
    half = fit_logistic(features, np.full(200, 0.5))
    assert np.abs(half.probability(features) - 0.5).max() < 1e-3
