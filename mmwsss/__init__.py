"""mmwsss: from image-level labels to a segmentation model, inside MMEngine, MMPretrain and MMSegmentation."""

from mmwsss.utils.dependencies import check_dependencies, name_installed_hosts
from mmwsss.utils.torchvision_ops import ensure_torchvision
from mmwsss.version import __version__


def _name_our_configs() -> None:
    from mmwsss.config.scope import register_scope  # imports MMEngine: after the check

    register_scope()


check_dependencies()
name_installed_hosts()
_name_our_configs()
ensure_torchvision()

__all__ = ['__version__']
