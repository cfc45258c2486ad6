"""Language mixing: the share of words in each language, and how often it changes.

These metrics tell English and Chinese apart, by their scripts. They share the cutting into words
with the language reward (``text/language.py``), which knows more languages and looks for padding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from cogitate.text.segmentation import natural_text, words

__all__ = [
    "MIXED_THRESHOLD",
    "Language",
    "MixingStats",
    "WordCounts",
    "language_consistency",
    "mixing_stats",
    "natural_text",
    "word_counts",
    "word_languages",
]

Language = Literal["en", "zh"]

MIXED_THRESHOLD = 0.05
"""A completion is mixed when both languages have at least this share of its words (ours)."""

_SCRIPTS: Mapping[str, Language] = {"latin": "en", "han": "zh"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WordCounts:
    """Words of one text: Latin words, Chinese characters, and adjacent pairs that differ."""

    latin: int
    chinese: int
    switches: int

    @property
    def total(self) -> int:
        return self.latin + self.chinese

    def consistency(self, target: Language) -> float:
        """LC = words in the target language / all words; 1.0 when there are no words."""
        words = self.latin if target == "en" else self.chinese
        return words / self.total if self.total else 1.0

    @property
    def is_mixed(self) -> bool:
        """Both languages have at least 5 % of the words. A text without words is not mixed."""
        return self.total > 0 and min(self.latin, self.chinese) / self.total >= MIXED_THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class MixingStats:
    """Language mixing of a set of completions.

    consistency            mean LC over completions, in [0, 1]
    mix_rate               completions with both languages >= 5 % of words, in [0, 1]
    switches_per_100_words 100 * adjacent words in different languages / words, pooled
    """

    num_completions: int
    num_words: int
    consistency: float
    mix_rate: float
    switches_per_100_words: float


def word_languages(text: str) -> list[Language]:
    """The language of each word in order: a Latin word is English, a character is Chinese.

    >>> word_languages("I 检查 x = 3 again")
    ['en', 'zh', 'zh', 'en']
    """
    return [_SCRIPTS[word.script] for word in words(text) if word.script in _SCRIPTS]


def word_counts(text: str) -> WordCounts:
    """Latin and Chinese words of ``text`` and the changes between neighbours."""
    languages = word_languages(text)
    return WordCounts(
        latin=languages.count("en"),
        chinese=languages.count("zh"),
        switches=sum(a != b for a, b in pairwise(languages)),
    )


def language_consistency(text: str, target: Language = "en") -> float:
    """LC = N_target / N_total in [0, 1]; 1.0 for a text without words (maths or code only).

    Paper: DeepSeek-R1 (arXiv:2501.12948v2) eq. 7; the word segmentation is ours.

    >>> language_consistency("So the 答案 is 7")
    0.6
    """
    return word_counts(text).consistency(target)


def mixing_stats(texts: Sequence[str], target: Language = "en") -> MixingStats:
    """Consistency, mix rate and switch rate of ``texts`` (one per completion).

    >>> stats = mixing_stats(["the answer", "the 答案", "$7$"])
    >>> stats.mix_rate == 1 / 3, stats.switches_per_100_words
    (True, 20.0)
    """
    counts = [word_counts(text) for text in texts]
    number, words = len(counts), sum(row.total for row in counts)
    return MixingStats(
        num_completions=number,
        num_words=words,
        consistency=sum(row.consistency(target) for row in counts) / number if number else 1.0,
        mix_rate=sum(row.is_mixed for row in counts) / number if number else 0.0,
        switches_per_100_words=100 * sum(row.switches for row in counts) / words if words else 0.0,
    )
