"""Which display suits the place where the output goes."""

import os
import sys
from collections.abc import Mapping
from typing import Any, Literal

from cogitate.display.json_lines import JsonLinesDisplay
from cogitate.display.live import LiveDisplay
from cogitate.display.plain import PlainDisplay
from cogitate.display.stream import Stream

Mode = Literal["auto", "live", "plain", "json"]
Display = JsonLinesDisplay | LiveDisplay | PlainDisplay
"""A listener that owns its output while it is entered."""


def can_draw(stream: Stream, environ: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that can redraw lines: not a pipe, not dumb, not CI."""
    if not getattr(stream, "isatty", lambda: False)():
        return False
    return environ.get("TERM", "") not in ("", "dumb", "unknown") and "CI" not in environ


def make_display(mode: Mode = "auto", stream: Stream | None = None) -> Display:
    """The display for a mode; "auto" draws where it can and prints lines elsewhere."""
    if mode == "json":
        return JsonLinesDisplay(stream)
    target: Any = stream or sys.stdout
    if mode == "live" or (mode == "auto" and can_draw(target, os.environ)):
        from rich.console import Console

        return LiveDisplay(Console(file=target))
    return PlainDisplay(stream)
