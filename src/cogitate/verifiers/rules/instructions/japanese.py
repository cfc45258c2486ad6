"""Instructions of M-IFEval for Japanese, beside those that every language has.

Paper: M-IFEval (arXiv:2502.04688). Written from the wording of its prompts. Whether a sentence
ends in a noun (体言止め) is decided by its last character, a Chinese one or a katakana: no
dictionary is used, so nouns that end in hiragana do not count.
"""

import re
from collections.abc import Mapping
from typing import Any

from cogitate.verifiers.rules.instructions import general
from cogitate.verifiers.rules.instructions.counting import Relation, compare, sentences

_KANJI = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HIRAGANA = "\u3041-\u3096\u309d-\u309f"
_KATAKANA = "\u30a1-\u30fa\u30fd-\u30ff\uff66-\uff9d"
_ONE_KANJI = re.compile(f"[{_KANJI}]")
_KANJI_RUN = re.compile(f"[{_KANJI}]+")
_READING = re.compile(f"[（(][{_HIRAGANA}{_KATAKANA}\u30fc ]{{1,40}}[）)]")
_ONE_HIRAGANA = re.compile(f"[{_HIRAGANA}]")
_ONE_KATAKANA = re.compile(f"[{_KATAKANA}]")
_NOUN_END = re.compile(f"[{_KANJI}{_KATAKANA}\u30fc]$")
_DIGIT = re.compile(r"\d")
_KANSUUJI = re.compile("[〇零一二三四五六七八九十百千万億兆]")
_BULLET = re.compile(
    r"^[ \t\u3000]*(?:[・●○◆■]|[*\-\u2022][ \t\u3000])[ \t\u3000]*\S", re.MULTILINE
)
_NUMBERED = re.compile(r"^[ \t\u3000]*\d{1,3}[.\uff0e\u3001)\uff09][ \t\u3000]*\S", re.MULTILINE)
_HIGHLIGHT = re.compile(r"《([^《》\n]+)》")
_TITLE = re.compile(r"『([^『』\n]+)』")
_PLACEHOLDER = re.compile(r"[\[\uff3b][^\[\]\uff3b\uff3d\n]+[\]\uff3d]")
_END_MARKS = "。！？!?.｡…」』）)\"'*_ \t\u3000"


def answer(text: str) -> bool:
    """One of the three permitted answers."""
    options = ("はい、そうです。", "いいえ、違います。", "どちらとも言えません。")
    return general.one_of(text, options)


def number_letters(text: str, *, num_letters: int, relation: Relation = "at least") -> bool:
    """So many characters that are not blank."""
    return compare(sum(not c.isspace() for c in text), relation, num_letters)


def number_placeholders(
    text: str, *, num_placeholders: int, relation: Relation = "at least"
) -> bool:
    """So many ``[placeholders]``, in brackets of either width."""
    return compare(len(_PLACEHOLDER.findall(text)), relation, num_placeholders)


def number_bullet_lists(text: str, *, num_bullets: int) -> bool:
    """Exactly so many bullets."""
    return len(_BULLET.findall(text)) == num_bullets


def number_numbered_lists(text: str, *, num_items: int) -> bool:
    """Exactly so many lines that begin with a number and a point."""
    return len(_NUMBERED.findall(text)) == num_items


def number_highlighted_sections(text: str, *, num_highlights: int) -> bool:
    """So many parts in 《》."""
    return sum(bool(part.strip()) for part in _HIGHLIGHT.findall(text)) >= num_highlights


def multiple_sections(text: str, *, section_spliter: str, num_sections: int) -> bool:
    """So many sections that begin with 第, a number and the word."""
    number = r"(?:\d{1,3}|[一二三四五六七八九十百]{1,5})"
    marker = re.compile(rf"第\s{{0,2}}{number}\s{{0,2}}{re.escape(section_spliter.strip())}")
    return sum(1 for _ in marker.finditer(text)) >= num_sections


def title(text: str) -> bool:
    """A title in 『』."""
    return any(part.strip() for part in _TITLE.findall(text))


def nominal_ending(text: str, *, count: int) -> bool:
    """So many sentences or lines that end in a noun."""
    return sum(_NOUN_END.search(part) is not None for part in _ends(text)) >= count


def sentence_unified_end(text: str, *, ending: str) -> bool:
    """Every sentence ends in these words."""
    ends = _ends(text)
    return bool(ends) and all(part.endswith(ending.strip(_END_MARKS)) for part in ends)


def furigana(text: str) -> bool:
    """A reading in brackets follows every run of kanji, and there is one."""
    runs = list(_KANJI_RUN.finditer(text))
    return bool(runs) and all(_READING.match(text, run.end()) for run in runs)


def hiragana_only(text: str) -> bool:
    """Letters and digits are hiragana, all of them."""
    return _only(text, _ONE_HIRAGANA)


def katakana_only(text: str) -> bool:
    """Letters and digits are katakana, all of them."""
    return _only(text, _ONE_KATAKANA)


def no_hiragana(text: str) -> bool:
    """No hiragana."""
    return _ONE_HIRAGANA.search(text) is None


def no_katakana(text: str) -> bool:
    """No katakana."""
    return _ONE_KATAKANA.search(text) is None


def kanji(text: str, *, kanji_limit: int, relation: Relation = "at least") -> bool:
    """So many kanji."""
    return compare(len(_ONE_KANJI.findall(text)), relation, kanji_limit)


def kansuuji(text: str) -> bool:
    """Numbers are written in kanji, and there is one."""
    return _DIGIT.search(text) is None and _KANSUUJI.search(text) is not None


def no_comma(text: str) -> bool:
    """No Japanese comma."""
    return not any(comma in text for comma in "、，､")


def no_period(text: str) -> bool:
    """No Japanese full stop."""
    return not any(stop in text for stop in "。｡")


def quotation(text: str) -> bool:
    """All of it stands in 「」."""
    return general.quotation(text, pairs=(("「", "」"),))


def _ends(text: str) -> list[str]:
    """The sentences of every line, without the marks at their end."""
    parts = [sentence for line in text.splitlines() for sentence in sentences(line)]
    return [part for part in (part.rstrip(_END_MARKS) for part in parts) if part]


def _only(text: str, script: re.Pattern[str]) -> bool:
    letters = [c for c in text if c.isalnum() and c != "\u30fc"]
    return bool(letters) and all(script.match(c) for c in letters)


JAPANESE: Mapping[str, Any] = {
    **general.CHECKS,
    "detectable_format:constrained_response": answer,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:number_numbered_lists": number_numbered_lists,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:title": title,
    "detectable_format:nominal_ending": nominal_ending,
    "length_constraints:number_letters": number_letters,
    "letters:furigana": furigana,
    "letters:hiragana_only": hiragana_only,
    "letters:katakana_only": katakana_only,
    "letters:no_hiragana": no_hiragana,
    "letters:no_katakana": no_katakana,
    "letters:kanji": kanji,
    "letters:kansuuji": kansuuji,
    "punctuation:no_comma": no_comma,
    "punctuation:no_period": no_period,
    "startend:quotation": quotation,
    "startend:sentence_unified_end": sentence_unified_end,
}
