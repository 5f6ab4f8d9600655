import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image

from mmwsss.config import load_config
from mmwsss.datasets import PseudoMaskDataset, SegmentationView
from mmwsss.datasets.metainfo import IGNORE_LABEL, palette, png_palette, segmentation_classes
from mmwsss.structures import Manifest, ManifestRecord
from mmwsss.utils.files import write_json


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture
def pseudo(tmp_path):
    write_json(tmp_path / 'run.json', {'classes': ['smoke', 'fire']})
    manifest = Manifest(tmp_path / 'manifest.jsonl')
    for name, labels in (('a', ['fire']), ('b', []), ('c', None)):
        if labels is None:
            manifest.append(ManifestRecord(f'/img/{name}.jpg', 'failed', reason='broken'))
            continue
        mask = Image.fromarray(np.array([[0, 2], [2 if labels else 0, IGNORE_LABEL]], np.uint8))
        mask.putpalette(png_palette(2))
        (tmp_path / 'masks').mkdir(exist_ok=True)
        mask.save(tmp_path / 'masks' / f'{name}.png')
        manifest.append(ManifestRecord(f'/img/{name}.jpg', 'ok', mask_path=f'masks/{name}.png', labels=labels))
    return tmp_path


def test_failed_left_out_and_negatives_kept(pseudo):
    dataset = PseudoMaskDataset(str(pseudo))
    assert [item['img_path'] for item in dataset.load_data_list()] == ['/img/a.jpg', '/img/b.jpg']
    assert dataset.metainfo['classes'] == ('background', 'smoke', 'fire')
    assert len(PseudoMaskDataset(str(pseudo), positives_only=True)) == 1


def test_stock_mmseg_reads_the_masks(pseudo):
    from mmseg.datasets.transforms import LoadAnnotations

    item = PseudoMaskDataset(str(pseudo)).load_data_list()[0]
    loaded = LoadAnnotations()(item)['gt_seg_map']
    assert loaded.tolist() == [[0, 2], [2, 255]]


def test_errors(tmp_path, pseudo):
    with pytest.raises(FileNotFoundError, match=r'there is no .*run\.json.*tools/make_pseudo\.py'):
        PseudoMaskDataset(str(tmp_path / 'nowhere'))
    (pseudo / 'manifest.jsonl').unlink()
    with pytest.raises(ValueError, match='Expected at least one finished mask in'):
        PseudoMaskDataset(str(pseudo))


def test_segmentation_view(toy):
    source = {
        'type': 'mmwsss.ImageLabelDataset', 'data_root': str(toy), 'ann_file': 'train.json',
        'data_prefix': {'img_path': 'img/train', 'seg_map_path': 'ann/train'}, 'negative_classes': ['no_smoke'],
        'test_mode': True,
    }  # fmt: skip
    view = SegmentationView(source)
    assert len(view) == 12 and view.metainfo['classes'] == ('background', 'smoke')
    assert view.load_data_list()[0]['seg_map_path'].endswith('ann/train/sub0/picture 0.png')
    del source['data_prefix']['seg_map_path']
    with pytest.raises(ValueError, match='Expected masks for a segmentor, but .*picture 0.jpg has none'):
        SegmentationView(source)


def test_palette_is_vocs():
    assert palette(3) == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert len(png_palette(1)) == 768 and png_palette(1)[-3:] == bytes([224, 224, 192])
    assert segmentation_classes(['a']) == ('background', 'a')
    with pytest.raises(ValueError, match=r'Expected num_classes in \[1, 254\], but got 0'):
        palette(0)


@pytest.mark.filterwarnings('ignore')
def test_a_picture_of_one_row_goes_through_the_segmentor(tmp_path):
    """1 x 40 pixels: training crop, loss, and a prediction of its own size."""
    cfg = load_config(
        'configs/seg/segformer_mit-b0_pseudo-512x512.py', {'img_size': 32, 'pretrained': False, 'num_classes': 1}
    )
    Image.fromarray(np.arange(120, dtype=np.uint8).reshape(1, 40, 3)).save(tmp_path / 'x.png')
    Image.fromarray(np.eye(1, 40, 3, dtype=np.uint8)).save(tmp_path / 'mask.png')
    paths = {'img_path': str(tmp_path / 'x.png'), 'seg_map_path': str(tmp_path / 'mask.png')}
    cfg.model.decode_head.norm_cfg.type = 'BN'
    model = MODELS.build(cfg.model).eval()
    results = {}
    for mode in ('train', 'test'):
        packed = Compose(cfg[f'{mode}_pipeline'])({**paths, 'seg_fields': [], 'reduce_zero_label': False})
        data = {'inputs': [packed['inputs']], 'data_samples': [packed['data_samples']]}
        data = model.data_preprocessor(data, training=mode == 'train')
        results[mode] = model(**data, mode='loss' if mode == 'train' else 'predict')
    assert torch.isfinite(results['train']['decode.loss_ce'])
    assert results['test'][0].pred_sem_seg.data.shape == (1, 1, 40)
    assert results['test'][0].gt_sem_seg.data.shape == (1, 1, 40)
