r"""Which language each word of a text is in, and the language-consistency reward of R1.

    R_lang = words of the thinking in the target language / words of the thinking

Paper: DeepSeek-R1 (arXiv:2501.12948v2) eq. 7. How the paper cuts words and tells languages apart
is unpublished; this is ours. A script that belongs to one language names it. Chinese characters
are Japanese in sentences with kana and Chinese elsewhere. Words of the Latin, Cyrillic, Arabic and
Devanagari scripts go to the language whose words and word pieces they resemble most, where a
change of language within a sentence needs evidence from several words: one "in" or "die" says
little, its neighbours decide.

The reward counts each word once: a word that repeats the one before it, words that repeat a passage
seen before and long stretches of grammar words without content are padding and count for no
language. Where more than half of the words in the target language are padding, the reward shrinks.
A text without words scores 0 unless the caller says otherwise; scoring it 1 pays a
policy for not thinking at all.
"""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from cogitate.text.language_profiles import ABSENT, PROFILES, SINGLE
from cogitate.text.segmentation import (
    CHARACTER_SCRIPTS,
    Word,
    natural_text,
    plain_text,
    words_in,
)

__all__ = [
    "LANGUAGES",
    "detect_language",
    "language_code",
    "language_consistency",
    "language_shares",
    "natural_text",
    "word_languages",
]

LANGUAGES = frozenset(
    {"zh", "ja"} | set(SINGLE.values()) | {code for group in PROFILES.values() for code in group}
)
"""ISO 639-1 codes of the languages that are told apart."""

_NAMES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it",
    "portuguese": "pt", "dutch": "nl", "swedish": "sv", "finnish": "fi", "polish": "pl",
    "czech": "cs", "romanian": "ro", "hungarian": "hu", "turkish": "tr", "vietnamese": "vi",
    "indonesian": "id", "malay": "id", "ms": "id", "swahili": "sw", "russian": "ru",
    "ukrainian": "uk", "bulgarian": "bg", "arabic": "ar", "persian": "fa", "farsi": "fa",
    "urdu": "ur", "hindi": "hi", "marathi": "mr", "nepali": "ne", "chinese": "zh", "zho": "zh",
    "cmn": "zh", "mandarin": "zh", "japanese": "ja", "korean": "ko", "thai": "th",
    "bengali": "bn", "telugu": "te", "tamil": "ta", "greek": "el", "hebrew": "he", "iw": "he",
}  # fmt: skip

SWITCH_COST = 6.0
"""Evidence, in nats, that a change of language inside a sentence needs."""
SENTENCE_SWITCH_COST = 3.0
"""The same between sentences."""
LISTED_WEIGHT = 3.0
"""Evidence of a word that stands in the list of a language, nats."""
ABSENT_WEIGHT = 2.0
"""Evidence against a language that does not have a letter of the word, nats."""
PIECES_WEIGHT = 0.6
"""Weight of the evidence from three-letter pieces."""
MAX_WORD_EVIDENCE = 4.0
"""Most that one word can say against a language, nats."""
TARGET_WEIGHT = 0.2
"""Evidence for the target language that every word is credited with, nats: a name or a word of no
language in particular is no reason to doubt it."""
MAX_CANDIDATES = 5
"""Languages of one script that are considered in one text."""
KANA_SHARE = 0.1
"""Share of kana from which a sentence with Chinese characters is Japanese."""

TITLE_SIGNS = 8
"""Most characters of a sentence without kana that a Japanese text may contain."""
PIECES_PRIOR, PIECES_KINDS = 0.5, 2000
"""Smoothing of the word pieces: what is added to each count, and how many kinds there may be."""

REPEATED_WORDS, REPEATED_CHARACTERS = 4, 8
"""Length of a passage whose repetition does not count, in words, and in signs of scripts that are
written without blanks."""
MIN_COUNTED = 0.5
"""Share of the words in the target language that must count for the full reward."""
BLOCK_WORDS, MIN_CONTENT = 24, 0.15
"""Of so many words in a row, at least this share must carry meaning, or none of them counts."""

_SENTENCE_END = re.compile(
    r"[.!?\u2026]++(?=[\s\"'\u201d\u2019)\]*]|\Z)|[\u3002\uff01\uff1f\uff1b;\n\u0964\u061f\u06d4]"
)


