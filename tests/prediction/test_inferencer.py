"""The inferencer against the host's own, and the networks of checkpoints."""

import inspect
import time

import cv2
import numpy as np
import pytest
import torch
from conftest import write_toy
from frames_for_tests import write_film, write_pictures
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.apis import MMSegInferencer, inference_model
from PIL import Image

import mmwsss
from mmwsss.apis.inference import init_segmentor
from mmwsss.apis.networks import init_network
from mmwsss.apis.prediction import predict
from mmwsss.config import load_config
from mmwsss.datasets.masks import read_mask
from mmwsss.exports import MaskFolder
from mmwsss.prediction import MapNetwork, SegmentorNetwork, Tiling
from mmwsss.structures.output_folder import RunMismatchError
from mmwsss.visualization import write_review
from mmwsss.visualization.kept_maps import read_maps

PIPELINE = [{'type': 'mmwsss.LoadPicture'}, {'type': 'Resize', 'scale': (64, 48), 'keep_ratio': False},
            {'type': 'mmwsss.LoadSegMap'}, {'type': 'PackSegInputs'}]  # fmt: skip
SEGMENTOR = {
    'type': 'EncoderDecoder',
    'data_preprocessor': {'type': 'SegDataPreProcessor', 'mean': [120.0] * 3, 'std': [60.0] * 3, 'bgr_to_rgb': True},
    'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'out_indices': (3,),
                 'strides': (1, 2, 1, 1), 'dilations': (1, 1, 1, 1), 'style': 'pytorch'},
    'decode_head': {'type': 'FCNHead', 'in_channels': 64, 'channels': 8, 'num_convs': 1, 'num_classes': 2,
                    'norm_cfg': {'type': 'BN'}, 'align_corners': False, 'concat_input': False,
                    'loss_decode': {'type': 'CrossEntropyLoss'}},
    'test_cfg': {'mode': 'whole'},
}  # fmt: skip
CLASSIFIER = {
    'type': 'mmwsss.MapClassifier',
    'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'out_indices': (3,)},
    'head': {'type': 'mmwsss.PooledHead', 'num_classes': 1, 'in_channels': 64},
    'data_preprocessor': {'mean': [120.0] * 3, 'std': [60.0] * 3, 'to_rgb': True},
}


def save(path, scope, model, classes, **config):
    from mmwsss.registry import MODELS

    init_default_scope(scope)
    torch.manual_seed(3)
    built = MODELS.build(Config({'model': model}).model)
    built.init_weights()
    if scope == 'mmseg':
        torch.nn.init.normal_(built.decode_head.conv_seg.weight, 0, 3)
    else:
        torch.nn.init.uniform_(built.head.fc.weight, 0, 1)  # features are not negative: it sees the class
    meta = {'cfg': Config({'model': model, 'default_scope': scope, **config}).pretty_text}
    torch.save({'state_dict': built.state_dict(), 'meta': {**meta, 'dataset_meta': {'classes': classes}}}, path)
    return path


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """Checkpoints of both kinds, and pictures with EXIF rotation, in sub-folders."""
    root = tmp_path_factory.mktemp('work')
    save(root / 'seg.pth', 'mmseg', SEGMENTOR, ['background', 'smoke'], test_pipeline=PIPELINE)
    save(root / 'cls.pth', 'mmpretrain', CLASSIFIER, ['smoke'])
    toy = write_toy(root / 'toy', 6)
    folder = toy / 'img' / 'train'
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(folder / 'sub0' / 'picture 0.jpg') as picture:
        picture.save(folder / 'turned.jpg', exif=exif)
    return root, folder


@pytest.fixture(scope='module')
def inferencer(work):
    return mmwsss.MaskInferencer(work[0] / 'seg.pth', show_progress=False, device='cpu')


