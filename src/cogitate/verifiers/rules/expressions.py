"""Expressions written by a model, parsed without ``eval`` and computed with exact rationals.

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor  = INTEGER | "(" sum ")"

There is no unary sign, no power, no concatenation and no implicit product, so ``-(1)``, ``2**3``,
``1 2`` and ``2(3)`` are not expressions. Length and depth are limited, so the time is bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

MAX_LENGTH = 256
"""Longest text that is parsed, characters."""
MAX_DEPTH = 16
"""Deepest nesting of brackets."""
MAX_INTEGER_DIGITS = 6
"""Longest integer literal, digits."""

# Times sign, middle dot, dot operator, division sign, minus sign, en dash; other brackets.
_SYNONYMS = str.maketrans("\u00d7\u00b7\u22c5\u00f7\u2212\u2013[]{}", "***/--()()")
_LATEX = (("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"), ("\\left", ""), ("\\right", ""))
_DIGITS = "0123456789"


class ExpressionError(ValueError):
    """The text is not an expression of this grammar, or its value does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """An expression's value, the integers it uses in order of appearance, and its operators.

    ``steps`` are its operations in order of evaluation, each with its operands' values.
    """

    value: Fraction
    numbers: tuple[int, ...]
    operators: tuple[str, ...]
    steps: tuple[tuple[Fraction, str, Fraction, Fraction], ...]


def parse_expression(text: str) -> Parsed:
    """The value and the parts of an expression.

    Raises:
        ExpressionError: too long, too deep, not of the grammar, or a division by zero.

    >>> parse_expression("(55 + 36) - 19").value
    Fraction(72, 1)
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    for latex, plain in _LATEX:
        text = text.replace(latex, plain)
    parser = _Parser([*_tokens(text.translate(_SYNONYMS))])
    value = parser.sum(depth=0)
    if parser.next_token() is not None:
        raise ExpressionError(f'unexpected "{parser.next_token()}"')
    return Parsed(
        value=value,
        numbers=tuple(parser.numbers),
        operators=tuple(step[1] for step in parser.steps),
        steps=tuple(parser.steps),
    )


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        start, position = position, position + 1
        char = text[start]
        if char in _DIGITS:
            while position < len(text) and text[position] in _DIGITS:
                position += 1
            yield text[start:position]
        elif char in "+-*/()":
            yield char
        elif char not in " \t\n\r":
            raise ExpressionError(f"unexpected {char!r}")


class _Parser:
    """Recursive descent over tokens; every method consumes what it names."""

    def __init__(self, tokens: list[str]) -> None:
        self.numbers: list[int] = []
        self.steps: list[tuple[Fraction, str, Fraction, Fraction]] = []
        self._tokens = tokens
        self._position = 0

    def next_token(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def sum(self, depth: int) -> Fraction:
        value = self._product(depth)
        while self.next_token() in ("+", "-"):
            value = self._apply(value, self._take(), self._product(depth))
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._factor(depth)
        while self.next_token() in ("*", "/"):
            value = self._apply(value, self._take(), self._factor(depth))
        return value

    def _factor(self, depth: int) -> Fraction:
        token = self._take()
        if token == "(":
            if depth >= MAX_DEPTH:
                raise ExpressionError(f"brackets nested more than {MAX_DEPTH} deep")
            value = self.sum(depth + 1)
            if self._take() != ")":
                raise ExpressionError("a bracket is not closed")
            return value
        return Fraction(self._integer(token))

    def _integer(self, token: str) -> int:
        if token[0] not in _DIGITS:
            raise ExpressionError(f'a number was expected where "{token}" stands')
        if len(token) > MAX_INTEGER_DIGITS or (len(token) > 1 and token[0] == "0"):
            raise ExpressionError(f"{token[:9]} is too long or starts with 0")
        self.numbers.append(int(token))
        return self.numbers[-1]

    def _take(self) -> str:
        token = self.next_token()
        if token is None:
            raise ExpressionError("the expression ends too early")
        self._position += 1
        return token

    def _apply(self, left: Fraction, operator: str, right: Fraction) -> Fraction:
        value = compute(left, operator, right)
        self.steps.append((left, operator, right, value))
        return value


def compute(left: Fraction, operator: str, right: Fraction) -> Fraction:
    """One exact operation.

    Raises:
        ExpressionError: a division by zero.
    """
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if right == 0:
        raise ExpressionError("a division by zero")
    return left / right
