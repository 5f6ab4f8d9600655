import numpy as np
import pydensecrf.densecrf as dcrf
import pytest

from mmwsss.refine import CRFRefine, LayerFusion, ThresholdMask
from mmwsss.refine.crf_refine import cam_to_probabilities, matching_exponent


def scene(classes=1, size=(24, 30), seed=0):
    rng = np.random.default_rng(seed)
    img = rng.integers(0, 60, (*size, 3)).astype(np.uint8)
    img[6:18, 8:22] = 220
    cam = rng.random((classes, *size)).astype(np.float32) * 0.4
    cam[0, 4:14, 6:20] += 0.5
    return {'img': img, 'cam': cam, 'gt_label': np.arange(classes)}


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
    assert ThresholdMask(bg_exponent=4)({'cam': cam})['pred_seg_map'].tolist() == expected == [[0, 2, 1, 1]]
    assert ThresholdMask(bg_exponent=1)({'cam': cam})['pred_seg_map'].tolist() == [[0, 0, 0, 1]]
    with pytest.raises(ValueError, match='Expected bg_exponent > 0 and no ignore_band, but got 0'):
        ThresholdMask(bg_exponent=0)


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


@pytest.mark.parametrize('backend', ['pydensecrf', 'torch'])
@pytest.mark.parametrize('k', [2, 16, 48])
def test_crf_golden(golden, k, backend):
    data = {'img': golden['crf/image_rgb'][..., ::-1], 'cam': golden['crf/cam'][None], 'gt_label': [0]}
    assert (
        np.abs(CRFRefine(bg_exponent=k, backend=backend)(data)['cam'][0] - golden[f'crf/foreground_k{k}']).max() < 1e-4
    )


def test_crf_takes_the_classes_of_the_label_only():
    data = scene(3)
    data['gt_label'] = np.array([0, 2])
    refined = CRFRefine('voc', num_iters=2)(dict(data))['cam']
    assert (refined[1] == 0).all() and refined[[0, 2]].max() > 0
    assert refined.sum(0).max() <= 1 + 1e-5
    untouched = CRFRefine()({**data, 'gt_label': np.array([], int)})['cam']
    assert untouched is data['cam']


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


def test_layer_fusion():
    layers = np.random.default_rng(0).random((3, 2, 4, 5)).astype(np.float32)
    layers[:, 1] = 0
    mean = LayerFusion()({'layer_cams': layers})['cam']
    expected = layers[:, 0].mean(0)
    assert np.allclose(mean[0], expected / expected.max(), atol=1e-6) and (mean[1] == 0).all()
    assert np.allclose(LayerFusion(normalize=False)({'layer_cams': layers})['cam'][0], expected, atol=1e-6)
    top = LayerFusion('max')({'layer_cams': layers})['cam'][0]
    assert np.allclose(top, layers[:, 0].max(0) / layers[:, 0].max(), atol=1e-6)
    weighted = LayerFusion(weights=(1, 0, 3), normalize=False)({'layer_cams': layers})['cam'][0]
    assert np.allclose(weighted, (layers[0, 0] + 3 * layers[2, 0]) / 4, atol=1e-6)
    with pytest.raises(ValueError, match='Expected 3 weights, one a layer, but got 2'):
        LayerFusion(weights=(1, 1))({'layer_cams': layers})
    with pytest.raises(ValueError, match="Expected reduce 'mean' or 'max', but got 'sum'"):
        LayerFusion('sum')
    with pytest.raises(ValueError, match='Expected non-negative weights'):
        LayerFusion(weights=(-1, 2))


def test_threshold_mask():
    cam = np.array([[[0.1, 0.3, 0.31, 0.9]], [[0.0, 0.2, 0.4, 0.5]]], np.float32)
    assert ThresholdMask(0.3)({'cam': cam})['pred_seg_map'].tolist() == [[0, 0, 2, 1]]
    assert ThresholdMask(ignore_band=(0.2, 0.45))({'cam': cam})['pred_seg_map'].tolist() == [[0, 255, 255, 1]]
    with pytest.raises(ValueError, match=r'Expected threshold in \[0, 1\], but got 1.3'):
        ThresholdMask(1.3)
    with pytest.raises(ValueError, match=r'low < high <= 1, but got \(0.5, 0.2\)'):
        ThresholdMask(ignore_band=(0.5, 0.2))
