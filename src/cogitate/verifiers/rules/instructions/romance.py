"""Instructions of M-IFEval for Spanish and French, beside those that every language has.

Paper: M-IFEval (arXiv:2502.04688). Written from the wording of its prompts; that words with ü and
ñ are counted exactly, which the prompts leave open, is what the published checkers do.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from cogitate.verifiers.rules.instructions import general
from cogitate.verifiers.rules.instructions.counting import Relation, compare, contains_word

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_QUESTION = re.compile(r"\u00bf([^?\u00bf]*)\?")
_EXCLAMATION = re.compile(r"\u00a1([^!\u00a1]*)!")
_INFORMAL = re.compile(
    r"(?<!\w)(?:(?:tu|te|toi|ton|ta|tes|tien(?:ne)?s?)(?!\w)|t['\u2019](?=\w))", re.IGNORECASE
)
_FORMAL = re.compile(r"(?<!\w)(?:vous|votre|vos|v\u00f4tres?)(?!\w)", re.IGNORECASE)


def spanish_capital(text: str) -> bool:
    """Spanish in capital letters only."""
    return general.all_capitals(text, language="es")


def spanish_lowercase(text: str) -> bool:
    """Spanish in small letters only."""
    return general.all_lowercase(text, language="es")


def french_capital(text: str) -> bool:
    """French in capital letters only."""
    return general.all_capitals(text, language="fr")


def french_lowercase(text: str) -> bool:
    """French in small letters only."""
    return general.all_lowercase(text, language="fr")


def spanish_answer(text: str) -> bool:
    """One of "Sí.", "No.", "Quizás."."""
    return general.one_of(text, ("S\u00ed.", "No.", "Quiz\u00e1s."))


def french_answer(text: str) -> bool:
    """One of "Oui.", "Non.", "Peut-être."."""
    return general.one_of(text, ("Oui.", "Non.", "Peut-\u00eatre."))


def question_marks(text: str) -> bool:
    """A question between its two marks."""
    return any(match[1].strip() for match in _QUESTION.finditer(text))


def exclamation_marks(text: str) -> bool:
    """An exclamation between its two marks."""
    return any(match[1].strip() for match in _EXCLAMATION.finditer(text))


def dieresis(text: str, *, let_frequency: int) -> bool:
    """Exactly so many words with ü."""
    return _words_with(text, "\u00fc") == let_frequency


def enie(text: str, *, let_frequency: int) -> bool:
    """Exactly so many words with ñ."""
    return _words_with(text, "\u00f1") == let_frequency


def tildes(text: str, *, num_words: int, relation: Relation = "at least") -> bool:
    """So many words with á, é, í, ó or ú."""
    return compare(_words_with(text, "\u00e1\u00e9\u00ed\u00f3\u00fa"), relation, num_words)


def informal_address(text: str) -> bool:
    """It says "tu", and never "vous"."""
    return _INFORMAL.search(text) is not None and _FORMAL.search(text) is None


def no_digits(text: str) -> bool:
    """No digit."""
    return not any(character.isdecimal() for character in text)


def accents(text: str, *, word_to_accentuate: dict[str, str]) -> bool:
    """Every word stands there with its accents, and none without them."""
    return all(
        contains_word(text, accented) and not (plain != accented and contains_word(text, plain))
        for plain, accented in word_to_accentuate.items()
    )


def ethel_or_cedilla(text: str, *, forbidden_char: str) -> bool:
    """The character does not occur, capital or small."""
    return forbidden_char.casefold() not in text.casefold()


def no_accents(text: str) -> bool:
    """No letter with an accent; the cedilla is none."""
    return not any(
        unicodedata.combining(mark) and mark != "\u0327"
        for mark in unicodedata.normalize("NFD", text)
    )


def _words_with(text: str, letters: str) -> int:
    text = unicodedata.normalize("NFC", text).casefold()
    return sum(not set(letters).isdisjoint(word) for word in _WORD.findall(text))


SPANISH: Mapping[str, Any] = {
    **general.CHECKS,
    "change_case:spanish_capital": spanish_capital,
    "change_case:spanish_lowercase": spanish_lowercase,
    "detectable_format:constrained_response": spanish_answer,
    "punctuation:question_marks": question_marks,
    "punctuation:exclamation_marks": exclamation_marks,
    "special_character:dieresis": dieresis,
    "special_character:enie": enie,
    "special_character:tildes": tildes,
}
FRENCH: Mapping[str, Any] = {
    **general.CHECKS,
    "change_case:french_capital": french_capital,
    "change_case:french_lowercase": french_lowercase,
    "detectable_format:constrained_response": french_answer,
    "detectable_content:informal_address": informal_address,
    "detectable_content:no_digits": no_digits,
    "special_character:accents": accents,
    "special_character:ethel_or_cedilla": ethel_or_cedilla,
    "special_character:no_accents": no_accents,
}
