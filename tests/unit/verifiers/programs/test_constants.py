"""Literal expressions."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.programs.constants import NotConstant, constant


def value(text: str) -> object:
    return constant(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-3", -3),
        ("10**9 + 1", 10**9 + 1),
        ("2 / 4", 0.5),
        ("7 // 2 % 2", 1),
        ("~5", -6),
        ("(1, [2.5, 'x'], {3})", (1, [2.5, "x"], {3})),
        ("{'a': None, 2: True}", {"a": None, 2: True}),
        ("set()", set()),
        ("b'ab'", b"ab"),
        ("1 + 2j", 1 + 2j),
        ("'a' 'b'", "ab"),
    ],
)
def test_values(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "x", "f(1)", "[1] * 3", "'a' + 'b'", "range(3)", "...", "[i for i in x]", "f'{x}'", "{**x}",
        "9**9**9", "2**-100000", "(10**3000)**3", "1/0", "1 << 5", "not 1", "True + 1", "set([1])",
        "{[1]: 2}", "lambda: 1", "1 if x else 2", "[*x]", "-'a'", "0.0 ** -1",
    ],
)  # fmt: skip
def test_what_is_left_to_the_tests_own_process(text: str) -> None:
    with pytest.raises(NotConstant):
        value(text)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(-1e9, 1e9),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.integers() | st.text(), inner)
    ),
    max_leaves=15,
)


@given(plain)
def test_what_python_writes_is_read_again(expected: object) -> None:
    assert value(repr(expected)) == expected
