"""Language segmentation and mixing."""

import pytest

from cogitate.insight.language import (
    language_consistency,
    mixing_stats,
    natural_text,
    word_counts,
    word_languages,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I see a cat", 4),
        ("x + y = b", 0),
        ("don't", 1),
        ("naïve", 1),
        ("H2O is wet", 2),  # "H" and "O" are letters, not words
    ],
)
def test_english_words(text: str, words: int) -> None:
    assert word_counts(text).latin == words


def test_each_chinese_character_is_a_word() -> None:
    assert word_languages("答案 yes 是") == ["zh", "zh", "en", "zh"]


def test_other_scripts_are_not_words() -> None:
    assert word_counts("Привет שלום こんにちは 123 😀").total == 0


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
        "<think></think><|im_start|>",
    ],
)
def test_what_is_no_language_is_removed(text: str) -> None:
    assert word_counts(text).total == 0


def test_words_around_removed_parts_stay() -> None:
    assert natural_text("so `x` and $y$ then").split() == ["so", "and", "then"]


def test_comparison_signs_are_not_tags() -> None:
    assert word_counts("if aa < bb and cc > dd").latin == 6


def test_consistency_of_either_target() -> None:
    assert language_consistency("the 答案 is") == pytest.approx(0.5)
    assert language_consistency("the 答案 is", "zh") == pytest.approx(0.5)
    assert language_consistency("the answer", "zh") == 0.0
    assert language_consistency("42", "zh") == 1.0


def test_mixed_needs_five_per_cent_of_both() -> None:
    nineteen = "word " * 19
    assert mixing_stats([nineteen + "字"]).mix_rate == 1.0  # 1 of 20
    assert mixing_stats([nineteen + "word 字"]).mix_rate == 0.0  # 1 of 21
    assert mixing_stats(["42"]).mix_rate == 0.0


def test_switches_are_pooled_over_words() -> None:
    stats = mixing_stats(["one 一 two", "three four five six seven"])
    assert stats.num_words == 8
    assert stats.switches_per_100_words == 25.0  # 2 changes in 8 words
    assert stats.consistency == pytest.approx((2 / 3 + 1) / 2)


def test_no_completions() -> None:
    stats = mixing_stats([])
    assert (stats.consistency, stats.mix_rate, stats.switches_per_100_words) == (1.0, 0.0, 0.0)


def test_hostile_text_takes_linear_time() -> None:
    for text in ("`" * 20_001, "$" * 20_001, "<a" * 20_000, "\\(" * 20_000, "\\begin{" * 9_000):
        assert word_counts(text).chinese == 0
