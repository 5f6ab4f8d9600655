"""The files that stages hand to each other."""

from mmwsss.structures.cam_file import CamFile
from mmwsss.structures.manifest import Manifest, ManifestRecord, mask_names

__all__ = ['CamFile', 'Manifest', 'ManifestRecord', 'mask_names']
