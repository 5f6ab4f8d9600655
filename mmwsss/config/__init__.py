"""Configs: variables, options, scales and descriptions of data."""

from mmwsss.config.data import load_data, load_generator
from mmwsss.config.files import find_config
from mmwsss.config.kinds import kind_of
from mmwsss.config.loading import config_variables, load_config, options_that_act, split_data_options
from mmwsss.config.scales import Scale, load_scale
from mmwsss.config.source import ConfigError

__all__ = [
    'ConfigError',
    'Scale',
    'config_variables',
    'find_config',
    'kind_of',
    'load_config',
    'load_data',
    'load_generator',
    'load_scale',
    'options_that_act',
    'split_data_options',
]
