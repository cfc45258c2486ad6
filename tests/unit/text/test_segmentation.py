"""Cutting text into words of a script, and taking out what is no language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.text.repetition import distinct_share, repeated_share, units
from cogitate.text.segmentation import natural_text, plain_text, words, words_in


def texts(text: str) -> list[str]:
    return [word.text for word in words(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I see a cat", ["i", "see", "a", "cat"]),
        ("don't, l'eau, o\u2019clock", ["don't", "l'eau", "o\u2019clock"]),
        ("na\u00efve na\u0069\u0308ve", ["na\u00efve", "na\u00efve"]),  # composed and not
        ("x + y = b, f(z)", []),
        ("H2O is wet", ["is", "wet"]),
        ("well-known", ["well", "known"]),
        ("sin x + cos y, 3 km", []),
        ("triangle ABC, AB = AC", ["triangle"]),
        ("THE END IS NEAR", ["the", "end", "is", "near"]),
        ("α + β = γ", []),
        ("η αρχή είναι", ["αρχή", "είναι"]),
        ("答案 yes", ["答", "案", "yes"]),
        ("これはペン", ["こ", "れ", "は", "ペ", "ン"]),
        ("감사합니다 여러분", ["감사합니다", "여러분"]),
        ("и я с ним", ["и", "я", "с", "ним"]),
        ("यह १२ किताब है।", ["यह", "किताब", "है"]),
        ("كتاب ١٢٣ جديد،", ["كتاب", "جديد"]),
        ("می\u200cشود", ["می\u200cشود"]),
        ("শুভ সকাল", ["শুভ", "সকাল"]),
        ("foo_bar9", ["foo", "bar"]),
        ("", []),
        ("123 😀 --- ...", []),
    ],
)
def test_words(text: str, found: list[str]):
    assert texts(text) == found


@pytest.mark.parametrize(
    ("text", "number"),
    [("ประเทศไทย", 2), ("ไทย", 1), ("ສະບາຍດີ", 2), ("សួស្តី", 2), ("မင်္ဂလာပါ", 2)],
)
def test_scripts_without_blanks_count_every_few_signs(text: str, number: int):
    assert len(words(text)) == number


@pytest.mark.parametrize(
    "text",
    [
        "```python\nreturn value\n```",
        "```unclosed code with words",
        "`inline words`",
        "$a words b$",
        "$$two\nlines$$",
        r"\[ words \] \( words \)",
        r"\begin{aligned}\frac{1}{2}\end{aligned}",
        "<think></think><|im_start|></answer>",
        "https://example.org/some/path?q=words",
        "www.example.org/words",
        "some.one@example.org",
        '```c\nint main(void) { for (int i = 0; i < 9; i++) printf("%d", i); return 0; }\n```',
        r"$\text{area of the circle} = \pi \cdot r^2 + \text{something}$",
    ],
)
def test_what_is_no_language_is_removed(text: str):
    assert words(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$我们需要计算六乘以七的结果$", 13),
        ("$$我们需要计算六乘以七的结果$$", 13),
        ("```\n我们需要计算六乘以七的结果\n```", 13),
        ("`we need to compute the product of six and seven`", 10),
        (r"\[ we need to compute the product of six and seven \]", 10),
    ],
)
def test_sentences_dressed_up_as_code_or_maths_stay(text: str, number: int):
    assert len(words(text)) == number


def test_words_around_removed_parts_stay():
    assert natural_text("so `x` and $y$ then").split() == ["so", "and", "then"]
    assert texts("see https://a.b/c 答案") == ["see", "答", "案"]


def test_money_and_comparisons_are_text():
    assert texts("It costs $5 and $6") == ["it", "costs", "and"]
    assert texts("if aa < bb and cc > dd") == ["if", "aa", "bb", "and", "cc", "dd"]


@given(st.text(max_size=200))
def test_words_stand_where_they_say(text: str):
    plain = plain_text(text)
    for word in words_in(plain):
        assert plain[word.start :].lower().startswith(word.text) or len(word.text) != len(
            plain[word.start : word.start + len(word.text)].lower()
        )


@pytest.mark.parametrize(
    "text",
    ["`" * 5_001, "$" * 5_001, "<a" * 5_000, "\\(" * 5_000, "\\[a" * 2_000, "\\begin{" * 2_000,
     "a." * 5_000, "www." * 2_000, "http://" * 5_000, "a'" * 5_000, "$a " * 2_000, "a@" * 2_000,
     "a" * 20_000],
)  # fmt: skip
def test_hostile_text_takes_linear_time(text: str):
    assert len(words(text)) <= len(text)


def test_units():
    assert units("So 3+4, 答案") == ["so", "3", "+", "4", ",", "答", "案"]
    assert units("ha" * 20) == ["haha"] * 10


@pytest.mark.parametrize(
    ("items", "n", "share"),
    [
        ("aaaaa", 2, 0.75),
        ("abcd", 2, 0.0),
        ("abab", 2, 1 / 3),
        ("", 2, 0.0),
        ("a", 2, 0.0),
        ("ab", 2, 0.0),
    ],
)
def test_repeated_share(items: str, n: int, share: float):
    assert repeated_share(items, n) == pytest.approx(share)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_shares_are_shares(items: list[int], n: int):
    assert 0.0 <= repeated_share(items, n) < 1.0
    assert 0.0 < distinct_share(items) <= 1.0
    assert repeated_share(items + items, n) >= repeated_share(items, n) - 1e-9 or len(items) < n
