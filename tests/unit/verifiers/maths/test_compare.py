"""Structures against structures, and the small rules beside them."""

from fractions import Fraction

import pytest

from cogitate.verifiers.maths.compare import Comparison
from cogitate.verifiers.maths.notation import tokens
from cogitate.verifiers.maths.numeric import approximate, decimal
from cogitate.verifiers.maths.options import gold_letter, option_letter
from cogitate.verifiers.maths.reader import read
from cogitate.verifiers.maths.relations import as_interval, names_value
from cogitate.verifiers.maths.syntax import parse_expression
from cogitate.verifiers.maths.trees import Node
from cogitate.verifiers.maths.values import Relation, Value


def tree(text: str) -> Node:
    return parse_expression(tokens(text))


def relation(text: str) -> Relation:
    found = read(text)
    assert isinstance(found, Relation)
    return found


def compared(gold: str, answer: str) -> tuple[bool | None, Comparison]:
    comparison = Comparison()
    return comparison.equal(read(gold), read(answer)), comparison


def test_open_questions_are_collected() -> None:
    verdict, comparison = compared(r"(\sin 1, 2, \cos 1)", r"(\cos 2, 2, \sin 3)")
    assert verdict is None
    pairs = [(a.source, b.source) for a, b in comparison.open]
    assert pairs == [(r"\sin 1", r"\cos 2"), (r"\cos 1", r"\sin 3")]


def test_one_difference_closes_all_questions() -> None:
    assert compared(r"(\sin 1, 2)", r"(\cos 1, 3)")[0] is False


def test_sets_are_matched_before_questions_are_asked() -> None:
    verdict, comparison = compared(r"\{1, 2, \sin 1\}", r"\{2, \cos 5, 1\}")
    assert verdict is None
    assert [(a.source, b.source) for a, b in comparison.open] == [(r"\sin 1", r"\cos 5")]


def test_long_sets_are_compared_in_little_time() -> None:
    many = ",".join(str(k) for k in range(60))
    shuffled = ",".join(str(k) for k in range(59, -1, -1))
    assert compared(many, shuffled)[0] is True
    other = ",".join(str(k) for k in range(100, 160))
    assert compared(many, other)[0] is False


@pytest.mark.parametrize(
    ("gold", "answer", "fault"),
    [
        ("1,2", "1,2,3", "number_of_values"),
        ("1", r"\frac10", "undefined"),
        ("1", "9^{9^{9}}", "too_large_power"),
        ("5", r"\sin x", "unknowns"),
        ("(0,3)", "2x<6", "restates"),
        ("6", r"\gcd(6,12)", "unevaluated"),
        (r"5\text{ cm}", r"5\text{ m}", "unit"),
    ],
)
def test_the_fault_is_named(gold: str, answer: str, fault: str) -> None:
    verdict, comparison = compared(gold, answer)
    assert (verdict, comparison.fault) == (False, fault)


def shown(value: Value | None) -> str:
    if value is None:
        return ""
    return str(Comparison().equal(value, read("(1,2)")))


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("1<x<2", "(1,2)"),
        (r"2\ge x>1", "(1,2]"),
        ("x>1", r"(1,\infty)"),
        (r"1\ge x", r"(-\infty,1]"),
        (r"x\le-\sqrt2", r"(-\infty,-\sqrt2]"),
    ],
)
def test_solved_inequalities_are_intervals(text: str, interval: str) -> None:
    found = as_interval(relation(text))
    assert found is not None
    assert Comparison().equal(found, read(interval)) is True


@pytest.mark.parametrize("text", ["2x<3", "1<x>2", "1<2", "x<y<z<1", r"x\ne1"])
def test_other_relations_are_none(text: str) -> None:
    assert as_interval(relation(text)) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x=1", True),
        ("x_1=1", True),
        ("f(x)=1", True),
        ("a+b=1", True),
        ("AB=1", True),
        (r"\angle ABC=1", True),
        (r"\text{Area}=1", True),
        ("(x,y)=(1,2)", True),
        ("|AB|=1", True),
        ("x^2+y^2=1", True),
        ("41=42", False),
        ("2x=42", False),
        ("x+1=42", False),
        ("-x=42", False),
        ("x^2=42", False),
        (r"\sqrt{x}=42", False),
        ("52_9=52_8", False),
        (r"\text{not }x=42", False),
        ("(1,y)=42", False),
    ],
)
def test_names_before_an_equals_sign(text: str, names: bool) -> None:
    assert names_value(relation(text)) is names


@pytest.mark.parametrize(
    ("text", "value", "places"),
    [
        ("0.5", "1/2", 1),
        ("-1.50", "-3/2", 2),
        ("4.5e3", "4500", -2),
        ("3e8", "300000000", -8),
        (r"1.5\times10^{3}", "1500", -2),
        (r"1.5\times10^{-2}", "3/200", 3),
        ("62.5%", "5/8", 3),
    ],
)
def test_decimals(text: str, value: str, places: int) -> None:
    assert decimal(tree(text)) == (Fraction(value), places)


@pytest.mark.parametrize("text", ["5", r"\frac12", r"2\times10^3", "0.5x", r"0.5+0.5", "1./3"])
def test_what_is_no_decimal(text: str) -> None:
    assert decimal(tree(text)) is None


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("0.33", "1/3", True),
        ("0.33", "0.3349", True),
        ("0.33", "0.335", False),
        ("0.33", "0.34", False),
        ("1.41", r"\sqrt2", True),
        ("2.718", "e", True),
        ("0.5", "0.52", True),
        ("0.5", "0.53", False),
        ("3e8", "2.998e8", True),
        ("100.0", "100.04", True),
        ("100", "100.04", False),
        ("0.0", "0.001", False),
    ],
)
def test_rounded_golds(gold: str, answer: str, equal: bool) -> None:
    assert compared(gold, answer)[0] is equal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\frac13", 1 / 3),
        (r"\sqrt2", 2**0.5),
        (r"2\pi-e", 3.5649034786),
        (r"\sin 1+\ln 2-\log 10", 0.5346181653),
        (r"\log_2 10", 3.3219280949),
        (r"\cot 1", 0.6420926159),
        ("e^{-1}", 0.3678794412),
        (r"50\%\pi", 1.5707963268),
    ],
)
def test_approximations(text: str, value: float) -> None:
    found = approximate(tree(text))
    assert found is not None
    assert float(found) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["x", "i", r"\sqrt{-2}", r"\frac10", r"\ln(-1)", "e^{e^{e^{9}}}", "f(1)"]
)
def test_what_has_no_real_approximation(text: str) -> None:
    assert approximate(tree(text)) is None


@pytest.mark.parametrize(
    ("gold", "answer", "chosen"),
    [
        (r"\text{(C)}", "C", True),
        ("C", "(C)", True),
        ("C", "C.", True),
        ("C", "C) the ellipse", True),
        ("C", r"\text{C: the ellipse}", True),
        ("C", "(c)", False),
        ("C", "c", False),
        ("C", "D", False),
        ("C", "C or D", False),
        ("C", "C: not D)", False),
        ("C", "Cat", False),
        ("CD", "CD", False),
    ],
)
def test_options(gold: str, answer: str, chosen: bool) -> None:
    assert option_letter(gold, answer) is chosen


def test_letters_of_golds() -> None:
    assert gold_letter(r"\textbf{(E)}") == "E"
    assert gold_letter("x") is None
    assert gold_letter("Z") is None
