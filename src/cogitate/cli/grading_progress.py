"""How far a long list of rows has come: one line that is rewritten on a terminal, else a line
now and then."""

import sys
import time
from collections.abc import Callable

EVERY_SECONDS = 10.0
"""Between lines where they cannot be rewritten."""
REDRAW_SECONDS = 0.2


class Progress:
    """Prints to stderr: rows done, rows a second, time left. Quiet for what takes a moment."""

    def __init__(
        self, total: int, *, enabled: bool = True, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self.enabled = enabled
        self.done = 0
        self._resumed = 0
        self._now = now
        self._started = now()
        self._tty = sys.stderr.isatty()
        self._next = self._started + (REDRAW_SECONDS if self._tty else EVERY_SECONDS)
        self._drawn = False

    def resumed(self) -> None:
        """One more row that had been done before."""
        self.done += 1
        self._resumed += 1

    def advance(self) -> None:
        """One more row is done."""
        self.done += 1
        if self.enabled and self._now() >= self._next:
            self._next = self._now() + (REDRAW_SECONDS if self._tty else EVERY_SECONDS)
            self._print(self.line())

    def line(self) -> str:
        """``1,200 of 9,000 rows  310 rows/s  25s left``"""
        from cogitate.display.shapes import duration

        seconds = max(self._now() - self._started, 1e-6)
        speed = (self.done - self._resumed) / seconds
        left = duration((self.total - self.done) / speed) if speed else "?"
        return f"{self.done:,} of {self.total:,} rows  {speed:,.4g} rows/s  {left} left"

    def end(self) -> None:
        """Leave the line that was being rewritten."""
        if self._drawn and self._tty:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _print(self, line: str) -> None:
        self._drawn = True
        if self._tty:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
