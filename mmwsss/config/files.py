"""Where configs lie: in the working folder, in the package, in a host's package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mmengine.config import Config

from mmwsss.config.moved import advice
from mmwsss.utils.errors import MissingFileError

SCOPE = 'mmwsss'
"""Configs of ours are bases as ``mmwsss::name.py``."""
_PACKAGE = Path(__file__).parents[1]


@cache
def config_folders() -> tuple[Path, ...]:
    """The folders of our own configs that are there: of the installed package, of the checkout."""
    folders = (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs')
    return tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def find_config(path: str | Path) -> Path:
    """A config by its path or, from any folder, by its path below the package's own ``configs``.

    Raises:
        FileNotFoundError: Names the places looked at, or what takes the place of a config that is gone.
    """
    path = Path(path).expanduser()
    inside = Path(*path.parts[1:]) if path.parts and path.parts[0] == 'configs' else path
    places = [path, *(folder / inside for folder in config_folders())]
    for place in places:
        if place.is_file():
            return place.resolve()
    instead = advice(_name(path))
    if instead is not None:
        raise MissingFileError(f'configs/{_name(path)} is gone: {instead}.')
    raise MissingFileError(f'Expected a config {path}, but found none in {", ".join(str(p) for p in places)}.')


def find_named(name: str | Path, folder: str) -> Path:
    """A file of ``configs/<folder>`` by its path or by its name alone (``'voc12'``).

    Raises:
        FileNotFoundError: If there is none; names those that there are.
    """
    if Path(name).suffix == '.py':
        return find_config(name)
    try:
        return find_config(f'configs/{folder}/{name}.py')
    except FileNotFoundError as error:
        if 'is gone' in str(error):
            raise
        known = sorted(path.stem for root in config_folders()[:1] for path in (root / folder).glob('*.py'))
        raise MissingFileError(f'Expected a file or one of {known} in configs/{folder}, but got {name}.') from error


def is_shipped(path: Path) -> bool:
    """Whether a config is one of ours."""
    return any(path.is_relative_to(folder) for folder in config_folders())


def base_path(name: str, config: Path) -> tuple[Path, str | None]:
    """A base as its file, and the scope of the host that it belongs to.

    Args:
        name: As ``_base_`` names it: relative to the config, or ``scope::path`` in a package.
        config: The file that names it.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    scope, found, inside = name.partition('::')
    if found and scope == SCOPE:
        return find_config(Path('configs') / inside), None
    if found:
        return _of_host(name, config)
    path = (config.parent / Path(name).expanduser()).resolve()
    if not path.is_file():
        instead = advice(_name(path))
        reason = f'but it is gone: {instead}' if instead else 'but there is no such file'
        raise MissingFileError(f'Expected the base {path} of {config}, {reason}.')
    return path, None


@cache
def _of_host(name: str, config: Path) -> tuple[Path, str | None]:
    path, scope = Config._get_cfg_path(name, str(config))  # reads all of the host's index files
    return Path(path), scope


def _name(path: Path) -> str:
    """A config's path below the innermost folder ``configs``."""
    parts = path.parts
    if 'configs' in parts:
        parts = parts[len(parts) - parts[::-1].index('configs') :]
    return '/'.join(parts)
