"""A readability score in [0, 1]: five yes/no checks anybody can repeat.

The R1 paper (arXiv:2501.12948v1 section 2.3.1) motivates cold-start data by readability but gives
no measure; the checks and their thresholds are ours.
"""

import re
from dataclasses import dataclass

from cogitate.insight.language import Language, language_consistency
from cogitate.insight.steps import numbers_in
from cogitate.text.repetition import repeated_share, units

MIN_CONSISTENCY = 0.95
MAX_REPETITION = 0.2
MAX_PARAGRAPH_WORDS = 120
"""Limit on the mean paragraph, in words (a Chinese character is one word)."""

_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Readability:
    """The five checks of one completion; ``score`` is their mean."""

    format_valid: bool
    one_language: bool
    little_repetition: bool
    short_paragraphs: bool
    summary_agrees: bool

    @property
    def score(self) -> float:
        checks = (
            self.format_valid,
            self.one_language,
            self.little_repetition,
            self.short_paragraphs,
            self.summary_agrees,
        )
        return sum(checks) / len(checks)


def repeated_fourgram_ratio(text: str) -> float:
    """1 - distinct 4-grams / 4-grams, over words and signs; 0.0 for fewer than four.

    >>> repeated_fourgram_ratio("again and again and again and again and")
    0.6
    """
    return repeated_share(units(text), 4)


def mean_paragraph_words(text: str) -> float:
    """Mean words per paragraph (separated by blank lines); 0.0 without any.

    >>> mean_paragraph_words("one two three\\n\\nfour")
    2.0
    """
    paragraphs = [part for part in re.split(r"\n[^\S\n]*\n", text) if part.strip()]
    words = sum(len(_WORD.findall(part)) for part in paragraphs)
    return words / len(paragraphs) if paragraphs else 0.0


def summary_agrees(think: str, summary: str) -> bool:
    """The summary exists, and its last number is the last number of the thinking. Without numbers
    in the summary, the summary's last word must occur in the thinking.

    >>> summary_agrees("3 + 4 = 7", "The answer is 7."), summary_agrees("3 + 4 = 7", "It is 8")
    (True, False)
    """
    if not summary.strip() or not think.strip():
        return False
    stated = numbers_in(summary)
    if stated:
        thought = numbers_in(think)
        return bool(thought) and thought[-1] == stated[-1]
    words = _WORD.findall(summary)
    return bool(words) and words[-1].casefold() in think.casefold()


def readability(
    think: str, summary: str, *, format_valid: bool, target: Language = "en"
) -> Readability:
    """The readability checks of one completion.

    ``think`` is the text inside the thinking tags, ``summary`` what follows them, ``format_valid``
    the format verifier's verdict.

    score = mean of: format valid; LC >= 0.95; repeated 4-grams < 0.2; mean paragraph <= 120 words;
            summary present and equal in answer

    >>> readability("3 + 4 = 7", "The answer is 7.", format_valid=True).score
    1.0
    """
    both = f"{think}\n\n{summary}"
    return Readability(
        format_valid=format_valid,
        one_language=language_consistency(both, target) >= MIN_CONSISTENCY,
        little_repetition=repeated_fourgram_ratio(both) < MAX_REPETITION,
        short_paragraphs=mean_paragraph_words(both) <= MAX_PARAGRAPH_WORDS,
        summary_agrees=summary_agrees(think, summary),
    )
