"""What a text is: numbers, lists, sets, tuples, intervals, matrices, relations, words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.maths.reader import read
from cogitate.verifiers.maths.splitting import undress
from cogitate.verifiers.maths.trees import TooLarge
from cogitate.verifiers.maths.units import same_unit, unit_name
from cogitate.verifiers.maths.values import (
    Infinite,
    Listing,
    Matrix,
    Opaque,
    Ratio,
    Relation,
    Scalar,
    Union,
    Value,
    Words,
)


def shape(value: Value) -> str:
    """The structure of a value in short."""
    if isinstance(value, Listing):
        inner = ",".join(map(shape, value.items))
        marks = value.brackets or "  "
        return f"{marks[0]}{inner}{marks[1]}".strip()
    if isinstance(value, Matrix):
        return "/".join(",".join(map(shape, row)) for row in value.rows)
    if isinstance(value, Relation):
        pairs = zip((*value.operators, ""), value.sides, strict=True)
        return "".join(f"{shape(side)}{operator}" for operator, side in pairs)
    if isinstance(value, Union):
        whole = "U".join(map(shape, value.pieces))
        return "-".join([whole, *map(shape, value.removed)])
    if isinstance(value, Ratio):
        return ":".join(map(shape, value.parts))
    if isinstance(value, Scalar):
        return f"n[{value.unit}]" if value.unit else "n"
    if isinstance(value, Infinite):
        return "-oo" if value.negative else "oo"
    return f"'{value.folded}'" if isinstance(value, Words) else "?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", "n"),
        ("1,000", "n"),
        ("1,2", "n,n"),
        ("1, 2 and 3", "n,n,n"),
        (r"1\text{ or }2", "n,n"),
        ("$69$,$84$", "n,n"),
        (r"\{1,2\}", "{n,n}"),
        (r"\left\{ 1 \right\}", "{n}"),
        (r"\emptyset", "{}"),
        ("(1,2)", "(n,n)"),
        ("(1)", "n"),
        ("[1,2]", "[n,n]"),
        ("[42]", "[n]"),
        ("[0,1)", "[n,n)"),
        ("]0,1[", "(n,n)"),
        (r"]0,1[\cup]2,3]", "(n,n)U(n,n]"),
        (r"(-\infty,3)", "(-oo,n)"),
        (r"(-\infty, 0) \cup\{1\}.", "(-oo,n)U{n}"),
        (r"\mathbb{R}\setminus\{0\}", "(-oo,oo)-{n}"),
        (r"\langle 1,2\rangle", "<n,n>"),
        ("(1,2),(3,4)", "(n,n),(n,n)"),
        (r"\pm 3", "n,n"),
        (r"3 \pm 2\sqrt2", "n,n"),
        (r"\{1\pm\sqrt5,-2\}", "{n,n,n}"),
        (r"x=\pm 3", "n=n,n=n"),
        (r"(\pm1,\pm2)", "(n,n),(n,n),(n,n),(n,n)"),
        ("x=5", "n=n"),
        ("= 5", "n"),
        (r"\approx 5", "n"),
        ("<5", "?"),
        (r"\ne 5", "?"),
        ("1<x<2", "n<n<n"),
        ("x>1 and x<2", "n<n<n"),
        (r"x\in[0,1)", "[n,n)"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "n,n/n,n"),
        (r"\left(\begin{array}{cc} 1 & 2 \end{array}\right)", "n,n"),
        ("1:2", "n:n"),
        ("12:00", "n:n"),
        (r"\text{even}", "'even'"),
        ("Evelyn", "'evelyn'"),
        (r"\text{(E)}", "'e'"),
        (r"\text{A, B}", "'a','b'"),
        ("New York", "'new york'"),
        ("CBAD", "'cbad'"),
        ("xy", "n"),
        (r"1,2,\ldots,n", "n,n,?,n"),
        (r"\text{the value of }10!", "?"),
        (r"\{x \mid x>0\}", "?"),
        (r"\int x dx", "?"),
        ("\\boxed{5}", "n"),
        ("f(x)=x, f(x)=2-x", "n=n,n=n"),
        (r"10\text{ cm}", "n[cm]"),
        (r"10\ \mathrm{cm}", "n[cm]"),
        ("10 cm", "n[cm]"),
        ("18 dollars", "n[usd]"),
        (r"\$18.90", "n[usd]"),
        (r"864 \mbox{ inches}^2", "n[in^2]"),
        (r"15\ \mathrm{cm^{2}}", "n[cm^2]"),
        (r"164\pi \text{ square feet}", "n[ft^2]"),
        (r"90^\circ", "n[°]"),
        ("60 km/h", "n[km/h]"),
        (r"5\text{ m}/\text{s}", "n[m/s]"),
        (r"\text{10 cm}", "n[cm]"),
        (r"42\text{ or so}", "?"),
        (r"42\text{ - 43}", "?"),
        (r"42\text{ squared}", "?"),
        (r"42\text{ ...}", "?"),
        ("6abc", "n"),
    ],
)
def test_structure(text: str, expected: str) -> None:
    assert shape(read(text)) == expected


def test_lists_of_three_digits_are_read_as_asked() -> None:
    assert shape(read("100,200", grouped=False)) == "n,n"
    assert shape(read("100,200")) == "n"


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ("1" * 4097, "length"),
        ("(" * 65 + "1" + ")" * 65, "depth"),
        ("{" * 65 + "7" + "}" * 65, "depth"),
        (r"\{" * 13 + "1" + r"\}" * 13, "depth"),
        ("1," * 64 + "1", "items"),
        (r"\begin{matrix}" + "1&" * 64 + r"1\end{matrix}", "items"),
        (r"(1,2)\cup" * 64 + "(1,2)", "items"),
        ("x=" * 64 + "1", "items"),
        ("9" * 1001, "digits"),
    ],
)
def test_caps(text: str, cap: str) -> None:
    with pytest.raises(TooLarge, match=cap):
        read(text)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("$$ 42 $$", "42"),
        (r"\[ 42 \]", "42"),
        ("**73**.", "73"),
        ("`x`", "x"),
        ('"42"', "42"),
        ("42.", "42"),
        ("42。", "42"),
        ("1, 2, ...", "1, 2, ..."),
        (r"x\,", r"x\,"),
        ("", ""),
    ],
)
def test_undress(text: str, bare: str) -> None:
    assert undress(text) == bare


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("centimeters", "cm"),
        ("square inches", "in^2"),
        ("sq. units", "unit^2"),
        ("cubic feet", "ft^3"),
        ("miles per hour", "mph"),
        ("m/s^{2}", "m/s^2"),
        ("apples", "apple"),
        ("", None),
        ("43", None),
        ("or 43", None),
        ("cm or m", None),
        ("!", None),
        ("x", None),
        ("cm^2^3", None),
        ("a b c d e f", None),
    ],
)
def test_units(text: str, name: str | None) -> None:
    assert unit_name(text) == name


def test_units_fit() -> None:
    assert same_unit("", "cm", strict=True)
    assert same_unit("cm", "cm", strict=True)
    assert same_unit("cm", "", strict=False)
    assert not same_unit("cm", "", strict=True)
    assert not same_unit("cm", "m", strict=False)
    assert same_unit("°", "", strict=True)


PIECES = [
    r"(",
    r")",
    r"[",
    r"]",
    r"{",
    r"}",
    r"\{",
    r"\}",
    r",",
    r";",
    r"=",
    r"<",
    r"\le",
    r"\in",
    r"\cup",
    r"1",
    r"2",
    r"x",
    r"\pm",
    r"\ldots",
    r"\text{a}",
    r"\infty",
    r":",
    r"\begin{matrix}",
    r"\end{matrix}",
    r"&",
    r"\\",
    r"|",
    r"and",
]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join))
def test_anything_can_be_read(text: str) -> None:
    try:
        assert isinstance(read(text), Value)
    except TooLarge as cap:
        assert str(cap)
    assert not isinstance(read("x"), Opaque)
