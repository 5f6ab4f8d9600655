"""What maps, masks, checks and figures need of a data set, whatever its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class ImageDataset(Protocol):
    """Images with their labels, one item after the other; no pipeline is run.

    :class:`~mmwsss.datasets.ImageLabelDataset`, :class:`~mmwsss.datasets.ImageListDataset` and the generated scenes are
    such data sets, and so is any of MMEngine's whose items have these keys.
    """

    @property
    def metainfo(self) -> Mapping[str, Any]:
        """``classes``, the names of the K classes, and where there is one ``image_root``, the folder of the images."""

    def __len__(self) -> int:
        """Number of images."""

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """One item, as a dict of its own that the caller may change.

        Returns:
            dict: ``img_path``; ``gt_label``, int64 (n,), ascending indices of the classes that the image shows;
            ``gt_score``, float32 (K,), 1 for those and 0 for the others, or between in a training set whose labels
            are doubted. Where it has them: ``img``, a generated
            picture, uint8 BGR (H, W, 3); ``seg_map_path`` or ``gt_seg_map`` (uint8 (H, W)), ground truth for
            evaluation; ``context_path`` or ``context_map``, masks of what co-occurs; ``refused``, why the picture must
            not be read.
        """
