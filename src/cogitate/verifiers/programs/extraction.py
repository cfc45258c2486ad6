"""The program in an answer: one declared rule, linear in the length of the text.

The program is the last fenced block of the task's language. A block is of a language if its tag
says so (```` ```python ````, ```` ```cpp ````); if no block of the answer has such a tag, the last
block without a tag counts. For function tasks, blocks that define the function come first: many
answers end with an example of its use. A fence that nothing closes runs to the end of the answer.
Without any fence there is no program, unless the task says that the whole text may be one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cogitate.text.think import cut_at_turn_end, split_think

TAGS: dict[str, frozenset[str]] = {
    "python": frozenset(("python", "py", "python3", "py3")),
    "cpp": frozenset(("cpp", "c++", "cc", "cxx", "c++17", "c++20", "cplusplus")),
}
_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_TAG = re.compile(r"[\w+#-]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its tag in lower case ("" if it has none) and the text inside."""

    tag: str
    text: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """A program and the language it is written in."""

    text: str
    language: str


def final_part(text: str) -> str | None:
    """What stands after the last ``</think>``, up to the end of the turn; None while thinking."""
    return split_think(cut_at_turn_end(text))[1]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text, in order.

    >>> blocks("so:\\n```python\\nx = 1\\n```\\nand\\n~~~\\ny\\n~~~")
    [Block(tag='python', text='x = 1\\n'), Block(tag='', text='y\\n')]
    """
    found: list[Block] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        marks, rest = fence.group(2), fence.group(3).strip()
        if opened is None:
            # "```print(1)```" is a line of text with code in it, not an opened block.
            opened = fence if "`" not in rest else None
        elif not rest and marks.startswith(opened.group(2)):
            found.append(_block(opened, text[opened.end() + 1 : fence.start()]))
            opened = None
    if opened is not None:
        found.append(_block(opened, text[opened.end() + 1 :]))
    return found


def _block(opened: re.Match[str], text: str) -> Block:
    indent = opened.group(1)
    if indent:  # as in a list: the fence's own indentation is not the program's
        lines = text.splitlines(keepends=True)
        text = "".join(line.removeprefix(indent) for line in lines)
    tag = _TAG.match(opened.group(3).strip().lower())
    return Block(tag.group() if tag else "", text)


def extract(
    text: str, *, languages: Sequence[str], defines: str | None = None, bare: bool = False
) -> Extracted | None:
    """The program of an answer's final part, or None if it holds none.

    ``defines`` is the name that a function task asks for. ``bare`` allows a text without fences.
    """
    found = blocks(text)
    if not found:
        return Extracted(text, languages[0]) if bare and text.strip() else None
    candidates = [(block, language) for block in found if (language := _language(block, languages))]
    if not candidates:
        candidates = [(block, languages[0]) for block in found if not block.tag]
    if defines is not None:
        pattern = re.compile(
            rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(defines)}\b", re.M
        )
        defining = [pair for pair in candidates if pattern.search(pair[0].text)]
        candidates = defining or candidates
    if not candidates or not candidates[-1][0].text.strip():
        return None
    block, language = candidates[-1]
    return Extracted(block.text, language)


def _language(block: Block, languages: Sequence[str]) -> str | None:
    return next((name for name in languages if block.tag in TAGS[name]), None)
