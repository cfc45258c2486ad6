"""The instructions of IFEval, each a pure function of a text and the instruction's arguments.

Paper: "Instruction-Following Evaluation for Large Language Models" (arXiv:2311.07911). Written
from its descriptions. Where we differ on purpose: one of the permitted answers, not several at
once; a postscript must start a line and say something; "only this language" is measured word by
word.
"""

import re
from collections.abc import Mapping
from typing import Any

from cogitate.text.language import LANGUAGES, detect_language, language_shares
from cogitate.verifiers.rules.instructions.counting import (
    Relation,
    compare,
    contains_word,
    num_words,
    sentences,
)
from cogitate.verifiers.rules.json_text import JsonError, code_blocks, parse_json

MIN_LANGUAGE_SHARE = 0.8
"""Share of words that a text "only in" a language must have in it."""

_CAPITALS = re.compile(r"[^\W\d_]+(?:['\u2019&-][^\W\d_]+)*")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]+\]")
_BULLET = re.compile(r"^[ \t]*[*\-\u2022][ \t]+\S", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*\*([^\n*]++)\*\*|\*([^\n*]++)\*")
_TITLE = re.compile(r"<<([^\n<>]+)>>")
_OUTER = " \t\r\n"
_QUOTES = (('"', '"'), ("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("\u201e", "\u201c"))


# Keywords


def existence(text: str, *, keywords: tuple[str, ...]) -> bool:
    """All keywords occur, in any case, inside of words too."""
    folded = text.casefold()
    return all(keyword.strip().casefold() in folded for keyword in keywords)


def frequency(text: str, *, keyword: str, frequency: int, relation: Relation = "at least") -> bool:
    """The keyword occurs so often, in any case, inside of words too."""
    return compare(text.casefold().count(keyword.strip().casefold()), relation, frequency)


def forbidden_words(text: str, *, forbidden_words: tuple[str, ...]) -> bool:
    """None of the words stands in the text."""
    return not any(contains_word(text, word) for word in forbidden_words)


def letter_frequency(
    text: str, *, letter: str, let_frequency: int, let_relation: Relation = "at least"
) -> bool:
    """A letter or sign occurs so often, in any case."""
    return compare(text.casefold().count(letter.casefold()), let_relation, let_frequency)


# Language and case


def in_language(text: str, *, language: str) -> bool:
    """The text is in this language, at least four fifths of its words."""
    code = language.lower().split("-")[0]
    return language_shares(text).get(code, 0.0) >= MIN_LANGUAGE_SHARE


def known_language(language: str) -> bool:
    """Whether ``in_language`` can tell this language."""
    return language.lower().split("-")[0] in LANGUAGES


def all_capitals(text: str, *, language: str) -> bool:
    """No small letter, some capitals, and no other language than this."""
    return text.isupper() and detect_language(text.lower()) in (language, None)


def all_lowercase(text: str, *, language: str) -> bool:
    """No capital letter, some small ones, and no other language than this."""
    return text.islower() and detect_language(text) in (language, None)


def english_capital(text: str) -> bool:
    """English in capital letters only."""
    return all_capitals(text, language="en")


def english_lowercase(text: str) -> bool:
    """English in small letters only."""
    return all_lowercase(text, language="en")


def capital_word_frequency(
    text: str, *, capital_frequency: int, capital_relation: Relation = "at least"
) -> bool:
    """So many words are all in capitals; "I" and "A" are."""
    number = sum(word.isupper() for word in _CAPITALS.findall(text))
    return compare(number, capital_relation, capital_frequency)


# Length


def number_sentences(text: str, *, num_sentences: int, relation: Relation = "at least") -> bool:
    """So many sentences."""
    return compare(len(sentences(text)), relation, num_sentences)


def number_words(text: str, *, num_words: int, relation: Relation = "at least") -> bool:
    """So many words."""
    return compare(_num_words(text), relation, num_words)


def number_paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """So many parts that are separated by ``***``; none in the middle is empty."""
    parts = re.split(r"(?<!\*)\*\*\*(?!\*)", text)
    inner = parts[1:-1]
    filled = [part for part in parts if part.strip()]
    return all(part.strip() for part in inner) and len(filled) == num_paragraphs


def nth_paragraph_first_word(
    text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str
) -> bool:
    """So many paragraphs, separated by empty lines, and this one starts with these words."""
    paragraphs = [part.strip() for part in re.split(r"\n[ \t]*\n", text) if part.strip()]
    if len(paragraphs) != num_paragraphs or not 1 <= nth_paragraph <= num_paragraphs:
        return False
    start = paragraphs[nth_paragraph - 1].lstrip("\"'*_#> \u201c\u2018\u00ab\u300c\u300e([")
    wanted = first_word.strip().casefold()
    found, following = start[: len(wanted)].casefold(), start[len(wanted) :][:1]
    glued = following.isalnum() and following < "\u3040"
    return found == wanted and not glued


# Content and format


def number_placeholders(
    text: str, *, num_placeholders: int, relation: Relation = "at least"
) -> bool:
    """So many ``[placeholders]``."""
    return compare(len(_PLACEHOLDER.findall(text)), relation, num_placeholders)


def postscript(text: str, *, postscript_marker: str) -> bool:
    """A line begins with the marker, blanks and points aside, and says something after it."""
    letters = [re.escape(c) for c in postscript_marker.strip() if c not in " ."]
    pattern = re.compile(
        r"^[ \t*_#>(\"\u300c]{0,8}" + r"[. ]{0,2}".join(letters) + r"(?![^\W\d_])(.*)$",
        re.IGNORECASE | re.MULTILINE,
    )
    end = text.rstrip()
    return any(
        _says_something(match[1]) or _says_something(end[match.end() :])
        for match in pattern.finditer(end)
    )


def number_bullet_lists(text: str, *, num_bullets: int) -> bool:
    """Exactly so many bullets, "* " or "- "."""
    return len(_BULLET.findall(text)) == num_bullets


def number_highlighted_sections(
    text: str, *, num_highlights: int, relation: Relation = "at least"
) -> bool:
    """So many ``*highlighted*`` parts."""
    found = sum(
        any(part.strip() for part in match.groups("")) for match in _HIGHLIGHT.finditer(text)
    )
    return compare(found, relation, num_highlights)


def multiple_sections(
    text: str, *, section_spliter: str, num_sections: int, relation: Relation = "at least"
) -> bool:
    """So many sections that begin with the word and a number."""
    marker = re.compile(
        rf"(?<!\w){re.escape(section_spliter.strip())}[ \t]{{0,3}}(?:\d{{1,3}}|[IVXLC]{{1,6}}\b)"
    )
    return compare(sum(1 for _ in marker.finditer(text)), relation, num_sections)


def title(text: str) -> bool:
    """A ``<<title>>``."""
    return any(match[1].strip() for match in _TITLE.finditer(text))


def json_format(text: str) -> bool:
    """All of it is JSON, perhaps inside one code block."""
    stripped = text.strip()
    if stripped.startswith("```"):
        blocks = code_blocks(stripped)
        if len(blocks) != 1 or not stripped.endswith("```"):
            return False
        stripped = blocks[0]
    try:
        parse_json(stripped)
    except JsonError:
        return False
    return True


def one_of(text: str, answers: tuple[str, ...]) -> bool:
    """Exactly one of the permitted answers occurs."""
    return sum(answer in text for answer in answers) == 1


def permitted_answer(text: str) -> bool:
    """ "My answer is yes.", "... no." or "... maybe.", one of them."""
    return one_of(text, ("My answer is yes.", "My answer is no.", "My answer is maybe."))


# Combination, start and end, punctuation


def two_texts(text: str) -> bool:
    """Two different texts, separated by six stars."""
    parts = text.split("******")
    filled = [part.strip() for part in parts if part.strip()]
    inner = all(part.strip() for part in parts[1:-1])
    return inner and len(filled) == 2 and filled[0] != filled[1]


def repeat_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    """It begins with the words of the request, in any case."""
    return text.strip().casefold().startswith(prompt_to_repeat.strip().casefold())


def end_checker(text: str, *, end_phrase: str) -> bool:
    """It ends with this phrase; quotation marks around all of it do not matter."""
    marks = "\"'\u201d\u300d\u300f\u00bb" + _OUTER
    return text.rstrip(marks).casefold().endswith(end_phrase.strip(marks).casefold())


def quotation(text: str, *, pairs: tuple[tuple[str, str], ...] = _QUOTES) -> bool:
    """All of it stands in double quotation marks."""
    text = text.strip()
    return any(
        len(text) > len(start + end) and text.startswith(start) and text.endswith(end)
        for start, end in pairs
    )


def no_comma(text: str) -> bool:
    """No comma."""
    return not any(comma in text for comma in (",", "\uff0c"))


def _num_words(text: str) -> int:
    return num_words(text)


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)


CHECKS: Mapping[str, Any] = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": in_language,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_words": number_words,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:constrained_response": permitted_answer,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_texts,
    "combination:repeat_prompt": repeat_prompt,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
    "change_case:capital_word_frequency": capital_word_frequency,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "punctuation:no_comma": no_comma,
}
"""Instruction id -> check."""
