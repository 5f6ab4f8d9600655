"""Pictures and the report."""

from mmwsss.visualization.overlay import heat_overlay, mask_overlay
from mmwsss.visualization.report import GalleryRow, write_report

__all__ = ['GalleryRow', 'heat_overlay', 'mask_overlay', 'write_report']
