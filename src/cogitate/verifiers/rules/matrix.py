"""Numbers in rows, as text: ``1 2 3`` or ``[[1, 2], [3, 4]]``. Read number by number."""

import re
from collections.abc import Sequence
from fractions import Fraction

from cogitate.verdict import Verdict
from cogitate.verifiers.exact import parse_number
from cogitate.verifiers.rules.final import final_answer
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_mapping, judged

MAX_CELLS = 10_000
"""Most numbers of one matrix."""
MAX_CELL_CHARS = 64
"""Longest number, characters."""

Rows = tuple[tuple[Fraction, ...], ...]

_TOKEN = re.compile(r"[\[\](){},;]|[^\s\[\](){},;]+|\n")
_FENCE = re.compile(r"\A```\w{0,20}\n(.*)\n```\Z", re.DOTALL)


class NoMatrix(ValueError):
    """The text holds something other than numbers in rows."""


def read_rows(text: str) -> Rows:
    """The rows of numbers that a text is.

    Brackets within brackets make rows; without them every line is a row. Numbers are separated by
    blanks or commas. Nothing else may stand in the text.

    Raises:
        NoMatrix: something else stands there, or brackets do not match.

    >>> read_rows("1 2\\n3 4") == read_rows("[[1, 2], [3, 4]]")
    True
    """
    rows: list[list[Fraction]] = [[]]
    depth = deepest = cells = 0
    for match in _TOKEN.finditer(text.strip()):
        token = match.group()
        if token in "[({":
            depth += 1
            deepest = max(deepest, depth)
            if depth == 2:
                rows.append([])
        elif token in "])}":
            depth -= 1
        elif token == "\n" or token == ";":
            if depth == 0 or token == ";":
                rows.append([])
        elif token != ",":
            cells += 1
            rows[-1].append(_cell(token, cells))
        if not 0 <= depth <= 2:
            raise NoMatrix("brackets that do not match, or more than two deep")
    if depth:
        raise NoMatrix("a bracket is not closed")
    return tuple(tuple(row) for row in rows if row)


def read_gold(gold: object) -> Rows:
    """A text of numbers, or a list of numbers or of rows; or ``{"answer": one of them}``."""
    if isinstance(gold, dict):
        gold = gold_mapping(gold, required=("answer",))["answer"]
    text = gold if isinstance(gold, str) else _list_text(gold)
    try:
        rows = read_rows(text)
    except NoMatrix as error:
        raise GoldError(str(error)) from error
    if not rows:
        raise GoldError("no numbers")
    return rows


def judge(gold: Rows, text: str) -> Verdict:
    """CORRECT if the final answer has the same numbers in the same rows. Where the gold answer is
    one row, the line breaks of the answer mean nothing."""
    final = final_answer(text)
    if final.answer is None:
        return judged(False, cause=final.cause, reason="no single answer")
    fenced = _FENCE.match(final.answer.strip())
    try:
        rows = read_rows(fenced[1] if fenced else final.answer)
    except NoMatrix as error:
        return judged(False, cause="not_numbers", reason=str(error), answer=final.answer)
    if len(gold) == 1:
        rows = (tuple(value for row in rows for value in row),)
    return judged(rows == gold, cause="other_numbers", reason="other numbers", answer=final.answer)


def _cell(token: str, cells: int) -> Fraction:
    if cells > MAX_CELLS:
        raise NoMatrix(f"more than {MAX_CELLS:,} numbers")
    value = parse_number(token) if len(token) <= MAX_CELL_CHARS else None
    if value is None:
        raise NoMatrix(f"{token[:20]!r} is not a number")
    return value


def _list_text(gold: object) -> str:
    if not isinstance(gold, Sequence) or len(gold) > MAX_CELLS:
        raise GoldError("expected numbers in rows, as text or as a list")
    rows = [row if isinstance(row, list | tuple) else [row] for row in gold]
    flat = not any(isinstance(row, list | tuple) for row in gold)
    return (" " if flat else "\n").join(" ".join(map(str, row[:MAX_CELLS])) for row in rows)


RULE = Rule(kind="matrix_text", read_gold=read_gold, judge=judge)
