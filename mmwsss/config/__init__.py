"""Configs: variables, options, scales and descriptions of data."""

from mmwsss.config import loading


def load_config(path, options=None, *, data=None, scale=None):
    known = loading.config_variables(path)
    shared = {k: v for k, v in (data or {}).items() if k in known}
    return loading.load_config(path, {**shared, **(options or {})})


def data_variables(path):
    return loading.data_options(path)
