"""Masks to annotation tools, and corrected masks back."""

from mmwsss.exports.mask_folder import IGNORE_NAME, Correction, MaskFolder, MaskItem
from mmwsss.exports.options import ExportOptions
from mmwsss.exports.transfer import EXPORTS, FORMATS, export_masks, import_masks

__all__ = [
    'EXPORTS',
    'FORMATS',
    'IGNORE_NAME',
    'Correction',
    'ExportOptions',
    'MaskFolder',
    'MaskItem',
    'export_masks',
    'import_masks',
]