def language_consistency(think: str, language: str, *, empty: float = 0.0) -> float:
    """The share of the words of ``think`` that are in ``language``, in [0, 1].

    ``empty`` is the score of a text in which no word counts. ``language`` is a code such as "en",
    "zh-CN" or an English name.

    Raises:
        ValueError: the language is not one of LANGUAGES.

    >>> language_consistency("So we need 答案, 42", "en")
    0.6
    >>> language_consistency("$x = 2$", "en"), language_consistency("$x = 2$", "en", empty=1.0)
    (0.0, 1.0)
    """
    target = language_code(language)
    found, languages = _tagged(think, target)
    counted = [languages[i] for i in _counted(found, languages)]
    if not counted:
        return empty
    right, written = counted.count(target), languages.count(target)
    return right / len(counted) * min(1.0, right / (MIN_COUNTED * written or 1.0))


def detect_language(text: str) -> str | None:
    """The language that most words of ``text`` are in; None for a text without words.

    >>> detect_language("Wie viele Eier legt die Ente am Tag?"), detect_language("2 + 2 = 4")
    ('de', None)
    """
    languages = [code for code in word_languages(text) if code is not None]
    return Counter(languages).most_common(1)[0][0] if languages else None


def language_shares(text: str) -> dict[str, float]:
    """Language -> share of the words, largest first; words of no known language are left out.

    >>> language_shares("the answer is 答案")
    {'en': 0.6, 'zh': 0.4}
    """
    counts = Counter(code for code in word_languages(text) if code is not None)
    total = counts.total()
    return {code: count / total for code, count in counts.most_common()}


def word_languages(text: str, *, target: str | None = None) -> list[str | None]:
    """The language of every word of ``text`` in order; None where the script is not known.

    ``target`` is considered even if nothing in the text resembles it.
    """
    return _tagged(text, target)[1]


def language_code(language: str) -> str:
    """The code in LANGUAGES for a code with or without a region, or for an English name.

    Raises:
        ValueError: it is none of them.

    >>> language_code("zh-Hans"), language_code("German")
    ('zh', 'de')
    """
    code = re.split(r"[-_ ]", language.strip().lower())[0]
    code = _NAMES.get(code, code)
    if code not in LANGUAGES:
        raise ValueError(
            f'unknown language "{language[:40]}"; known: {", ".join(sorted(LANGUAGES))}'
        )
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profile:
    """What is known about one language: its words, those without meaning, letters it does not
    have, its word pieces."""

    listed: frozenset[str]
    absent: frozenset[str]
    grammar: frozenset[str]
    pieces: Mapping[str, float]
    floor: float


def _tagged(text: str, target: str | None) -> tuple[list[Word], list[str | None]]:
    """The words of ``text`` and the language of each."""
    plain = plain_text(text)
    found = words_in(plain)
    ends = [match.end() for match in _SENTENCE_END.finditer(plain)]
    sentences = [bisect_right(ends, word.start) for word in found]
    languages = [SINGLE.get(word.script) for word in found]
    for i, language in _east_asian(found, sentences):
        languages[i] = language
    for script in PROFILES:
        members = [i for i, word in enumerate(found) if word.script == script]
        if members:
            decoded = _decode(
                script, [found[i].text for i in members], [sentences[i] for i in members], target
            )
            for i, language in zip(members, decoded, strict=True):
                languages[i] = language
    return found, languages


