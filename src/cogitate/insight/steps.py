"""Arithmetic lines in free text, read exactly: "(3 + 4) * 5 = 35" is a step whose truth is known.

Model text is only ever scanned and evaluated with a small shunting-yard over Fractions: no
``eval``, no powers, linear time, numbers of at most 30 digits.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

MAX_SYMBOLS = 200
"""Longest expression that is read, in numbers, operators and brackets."""

_SCANNER = re.compile(
    r"""
      (?P<bullet>^[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+)
    | (?P<number>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?)
    | (?P<relation>!=|<=|>=|=>|->|≠|≤|≥|≈)
    | (?P<equals>==?)
    | (?P<operator>\\(?:times|cdot|div)(?![A-Za-z])|[-+*/\u2212\u2013\u00d7·÷]|[xX](?=\s*[\d(]))
    | (?P<bracket>[()])
    | (?P<blank>[ \t$]+)
    | (?P<word>\w+|.|\n)
    """,
    re.VERBOSE | re.MULTILINE,
)
_OPERATORS = {
    **dict.fromkeys("+", "+"),
    **dict.fromkeys("-\u2212\u2013", "-"),
    **dict.fromkeys(("*", "\u00d7", "·", "x", "X", r"\times", r"\cdot"), "*"),
    **dict.fromkeys(("/", "÷", r"\div"), "/"),
}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "negate": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A number, operator, bracket or equals sign with its character span. ``number`` is set for
    numbers, ``text`` is normalised ("+-*/()=")."""

    text: str
    start: int
    end: int
    number: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One claimed equation ``expression = stated``.

    operands  the numbers written in the expression, in order
    value     what the expression really is; None when it divides by zero
    stated    what the text says it is
    """

    start: int
    end: int
    operands: tuple[Fraction, ...]
    value: Fraction | None
    stated: Fraction

    @property
    def correct(self) -> bool:
        """Exact equality; 10 / 3 = 3.33 is not correct."""
        return self.value == self.stated


def _runs(text: str) -> Iterator[list[Symbol]]:
    """Maximal runs of formula symbols; a word, a newline or two numbers in a row end a run."""
    run: list[Symbol] = []
    for match in _SCANNER.finditer(text):
        kind, found = match.lastgroup, match.group()
        if kind == "blank":
            continue
        if kind == "number" and len(found) <= 30:
            if run and run[-1].number is not None:
                yield run
                run = []
            value = Fraction(found.replace(",", ""))
            run.append(Symbol(text=found, start=match.start(), end=match.end(), number=value))
        elif kind in ("operator", "bracket", "equals"):
            normal = {"operator": _OPERATORS.get(found), "equals": "="}.get(kind) or found
            run.append(Symbol(text=normal, start=match.start(), end=match.end()))
        else:
            yield run
            run = []
    yield run


def _balanced(symbols: Sequence[Symbol]) -> list[Symbol]:
    """``symbols`` without the outer brackets of a sentence: "(3 + 4" becomes "3 + 4"."""
    first, last = 0, len(symbols)
    excess = sum((s.text == "(") - (s.text == ")") for s in symbols)
    while excess > 0 and first < last and symbols[first].text == "(":
        first, excess = first + 1, excess - 1
    while excess < 0 and first < last and symbols[last - 1].text == ")":
        last, excess = last - 1, excess + 1
    return list(symbols[first:last])


class _Malformed(Exception):
    """The symbols are not an expression."""


def _apply(operator: str, values: list[Fraction]) -> None:
    if len(values) < (1 if operator == "negate" else 2):
        raise _Malformed
    right = values.pop()
    if operator == "negate":
        values.append(-right)
        return
    left = values.pop()
    if operator == "+":
        values.append(left + right)
    elif operator == "-":
        values.append(left - right)
    elif operator == "*":
        values.append(left * right)
    else:
        values.append(left / right)


def _shunting_yard(symbols: Sequence[Symbol]) -> Fraction:
    values: list[Fraction] = []
    pending: list[str] = []
    expect_operand = True
    for symbol in symbols:
        if (symbol.number is not None or symbol.text == "(") != expect_operand and not (
            expect_operand and symbol.text == "-"
        ):
            raise _Malformed
        if symbol.number is not None:
            values.append(symbol.number)
            expect_operand = False
        elif symbol.text == "(" or expect_operand:
            pending.append("(" if symbol.text == "(" else "negate")
        elif symbol.text == ")":
            while pending and pending[-1] != "(":
                _apply(pending.pop(), values)
            if not pending:
                raise _Malformed
            pending.pop()
        else:
            while pending and _PRECEDENCE.get(pending[-1], 0) >= _PRECEDENCE[symbol.text]:
                _apply(pending.pop(), values)
            pending.append(symbol.text)
            expect_operand = True
    while pending:
        _apply(pending.pop(), values)
    if len(values) != 1 or expect_operand:
        raise _Malformed
    return values[0]


def evaluate(symbols: Sequence[Symbol]) -> Fraction | None:
    """The exact value of an expression; None when it is malformed, too long or divides by zero."""
    if not symbols or len(symbols) > MAX_SYMBOLS or any(s.text == "=" for s in symbols):
        return None
    try:
        return _shunting_yard(symbols)
    except (_Malformed, ZeroDivisionError):
        return None


def _leading_number(symbols: Sequence[Symbol]) -> tuple[Fraction, int] | None:
    """The signed number an equation's right side starts with, and where it ends."""
    sign = -1 if symbols and symbols[0].text == "-" else 1
    rest = symbols[1:] if sign < 0 else symbols
    if not rest or rest[0].number is None:
        return None
    return sign * rest[0].number, rest[0].end


def _step(left: list[Symbol], right: list[Symbol], is_last: bool) -> Step | None:
    left, right = _balanced(left), _balanced(right)
    leading = _leading_number(right)
    operands = tuple(s.number for s in left if s.number is not None)
    if leading is None or len(operands) < 2 or len(left) > MAX_SYMBOLS:
        return None
    value = evaluate(left)
    if value is None and not _only_divides_by_zero(left):
        return None
    stated, end = leading
    whole = evaluate(right)
    if whole is not None and value != stated and (is_last or value == whole):
        stated, end = whole, right[-1].end
    return Step(start=left[0].start, end=end, operands=operands, value=value, stated=stated)


def _only_divides_by_zero(symbols: Sequence[Symbol]) -> bool:
    """The expression is well-formed, but has no value."""
    try:
        _shunting_yard(symbols)
    except ZeroDivisionError:
        return True
    except _Malformed:
        return False
    return False


def _segments(run: Sequence[Symbol]) -> list[list[Symbol]]:
    """``run`` cut at its equals signs."""
    parts: list[list[Symbol]] = [[]]
    for symbol in run:
        if symbol.text == "=":
            parts.append([])
        else:
            parts[-1].append(symbol)
    return parts


def arithmetic_steps(text: str) -> list[Step]:
    """Every equation in ``text`` with at least two numbers on its left, in order.

    In a chain "4 * 7 = 28 - 5 = 23" each side is read as people write it: a step is right if the
    left side equals the whole right side or the number the right side starts with (ours).
    Brackets that belong to the sentence, list bullets and "$" are ignored.

    >>> [(float(s.stated), s.correct) for s in arithmetic_steps("4 * 7 = 28 - 5 = 23, 2 + 2 = 5")]
    [(28.0, True), (23.0, True), (5.0, False)]
    """
    steps: list[Step] = []
    for run in _runs(text):
        parts = _segments(run)
        for index in range(len(parts) - 1):
            step = _step(parts[index], parts[index + 1], index == len(parts) - 2)
            if step is not None:
                steps.append(step)
    return steps


def inverted_equations(text: str) -> list[tuple[int, Fraction]]:
    """Equations with one number on the left and an expression on the right, "24 = 4 * 6", as
    (position, left number): what working backwards from a target looks like.

    >>> inverted_equations("24 = 4 * 6, 3 + 3 = 6, 5 = 5")
    [(0, Fraction(24, 1))]
    """
    found: list[tuple[int, Fraction]] = []
    for run in _runs(text):
        parts = [_balanced(part) for part in _segments(run)]
        if len(parts) != 2 or len(parts[0]) != 1 or len(parts[1]) < 3:
            continue
        number = parts[0][0].number
        if number is not None and evaluate(parts[1]) is not None:
            found.append((parts[0][0].start, number))
    return found


def numbers_in(text: str) -> list[Fraction]:
    """Every number written in ``text``, in order; a minus sign is an operator, not part of it.

    >>> [float(number) for number in numbers_in("1,250 and 3.5")]
    [1250.0, 3.5]
    """
    return [symbol.number for run in _runs(text) for symbol in run if symbol.number is not None]
