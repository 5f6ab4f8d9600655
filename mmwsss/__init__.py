"""mmwsss: from image-level labels to a segmentation model, inside MMEngine, MMPretrain and MMSegmentation.

The names below are imported when they are first used, so that ``import mmwsss`` takes no time:

>>> import mmwsss
>>> mmwsss.load_config('configs/ts_vitb_r50_cos_global.py', {'img_size': 256}).img_size
256
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mmwsss.utils.dependencies import check_dependencies, name_installed_hosts
from mmwsss.utils.formatting_cache import keep_formatted
from mmwsss.utils.import_hooks import on_import
from mmwsss.utils.torchvision_ops import cure_torchvision
from mmwsss.version import __version__

if TYPE_CHECKING:
    from mmwsss.apis import MaskInferencer, evaluate_cams, init_classifier, make_pseudo, test, train
    from mmwsss.cam import CAMGenerator
    from mmwsss.config import load_config
    from mmwsss.refine import CRFRefine, SAMRefine
    from mmwsss.runs import Pipeline

_PLACES = {
    'CAMGenerator': 'mmwsss.cam',
    'CRFRefine': 'mmwsss.refine',
    'MaskInferencer': 'mmwsss.apis',
    'Pipeline': 'mmwsss.runs',
    'SAMRefine': 'mmwsss.refine',
    'evaluate_cams': 'mmwsss.apis',
    'init_classifier': 'mmwsss.apis',
    'load_config': 'mmwsss.config',
    'make_pseudo': 'mmwsss.apis',
    'test': 'mmwsss.apis',
    'train': 'mmwsss.apis',
}

__all__ = [
    'CAMGenerator',
    'CRFRefine',
    'MaskInferencer',
    'Pipeline',
    'SAMRefine',
    '__version__',
    'evaluate_cams',
    'init_classifier',
    'load_config',
    'make_pseudo',
    'test',
    'train',
]


def _name_our_configs(_: ModuleType) -> None:
    from mmwsss.config.scope import register_scope  # imports MMEngine's config

    register_scope()


check_dependencies()
name_installed_hosts()
on_import('mmengine.config', after=_name_our_configs)
on_import('yapf.yapflib.yapf_api', after=keep_formatted)
cure_torchvision()


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