def _east_asian(found: Sequence[Word], sentences: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Chinese or Japanese, sentence by sentence; a title without kana goes with the text."""
    kana: Counter[int] = Counter()
    signs: Counter[int] = Counter()
    for word, sentence in zip(found, sentences, strict=True):
        if word.script in ("kana", "han"):
            signs[sentence] += 1
            kana[sentence] += word.script == "kana"
    in_japanese = kana.total() >= 2 * KANA_SHARE * signs.total()
    for i, (word, sentence) in enumerate(zip(found, sentences, strict=True)):
        if word.script == "kana":
            yield i, "ja"
        elif word.script == "han":
            number = signs[sentence]
            title = not kana[sentence] and number <= TITLE_SIGNS and in_japanese
            yield i, "ja" if title or kana[sentence] >= max(1, KANA_SHARE * number) else "zh"


def _decode(
    script: str, tokens: Sequence[str], sentences: Sequence[int], target: str | None
) -> list[str]:
    """The likeliest languages of a sequence of words of one script (Viterbi)."""
    evidence = [_evidence(script, token) for token in tokens]
    codes = list(PROFILES[script])
    chosen = _candidates(evidence, codes.index(target) if target in codes else None)
    best = [0.0] * len(chosen)
    back: list[list[int]] = []
    for position, scores in enumerate(evidence):
        same = position and sentences[position] == sentences[position - 1]
        winner = max(range(len(chosen)), key=best.__getitem__)
        changed = best[winner] - (SWITCH_COST if same else SENTENCE_SWITCH_COST)
        back.append([k if best[k] >= changed else winner for k in range(len(chosen))])
        best = [
            max(best[k], changed) + scores[code] + (TARGET_WEIGHT if codes[code] == target else 0)
            for k, code in enumerate(chosen)
        ]
    state = max(range(len(chosen)), key=best.__getitem__)
    path: list[str] = []
    for pointers in reversed(back):
        path.append(codes[chosen[state]])
        state = pointers[state]
    return path[::-1]


def _candidates(evidence: Sequence[tuple[float, ...]], target: int | None) -> list[int]:
    """The languages that most words point to, and the target, in the order of the profiles."""
    wins: Counter[int] = Counter()
    for scores in evidence:
        top = max(scores)
        winners = [k for k, score in enumerate(scores) if score >= top - 0.5]
        for k in winners:
            wins[k] += 1.0 / len(winners)  # type: ignore[assignment]
    chosen = {k for k, _ in wins.most_common(MAX_CANDIDATES)}
    return sorted(chosen | ({target} if target is not None else set()))


@lru_cache(maxsize=65_536)
def _evidence(script: str, word: str) -> tuple[float, ...]:
    """For every language of a script, how much worse it explains a word than the best one does."""
    padded = f" {word[:24]} "
    pieces = [padded[i : i + 3] for i in range(len(padded) - 2)]
    scores = [
        LISTED_WEIGHT * (word in profile.listed)
        - ABSENT_WEIGHT * (not profile.absent.isdisjoint(word))
        + PIECES_WEIGHT * sum(profile.pieces.get(piece, profile.floor) for piece in pieces)
        for profile in _profiles(script).values()
    ]
    top = max(scores)
    return tuple(max(score - top, -MAX_WORD_EVIDENCE) for score in scores)


@cache
def _profiles(script: str) -> Mapping[str, _Profile]:
    return {code: _profile(code, text) for code, text in PROFILES[script].items()}


def _profile(code: str, text: str) -> _Profile:
    grammar, _, common = text.partition("|")
    listed = frozenset(f"{grammar} {common}".split())
    counts = Counter(
        padded[i : i + 3] for word in listed for padded in [f" {word} "] for i in range(len(word))
    )
    total = counts.total() + PIECES_PRIOR * PIECES_KINDS
    return _Profile(
        listed=listed,
        absent=frozenset(ABSENT.get(code, "")),
        grammar=frozenset(grammar.split()),
        pieces={piece: math.log((n + PIECES_PRIOR) / total) for piece, n in counts.items()},
        floor=math.log(PIECES_PRIOR / total),
    )


def _counted(found: Sequence[Word], languages: Sequence[str | None]) -> list[int]:
    """Positions of the words that count: no repeated passages, no blocks without content."""
    seen: set[tuple[str, ...]] = set()
    texts = [word.text for word in found]
    fresh: list[int] = []
    for i, word in enumerate(found):
        size = REPEATED_CHARACTERS if word.script in CHARACTER_SCRIPTS else REPEATED_WORDS
        passage = tuple(texts[max(0, i + 1 - size) : i + 1])
        again = i > 0 and texts[i] == texts[i - 1] and word.script not in CHARACTER_SCRIPTS
        if not again and (len(passage) < size or passage not in seen):
            fresh.append(i)
        seen.add(passage)
    grammar = {code: p.grammar for script in PROFILES for code, p in _profiles(script).items()}
    counted: list[int] = []
    for block in _blocks(fresh, languages):
        listed = grammar.get(languages[block[0]] or "", frozenset[str]())
        content = sum(texts[i] not in listed for i in block)
        if 2 * len(block) < BLOCK_WORDS or content >= MIN_CONTENT * len(block):
            counted.extend(block)
    return counted


def _blocks(positions: Sequence[int], languages: Sequence[str | None]) -> Iterator[list[int]]:
    """Runs of words in one language, cut into blocks."""
    block: list[int] = []
    for i in positions:
        if block and (languages[i] != languages[block[0]] or len(block) >= BLOCK_WORDS):
            yield block
            block = []
        block.append(i)
    if block:
        yield block
