"""Pictures, the report and the review page."""

from mmwsss.visualization.overlay import heat_overlay, mask_overlay
from mmwsss.visualization.report import GalleryRow, write_report
from mmwsss.visualization.review import write_review

__all__ = ['GalleryRow', 'heat_overlay', 'mask_overlay', 'write_report', 'write_review']
