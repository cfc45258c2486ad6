"""Predicting what a program prints or returns, without running anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cogitate.text.think import boxed_contents
from cogitate.verdict import Verdict
from cogitate.verifiers.rules.final import final_answer
from cogitate.verifiers.rules.json_text import code_blocks
from cogitate.verifiers.rules.literals import LiteralError, parse_literal
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_json, gold_mapping, judged

Form = Literal["value", "text"]
MAX_OUTPUT_CHARS = 65_536
"""Longest output, characters."""

_CODE_MARKS = re.compile(r"\A(`+)(.*?)\1\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputGold:
    """The expected output: a value in the notation of Python or JSON, or text line by line."""

    form: Form
    value: Any = None
    text: str = ""


def read_gold(gold: object) -> OutputGold:
    """``{"value": "[1, 2]"}``, the text of a value; ``{"text": "what\\nis printed"}``; or a text
    alone, which is a value if it can be read as one."""
    fields = _fields(gold) if isinstance(gold, str) else _only_field(gold)
    form, text = next(iter(fields.items())) if fields else ("", gold)
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_OUTPUT_CHARS:
        raise GoldError(f"expected a text of 1 to {MAX_OUTPUT_CHARS:,} characters")
    if form != "text":
        try:
            return OutputGold(form="value", value=parse_literal(text), text=text)
        except LiteralError as error:
            if form == "value":
                raise GoldError(f"no value: {error}") from error
    return OutputGold(form="text", text=text)


def judge(gold: OutputGold, text: str) -> Verdict:
    """CORRECT if the one final answer is the same value, type by type, or the same lines; blanks at
    the ends of lines and around everything mean nothing."""
    answer = _output(text)
    if answer is None:
        return judged(False, cause="no_single_answer", reason="no single answer")
    if gold.form == "text":
        right = _lines(answer) == _lines(gold.text)
        return judged(right, cause="other_output", reason="another output", answer=answer)
    try:
        value = parse_literal(answer)
    except LiteralError as error:
        return judged(False, cause="no_value", reason=str(error), answer=answer)
    right = same_value(gold.value, value)
    return judged(right, cause="other_output", reason="another value", answer=answer)


def same_value(left: Any, right: Any) -> bool:
    """Equality of values and of their types: True is not 1, (1,) is not [1]; 1 is not 1.0.

    >>> same_value({"a": [1, None]}, {"a": [1, None]}), same_value([True], [1])
    (True, False)
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(
            same_value(value, right[key]) for key, value in left.items()
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same_value, left, right))
    if isinstance(left, frozenset):
        return left == right and sorted(map(repr, left)) == sorted(map(repr, right))
    return left == right


def _output(text: str) -> str | None:
    """The inside of the one code block that ends the text, else its final answer."""
    blocks = code_blocks(text)
    ends_in_block = text.rstrip().endswith("```")
    if len(blocks) == 1 and ends_in_block and "<answer>" not in text and not boxed_contents(text):
        return blocks[0]
    final = final_answer(text).answer
    if final is None or len(final) > MAX_OUTPUT_CHARS:
        return None
    inside = code_blocks(final)
    if len(inside) == 1:
        return inside[0]
    marked = _CODE_MARKS.match(final.strip())
    return marked[2] if marked else final


def _only_field(gold: object) -> Mapping[str, Any]:
    fields = gold_mapping(gold, optional=("value", "text"))
    if len(fields) != 1:
        raise GoldError('expected either "value" or "text"')
    return fields


def _fields(gold: str) -> Mapping[str, Any] | None:
    """The field of a gold answer written as JSON, if it is one and not a dict to predict."""
    if not gold.lstrip().startswith("{"):
        return None
    try:
        value = gold_json(gold)
    except GoldError:
        return None
    single = isinstance(value, Mapping) and len(value) == 1 and value.keys() <= {"value", "text"}
    return value if single and isinstance(value, Mapping) else None


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


RULE = Rule(kind="code_output", read_gold=read_gold, judge=judge)
