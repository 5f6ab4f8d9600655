"""Images with image labels as the training set of a segmentor: all of them, or those without any class."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from mmwsss.datasets.metainfo import palette, segmentation_classes
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError

_KEPT = ('img_path', 'img', 'gt_label', 'gt_score', 'refused')


@DATASETS.register_module()
class ImageLabelView(BaseSegDataset):
    """The images of another data set with their image labels, for segmentors that learn from those; no masks are read.

    Args:
        source: Config of a data set of images with labels, such as :class:`~mmwsss.datasets.ImageLabelDataset`.
        **kwargs: Of :class:`mmseg.datasets.BaseSegDataset`.
    """

    def __init__(self, source: dict, **kwargs: Any) -> None:
        self._source = DATASETS.build(source)
        classes = self._source.metainfo['classes']
        kwargs['metainfo'] = {'classes': segmentation_classes(classes), 'palette': palette(len(classes))}
        super().__init__(reduce_zero_label=False, **kwargs)

    def is_shown(self, info: dict) -> bool:
        """Whether an image of the source is one of this set."""
        return True

    def load_data_list(self) -> list[dict]:
        """Items with the image's path or the generated image, and its label."""
        data_list = []
        for index in range(len(self._source)):
            info = self._source.get_data_info(index)
            if self.is_shown(info):
                kept = {key: info[key] for key in _KEPT if key in info}
                data_list.append({**kept, 'label_map': self.label_map, 'reduce_zero_label': False, 'seg_fields': []})
        return data_list


@DATASETS.register_module()
class NegativeView(ImageLabelView):
    """The images of another data set whose label says that they show none of its classes; no masks are read.

    Their masks are known without anybody's work: all background, from
    :class:`~mmwsss.datasets.transforms.EmptySegMap`, until a :class:`~mmwsss.datasets.transforms.PastePlume` behind it
    changes that.

    Args:
        source: Config of a data set of images with labels, such as :class:`~mmwsss.datasets.ImageLabelDataset`.
        at_least: The images are listed again, each under a number of its own, until there are that many. An image that
            a sampler takes several times an epoch then gets another plume each time.
        doubt: Images that show a class with a larger probability, by votes or doubts in the label file, are left out.
        **kwargs: Of :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        ValueError: If every image shows a class, or may show one.
    """

    def __init__(self, source: dict, at_least: int = 0, doubt: float = 0.3, **kwargs: Any) -> None:
        self._at_least, self._doubt = at_least, doubt
        super().__init__(source, **kwargs)

    def is_shown(self, info: dict) -> bool:
        """Whether its label has no class, without much doubt."""
        return not info['gt_label'].size and float(np.max(info.get('gt_score', 0.0))) <= self._doubt

    def load_data_list(self) -> list[dict]:
        """Items with the image's path or the generated image, and its empty label."""
        data_list = super().load_data_list()
        if not data_list:
            raise InputError(
                f'Expected images without any class to blend smoke into, but all {len(self._source)} show one, or show '
                f'one with a probability above {self._doubt}.'
            )
        return data_list * max(-(-self._at_least // len(data_list)), 1)
