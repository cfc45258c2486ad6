"""The sections of the report: each a function from data to HTML. All text is escaped here."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.report import charts, findings, narrative
from cogitate.report.figures import Chart, line_chart, split_bar
from cogitate.report.load import RolloutRow, RunData
from cogitate.report.safe import clipped, escaped, script_json
from cogitate.report.samples import Samples, hash_order, segments
from cogitate.report.summary import duration

PHASE_TONES = {
    "rollout": "1",
    "reward": "3",
    "update": "2",
    "eval": "5",
    "checkpoint": "4",
    "logprobs": "6",
    "other": "6",
}
PAIRS_PER_TASK = 1
PAIRS_SHOWN = 4


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
    accuracy = charts.accuracy_charts(run) if run.evals else []
    body = chart_grid([*accuracy, *charts.learning_charts(run)])
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
        findings.search_sentence(samples),
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
    header = ("task", "difficulty", "problems", "before", "after")
    return "<h3>Sampled accuracy by difficulty</h3>" + table(header, rows, 2) if rows else ""


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
    total = sum(spent["phases"].values())
    worth = {name: amount for name, amount in spent["phases"].items() if amount > 0.001 * total}
    ordered = sorted(worth.items(), key=lambda item: -item[1])
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
