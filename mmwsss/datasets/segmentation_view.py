"""An image-label data set with masks, as MMSegmentation's test loops want it."""

from __future__ import annotations

from typing import Any

from mmseg.datasets import BaseSegDataset

from mmwsss.datasets.metainfo import palette, segmentation_classes
from mmwsss.registry import DATASETS


@DATASETS.register_module()
class SegmentationView(BaseSegDataset):
    """The images of another data set with their evaluation masks, class 0 being background.

    Args:
        source: Config of an :class:`~mmwsss.datasets.ImageLabelDataset` in test mode with ``seg_map_path``.
        test_mode: False to train on these masks: the fully supervised counterparts.
        **kwargs: Of :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        ValueError: If the source has no masks.
    """

    def __init__(self, source: dict, test_mode: bool = True, **kwargs: Any) -> None:
        self._source = DATASETS.build(source)
        classes = self._source.metainfo['classes']
        kwargs['metainfo'] = {'classes': segmentation_classes(classes), 'palette': palette(len(classes))}
        super().__init__(reduce_zero_label=False, test_mode=test_mode, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Items with image and mask paths."""
        data_list = []
        for index in range(len(self._source)):
            info = self._source.get_data_info(index)
            if 'seg_map_path' not in info:
                raise ValueError(f'Expected masks for a segmentor, but {info["img_path"]} has none.')
            data_list.append(
                {
                    'img_path': info['img_path'],
                    'seg_map_path': info['seg_map_path'],
                    'label_map': self.label_map,
                    'reduce_zero_label': False,
                    'seg_fields': [],
                }
            )
        return data_list
