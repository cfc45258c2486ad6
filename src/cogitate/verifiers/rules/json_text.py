"""JSON that a model has written: where it stands in a text, read strictly and within bounds."""

import json
import math
import re
from typing import Any

from cogitate.text.think import parse

MAX_JSON_CHARS = 262_144
"""Longest JSON text, characters."""
MAX_JSON_DEPTH = 32
"""Deepest nesting."""
MAX_NUMBER_CHARS = 300
"""Longest number, characters."""

_FENCE = re.compile(r"^[ \t]*```[ \t]*(\w{0,20})[^\n]{0,40}$", re.MULTILINE)
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class JsonError(ValueError):
    """The text is no JSON that is accepted; the message says why."""


def parse_json(text: str) -> Any:
    """The JSON value that a text is. Unlike ``json.loads``: no NaN or Infinity, no key twice in an
    object, bounded depth and length.

    Raises JsonError.

    >>> parse_json('{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    if len(text) > MAX_JSON_CHARS:
        raise JsonError(f"longer than {MAX_JSON_CHARS:,} characters")
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match.group(), 0)
        if depth > MAX_JSON_DEPTH:
            raise JsonError(f"nested more than {MAX_JSON_DEPTH} deep")
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_float,
        )
    except (ValueError, RecursionError) as error:
        raise JsonError(f"no JSON: {str(error)[:120]}") from error


def json_answer(text: str) -> str:
    """The part of a final text that should be JSON: the inside of ``<answer>``, then of its one
    code block if it has one; else all of it.

    Raises JsonError: there is no single answer.

    >>> json_answer("Here it is:\\n```json\\n[1]\\n```")
    '[1]'
    """
    parsed = parse(text, mode="lenient")
    inside = parsed.answer if "<answer>" in text else text.rpartition("</think>")[2]
    if inside is None:
        raise JsonError("no single answer")
    blocks = code_blocks(inside)
    if len(blocks) > 1:
        raise JsonError(f"{len(blocks)} code blocks")
    return (blocks[0] if blocks else inside).strip()


def code_blocks(text: str) -> list[str]:
    """The contents of the fenced blocks of a text; one that never closes goes to the end."""
    fences = list(_FENCE.finditer(text))
    return [
        text[fence.end() : fences[i + 1].start() if i + 1 < len(fences) else len(text)].strip()
        for i, fence in enumerate(fences)
        if i % 2 == 0
    ]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_CHARS:
        raise ValueError(f"a number of more than {MAX_NUMBER_CHARS} characters")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > MAX_NUMBER_CHARS or math.isinf(value):
        raise ValueError("a number that is too long or too large")
    return value
