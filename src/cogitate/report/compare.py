"""Two or more runs side by side: paired on the same held-out problems, never by eye alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cogitate.errors import DataError
from cogitate.report.load import ALL, RolloutRow, RunData, load_run, read_rollouts
from cogitate.report.paired import PairedDifference, paired_difference, problem_scores
from cogitate.report.safe import visible
from cogitate.report.summary import (
    align,
    duration,
    points,
    shown_results,
    signed_points,
    summarise,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedResult:
    """One run against the first one, for one task and mode, at their last evaluations."""

    run: str
    task: str
    mode: str
    paired: PairedDifference


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What ``compare`` found. ``runs`` are summaries; the first run is the one compared with.

    settings  ``{key: [value in each run]}`` where configurations differ; None: not set
    notes     why something could not be compared
    """

    names: tuple[str, ...]
    runs: tuple[Mapping[str, Any], ...]
    results: tuple[PairedResult, ...]
    settings: Mapping[str, tuple[Any, ...]]
    notes: tuple[str, ...]
    data: tuple[RunData, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "runs": [dict(run) for run in self.runs],
            "baseline": self.names[0],
            "results": [
                {"run": r.run, "task": r.task, "mode": r.mode, **asdict(r.paired)}
                | {"ci95": list(r.paired.ci95)}
                for r in self.results
            ],
            "settings": {key: list(values) for key, values in self.settings.items()},
            "notes": list(self.notes),
        }

    def render(self) -> str:
        """The comparison as plain text."""
        return render_comparison(self)

    def to_html(self) -> str:
        """The comparison as a self-contained page."""
        from cogitate.report.compare_page import comparison_page

        return comparison_page(self)


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaf settings by dotted key; list entries by number.

    >>> flat({"grpo": {"steps": 3}, "tasks": [{"kind": "chain_sum"}]})
    {'grpo.steps': 3, 'tasks.0.kind': 'chain_sum'}
    """
    leaves: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{name}.")
        elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            for index, entry in enumerate(value):
                leaves |= flat(entry, f"{name}.{index}.")
        else:
            leaves[name] = value
    return leaves


def setting_differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Settings that are not the same in all runs, the run's own name and place left out."""
    tables = [flat(config) for config in configs]
    keys = sorted({key for table in tables for key in table} - {"name", "output_dir"})
    rows = {key: tuple(table.get(key) for table in tables) for key in keys}
    return {key: values for key, values in rows.items() if any(v != values[0] for v in values)}


def _unique_names(runs: Sequence[RunData]) -> tuple[str, ...]:
    """Run names, made distinct by their directory when two runs share one."""
    names = [run.name for run in runs]
    clash = {name for name in names if names.count(name) > 1}
    return tuple(
        f"{run.name} ({run.path})" if name in clash else name
        for run, name in zip(runs, names, strict=True)
    )


def _last_rows(run: RunData) -> list[RolloutRow]:
    steps = [step for step in run.eval_steps if step in run.eval_files]
    return read_rollouts(run.eval_files[steps[-1]])[0] if steps else []


def _first_rows(run: RunData) -> list[RolloutRow]:
    steps = [step for step in run.eval_steps if step in run.eval_files]
    return read_rollouts(run.eval_files[steps[0]])[0] if steps else []


def _pairs(
    names: Sequence[str], runs: Sequence[RunData], last: Sequence[Sequence[RolloutRow]]
) -> tuple[list[PairedResult], list[str]]:
    """Every later run against the first, by task and mode."""
    found: list[PairedResult] = []
    notes: list[str] = []
    tasks = list(dict.fromkeys(task for run in runs for task in run.tasks))
    for name, rows in zip(names[1:], last[1:], strict=True):
        before = len(found)
        for task in [*tasks, ALL] if len(tasks) > 1 else tasks:
            for mode in ("greedy", "sampled"):
                paired = paired_difference(
                    problem_scores(last[0], mode=mode, task=task),
                    problem_scores(rows, mode=mode, task=task),
                )
                if paired is not None:
                    found.append(PairedResult(run=name, task=task, mode=mode, paired=paired))
        if len(found) == before:
            notes.append(
                f"{name} and {names[0]} share no held-out problem, so they are not paired: use the "
                "same tasks, task seeds and eval.problems_per_task."
            )
    return found, notes


