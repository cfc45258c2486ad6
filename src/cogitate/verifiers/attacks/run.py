"""Trying the corpus on a reward: one of our verifiers, or any function of a row."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cogitate.verdict import Status, Verdict
from cogitate.verifiers.attacks.corpus import Attack, corpus
from cogitate.verifiers.attacks.report import AttackReport, Finding, Trial
from cogitate.verifiers.grade import RowVerifier

PATIENCE = 1.0
"""A row is slow when it takes longer than its limit times this."""

Score = Verdict | float | None
Reward = Callable[[Attack], Score]
"""A score for a row: a verdict, a number, or None for "could not be verified"."""


class RewardFault(RuntimeError):
    """Raised by a reward function that runs elsewhere and failed there; ``slow`` says that it was
    killed because it took too long."""

    def __init__(self, reason: str, *, slow: bool = False) -> None:
        super().__init__(reason)
        self.slow = slow


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    attack: Attack
    score: float | None
    seconds: float
    fault: str = ""
    verdict: Verdict | None = None
    broken: bool = False
    slow: bool = False


def attack(
    reward: str | Reward,
    *,
    rows: Iterable[Attack] | None = None,
    verifier: RowVerifier | None = None,
    name: str = "",
    on_trial: Callable[[int, int], None] | None = None,
) -> AttackReport:
    """What gets through a reward, row by row.

    ``reward`` is a kind of our verifiers ("math", "code_stdio", or "all") or a function of an
    ``Attack``. A function is called in this process and may hang it: for functions that nobody
    trusts there is ``cogitate reward attack``, which calls them in a process of their own.
    ``on_trial(done, of)`` is called after each row.

    >>> attack(lambda row: float(str(row.gold) in row.completion)).ok  # tolerant to a fault
    False
    """
    if isinstance(reward, str):
        kinds = None if reward == "all" else [reward]
        chosen = tuple(rows) if rows is not None else corpus(kinds)
        if verifier is not None:  # the caller's: it stays open
            return _report(reward, _verify(verifier, chosen, on_trial), fixed=True)
        with RowVerifier() as own:
            scored = _verify(own, chosen, on_trial)
        return _report(reward, scored, fixed=True)
    chosen = tuple(rows) if rows is not None else corpus(["math"])
    scored = []
    for number, row in enumerate(chosen, 1):
        scored.append(score_row(reward, row))
        if on_trial is not None:
            on_trial(number, len(chosen))
    shown = name or getattr(reward, "__name__", type(reward).__name__)
    return _report(shown, scored, fixed=False)


def score_row(reward: Reward, row: Attack) -> _Scored:
    """One call of a reward, timed, with whatever goes wrong in it as a fault."""
    started = time.perf_counter()
    try:
        value = reward(row)
    except RewardFault as error:
        seconds = time.perf_counter() - started
        return _Scored(
            attack=row, score=None, seconds=seconds, fault=str(error), broken=not error.slow,
            slow=error.slow,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001  the boundary to code that is not ours
        fault = f"raised {type(error).__name__}: {str(error)[:200]}"
        seconds = time.perf_counter() - started
        return _Scored(attack=row, score=None, seconds=seconds, fault=fault, broken=True)
    return _scored(row, value, time.perf_counter() - started)


def _verify(
    verifier: RowVerifier, rows: Sequence[Attack], on_trial: Callable[[int, int], None] | None
) -> list[_Scored]:
    scored = []
    outcomes = verifier.verify_all(row.row() for row in rows)
    for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True), 1):
        if isinstance(outcome, Verdict):
            scored.append(_scored(row, outcome, outcome.milliseconds / 1000.0))
        else:
            scored.append(
                _Scored(attack=row, score=None, seconds=0.0, fault=str(outcome), broken=True)
            )
        if on_trial is not None:
            on_trial(number, len(rows))
    return scored


def _scored(row: Attack, value: Any, seconds: float) -> _Scored:
    if isinstance(value, Verdict):
        score = value.score if value.status.trains else None
        fault = "" if value.status.trains else f"{value.status}: {value.reason or value.cause}"
        return _Scored(attack=row, score=score, seconds=seconds, fault=fault, verdict=value)
    if value is None:
        return _Scored(attack=row, score=None, seconds=seconds, fault="returned None")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        fault = f"returned {type(value).__name__}, which is no number"
        return _Scored(attack=row, score=None, seconds=seconds, fault=fault, broken=True)
    if not math.isfinite(number):
        fault = f"returned {number}"
        return _Scored(attack=row, score=None, seconds=seconds, fault=fault, broken=True)
    return _Scored(attack=row, score=number, seconds=seconds)


def _report(name: str, scored: Sequence[_Scored], *, fixed: bool) -> AttackReport:
    """``fixed``: scores are those of verdicts, where a right answer has 1 and nothing else."""
    right = [s.score for s in scored if s.attack.plain and s.score is not None]
    wrong = [s.score for s in scored if _is_honest_mistake(s.attack) and s.score is not None]
    low, high = (1.0, 0.0) if fixed else (min(right, default=0.0), max(wrong, default=0.0))
    # Without a difference there is no telling right from wrong: what earns as much is through.
    threshold = 1.0 if fixed else (low + high) / 2 if low > high else low
    return AttackReport(
        reward=name,
        trials=tuple(_trial(s, threshold) for s in scored),
        right_score=low,
        wrong_score=high,
    )


def _is_honest_mistake(row: Attack) -> bool:
    return row.correct is False and row.id.split("/")[2] == "off-by-one"


def _trial(scored: _Scored, threshold: float) -> Trial:
    return Trial(
        attack=scored.attack,
        finding=_finding(scored, threshold),
        score=scored.score,
        seconds=scored.seconds,
        fault=scored.fault,
        verdict="" if scored.verdict is None else str(scored.verdict.status),
    )


def _finding(scored: _Scored, threshold: float) -> Finding:
    row, score = scored.attack, scored.score
    if scored.broken:
        return Finding.BROKEN
    if scored.slow or scored.seconds > PATIENCE * row.limit:
        return Finding.SLOW
    if row.correct is None:
        masked = scored.verdict is None or scored.verdict.status is Status.BAD_GOLD
        return Finding.RIGHT if score is None and masked else Finding.THROUGH
    if score is None:
        return Finding.UNGRADED
    if (score >= threshold) is row.correct:
        return Finding.RIGHT
    return Finding.REFUSED if row.correct else Finding.THROUGH
