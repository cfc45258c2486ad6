"""The sections of the report: each a function from data to HTML. All text is escaped here."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.report import charts, findings, narrative
from cogitate.report.figures import Chart, dumbbell, line_chart, split_bar
from cogitate.report.load import ALL, RolloutRow, RunData
from cogitate.report.safe import clipped, escaped, script_json
from cogitate.report.samples import Samples, hash_order, segments
from cogitate.report.summary import duration, interval, points, signed_points

PHASE_TONES = {
    "rollout": "1",
    "reward": "3",
    "update": "2",
    "eval": "5",
    "checkpoint": "4",
    "other": "6",
}
PAIRS_PER_TASK = 1
PAIRS_SHOWN = 4


def unbroken(text: str) -> str:
    """``text`` with numbers kept on one line with their units."""
    return re.sub(r"(?<=\d) (?=(?:%|s|min|h|points)(?!\w))", "\u00a0", text)


def section(name: str, title: str, body: str, intro: str = "") -> str:
    """A titled section; nothing at all when the body is empty."""
    if not body:
        return ""
    lead = f'<p class="quiet">{intro}</p>' if intro else ""
    return f'<section id="{name}"><h2>{escaped(title)}</h2>{lead}{body}</section>'


def chart_grid(found: Sequence[Chart]) -> str:
    """Charts side by side; empty when none has data."""
    drawn = "".join(line_chart(chart) for chart in found)
    return f'<div class="grid">{drawn}</div>' if drawn else ""


# --------------------------------------------------------------------------------- first screen


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
    for row in found["results"]:
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


# --------------------------------------------------------------------------------- side by side


def marked(text: str) -> str:
    """Escaped text with reflective words marked."""
    pieces = segments(text)
    return "".join(
        f"<mark>{escaped(piece)}</mark>" if index % 2 else escaped(piece)
        for index, piece in enumerate(pieces)
    )


def _verdict(row: RolloutRow) -> str:
    if row.correct is None:
        return '<span class="unknown">not verified</span>'
    return (
        '<span class="right">✓ right</span>'
        if row.correct
        else '<span class="wrong">✗ wrong</span>'
    )


def _side(name: str, row: RolloutRow) -> str:
    text = marked(clipped(row.completion, 1_200))
    shown = (
        f'<pre class="text" dir="auto">{text}</pre>'
        if row.completion
        else '<p class="text empty">(empty completion)</p>'
    )
    answer = "none" if row.parsed_answer is None else clipped(row.parsed_answer, 120)
    cut = ", cut at the token limit" if row.truncated else ""
    return (
        f'<div><div class="side-name"><span>{escaped(name)}</span>{_verdict(row)}</div>{shown}'
        f'<p class="meta">parsed answer <code>{escaped(answer)}</code>, {row.num_tokens} tokens'
        f"{cut}</p></div>"
    )


def _pair_rows(samples: Samples, mode: str) -> list[tuple[RolloutRow, RolloutRow]]:
    """The first problems of each task in hash order, before and after."""
    before = {r.problem_id: r for r in samples.first if r.mode == mode and r.sample == 0}
    after = {r.problem_id: r for r in samples.last if r.mode == mode and r.sample == 0}
    tasks: dict[str, list[str]] = {}
    for name, row in before.items():
        if name in after:
            tasks.setdefault(row.task, []).append(name)
    chosen = [name for ids in tasks.values() for name in hash_order(ids)[:PAIRS_PER_TASK]]
    return [(before[name], after[name]) for name in chosen[:PAIRS_SHOWN]]


def side_by_side(samples: Samples) -> str:
    """What the starting model did and what the trained one does, on the same problems."""
    if not samples.first or not samples.last or samples.first[0].step == samples.last[0].step:
        return ""
    mode = "greedy" if any(row.mode == "greedy" for row in samples.last) else "sampled"
    cards: list[str] = []
    for before, after in _pair_rows(samples, mode):
        gold = "" if after.gold is None else f"gold answer {escaped(clipped(after.gold, 120))}"
        cards.append(
            f'<article class="pair"><header><span class="quiet">{escaped(after.task)} · '
            f'{mode} · {gold}</span><p class="question" dir="auto">'
            f"{escaped(clipped(after.question, 1_200))}</p></header>"
            f'<div class="sides">{_side(f"step {before.step}", before)}'
            f"{_side(f'step {after.step}', after)}</div></article>"
        )
    body = f'<div class="pairs">{"".join(cards)}</div>' if cards else ""
    return section(
        "pairs",
        "The same problem, before and after",
        body,
        "The first held-out problem of each task in hash order, not picked by hand. "
        "<mark>Reflective words</mark> are marked.",
    )


# --------------------------------------------------------------------------------- curves


def curves(run: RunData) -> str:
    body = chart_grid(charts.accuracy_charts(run)) if run.evals else ""
    body += chart_grid(charts.learning_charts(run))
    return section(
        "curves",
        "How it learned",
        body,
        "Bands are 95 % intervals. Thin lines are single steps, thick ones a trailing mean. "
        "Point at a curve to read values.",
    )


def behaviour(run: RunData, samples: Samples) -> str:
    change = narrative.wait_change(samples)
    found = [
        *charts.length_charts(run, samples),
        *charts.reflection_charts(samples, narrative.change_step(samples, change)),
        *charts.language_charts(samples),
    ]
    said = [
        narrative.length_sentence(run),
        narrative.aha_sentence(samples, change) if samples.train else "",
        narrative.control_sentence(samples),
        findings.reflection_sentence(samples),
        findings.pass_sentence(samples),
        findings.readability_sentence(samples),
    ]
    words = "".join(f"<p>{escaped(sentence)}</p>" for sentence in said if sentence)
    body = chart_grid(found) + (f'<div class="verdict">{words}</div>' if words else "")
    body += _by_difficulty(samples)
    return section(
        "behaviour",
        "How its answers changed",
        body,
        "Reflective words are the ten of the R1 paper: wait, mistake, however, but, retry, error, "
        "verify, wrong, evaluate, check.",
    )


def _by_difficulty(samples: Samples) -> str:
    rows = findings.difficulty_rows(samples)
    header = ("difficulty", "problems", "before", "after")
    return "<h3>Sampled accuracy by difficulty</h3>" + table(header, rows, 1) if rows else ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """A plain table; the first ``left`` columns are text, the rest figures."""

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} class="{"name" if i < left else "figure"}">{escaped(cell)}</{tag}>'
            for i, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="list"><tr>{cells(header, "th")}</tr>'
        f"{body}</table></div>"
    )


def health(run: RunData) -> str:
    return section("health", "Health of the training", chart_grid(charts.health_charts(run)))


# --------------------------------------------------------------------------------- cost


def costs(run: RunData, found: Mapping[str, Any]) -> str:
    """Seconds by phase, tokens, memory, speed."""
    spent = found["cost"]
    facts: list[tuple[str, str]] = []
    if spent["seconds"]:
        facts.append((duration(spent["seconds"]), "wall-clock"))
    facts += [(f"{count:,}", f"{name} tokens") for name, count in spent["tokens"].items()]
    if spent["peak_memory_mb"]:
        facts.append((f"{spent['peak_memory_mb'] / 1000:.1f} GB", "peak memory"))
    numbers = "".join(f"<div><b>{escaped(a)}</b><span>{escaped(b)}</span></div>" for a, b in facts)
    ordered = sorted(spent["phases"].items(), key=lambda item: -item[1])
    parts = [(name, amount, PHASE_TONES.get(name, "6")) for name, amount in ordered]
    keys = "".join(
        f'<span><i class="tone-{tone}"></i>{escaped(name)} {escaped(duration(amount))}</span>'
        for name, amount, tone in parts
    )
    bar = split_bar(parts) + f'<div class="keys">{keys}</div>' if parts else ""
    grid = chart_grid(charts.speed_charts(run))
    body = (f'<div class="facts">{numbers}</div>' if numbers else "") + bar + grid
    return section("cost", "What it cost", body)


# --------------------------------------------------------------------------------- rollouts


def browser(data: Mapping[str, Any], notes: Sequence[str]) -> str:
    """The rollout browser; its script fills it from the data element."""
    if not data["heldout"] and not data["train"]:
        return ""
    said = " ".join(note for note in notes if note)
    shell = (
        '<div class="browser" id="browser" hidden><div class="controls">'
        '<div class="segmented" data-part="source"><button value="heldout">Held-out</button>'
        '<button value="train">Training</button></div>'
        '<label>task <select data-part="task"></select></label>'
        '<label>problem <select data-part="problem"></select></label>'
        '<span class="num"><button class="step-button" data-part="previous" '
        'aria-label="previous problem">←</button> <button class="step-button" data-part="next" '
        'aria-label="next problem">→</button></span></div>'
        '<div class="about" data-part="about"></div><div class="time" data-part="time"></div>'
        '<div class="columns" data-part="columns"></div></div>'
        "<noscript><p>The browser needs JavaScript. All rollouts are in the run directory, "
        "rollouts/*.jsonl, one completion a line.</p></noscript>"
        f'<script type="application/json" id="rollouts-data">{script_json(data)}</script>'
    )
    return section(
        "rollouts",
        "Read what it wrote",
        f'{shell}<p class="quiet">{escaped(said)}</p>',
        "The same held-out problems at every evaluation. Move the slider through training."
        if data["heldout"]
        else "",
    )


# --------------------------------------------------------------------------------- words


def advice(run: RunData) -> str:
    said = narrative.advice(run)
    items = "".join(
        f'<li><span class="at">step {step}</span>{escaped(text)}</li>' for step, text in said[:40]
    )
    more = f"<p>{len(said) - 40} more are in train.log.</p>" if len(said) > 40 else ""
    body = f'<ul class="plain">{items}</ul>{more}' if items else ""
    return section("advice", "Advice", body, "What the training loop noticed, and what to try.")


def caveats(run: RunData, found: Mapping[str, Any], samples: Samples) -> str:
    said = narrative.caveats(run, found, samples)
    items = "".join(f"<li>{escaped(text)}</li>" for text in said)
    return section("caveats", "Read with care", f'<ul class="plain">{items}</ul>')


def _box(title: str, text: str) -> str:
    body = escaped(clipped(text, 60_000))
    return (
        f'<details class="box"><summary>{title}</summary><pre class="file">{body}</pre></details>'
    )


def _without_host(environment: Mapping[str, Any]) -> dict[str, Any]:
    """The host name identifies a person's machine and explains nothing, so it is left out."""
    kept = {name: value for name, value in environment.items() if name != "host"}
    earlier = kept.get("earlier_attempts")
    if isinstance(earlier, list):
        kept["earlier_attempts"] = [_without_host(e) for e in earlier if isinstance(e, dict)]
    return kept


def settings(run: RunData) -> str:
    """The resolved configuration and the environment."""
    boxes = _box("Configuration", run.config_text) if run.config_text else ""
    environment = _without_host(run.environment)
    if environment:
        boxes += _box("Environment", json.dumps(environment, indent=2, ensure_ascii=False))
    return section("settings", "To repeat it", boxes)


def reading_notes(notes: Sequence[str]) -> str:
    """What could not be read, said plainly."""
    items = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    body = f'<ul class="plain">{items}</ul>' if items else ""
    return section("notes", "Files that needed care", body)
