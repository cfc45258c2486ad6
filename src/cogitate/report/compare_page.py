"""The comparison of runs as a page: paired differences, curves laid over each other, settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.report.charts import TONES
from cogitate.report.compare import (
    Comparison,
    PairedResult,
    difference_interval,
    p_value,
    shown_setting,
    verdict,
)
from cogitate.report.document import page
from cogitate.report.figures import Chart, Series, Unit, line_chart, smoothed, thinned
from cogitate.report.load import ALL, RunData
from cogitate.report.safe import escaped
from cogitate.report.sections import section, table
from cogitate.report.summary import duration, points, shown_results, signed_points

NAVIGATION = (
    ("result", "Result"),
    ("pairs", "Differences"),
    ("outcomes", "Accuracy"),
    ("curves", "Curves"),
    ("cost", "Cost"),
    ("settings", "Settings"),
)
CURVES: tuple[tuple[str, str, Unit], ...] = (
    ("reward/mean", "Training reward", "number"),
    ("completion/length_mean", "Completion length", "tokens"),
    ("insight/reflection_per_1k", "Reflective words per 1,000 tokens", "number"),
    ("policy/entropy", "Entropy", "nats"),
    ("group/uninformative_fraction", "Groups that teach nothing", "percent"),
)


def comparison_title(found: Comparison) -> str:
    """The result in one sentence: the second run against the first."""
    name, chosen = found.names[1], _leading(found)
    if chosen is None:
        return f"{name} and {found.names[0]}"
    said = verdict(chosen.paired)
    if said == "no clear difference":
        return f"No clear difference between {name} and {found.names[0]}"
    amount = f"{100 * abs(chosen.paired.difference):.0f} points"
    return f"{name} is {amount} {said} than {found.names[0]}"


def _leading(found: Comparison) -> PairedResult | None:
    """The result to lead with: the second run on all tasks, greedy if it was evaluated."""
    rows = [row for row in found.results if row.run == found.names[1]]
    ordered = sorted(rows, key=lambda row: (row.task != ALL, row.mode != "greedy"))
    return ordered[0] if ordered else None


def comparison_lede(found: Comparison) -> str:
    """The figures behind the title."""
    caution = "One seed each: intervals cover the choice of problems, not of seeds."
    chosen = _leading(found)
    if chosen is None:
        return f"The runs share no held-out problem, so they are not paired. {caution}"
    paired = chosen.paired
    test = "" if paired.mcnemar_p is None else f", McNemar p {p_value(paired.mcnemar_p)}"
    return (
        f"{_task(chosen.task).capitalize()}, {chosen.mode} decoding: "
        f"{signed_points(paired.difference)} points, 95 % interval {difference_interval(paired)}, "
        f"{paired.num_problems} problems{test}. "
        f"{caution}"
    )


def _outcomes(found: Comparison) -> str:
    """Last held-out accuracy of every run, with its gain since the first evaluation."""
    runs = [{(row["task"], row["mode"]): row for row in shown_results(run)} for run in found.runs]
    keys = dict.fromkeys(key for run in runs for key in run)
    rows = [(_task(task), mode, *(_outcome(run.get((task, mode))) for run in runs))
            for task, mode in keys]  # fmt: skip
    return table(("task", "decoding", *found.names), rows, 2) if rows else ""


def _task(name: str) -> str:
    return "all tasks" if name == ALL else name


def _outcome(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    if row["after"] is None:
        return points(row["before"])
    return f"{points(row['after'])} ({signed_points(row['gain'])})"


def _differences(found: Comparison) -> str:
    rows = [
        (
            row.run,
            _task(row.task),
            row.mode,
            verdict(row.paired),
            signed_points(row.paired.difference),
            difference_interval(row.paired),
            str(row.paired.num_problems),
            f"{row.paired.wins} / {row.paired.losses}",
            p_value(row.paired.mcnemar_p),
        )
        for row in found.results
    ]
    header = (
        "run",
        "task",
        "decoding",
        "verdict",
        f"minus {found.names[0]}",
        "95 % interval",
        "problems",
        "better / worse",
        "McNemar p",
    )
    return table(header, rows, 4) if rows else ""


def _accuracy(found: Comparison, task: str, mode: str) -> Chart:
    series: list[Series] = []
    for tone, name, run in zip(TONES, found.names, found.data, strict=False):
        results = [run.eval_results(step).get((task, mode)) for step in run.eval_steps]
        rows = [row for row in results if row is not None]
        series.append(
            Series(
                label=name,
                points=[(row.step, row.value) for row in rows],
                band=[row.ci95 for row in rows],
                tone=tone,
                dots=True,
            )
        )
    title = f"{'All tasks' if task == ALL else task}, {mode}"
    return Chart(title=title, series=series, unit="percent", low=0.0, high=1.0)


def _overlay(names: Sequence[str], runs: Sequence[RunData], curve: tuple[str, str, Unit]) -> Chart:
    metric, title, unit = curve
    series: list[Series] = []
    for tone, name, run in zip(TONES, names, runs, strict=False):
        found = run.series(metric)
        window = max(1, min(50, len(found) // 12))
        series.append(Series(label=name, points=thinned(smoothed(found, window)), tone=tone))
    return Chart(title=title, series=series, unit=unit)


def _curves(found: Comparison) -> str:
    tasks = list(dict.fromkeys(task for run in found.data for task in run.tasks))
    shown = [ALL, *tasks] if len(tasks) > 1 else [ALL]
    drawn = [_accuracy(found, task, mode) for task in shown for mode in ("greedy", "sampled")]
    drawn += [_overlay(found.names, found.data, curve) for curve in CURVES]
    charts = "".join(line_chart(chart) for chart in drawn)
    return f'<div class="grid">{charts}</div>' if charts else ""


def _costs(found: Comparison) -> str:
    rows = [
        (
            name,
            str(run["steps"]),
            duration(run["cost"]["seconds"]),
            f"{run['cost']['tokens'].get('completion', 0):,}",
            f"{run['cost']['tokens'].get('trained', 0):,}",
        )
        for name, run in zip(found.names, found.runs, strict=True)
    ]
    return table(("run", "steps", "time", "sampled tokens", "trained tokens"), rows, 1)


def _settings(found: Comparison) -> str:
    rows = [(key, *map(shown_setting, values)) for key, values in found.settings.items()]
    if not rows:
        return "<p>All recorded settings are equal.</p>"
    return table(("setting", *found.names), rows, 1 + len(found.names))


def comparison_page(found: Comparison) -> str:
    """The page of a :class:`Comparison`."""
    title = comparison_title(found)
    against = escaped(found.names[0])
    notes = "".join(f"<li>{escaped(note)}</li>" for note in found.notes)
    more = f"Only the first {len(TONES)} runs are drawn. " if len(found.names) > len(TONES) else ""
    body = "".join(
        (
            f'<section class="hero" id="result"><p class="kicker">'
            f"{escaped(' · '.join(found.names))}</p><h1>{escaped(title)}</h1>"
            f'<p class="lede">{escaped(comparison_lede(found))}</p></section>',
            section(
                "pairs",
                f"Against {found.names[0]}",
                _differences(found),
                f"The same held-out problems, minus {against}. Intervals are paired bootstraps "
                "over problems; McNemar's exact test counts the problems that changed.",
            ),
            section("outcomes", "Last evaluation, and gain since the first", _outcomes(found)),
            section("curves", "Curves", _curves(found), f"{more}Trailing means; bands are 95 %."),
            section("cost", "What they cost", _costs(found)),
            section("settings", "Settings that differ", _settings(found)),
            section("notes", "Notes", f'<ul class="plain">{notes}</ul>' if notes else ""),
        )
    )
    footer = "Made by <code>cogitate compare</code>. This page loads nothing from the network."
    return page(title, body, footer, NAVIGATION)
