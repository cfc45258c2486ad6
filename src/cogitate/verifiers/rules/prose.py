"""Rules about how the thinking is written: its language, its steps, its repetitions, its length.

They judge the whole completion. Language and steps look at the thinking, or at everything if the
completion has no thinking section.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cogitate.text.language import language_code, language_consistency
from cogitate.text.repetition import distinct_share, repeated_share, units
from cogitate.text.think import cut_at_turn_end, split_think
from cogitate.verdict import Verdict
from cogitate.verifiers.rules.rule import (
    MAX_COMPLETION_CHARS,
    GoldError,
    Rule,
    gold_integer,
    gold_mapping,
    judged,
)

T = TypeVar("T")

MIN_CONSISTENCY = 0.9
"""Share of words in the target language that a completion needs by default."""
MIN_STEPS = 3
"""Steps that a completion needs by default (as open-r1's step counter asks)."""
MIN_STEP_WORDS = 3
"""Different words that a step needs beside its label; where it states a relation, numbers count."""
MAX_REPEATED = 0.4
"""Largest share of repeated 4-grams of a completion."""
WINDOW, MAX_WINDOW_REPEATED = 200, 0.8
"""Units of a stretch, and the share of repeated 4-grams that makes it a loop."""
SHORT, MAX_SHORT_REPEATED = 60, 0.7
"""A text with fewer units may repeat this share at least: one formula soon repeats its signs."""
NGRAM, MIN_UNITS = 4, 12
"""Length of the n-grams; a text with fewer units than ``MIN_UNITS`` does not repeat itself."""

_STEP_END = re.compile(r"\n+|(?<=[.!?\u3002\uff01\uff1f;])\s+|(?<=[\u3002\uff01\uff1f])")
_RELATIONS = frozenset("=<>\u2248\u2260\u2264\u2265")
_LABEL_WORDS = frozenset(
    """step steps first firstly second secondly third thirdly fourth fifth next then finally lastly
    last also moreover furthermore however therefore thus hence so now begin start conclusion
    schritt schritte erstens zweitens drittens zuerst dann danach schließlich also
    étape premièrement deuxièmement ensuite puis enfin donc paso primero segundo tercero luego
    finalmente entonces passo primo secondo terzo poi infine quindi primeiro depois então
    шаг сначала затем потом наконец 第 步 首 先 其 次 然 后 後 最 接 着 下 来 一 二 三 四 五
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageGold:
    """The language the thinking should be in, and the share of words that must be."""

    language: str
    minimum: float = MIN_CONSISTENCY


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthGold:
    """Bounds on the completion, in words (a Chinese character is one) or characters."""

    min_words: int = 0
    max_words: int = MAX_COMPLETION_CHARS
    min_characters: int = 0
    max_characters: int = MAX_COMPLETION_CHARS


def thinking(text: str) -> str:
    """The thinking of a completion, or all of it if it has no thinking section."""
    text = cut_at_turn_end(text)
    think, _ = split_think(text)
    return text if think is None else think


def read_language(gold: object) -> LanguageGold:
    """A language, or ``{"language": ..., "minimum": share in (0, 1]}``."""
    minimum: object = MIN_CONSISTENCY
    if isinstance(gold, Mapping):
        fields = gold_mapping(gold, required=("language",), optional=("minimum",))
        gold, minimum = fields["language"], fields.get("minimum", MIN_CONSISTENCY)
    if not isinstance(gold, str):
        raise GoldError("expected a language such as en")
    if isinstance(minimum, bool) or not isinstance(minimum, int | float) or not 0 < minimum <= 1:
        raise GoldError('"minimum" must be a share in (0, 1]')
    try:
        return LanguageGold(language=language_code(gold), minimum=float(minimum))
    except ValueError as error:
        raise GoldError(str(error)) from error


def judge_language(gold: LanguageGold, text: str) -> Verdict:
    """CORRECT if enough words of the thinking are in the language; no words are not enough."""
    share = language_consistency(thinking(text), gold.language)
    return judged(
        share >= gold.minimum,
        cause="language",
        reason=f"{share:.0%} of the words that count are in {gold.language}",
        answer=f"{share:.4f}",
    )


def read_steps(gold: object) -> int:
    """The least number of steps: ``{"minimum": n}``, or any words, which mean the default."""
    if isinstance(gold, Mapping):
        fields = gold_mapping(gold, required=("minimum",))
        return gold_integer(fields["minimum"], '"minimum"', low=1, high=1000)
    return _default(gold, MIN_STEPS)


def judge_steps(gold: int, text: str) -> Verdict:
    """CORRECT if the thinking has that many different steps that say something."""
    reasoning = thinking(text)
    steps = genuine_steps(reasoning)
    if repeated_share(units(reasoning), NGRAM) > 0.5:
        return judged(False, cause="repetition", reason="most of it is repeated", answer=len(steps))
    reason = f"{len(steps)} different steps with content, {gold} asked for"
    return judged(len(steps) >= gold, cause="few_steps", reason=reason, answer=len(steps))


def genuine_steps(text: str) -> list[str]:
    """The different sentences or lines that hold something beside a label.

    >>> genuine_steps("First, second. Step 1:\\n- Add 3 and 4 to get 7.\\n* add 3 and 4 to get 7.")
    ['add 3 and 4 to get 7']
    """
    steps: dict[str, None] = {}
    for part in _STEP_END.split(text):
        content = [unit for unit in units(part) if unit not in _LABEL_WORDS]
        while content and not content[0].isalnum():
            content.pop(0)
        while content and not content[-1].isalnum():
            content.pop()
        said = {unit for unit in content if unit.isalpha()}
        if not _RELATIONS.isdisjoint(content):
            said.update(unit for unit in content if unit.isalnum())
        if len(said) >= MIN_STEP_WORDS:
            steps[" ".join(content)] = None
    return list(steps)


def read_repetition(gold: object) -> float:
    """The largest share: ``{"maximum": share in (0, 1)}``, or any words, which mean the default."""
    if not isinstance(gold, Mapping):
        return _default(gold, MAX_REPEATED)
    maximum = gold_mapping(gold, required=("maximum",))["maximum"]
    if isinstance(maximum, bool) or not isinstance(maximum, int | float) or not 0 < maximum < 1:
        raise GoldError('"maximum" must be a share between 0 and 1')
    return float(maximum)


def judge_repetition(gold: float, text: str) -> Verdict:
    """CORRECT if neither the completion nor any stretch of it goes round in circles."""
    everything = units(cut_at_turn_end(text))
    if len(everything) < MIN_UNITS:
        return judged(True, answer="0.0000")
    share = repeated_share(everything, NGRAM)
    windows = (everything[i : i + WINDOW] for i in range(0, len(everything) - WINDOW + 1, WINDOW))
    worst = max((repeated_share(window, NGRAM) for window in windows), default=0.0)
    few_words = len(everything) >= WINDOW // 4 and distinct_share(everything) < 0.02
    most = gold if len(everything) >= SHORT else max(gold, MAX_SHORT_REPEATED)
    return judged(
        share <= most and worst <= MAX_WINDOW_REPEATED and not few_words,
        cause="repetition",
        reason=f"{share:.0%} of its {NGRAM}-grams repeat earlier ones, {worst:.0%} in one stretch",
        answer=f"{share:.4f}",
    )


def read_length(gold: object) -> LengthGold:
    """``{"max_words": n}`` and the like: ``min_`` or ``max_``, ``words`` or ``characters``."""
    names = ("min_words", "max_words", "min_characters", "max_characters")
    fields = gold_mapping(gold, optional=names)
    if not fields:
        raise GoldError("no bound")
    bounds = LengthGold(
        **{name: gold_integer(value, f'"{name}"') for name, value in fields.items()}
    )
    if bounds.min_words > bounds.max_words or bounds.min_characters > bounds.max_characters:
        raise GoldError("the lower bound is above the upper one")
    return bounds


def judge_length(gold: LengthGold, text: str) -> Verdict:
    """CORRECT if the completion stays within the bounds."""
    text = cut_at_turn_end(text).strip()
    words = sum(unit.isalnum() for unit in units(text))
    right = (
        gold.min_words <= words <= gold.max_words
        and gold.min_characters <= len(text) <= gold.max_characters
    )
    reason = f"{words} words, {len(text)} characters"
    return judged(right, cause="length", reason=reason, answer=reason)


def _default(gold: object, value: T) -> T:
    """The default where the gold answer is absent or only describes the rule in words."""
    if gold is None or isinstance(gold, str):
        return value
    raise GoldError(f"expected an object or words, not {type(gold).__name__}")


LANGUAGE = Rule(
    kind="language", read_gold=read_language, judge=judge_language, whole_completion=True
)
STEPS = Rule(kind="reasoning_steps", read_gold=read_steps, judge=judge_steps, whole_completion=True)
REPETITION = Rule(
    kind="repetition", read_gold=read_repetition, judge=judge_repetition, whole_completion=True
)
LENGTH = Rule(kind="length", read_gold=read_length, judge=judge_length, whole_completion=True)
