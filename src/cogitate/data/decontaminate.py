"""Overlap between training questions and evaluation questions by word n-grams.

Two questions overlap when they share a run of ``n`` words after normalisation; a question with
fewer than ``n`` words overlaps when all of it is equal. DeepSeek-R1 removes training text that
shares a 10-gram with an evaluation question (arXiv:2501.12948v2, supplement); open-r1 uses 8.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cogitate.errors import ConfigError

DEFAULT_NGRAM = 10
NGRAM_RANGE = (8, 13)
"""Shorter runs are found everywhere by chance, longer ones miss light rewording."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """One training question that shares words with an evaluation question.

    ``row`` and ``evaluation_row`` are row numbers from 1; ``shared`` is the first common run.
    """

    row: int
    evaluation: str
    evaluation_row: int
    shared: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapReport:
    """How many of the questions overlap with any evaluation set, with every overlap."""

    ngram: int
    num_questions: int
    num_evaluation_questions: int
    overlaps: tuple[Overlap, ...]

    @property
    def fraction(self) -> float:
        """Share of questions that overlap, fraction in [0, 1]."""
        return len(self.overlaps) / self.num_questions if self.num_questions else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {**asdict(self), "fraction": self.fraction}


class NgramIndex:
    """The n-grams of evaluation questions, by where they come from."""

    def __init__(self, ngram: int = DEFAULT_NGRAM) -> None:
        low, high = NGRAM_RANGE
        if not low <= ngram <= high:
            raise ConfigError(
                f"n-gram length {ngram}: expected {low} to {high} words. "
                f"The paper uses {DEFAULT_NGRAM}."
            )
        self.ngram = ngram
        self.num_questions = 0
        self._places: dict[str, tuple[str, int]] = {}

    def add(self, evaluation: str, questions: Iterable[tuple[int, str]]) -> None:
        """Take in the numbered questions of one evaluation set."""
        for row, question in questions:
            self.num_questions += 1
            for run in self._runs(question):
                self._places.setdefault(run, (evaluation, row))

    def find(self, row: int, question: str) -> Overlap | None:
        """The first overlap of a question, or None."""
        for run in self._runs(question):
            place = self._places.get(run)
            if place is not None:
                return Overlap(row=row, evaluation=place[0], evaluation_row=place[1], shared=run)
        return None

    def report(self, questions: Sequence[tuple[int, str]]) -> OverlapReport:
        """Every overlap of numbered questions with this index."""
        found = (self.find(row, question) for row, question in questions)
        return OverlapReport(
            ngram=self.ngram,
            num_questions=len(questions),
            num_evaluation_questions=self.num_questions,
            overlaps=tuple(overlap for overlap in found if overlap is not None),
        )

    def _runs(self, question: str) -> Iterator[str]:
        words = normalised_words(question)
        if 0 < len(words) < self.ngram:
            # Marked, so that a short question only matches an equally short one.
            yield "= " + " ".join(words)
        for start in range(len(words) - self.ngram + 1):
            yield " ".join(words[start : start + self.ngram])


def normalised_words(text: str) -> list[str]:
    """Words and numbers of a text: NFKC, case folded, punctuation and LaTeX signs left out.

    >>> normalised_words("What is $47 + 38$?")
    ['what', 'is', '47', '38']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
