"""Objects pasted into images that lack them, where what is known of them chooses."""

import numpy as np
import pytest
from conftest import write_masks
from PIL import Image

from mmwsss.datasets.object_frames import ObjectFrames

SIDE = 48


class Images:
    """Six images of two classes: the first two show both."""

    metainfo = {'classes': ('red', 'blue')}

    def __init__(self, root):
        self.root = root

    def __len__(self):
        return 6

    def get_data_info(self, index):
        labels = [[0, 1], [0, 1], [0], [0], [1], []][index]
        return {'img_path': str(self.root / f'{index}.jpg'), 'gt_label': np.array(labels, np.int64)}


@pytest.fixture
def made(tmp_path):
    rng = np.random.default_rng(0)
    masks = {}
    for index in range(6):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[8:30, 10:32] = 1 + index % 2
        masks[f'{index}.jpg'] = mask
    write_masks(tmp_path, masks, ['red', 'blue'])
    for index in range(6):
        picture = rng.integers(60, 90, (SIDE, SIDE, 3), dtype=np.uint8)
        picture[8:30, 10:32] = (250, 0, 0) if index % 2 == 0 else (0, 0, 250)
        Image.fromarray(picture).save(tmp_path / 'images' / f'{index}.jpg')
    return Images(tmp_path / 'images'), tmp_path / 'pseudo'


def test_an_object_is_where_the_two_differ(made):
    dataset, folder = made
    there = ObjectFrames(dataset, folder, 12, 7)
    without = there.without()
    assert there.frames == [2, 3, 4, 5] and len(there) == len(without) == 12 and there.frame_of(5) == 3
    assert ObjectFrames(dataset, folder, 2).frames == [2, 4]
    classes = set()
    for index in range(12):
        one, two = there.get_data_info(index), without.get_data_info(index)
        assert one['composite_class'] == two['composite_class'] is not None
        assert one['composite_class'] not in dataset.get_data_info(there.frame_of(index))['gt_label']
        classes.add(one['composite_class'])
        matte = one['object_matte']
        assert matte.dtype == np.float32 and 0.5 < matte.max() <= 1 and not two['object_matte'].any()
        assert np.array_equal(one['img'][matte == 0], two['img'][matte == 0])
        colour = one['img'][matte > 0.9].mean(0)  # BGR
        assert colour.argmax() == (2 if one['composite_class'] == 0 else 0)
    assert classes == {0, 1}
    again = ObjectFrames(dataset, folder, 12, 7).get_data_info(5)
    assert np.array_equal(again['img'], there.get_data_info(5)['img'])
    dataset.get_data_info = lambda index: {'img_path': '', 'gt_label': np.array([0, 1])}
    with pytest.raises(ValueError, match='Expected images that lack a class of which objects can be cut'):
        ObjectFrames(dataset, folder, 12)
