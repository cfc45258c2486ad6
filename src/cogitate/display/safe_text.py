"""Model text made harmless for a terminal.

Completions are untrusted: escape sequences can move the cursor, set the window title or write to
the clipboard, and bidirectional controls can show text in another order than it has.
"""

import re

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-OQ-WYZ\\`-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
_BIDIRECTIONAL = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), 0xFEFF))
_BIDIRECTIONAL.update(dict.fromkeys(range(0x2066, 0x206A)))
_UNSAFE = {**_CONTROLS, **_BIDIRECTIONAL}


def strip_controls(text: str) -> str:
    """Text without escape sequences, control characters (but newline and tab) and bidi controls.

    >>> strip_controls("a\\x1b[31mred\\x1b[0m\\x07 b")
    'ared b'
    """
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return text.translate(_UNSAFE).encode("utf-8", "replace").decode("utf-8")


def one_line(text: str, limit: int | None = None) -> str:
    """Harmless text with every run of white space made one space, cut to ``limit`` characters.

    >>> one_line("Q: 1\\n  + 1", 6)
    'Q: 1 …'
    """
    line = " ".join(strip_controls(text).split())
    if limit is None or len(line) <= limit:
        return line
    return line[: max(0, limit - 1)] + "…"


def encodable(text: str, encoding: str) -> str:
    """Text that a stream of this encoding can print; other characters become ``?``."""
    plain = text.replace("…", "...") if not encoding.lower().startswith("utf") else text
    return plain.encode(encoding, "replace").decode(encoding)


class StreamCleaner:
    """``strip_controls`` for text that arrives in pieces, as when a chat answer streams.

    A sequence may be split between two pieces, so an unfinished one is held back until it ends
    or has become too long to be a real one.
    """

    _LONGEST = 256

    def __init__(self) -> None:
        self._held = ""

    def push(self, piece: str) -> str:
        """The part that is safe to print now."""
        text = self._held + piece
        start = text.rfind("\x1b")
        whole = _ESCAPE_SEQUENCE.match(text, start) if start >= 0 else None
        is_open = start >= 0 and (whole is None or _unterminated(whole[0]))
        if is_open and len(text) - start < self._LONGEST:
            self._held = text[start:]
            return strip_controls(text[:start])
        self._held = ""
        return strip_controls(text)

    def flush(self) -> str:
        """What was held back, cleaned."""
        text, self._held = self._held, ""
        return strip_controls(text)


def _unterminated(sequence: str) -> bool:
    """Whether an operating-system command or string sequence still waits for its end."""
    return sequence[1:2] in "]PX^_" and not sequence.endswith(("\x07", "\x1b\\"))
