"""What every rule is made of: reading the gold answer, then judging a text by it.

The two are apart so that gold answers can be checked before anything is trained, and so that the
data's fault is never mistaken for the model's.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from cogitate.text.think import THINK_OPEN, has_visible_text
from cogitate.verdict import Status, Verdict, bad_gold, unparseable, wrong

G = TypeVar("G")

MAX_ANSWER_CHARS = 200_000
"""Longest final part of a completion that is judged, characters. A longer one is wrong."""
MAX_COMPLETION_CHARS = 2_000_000
"""The same for kinds that judge the whole completion."""
MAX_GOLD_CHARS = 200_000
"""Longest gold answer in JSON, characters."""
MAX_SHOWN_CHARS = 400
"""Longest gold or answer that a verdict repeats, characters."""


class GoldError(ValueError):
    """A gold answer cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[G]):
    """One kind of answer: ``rule(gold, text)`` is a verdict and raises nothing.

    ``read_gold`` turns a gold answer into what ``judge`` compares with, or raises GoldError.
    ``judge`` may rely on a text of bounded length with something visible in it.
    ``whole_completion`` says that the text is all of the completion, thinking included; the other
    rules take what follows the thinking, or the answer that a template has extracted from it.
    """

    kind: str
    read_gold: Callable[[object], G]
    judge: Callable[[G, str], Verdict]
    whole_completion: bool = False

    def __call__(self, gold: object, text: str, *, prefilled: bool = False) -> Verdict:
        """The verdict. ``prefilled``: the prompt ended with ``<think>``, so the text lacks it."""
        started = time.perf_counter()
        try:
            read = self.read_gold(gold)
        except GoldError as error:
            verdict = bad_gold(cause="bad_gold", reason=str(error))
        else:
            verdict = self._judged(read, text, prefilled)
        return replace(
            verdict,
            engine=verdict.engine or self.kind,
            gold=shown(gold) if verdict.gold is None else verdict.gold,
            milliseconds=1000.0 * (time.perf_counter() - started),
        )

    def check_gold(self, gold: object) -> str | None:
        """Why this gold answer cannot be used, or None."""
        try:
            self.read_gold(gold)
        except GoldError as error:
            return str(error)
        return None

    def _judged(self, read: G, text: str, prefilled: bool) -> Verdict:
        limit = MAX_COMPLETION_CHARS if self.whole_completion else MAX_ANSWER_CHARS
        if len(text) > limit:
            return wrong(cause="too_long", reason=f"longer than {limit:,} characters")
        if not has_visible_text(text):
            return unparseable(cause="empty", reason="there is no text to judge")
        if prefilled and self.whole_completion:
            text = THINK_OPEN + text
        return self.judge(read, text)


def shown(value: object) -> str:
    """A gold or an answer for people, on one line and cut.

    >>> shown({"target": 3}), shown("a\\nb")
    ('{"target": 3}', 'a b')
    """
    text = value if isinstance(value, str) else _as_json(value)
    text = " ".join(text[: 4 * MAX_SHOWN_CHARS].split())
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "\u2026"


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__


def gold_text(gold: object) -> str:
    """A gold answer that must be a text with something in it."""
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        raise GoldError(f"expected text, not {type(gold).__name__}")
    text = str(gold)
    if not has_visible_text(text):
        raise GoldError("empty")
    if len(text) > MAX_GOLD_CHARS:
        raise GoldError(f"longer than {MAX_GOLD_CHARS:,} characters")
    return text


def gold_json(gold: object) -> object:
    """A gold answer that is a JSON value, or the text of one."""
    if not isinstance(gold, str):
        return gold
    if len(gold) > MAX_GOLD_CHARS:
        raise GoldError(f"longer than {MAX_GOLD_CHARS:,} characters")
    try:
        return json.loads(gold)
    except (ValueError, RecursionError) as error:
        raise GoldError(f"no JSON: {error}") from error


def gold_mapping(
    gold: object, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    """A gold answer that is a JSON object with these fields and no others."""
    value = gold_json(gold)
    if not isinstance(value, Mapping):
        raise GoldError(f"expected an object with {_listed(required or optional)}")
    missing = [name for name in required if name not in value]
    if missing:
        raise GoldError(f"{_listed(missing)} missing")
    unknown = [str(name) for name in value if name not in (*required, *optional)]
    if unknown:
        raise GoldError(f"unknown {_listed(unknown)}; known: {_listed((*required, *optional))}")
    return value


def gold_integer(value: object, name: str, *, low: int = 0, high: int = 10**9) -> int:
    """A whole number in [low, high] out of a gold answer."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise GoldError(f"{name} must be a whole number from {low} to {high:,}, not {value!r:.40}")
    return value


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names[:8])


def judged(right: bool, *, cause: str = "", reason: str = "", answer: object = None) -> Verdict:
    """CORRECT, or WRONG for this cause."""
    return Verdict(
        status=Status.CORRECT if right else Status.WRONG,
        score=float(right),
        answer=None if answer is None else shown(answer),
        cause="" if right else cause,
        reason="" if right else reason,
    )
