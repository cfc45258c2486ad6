r"""Numbers in text as exact rationals."""

import sys
from fractions import Fraction
from types import FrameType
from typing import Any

import pytest

from cogitate.verifiers.exact import (
    MAX_DIGITS,
    MAX_EXPONENT,
    MAX_NUMBER_CHARS,
    last_number,
    numbers_equal,
    parse_number,
)

F = Fraction

NUMBERS = {
    # integers
    "0": F(0),
    "42": F(42),
    "-42": F(-42),
    "+42": F(42),
    "- 42": F(-42),
    " 42\n": F(42),
    "004": F(4),
    "42.": F(42),
    "42\u3002": F(42),
    "1,000": F(1000),
    "1,234,567": F(1234567),
    "1{,}000": F(1000),
    "16,\\!386": F(16386),
    "16\\,386": F(16386),
    "1\\ 000\\;000": F(1000000),
    "1 000": F(1000),
    "1\u202f000\u00a0000": F(1000000),
    # decimals
    "3.25": F(13, 4),
    "-0.5": F(-1, 2),
    ".5": F(1, 2),
    "5.": F(5),
    "1,000.25": F(4001, 4),
    "0.1": F(1, 10),
    "0.333": F(333, 1000),
    # fractions
    "1/2": F(1, 2),
    "-3/4": F(-3, 4),
    "3 / 4": F(3, 4),
    "6/4": F(3, 2),
    "1/-2": F(-1, 2),
    "1.5/2": F(3, 4),
    "3 1/2": F(7, 2),
    "-3 1/2": F(-7, 2),
    "\u00bd": F(1, 2),
    "3\u00bd": F(7, 2),
    "\u2154": F(2, 3),
    "1\u20442": F(1, 2),
    # LaTeX
    "\\frac{1}{2}": F(1, 2),
    "\\dfrac{14}{3}": F(14, 3),
    "-\\tfrac{14}{3}": F(-14, 3),
    "\\frac12": F(1, 2),
    "\\frac{ 1 }{ 2 }": F(1, 2),
    "3\\frac{1}{2}": F(7, 2),
    "\\frac{1,000}{3}": F(1000, 3),
    "\\frac{-1}{2}": F(-1, 2),
    "$42$": F(42),
    "$$ 42 $$": F(42),
    "\\(42\\)": F(42),
    "\\[42.\\]": F(42),
    "$-\\frac{1}{2}$": F(-1, 2),
    "\\text{42}": F(42),
    "\\displaystyle \\frac{1}{2}": F(1, 2),
    "**42**": F(42),
    "`42`": F(42),
    # scientific
    "1.5e3": F(1500),
    "2E-2": F(1, 50),
    "1.5\\times10^{3}": F(1500),
    "1.5 \\times 10^3": F(1500),
    "2 \u00d7 10^{-2}": F(1, 50),
    # other digits and signs
    "\uff14\uff12": F(42),
    "\u221242": F(-42),
    "\uff0d42": F(-42),
}
NO_NUMBERS = [
    "",
    " ",
    "-",
    ".",
    ",",
    "/",
    "x",
    "42x",
    "4 2",
    "1,23",
    "12,34",
    "1000,000",
    "1,000,00",
    ",000",
    "1.2.3",
    "1/0",
    "0/0",
    "\\frac{1}{0}",
    "1/2/3",
    "3/4/",
    "1.5 1/2",
    "3 1.5/2",
    "(1/2)",
    "--5",
    "2**9**9**9",
    "9**9",
    "5^(5^(5^5))",
    "2^10",
    "10!",
    "1+1",
    "6*7",
    "__import__('os')",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e-401",
    "0x1A",
    "1_000",
    "2\u00b2",
    "\u0663",
    "42\0",
    "\u202e24",
    "41 or 42",
    "41, 42",
    "\\{42\\}",
    "\\frac{1}{2}{3}",
    "\\boxed{42}",
    "50%",
    "$10",
    "10 cm",
    "1/2 + 1/2",
]


@pytest.mark.parametrize(("text", "value"), NUMBERS.items())
def test_a_number(text: str, value: Fraction):
    assert parse_number(text) == value


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_not_a_number(text: str):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50%", F(1, 2)),
        ("28\\%", F(7, 25)),
        ("12.5 %", F(1, 8)),
        ("5 percent", F(1, 20)),
        ("1/2%", F(1, 200)),
        ("50", F(50)),
        ("%", None),
        ("50%%", None),
    ],
)
def test_percentages_are_read_when_declared(text: str, value: Fraction | None):
    assert parse_number(text, percent=True) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$10", F(10)),
        ("\\$16,\\!386.20", F(81931, 5)),
        ("-$10.50", F(-21, 2)),
        ("10\u20ac", F(10)),
        ("\u00a3 3", F(3)),
        ("$", None),
        ("$$10", None),
        ("$1$0", None),
    ],
)
def test_currency_is_read_when_declared(text: str, value: Fraction | None):
    assert parse_number(text, currency=True) == value


