"""Reflective-word counts: the matching rule and the three normalisations."""

from itertools import pairwise

import pytest

from cogitate.insight.words import (
    CHINESE_WORDS,
    REFLECTIVE_WORDS,
    STRONG_WORDS,
    count_words,
    reflection_counts,
    reflective_spans,
)


def test_the_list_is_the_papers() -> None:
    assert len(REFLECTIVE_WORDS) == 10
    assert set(STRONG_WORDS) < set(REFLECTIVE_WORDS)
    assert "等等" in CHINESE_WORDS


def test_three_normalisations() -> None:
    stats = reflection_counts(["wait wait but", "no", "check", ""], num_tokens=[6, 1, 2, 1])
    assert stats.num_completions == 4
    assert stats.num_tokens == 10
    assert stats.reflective.count == 4
    assert stats.reflective.per_completion == 1.0
    assert stats.reflective.per_1k_tokens == 400.0
    assert stats.reflective.fraction_with_any == 0.5
    assert stats.strong.count == 3
    assert stats.wait.fraction_with_any == 0.25


def test_tokens_may_be_given_in_total() -> None:
    each = reflection_counts(["wait", "wait"], num_tokens=[3, 5])
    assert reflection_counts(["wait", "wait"], num_tokens=8) == each


def test_length_does_not_change_the_rate() -> None:
    short = reflection_counts(["wait " + "x " * 9], num_tokens=10)
    long = reflection_counts([("wait " + "x " * 9) * 5], num_tokens=50)
    assert long.reflective.per_completion == 5 * short.reflective.per_completion
    assert long.reflective.per_1k_tokens == short.reflective.per_1k_tokens == 100.0


def test_nothing_to_count() -> None:
    stats = reflection_counts([], num_tokens=[])
    assert stats.reflective.per_1k_tokens == 0.0
    assert stats.reflective.per_completion == 0.0
    assert stats.reflective.fraction_with_any == 0.0
    assert reflection_counts(["wait"], num_tokens=0).wait.per_1k_tokens == 0.0


@pytest.mark.parametrize("text", ["WAIT", "wait!", "(wait)", "1wait2", "_wait_", "等wait等"])
def test_a_word_ends_where_letters_end(text: str) -> None:
    assert count_words(text)["wait"] == 1


@pytest.mark.parametrize("text", ["await", "waits", "waitress", "button", "Kheck"])
def test_other_words_do_not_count(text: str) -> None:
    assert sum(count_words(text).values()) == 0


def test_every_bare_word_counts_once_and_only_as_itself() -> None:
    for word in REFLECTIVE_WORDS:
        assert {w: n for w, n in count_words(word.title()).items() if n} == {word: 1}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("waits waited waiting", "wait"),
        ("retries retried retrying", "retry"),
        ("verifies verified verifying", "verify"),
        ("evaluates evaluated evaluating", "evaluate"),
        ("mistakes mistaked mistaking", "mistake"),
    ],
)
def test_inflections_are_counted_apart(text: str, word: str) -> None:
    stats = reflection_counts([text], num_tokens=3)
    assert stats.inflected_by_word[word] == 3
    assert stats.inflected.count == 3
    assert stats.reflective.count == 0


def test_spans_cover_bare_inflected_and_chinese_words_in_order() -> None:
    text = "Checked? 等等, but waiting."
    assert [text[a:b] for a, b in reflective_spans(text)] == ["Checked", "等等", "but", "waiting"]


def test_spans_do_not_overlap() -> None:
    text = "wait waits 重新检查 wrong errors verify1"
    spans = reflective_spans(text)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_long_text_takes_linear_time() -> None:
    stats = reflection_counts(["wai" * 100_000 + " wait"], num_tokens=1000)
    assert stats.wait.count == 1
