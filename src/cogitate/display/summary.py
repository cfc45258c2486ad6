"""How a run ended, in a few lines of text: held-out accuracy before and after, files, what next."""

from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.display.shapes import aligned, duration, interval, percent
from cogitate.schema import EvalResult
from cogitate.train.listener import RunResult

_ENDINGS = {
    "completed": "Finished",
    "interrupted": "Interrupted and saved",
    "time_budget": "Time budget used up; saved",
}


def before_after(first: Sequence[EvalResult], last: Sequence[EvalResult]) -> list[dict[str, Any]]:
    """One row per task and mode: accuracy and interval at the first and the last evaluation."""
    start: Mapping[tuple[str, str], EvalResult] = {(r.task, r.mode): r for r in first}
    rows = []
    for result in without_copies(last):
        before = start.get((result.task, result.mode))
        rows.append(
            {
                "task": result.task,
                "mode": result.mode,
                "before": None if before is None else before.value,
                "before_ci95": None if before is None else list(before.ci95),
                "after": result.value,
                "after_ci95": list(result.ci95),
                "gain": None if before is None else result.value - before.value,
                "num_problems": result.num_problems,
                "samples_per_problem": result.samples_per_problem,
            }
        )
    return rows


def without_copies(results: Sequence[EvalResult]) -> list[EvalResult]:
    """The figures without those over all tasks when there is only one task to speak of."""
    is_one = len({result.task for result in results} - {"all"}) == 1
    return [result for result in results if not (is_one and result.task == "all")]


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows of :func:`before_after` as aligned text; at most 79 columns for short task names."""
    if not rows:
        return []
    cells = [("task", "mode", "before", "[95 % CI]", "after", "[95 % CI]", "gain")]
    for row in rows:
        before = row["before_ci95"]
        gain = "-" if row["gain"] is None else f"{row['gain'] * 100:+.1f}"
        cells.append(
            (
                row["task"],
                row["mode"],
                percent(row["before"]),
                interval(*before) if before else "",
                percent(row["after"]),
                interval(*row["after_ci95"]),
                gain,
            )
        )
    return aligned(cells)


def closing_lines(result: RunResult) -> list[str]:
    """What a person wants to know at the end, top to bottom."""
    rows = before_after(result.first_evals, result.last_evals)
    lines = []
    if rows:
        lines += ["Held-out accuracy", *(f"  {line}" for line in table(rows)), ""]
    ending = _ENDINGS.get(result.status, result.status)
    lines.append(f"{ending} at step {result.step} of {result.steps}, {duration(result.seconds)}.")
    if result.skipped_updates:
        lines.append(f"{result.skipped_updates} updates were skipped: gradients were not finite.")
    if result.unverified_steps:
        lines.append(
            f"In {result.unverified_steps} steps no completion could be verified: they taught "
            'nothing. The reasons are under "error" in rollouts/.'
        )
    lines.append(f"Run directory: {result.run_dir}")
    if result.final_dir is not None:
        lines.append(f"Model:         {result.final_dir}")
        lines.append(f"Try it:        cogitate chat {result.final_dir}")
    if result.resume_command is not None:
        lines.append(f"Continue:      {result.resume_command}")
    return lines
