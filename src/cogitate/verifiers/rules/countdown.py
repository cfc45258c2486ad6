"""Countdown: is this expression made of the given numbers, and is its value the target?"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cogitate.text.think import ANSWER_OPEN, boxed_contents, parse
from cogitate.verdict import Verdict
from cogitate.verifiers.exact import parse_number
from cogitate.verifiers.rules.expressions import (
    MAX_INTEGER_DIGITS,
    MAX_LENGTH,
    ExpressionError,
    parse_expression,
)
from cogitate.verifiers.rules.final import after_thinking, answer_lines, undress
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_integer, gold_mapping, judged

_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_LETTER_TIMES = re.compile(r"(?<=[0-9)\]}\s])[xX](?=[\s0-9(\[{])")
OPERATIONS = ("+", "-", "*", "/")
_OPERATOR_SIGNS = frozenset("+-*/xX\\\u00d7\u00b7\u22c5\u00f7\u2212\u2013")
MAX_NUMBERS = 64
"""Most numbers that one gold answer may give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountdownGold:
    """The numbers, the target, and what an expression may do with them."""

    numbers: tuple[int, ...]
    target: int
    use_all: bool = True
    operations: tuple[str, ...] = OPERATIONS


def objection(
    answer: str,
    *,
    numbers: Sequence[int],
    target: int,
    use_all: bool = True,
    operations: Collection[str] = OPERATIONS,
) -> str | None:
    """Why ``answer`` is not an expression of the numbers with the target as its value, or None.

    ``expression = number`` is accepted when the number is the target as well. Every number counts
    as often as it is given: exactly once each, or with ``use_all=False`` at most once each.

    >>> objection("(3 + 7) * 5", numbers=[3, 5, 7], target=50) is None
    True
    >>> objection("50", numbers=[3, 5, 7], target=50)
    'uses other numbers than the given ones'
    """
    expression, equals, claimed = answer.strip(" \n\t$").rstrip(".").partition("=")
    if equals and parse_number(claimed.strip()) != target:
        return "claims another value than the target"
    try:
        parsed = parse_expression(expression)
    except ExpressionError as error:
        return str(error)
    given, used = Counter(numbers), Counter(parsed.numbers)
    if used != given if use_all else not used <= given:
        return "uses other numbers than the given ones"
    if not set(parsed.operators) <= set(operations):
        return "uses an operation that is not allowed"
    return None if parsed.value == target else f"its value is {parsed.value}"


def read_gold(gold: object) -> CountdownGold:
    """``{"numbers": [...], "target": n}``, perhaps with ``use_all`` and ``operations``."""
    fields = gold_mapping(
        gold, required=("target",), optional=("numbers", "nums", "use_all", "operations")
    )
    numbers = fields.get("numbers", fields.get("nums"))
    if not isinstance(numbers, list | tuple) or not 1 <= len(numbers) <= MAX_NUMBERS:
        raise GoldError(f'"numbers" must be a list of 1 to {MAX_NUMBERS} numbers')
    operations = fields.get("operations", OPERATIONS)
    known = isinstance(operations, list | tuple | str) and set(operations) <= set(OPERATIONS)
    if not known or not operations:
        raise GoldError(f'"operations" must be some of {" ".join(OPERATIONS)}')
    use_all = fields.get("use_all", True)
    if not isinstance(use_all, bool):
        raise GoldError('"use_all" must be true or false')
    highest = 10**MAX_INTEGER_DIGITS - 1
    return CountdownGold(
        numbers=tuple(gold_integer(value, "a number", high=highest) for value in numbers),
        target=gold_integer(fields["target"], '"target"', low=-(10**12), high=10**12),
        use_all=use_all,
        operations=tuple(operations),
    )


def judge(gold: CountdownGold, text: str) -> Verdict:
    """CORRECT if the one answer of the text is such an expression and nothing else."""
    answer = _answer(after_thinking(text))
    if answer is None:
        return judged(False, cause="no_single_answer", reason="no single answer")
    reason = objection(
        _plain(answer, gold.target),
        numbers=gold.numbers,
        target=gold.target,
        use_all=gold.use_all,
        operations=gold.operations,
    )
    return judged(reason is None, cause="wrong_expression", reason=reason or "", answer=answer)


def _plain(answer: str, target: int) -> str:
    """An answer with the target behind it, ``*`` for the letter x and ``/`` for fractions."""
    if len(answer) > MAX_LENGTH:
        return answer
    answer = _LETTER_TIMES.sub("*", _FRACTION.sub(r"((\1)/(\2))", answer))
    claimed, equals, expression = answer.strip(" \n\t$").partition("=")
    if equals and "=" not in expression and parse_number(claimed.strip()) == target:
        return expression
    return answer


def _answer(text: str) -> str | None:
    """The one answer: in ``<answer>``, else in a box, else on the explicit answer lines, else all.

    An answer line without an operator ("The answer is simple:") holds no expression.
    """
    if ANSWER_OPEN not in text and not boxed_contents(text):
        lines = {
            "".join(line.split()): undress(line)
            for line in answer_lines(text)
            if any(c.isdigit() for c in line) and not _OPERATOR_SIGNS.isdisjoint(line)
        }
        if lines:
            return next(iter(lines.values())) if len(lines) == 1 else None
    answer = parse(text, mode="lenient").answer
    return None if answer is None else undress(answer)


RULE = Rule(kind="countdown", read_gold=read_gold, judge=judge)
