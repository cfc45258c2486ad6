import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.display.safe_text import StreamCleaner, encodable, one_line, strip_controls

HOSTILE = {
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "clear screen": ("a\x1b[2J\x1b[Hb", "ab"),
    "window title": ("\x1b]0;owned\x07text", "text"),
    "clipboard, ended by ST": ("\x1b]52;c;aGk=\x1b\\text", "text"),
    "device control": ("\x1bP1$r0m\x1b\\x", "x"),
    "eight-bit CSI": ("a\x9b31mb", "ab"),
    "reset terminal": ("a\x1bcb", "ab"),
    "carriage return overwrites": ("safe\rEVIL", "safeEVIL"),
    "bell and backspace": ("a\x07b\x08c", "abc"),
    "bidi override": ("abc\u202edef\u2066", "abcdef"),
    "lone escape": ("a\x1b", "a"),
    "unfinished title": ("a\x1b]0;never ends", "a"),
    "lone surrogate": ("a\ud800b", "a?b"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_terminal_controls_are_removed(name: str) -> None:
    text, expected = HOSTILE[name]
    assert strip_controls(text) == expected


def test_ordinary_text_is_untouched() -> None:
    text = "Q: 3 × 4?\n\tA: 12 — 你好 é 🙂 [bold]x[/bold]"
    assert strip_controls(text) == text


@given(st.text())
def test_nothing_a_terminal_obeys_survives(text: str) -> None:
    clean = strip_controls(text)
    assert not any(ord(c) < 0x20 and c not in "\n\t" for c in clean)
    assert not any(0x7F <= ord(c) < 0xA0 for c in clean)
    assert strip_controls(clean) == clean


def test_one_line_joins_and_cuts() -> None:
    assert one_line(" a\n\n b\tc ") == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


def test_text_a_stream_cannot_encode_is_replaced_not_raised() -> None:
    assert encodable("é… ok", "ascii") == "?... ok"
    assert encodable("é…", "utf-8") == "é…"


class TestStreamCleaner:
    def test_a_sequence_split_between_pieces_is_removed(self) -> None:
        cleaner = StreamCleaner()
        out = [cleaner.push(piece) for piece in ("ab\x1b", "[3", "1mcd")]
        assert out == ["ab", "", "cd"]
        assert cleaner.flush() == ""

    def test_a_title_split_between_pieces_is_removed(self) -> None:
        cleaner = StreamCleaner()
        assert [cleaner.push(p) for p in ("a\x1b]0;ow", "ned", "\x07b")] == ["a", "", "b"]

    def test_what_is_held_back_is_given_up_when_it_is_too_long(self) -> None:
        cleaner = StreamCleaner()
        cleaner.push("\x1b]")
        assert cleaner.push("x" * 300 + "\x07tail") == "tail"

    @given(st.lists(st.text(alphabet="a\x1b[]0;m\x07\\", max_size=6), max_size=8))
    def test_pieces_never_let_more_through_than_the_whole(self, pieces: list[str]) -> None:
        cleaner = StreamCleaner()
        out = "".join([*map(cleaner.push, pieces), cleaner.flush()])
        assert "\x1b" not in out
        assert "\x07" not in out