def compare(run_dirs: Sequence[Path | str], out: Path | str | None = None) -> Comparison:
    """Compare runs with the first of them at their last evaluations.

    Differences are taken problem by problem: the mean with a paired bootstrap 95 % interval, and
    for greedy decoding McNemar's exact test. ``out`` also writes the HTML page there.

    Raises:
        DataError: fewer than two runs, or a directory that is none.
    """
    if len(run_dirs) < 2:
        raise DataError(
            f"cannot compare {len(run_dirs)} run(s): give at least two run directories, the "
            "baseline first."
        )
    runs = tuple(load_run(path) for path in run_dirs)
    names = _unique_names(runs)
    last = [_last_rows(run) for run in runs]
    results, notes = _pairs(names, runs, last)
    summaries = tuple(
        summarise(run, first=_first_rows(run), last=rows)
        for run, rows in zip(runs, last, strict=True)
    )
    found = Comparison(
        names=names,
        runs=summaries,
        results=tuple(results),
        settings=setting_differences([run.config for run in runs]),
        notes=(
            *notes,
            *(f"{n}: {note}" for n, r in zip(names, runs, strict=True) for note in r.notes),
        ),
        data=runs,
    )
    if out is not None:
        from cogitate.report.document import write_page

        write_page(Path(out), found.to_html())
    return found


# ------------------------------------------------------------------------------- plain text


def verdict(paired: PairedDifference) -> str:
    """Whether the difference can be told from chance: its interval excludes zero."""
    low, high = paired.ci95
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no clear difference"


def p_value(p: float | None) -> str:
    """A p-value as text; "-" where the test does not apply."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def difference_interval(paired: PairedDifference) -> str:
    """The 95 % interval of a difference in points."""
    low, high = (signed_points(value) for value in paired.ci95)
    return f"[{low}, {high}]"


def shown_setting(value: Any) -> str:
    """A setting for a table cell; "-" when a run does not set it."""
    return "-" if value is None else str(value)


def _final_table(found: Comparison) -> list[str]:
    keys = list(
        dict.fromkeys(
            (row["task"], row["mode"]) for run in found.runs for row in shown_results(run)
        )
    )
    by_run = [
        {(row["task"], row["mode"]): row["after"] if row["after"] is not None else row["before"]
         for row in shown_results(run)}
        for run in found.runs
    ]  # fmt: skip
    header = ["last evaluation", "", *found.names]
    return align(
        [header, *([t, m, *(points(table.get((t, m))) for table in by_run)] for t, m in keys)],
        left=2,
    )


def render_comparison(found: Comparison) -> str:
    """A :class:`Comparison` as plain text."""
    lines = [
        f"{visible(name)}: {run['algorithm']}, step {run['steps']}, "
        f"{duration(run['cost']['seconds'])}"
        for name, run in zip(found.names, found.runs, strict=True)
    ]
    lines += ["", *_final_table(found)]
    for name in found.names[1:]:
        rows = [row for row in found.results if row.run == name]
        if not rows:
            continue
        header = ("task", "mode", "points", "95 % CI", "+/-", "McNemar p", "")
        cells = [
            (
                row.task,
                row.mode,
                signed_points(row.paired.difference),
                difference_interval(row.paired),
                f"{row.paired.wins}/{row.paired.losses}",
                p_value(row.paired.mcnemar_p),
                verdict(row.paired),
            )
            for row in rows
        ]
        lines += ["", f"{visible(name)} minus {visible(found.names[0])}, same held-out problems"]
        lines += align([header, *cells], left=2)
    if found.settings:
        lines += ["", "Settings that differ"]
        header = ("", *found.names)
        cells = [(key, *map(shown_setting, values)) for key, values in found.settings.items()]
        lines += align([header, *cells])
    lines += [*([""] if found.notes else []), *map(visible, found.notes)]
    return "\n".join(lines)
