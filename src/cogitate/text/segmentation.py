r"""Text as words of a script, with everything taken out that is no language.

What is taken out: code, mathematics, LaTeX commands, tags and control tokens, addresses. But only
if it looks like it: a sentence in dollar signs or in a code block is still a sentence, or a policy
that is paid for one language could think in another one there. Several words in a ``\text{...}``
inside mathematics stay too.

A word is a run of letters of one script, apostrophes inside included. Where a script is written
without blanks there are no such runs: each Chinese character and each kana is a word, and in Thai,
Lao, Khmer and Burmese every five signs are. Single Latin and Greek letters are variables, except
"a" and "I"; names of functions and units ("cos", "km") and short capitals ("ABC") are no words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from cogitate.text.language_profiles import NEUTRAL, PROFILES

MIN_HIDDEN_WORDS = 8
"""Words that code or mathematics must hold to be taken for a text in disguise."""
MAX_SYMBOL_SHARE = 0.04
"""And the share of signs, of characters that are not blank, that it may have at most."""

# The parts of an e-mail address are bounded, or an @ would be looked for from every letter.
_REMOVED = re.compile(
    r"""
      ```.*?(?:```|\Z)                         # fenced code, also when cut before its end
    | `[^`\n]*`                                # inline code
    | \$\$.*?\$\$                              # display maths
    | \\\[(?:(?!\\\[).)*?\\\]                  # \[ ... \]; not past the next opening one,
    | \\\((?:(?!\\\().)*?\\\)                  # \( ... \)  or the time would be quadratic
    | \$(?=\S)[^$\n]*(?<=\S)\$(?!\d)           # inline maths; "$5 and $6" is money
    | \\(?:begin|end)\s*\{[^{}]*\}             # environments with their name
    | \\[A-Za-z]+                              # LaTeX commands
    | <\|[^<>|]{1,40}\|>                       # <|im_end|> and the like
    | </?[A-Za-z][A-Za-z0-9_-]*\s*/?>          # <think>, </answer>
    | (?:https?|ftp)://[^\s<>"'\u3000-\u9fff]+ # addresses
    | \bwww\.[^\s<>"'\u3000-\u9fff]+
    | (?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w[\w.-]{0,64}
    """,
    re.VERBOSE | re.DOTALL,
)
_PROSE = re.compile(r"\\(?:text(?:bf|it|rm|sf|normal)?|mathrm|mathit|mbox)\s*\{([^{}]*)\}")
MIN_PROSE_WORDS = 5
"""Words of one ``\\text{...}`` inside mathematics from which it is prose and not a label."""
_SYMBOL = re.compile(r"[(){}\[\]=;_<>+*/\\#:\"'|&^%~@$-]")
_INDIC = {  # block -> script; the digits at 66 to 6f and the dandas at 64 and 65 are no letters
    0x09: ("devanagari", "bengali"),
    0x0A: ("gurmukhi", "gujarati"),
    0x0B: ("oriya", "tamil"),
    0x0C: ("telugu", "kannada"),
    0x0D: ("malayalam", "sinhala"),
}
_RANGES: dict[str, str] = {
    "latin": r"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff",
    "han": r"\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f",
    "kana": r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d",
    "hangul": r"\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "cyrillic": r"\u0400-\u0481\u048a-\u052f",
    "greek": r"\u0370-\u0373\u0376\u0377\u037b-\u037d\u0386\u0388-\u03ff\u1f00-\u1fff",
    "arabic": r"\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc\u06df-\u06ef\u06fa-\u06ff\u0750-\u077f"
    r"\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "hebrew": r"\u05d0-\u05ea\u05ef-\u05f4\u0591-\u05bd",
    "armenian": r"\u0531-\u0556\u0560-\u0588",
    "georgian": r"\u10a0-\u10ff\u1c90-\u1cbf",
    "thai": r"\u0e01-\u0e3a\u0e40-\u0e4e",
    "lao": r"\u0e81-\u0ecd\u0edc-\u0edf",
    "khmer": r"\u1780-\u17d3\u17d7",
    "myanmar": r"\u1000-\u103f\u1050-\u109f",
    "ethiopic": r"\u1200-\u135a\u1380-\u138f\u2d80-\u2ddf",
} | {
    script: rf"\u{block:02x}{start:x}0-\u{block:02x}{start + 6:x}3\u{block:02x}{start + 7:x}0-"
    rf"\u{block:02x}{start + 7:x}f"
    for block, scripts in _INDIC.items()
    for script, start in zip(scripts, (0x0, 0x8), strict=True)
}
_UNSPACED = {"han": "", "kana": "", "thai": "{1,5}", "lao": "{1,5}", "khmer": "{1,5}"}
_UNSPACED["myanmar"] = "{1,5}"
_JOINED = {"arabic", "devanagari", "bengali", "malayalam", "kannada", "telugu", "sinhala"}


def _pattern(script: str, letters: str) -> str:
    if script in _UNSPACED:
        return rf"(?P<{script}>[{letters}]{_UNSPACED[script]})"
    joiners = r"\u200c\u200d" if script in _JOINED else ""
    inside = r"(?:['\u2019\u02bc]" + rf"[{letters}]+)*+" if script != "arabic" else ""
    return rf"(?P<{script}>[{letters}][{letters}{joiners}]*+{inside})"


_WORD = re.compile("|".join(_pattern(*item) for item in _RANGES.items()))
_LISTED = {word for lists in PROFILES["latin"].values() for word in lists.split()}
CHARACTER_SCRIPTS = frozenset(_UNSPACED)
"""Scripts in which a word here is a sign or a few, not a word of the language."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its text in lower case, its script, where it starts in the plain text."""

    text: str
    script: str
    start: int


def natural_text(text: str) -> str:
    """``text`` without maths, LaTeX commands, code, tags and addresses: each becomes one blank.

    Digits and operators need no removal: they are not words. Code and maths that read like plain
    sentences stay.

    >>> natural_text("So $x^2$ is `int` <b>4</b>")
    'So   is    4 '
    """
    return _REMOVED.sub(_replacement, text)


def words(text: str) -> list[Word]:
    """The words of ``text`` in order, what is no language left out.

    >>> [word.text for word in words("I 检查 x = 3, don't they?")]
    ['i', '检', '查', "don't", 'they']
    """
    return words_in(plain_text(text))


def plain_text(text: str) -> str:
    """The natural text in composed characters: where ``Word.start`` points."""
    return natural_text(unicodedata.normalize("NFC", text))


def words_in(plain: str) -> list[Word]:
    """The words of a text that is plain already."""
    return list(_words(plain))


def _words(plain: str) -> Iterator[Word]:
    shouted = plain.isupper()
    for match in _WORD.finditer(plain):
        script, word = match.lastgroup or "", match.group()
        if script not in ("latin", "greek") or _is_word(word, shouted):
            yield Word(word.lower(), script, match.start())


def _is_word(word: str, shouted: bool) -> bool:
    """Whether letters that mathematics uses too are a word; ``shouted``: all is in capitals."""
    if len(word) == 1:
        return word in "aAI" or not (word.isascii() or "\u0370" <= word <= "\u03ff")
    lower = word.lower()
    if lower in NEUTRAL:
        return False
    return shouted or not word.isupper() or len(word) > 4 or lower in _LISTED


def _replacement(match: re.Match[str]) -> str:
    """A blank, or the inside of something that is only dressed up as code or mathematics."""
    removed = match.group()
    if removed[0] not in "`$\\" or len(removed) < MIN_HIDDEN_WORDS:
        return " "
    inside = removed.strip("`$")
    if removed.startswith("\\"):
        if removed[1] not in "[(":
            return " "
        inside = removed[2:-2]
    prose = [m[1] for m in _PROSE.finditer(inside) if removed[0] != "`" and _is_prose(m[1])]
    kept = f" {' '.join(prose)} "
    signs = sum(not c.isspace() for c in inside)
    if not signs or len(_SYMBOL.findall(inside)) > MAX_SYMBOL_SHARE * signs:
        return kept
    hidden = sum(1 for _ in _words(inside))
    return f" {inside} " if hidden >= MIN_HIDDEN_WORDS else kept


def _is_prose(text: str) -> bool:
    return sum(1 for _ in _words(text)) >= MIN_PROSE_WORDS
