"""Patterns that search in linear time: against ``re`` where it is safe, and where it is not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.rules.regular import MAX_PATTERN_CHARS, Pattern, PatternError

ATOMS = ["a", "b", "c", ".", "[ab]", "[^a]", "\\d", "\\w", "\\W", "(ab|c)", "(a|b|)", "^", "$",
         "\\b", "\\B", "(?:ab)", "[a-c]", "\\."]  # fmt: skip
QUANTIFIERS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}", "*?", "+?", "{0}"]
PIECES = st.lists(
    st.tuples(st.sampled_from(ATOMS), st.sampled_from(QUANTIFIERS)), min_size=1, max_size=5
)


@given(PIECES, st.sampled_from(["", "*", "+", "{2}", "|b"]), st.text("abc1. ", max_size=7))
def test_it_agrees_with_re(pieces: list[tuple[str, str]], tail: str, text: str):
    pattern = "".join(a + q for a, q in pieces)
    if tail:
        pattern = f"({pattern}){tail}"
    try:
        reference = re.compile(pattern.replace("$", "\\Z"), re.ASCII)
    except re.error:
        return
    if not text and "\\B" in pattern:
        return  # Python before 3.14 finds no \B in an empty text; ECMA 262 does
    assert Pattern(pattern).search(text) is (reference.search(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^[A-Z]{2}\\d{4}$", "AB1234", True),
        ("^[A-Z]{2}\\d{4}$", "AB12345", False),
        ("^\\S+@\\S+\\.\\S+$", "a@b.de", True),
        ("^\\d{4}-\\d{2}-\\d{2}$", "2024-02-30", True),
        ("", "anything", True),
        ("a||b", "", True),
        ("[]a]", "a", False),
        ("[\\]a]", "]", True),
        ("[a\\-z]", "-", True),
        ("[-a]", "-", True),
        ("[a-]", "-", True),
        ("[\\d.]+x", "1.5x", True),
        ("[^\\d]", "5", False),
        ("\\u00e9\\x41\\u{1F600}", "éA😀", True),
        ("(?<year>\\d{4})", "in 1999", True),
        ("\\n\\t", "\n\t", True),
        (".", "\n", False),
        ("\\s", "\u00a0", True),
        ("{", "{", True),
        ("a{,2}", "a{,2}", True),
        ("é+", "ééé", True),
        ("\\/", "/", True),
        ("[\\b]", "\b", True),
    ],
)
def test_patterns(pattern: str, text: str, found: bool):
    assert Pattern(pattern).search(text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "(a",
        "[a",
        "[b-a]",
        "[\\d-a",
        "*",
        "a**",
        "a++",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?i)a",
        "(a)\\1",
        "\\k<a>",
        "\\q",
        "\\x1",
        "\\",
        "a{3,1}",
        "a{5000}",
        "((a{99}){99}){99}",
        "(" * 40 + ")" * 40,
        "a" * (MAX_PATTERN_CHARS + 1),
    ],
)
def test_refused(pattern: str):
    with pytest.raises(PatternError):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 4000 + "b"),
        ("(a|a)*b", "a" * 4000),
        ("^(\\w+\\s?)*$", "word " * 800 + "!"),
        ("(.*)(.*)(.*)(.*)x", "a" * 3000),
        ("(x+x+)+y", "x" * 3000),
    ],
)
def test_what_makes_others_hang(pattern: str, text: str):
    assert Pattern(pattern).search(text) is False