def test_the_signature_is_the_hosts():
    ours, theirs = (inspect.signature(kind.__init__).parameters for kind in (mmwsss.MaskInferencer, MMSegInferencer))
    assert [*ours][: len(theirs)] == [*theirs]
    assert all(ours[name].kind is inspect.Parameter.KEYWORD_ONLY for name in [*ours][len(theirs) :])
    assert mmwsss.MaskInferencer.__call__ is MMSegInferencer.__call__


def test_masks_are_the_hosts(work, inferencer):
    root, folder = work
    model = init_segmentor(None, root / 'seg.pth', device='cpu')
    paths = sorted(map(str, folder.rglob('*.jpg')))
    results = inferencer(paths, batch_size=2)
    assert len(results['predictions']) == len(paths) == 7 and results['visualization'] == []
    seen = set()
    for path, label in zip(paths, results['predictions']):
        expected = inference_model(model, path)
        assert label.dtype == np.int64
        np.testing.assert_array_equal(label, expected.pred_sem_seg.data[0].numpy())
        seen |= set(np.unique(label).tolist())
    assert seen == {0, 1}
    turned = inferencer(str(folder / 'turned.jpg'), return_datasamples=True)
    upright = inferencer(str(folder / 'sub0' / 'picture 0.jpg'), return_datasamples=True)
    assert upright.seg_logits.data.shape == (2, 48, 40)
    assert turned.seg_logits.data.shape == (2, 40, 48)


def test_files_keep_their_names(work, inferencer, tmp_path):
    _, folder = work
    results = inferencer([folder], out_dir=str(tmp_path), return_vis=True, opacity=0.5)
    names = sorted(path.relative_to(folder).with_suffix('.png').as_posix() for path in folder.rglob('*.jpg'))
    for kind in ('pred', 'vis'):
        assert sorted(path.relative_to(tmp_path / kind).as_posix() for path in (tmp_path / kind).rglob('*')
                      if path.is_file()) == names  # fmt: skip
    by_name = dict(zip(map(str, inferencer._inputs_to_list(folder)), results['predictions']))
    for path, label in by_name.items():
        name = path.removeprefix(f'{folder}/').replace('.jpg', '.png')
        np.testing.assert_array_equal(read_mask(tmp_path / 'pred' / name), label)
    assert results['visualization'][0].shape == (*results['predictions'][0].shape, 3)
    img = np.asarray(Image.open(folder / 'sub1' / 'picture 1.jpg'))[..., ::-1].copy()
    alone = inferencer(img, out_dir=str(tmp_path / 'arrays'))
    np.testing.assert_array_equal(alone['predictions'], by_name[str(folder / 'sub1' / 'picture 1.jpg')])
    assert [path.name for path in (tmp_path / 'arrays' / 'pred').iterdir()] == ['00000007.png']


def test_wide_pictures_are_cut(work, inferencer):
    wide = np.random.default_rng(0).integers(0, 255, (48, 200, 3), np.uint8)
    assert inferencer(wide)['predictions'].shape == (48, 200)
    whole = mmwsss.MaskInferencer(work[0] / 'seg.pth', show_progress=False, device='cpu', tiling=Tiling(0))
    assert (whole(wide)['predictions'] != inferencer(wide)['predictions']).any()  # another scale
    sample = inferencer(wide, return_datasamples=True)
    assert 'seg_logits' not in sample and sample.pred_sem_seg.data.shape == (1, 48, 200)


def test_a_tile_is_seen_at_the_scale_of_its_unit(work):
    """48 pixels become the 64 x 48 of the network's input: a wide picture in one tile is 267 x 48 of them."""
    wide = np.random.default_rng(0).integers(0, 255, (48, 200, 3), np.uint8)
    model = init_segmentor(None, work[0] / 'seg.pth', device='cpu')
    found = SegmentorNetwork(model, Tiling(span=5)).predict([wide])[0]
    model.cfg.test_pipeline[1]['scale'] = (267, 48)
    expected = SegmentorNetwork(model).predict([wide])[0]
    np.testing.assert_array_equal(found.label, expected.label)
    np.testing.assert_allclose(found.score, expected.score, atol=1e-5)


