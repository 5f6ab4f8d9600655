"""Our configs as bases of MMEngine's own loader: ``_base_ = 'mmwsss::ts_vitb_r50_cos_global.py'``."""

from __future__ import annotations

from functools import wraps
from pathlib import Path

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

_SCOPE = 'mmwsss'
_MARK = '_knows_mmwsss'


def register_scope() -> None:
    """Let MMEngine know our package's configs; called at ``import mmwsss``.

    MMEngine's own search takes names with a folder only and marks what it finds with our scope, in which a host's
    networks cannot be built; in a checkout it finds nothing. So names of our scope are looked up by
    :func:`~mmwsss.config.files.find_config`.
    """
    MODULE2PACKAGE[_SCOPE] = _SCOPE
    find = Config._get_cfg_path
    if getattr(find, _MARK, False):
        return

    @wraps(find)
    def find_ours_too(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(f'{_SCOPE}::'):
            from mmwsss.config.files import base_path  # which imports MMEngine's configs itself

            path, scope = base_path(cfg_path, Path(filename))
            return str(path), scope
        return find(cfg_path, filename)

    setattr(find_ours_too, _MARK, True)
    Config._get_cfg_path = staticmethod(find_ours_too)
