"""What the rollouts say: behaviour per step, and a bounded sample of them to look at.

Problems are chosen by a hash of their id, never by how they turned out, so what a reader sees is
not picked by hand. Everything is bounded; where something was left out, ``notes`` says how much.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cogitate.insight.language import MixingStats, mixing_stats
from cogitate.insight.length import LengthStats, length_by
from cogitate.insight.words import ReflectionStats, reflection_counts, reflective_spans
from cogitate.report.load import RolloutRow, RunData, evenly, iterate_rollouts
from cogitate.report.safe import clipped, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is read and shown. Characters bound the size of the page."""

    behaviour_steps: int = 240
    read_bytes: int = 400_000_000
    heldout_problems: int = 24
    heldout_steps: int = 24
    sampled_per_problem: int = 2
    train_steps: int = 12
    groups_per_step: int = 2
    rollouts_per_group: int = 8
    characters_per_text: int = 4_000
    characters: int = 1_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBehaviour:
    """What the completions of one step (or one evaluation) look like."""

    step: int
    reflection: ReflectionStats
    mixing: MixingStats
    length_right: LengthStats | None
    length_wrong: LengthStats | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Everything the report takes from rollouts.

    train, heldout       behaviour per training step, and per evaluation (sampled, else greedy)
    first, last          all rollouts of the first and the last evaluation
    heldout_rows         of the chosen problems, at the chosen evaluations
    train_rows           of the chosen groups, at the chosen steps
    """

    train: tuple[StepBehaviour, ...]
    heldout: tuple[StepBehaviour, ...]
    first: tuple[RolloutRow, ...]
    last: tuple[RolloutRow, ...]
    heldout_rows: tuple[RolloutRow, ...]
    train_rows: tuple[RolloutRow, ...]
    notes: tuple[str, ...]


def hash_order(problem_ids: Iterable[str]) -> list[str]:
    """Distinct ids in the order of their BLAKE2 hash: a fixed shuffle that knows no outcome."""
    return sorted(
        set(problem_ids),
        key=lambda name: hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(),
    )


def behaviour(step: int, rows: Sequence[RolloutRow]) -> StepBehaviour:
    """Reflection, language mixing and lengths of ``rows``."""
    texts, tokens = [row.completion for row in rows], [row.num_tokens for row in rows]
    judged = [row for row in rows if row.correct is not None]
    lengths = length_by([bool(row.correct) for row in judged], [row.num_tokens for row in judged])
    return StepBehaviour(
        step=step,
        reflection=reflection_counts(texts, tokens),
        mixing=mixing_stats(texts),
        length_right=lengths.get(True),
        length_wrong=lengths.get(False),
    )


def chosen_problems(rows: Sequence[RolloutRow], number: int) -> dict[str, list[str]]:
    """``{task: problem ids}``, the tasks' shares equal, the first ids of each in hash order."""
    tasks: dict[str, list[str]] = {}
    for row in rows:
        tasks.setdefault(row.task, []).append(row.problem_id)
    share = max(1, number // max(1, len(tasks)))
    return {task: hash_order(ids)[:share] for task, ids in tasks.items()}


def _affordable(run: RunData, limits: Limits) -> list[int]:
    """The training steps whose rollouts are read: evenly spread, within the byte budget."""
    steps = list(run.rollout_files)
    size = sum(run.rollout_files[step].stat().st_size for step in steps)
    share = min(1.0, limits.read_bytes / size) if size else 1.0
    return evenly(steps, min(limits.behaviour_steps, max(2, int(len(steps) * share))))


def _pick_groups(rows: Sequence[RolloutRow], limits: Limits) -> list[RolloutRow]:
    """The rollouts of a few groups of one training step, by hash of the problem id."""
    chosen = hash_order(row.problem_id for row in rows)[: limits.groups_per_step]
    return [
        row for row in rows if row.problem_id in chosen and row.sample < limits.rollouts_per_group
    ]


def _read_heldout(
    run: RunData, limits: Limits, notes: list[str]
) -> tuple[list[StepBehaviour], dict[int, list[RolloutRow]], list[RolloutRow]]:
    """Behaviour per evaluation, all rows of the first and last one, rows of the chosen problems."""
    steps = evenly(list(run.eval_files), limits.heldout_steps)
    behaviours: list[StepBehaviour] = []
    ends: dict[int, list[RolloutRow]] = {}
    shown: list[RolloutRow] = []
    chosen: set[str] = set()
    for step, rows in iterate_rollouts(run.eval_files, steps, notes):
        if not rows:
            continue
        if not ends:
            groups = chosen_problems(rows, limits.heldout_problems)
            chosen = {name for ids in groups.values() for name in ids}
            notes.append(_heldout_note(len(chosen), rows, len(steps), len(run.eval_files)))
        # The first evaluation stays; the last one read replaces the one before it.
        ends = {**dict(list(ends.items())[:1]), step: rows}
        sampled = [row for row in rows if row.mode == "sampled"]
        behaviours.append(behaviour(step, sampled or rows))
        shown += [row for row in rows if row.problem_id in chosen and _is_shown(row, limits)]
    return behaviours, ends, shown


def _is_shown(row: RolloutRow, limits: Limits) -> bool:
    return row.mode == "greedy" or row.sample < limits.sampled_per_problem


def _heldout_note(shown: int, rows: Sequence[RolloutRow], steps: int, all_steps: int) -> str:
    total = len({row.problem_id for row in rows})
    return (
        f"Held-out problems: {shown} of {total} are shown, the first of each task by a hash of "
        f"their id, not picked by hand, at {steps} of {all_steps} evaluations."
    )


def collect(run: RunData, limits: Limits | None = None) -> Samples:
    """Read the rollouts of ``run`` once, within ``limits``."""
    limits = limits or Limits()
    notes: list[str] = []
    heldout, ends, shown = _read_heldout(run, limits, notes)
    steps = _affordable(run, limits)
    browsed = set(evenly(steps, limits.train_steps))
    train: list[StepBehaviour] = []
    train_rows: list[RolloutRow] = []
    for step, rows in iterate_rollouts(run.rollout_files, steps, notes):
        if rows:
            train.append(behaviour(step, rows))
        if step in browsed:
            train_rows += _pick_groups(rows, limits)
    if steps:
        notes.append(
            f"Training rollouts: {len({(r.step, r.problem_id) for r in train_rows})} groups from "
            f"{len(browsed)} of {len(run.rollout_files)} steps are shown, chosen by hash."
        )
    if len(steps) < len(run.rollout_files):
        notes.append(
            f"Reflection, language and length by correctness were computed from {len(steps)} of "
            f"{len(run.rollout_files)} steps, evenly spread."
        )
    order = sorted(ends)
    return Samples(
        train=tuple(train),
        heldout=tuple(heldout),
        first=tuple(ends[order[0]]) if order else (),
        last=tuple(ends[order[-1]]) if order else (),
        heldout_rows=tuple(shown),
        train_rows=tuple(train_rows),
        notes=tuple(notes),
    )


# ----------------------------------------------------------------------------- for the browser


def segments(text: str) -> list[str]:
    """``text`` made visible and cut at reflective words: plain, marked, plain, marked, ...

    >>> segments("So, wait: 7")
    ['So, ', 'wait', ': 7']
    """
    shown = visible(text)
    parts: list[str] = []
    position = 0
    for start, end in reflective_spans(shown):
        parts += [shown[position:start], shown[start:end]]
        position = end
    return [*parts, shown[position:]]


def _entry(row: RolloutRow, limit: int) -> dict[str, Any]:
    """One completion for the page's script; text is visible() but not HTML."""
    return {
        "mode": row.mode,
        "sample": row.sample,
        "text": segments(clipped(row.completion, limit)),
        "answer": None if row.parsed_answer is None else visible(clipped(row.parsed_answer, 200)),
        "correct": row.correct,
        "reward": round(row.reward, 4),
        "parts": {visible(name): round(value, 4) for name, value in row.parts.items()},
        "finish": visible(row.finish_reason),
        "tokens": row.num_tokens,
        "advantage": None if row.advantage is None else round(row.advantage, 4),
        "error": None if row.error is None else visible(clipped(row.error, 300)),
    }


def _problem(row: RolloutRow, limit: int) -> dict[str, Any]:
    return {
        "id": visible(row.problem_id),
        "task": visible(row.task),
        "question": visible(clipped(row.question, limit)),
        "prompt": visible(clipped(row.prompt, limit)),
        "gold": None if row.gold is None else visible(clipped(row.gold, 400)),
        "steps": {},
    }


def _by_problem(rows: Sequence[RolloutRow], limit: int) -> list[dict[str, Any]]:
    """Problems together by task, each with its completions by step."""
    problems: dict[str, dict[str, Any]] = {}
    for row in rows:
        problem = problems.setdefault(row.problem_id, _problem(row, limit))
        problem["steps"].setdefault(str(row.step), []).append(_entry(row, limit))
    order = list(dict.fromkeys(problem["task"] for problem in problems.values()))
    return sorted(problems.values(), key=lambda problem: order.index(problem["task"]))


def _characters(rows: Sequence[RolloutRow], limit: int) -> int:
    return sum(min(len(row.completion), limit) for row in rows)


def browser_data(samples: Samples, limits: Limits | None = None) -> tuple[dict[str, Any], str]:
    """The rollouts for the page's browser, and a sentence on texts that had to be cut (or "").

    The text limit shrinks until everything fits into ``limits.characters``; if even short texts do
    not fit, problems are dropped from the end of the hash order.
    """
    limits = limits or Limits()
    rows = [*samples.heldout_rows, *samples.train_rows]
    limit = limits.characters_per_text
    while limit > 200 and _characters(rows, limit) > limits.characters:
        limit = max(200, limit // 2)
    heldout, train = list(samples.heldout_rows), list(samples.train_rows)
    while _characters([*heldout, *train], limit) > limits.characters and (heldout or train):
        larger = heldout if len(heldout) >= len(train) else train
        last = hash_order(row.problem_id for row in larger)[-1]
        larger[:] = [row for row in larger if row.problem_id != last]
    cut = sum(len(row.completion) > limit for row in (*heldout, *train))
    dropped = len(rows) - len(heldout) - len(train)
    note = f"{cut} long completions are shown with their middle left out. " if cut else ""
    note += f"{dropped} more completions were left out to keep this file small." if dropped else ""
    data = {"heldout": _by_problem(heldout, limit), "train": _by_problem(train, limit)}
    return data, note.strip()
