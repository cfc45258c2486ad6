"""Gold answers of data sets: where they stand, what kind they are, when an answer equals one.

One declared rule per kind, so that an answer cannot be right in one of two formats:

    number  the last number of the answer text equals the gold number as an exact rational
    text    the answer text equals the gold text after ``normalise_text``
    choice  the last stand-alone option letter of the answer text is the gold letter
"""

import re
import unicodedata
from fractions import Fraction
from typing import Literal

from cogitate.verifiers.exact import last_number, parse_number

Kind = Literal["number", "text", "choice", "none"]
MAX_TEXT_ANSWER = 200
"""Longest gold answer that is compared as text, characters. A longer one is prose."""
MAX_ANSWER_CHARS = 8192
"""Only the end of a longer answer text is looked at, characters."""
OPTION_LETTERS = "ABCDEFGHIJ"

_GSM8K_MARK = "####"
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_DEGREES = re.compile(r"\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})")
_STYLING = re.compile(
    r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[!,;: ]|\\(?=\$|%)|(?<=\d)\{,\}(?=\d)"
)
_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_ONE_LETTER = re.compile(r"\(?([A-Ja-j])\)?[.:]?")
_OPTION = re.compile(r"(?<![A-Za-z0-9'\u2019])\(?([A-J])\)?(?![A-Za-z0-9'\u2019])")
_ORDINARY_WORD = re.compile(
    r"(?:(?:^|[.!?\n])[ \t]*A|(?<![A-Za-z0-9(])I)(?=[ \t]+(?!(?:is|because|since)\b)[a-z])"
)
_LISTED_OPTION = re.compile(r"^\s*\(?([A-J])[).:]", re.MULTILINE)


class GoldError(ValueError):
    """A gold answer cannot be used; the message says why."""


def extract_gold(text: str) -> str:
    """The gold answer inside a worked solution: after ``####``, else the last box, else all.

    >>> extract_gold("48 / 2 = 24 #### 1,024"), extract_gold(r"so $\\boxed{\\frac{1}{2}}$")
    ('1,024', '\\\\frac{1}{2}')
    """
    if _GSM8K_MARK in text:
        return text.rpartition(_GSM8K_MARK)[2].strip()
    boxed = last_boxed(text)
    return (text if boxed is None else boxed).strip()


def worked_solution(text: str) -> str:
    """The working of a GSM8K answer without its last line and its ``<<48/2=24>>`` notes."""
    return _CALCULATOR.sub("", text.partition(_GSM8K_MARK)[0]).strip()


def last_boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{...}`` with balanced braces, or None."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if start < 0:
        return None
    opening = text.index("{", start)
    depth = 0
    for position in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[opening + 1 : position]
    return None


def decide_kind(gold: str, declared: str, question: str) -> Kind:
    """The kind of this gold answer under the declared kind.

    ``auto``: a letter is a choice if the question lists that option, a number is a number, and
    anything else short enough is text.

    Raises:
        GoldError: it is not of the declared kind, or not usable at all.
    """
    if declared == "auto":
        if _is_option(gold) and _letter(gold) in _LISTED_OPTION.findall(question):
            return "choice"
        if gold_number(gold) is not None:
            return "number"
        declared = "text"
    if declared == "number":
        if gold_number(gold) is None:
            raise GoldError("not a number")
        return "number"
    if declared == "choice":
        if not _is_option(gold):
            raise GoldError(f"not one option letter of {OPTION_LETTERS[0]}..{OPTION_LETTERS[-1]}")
        return "choice"
    if not normalise_text(gold):
        raise GoldError("empty")
    if len(gold) > MAX_TEXT_ANSWER:
        raise GoldError(f"longer than {MAX_TEXT_ANSWER} characters, which no answer will equal")
    return "text"


def matches(kind: Kind, gold: str, answer: str, question: str) -> bool:
    """Whether an answer text equals the gold answer by the rule of its kind.

    Raises:
        GoldError: the gold answer is not of this kind.
    """
    answer = answer[-MAX_ANSWER_CHARS:]
    if kind == "choice":
        return _chosen_option(answer, gold, question) == _letter(gold)
    if kind == "text":
        return normalise_text(answer) == normalise_text(gold)
    value = gold_number(gold)
    if value is None:
        raise GoldError("not a number")
    return last_number(_DEGREES.sub("", answer)) == value


def gold_number(gold: str) -> Fraction | None:
    r"""The number a gold answer is, or None. A currency sign and degrees mean nothing.

    >>> gold_number(r"$-\dfrac{14}{3}$"), gold_number(r"\$18.00"), gold_number(r"90^\circ")
    (Fraction(-14, 3), Fraction(18, 1), Fraction(90, 1))
    """
    return parse_number(_DEGREES.sub("", gold), currency=True)


def _plain_styling(match: re.Match[str]) -> str:
    return "," if match.group() == "{,}" else ""


def normalise_text(text: str) -> str:
    r"""Text for comparison: NFKC, one case, no LaTeX styling, no outer punctuation or space.

    >>> normalise_text(r" \text{Evelyn}. "), normalise_text(r"\left( 3, \dfrac{x}{2} \right)")
    ('evelyn', '(3,\\frac{x}{2})')
    """
    text = unicodedata.normalize("NFKC", text[-MAX_ANSWER_CHARS:])
    text = _DEGREES.sub("", _WRAPPER.sub(r"\1", text))
    text = _STYLING.sub(_plain_styling, text).replace("$", "")
    text = re.sub(r"\\[dtc]frac", r"\\frac", text)
    # Spaces matter between words only: "p - q" is "p-q", "New York" is not "NewYork".
    text = re.sub(r" ?([^\w ]) ?", r"\1", " ".join(text.split()))
    return text.strip(" .,;:\"'").casefold()


def _is_option(gold: str) -> bool:
    return _ONE_LETTER.fullmatch(_WRAPPER.sub(r"\1", gold).strip()) is not None


def _letter(gold: str) -> str:
    found = _ONE_LETTER.fullmatch(_WRAPPER.sub(r"\1", gold).strip())
    if found is None:
        raise GoldError("not an option letter")
    return found.group(1).upper()


def _chosen_option(answer: str, gold: str, question: str) -> str | None:
    """The last stand-alone option letter; a lone letter counts in lower case too."""
    answer = _WRAPPER.sub(r"\1", answer).replace("$", "").strip().strip("*")
    if _ONE_LETTER.fullmatch(answer):
        return _letter(answer)
    listed = set(_LISTED_OPTION.findall(question)) or set(OPTION_LETTERS[:5])
    options = listed | {_letter(gold)}
    # "A quick check" at the start of a sentence and "I think" name no option.
    words = {match.end() for match in _ORDINARY_WORD.finditer(answer)}
    found = [m[1] for m in _OPTION.finditer(answer) if m[1] in options and m.end() not in words]
    return found[-1] if found else None
