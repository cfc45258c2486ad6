"""Untrusted text made safe to show: model output, prompts, questions, file names.

Three layers: control and direction characters become visible signs, markup is escaped, and data
for the page's script contains no character that could end its element.
"""

import html
import json
import re
from typing import Any

_DIRECTION = {
    code: f"[U+{code:04X}]"
    for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
}
_CONTROL = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_CONTROL |= {0x7F: "\u2421", 0x0D: "\u240d"}
_CONTROL |= {code: f"[U+{code:04X}]" for code in range(0x80, 0xA0)}
_SEPARATORS = {0x2028: "[U+2028]", 0x2029: "[U+2029]"}
_VISIBLE = {**_CONTROL, **_DIRECTION, **_SEPARATORS}
_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """``text`` with nothing in it that acts: escape characters, other controls, direction marks
    and lone surrogates become signs a person can see; newlines and tabs stay.

    >>> visible("a\\x1b[31m\\u202eb")
    'a\u241b[31m[U+202E]b'
    """
    return _SURROGATE.sub("\ufffd", text.replace("\r\n", "\n")).translate(_VISIBLE)


def escaped(text: object) -> str:
    """``text`` ready for HTML content and quoted attributes."""
    return html.escape(visible(str(text)), quote=True)


def unbroken(text: str) -> str:
    """``text`` with numbers kept on one line with their units."""
    return re.sub(r"(?<=\d) (?=(?:%|s|min|h|points)(?!\w))", "\u00a0", text)


def clipped(text: str, limit: int) -> str:
    """``text`` with its middle left out when it is longer than ``limit``, and the loss stated.

    >>> clipped("abcdefghij", 8)
    'abcdef\\n[... 2 characters left out ...]\\nij'
    """
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 4, limit // 4
    left_out = len(text) - head - tail
    return f"{text[:head]}\n[... {left_out:,} characters left out ...]\n{text[-tail:]}"


def script_json(value: Any) -> str:
    """JSON that can stand inside a ``<script type="application/json">`` element.

    Every ``<``, ``>``, ``&`` and line separator is a \\u escape, so neither ``</script>`` nor
    ``<!--`` can occur.

    >>> script_json({"t": "</script>"})
    '{"t":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return _SURROGATE.sub("\ufffd", text)
