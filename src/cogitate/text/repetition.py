"""How much of a text repeats itself."""

import re
from collections.abc import Hashable, Iterable, Sequence

_UNIT = re.compile(
    r"[\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[^\w\s]"
)
MAX_UNIT_CHARS = 24
"""A longer unbroken word is cut into pieces, so that "hahaha..." repeats itself too."""


def units(text: str) -> list[str]:
    """Words, single Chinese characters and kana, and signs, in lower case.

    >>> units("So 3+4, 答案")
    ['so', '3', '+', '4', ',', '答', '案']
    """
    found: list[str] = []
    for match in _UNIT.finditer(text):
        unit = match.group().casefold()
        if len(unit) <= MAX_UNIT_CHARS:
            found.append(unit)
        else:
            found.extend(unit[i : i + 4] for i in range(0, len(unit), 4))
    return found


def repeated_share(items: Sequence[Hashable], n: int) -> float:
    """1 - distinct n-grams / n-grams, in [0, 1); 0.0 for fewer than n items.

    >>> repeated_share("aaaaa", 2), repeated_share("abcd", 2)
    (0.75, 0.0)
    """
    total = len(items) - n + 1
    if total < 1:
        return 0.0
    return 1.0 - len({tuple(items[i : i + n]) for i in range(total)}) / total


def distinct_share(items: Iterable[Hashable]) -> float:
    """Distinct items / items, in (0, 1]; 1.0 for none.

    >>> distinct_share(["a", "b", "a", "a"])
    0.5
    """
    everything = list(items)
    return len(set(everything)) / len(everything) if everything else 1.0