class TestLimits:
    def test_digits(self):
        assert parse_number("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
        assert parse_number("9" * (MAX_DIGITS + 1)) is None
        assert parse_number("0." + "9" * MAX_DIGITS) is None
        assert last_number("9" * (MAX_DIGITS + 1)) is None

    def test_exponents(self):
        assert parse_number(f"1e{MAX_EXPONENT}") == F(10) ** MAX_EXPONENT
        assert parse_number(f"1e-{MAX_EXPONENT}") == F(1, 10**MAX_EXPONENT)
        assert parse_number(f"1e{MAX_EXPONENT + 1}") is None
        assert parse_number("1e300\\times10^{300}") is None

    def test_length(self):
        assert parse_number(" " * (MAX_NUMBER_CHARS - 1) + "7") == 7
        assert parse_number(" " * MAX_NUMBER_CHARS + "7") is None

    @pytest.mark.parametrize("text", ["7" * 10**6, "1," * 10**6, "1/" * 10**6, "-" * 10**6])
    def test_a_million_characters(self, text: str):
        assert parse_number(text) is None


class TestLastNumber:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("42", F(42)),
            ("The answer is 42.", F(42)),
            ("The answer is 42!", F(42)),
            ("3 + 4 = 7, so it is 7.0", F(7)),
            ("It costs $1,200.50.", F(2401, 2)),
            ("It is -$5", F(-5)),
            ("x=-3", F(-3)),
            ("[3, -4]", None),
            ("(-4)", F(-4)),
            ("\u22124", F(-4)),
            ("5-3", F(3)),
            ("5 - 3", F(3)),
            ("10\u201320", F(20)),
            ("3/4 of it", F(3, 4)),
            ("about 3 1/2", F(7, 2)),
            ("about -3 1/2", F(-7, 2)),
            ("so \\frac{3}{4}", F(3, 4)),
            ("so -\\frac{3}{4} m", F(-3, 4)),
            ("it is 3\\frac{1}{2}", F(7, 2)),
            ("is \\frac12", F(1, 2)),
            ("1.5e3 m", F(1500)),
            ("42cm", F(42)),
            ("50%", F(50)),
            ("12:30", F(30)),
            ("...42", F(42)),
            ("so .5", F(1, 2)),
            ("1, 2, 3", None),
            ("1,2,3", None),
            ("12,34", None),
            ("41 or 42", None),
            ("41 and 42", None),
            (r"42 \pm 1", None),
            (r"\ge 42", None),
            ("x < 42", None),
            ("$41$, $42$", None),
            (r"\{41, 42\}", None),
            ("x = 3, y = 4", F(4)),
            ("of 12, 87 and 34 the largest is 87", F(87)),
            ("it costs $1,200", F(1200)),
            ("well, 42", F(42)),
            ("70,000", F(70000)),
            ("3,", F(3)),
            ("3.5.2", F(7, 2)),
            ("x2 is 7 in H2O", F(7)),
            ("x^2 = 9", F(9)),
            ("24/48 = 1/2", F(1, 2)),
            ("and/or 3", F(3)),
            ("row 3 1.5/2", F(3, 4)),
            ("\uff14\uff12 apples", F(42)),
            ("**42**", F(42)),
            ("1. is **42** apples", F(42)),
            ("**Answer:** 42", F(42)),
            ("\\boxed{42}", F(42)),
        ],
    )
    def test_found(self, text: str, value: Fraction | None):
        assert last_number(text) == value

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "none",
            "H2O",
            "2**9",
            "2**9**9**9",
            "2 ** 9",
            "2**(3",
            "2^10",
            "2^{10}",
            "7 ^ 2",
            "7^x",
            "1/2/3",
            "6/0",
            "7/(x + y)",
            "-",
            "\u0663",
        ],
    )
    def test_not_found(self, text: str):
        assert last_number(text) is None

    def test_percentages_when_declared(self):
        assert last_number("that is 50%", percent=True) == F(1, 2)
        assert last_number("that is 50 \\% of it", percent=True) == F(1, 2)
        assert last_number("that is 50", percent=True) == 50


class TestEqual:
    @pytest.mark.parametrize(
        ("left", "right"),
        [
            ("0.5", "1/2"),
            ("\\frac{2}{4}", "1/2"),
            ("1,000", "1000"),
            ("42.0", "42"),
            ("-0", "0"),
            (r"\left.50\right.", "50"),
        ],
    )
    def test_the_same_number(self, left: str, right: str):
        assert numbers_equal(left, right)
        assert numbers_equal(right, left)

    @pytest.mark.parametrize(
        ("left", "right"),
        [
            ("0.33", "1/3"),
            ("50", "0.5"),
            ("42", "-42"),
            ("x", "x"),
            ("", ""),
            ("0.1", "0.10000001"),
            (r"\left.50\right.", "0.5"),
        ],
    )
    def test_not_the_same(self, left: str, right: str):
        assert not numbers_equal(left, right)

    def test_declarations_hold_for_both_sides(self):
        assert numbers_equal("50%", "0.5", percent=True)
        assert not numbers_equal("50%", "50", percent=True)
        assert numbers_equal("$5", "5.00", currency=True)

    def test_no_floating_point(self):
        assert parse_number("0.1") + parse_number("0.2") == parse_number("0.3")  # type: ignore[operator]


def steps(text: str) -> int:
    """Python function calls and lines that reading takes: a clock nothing else disturbs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        last_number(text)
    finally:
        sys.settrace(previous)
    return count


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1,",
        "1,234",
        "1/",
        "-",
        "\\frac{",
        "1.5e",
        ".1",
        "$",
        "1 ",
        " ",
        "{,}",
        "1\\frac ",
        "9e999 ",
    ],
)
def test_long_text_takes_one_pass(unit: str):
    # The work is in the regular expressions, which are run over half a million characters here
    # and would not return if one of them rescanned; Python's own steps must not grow beyond that.
    last_number(unit * (500_000 // len(unit)))
    assert steps(unit * 4000) <= 2.2 * steps(unit * 2000) + 100
