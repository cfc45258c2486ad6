"""The work of ``cogitate reward test``: what every reward must do, tried out."""

import math
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cogitate.cli.grading_text import ending
from cogitate.cli.reward_targets import HOSTILE, Fault, Score, Target
from cogitate.display.safe_text import one_line, strip_controls
from cogitate.display.shapes import aligned
from cogitate.errors import ConfigError
from cogitate.verdict import Verdict
from cogitate.verifiers.attacks import Attack

GARBAGE = (
    "", " ", "\n" * 2000, "\x00", "\ud800", "\u202e24", "\u200b", "\U0001f389" * 50, "{}",
    "[" * 3000, "null", "NaN", "-inf", "1e999", "9**9**9**9", "</think>", "<think>" * 2000,
    "<answer></answer>", "\\boxed{" * 2000, "\\boxed{}", "\\frac{1}{0}", "$" * 5000,
    "```python\n```", "a" * 200_000, "%s %d {0} {x.__class__}", "__import__('os').getpid()",
    "Answer:", "\r\n\t\v\f", "<|im_end|>",
)  # fmt: skip
"""Completions that mean nothing. They may earn anything finite, but must not break a reward."""
SAME = 1e-9
EXAMPLES = 5
MAX_TIMEOUTS = 3
"""Calls in a row that time out before the reward is asked no more."""
NOT_TESTED = Fault(cause="not_tested", reason="not tested")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One property of a reward. ``ok`` is None for what is said and not demanded."""

    name: str
    ok: bool | None
    detail: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardReport:
    """All checks of one reward."""

    reward: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing that is demanded failed."""
        return all(check.ok is not False for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The report for programs."""
        checks = [
            {"name": c.name, "ok": c.ok, "detail": c.detail, "examples": list(c.examples)}
            for c in self.checks
        ]
        return {"reward": self.reward, "ok": self.ok, "checks": checks}


@dataclass(slots=True)
class _Timed:
    """A target whose calls are timed."""

    target: Target
    seconds: list[float] = field(default_factory=list[float])
    timeouts: int = 0
    """In a row, up to now."""
    untested: int = 0

    def score(self, rows: Sequence[Attack]) -> list[Score]:
        """Scores, or what says that the reward is not asked any more."""
        if self.timeouts >= MAX_TIMEOUTS:
            self.untested += len(rows)
            return [NOT_TESTED] * len(rows)
        started = time.perf_counter()
        scores = self.target.score(rows)
        self.seconds.append((time.perf_counter() - started) / max(1, len(rows)))
        late = any(isinstance(score, Fault) and score.cause == "timeout" for score in scores)
        self.timeouts = self.timeouts + 1 if late else 0
        return scores


def run_checks(target: Target) -> RewardReport:
    """Every check on a target."""
    rows = honest_rows(target)
    timed = _Timed(target)
    right = [row for row in rows if row.correct]
    wrong = [row for row in rows if row.correct is False]
    scores = {row.id: timed.score([row])[0] for row in [*right, *wrong]}
    top = 1.0 if target.fixed_scale else max(map(number, scores.values()), default=math.nan)
    checks = [
        _gold(right, scores, top),
        _corrupted(wrong, scores, top),
        _garbage(timed, rows),
        _repeated(timed, rows, scores),
        _grouped(timed, rows, scores),
        _speed(timed.seconds),
    ]
    if timed.untested:
        detail = f"{MAX_TIMEOUTS} calls in a row timed out; {timed.untested} more were not tested"
        checks.append(Check(name="comes back", ok=False, detail=detail))
    return RewardReport(reward=target.name, checks=tuple(checks))


def honest_rows(target: Target) -> list[Attack]:
    """Rows that are about right and wrong answers, not about attacks: for mathematics the gold as
    it is and the next number, for other kinds everything that is not hostile."""
    rows = [row for row in target.rows() if row.correct is not None]
    plain = [row for row in rows if row.plain or row.id.split("/")[2] == "off-by-one"]
    both = {row.correct for row in plain} == {True, False}
    honest = plain if both else [row for row in rows if row.family not in HOSTILE]
    if not honest:
        raise ConfigError(f"{target.name}: there are no rows to test it with. Give --data FILE.")
    return honest


def check_row(target: Target, index: int) -> dict[str, Any]:
    """Everything about one row: with --data that of the file, else the n-th of the test.

    Raises:
        ConfigError: there is no such row.
    """
    rows = honest_rows(target)
    chosen = [row for row in rows if row.id.endswith(f"/row {index}")]
    if not chosen:
        if not 0 <= index < len(rows):
            raise ConfigError(f"--row {index}: there are rows 0 to {len(rows) - 1}.")
        chosen = [rows[index]]
    found = []
    for row in chosen:
        started = time.perf_counter()
        [score] = target.score([row])
        found.append({
            "id": row.id, "question": row.question, "gold": row.gold,
            "columns": sorted(row.columns), "completion": row.completion,
            "should_be_correct": row.correct, "score": _plain(score), "said": said(score),
            "milliseconds": round(1000 * (time.perf_counter() - started), 3),
        })  # fmt: skip
    return {"reward": target.name, "rows": found}


def check_text(report: RewardReport) -> str:
    """One line for each check, with examples of what failed."""
    words = {True: "ok", False: "FAILED", None: "note"}
    lines = [f"reward: {one_line(report.reward)}"]
    table = aligned([(f"  {c.name}", words[c.ok], one_line(c.detail)) for c in report.checks])
    for line, check in zip(table, report.checks, strict=True):
        lines.append(line)
        lines += [f"      {one_line(example, 160)}" for example in check.examples]
    lines.append("all checks passed" if report.ok else "this is not a reward to train with yet")
    return "\n".join(lines)


def row_text(found: dict[str, Any]) -> str:
    """One row for a reader."""
    lines = [f"reward: {one_line(found['reward'])}"]
    for row in found["rows"]:
        lines += ["", one_line(row["id"])]
        lines += [f"  {name:<11} {one_line(str(row[name]), 400)}" for name in ("question", "gold")]
        if row["columns"]:
            lines.append(f"  columns     {one_line(', '.join(row['columns']))}")
        lines += [f"  | {line}" for line in strip_controls(row["completion"][-2000:]).split("\n")]
        expected = "right" if row["should_be_correct"] else "wrong"
        lines.append(f"  should be   {expected}")
        lines.append(f"  score       {row['said']} in {row['milliseconds']:.1f} ms")
    return "\n".join(lines)


def number(score: Score) -> float:
    """The score as a number; NaN where there is none."""
    if isinstance(score, Verdict):
        return score.score if score.status.trains else math.nan
    return math.nan if isinstance(score, Fault) else score


def said(score: Score) -> str:
    """A score in words."""
    if isinstance(score, Fault):
        return f"none: {score.reason}"
    if isinstance(score, Verdict):
        detail = score.reason or score.cause or score.engine
        return f"{score.score:g} ({score.status}{f', {detail}' if detail else ''})"
    return f"{score:g}"


def _untested(name: str, scores: Iterable[Score]) -> Check | None:
    """What stands for a check in which nothing had a score because nothing was asked or came
    back."""
    causes = {s.cause if isinstance(s, Fault) else "" for s in scores}
    if not causes or not causes <= {"timeout", NOT_TESTED.cause}:
        return None
    return Check(name=name, ok=None, detail="not tested: no call came back in time")


def _gold(rows: Sequence[Attack], scores: dict[str, Score], top: float) -> Check:
    if (none := _untested("gold earns the maximum", [scores[r.id] for r in rows])) is not None:
        return none

    def best(row: Attack) -> bool:
        return abs(number(scores[row.id]) - top) <= SAME

    failed = [row for row in rows if not best(row)]
    detail = f"{len(rows) - len(failed)} of {len(rows)} earn {top:g}"
    return Check(
        name="gold earns the maximum", ok=bool(rows) and not failed, detail=detail,
        examples=_examples(failed, scores),
    )  # fmt: skip


def _corrupted(rows: Sequence[Attack], scores: dict[str, Score], top: float) -> Check:
    if (none := _untested("corrupted gold earns less", [scores[r.id] for r in rows])) is not None:
        return none
    failed = [row for row in rows if not number(scores[row.id]) < top - SAME]
    detail = f"{len(rows) - len(failed)} of {len(rows)} earn less than {top:g}"
    return Check(
        name="corrupted gold earns less", ok=bool(rows) and not failed, detail=detail,
        examples=_examples(failed, scores),
    )  # fmt: skip


def _garbage(timed: _Timed, rows: Sequence[Attack]) -> Check:
    from dataclasses import replace

    tried = [replace(rows[0], completion=text, id=f"garbage {text!r:.30}") for text in GARBAGE]
    scores = {row.id: timed.score([row])[0] for row in tried}
    if (none := _untested("garbage does not break it", scores.values())) is not None:
        return none
    failed = [row for row in tried if not math.isfinite(number(scores[row.id]))]
    detail = f"{len(tried)} senseless completions, {len(failed)} without a finite score"
    return Check(
        name="garbage does not break it", ok=not failed, detail=detail,
        examples=_examples(failed, scores),
    )  # fmt: skip


def _repeated(timed: _Timed, rows: Sequence[Attack], scores: dict[str, Score]) -> Check:
    again = {row.id: timed.score([row])[0] for row in rows}
    if (none := _untested("the same twice", again.values())) is not None:
        return none
    failed = [row for row in rows if not _same(scores[row.id], again[row.id])]
    return Check(
        name="the same twice", ok=not failed, examples=_examples(failed, again),
        detail=f"{len(rows) - len(failed)} of {len(rows)} earn the same again",
    )  # fmt: skip


def _grouped(timed: _Timed, rows: Sequence[Attack], scores: dict[str, Score]) -> Check:
    """A reward may compare the completions of a group on purpose, so this is only said."""
    if timed.timeouts >= MAX_TIMEOUTS:
        timed.untested += len(rows)
        return Check(name="alone as in a group", ok=None, detail="not tested")
    failed: list[Attack] = []
    groups = 0
    for group in _groups(rows):
        groups += 1
        for order in (group, group[::-1], group[:1]):
            found = timed.score(order)
            failed += [
                row for row, score in zip(order, found, strict=True)
                if not _same(score, scores[row.id]) and row not in failed
            ]  # fmt: skip
    detail = f"{groups} groups in two orders, {len(failed)} completions earn something else there"
    return Check(
        name="alone as in a group", ok=None if failed else True, detail=detail,
        examples=_examples(failed, scores),
    )  # fmt: skip


def _speed(seconds: Sequence[float]) -> Check:
    median, longest = statistics.median(seconds), max(seconds)
    return Check(
        name="time", ok=True,
        detail=f"{1000 * median:.2f} ms a completion (median), {1000 * longest:.1f} ms the longest",
    )  # fmt: skip


def _groups(rows: Sequence[Attack]) -> Iterator[list[Attack]]:
    groups: dict[str, list[Attack]] = {}
    for row in rows:
        groups.setdefault(f"{row.question}\0{row.gold}", []).append(row)
    return (group for group in groups.values() if len(group) > 1)


def _same(left: Score, right: Score) -> bool:
    a, b = number(left), number(right)
    return a == b or (math.isnan(a) and math.isnan(b))


def _examples(rows: Sequence[Attack], scores: dict[str, Score]) -> tuple[str, ...]:
    def shown(row: Attack) -> str:
        return f"{row.id}: {said(scores[row.id])}   gold {row.gold}   {ending(row.completion, 50)}"

    return tuple(shown(row) for row in rows[:EXAMPLES])


def _plain(score: Score) -> float | None:
    value = number(score)
    return value if math.isfinite(value) else None
