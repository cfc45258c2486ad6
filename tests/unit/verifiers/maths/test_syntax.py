"""Expressions as trees: what is read how, and what is refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.maths.algebra import Algebra
from cogitate.verifiers.maths.notation import canonical, tokens
from cogitate.verifiers.maths.syntax import parse_expression
from cogitate.verifiers.maths.trees import Malformed, Node, TooLarge, Unevaluated, symbols


def tree(text: str) -> Node:
    return parse_expression(tokens(text))


def is_value(text: str, expected: Fraction) -> bool | None:
    return Algebra().compare(tree(text), ("num", Fraction(expected), None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1+2*3", 7),
        ("2-3-4", -5),
        ("12/3/2", 2),
        ("-2^2", -4),
        ("(-2)^2", 4),
        ("2^{3^2}", 512),
        ("2^{-1}", Fraction(1, 2)),
        ("2^-1", Fraction(1, 2)),
        (r"\frac12", Fraction(1, 2)),
        (r"\frac 59", Fraction(5, 9)),
        (r"\frac{1}2", Fraction(1, 2)),
        (r"\frac1{4}", Fraction(1, 4)),
        (r"\frac123", Fraction(3, 2)),
        ("3 1/2", Fraction(7, 2)),
        (r"3\tfrac{1}{2}", Fraction(7, 2)),
        (r"-3\frac12", Fraction(-7, 2)),
        (r"137 \frac{1}{2}", Fraction(275, 2)),
        (r"3\cdot\frac12", Fraction(3, 2)),
        (r"3\frac{4}{2}", 6),
        ("1.5e3", 1500),
        (r"1.5\times10^3", 1500),
        (".25", Fraction(1, 4)),
        ("-1./3", Fraction(-1, 3)),
        (r"0.\overline{3}", Fraction(1, 3)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        (r"0.\bar{3}", Fraction(1, 3)),
        ("5!", 120),
        ("5!!", 15),
        (r"\binom{5}{2}", 10),
        (r"{5 \choose 2}", 10),
        (r"\lfloor 7/2 \rfloor", 3),
        (r"\lceil 7/2 \rceil", 4),
        ("|3-5|", 2),
        ("2|3-5|", 4),
        ("50%", Fraction(1, 2)),
        ("2(3)(4)", 24),
        ("(1)(2)3", 6),
        ("sqrt(9)", 3),
        (r"\sqrt[3]{8}", 2),
        (r"\sin 30^\circ", Fraction(1, 2)),
        (r"\sin^2 30^\circ", Fraction(1, 4)),
        (r"\log_2 8", 3),
        (r"\log_{10}(1000)", 3),
        (r"\lg 100", 2),
        (r"\max(1,3,2)", 3),
        (r"\gcd(12,18)", 6),
        (r"e^{2\ln 3}", 9),
        ("2+-3", -1),
        ("--2", 2),
    ],
)
def test_values(text: str, expected: Fraction | int) -> None:
    assert is_value(text, Fraction(expected))


@pytest.mark.parametrize(
    "text",
    [
        r"\sqrt(2)",
        r"\frac(1)(2)",
        "12 34",
        "",
        "+",
        "2+",
        "(1",
        "1)",
        "{}",
        "x^",
        "x^{2}^",
        "_5",
        r"\frac{1}",
        r"\foo",
        r"\text{ten}",
        r"2\text{ or }3",
        "a,b",
        "1=1",
        "..",
        "()",
        "__import__('os')",
        r"\left",
        "5_",
    ],
)
def test_no_expressions(text: str) -> None:
    with pytest.raises(Malformed):
        tree(text)


@pytest.mark.parametrize("text", [r"\int x dx", r"\sum_{n=1}^3 n", r"\lim_{x\to0}x", r"2\prod_k k"])
def test_what_is_left_to_the_reader_is_no_value(text: str) -> None:
    with pytest.raises(Unevaluated):
        tree(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 70 + "1" + ")" * 70,
        "2^{" * 70 + "2" + "}" * 70,
        r"\sqrt" * 70 + "2",
        "5" + "!" * 140,
        "9" * 1001,
        r"\frac{1}{1+" * 70 + "1" + "}" * 70,
        "f(" * 70 + "x" + ")" * 70,
        r"\sin" * 70 + "x",
    ],
)
def test_depth_and_digits_are_capped(text: str) -> None:
    with pytest.raises(TooLarge):
        tree(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2xy", {"x", "y"}),
        ("x_1+x_{12}", {"x_1", "x_12"}),
        ("y'", {"y'"}),
        (r"y^{\prime}", {"y'"}),
        (r"\dot{x}", {"\\dot{x}"}),
        (r"\frac{dM}{dt}", {"dM/dt"}),
        (r"\frac{d^{2} v_{o}}{d t^{2}}", {"d^2v_o/dt^2"}),
        (r"\frac{d^2 v_o}{dt^2}", {"d^2v_o/dt^2"}),
        (r"\frac{\partial f}{\partial x}", {"\\partialf/\\partialx"}),
        ("f(x)", {"f", "x"}),
        ("n(n+1)", {"n"}),
        ("I(0)", {"I"}),
        (r"\pi e i", set()),
        (r"v_{\text{max}}", {"v_max"}),
        ("4210_5", {"4210_5"}),
        (r"4210_{\text{5}}", {"4210_5"}),
        (r"\alpha\beta", {"\\alpha", "\\beta"}),
        ("sinx", {"x"}),
    ],
)
def test_names(text: str, names: set[str]) -> None:
    assert symbols(tree(text)) == names


def test_a_letter_before_a_bracket() -> None:
    assert tree("n(n+1)")[0] == "mul"
    assert tree("x(t)") == ("call", "x", (("sym", "t"),))
    assert tree("f(x+1)")[0] == "call"
    assert tree("e(2)")[0] == "mul"
    assert tree("g(x,y)")[2] == (("sym", "x"), ("sym", "y"))


def test_functions_take_what_follows() -> None:
    assert tree(r"\sin 2t \cos t") == tree(r"\sin(2t)\cos(t)")
    assert tree(r"\cos(x)y") == (*tree(r"y\cos x")[:1], tree(r"y\cos x")[1][::-1])
    assert tree(r"\ln 2+1")[0] == "add"
    assert tree(r"\sin^{-1} x") == tree(r"\arcsin x")


ATOMS = st.sampled_from(["2", "0.5", "x", "n", r"\pi", "e", "10", r"\alpha", "x_1", "f(x)"])


def combine(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return st.one_of(
        two.map(lambda p: f"{p[0]}+{p[1]}"),
        two.map(lambda p: f"({p[0]}) ({p[1]})"),
        two.map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
        two.map(lambda p: f"({p[0]})^{{{p[1]}}}"),
        inner.map(lambda s: rf"\sqrt{{{s}}}"),
        inner.map(lambda s: rf"\sin\left({s}\right)"),
        inner.map(lambda s: rf"\left|{s}\right|"),
        inner.map(lambda s: f"-{s}"),
        inner.map(lambda s: rf"{s} \cdot 3"),
        inner.map(lambda s: rf"2 \cdot {s}" if s[0] != "-" else s),
    )


@given(st.recursive(ATOMS, combine, max_leaves=8))
def test_the_spelling_reads_back_as_the_same_tree(text: str) -> None:
    parts = tokens(text)
    assert parse_expression(tokens(canonical(parts))) == parse_expression(parts)


@given(
    st.lists(
        st.sampled_from(
            [
                "1",
                "2",
                "x",
                "(",
                ")",
                "{",
                "}",
                "^",
                "_",
                "+",
                "-",
                "*",
                "/",
                "!",
                "|",
                ",",
                "\\frac",
                "\\sqrt",
                "\\sin",
            ]
        ),
        max_size=25,
    )
)
def test_any_tokens_are_a_tree_or_malformed(parts: list[str]) -> None:
    try:
        parse_expression(parts)
    except Malformed as problem:
        assert str(problem)
