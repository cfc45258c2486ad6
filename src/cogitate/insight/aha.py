"""The "aha moment" of single completions: what a reflective word leads to, and whether it helps.

An event is a reflective word; it is real when, within a few tokens, an intermediate result changes
or a fresh start is announced, and superficial otherwise. No judge model is involved. When such
words set in over a run is a question for ``changepoint``. Windows and definitions are ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cogitate.insight.resampling import statistic_interval
from cogitate.insight.steps import arithmetic_steps
from cogitate.insight.words import reflective_spans

EVENT_WINDOW = 30
"""Tokens (words, numbers and signs) after a marker within which a result must change (ours)."""

_RESTART = re.compile(
    r"\b(?:start(?:ing)?\s+(?:over|again)|try(?:ing)?\s+(?:again|another|a\s+different)"
    r"|re(?:do|compute|calculate|start)|from\s+the\s+(?:start|beginning))\b|重新",
    re.IGNORECASE,
)
_ROUGH_TOKEN = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|[^\sA-Za-z\d]")


class EventKind(StrEnum):
    """What follows a reflective word within the window."""

    CHANGED = "changed"  # another intermediate result than the last one before the word
    RESTART = "restart"  # an announced fresh start
    UNCHANGED = "unchanged"  # neither: superficial self-reflection


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectionEvent:
    """One reflective word (or several close together) in its place.

    before  the last intermediate result stated before it; None when there is none
    after   the first one stated within the window; None when there is none
    """

    start: int
    kind: EventKind
    before: Fraction | None
    after: Fraction | None


def _window_end(text: str, start: int, tokens: int) -> int:
    """Position after ``tokens`` rough tokens from ``start``."""
    end = start
    for index, match in enumerate(_ROUGH_TOKEN.finditer(text, start)):
        if index == tokens:
            break
        end = match.end()
    return end


def reflection_events(text: str, *, window: int = EVENT_WINDOW) -> tuple[ReflectionEvent, ...]:
    """Every reflective word with what it led to. Words inside an earlier word's window, before
    that word's outcome, belong to the same event.

    A result is the right-hand side of an arithmetic line. Superficial self-reflection (Liu et al.,
    arXiv:2503.20783) is an event of kind ``unchanged``.

    >>> [e.kind.value for e in reflection_events("3 * 4 = 13. Wait, 3 * 4 = 12. But why? Fine.")]
    ['changed', 'unchanged']
    """
    steps = arithmetic_steps(text)
    events: list[ReflectionEvent] = []
    covered = 0
    for start, end in reflective_spans(text):
        if start < covered:
            continue
        limit = _window_end(text, end, window)
        before = next((s.stated for s in reversed(steps) if s.end <= start), None)
        following = [s for s in steps if s.start >= start and s.end <= limit]
        changed = next((s for s in following if before is not None and s.stated != before), None)
        restart = _RESTART.search(text, start, limit)
        if changed is not None:
            kind, covered = EventKind.CHANGED, changed.end
        elif restart is not None:
            kind, covered = EventKind.RESTART, restart.end()
        else:
            kind, covered = EventKind.UNCHANGED, end
        after = changed or (following[0] if following else None)
        events.append(
            ReflectionEvent(
                start=start, kind=kind, before=before, after=after.stated if after else None
            )
        )
    return tuple(events)


def has_real_event(events: Sequence[ReflectionEvent]) -> bool:
    """At least one event changed a result or restarted."""
    return any(event.kind is not EventKind.UNCHANGED for event in events)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEffect:
    """P(correct | event) - P(correct | no event), compared within problems.

    difference  weighted mean over problems with both kinds; None when there is no such problem
    ci95        bootstrap over problems
    """

    num_with_event: int
    num_without_event: int
    num_problems_compared: int
    difference: float | None
    ci95: tuple[float, float] | None


def _weighted_mean(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, n, 2) of (value, weight) to (R,) means."""
    return (sample[..., 0] * sample[..., 1]).sum(axis=-1) / sample[..., 1].sum(axis=-1)


def event_effect(
    problem_ids: Sequence[str],
    has_event: Sequence[bool],
    correct: Sequence[bool],
    *,
    seed: int = 0,
    resamples: int = 1_000,
) -> EventEffect:
    """Whether completions with an event are right more often, on the same problems.

    difference = sum_p w_p (mean correct with - mean correct without) / sum_p w_p,
    w_p = n_with n_without / (n_with + n_without)          (Mantel-Haenszel weights)

    Association, not cause: a model reflects where a problem is hard, which stratifying by problem
    removes only between problems, not between samples.

    >>> event_effect(["p"] * 4, [True, True, False, False], [True, True, True, False]).difference
    0.5
    """
    strata: dict[str, tuple[list[bool], list[bool]]] = {}
    for problem, event, right in zip(problem_ids, has_event, correct, strict=True):
        strata.setdefault(problem, ([], []))[0 if event else 1].append(right)
    compared = [
        (sum(w) / len(w) - sum(o) / len(o), len(w) * len(o) / (len(w) + len(o)))
        for w, o in strata.values()
        if w and o
    ]
    pairs = np.asarray(compared, dtype=np.float64)
    return EventEffect(
        num_with_event=sum(has_event),
        num_without_event=len(has_event) - sum(has_event),
        num_problems_compared=len(compared),
        difference=float(_weighted_mean(pairs[None])[0]) if compared else None,
        ci95=statistic_interval(pairs, _weighted_mean, seed=seed, resamples=resamples)
        if compared
        else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueHarm:
    """What happened to completions whose result changed after a reflective word.

    rescue_rate  of those that were wrong before the word, the share that ended right
    harm_rate    of those that were right before the word, the share that ended wrong
    Both are None when there is nothing to divide by.
    """

    wrong_before: int
    rescued: int
    right_before: int
    harmed: int

    @property
    def rescue_rate(self) -> float | None:
        return self.rescued / self.wrong_before if self.wrong_before else None

    @property
    def harm_rate(self) -> float | None:
        return self.harmed / self.right_before if self.right_before else None


def rescue_and_harm(
    events: Sequence[Sequence[ReflectionEvent]],
    gold: Sequence[Fraction | None],
    correct: Sequence[bool],
) -> RescueHarm:
    """Rescue and harm counts over completions (one entry of each argument per completion).

    A completion counts once, by its first event that changed a result: it was right before when
    the result standing before the word equals the gold number. Completions without a gold number
    or such an event are left out.
    """
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for found, answer, right in zip(events, gold, correct, strict=True):
        first = next((event for event in found if event.kind is EventKind.CHANGED), None)
        if first is not None and answer is not None:
            counts[first.before == answer, bool(right)] += 1
    return RescueHarm(
        wrong_before=counts[False, True] + counts[False, False],
        rescued=counts[False, True],
        right_before=counts[True, True] + counts[True, False],
        harmed=counts[True, False],
    )
