"""The report: one HTML file that needs no network, no server and no other file.

Completions are untrusted. Besides escaping, a content security policy allows exactly the two
inline elements written here (by hash) and nothing from anywhere, so even markup that slipped
through could neither run nor load.
"""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from cogitate.report import first_screen, sections
from cogitate.report.load import RunData, load_run
from cogitate.report.safe import escaped
from cogitate.report.samples import Limits, browser_data, collect
from cogitate.report.summary import summarise

NAVIGATION = (
    ("result", "Result"),
    ("pairs", "Before and after"),
    ("curves", "Curves"),
    ("rollouts", "Rollouts"),
    ("behaviour", "Behaviour"),
    ("health", "Health"),
    ("cost", "Cost"),
    ("caveats", "Care"),
    ("settings", "Settings"),
)


def asset(name: str) -> str:
    """A style sheet or script of this package."""
    return files("cogitate.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def page(
    title: str, body: str, footer: str, navigation: Sequence[tuple[str, str]] = NAVIGATION
) -> str:
    """A complete document around ``body``, with style, script and policy.

    ``navigation`` has (section id, label); sections that are not there get no link.
    """
    style, script = asset("page.css"), asset("page.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    links = "".join(
        f'<a href="#{name}">{label}</a>' for name, label in navigation if f'id="{name}"' in body
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escaped(title)}</title><style>{style}</style></head>"
        '<body><div class="top"><div class="bar"><span class="brand">cogitate</span>'
        f'<nav aria-label="Sections">{links}</nav>'
        '<button class="theme" hidden>Dark</button></div></div>'
        f"<main>{body}<footer>{footer}</footer></main>"
        f"<script>{script}</script></body></html>\n"
    )


def render_report(run: RunData, limits: Limits | None = None) -> str:
    """The report on ``run`` as HTML text; the same run gives the same bytes."""
    samples = collect(run, limits)
    found = summarise(run, first=samples.first, last=samples.last)
    data, cut = browser_data(samples, limits)
    sampling = [note for note in samples.notes if note.endswith(("evaluations.", "by hash."))]
    other = [note for note in samples.notes if note not in sampling]
    body = "".join(
        (
            first_screen.hero(run, found),
            sections.side_by_side(samples),
            sections.curves(run),
            sections.browser(data, [*sampling, cut]),
            sections.behaviour(run, samples),
            sections.health(run),
            sections.costs(run, found),
            sections.advice(run),
            sections.caveats(run, found, samples),
            sections.settings(run),
            sections.reading_notes([*run.notes, *other]),
        )
    )
    footer = (
        "Made by <code>cogitate report</code> from the files of the run directory alone. "
        "This page loads nothing from the network and sends nothing."
    )
    return page(f"{run.name}: training report", body, footer)


def write_report(run_dir: Path | str, out: Path | str | None = None) -> Path:
    """Write the report on ``run_dir``; ``out`` is a file, ``run_dir/report.html`` by default.

    Raises:
        DataError: ``run_dir`` is not a run directory.
    """
    run = load_run(run_dir)
    target = Path(out) if out is not None else run.path / "report.html"
    return write_page(target, render_report(run))


def write_page(target: Path, text: str) -> Path:
    """Write ``text`` in one move, so that a reader never sees half a page."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.tmp")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(target)
    return target
