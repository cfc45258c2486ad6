r"""The one answer that a completion declares, in one pass over its text.

A task declares one template, and only what that template names is looked at:

    boxed       ``\boxed{}``; several boxes are one answer if they hold one value
    answer_tag  the one ``<answer>``, or the box in it
    hash4       what stands behind ``####`` up to the end of its line, as in GSM8K
    plain       what follows "answer is" or "answer:", else the last line
    whole       all of the text
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

from cogitate.text.think import boxed_contents, cut_at_turn_end, split_think

Template = Literal["boxed", "answer_tag", "hash4", "plain", "whole"]
TEMPLATES: tuple[Template, ...] = get_args(Template)

MAX_DECLARED = 1000
"""Boxes or lines that declare an answer; more is flooding."""

_ANSWER_OPEN, _ANSWER_CLOSE = "<answer>", "</answer>"
_MARKER = re.compile(
    r"(?<![A-Za-z])(?:final[ \t]+)?answer(?:[ \t]+is)?[ \t]*(?:\*\*)?[ \t]*[:=][ \t]*(?:\*\*)?"
    r"|(?<![A-Za-z])answer[ \t]+is\b[ \t]*",
    re.IGNORECASE,
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_HASHES = re.compile(r"(?<!#)####(?!#)")
_PHRASE = re.compile(r"the[ \t]+(?:final[ \t]+)?answer[ \t]+is\b[ \t]*:?\s*(?=\S)", re.IGNORECASE)
_FULL_STOPS = ".,;:! \t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """Declared answers in order, usually one; or why there is none."""

    answers: tuple[str, ...] = ()
    cause: str = ""

    @property
    def found(self) -> bool:
        return bool(self.answers)


def extract(text: str, template: str, *, prefilled: bool = False) -> Extracted:
    r"""What ``text`` declares after its last ``</think>`` and before the end of its turn.

    Raises:
        ValueError: there is no such template.

    >>> extract(r"<think>\\boxed{1}</think> so \\boxed{2}.", "boxed").answers
    ('2',)
    >>> extract("18 or so\n#### 18", "hash4").answers, extract("<think> 42", "plain").cause
    (('18',), 'truncated')
    """
    if template not in TEMPLATES:
        raise ValueError(f"unknown template {template!r}. Known: {', '.join(TEMPLATES)}.")
    rest = split_think(cut_at_turn_end(text), prefilled=prefilled)[1]
    if rest is None:
        return Extracted(cause="truncated")
    found = _EXTRACTORS[template](rest)
    if len(found.answers) > MAX_DECLARED:
        return Extracted(answers=found.answers[:2], cause="flooding")
    if found.cause or found.answers:
        return found
    return Extracted(cause="no_answer")


def has_forbidden_characters(text: str) -> bool:
    r"""Whether control characters or invisible ones (zero width, direction) stand in an answer."""
    if text.isascii():
        return any((c < " " and c not in "\t\n\r\f\v") or c == "\x7f" for c in text)
    return any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn") and c not in "\t\n\r\f\v"
        for c in text
    )


def _boxed(rest: str) -> Extracted:
    boxes = boxed_contents(rest)
    if _ends_in_open_box(rest):
        return Extracted(cause="truncated")
    return Extracted(answers=tuple(boxes), cause="" if boxes else "no_answer")


def _ends_in_open_box(rest: str) -> bool:
    """Whether the last box is never closed: an answer that was not finished."""
    start = rest.rfind("\\boxed{")
    if start < 0:
        return False
    depth = 0
    for brace in _BRACE.finditer(rest, start + len("\\boxed")):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return False
    return True


def _answer_tag(rest: str) -> Extracted:
    opened, closed = rest.count(_ANSWER_OPEN), rest.count(_ANSWER_CLOSE)
    if not opened:
        return Extracted(cause="no_answer")
    if opened > 1 or closed > 1:
        return Extracted(answers=("",), cause="hedged")
    if not closed:
        return Extracted(cause="truncated")
    start = rest.index(_ANSWER_OPEN) + len(_ANSWER_OPEN)
    end = rest.index(_ANSWER_CLOSE)
    content = rest[start:end].strip() if end >= start else ""
    if boxes := boxed_contents(content):
        return Extracted(answers=tuple(boxes))
    if phrase := _PHRASE.match(_without_bold(content)):
        content = _without_bold(_without_bold(content)[phrase.end() :])
    return Extracted(answers=(content,) if content else ())


def _hash4(rest: str) -> Extracted:
    """What stands behind each mark. A mark inside a line counts if something like a number
    follows; "#### Step 1" is a heading of a text in Markdown, unless it is the last of them."""
    found: list[str] = []
    for line in rest.split("\n"):
        before, *behind = _HASHES.split(line)
        pieces = [_without_bold(piece.strip()) for piece in behind]
        starts = not before.strip().removeprefix("**")
        found += [p for at, p in enumerate(pieces) if (starts and at == 0) or _like_a_number(p)]
    if not found:
        return Extracted()
    answers = [*filter(_like_a_number, found[:-1]), found[-1]]
    return Extracted(answers=tuple(a for a in answers if a))


def _like_a_number(text: str) -> bool:
    return text[:1].isdigit() or text[:1] in "-+$\\.("


def _without_bold(text: str) -> str:
    """Without the marks of bold type around the whole, or what is left of them behind a marker."""
    inner = text.rstrip(_FULL_STOPS)
    if not inner.endswith("**"):
        return text
    inner = inner[:-2].removeprefix("**").strip()
    return inner if inner and "**" not in inner else text


def _plain(rest: str) -> Extracted:
    """The text behind the last marker on its line, and earlier such texts; else the last line."""
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    answers = []
    for line in lines:
        markers = list(_MARKER.finditer(line))
        if markers:
            answer = line[markers[-1].end() :].strip()
            if answer.strip("*:. $"):
                answers.append(answer)
    if not answers and lines:
        answers = [lines[-1]]
    bare = (_without_bold(a).removeprefix("**").strip() or a for a in answers)
    return Extracted(answers=tuple(bare))


def _whole(rest: str) -> Extracted:
    rest = rest.strip()
    return Extracted(answers=(rest,) if rest else ())


_EXTRACTORS = {
    "boxed": _boxed,
    "answer_tag": _answer_tag,
    "hash4": _hash4,
    "plain": _plain,
    "whole": _whole,
}
