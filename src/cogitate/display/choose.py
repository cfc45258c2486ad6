"""Which display suits the place where the output goes."""

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol, TextIO

if TYPE_CHECKING:
    from cogitate.train.listener import Listener

    class Display(Listener, AbstractContextManager["Display"], Protocol):
        """A listener that owns its output while it is entered."""


Mode = Literal["auto", "live", "plain", "json"]


def can_draw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that can redraw lines: not a pipe, not dumb, not CI."""
    if not getattr(stream, "isatty", lambda: False)():
        return False
    return environ.get("TERM", "") not in ("", "dumb", "unknown") and "CI" not in environ


def make_display(mode: Mode = "auto", stream: TextIO | None = None) -> "Display":
    """The display for a mode; "auto" draws where it can and prints lines elsewhere."""
    stream = stream or sys.stdout
    if mode == "json":
        from cogitate.display.json_lines import JsonLinesDisplay

        return JsonLinesDisplay(stream)
    if mode == "live" or (mode == "auto" and can_draw(stream, os.environ)):
        from rich.console import Console

        from cogitate.display.live import LiveDisplay

        return LiveDisplay(Console(file=stream))
    from cogitate.display.plain import PlainDisplay

    return PlainDisplay(stream)
