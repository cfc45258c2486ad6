"""One spelling: styling goes, synonyms meet, and a second pass changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.maths.notation import canonical, normalise, tokens

PIECES = r"""\frac \sqrt \text{ \mathrm{ \operatorname{ { } ( ) [ ] \{ \} ^ _ 1 2 10 000 1,000 .5 0.5 x y e
\pi \infty \pm + - * ** / = < \le <= \in \cup , ; and or ! ' % \% ^\circ | \left( \right) \right. & \\
\ldots ... \log \sin \quad ² ½ √ π cm apples $ \$ \! \, ~ \null \begin{pmatrix} \end{pmatrix} 1e9 np.
\mathbb{R} \overline \choose \prime ３ 、 −""".split()  # noqa: SIM905
"""What mathematical text is made of, hostile combinations included."""


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\dfrac{1}{2}", r"\frac{1}{2}"),
        (r"\tfrac{1}{2}", r"\cfrac{1}{2}"),
        (r"\left( 3, x \right)", "(3,x)"),
        (r"1{,}000", "1000"),
        (r"32,\!348", "32348"),
        ("1,000", "1000"),
        ("1 000", "1000"),
        (r"1\,000", "1000"),
        ("90^\\circ", "90\u00b0"),
        (r"90^{\circ}", r"90\degree"),
        ("x\u00b2", "x^{2}"),
        ("a\u2081\u2080", "a_{10}"),
        ("3\u00bd", r"3\frac{1}{2}"),
        ("\u221a2", r"\sqrt 2"),
        ("2\u03c0", r"2\pi"),
        ("\uff14\uff12", "42"),
        ("\u0664\u0662", "42"),
        ("\u22125", "-5"),
        ("a \u2264 b", r"a \leqslant b"),
        ("a<=b", r"a\le b"),
        ("2**3", "2^3"),
        (r"2\cdot 3", r"2\times3"),
        (r"\mathrm{e}", "e"),
        (r"\operatorname{sin} x", r"\sin x"),
        (r"\mathbf{73}", "73"),
        (r"\text{ and }", "and"),
        ("50 percent", r"50\%"),
        (r"\varnothing", r"\emptyset"),
        ("$x$", "x"),
        (r"\displaystyle x", "x"),
        (r"np.arcsin(1)", r"\arcsin(1)"),
        (r"\mbox{cm}", r"\text{ cm }"),
    ],
)
def test_two_spellings_of_one_thing(left: str, right: str) -> None:
    assert normalise(left) == normalise(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1,00", "100"),
        ("1,0000", "10000"),
        ("12 34", "1234"),
        (r"4\,2", "42"),
        ("x^2", "x2"),
        ("a_1", "a1"),
        ("\u2460\u2461", "12"),
        ("{}", ""),
        ("1.5", "15"),
    ],
)
def test_what_looks_alike_is_not_the_same(left: str, right: str) -> None:
    assert normalise(left) != normalise(right)


def test_numbers_are_grouped_or_not_as_asked() -> None:
    assert tokens("2,500") == ["2500"]
    assert tokens("2,500", grouped=False) == ["2", ",", "500"]
    assert tokens("11,13") == ["11", ",", "13"]
    assert tokens("2500,7500") == ["2500", ",", "7500"]
    assert tokens("1, 000") == ["1", ",", "000"]


def test_numbers_that_touch_stay_apart() -> None:
    parts = ["1", "000", ".5"]
    assert tokens(canonical(parts)) == parts


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_a_second_pass_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.text(max_size=60))
def test_any_text_has_tokens(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@pytest.mark.parametrize(
    "piece", ["\\text{", "{", "1,", "1 ", "\\mathrm{a{", "**", "np.", "\\left"]
)
def test_long_text_is_one_scan(piece: str) -> None:
    short, long = tokens(piece * 100), tokens(piece * 20_000)
    assert len(long) >= len(short)
