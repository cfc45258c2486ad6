"""Wrong answers made from a right one, so that a distractor can never equal the gold answer.

A corpus of fixed distractors (999, 321, ...) accuses every verifier as soon as one of them happens
to be the gold answer of a row.
"""

import re
from collections.abc import Mapping

from cogitate.verifiers.exact import numbers_equal

_INTEGER = re.compile(r"-?\d+", re.ASCII)
_DIGITS = re.compile(r"(?<![\d.,])\d+", re.ASCII)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
MAX_DIGITS = 40
"""Numbers with more digits are changed by appending one."""


def distractors(gold: str) -> Mapping[str, str]:
    r"""Parts and distortions of a gold answer, by the names that templates use.

    ``wrong``, ``wrong2`` and ``wrong3`` are three different wrong answers of the same form. Whole
    numbers have also ``below`` and ``above``, their neighbours, and those with several digits
    ``head`` and ``tail``, which give the number when they are joined.

    >>> distractors("57")["wrong"], distractors("57")["head"], distractors("57")["tail"]
    ('58', '5', '7')
    >>> distractors(r"\frac{3}{7}")["wrong2"], distractors("C")["wrong"]
    ('\\frac{5}{7}', 'D')
    """
    gold = gold.strip()
    wrong = [candidate for candidate in _candidates(gold) if not _same(candidate, gold)]
    parts = {"gold": gold, "wrong": wrong[0], "wrong2": wrong[1], "wrong3": wrong[2]}
    if _INTEGER.fullmatch(gold) and len(gold) <= MAX_DIGITS:
        parts |= {"below": str(int(gold) - 1), "above": str(int(gold) + 1)}
        if gold[0] != "-" and len(gold) > 1:
            parts |= {"head": gold[:-1], "tail": gold[-1]}
    return parts


def _candidates(gold: str) -> list[str]:
    if _INTEGER.fullmatch(gold) and len(gold) <= MAX_DIGITS:
        return [str(int(gold) + step) for step in (1, 2, 3, 4)]
    if found := _DIGITS.search(gold):
        return [_with_digits(gold, found, step) for step in (1, 2, 3, 4)]
    if len(gold) == 1 and gold.isalpha():
        return [_letter(gold, step) for step in (1, 2, 3)]
    if found := _WORD.search(_without_commands(gold)):
        word = found.group()
        start, end = found.span()
        return [gold[:start] + other + gold[end:] for other in _words(word)]
    return ["17", "18", "19"]


def _with_digits(gold: str, found: re.Match[str], step: int) -> str:
    """The first number of a text made larger, as wide as it was where that is possible."""
    digits = found.group()
    larger = f"{digits}{step}" if len(digits) > MAX_DIGITS else str(int(digits) + step)
    return gold[: found.start()] + larger.zfill(len(digits)) + gold[found.end() :]


def _letter(letter: str, step: int) -> str:
    first = ord("A") if letter.isupper() else ord("a")
    if not letter.isascii():
        return "xyz"[step - 1]
    if letter.upper() in "ABCD":  # another option of a question with four
        return chr(first + (ord(letter) - first + step) % 4)
    return chr(first + (ord(letter) - first + step) % 26)


def _words(word: str) -> list[str]:
    return [f"un{word}", f"{word}ton", word[0] + "a" + word[1:][::-1] + "o"]


def _without_commands(text: str) -> str:
    r"""Text of the same length in which no ``\command`` is a word."""
    return re.sub(r"\\[A-Za-z]+", lambda match: " " * len(match.group()), text)


def _same(candidate: str, gold: str) -> bool:
    if "".join(candidate.split()).casefold() == "".join(gold.split()).casefold():
        return True
    return numbers_equal(candidate, gold, percent=True, currency=True)
