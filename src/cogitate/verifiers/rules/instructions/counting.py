"""Counting in texts, and the comparisons that instructions ask for in four languages."""

import re
from collections.abc import Mapping
from typing import Literal

Relation = Literal["at least", "at most", "less than", "more than", "exactly"]

RELATIONS: Mapping[str, Relation] = {
    "at least": "at least", "al menos": "at least", "au moins": "at least", "以上": "at least",
    "at most": "at most", "como máximo": "at most", "au plus": "at most", "以下": "at most",
    "less than": "less than", "menos de": "less than", "moins de": "less than", "未満": "less than",
    "more than": "more than", "más de": "more than", "plus de": "more than",
    "exactly": "exactly", "exactamente": "exactly", "exactement": "exactly", "ちょうど": "exactly",
}  # fmt: skip
"""What gold answers write -> what it means."""

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]++[\"'\u201d\u2019)\]\u300d\u300f*_]*+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|etc|no|fig|approx|inc|ltd|co|e\.g|i\.e|"
    r"p\.s|p\.p\.s|m|mme|sra|dra|ud|uds|p\.\u202fex|p\. ex|ej)|[^\W\d_])$|(?:^|\n)\s*\d{1,3}$",
    re.IGNORECASE,
)


def compare(number: int, relation: Relation, bound: int) -> bool:
    """Whether ``number`` stands in this relation to ``bound``."""
    return {
        "at least": number >= bound,
        "at most": number <= bound,
        "less than": number < bound,
        "more than": number > bound,
        "exactly": number == bound,
    }[relation]


def num_words(text: str) -> int:
    r"""Words as IFEval counts them: runs of letters, digits and underscores.

    >>> num_words("It's a well-known fact.")
    6
    """
    return sum(1 for _ in _WORD.finditer(text))


def sentences(text: str) -> list[str]:
    """The sentences of a text. A sentence ends with a sign of its own before a blank, or anywhere
    after a Chinese or Japanese one; "Dr.", "e.g." and the "1." of a list end none.

    >>> sentences("Dr. Who paid 3.50. He left!")
    ['Dr. Who paid 3.50.', 'He left!']
    """
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        wide = match.group()[0] in "\u3002\uff01\uff1f"
        if not wide and end < len(text) and not text[end].isspace():
            continue
        before = text[max(start, match.start() - 12) : match.start()]
        if match.group()[0] == "." and _ABBREVIATION.search(before) and end < len(text):
            continue
        found.append(text[start:end].strip())
        start = end
    found.append(text[start:].strip())
    return [sentence for sentence in found if _WORD.search(sentence)]


def contains_word(text: str, word: str) -> bool:
    """Whether a word stands in a text by itself, in any case. Words of scripts without blanks need
    not stand by themselves.

    >>> contains_word("Catalogue of cats", "cat"), contains_word("新しい夢", "夢")
    (False, True)
    """
    text, word = text.casefold(), word.casefold().strip()
    if not word:
        return False
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        left = start > 0 and _joined(text[start - 1], word[0])
        right = end < len(text) and _joined(word[-1], text[end])
        if not left and not right:
            return True
        start = text.find(word, start + 1)
    return False


def _joined(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word."""
    return all((c.isalnum() or c == "_") and c < "\u3040" for c in (left, right))
