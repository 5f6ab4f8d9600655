import sys

import numpy as np
import pydensecrf.densecrf as dcrf
import pytest
import torch
import torch.nn.functional as F

from mmwsss.refine import CRFRefine, LayerFusion, ThresholdMask, build_fusion, build_refiners
from mmwsss.refine.crf_refine import cam_to_probabilities, matching_exponent
from mmwsss.refine.threshold_mask import scores_to_mask


def scene(classes=1, size=(24, 30), seed=0):
    rng = np.random.default_rng(seed)
    img = rng.integers(0, 60, (*size, 3)).astype(np.uint8)
    img[6:18, 8:22] = 220
    cam = rng.random((classes, *size)).astype(np.float32) * 0.4
    cam[0, 4:14, 6:20] += 0.5
    return {'img': img, 'cam': cam, 'classes': np.arange(classes)}


def crf_by_hand(img_rgb, probabilities, iters, gaussian, bilateral):
    n, h, w = probabilities.shape
    crf = dcrf.DenseCRF2D(w, h, n)
    unary = -np.log(np.clip(probabilities, 1e-5, 1)).reshape(n, -1).astype(np.float32)
    crf.setUnaryEnergy(np.ascontiguousarray(unary))
    crf.addPairwiseGaussian(sxy=gaussian[0], compat=gaussian[1])
    crf.addPairwiseBilateral(
        sxy=bilateral[0], srgb=bilateral[1], compat=bilateral[2], rgbim=np.ascontiguousarray(img_rgb)
    )
    return np.array(crf.inference(iters)).reshape(n, h, w)


@pytest.mark.parametrize('exponent', [1.0, 16.0])
def test_crf_equals_direct_calls(exponent):
    data = scene()
    cam = data['cam'][0].clip(0, 1)
    background = (1 - cam) ** exponent
    probabilities = np.stack([background, cam]) / (background + cam)
    expected = crf_by_hand(data['img'][..., ::-1], probabilities, 5, (3, 5), (60, 5, 15))
    refined = CRFRefine(bg_exponent=exponent)(dict(data))['cam']
    assert np.allclose(refined[0], expected[1], atol=1e-5)


def test_background_by_power():
    cam = np.array([[[0.0, 0.2, 0.5, 0.9]], [[0.1, 0.3, 0.1, 0.0]]], np.float32)
    expected = [[0, 0, 0, 0]]
    for position in range(4):
        best = cam[:, 0, position].max()
        expected[0][position] = int(cam[:, 0, position].argmax()) + 1 if best > (1 - best) ** 4 else 0
    data = {'cam': cam, 'classes': np.arange(2)}
    assert ThresholdMask(bg_exponent=4)(dict(data))['pred_seg_map'].tolist() == expected == [[0, 2, 1, 1]]
    assert ThresholdMask(bg_exponent=1)(dict(data))['pred_seg_map'].tolist() == [[0, 0, 0, 1]]
    with pytest.raises(ValueError, match='Expected bg_exponent > 0 and no ignore_band, but got 0'):
        ThresholdMask(bg_exponent=0)
    with pytest.raises(ValueError, match=r'Expected confidence in \(0, 1\] and neither'):
        ThresholdMask(confidence=0.9, bg_exponent=2)


def test_confidence_is_that_of_the_most_probable_label():
    """Two classes that share what is left of the background are no sure background."""
    cam = np.array([[[0.05, 0.02, 0.97, 0.5, 0.0]], [[0.05, 0.02, 0.01, 0.45, 0.0]]], np.float32)
    step = ThresholdMask(confidence=0.95)
    found = step({'cam': cam, 'classes': np.array([0, 2])})['pred_seg_map']
    assert found.tolist() == [[255, 0, 1, 255, 0]] and 'confidence=0.95' in repr(step)


