"""Values and calls, read without running anything."""

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.rules.literals import (
    MAX_CHARS,
    MAX_DEPTH,
    Call,
    LiteralError,
    parse_calls,
    parse_literal,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    | st.tuples(inner, inner),
    max_leaves=8,
)  # fmt: skip


@given(VALUES)
def test_what_python_writes_is_read_back(value: object):
    text = repr(value)
    if "\\N" not in text:
        assert parse_literal(text) == ast.literal_eval(text) == value


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="ab\"\\/\n\té", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy"), inner, max_size=2),
    max_leaves=6,
))  # fmt: skip
def test_what_json_writes_is_read_back(value: object):
    assert parse_literal(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1,2,3,]", [1, 2, 3]),
        ("(1)", 1),
        ("(1,)", (1,)),
        ("()", ()),
        ("{}", {}),
        ("{1, 2}", frozenset({1, 2})),
        ("'a' 'b'", "ab"),
        ("1_000", 1000),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("+3", 3),
        ("1e3", 1000.0),
        ("null", None),
        ("true", True),
        ("'\\u00e9\\x41\\n'", "éA\n"),
        ("'it\\'s'", "it's"),
        ("'a\\\nb'", "ab"),
    ],
)
def test_values(text: str, value: object):
    assert parse_literal(text) == value
    assert type(parse_literal(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1 2",
        "1 + 2",
        "[1",
        "[1,,2]",
        "{'a': 1, 'a': 2}",
        "{'a': 1, 2}",
        "{[1]: 2}",
        "{([1],): 2}",
        "f()",
        "__import__('os')",
        "lambda: 0",
        "1j",
        "0x1F",
        "1e999",
        "'open",
        "'two\nlines'",
        "'\\UFFFFFFFF'",
        "9" * 301,
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        " " * (MAX_CHARS + 1),
    ],
)
def test_everything_else_is_no_value(text: str):
    with pytest.raises(LiteralError):
        parse_literal(text)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("f()", [Call(name="f", positional=(), named={})]),
        ("a.b.c(1, x='y')", [Call(name="a.b.c", positional=(1,), named={"x": "y"})]),
        ("[f(a=[1, 2])]", [Call(name="f", positional=(), named={"a": [1, 2]})]),
        ("f(a={'k': (1, None)},)", [Call(name="f", positional=(), named={"a": {"k": (1, None)}})]),
        ("f(True);", [Call(name="f", positional=(True,), named={})]),
        ("[]", []),
    ],
)
def test_calls(text: str, calls: list[Call]):
    assert parse_calls(text) == calls


@pytest.mark.parametrize("text", ["f(a=1), g()", "f(a=1)\ng()", "[f(a=1), g()]", "[f(a=1),g(),]"])
def test_several_calls(text: str):
    assert [call.name for call in parse_calls(text)] == ["f", "g"]


@pytest.mark.parametrize(
    "text",
    ["", "f", "f(", "f(a=)", "f(a=1", "[f(a=1)", "f(a=1)]", "f(a=g())", "f(a=1, a=2)", "f(a=1, 2)",
     "1(2)", "f(**{})", "f(x for x in y)", "f(a=b)", "import os", "f(a=1) and nothing else"],
)  # fmt: skip
def test_no_calls(text: str):
    with pytest.raises(LiteralError):
        parse_calls(text)


@pytest.mark.parametrize("piece", ["[", "(", "{", "'\\", "1.", "a.", "[1,", "-", "f("])
def test_hostile_text_is_answered(piece: str):
    with pytest.raises(LiteralError):
        parse_literal(piece * (60_000 // len(piece)))
