"""The first screen of the report: the result in one sentence, and the table behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.report import narrative
from cogitate.report.figures import dumbbell
from cogitate.report.load import ALL, RunData
from cogitate.report.safe import escaped, unbroken
from cogitate.report.summary import interval, points, shown_results, signed_points


def hero(run: RunData, found: Mapping[str, Any]) -> str:
    """The result in one sentence, and the table behind it."""
    words = narrative.headline(found)
    method = "SFT" if run.algorithm == "sft" else run.algorithm.upper()
    tasks = ", ".join(run.tasks)
    kicker = " · ".join(part for part in (run.name, method, run.model_source, tasks) if part)
    return (
        f'<section class="hero" id="result"><p class="kicker">{escaped(kicker)}</p>'
        f"<h1>{unbroken(escaped(words.title))}</h1>"
        f'<p class="lede">{unbroken(escaped(words.subtitle))}</p>'
        f"<p>{escaped(narrative.how_it_learned(run))}</p>"
        f"<p>Starting model: {escaped(narrative.provenance(run))}</p>"
        f"{results_table(found)}</section>"
    )


def _point(row: Mapping[str, Any], when: str) -> tuple[float, tuple[float, float]] | None:
    if row[when] is None:
        return None
    low, high = row[f"{when}_ci95"]
    return row[when], (low, high)


def _figure(row: Mapping[str, Any], when: str) -> str:
    ci95 = row[f"{when}_ci95"]
    shown = f'<span class="ci">{interval(ci95)}</span>' if ci95 else ""
    return f'<td class="figure {when}"><span class="num">{points(row[when])}</span>{shown}</td>'


def _gain_interval(ci95: Sequence[float] | None) -> str:
    if ci95 is None:
        return ""
    low, high = (signed_points(value) for value in ci95)
    return f'<span class="ci">[{low}, {high}]</span>'


def results_table(found: Mapping[str, Any]) -> str:
    """Held-out accuracy before and after, by task and decoding, drawn and in figures."""
    if not found["results"]:
        return ""
    body: list[str] = []
    seen: set[str] = set()
    for row in shown_results(found):
        kind = "all" if row["task"] == ALL else ""
        kind += " more" if row["task"] in seen else ""
        name = "all tasks" if row["task"] == ALL else row["task"]
        drawing = dumbbell(_point(row, "before"), _point(row, "after"), row["mode"])
        body.append(
            f'<tr class="{kind.strip()}">'
            f'<td class="task">{"" if row["task"] in seen else escaped(name)}</td>'
            f'<td class="mode-{row["mode"]}">{row["mode"]}</td>'
            f'<td class="plotcell">{drawing}</td>'
            + _figure(row, "before")
            + _figure(row, "after")
            + f'<td class="figure"><span class="num">{signed_points(row["gain"])}</span>'
            f"{_gain_interval(row['gain_ci95'])}</td></tr>"
        )
        seen.add(row["task"])
    sizes = _sizes(found)
    return (
        '<div class="results"><table><thead><tr><th>task</th><th>decoding</th>'
        '<th>0 to 100 % of held-out problems right</th><th class="figure">before</th>'
        '<th class="figure">after</th><th class="figure">gain, points</th></tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>{_legend()}"
        f'<dl class="words"><dt>held-out</dt><dd>problems that training never used{sizes}</dd>'
        "<dt>greedy</dt><dd>the model's single most likely answer</dd>"
        "<dt>sampled</dt><dd>an answer drawn at random by its probability (temperature 1), as in "
        "training</dd>"
        "<dt>95 % interval</dt><dd>where the value would plausibly lie on other problems of the "
        "same kind; gains are compared problem by problem</dd></dl>"
    )


def _sizes(found: Mapping[str, Any]) -> str:
    counts = {row["num_problems"] for row in found["results"] if row["task"] != ALL}
    if not counts or counts == {0}:
        return ""
    span = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    samples = max(row["samples_per_problem"] for row in found["results"])
    drawn = f", {samples} samples each when sampled" if samples > 1 else ""
    return f": {span} of each task, the same at every evaluation{drawn}"


def _legend() -> str:
    return (
        '<div class="legend"><span><svg viewBox="0 0 26 12"><circle class="dot tone-before" '
        'cx="13" cy="6" r="4.4"/></svg>before training</span>'
        '<span><svg viewBox="0 0 26 12"><circle class="dot tone-greedy" cx="8" cy="6" r="4.6"/>'
        '<circle class="dot tone-sampled" cx="19" cy="6" r="4.6"/></svg>after</span>'
        '<span><svg viewBox="0 0 26 12"><path class="whisker tone-before" d="M3,6H23"/></svg>'
        "95 % interval</span></div>"
    )
