r"""Options of multiple-choice questions as gold answers: ``\text{(C)}`` and ``C``."""

import re
from functools import lru_cache

_WRAPPED = r"(?:\\(?:text|textbf|mathbf|mathrm|mbox|boldsymbol)\s*\{\s*)?"
_GOLD = re.compile(rf"\s*\$?\s*{_WRAPPED}\(?([A-J])\)?\s*\}}?\s*\$?\.?\s*")
_ANSWER = re.compile(
    rf"\s*\$?\s*{_WRAPPED}\(?([A-Ja-j])(?:\)\s*[.:]?|\s*\}}\s*[.:)]?|[.:])(?:\s|\}}|$)"
)
_BARE = re.compile(rf"\s*\$?\s*{_WRAPPED}\(?([A-J])\)?\s*\}}?\s*\)?\$?\.?\s*")
_MORE = re.compile(r"(?<![A-Za-z])\(?([A-J])\)(?![A-Za-z])|\bor\b|\band\b|\bnot\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def gold_letter(gold: str) -> str | None:
    r"""The letter if a gold answer is one option.

    >>> gold_letter(r"\text{(C)}"), gold_letter("C"), gold_letter("CD")
    ('C', 'C', None)
    """
    found = _GOLD.fullmatch(gold)
    return found[1] if found else None


def option_letter(gold: str, answer: str) -> bool:
    r"""Whether the answer names the gold option, alone or in front of its text.

    >>> option_letter(r"\text{(C)}", "C: the ellipse"), option_letter("C", "C or D")
    (True, False)
    """
    letter = gold_letter(gold)
    if letter is None:
        return False
    bare = _BARE.fullmatch(answer)
    if bare:
        return bare[1] == letter
    found = _ANSWER.match(answer)
    if found is None or found[1] != letter:
        return False
    return _MORE.search(answer, found.end(1) + 1) is None
