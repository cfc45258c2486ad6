"""Untrusted text cannot act: not as markup, not in a script element, not by controls."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.report.safe import clipped, escaped, script_json, visible
from synthetic_run import HOSTILE

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)  # surrogates included


def without_surrogates(value: object) -> object:
    if isinstance(value, list):
        return [without_surrogates(entry) for entry in value]
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    return value


class Collector(HTMLParser):
    """Everything that is not plain text."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_comment(self, data: str) -> None:
        self.seen.append("comment")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\u241b[31mred"),
        ("a\x00b\x07", "a\u2400b\u2407"),
        ("a\r\nb\rc", "a\nb\u240dc"),
        ("tab\tnew\n", "tab\tnew\n"),
        ("\x9b2J", "[U+009B]2J"),
        ("\x7f", "\u2421"),
        ("\u202eabc\u2069\u200f\ufeff", "[U+202E]abc[U+2069][U+200F][U+FEFF]"),
        ("\ud83d", "\ufffd"),
        ("a\u2028b", "a[U+2028]b"),
        ("שלום 你好 é", "שלום 你好 é"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY_TEXT)
def test_visible_text_can_be_written_and_has_no_controls(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    assert visible(shown) == shown


@given(ANY_TEXT)
def test_escaped_text_is_only_text(text: str) -> None:
    parser = Collector()
    parser.feed(f'<p title="{escaped(text)}">{escaped(text)}</p>')
    parser.close()
    assert parser.seen == ["p"]
    assert parser.text == visible(text)


@given(st.recursive(ANY_TEXT | st.integers() | st.booleans(), st.lists, max_leaves=5))
def test_script_data_keeps_its_value_and_cannot_end_its_element(value: object) -> None:
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == without_surrogates(value)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_completions(text: str) -> None:
    assert "<" not in escaped(text)
    assert "<" not in script_json({"completion": text})


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        script_json(float("nan"))


def test_clipping_says_how_much_is_missing() -> None:
    assert clipped("short", 10) == "short"
    cut = clipped("a" * 90 + "z" * 10, 40)
    assert cut.startswith("a" * 30 + "\n[... 60 characters left out ...]\n")
    assert cut.endswith("\n" + "z" * 10)
