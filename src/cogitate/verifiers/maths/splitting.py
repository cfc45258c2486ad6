r"""Tokens cut at their top level, and what people put around an answer taken off."""

import re
from itertools import pairwise

from cogitate.verifiers.maths.notation import is_number, is_text, text_content
from cogitate.verifiers.maths.trees import TooLarge

MAX_BRACKETS = 64
"""Brackets and braces inside each other."""

_OPEN = frozenset(["(", "[", "{", "\\{", "\\langle", "\\lfloor", "\\lceil", "\\lVert"])
_CLOSE = frozenset([")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil", "\\rVert"])
_SPACES = ("\\,", "\\;", "\\.")
_FENCES = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("`", "`"),
           ('"', '"'), ("\u201c", "\u201d"))  # fmt: skip

_BASES = dict(
    zip(
        [
            *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
            *("twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
        ],
        map(str, range(2, 17)),
        strict=True,
    )
)
_LABEL = re.compile(r"(?:the )?(?:final )?answer(?: is *:?| *:)", re.IGNORECASE)


def undress(text: str) -> str:
    r"""Without math delimiters, bold type, quotes and a full stop around the whole.

    >>> undress("$$ 42 $$"), undress("**73**."), undress(r"\(x\)")
    ('42', '73', 'x')
    """
    text = text.strip()
    for _ in range(4):
        before = text
        if text.endswith((".", "\u3002", ",", ";")) and not text.endswith(("...", *_SPACES)):
            text = text[:-1].rstrip()
        for start, end in _FENCES:
            if (
                len(text) > len(start + end)
                and text.startswith(start)
                and text.endswith(end)
                and start not in text[len(start) : -len(end)]
            ):
                text = text[len(start) : -len(end)].strip()
        if text == before:
            break
    return text


def check_brackets(parts: list[str]) -> None:
    """Refuse what nests deeper than MAX_BRACKETS.

    Raises:
        TooLarge: it does.
    """
    depth = 0
    for part in parts:
        depth += (part in _OPEN) - (part in _CLOSE)
        if depth > MAX_BRACKETS:
            raise TooLarge("depth")


def trimmed(parts: list[str]) -> list[str]:
    """Without punctuation at the ends and braces around the whole."""
    start, end = 0, len(parts)
    while start < end and parts[start] in (".", ",", ";", ":"):
        start += 1
    while end > start and parts[end - 1] in (".", ",", ";", ":", "\\\\"):
        end -= 1
    parts = parts[start:end]
    while len(parts) > 2 and parts[0] == "{" and parts[-1] == "}" and encloses(parts):
        parts = parts[1:-1]
    if parts[:1] in (["\\boxed"], ["\\fbox"]) and len(parts) > 1:
        return trimmed(parts[1:])
    if parts[:2] == ["\\underline", "{"] and encloses(parts[1:]) and any(map(is_number, parts)):
        return trimmed(parts[1:])
    return parts


def without_label(parts: list[str]) -> list[str]:
    r"""Without ``\text{Answer: }`` in front."""
    if len(parts) < 2 or not is_text(parts[0]):
        return parts
    label = text_content(parts[0]).strip() + (":" if parts[1] == ":" else "")
    return parts[1:] if _LABEL.fullmatch(label) else parts


def with_bases(parts: list[str]) -> list[str]:
    r"""``12_{\text{five}}`` as ``12_{5}``."""
    found = list(parts)
    for at in range(2, len(parts) if "_" in parts else 0):
        part = parts[at]
        name = (text_content(part) if is_text(part) else part).strip().lower()
        mark = at - 2 if parts[at - 1] == "{" else at - 1
        if name in _BASES and mark > 0 and parts[mark] == "_":
            before = parts[mark - 1]
            found[at] = _BASES[name] if is_number(before) or before == ")" else part
    return found


def with_fractions(parts: list[str]) -> list[str]:
    r"""``{1 \over 3}`` as ``{\frac{1}{3}}``; the whole is a group too, a round bracket is none."""
    if "\\over" not in parts:
        return parts
    levels: list[list[str]] = [[]]
    for part in parts:
        if part == "{":
            levels.append([])
        elif part == "}" and len(levels) > 1:
            inner = levels.pop()
            level, built = levels[-1], _over(inner)
            # A number in front of a fraction makes it a mixed one.
            mixed = built is not inner and level and is_number(level[-1])
            level += built if mixed else ["{", *built, "}"]
        else:
            levels[-1].append(part)
    return _over(levels[0]) if len(levels) == 1 else parts


def _over(parts: list[str]) -> list[str]:
    if parts.count("\\over") != 1:
        return parts
    at = parts.index("\\over")
    return ["\\frac", "{", *parts[:at], "}", "{", *parts[at + 1 :], "}"]


def encloses(parts: list[str]) -> bool:
    """Whether the first bracket closes at the very end."""
    depth = 0
    last = len(parts) - 1
    for at, part in enumerate(parts):
        depth += (part in _OPEN or (at == 0 and part == "<")) - (
            part in _CLOSE or (at == last and part == ">")
        )
        if depth == 0:
            return at == last
    return False


def french_brackets(parts: list[str]) -> list[str]:
    """``]0,1[`` as ``(0,1)``."""
    if not parts or (parts[0] != "]" and parts[-1] != "["):
        return parts
    parts = list(parts)
    edges = [-1, *(at for at, part in enumerate(parts) if part == "\\cup"), len(parts)]
    for left, right in pairwise(edges):
        if right - left > 2:
            if parts[left + 1] == "]":
                parts[left + 1] = "("
            if parts[right - 1] == "[":
                parts[right - 1] = ")"
    return parts


def split(parts: list[str], marks: frozenset[str]) -> list[list[str]]:
    """``parts`` between ``marks`` outside of brackets."""
    return split_with(parts, marks)[0]


def split_with(parts: list[str], marks: frozenset[str]) -> tuple[list[list[str]], list[str]]:
    """The pieces and the marks between them."""
    pieces: list[list[str]] = [[]]
    found: list[str] = []
    depth = 0
    for part in parts:
        if part in _OPEN or part.startswith("\\begin{"):
            depth += 1
        elif part in _CLOSE or part.startswith("\\end{"):
            depth -= 1
        elif depth == 0 and part in marks:
            pieces.append([])
            found.append(part)
            continue
        pieces[-1].append(part)
    return pieces, found


def signed(parts: list[str], choice: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    signs = iter(choice)
    sign = "+"
    for part in parts:
        if part == "\\pm":
            sign = next(signs)
        if part in ("\\pm", "\\mp"):
            found.append(sign if part == "\\pm" else "-" if sign == "+" else "+")
        else:
            found.append(part)
    return found[1:] if found[:1] == ["+"] else found
