"""Where text goes: a terminal, a file, a pipe, a notebook cell, or a test's buffer."""

import sys
from typing import Protocol, runtime_checkable

from cogitate.display.safe_text import encodable


@runtime_checkable
class Stream(Protocol):
    """What a display needs of an output; ``encoding`` and ``isatty`` are used where present."""

    def write(self, text: str, /) -> int: ...
    def flush(self) -> None: ...


def encoding_of(stream: Stream) -> str:
    """The stream's encoding; UTF-8 when it does not say."""
    return getattr(stream, "encoding", None) or "utf-8"


def print_line(line: str, stream: Stream | None = None) -> None:
    """Print at once what the stream can encode. The default is standard output as it is now,
    which a notebook or a test may have replaced."""
    target = stream or sys.stdout
    print(encodable(line, encoding_of(target)), file=target, flush=True)
