"""A progress bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm


class Progress:
    """Count finished items.

    Args:
        total: Number of items.
        label: What is counted.
        every: Seconds between two lines where standard error is no terminal.
        silent: Count only.
    """

    def __init__(self, total: int, label: str, every: float = 20.0, silent: bool = False) -> None:
        self.total, self.label, self.every = total, label, every
        self.count = 0
        self.silent = silent
        self._start = self._last = time.monotonic()
        self._bar = tqdm(total=total, desc=label, dynamic_ncols=True) if sys.stderr.isatty() and not silent else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self.count and not self.silent:
            self._print()

    def update(self, number: int = 1) -> None:
        """More items are done."""
        self.count += number
        if self._bar is not None:
            self._bar.update(number)
        elif self.silent:
            return
        elif time.monotonic() - self._last >= self.every and self.count < self.total:
            self._print()

    def _print(self) -> None:
        self._last = time.monotonic()
        print(f'{self.label}: {self.count}/{self.total}, {self._last - self._start:.0f} s', file=sys.stderr, flush=True)
