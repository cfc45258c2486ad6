"""Overlap by word n-grams, counted by hand."""

import pytest

from cogitate.data.decontaminate import NgramIndex, OverlapReport, normalised_words
from cogitate.errors import ConfigError

LONG = "one two three four five six seven eight nine ten eleven twelve"


def index_of(*questions: str, ngram: int = 10) -> NgramIndex:
    index = NgramIndex(ngram)
    index.add("test.jsonl", enumerate(questions, start=1))
    return index


def test_words_ignore_case_punctuation_and_latex_signs():
    assert normalised_words("What is $47 + 38$?") == ["what", "is", "47", "38"]
    assert normalised_words(r"\frac{1}{2}, \uff21BC!".replace(r"\uff21", "\uff21")) == [
        "frac", "1", "2", "abc",
    ]  # fmt: skip
    assert normalised_words("...") == []


def test_a_shared_run_is_found_wherever_it_stands():
    index = index_of("unrelated words", f"Start here: {LONG}.")
    overlap = index.find(7, f"Another beginning, then {LONG.upper()} and an end")
    assert overlap is not None
    assert (overlap.row, overlap.evaluation, overlap.evaluation_row) == (7, "test.jsonl", 2)
    assert overlap.shared == "one two three four five six seven eight nine ten"


def test_nine_shared_words_are_not_ten():
    nine = " ".join(LONG.split()[:9])
    other = f"{nine} but then it goes on in another way"
    assert index_of(LONG).find(1, other) is None
    found = index_of(LONG, ngram=9).find(1, other)
    assert found is not None
    assert found.shared == nine


def test_short_questions_overlap_only_when_all_is_equal():
    index = index_of("What is 2 + 3?")
    assert index.find(1, "what is 2 3") is not None
    assert index.find(1, "What is 2 + 3 + 4?") is None
    assert index.find(1, f"What is 2 + 3? {LONG}") is None
    assert index_of(f"What is 2 + 3? {LONG}").find(1, "What is 2 + 3?") is None


def test_a_question_of_exactly_n_words():
    ten = " ".join(LONG.split()[:10])
    assert index_of(ten).find(1, LONG) is not None
    assert index_of(LONG).find(1, ten) is not None
    assert index_of(ten).find(1, ten) is not None


def test_questions_without_words_never_overlap():
    assert index_of("???").find(1, "!!!") is None


def test_the_report_counts():
    index = index_of(LONG, "What is 2 + 3?")
    report = index.report([(1, LONG), (2, "Nothing in common"), (3, "What is 2 + 3?"), (4, "x")])
    assert [overlap.row for overlap in report.overlaps] == [1, 3]
    assert (report.num_questions, report.num_evaluation_questions, report.ngram) == (4, 2, 10)
    assert report.fraction == 0.5
    assert report.to_dict()["overlaps"][1]["shared"] == "= what is 2 3"
    assert report.to_dict()["fraction"] == 0.5


def test_an_empty_report():
    report = OverlapReport(ngram=10, num_questions=0, num_evaluation_questions=0, overlaps=())
    assert report.fraction == 0.0


@pytest.mark.parametrize("ngram", [0, 7, 14])
def test_the_length_of_a_run_is_limited(ngram: int):
    with pytest.raises(ConfigError, match=f"n-gram length {ngram}: expected 8 to 13 words"):
        NgramIndex(ngram)