def plain_crf(img, probabilities, iters, gaussian, bilateral):
    """Mean field with every pair of pixels and exact Gaussian kernels, symmetrically normalised."""
    labels, height, width = probabilities.shape
    place = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing='ij'), -1).reshape(-1, 2).astype(float)
    colour = img.reshape(-1, 3).astype(float)

    def kernel(feature):
        similar = np.exp(-((feature[:, None] - feature[None]) ** 2).sum(-1) / 2)
        scale = 1 / np.sqrt(similar.sum(1))
        return similar * scale[:, None] * scale[None]

    def softmax(values):
        values = np.exp(values - values.max(0))
        return values / values.sum(0)

    smoothness = gaussian['compat'] * kernel(place / gaussian['sxy'])
    appearance = bilateral['compat'] * kernel(
        np.concatenate([place / bilateral['sxy'], colour / bilateral['srgb']], axis=1)
    )
    log_unary = np.log(np.clip(probabilities, 1e-5, 1)).reshape(labels, -1)
    posterior = softmax(log_unary)
    for _ in range(iters):
        posterior = softmax(log_unary + posterior @ (smoothness + appearance))
    return posterior.reshape(probabilities.shape)


@pytest.mark.parametrize('preset', ['paper', 'supervised', 'voc'])
@pytest.mark.parametrize('exponent', [1.0, 2.0, 16.0])
def test_crf_equals_a_slow_plain_one(preset, exponent):
    """pydensecrf's lattice approximates the kernels: labels agree, posteriors nearly."""
    for seed in range(3):
        data = scene(classes=2, seed=seed)
        img = 40 + data['img'][..., ::-1] // 16 * (data['img'][..., ::-1] < 100)  # noise of a photograph
        img[6:18, 8:22] = 200
        probabilities = cam_to_probabilities(data['cam'], exponent)
        step = CRFRefine(preset, bg_exponent=exponent)
        posterior = step.posterior(np.ascontiguousarray(img), probabilities)
        expected = plain_crf(img, probabilities, step.num_iters, step.gaussian, step.bilateral)
        assert (posterior.argmax(0) == expected.argmax(0)).mean() > 0.98
        assert np.abs(posterior - expected).mean() < 0.03
        assert (posterior.argmax(0) == probabilities.argmax(0)).mean() < 1  # it did something


def test_ignore_band_follows_each_images_own_top():
    ramp = np.linspace(0, 1, 101, dtype=np.float32).reshape(1, 1, 101)
    step = ThresholdMask(ignore_band=(0.2, 0.5), band_shares=(0.3, 0.7))

    def cuts(cam):
        mask = step({'cam': cam, 'classes': np.array([1])})['pred_seg_map']
        assert set(np.unique(mask)) == {0, 2, 255}
        return cam[0, mask == 2].min(), cam[0, mask == 0].max()

    low, high = 0.3 * 0.99 * 0.4, 0.7 * 0.99 * 0.4
    assert cuts(0.4 * ramp)[0] > high >= 0.4 * ramp[0, 0, int(high / 0.004)] and cuts(0.4 * ramp)[1] <= low
    sure, background = cuts(ramp)  # a sure image keeps the band
    assert 0.5 < sure < 0.52 and 0.19 < background <= 0.21
    lone = 0.1 * ramp
    lone[0, 0, -1] = 1.0  # one pixel moves nothing
    assert cuts(lone)[0] == pytest.approx(0.07, abs=0.002)
    plain = ThresholdMask(ignore_band=(0.2, 0.5))({'cam': 0.1 * ramp, 'classes': np.array([1])})['pred_seg_map']
    assert not plain.any()
    empty = {'cam': np.zeros((0, 4, 4), np.float32), 'classes': np.zeros(0, np.int64)}
    assert not step(empty)['pred_seg_map'].any()
    with pytest.raises(ValueError, match=r'Expected ignore_band beside band_shares, but got \(0.3, 0.7\) alone'):
        ThresholdMask(band_shares=(0.3, 0.7))
    with pytest.raises(
        ValueError, match=r'Expected band_shares \(low, high\) with 0 <= low < high <= 1, but got \(0.7, 0.3\)'
    ):
        ThresholdMask(ignore_band=(0.2, 0.5), band_shares=(0.7, 0.3))


@pytest.mark.parametrize('backend', ['pydensecrf', 'torch'])
@pytest.mark.parametrize('k', [2, 16, 48])
def test_crf_golden(golden, k, backend):
    data = {'img': golden['crf/image_rgb'][..., ::-1], 'cam': golden['crf/cam'][None], 'classes': [0]}
    assert (
        np.abs(CRFRefine(bg_exponent=k, backend=backend)(data)['cam'][0] - golden[f'crf/foreground_k{k}']).max() < 1e-4
    )


