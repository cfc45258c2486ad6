"""Logic puzzles: who is what, tables of houses, orders, and number grids.

{"type": "assignment", "answer": {"Ann": "knight", "Bob": "knave"}}     knights and knaves
{"type": "table", "answer": {"1": {"color": "red", "pet": "cat"}, ...}} zebra puzzles
{"type": "order", "answer": ["Ann", "Bob", "Cid"]}                      rankings
{"type": "sudoku", "puzzle": "53..7...."...}                            any valid completion
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cogitate.verdict import Verdict
from cogitate.verifiers.rules import sudoku
from cogitate.verifiers.rules.final import final_answer
from cogitate.verifiers.rules.json_text import JsonError, code_blocks, parse_json
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_mapping, judged

MAX_NAMES = 200
"""Most names, cells or places of one puzzle."""
MAX_ANSWER_CHARS = 20_000

PuzzleType = Literal["assignment", "table", "order", "sudoku"]

_STATEMENT = re.compile(r"\s*(?:is|=|:|->|\u2192|\u662f|=>)\s*(?:(?:an?|the)\s+)?", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\n;,.\u3002\uff0c\uff1b]|\band\b")
_ORDER_SEPARATORS = re.compile(r"\s*(?:->|\u2192|>|<|,|;|\n|\u3001|\uff0c)\s*")
_NUMBERING = re.compile(r"^[ \t]*(?:[-*\u2022]|\(?\d{1,3}[.)])[ \t]*", re.MULTILINE)


class NoAnswer(ValueError):
    """The text is no answer to such a puzzle; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicGold:
    """What is right: an assignment as (row, column) -> value, an order, or a grid to complete."""

    type: PuzzleType
    cells: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    values: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    puzzle: sudoku.Grid | None = None


def read_gold(gold: object) -> LogicGold:
    """One of the shapes above; ``values`` may list what an assignment may say."""
    fields = gold_mapping(gold, required=("type",), optional=("answer", "puzzle", "values"))
    reader = _READERS.get(fields["type"]) if isinstance(fields["type"], str) else None
    if reader is None:
        raise GoldError(f'unknown "type"; known: {", ".join(_READERS)}')
    needed = "puzzle" if fields["type"] == "sudoku" else "answer"
    if needed not in fields:
        raise GoldError(f'"{needed}" missing')
    return reader(fields)


def judge(gold: LogicGold, text: str) -> Verdict:
    """CORRECT if the one final answer says everything asked for, once, and nothing else."""
    final = final_answer(text)
    if final.answer is None or len(final.answer) > MAX_ANSWER_CHARS:
        return judged(False, cause=final.cause or "too_long", reason="no single short answer")
    answer = _inside_block(final.answer)
    try:
        right = _JUDGES[gold.type](gold, answer)
    except NoAnswer as error:
        return judged(False, cause="no_answer", reason=str(error), answer=answer)
    return judged(right, cause="other_answer", reason="another answer", answer=answer)


def _judge_assignment(gold: LogicGold, answer: str) -> bool:
    found = _json_object(answer)
    names = {name for name, _ in gold.cells}
    pairs = list(found.items()) if found is not None else _statements(answer, names)
    given: dict[tuple[str, str], str] = {}
    for name, value in pairs:
        key = (plain(name), "")
        if not isinstance(value, str):
            raise NoAnswer("a value must be a word")
        said = plain(value)
        if key not in gold.cells or said not in gold.values:
            raise NoAnswer(f"{name[:40]!r} or {value[:40]!r} is not asked about")
        if given.setdefault(key, said) != said:
            raise NoAnswer(f"two values for {name[:40]!r}")
    return given == gold.cells


def _judge_table(gold: LogicGold, answer: str) -> bool:
    found = _json_object(answer)
    if found is None:
        raise NoAnswer("expected a JSON object of objects")
    return _table(found, NoAnswer) == gold.cells


def _judge_order(gold: LogicGold, answer: str) -> bool:
    if answer.lstrip().startswith("["):
        try:
            found: Any = parse_json(answer)
        except JsonError as error:
            raise NoAnswer(str(error)) from error
        parts = found if isinstance(found, list) else []
    else:
        lines = [_NUMBERING.sub("", line) for line in answer.strip().splitlines()]
        parts = [part for part in _ORDER_SEPARATORS.split("\n".join(lines)) if part.strip()]
        if any("<" in line for line in lines) and any(
            ">" in line.replace("->", "") for line in lines
        ):
            raise NoAnswer("two directions")
    return tuple(plain(str(part)) for part in parts) == gold.order


def _judge_sudoku(gold: LogicGold, answer: str) -> bool:
    assert gold.puzzle is not None
    try:
        grid = sudoku.read_grid(answer, len(gold.puzzle))
    except sudoku.NoGrid as error:
        raise NoAnswer(str(error)) from error
    return sudoku.solves(grid, gold.puzzle)