def test_a_classifier_takes_its_maps_and_refiners(work, tmp_path):
    """The masks are those of make_pseudo, with the classes that the classifier sees."""
    root, folder = work
    options = [f'images={folder}', 'img_size=64', 'scales=[1.0]', 'method=cam', 'size_divisor=32', 'mask_threshold=0.4']
    maps = mmwsss.load_config('configs/pseudo/unlabelled.py', options)
    mmwsss.make_pseudo(maps, root / 'cls.pth', tmp_path / 'pseudo', workers=0)
    summary = predict(root / 'cls.pth', folder, tmp_path / 'out', maps=maps, kinds=['overlays'], device='cpu')
    assert summary['ok'] == 7
    seen = set()
    for path in sorted((tmp_path / 'pseudo' / 'masks').rglob('*.png')):
        mask = read_mask(tmp_path / 'out' / 'masks' / path.relative_to(tmp_path / 'pseudo' / 'masks'))
        np.testing.assert_array_equal(mask, read_mask(path))
        seen |= set(np.unique(mask).tolist())
    assert seen == {0, 1}
    again = mmwsss.MaskInferencer(root / 'cls.pth', maps=maps, show_progress=False, device='cpu')
    assert isinstance(again.network, MapNetwork)
    mask = read_mask(tmp_path / 'out' / 'masks' / 'sub0' / 'picture 2.png')
    np.testing.assert_array_equal(again(str(folder / 'sub0' / 'picture 2.jpg'))['predictions'], mask)


def test_a_classifier_that_is_not_ours(work, tmp_path):
    root, folder = work
    model = {
        'type': 'mmpretrain.ImageClassifier',
        'backbone': CLASSIFIER['backbone'],
        'neck': {'type': 'GlobalAveragePooling'},
        'head': {'type': 'LinearClsHead', 'num_classes': 1, 'in_channels': 64},
        'data_preprocessor': CLASSIFIER['data_preprocessor'],
    }
    path = save(tmp_path / 'theirs.pth', 'mmpretrain', model, ['smoke'])
    maps = mmwsss.load_config('configs/pseudo/unlabelled.py', ['img_size=64', 'scales=[1.0]', 'target_layers=[-1]'])
    maps.pseudo.generator.classes = 'all'
    inferencer = mmwsss.MaskInferencer(path, maps=maps, show_progress=False, device='cpu')
    found = inferencer(folder)['predictions']
    assert len(found) == 7 and {0, 1} == set(np.unique(found[0]).tolist())


def test_masks_from_text(work, toy_clip, tmp_path):
    """CLIP needs no training, hence no checkpoint of ours: its weights alone."""
    _, folder = work
    variables = {'clip_arch': 'toy-text', 'class_names': ['boat', 'cat'], 'attention_blocks': 2, 'confidence': None}
    maps = mmwsss.load_config('configs/pseudo/clip_unlabelled.py', variables)
    maps.pseudo.generator.classes = 'all'
    summary = predict(toy_clip, folder, tmp_path / 'out', maps=maps, kinds=(), device='cpu')
    assert summary['ok'] == 7
    inferencer = mmwsss.MaskInferencer(toy_clip, maps=maps, show_progress=False, device='cpu')
    assert inferencer.network.classes == ('boat', 'cat')