def test_crf_of_several_classes_and_of_none():
    data = scene(3)
    refined = CRFRefine('voc', num_iters=2)(dict(data))['cam']
    assert refined.shape == (3, 24, 30) and refined.max() > 0
    assert refined.sum(0).max() <= 1 + 1e-5
    nothing = np.zeros((0, 24, 30), np.float32)
    assert CRFRefine()({**data, 'cam': nothing, 'classes': np.array([], int)})['cam'] is nothing


def test_crf_follows_the_picture():
    mask = ThresholdMask(0.5)(CRFRefine(bg_exponent=2)(scene()))['pred_seg_map']
    bright = np.zeros((24, 30), bool)
    bright[6:18, 8:22] = True
    before = ThresholdMask(0.5)(scene())['pred_seg_map']
    iou = [((m > 0) & bright).sum() / ((m > 0) | bright).sum() for m in (before, mask)]
    assert iou[1] > iou[0] + 0.1


def test_crf_at_reduced_size():
    data = scene(size=(48, 60))
    full, small = (CRFRefine(bg_exponent=2, max_side=side)(dict(data))['cam'] for side in (None, 30))
    assert full.shape == small.shape == (1, 48, 60)
    assert not np.array_equal(full, small)
    assert ((full > 0.5) == (small > 0.5)).mean() > 0.85
    same = CRFRefine(bg_exponent=2, max_side=60)(dict(data))['cam']
    assert np.array_equal(full, same)


def test_crf_errors():
    with pytest.raises(ValueError, match="Expected a preset of .*'paper'.* but got 'x'"):
        CRFRefine('x')
    with pytest.raises(ValueError, match='Expected bg_exponent > 0 and num_iters >= 1, but got -1 and 5'):
        CRFRefine(bg_exponent=-1)
    data = scene()
    data['img'] = data['img'][:-1]
    with pytest.raises(ValueError, match=r'\(23, 30\) and \(24, 30\)'):
        CRFRefine()(data)


@pytest.mark.parametrize('backend', ['pydensecrf', 'torch'])
def test_crf_refuses_pictures_of_floats(backend):
    data = scene()
    data['img'] = data['img'].astype(np.float32) / 255
    with pytest.raises(ValueError, match=r'Expected a uint8 picture .* in \[0, 255\], but got float32'):
        CRFRefine(backend=backend)(data)