def plain(text: str) -> str:
    """A name or a value for comparison: one case, no marks around it, no article.

    >>> plain(" **The Red** house. "), plain("a_knight"), plain("A")
    ('red house', 'knight', 'a')
    """
    text = unicodedata.normalize("NFKC", text).replace("*", " ").replace("_", " ").casefold()
    text = " ".join(text.split()).strip(" .,;:!\"'`()[]")
    return re.sub(r"^(?:an?|the) ", "", text) if text.count(" ") else text


def _statements(answer: str, names: set[str]) -> list[tuple[str, str]]:
    """(name, value) for each "Ann is a knight" of a text, which must hold nothing else."""
    pairs: list[tuple[str, str]] = []
    for part in _SEPARATORS.split(_NUMBERING.sub("", answer.replace("*", " "))):
        part = _NUMBERING.sub("", part)
        if not part.strip():
            continue
        pieces = _STATEMENT.split(part.strip(), maxsplit=1)
        if len(pieces) != 2 or plain(pieces[0]) not in names:
            raise NoAnswer(f"{part.strip()[:60]!r} says nothing that was asked")
        pairs.append((pieces[0], pieces[1]))
    return pairs


def _json_object(answer: str) -> dict[str, Any] | None:
    if not answer.lstrip().startswith("{"):
        return None
    try:
        found = parse_json(answer)
    except JsonError as error:
        raise NoAnswer(str(error)) from error
    if not isinstance(found, dict):
        raise NoAnswer("expected an object")
    return found


def _table(
    rows: Mapping[Any, Any], fault: Callable[[str], Exception]
) -> dict[tuple[str, str], str]:
    """(row, column) -> value of an object of objects."""
    cells: dict[tuple[str, str], str] = {}
    for row, columns in rows.items():
        if not isinstance(columns, Mapping):
            raise fault("expected an object of objects")
        for column, value in columns.items():
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise fault("a cell must be a word or a whole number")
            cells[plain(str(row)), plain(str(column))] = plain(str(value))
    return cells


def _inside_block(answer: str) -> str:
    blocks = code_blocks(answer)
    return blocks[0] if len(blocks) == 1 else answer


def _read_assignment(fields: Mapping[str, Any]) -> LogicGold:
    answer = fields["answer"]
    if not isinstance(answer, Mapping) or not 0 < len(answer) <= MAX_NAMES:
        raise GoldError(f'"answer" must be an object with 1 to {MAX_NAMES} names')
    if not all(isinstance(value, str) and plain(value) for value in answer.values()):
        raise GoldError("every name needs a word as its value")
    cells = {(plain(str(name)), ""): plain(value) for name, value in answer.items()}
    if len(cells) < len(answer) or not all(name for name, _ in cells):
        raise GoldError("two names are the same, or one is empty")
    values = fields.get("values", [])
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
        raise GoldError('"values" must be a list of words')
    known = frozenset(plain(v) for v in values) | set(cells.values())
    if known <= {"knight", "knave"}:
        known = frozenset(("knight", "knave"))
    return LogicGold(type="assignment", cells=cells, values=known)


def _read_table(fields: Mapping[str, Any]) -> LogicGold:
    answer = fields["answer"]
    if not isinstance(answer, Mapping) or not 0 < len(answer) <= MAX_NAMES:
        raise GoldError(f'"answer" must be an object with 1 to {MAX_NAMES} rows')
    cells = _table(answer, GoldError)
    count = sum(len(columns) for columns in answer.values())
    if not cells or len(cells) < count or count > MAX_NAMES * 10:
        raise GoldError("no cells, too many of them, or two with the same name")
    return LogicGold(type="table", cells=cells)


def _read_order(fields: Mapping[str, Any]) -> LogicGold:
    answer = fields["answer"]
    words = [plain(str(name)) for name in answer] if isinstance(answer, Sequence) else []
    if isinstance(answer, str) or not 2 <= len(words) <= MAX_NAMES:
        raise GoldError(f'"answer" must be a list of 2 to {MAX_NAMES} names')
    if not all(words) or len(set(words)) < len(words):
        raise GoldError("two names are the same, or one is empty")
    return LogicGold(type="order", order=tuple(words))


def _read_sudoku(fields: Mapping[str, Any]) -> LogicGold:
    try:
        return LogicGold(type="sudoku", puzzle=sudoku.read_puzzle(fields["puzzle"]))
    except sudoku.NoGrid as error:
        raise GoldError(str(error)) from error


_READERS: Mapping[str, Callable[[Mapping[str, Any]], LogicGold]] = {
    "assignment": _read_assignment,
    "table": _read_table,
    "order": _read_order,
    "sudoku": _read_sudoku,
}
_JUDGES: Mapping[str, Callable[[LogicGold, str], bool]] = {
    "assignment": _judge_assignment,
    "table": _judge_table,
    "order": _judge_order,
    "sudoku": _judge_sudoku,
}

RULE = Rule(kind="logic", read_gold=read_gold, judge=judge)
