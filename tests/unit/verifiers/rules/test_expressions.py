"""Expressions of a model: exact values, refused tricks, bounded work."""

import contextlib
import time
from fractions import Fraction

import pytest

from cogitate.verifiers.rules.expressions import (
    MAX_DEPTH,
    MAX_LENGTH,
    ExpressionError,
    compute,
    parse_expression,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("1 + 2 * 3", 7),
        ("(1+2)*3", 9),
        ("10 - 3 - 2", 5),
        ("48 / 4 / 3", 4),
        ("8 / 3 * 3", 8),
        ("1 / 3 + 1 / 6", Fraction(1, 2)),
        ("((((5))))", 5),
        ("[1 + 2] * {3}", 9),
        ("\t6\n*  7 ", 42),
        ("6 \u00d7 7", 42),
        ("6 \u00b7 7 \u22c5 2", 84),
        ("8 \u00f7 4 \u2212 1 \u2013 1", 0),
        (r"6 \times 7 \div 2", 21),
        (r"\left(1 + 2\right) \cdot 3", 9),
    ],
)
def test_values_are_exact(text: str, value: int | Fraction):
    assert parse_expression(text).value == value


def test_numbers_operators_and_steps_come_in_order():
    parsed = parse_expression("(8 - 2) * 3 / 9")
    assert parsed.numbers == (8, 2, 3, 9)
    assert parsed.operators == ("-", "*", "/")
    assert parsed.steps == ((8, "-", 2, 6), (6, "*", 3, 18), (18, "/", 9, 2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-1",
        "+1",
        "1 - -1",
        "(-(1))",
        "2 ** 3",
        "2 ^ 3",
        "7 // 2",
        "7 % 2",
        "1 2",
        "2(3)",
        "(2)(3)",
        "(1",
        "1)",
        "()",
        "1 +",
        "* 1",
        "1..2",
        "1.5",
        "1e3",
        "0x1F",
        "1_0",
        "03 + 1",
        "00",
        "1234567",
        "sqrt(4)",
        "4!",
        "x",
        "1 = 1",
        "1;2",
        "__import__('os').system('true')",
        "\u0663 + 1",  # Arabic-Indic three
        "\u00b2",
        "\uff11",  # full-width one
        r"\frac{1}{2}",
        "1\0",
        "\ud800",
    ],
)
def test_everything_else_is_no_expression(text: str):
    with pytest.raises(ExpressionError):
        parse_expression(text)


@pytest.mark.parametrize("text", ["1 / 0", "5 / (3 - 3)", "1 / (2 / 0)"])
def test_a_division_by_zero_has_no_value(text: str):
    with pytest.raises(ExpressionError, match="division by zero"):
        parse_expression(text)


def test_the_message_says_what_is_wrong():
    for text, message in (
        ("2 ** 3", r'a number was expected where "\*" stands'),
        ("1 2", 'unexpected "2"'),
        ("(1", "ends too early"),
        ("(1 2", "not closed"),
        ("1 & 2", "unexpected '&'"),
        ("1234567", "too long or starts with 0"),
    ):
        with pytest.raises(ExpressionError, match=message):
            parse_expression(text)


def test_depth_and_length_are_limited():
    assert parse_expression("(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH).value == 1
    with pytest.raises(ExpressionError, match="nested more than"):
        parse_expression("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1))
    assert parse_expression("1" + " " * (MAX_LENGTH - 1)).value == 1
    with pytest.raises(ExpressionError, match=f"longer than {MAX_LENGTH}"):
        parse_expression("1" + " " * MAX_LENGTH)


@pytest.mark.parametrize(
    "text",
    [
        "2**9**9**9",
        "9" * 1_000_000,
        "(" * 1_000_000,
        "+".join(["1"] * 500_000),
        "999999*" * 36 + "9",
        "1/999999*" * 28 + "1",
    ],
    ids=["power", "digits", "brackets", "sum", "product", "quotient"],
)
def test_hostile_text_takes_no_time(text: str):
    start = time.process_time()
    with contextlib.suppress(ExpressionError):
        parse_expression(text)
    assert time.process_time() - start < 0.5


def test_compute():
    assert compute(Fraction(1), "/", Fraction(3)) == Fraction(1, 3)
    assert compute(Fraction(1), "-", Fraction(3)) == -2
