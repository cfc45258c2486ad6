"""The readability checks."""

import pytest

from cogitate.insight.readability import (
    mean_paragraph_words,
    readability,
    repeated_fourgram_ratio,
    summary_agrees,
)


def test_a_clean_completion_passes_all_five() -> None:
    checks = readability("Add 3 and 4. 3 + 4 = 7", "The answer is 7.", format_valid=True)
    assert checks.score == 1.0


def test_each_check_costs_a_fifth() -> None:
    think, summary = "Add them. 3 + 4 = 7", "It is 7."
    assert readability(think, summary, format_valid=False).score == pytest.approx(0.8)
    mixed = readability("所以答案是 7", "It is 7.", format_valid=True)
    assert not mixed.one_language
    assert mixed.score == pytest.approx(0.8)
    repeated = readability("so we go on " * 20 + "7", "It is 7.", format_valid=True)
    assert not repeated.little_repetition
    long = readability(" ".join(f"w{i}" for i in range(300)) + " 7", "It is 7", format_valid=True)
    assert not long.short_paragraphs
    assert not readability(think, "It is 8.", format_valid=True).summary_agrees


def test_chinese_can_be_the_target() -> None:
    checks = readability("三加四等于 7", "答案是 7", format_valid=True, target="zh")
    assert checks.score == 1.0


def test_repetition_by_hand() -> None:
    # "a b a b a b": 4-grams abab, baba, abab: 2 distinct of 3.
    assert repeated_fourgram_ratio("a b a b a b") == pytest.approx(1 / 3)
    assert repeated_fourgram_ratio("one two three") == 0.0
    assert repeated_fourgram_ratio("A b c d. a B c d.") == pytest.approx(1 - 5 / 7)
    assert repeated_fourgram_ratio("重复重复重复") == pytest.approx(1 / 3)


def test_paragraphs_are_separated_by_blank_lines() -> None:
    assert mean_paragraph_words("one two\nthree\n \n\nfour") == 2.0
    assert mean_paragraph_words("") == 0.0
    assert mean_paragraph_words("答案 is 7") == 4.0


@pytest.mark.parametrize(
    ("think", "summary", "agrees"),
    [
        ("so 3 + 4 = 7", "7", True),
        ("so 3 + 4 = 7", "7.0", True),
        ("so 3 + 4 = 7, check: 7", "The sum of 3 and 4 is 7", True),
        ("7 then 8", "7", False),
        ("so 7", "", False),
        ("", "7", False),
        ("no numbers", "7", False),
        ("Paris it is", "The capital is Paris", True),
        ("Rome it is", "Paris", False),
        ("Paris", "!!", False),
    ],
)
def test_summary_agrees(think: str, summary: str, agrees: bool) -> None:
    assert summary_agrees(think, summary) is agrees
