"""What the hosts say at every start and no user can act upon; real warnings are let through.

Each entry names one message. A warning that is not listed is shown, whichever package it comes from.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from types import ModuleType
from typing import Any

from mmwsss.utils.import_hooks import on_import

WARNINGS = (
    r'Fail to import ``MultiScaleDeformableAttention``',  # mmcv without compiled operators; none of them is used
    r'Importing from timm\.models\.(layers|registry|helpers) is deprecated',  # mmpretrain's and segment_anything's
    r'Overwriting \w+ in registry with',  # timm's, where a host registers its own version
    r'(Field .* has conflict with protected namespace|Valid config keys have changed)',  # pydantic's, of other packages
    r'pkg_resources is deprecated',
    r'For binary segmentation, we suggest using',  # mmseg: two channels are meant
    r'Default ``avg_non_ignore`` is False',  # mmseg: the mean that its own configs take
    r'The draw is False, it means that the hook',  # mmseg: no pictures are asked for
    r'`?Visualizer`? backend is not initialized because save_dir is None',  # mmengine: no pictures are asked for
)
"""Beginnings of messages of :mod:`warnings`, as regular expressions."""

LOG_LINES = (
    'Could not import OneDL',  # mmseg: a service's client
    '"FileClient" will be deprecated',  # mmengine's, of its own code
    '"HardDiskBackend" is the alias',
    r'The current default scope "\w+" is not "\w+", `init_default_scope` will force',  # mmengine: both hosts in one run
    r'(teacher|backbone\.backbone)\..* is skipped since its requires_grad=False',  # mmengine: frozen on purpose
    'Did not find last_checkpoint to be resumed',  # mmengine: a run that starts; its log says from where
    'The prefix is not set in metric class',  # mmengine: the names of figures are whole as they are
    '`Visualizer` backend is not initialized because save_dir is None',
)
"""Beginnings of lines that the hosts print or log, as regular expressions."""


def quiet_hosts() -> None:
    """Leave out the messages above from now on; ``python -W ...`` and ``PYTHONWARNINGS`` have the last word."""
    if not sys.warnoptions:
        for message in WARNINGS:
            warnings.filterwarnings('ignore', message)
    on_import('mmengine.logging', after=_filter_lines)


def _filter_lines(module: ModuleType) -> None:
    """Put a filter in front of MMEngine's ``print_log``, which prints debug messages to a user's terminal too."""
    original = module.print_log
    if getattr(original, 'is_filtered', False):
        return
    starts = re.compile('|'.join(LOG_LINES))

    def print_log(msg: Any, logger: Any = None, level: int = logging.INFO) -> None:
        if not starts.match(str(msg)):
            original(msg, logger, level)

    vars(print_log)['is_filtered'] = True
    vars(module)['print_log'] = vars(module.logger)['print_log'] = print_log
