"""Whole outputs by declared rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.programs.comparison import Comparison, Rule, read_comparison, same_output


def same(rule: Rule, written: str, expected: str) -> bool:
    return same_output(written.encode(), expected.encode(), Comparison(rule=rule))


@pytest.mark.parametrize(
    ("written", "expected", "tokens", "lines", "exact"),
    [
        ("4\n", "4\n", True, True, True),
        ("4", "4\n", True, True, True),
        ("4\n\n", "4\n", True, True, False),
        ("4  \r\n", "4\n", True, True, False),
        (" 4\n", "4\n", True, False, False),
        ("1 2\n", "1\n2\n", True, False, False),
        ("1  2\n", "1 2\n", True, False, False),
        ("\n4\n", "4\n", True, False, False),
        ("1\n2\n", "1\n2\n3\n", False, False, False),
        ("1\n2\n3\n4\n", "1\n2\n3\n", False, False, False),
        ("", "4\n", False, False, False),
        ("4.0\n", "4\n", False, False, False),
        ("YES\n", "yes\n", False, False, False),
        ("12\n", "1 2\n", False, False, False),
        ("4\u00a0\n", "4\n", False, False, False),
    ],
)
def test_rules(written: str, expected: str, tokens: bool, lines: bool, exact: bool) -> None:
    assert same("tokens", written, expected) is tokens
    assert same("lines", written, expected) is lines
    assert same("exact", written, expected) is exact


@pytest.mark.parametrize(
    ("written", "expected", "right"),
    [
        ("0.3333333", "0.333333333", True),
        ("0.33", "0.333333333", False),
        ("1e3", "1000", True),
        ("1000.0009", "1000", True),
        ("1000.01", "1000", False),
        ("YES 0.5", "YES 0.5000000001", True),
        ("NO 0.5", "YES 0.5", False),
        ("0.5 0.5", "0.5", False),
        ("0.5", "0.5 0.5", False),
        ("nan", "0.5", False),
        ("inf", "0.5", False),
        ("inf", "inf", True),
        ("1e9999", "1e9998", False),
        ("0x10", "16", False),
        ("1_0", "10", False),
        ("-0.0", "0", True),
        ("9" * 1000, "9" * 999 + "8", False),
    ],
)
def test_floats(written: str, expected: str, right: bool) -> None:
    assert same("float", written, expected) is right


def test_tolerances_are_declared() -> None:
    loose = read_comparison({"rule": "float", "absolute": 0.1, "relative": 0.0})
    assert same_output(b"0.95", b"1", loose)
    assert not same_output(b"0.85", b"1", loose)
    strict = read_comparison({"rule": "float", "absolute": 0, "relative": 0})
    assert not same_output(b"1.0000001", b"1", strict)


def test_reading() -> None:
    assert read_comparison(None) == Comparison()
    assert read_comparison("lines").rule == "lines"
    checker = {"rule": "checker", "source": "def ok(i, o, e): return True", "function": "ok"}
    assert read_comparison(checker).function == "ok"


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("same", "none of"),
        (5, "none of"),
        ({"rule": "float", "tolerance": 1}, "no tolerance"),
        ({"rule": "float", "absolute": -1}, "at least 0"),
        ({"rule": "float", "relative": float("nan")}, "at least 0"),
        ({"rule": "float", "relative": "1"}, "at least 0"),
        ({"rule": "checker"}, "source"),
        ({"rule": "checker", "source": "x", "function": "a b"}, "source"),
    ],
)
def test_what_is_no_comparison(declared: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_comparison(declared)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_rules_are_ordered_by_strictness(written: bytes, expected: bytes) -> None:
    exact, lines, tokens, close = (
        same_output(written, expected, Comparison(rule=rule))
        for rule in ("exact", "lines", "tokens", "float")
    )
    assert exact <= lines <= tokens <= close
    assert same_output(written, written, Comparison(rule="exact"))