def test_crf_without_pydensecrf(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pydensecrf.densecrf', None)  # an import of it fails
    with pytest.warns(UserWarning, match='The CRF runs on PyTorch, .*mmwsss\\[crf\\]'):
        step = CRFRefine(bg_exponent=2)
    assert step.backend == 'torch'
    assert step(scene())['cam'].shape == (1, 24, 30)
    with pytest.raises(ImportError, match='CRFRefine needs the package pydensecrf'):
        CRFRefine(backend='pydensecrf')


def test_probabilities_and_matching_exponent():
    cam = np.array([[[0.0, 0.3, 1.0]]], np.float32)
    assert np.allclose(cam_to_probabilities(cam, 2)[1, 0], [0, 0.3 / (0.3 + 0.49), 1])
    for threshold, cut in ((0.2, 0.5), (0.3, 0.5), (0.1, 0.3)):
        k = matching_exponent(threshold, cut)
        assert cam_to_probabilities(np.full((1, 1, 1), threshold), k)[1].item() == pytest.approx(cut)
    with pytest.raises(ValueError, match=r'Expected threshold in \(0, 1\), but got 0'):
        matching_exponent(0, 0.5)
    with pytest.raises(ValueError, match='Expected threshold < '):
        matching_exponent(0.6, 0.3)


def fuse(layers, size=None, **arguments):
    """The fused maps at a picture's size, by default that of the maps."""
    img = np.zeros((*(size or layers.shape[2:]), 3), np.uint8)
    return LayerFusion(**arguments)({'layer_cams': layers, 'img': img})['cam']


def test_layer_fusion():
    layers = np.random.default_rng(0).random((3, 2, 4, 5)).astype(np.float32)
    layers[:, 1] = 0
    mean = fuse(layers)
    expected = layers[:, 0].mean(0)
    assert np.allclose(mean[0], expected / expected.max(), atol=1e-6) and (mean[1] == 0).all()
    assert np.allclose(fuse(layers, normalize=False)[0], expected, atol=1e-6)
    assert np.allclose(fuse(layers, reduce='max')[0], layers[:, 0].max(0) / layers[:, 0].max(), atol=1e-6)
    weighted = fuse(layers, weights=(1, 0, 3), normalize=False)[0]
    assert np.allclose(weighted, (layers[0, 0] + 3 * layers[2, 0]) / 4, atol=1e-6)
    with pytest.raises(ValueError, match='Expected 3 weights, one a layer, but got 2'):
        fuse(layers, weights=(1, 1))
    with pytest.raises(ValueError, match="Expected reduce 'mean' or 'max', but got 'sum'"):
        LayerFusion('sum')
    with pytest.raises(ValueError, match='Expected non-negative weights'):
        LayerFusion(weights=(-1, 2))


@pytest.mark.parametrize('size', [(4, 5), (13, 9), (2, 3)])
@pytest.mark.parametrize('normalize', [False, True])
def test_fused_maps_are_resized_once_and_normalised_last(size, normalize):
    """The same as every layer resized first: a mean commutes with a linear resize, a maximum does not."""
    layers = np.random.default_rng(0).random((3, 2, 4, 5)).astype(np.float32)
    large = F.interpolate(torch.from_numpy(layers), size, mode='bilinear', align_corners=False).numpy().mean(0)
    expected = large / large.max((1, 2), keepdims=True) if normalize else large
    found = fuse(layers, size, normalize=normalize)
    assert found.dtype == np.float32 and np.allclose(found, expected, atol=1e-6)
    if normalize:
        assert (found.max((1, 2)) == 1).all()


def test_fusion_without_any_class():
    assert fuse(np.zeros((2, 0, 4, 5), np.float32), (8, 9)).shape == (0, 8, 9)


def test_a_fusion_among_the_refiners_is_refused():
    steps = [{'type': 'mmwsss.DarkChannelRefine'}, {'type': 'mmwsss.LayerFusion'}]
    with pytest.raises(ValueError, match=r'mmwsss.LayerFusion in pseudo.refine\[1\]: .* pseudo.fusion'):
        build_refiners(steps, ['smoke'])
    assert isinstance(build_fusion(None, ['smoke']), LayerFusion)


def test_threshold_mask():
    cam = np.array([[[0.1, 0.3, 0.31, 0.9]], [[0.0, 0.2, 0.4, 0.5]]], np.float32)

    def cut(classes, step):
        return step({'cam': cam, 'classes': np.array(classes)})['pred_seg_map'].tolist()

    assert cut([0, 1], ThresholdMask(0.3)) == [[0, 0, 2, 1]]
    assert cut([4, 79], ThresholdMask(0.3)) == [[0, 0, 80, 5]]
    assert cut([0, 1], ThresholdMask(ignore_band=(0.2, 0.45))) == [[0, 255, 255, 1]]
    empty = {'cam': cam[:0], 'classes': np.zeros(0, int)}
    assert ThresholdMask()(empty)['pred_seg_map'].tolist() == [[0, 0, 0, 0]]
    with pytest.raises(ValueError, match=r'Expected maps \(n, H, W\) and n classes, but got \(2, 1, 4\) and \(1,\)'):
        cut([0], ThresholdMask())
    with pytest.raises(ValueError, match=r'Expected threshold in \[0, 1\], but got 1.3'):
        ThresholdMask(1.3)
    with pytest.raises(ValueError, match=r'low < high <= 1, but got \(0.5, 0.2\)'):
        ThresholdMask(ignore_band=(0.5, 0.2))


@pytest.mark.parametrize('settings', [{}, {'ignore_band': (0.2, 0.6)}, {'bg_exponent': 3.0}])
def test_masks_in_strips_equal_the_whole(settings, monkeypatch):
    monkeypatch.setattr('mmwsss.utils.strips._VALUES', 50)
    cam = np.random.default_rng(0).random((3, 37, 11)).astype(np.float32)
    classes = np.array([1, 4, 6])
    best = cam.max(0)
    least = (1 - best) ** 3 if 'bg_exponent' in settings else settings.get('ignore_band', (0, 0.3))[1]
    expected = np.where(best > least, classes[cam.argmax(0)] + 1, 0)
    if 'ignore_band' in settings:
        expected[(best > 0.2) & (best <= 0.6)] = 255
    assert np.array_equal(scores_to_mask(cam, classes, **settings), expected)


def test_a_refiner_that_is_none_is_named():
    with pytest.raises(ValueError, match="Expected the type of a registered refiner, but got 'paar'"):
        build_refiners([{'type': 'paar'}], ('smoke',))
