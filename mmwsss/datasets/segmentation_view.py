"""An image-label data set with masks, as MMSegmentation's test loops want it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmseg.datasets import BaseSegDataset

from mmwsss.datasets.masks import OTHER
from mmwsss.datasets.metainfo import IGNORE_LABEL, palette, segmentation_classes
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError

_KEPT = ('img_path', 'seg_map_path', 'mask_values', 'gt_score', 'refused')


@DATASETS.register_module()
class SegmentationView(BaseSegDataset):
    """The images of another data set with their evaluation masks, class 0 being background.

    Args:
        source: Config of an :class:`~mmwsss.datasets.ImageLabelDataset` in test mode with ``seg_map_path``; its
            ``mask_values`` say how masks with other values are read, by :class:`~mmwsss.datasets.transforms.LoadSegMap`
            and by MMSegmentation's own loader (which does not check values).
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
                raise InputError(f'Expected masks for a segmentor, but {info["img_path"]} has none.')
            kept = {key: info[key] for key in _KEPT if key in info}
            data_list.append(
                {
                    **kept,
                    'label_map': _label_map(info.get('mask_values'), self.label_map),
                    'reduce_zero_label': False,
                    'seg_fields': [],
                }
            )
        return data_list


def _label_map(values: Mapping[Any, Any] | None, own: dict[int, int] | None) -> dict[int, int] | None:
    """``mask_values`` as MMSegmentation's loader understands them."""
    if values is None:
        return own
    rest = range(IGNORE_LABEL + 1) if values.get(OTHER) == 'ignore' else ()
    return {**dict.fromkeys(rest, IGNORE_LABEL), **{key: value for key, value in values.items() if key != OTHER}}
