"""The result of a run in one small dictionary, and as a plain-text table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cogitate.report.load import ALL, RolloutRow, RunData, is_number, load_run, read_rollouts
from cogitate.report.paired import paired_difference, problem_scores
from cogitate.report.safe import visible


def summary(run_dir: Path | str) -> dict[str, Any]:
    """What a run achieved and cost, as plain values for JSON.

    ``results`` has one row per task and mode, "all" last: accuracy before (first evaluation) and
    after (last evaluation) with 95 % intervals, and the gain with a paired bootstrap interval over
    the same problems. A value that the run does not have is None.

    Raises:
        DataError: ``run_dir`` is not a run directory.
    """
    run = load_run(run_dir)
    ends = [_rows_at(run, step) for step in first_and_last(run)]
    return summarise(run, first=ends[0] if ends else (), last=ends[-1] if ends else ())


def first_and_last(run: RunData) -> list[int]:
    """The steps of the first and the last evaluation: none, one or two."""
    steps = run.eval_steps
    return steps if len(steps) < 2 else [steps[0], steps[-1]]


def _rows_at(run: RunData, step: int) -> Sequence[RolloutRow]:
    return read_rollouts(run.eval_files[step])[0] if step in run.eval_files else ()


def summarise(
    run: RunData, *, first: Sequence[RolloutRow], last: Sequence[RolloutRow]
) -> dict[str, Any]:
    """:func:`summary` of a run already loaded; ``first`` and ``last`` are evaluation rollouts."""
    steps = first_and_last(run)
    return {
        "name": run.name,
        "run_dir": str(run.path),
        "algorithm": run.algorithm,
        "model": run.model_source,
        "steps": run.last_step,
        "planned_steps": run.planned_steps,
        "complete": run.is_complete,
        "first_eval_step": steps[0] if steps else None,
        "last_eval_step": steps[-1] if len(steps) > 1 else None,
        "results": _results(run, steps, first, last),
        "cost": cost(run),
        "notes": list(run.notes),
    }


def _results(
    run: RunData, steps: Sequence[int], first: Sequence[RolloutRow], last: Sequence[RolloutRow]
) -> list[dict[str, Any]]:
    if not steps:
        return []
    before = run.eval_results(steps[0])
    after = run.eval_results(steps[-1]) if len(steps) > 1 else {}
    rows: list[dict[str, Any]] = []
    for task in [*run.tasks, ALL]:
        for mode in run.modes:
            start, end = before.get((task, mode)), after.get((task, mode))
            known = end or start
            if known is None:
                continue
            paired = paired_difference(
                problem_scores(first, mode=mode, task=task),
                problem_scores(last, mode=mode, task=task),
            )
            gain = end.value - start.value if start and end else None
            rows.append(
                {
                    "task": task,
                    "mode": mode,
                    "num_problems": known.num_problems,
                    "samples_per_problem": known.samples_per_problem,
                    "before": start.value if start else None,
                    "before_ci95": list(start.ci95) if start else None,
                    "after": end.value if end else None,
                    "after_ci95": list(end.ci95) if end else None,
                    "gain": gain,
                    "gain_ci95": list(paired.ci95) if paired and gain is not None else None,
                }
            )
    return rows


def cost(run: RunData) -> dict[str, Any]:
    """Wall-clock seconds by phase, and tokens, summed over the steps that were kept.

    ``seconds`` is the sum of the steps' totals; ``phases`` splits it, "other" is the rest.
    """
    phases: dict[str, float] = {}
    total = 0.0
    for row in run.timing:
        seconds = row.get("seconds")
        split = {
            str(name): float(value)
            for name, value in (seconds.items() if isinstance(seconds, Mapping) else ())
            if is_number(value)
        }
        total += split.pop("total", sum(split.values()))
        for name, value in split.items():
            phases[name] = phases.get(name, 0.0) + value
    other = total - sum(phases.values())
    if other > 0.005 * max(total, 1.0):
        phases["other"] = other
    tokens = {
        name: int(sum(value for _, value in run.series(f"tokens/{name}")))
        for name in ("prompt", "completion", "trained")
        if run.series(f"tokens/{name}")
    }
    peaks = [row["peak_memory_mb"] for row in run.timing if is_number(row.get("peak_memory_mb"))]
    return {
        "seconds": total if run.timing else None,
        "phases": phases,
        "tokens": tokens,
        "peak_memory_mb": max(peaks, default=None),
    }


def shown_results(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows worth showing: "all" only when it differs from the one task there is."""
    rows = found["results"]
    single = len({row["task"] for row in rows if row["task"] != ALL}) == 1
    return [row for row in rows if not (single and row["task"] == ALL)]


def points(fraction: float | None) -> str:
    """A fraction as per cent with one digit: "23.4 %"; "-" for None."""
    return "-" if fraction is None else f"{100 * fraction:.1f} %"


def interval(ci95: Sequence[float] | None) -> str:
    """An interval in per cent: "[20.1, 27.0]"; "" for None."""
    return "" if ci95 is None else f"[{100 * ci95[0]:.1f}, {100 * ci95[1]:.1f}]"


def signed_points(fraction: float | None) -> str:
    """A difference in percentage points: "+12.5"; "-" for None."""
    return "-" if fraction is None else f"{100 * fraction:+.1f}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them: "48 s", "6 min 10 s", "2 h 05 min"; "-" for None.

    >>> duration(370.2), duration(7500)
    ('6 min 10 s', '2 h 05 min')
    """
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def align(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Rows of text as columns: the first ``left`` columns flush left, the others flush right.

    Cells may hold names from files, so nothing in them can act on a terminal.
    """
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def render_summary(run_dir: Path | str) -> str:
    """The summary of a run as a plain-text table, for a terminal without colours."""
    return render(summary(run_dir))


def render(found: Mapping[str, Any]) -> str:
    """A dictionary of :func:`summary` as text."""
    planned = found["planned_steps"]
    of = f" of {planned}" if planned and planned != found["steps"] else ""
    spent = found["cost"]["seconds"]
    head = f"{visible(found['name'])}: {found['algorithm']}, step {found['steps']}{of}"
    head += f", {duration(spent)}" if spent is not None else ""
    if not found["results"]:
        return f"{head}\nNo held-out evaluation yet."
    ci = "95 % CI"
    rows: list[tuple[str, ...]] = [("task", "mode", "before", ci, "after", ci, "gain", ci)]
    for row in shown_results(found):
        rows.append(
            (
                row["task"],
                row["mode"],
                points(row["before"]),
                interval(row["before_ci95"]),
                points(row["after"]),
                interval(row["after_ci95"]),
                signed_points(row["gain"]),
                interval(row["gain_ci95"]),
            )
        )
    tail = f"Held-out accuracy at step {found['first_eval_step']}"
    if found["last_eval_step"] is not None:
        tail += f" and step {found['last_eval_step']}"
    return "\n".join([head, "", *align(rows, left=2), "", f"{tail}; gain in percentage points."])
