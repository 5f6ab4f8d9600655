"""A progress bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm


class Progress:
    """Count finished items, and say how many there are and how long the rest will take.

    Args:
        total: Number of items; None where nobody knows, as of a camera.
        label: What is counted.
        every: Seconds between two lines where standard error is no terminal.
        silent: Count only.
        done: Items that an earlier run finished.

    >>> with Progress(3, 'files', silent=True) as progress:
    ...     progress.update(2)
    >>> progress.count
    2
    """

    def __init__(self, total: int | None, label: str, every: float = 20.0, silent: bool = False, done: int = 0) -> None:
        self.total, self.label, self.every = total, label, every
        self.count = self._done = done
        self.silent = silent
        self._start = self._last = time.monotonic()
        self._bar: tqdm | None = None
        if sys.stderr.isatty() and not silent:
            self._bar = tqdm(total=total, initial=done, desc=label, dynamic_ncols=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the bar or the last line as it stands."""
        if self._bar is not None:
            self._bar.close()
        elif self.count > self._done and not self.silent:
            self._print()

    def update(self, number: int = 1) -> None:
        """More items are done."""
        self.count += number
        if self._bar is not None:
            self._bar.update(number)
        elif self.silent:
            return
        elif time.monotonic() - self._last >= self.every and (self.total is None or self.count < self.total):
            self._print()

    def _print(self) -> None:
        self._last = time.monotonic()
        seconds = self._last - self._start
        rest = ''
        if self.total is not None and self.count < self.total:
            left = seconds / (self.count - self._done) * (self.total - self.count)
            rest = f', {left:.0f} s left'
        of = '' if self.total is None else f'/{self.total}'
        print(f'{self.label}: {self.count}{of}, {seconds:.0f} s{rest}', file=sys.stderr, flush=True)
