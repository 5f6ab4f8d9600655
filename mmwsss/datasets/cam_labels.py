"""Class activation maps as training labels of an AffinityNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmwsss.datasets.pseudo_mask import PseudoMaskDataset
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import MissingFileError


@DATASETS.register_module()
class CamLabelDataset(PseudoMaskDataset):
    """The maps that one ``make_pseudo`` run kept (``save_cam=True``), beside their images.

    Args:
        cam_root: The output folder (``run.json``, ``manifest.jsonl``, ``cams``).
        positives_only: Leave out images without any class: their pairs are all background.
        **kwargs: Of :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        FileNotFoundError: If the folder holds no finished run, or a map is missing.
    """

    def __init__(self, cam_root: str, positives_only: bool = True, **kwargs: Any) -> None:
        super().__init__(cam_root, positives_only, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Items with ``cam_path`` in place of a mask."""
        data_list = super().load_data_list()
        for item in data_list:
            inside = Path(item.pop('seg_map_path')).relative_to(self.pseudo_root / 'masks')
            item['cam_path'] = str((self.pseudo_root / 'cams' / inside).with_suffix('.npz'))
            if not Path(item['cam_path']).is_file():
                raise MissingFileError(
                    f'Expected the map {item["cam_path"]}, but there is none: run make_pseudo with save_cam=True.'
                )
        return data_list