def test_tiles_of_maps_are_those_of_their_config(work, tmp_path):
    """A wide picture through gradcam_tiles.py: its mask is that of make_pseudo."""
    root, _ = work
    rng = np.random.default_rng(0)
    (tmp_path / 'wide').mkdir()
    Image.fromarray(rng.integers(0, 255, (64, 300, 3)).astype(np.uint8)).save(tmp_path / 'wide' / 'a.png')
    variables = {'tile_size': 64, 'scales': [1.0], 'target_layers': [-1], 'size_divisor': 32}
    maps = mmwsss.load_config('configs/pseudo/gradcam_tiles.py', variables)
    maps.pseudo.dataset = {'type': 'mmwsss.ImageListDataset', 'source': str(tmp_path / 'wide'), 'classes': ['smoke']}
    maps.pseudo.generator.classes = 'all'
    mmwsss.make_pseudo(maps, root / 'cls.pth', tmp_path / 'pseudo', workers=0)
    network = init_network(root / 'cls.pth', None, maps, device='cpu')
    seen = []
    network.model.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[2:]))
    picture = np.asarray(Image.open(tmp_path / 'wide' / 'a.png'))
    label = network.predict([np.ascontiguousarray(picture[..., ::-1])])[0].label
    np.testing.assert_array_equal(label, read_mask(tmp_path / 'pseudo' / 'masks' / 'a.png'))
    assert len(seen) > 4 and max(max(shape) for shape in seen) == 64


def test_what_does_not_go_together(work, tmp_path):
    root, folder = work
    maps = mmwsss.load_config('configs/pseudo/unlabelled.py')
    for arguments, kind, message in [
        ((root / 'cls.pth',), ValueError, r'Expected a pseudo config for the classifier in .*cls.pth \(--maps'),
        ((root / 'gone.pth',), FileNotFoundError, 'gone.pth'),
        ((root / 'seg.pth', None, maps), ValueError, 'cls|classifier|MapClassifier'),
        ((root / 'cls.pth', None, maps, Tiling(64)), ValueError, 'Expected a segmentor for tiles'),
        ((root / 'cls.pth', None, Config({'a': 1})), ValueError, r'Expected a pseudo config \(with the key pseudo\)'),
    ]:
        with pytest.raises(kind, match=message):
            init_network(*arguments)
    save(tmp_path / 'no_pipeline.pth', 'mmseg', SEGMENTOR, ['background', 'smoke'])
    with pytest.raises(ValueError, match='Expected a test_pipeline in the config of the segmentor'):
        init_network(tmp_path / 'no_pipeline.pth')
    with pytest.raises(ValueError, match='Expected weights beside the config of a model, but got none'):
        mmwsss.MaskInferencer(Config({'model': SEGMENTOR}))
    with pytest.raises(ValueError, match='Expected a film or a camera to keep frames of'):
        predict(root / 'seg.pth', folder, tmp_path / 'out', kinds=['frames'])
    inferencer = mmwsss.MaskInferencer(Config({'model': SEGMENTOR, 'test_pipeline': PIPELINE}),
                                       tmp_path / 'no_pipeline.pth', show_progress=False)  # fmt: skip
    with pytest.raises(ValueError, match=r'as uint8 BGR \(H, W, 3\), but got float64 \(4, 4\)'):
        inferencer(np.zeros((4, 4)))


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clip')
    return write_film(folder / 'clip.avi', 5), write_pictures(folder / 'pictures', ['a.png'])


class EndlessFilm:
    """A film that begins anew, as a camera goes on; a subclass of OpenCV's type would break Python's memory."""

    open_film = cv2.VideoCapture

    def __init__(self, *arguments):
        self.film = EndlessFilm.open_film(*arguments)

    def __getattr__(self, name):
        return getattr(self.film, name)

    def read(self):
        time.sleep(0.01)
        good, img = self.film.read()
        if not good:
            self.film.set(cv2.CAP_PROP_POS_FRAMES, 0)
            good, img = self.film.read()
        return good, img


