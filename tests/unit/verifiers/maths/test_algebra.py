"""Exact equality: what is equal, what is not, and what this algebra leaves open."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogitate.verifiers.maths.algebra import compare
from cogitate.verifiers.maths.notation import tokens
from cogitate.verifiers.maths.polynomials import factor
from cogitate.verifiers.maths.powers import Undefined
from cogitate.verifiers.maths.syntax import parse_expression
from cogitate.verifiers.maths.trees import TooLarge


def equal(left: str, right: str) -> bool | None:
    return compare(parse_expression(tokens(left)), parse_expression(tokens(right)))


SAME = [
    (r"\frac{\sqrt3}{3}", r"\frac{1}{\sqrt3}"),
    (r"\sqrt{12}", r"2\sqrt3"),
    (r"\sqrt{2}\sqrt{3}", r"\sqrt6"),
    (r"\sqrt{\frac{1}{2}}", r"\frac{\sqrt2}{2}"),
    (r"5\sqrt[3]{4}", r"\sqrt[3]{500}"),
    (r"2^{-2/3}", r"\frac{1}{\sqrt[3]{4}}"),
    (r"\frac{1}{1+\sqrt2}", r"\sqrt2-1"),
    (r"(1+\sqrt2)^3", r"7+5\sqrt2"),
    ("(-8)^{1/3}", "-2"),
    (r"\sqrt{-4}", "2i"),
    ("6-5i", "-5i+6"),
    (r"\frac{1}{1+i}", r"\frac{1-i}{2}"),
    ("i^{10}", "-1"),
    ("(a+5)(b+2)", "ab+2a+5b+10"),
    ("x^2-1", "(x-1)(x+1)"),
    (r"\frac{x^2-1}{x-1}", "x+1"),
    (r"\frac{n(n+1)}{2}", r"\binom{3}{2}\frac{n^2+n}{6}"),
    ("2^{N-2}+1", r"\frac{2^N}{4}+1"),
    ("4^n", "2^{2n}"),
    ("6^n", "2^n3^n"),
    ("(-1)^{2n}", "1"),
    ("e^{x+1}", "e e^x"),
    ("(e^x)^2", "e^{2x}"),
    (r"\ln 8", r"3\ln2"),
    (r"\ln\frac{2}{3}", r"\ln2-\ln3"),
    (r"\ln(x^2y)", r"2\ln x+\ln y"),
    (r"\ln e^3", "3"),
    (r"\log_{4}8", r"\frac32"),
    (r"\frac{\log 2}{\log 2-\log 3}", r"\frac{\ln2}{\ln2-\ln3}"),
    (r"\cos\frac{\pi}{12}", r"\frac{\sqrt6+\sqrt2}{4}"),
    (r"\tan 60^\circ", r"\sqrt3"),
    (r"\sin(-x)", r"-\sin x"),
    (r"\cos(-x)", r"\cos x"),
    (r"\sqrt{\pi}^2", r"\pi"),
    (r"\sqrt{3+2\sqrt2}", r"\sqrt{2\sqrt2+3}"),
    (r"\lfloor m/2\rfloor", r"\lfloor\frac{m}{2}\rfloor"),
    (r"\frac{100!}{99!}", "100"),
    ("f(x+1)", "f(1+x)"),
    ("x^{1/2}x^{1/2}", "x"),
    (r"\frac{1}{\frac{1}{x}}", "x"),
    ("(1+x)^n", "(x+1)^{n-1}(1+x)"),
    ("(x+y)^3", "x^3+3x^2y+3xy^2+y^3"),
]
DIFFERENT = [
    (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"),
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
    (r"\frac{2^{2005}+1}{3 \cdot 2^{2006}}", r"\frac{1}{3 \cdot 2^{2006}}"),
    (r"1-\frac1e", r"1+\frac1e"),
    ("10^{1000}", "10^{1000}+1"),
    (r"\sqrt2+\sqrt3", r"\sqrt5"),
    (r"\sqrt2+\sqrt3", r"\sqrt{10}"),
    (r"\pi", r"\frac{355}{113}"),
    (r"\frac13", "0.333333333333333333333"),
    ("x", "y"),
    ("f(x)", "f(y)"),
    ("x+1", "x-1"),
    ("6-5i", "6+5i"),
    ("2^n", "3^n"),
    (r"\ln2", r"\ln3"),
    ("e^x", "e^{-x}"),
    ("52_8", "52_9"),
    ("a^2", "|a|"[1]),
]
OPEN = [
    (r"\sin^2 x+\cos^2 x", "1"),
    (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2"),
    (r"\sqrt{x^2}", "x"),
    (r"\binom{2n}{n}", r"\frac{(2n)!}{(n!)^2}"),
    (r"e^{i\pi}", "-1"),
    (r"\lfloor n+1\rfloor", r"\lfloor n\rfloor+1"),
    (r"\arctan 1", r"\frac{\pi}{4}"),
    (r"\ln(1-\sqrt2)", r"\ln(\sqrt2-1)"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_equal(left: str, right: str) -> None:
    assert equal(left, right) is True
    assert equal(right, left) is True


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different(left: str, right: str) -> None:
    assert equal(left, right) is False


@pytest.mark.parametrize(("left", "right"), OPEN)
def test_open(left: str, right: str) -> None:
    assert equal(left, right) is None


@pytest.mark.parametrize(
    "text",
    [
        r"\frac00",
        r"\frac{1}{x-x}",
        "0^0",
        "0^{-1}",
        r"\infty-\infty",
        r"\frac{1}{\infty}",
        r"\ln 0",
        r"\log_1 2",
        r"\tan 90^\circ",
        "1/0",
    ],
)
def test_no_value(text: str) -> None:
    with pytest.raises(Undefined):
        equal(text, "1")


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^9}",
        "2^{2^{2^{2^{2^2}}}}",
        "(10^{300})^{300}",
        "((2^{99})^{99})^{99}",
        "".join(rf"(\sqrt{{{k}}}+1)" for k in range(2, 60)),
        "(5000!)^9",
    ],
)
def test_too_large(text: str) -> None:
    with pytest.raises(TooLarge):
        equal(text, "1")


def test_large_powers_of_sums_stay_closed() -> None:
    assert equal("(1+x)^{9999}", "(x+1)^{9999}") is True
    assert equal("(1+x)^{9999}", "(x+2)^{9999}") is None


def test_factors() -> None:
    assert factor(360) == {"#2": 3, "#3": 2, "#5": 1}
    assert factor(1) == {}
    assert factor(2003 * 2011) == {"~3d76a1".replace("3d76a1", f"{2003 * 2011:x}"): 1}


numbers = st.fractions(max_denominator=30).filter(lambda f: abs(f) < 100)


def latex(value: Fraction) -> str:
    return rf"\left(\frac{{{value.numerator}}}{{{value.denominator}}}\right)"


@settings(max_examples=12)
@given(numbers, numbers, numbers)
def test_the_field_of_rationals(a: Fraction, b: Fraction, c: Fraction) -> None:
    x, y, z = latex(a), latex(b), latex(c)
    assert equal(f"{x}({y}+{z})", f"{x}{y}+{x}{z}") is True
    assert equal(f"{x}+{y}", latex(a + b)) is True
    assert equal(f"{x}-{y}", latex(a - b + 1)) is False


@settings(max_examples=12)
@given(numbers, numbers, st.integers(2, 30), st.integers(2, 30))
def test_conjugates(a: Fraction, b: Fraction, m: int, n: int) -> None:
    x, y = latex(a), latex(b)
    left = rf"({x}\sqrt{{{m}}}+{y}\sqrt{{{n}}})({x}\sqrt{{{m}}}-{y}\sqrt{{{n}}})"
    assert equal(left, latex(a * a * m - b * b * n)) is True
