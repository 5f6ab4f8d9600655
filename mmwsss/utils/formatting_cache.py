"""Format the same config once.

MMEngine formats a training's config with yapf for the log, for ``vis_data``, for the work folder, for the message hub
and for every checkpoint: the same text each time, a second or more each time.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

_TEXTS = 32  # how many formatted texts are kept


def keep_formatted(yapf_api: ModuleType) -> None:
    """Let yapf's ``FormatCode`` keep the last texts that it formatted with the same settings."""
    original = yapf_api.FormatCode
    kept: dict[tuple[str, str], Any] = {}

    @functools.wraps(original)
    def format_code(unformatted_source: str, *args: Any, **kwargs: Any) -> Any:
        key = (unformatted_source, repr((args, sorted(kwargs.items()))))
        if key not in kept:
            while len(kept) >= _TEXTS:
                kept.pop(next(iter(kept)))
            kept[key] = original(unformatted_source, *args, **kwargs)
        return kept[key]

    vars(yapf_api)['FormatCode'] = format_code