def test_frames_of_a_film_and_a_camera(work, inferencer, clip, tmp_path, monkeypatch):
    """As predict makes them and calls them; a film's address is what OpenCV opens as a camera's, too."""
    film, pictures = clip
    predict(work[0] / 'seg.pth', film, tmp_path / 'predicted', kinds=(), device='cpu')
    expected = [read_mask(tmp_path / f'predicted/masks/clip.avi/{number:06d}.png') for number in range(5)]
    results = inferencer([film, pictures], batch_size=2, out_dir=str(tmp_path / 'out'))
    assert len(results['predictions']) == 6
    for number, mask in enumerate(expected):
        np.testing.assert_array_equal(results['predictions'][number], mask)
        np.testing.assert_array_equal(read_mask(tmp_path / f'out/pred/clip.avi/{number:06d}.png'), mask)
        assert (tmp_path / f'out/vis/clip.avi/{number:06d}.png').exists()
    assert (tmp_path / 'out/pred/a.png').exists()
    monkeypatch.setattr(cv2, 'VideoCapture', EndlessFilm)
    camera = mmwsss.MaskInferencer(work[0] / 'seg.pth', show_progress=False, device='cpu', max_frames=2)
    two = camera(film.as_uri())['predictions']
    assert len(two) == 2 and two[0].shape == expected[0].shape
    with pytest.raises(ValueError, match=r'Expected max_frames for the camera .* which goes on for ever'):
        inferencer(film.as_uri())


def test_a_stream_holds_one_batch(inferencer, clip):
    film, pictures = clip
    samples = inferencer.stream([film, pictures, np.zeros((20, 30, 3), np.uint8)], batch_size=2)
    found = [(sample.img_path, sample.get('number'), sample.pred_sem_seg.data.shape) for sample in samples]
    assert [number for _, number, _ in found] == [0, 1, 2, 3, 4, None, None]
    assert found[5] == (str(pictures / 'a.png'), None, (1, 48, 64)) and found[6] == (None, None, (1, 20, 30))
    thinned = mmwsss.MaskInferencer.__new__(mmwsss.MaskInferencer)
    thinned.__dict__ = {**inferencer.__dict__, 'every': 0.2}  # 10 frames a second
    assert [sample.time_s for sample in thinned.stream(film)] == [0.0, 0.2, 0.4]
    with pytest.raises(ValueError, match='Expected batch_size >= 1, but got 0'):
        next(inferencer.stream(film, batch_size=0))


def test_a_film_that_is_cut_off(inferencer, tmp_path):
    film = write_film(tmp_path / 'cut.avi', 40)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.warns(UserWarning, match=r'A frame is left out: Expected 40 frames in .*cut.avi, but \d+ can be read'):
        assert 5 < len(inferencer(film)['predictions']) < 39


@pytest.mark.parametrize('kind', ['segmentor', 'classifier'])
def test_scores_are_kept_for_a_review(work, tmp_path, kind):
    """The page has a threshold to move, and 'doubt' and 'dice' an order."""
    root, folder = work
    maps = None
    if kind == 'classifier':
        maps = load_config('configs/pseudo/unlabelled.py', {'class_names': ['smoke'], 'img_size': 64})
    options = {'maps': maps, 'kinds': ('maps',), 'device': 'cpu'}
    checkpoint = root / ('seg.pth' if kind == 'segmentor' else 'cls.pth')
    predict(checkpoint, folder, tmp_path / 'out', **options)
    masks = MaskFolder(tmp_path / 'out')
    for item in masks.items:
        ((value, row),) = read_maps(masks, item)
        assert value == 1 and row.shape == item.mask().shape and 0 <= row.min() <= row.max() <= 1
        if kind == 'segmentor':
            sure = np.abs(row - 0.5) > 1e-3
            np.testing.assert_array_equal((row > 0.5)[sure], (item.mask() == 1)[sure])
    counts = write_review(tmp_path / 'out', tmp_path / 'review.html', order='dice')
    assert counts['with_maps'] == counts['images'] == 7
    with pytest.raises(RunMismatchError):
        predict(checkpoint, folder, tmp_path / 'out', **{**options, 'kinds': ()})
