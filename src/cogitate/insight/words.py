"""Reflective words: how often a model says "wait", "check", "wrong" while it thinks.

The list is the paper's; how it matched words is unpublished, so the rule here is ours. A rise of
raw counts says little while completions get longer, so every count comes in three normalisations.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REFLECTIVE_WORDS: tuple[str, ...] = (
    "wait",
    "mistake",
    "however",
    "but",
    "retry",
    "error",
    "verify",
    "wrong",
    "evaluate",
    "check",
)
"""The ten words of DeepSeek-R1 (arXiv:2501.12948v2) appendix C.2, merged there from three lists."""

STRONG_WORDS = ("wait", "retry", "mistake", "verify", "check", "wrong")
"""The ones that nearly always mean reflection; "but", "however", "error", "evaluate" often do not
(ours)."""

CHINESE_WORDS = ("等等", "错", "但是", "然而", "检查", "验证", "重新")
"""Counterparts for models that mix languages (ours)."""


def _inflected_forms(word: str) -> str:
    """A regex alternation of the inflections of ``word``: -s, -ed, -ing, -es and English spelling.

    >>> _inflected_forms("retry")
    'retrys|retryed|retrying|retryes|retries|retried'
    """
    forms = [word + suffix for suffix in ("s", "ed", "ing", "es")]
    if word.endswith("y"):
        forms += [word[:-1] + "ies", word[:-1] + "ied"]
    if word.endswith("e"):
        forms += [word + "d", word[:-1] + "ing"]
    return "|".join(forms)


def _whole_word(alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z])(?:{alternatives})(?![A-Za-z])", re.IGNORECASE | re.ASCII)


_BARE = _whole_word("|".join(REFLECTIVE_WORDS))
_INFLECTED = {word: _whole_word(_inflected_forms(word)) for word in REFLECTIVE_WORDS}
# "不错" (not bad) and "没错" (quite right) contain 错 but mean the opposite.
_CHINESE = re.compile("|".join(word if word != "错" else "(?<![不没])错" for word in CHINESE_WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """One count in its three normalisations.

    per_completion     = count / completions
    per_1k_tokens      = 1000 * count / tokens        (the one to compare: immune to length)
    fraction_with_any  = completions with at least one / completions, in [0, 1]
    """

    count: int
    per_completion: float
    per_1k_tokens: float
    fraction_with_any: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectionStats:
    """Reflective words of a set of completions. All but ``inflected`` count bare forms only.

    ``reflective`` is the paper's ten words, ``strong`` the unambiguous six, ``wait`` that word
    alone, ``inflected`` the inflections of the ten ("waiting", "checked"), ``chinese`` the Chinese
    list. ``by_word`` and ``inflected_by_word`` have one entry for each of the ten, zeros included.
    """

    num_completions: int
    num_tokens: int
    by_word: Mapping[str, int]
    inflected_by_word: Mapping[str, int]
    reflective: Frequency
    strong: Frequency
    wait: Frequency
    inflected: Frequency
    chinese: Frequency


def count_words(text: str) -> dict[str, int]:
    """Occurrences of each of the ten words in ``text``, bare forms, any case.

    >>> count_words("Wait, wait. Waiting is wrong.")["wait"]
    2
    """
    counts = dict.fromkeys(REFLECTIVE_WORDS, 0)
    for match in _BARE.finditer(text):
        counts[match.group().lower()] += 1
    return counts


def reflective_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) character positions of every reflective word, inflected and Chinese included,
    in order and without overlap: what a report highlights.

    >>> reflective_spans("So, wait: it checked.")
    [(4, 8), (13, 20)]
    """
    patterns = (_BARE, _CHINESE, *_INFLECTED.values())
    return sorted(match.span() for pattern in patterns for match in pattern.finditer(text))


def _frequency(counts: Sequence[int], num_tokens: int) -> Frequency:
    total, number = sum(counts), len(counts)
    return Frequency(
        count=total,
        per_completion=total / number if number else 0.0,
        per_1k_tokens=1000.0 * total / num_tokens if num_tokens else 0.0,
        fraction_with_any=sum(count > 0 for count in counts) / number if number else 0.0,
    )


def reflection_counts(texts: Sequence[str], num_tokens: int | Sequence[int]) -> ReflectionStats:
    """Reflective-word statistics of ``texts`` (one per completion).

    rule: any case, regex ``(?<![A-Za-z])word(?![A-Za-z])``; inflections counted separately.

    Paper: DeepSeek-R1 (arXiv:2501.12948v2) appendix C.2 names the ten words and reports raw counts
    over training; its matching rule is unpublished. ``num_tokens`` is the completions' token count,
    in total or one per text. No texts, or no tokens, give rates of 0.0.

    >>> stats = reflection_counts(["Wait, wait. I checked.", "7"], num_tokens=[9, 1])
    >>> stats.wait.count, stats.wait.per_completion, stats.wait.per_1k_tokens
    (2, 1.0, 200.0)
    >>> stats.wait.fraction_with_any, stats.inflected_by_word["check"]
    (0.5, 1)
    """
    tokens = num_tokens if isinstance(num_tokens, int) else sum(num_tokens)
    bare = [count_words(text) for text in texts]
    inflected = [
        {word: len(pattern.findall(text)) for word, pattern in _INFLECTED.items()} for text in texts
    ]
    return ReflectionStats(
        num_completions=len(texts),
        num_tokens=tokens,
        by_word={word: sum(row[word] for row in bare) for word in REFLECTIVE_WORDS},
        inflected_by_word={word: sum(row[word] for row in inflected) for word in REFLECTIVE_WORDS},
        reflective=_frequency([sum(row.values()) for row in bare], tokens),
        strong=_frequency([sum(row[word] for word in STRONG_WORDS) for row in bare], tokens),
        wait=_frequency([row["wait"] for row in bare], tokens),
        inflected=_frequency([sum(row.values()) for row in inflected], tokens),
        chinese=_frequency([len(_CHINESE.findall(text)) for text in texts], tokens),
    )
