"""What ``cogitate grade`` prints. Completions are untrusted: they are shortened and cleaned."""

from collections.abc import Sequence

from cogitate.cli.grading import Mismatch, Summary
from cogitate.display.safe_text import one_line
from cogitate.display.shapes import aligned, duration
from cogitate.verdict import Status
from cogitate.verifiers.grade import BAD_ROW

MAX_SHOWN = 40
"""Mismatches that are printed; all are in the JSON summary."""
MAX_CAUSES = 12


def summary_text(summary: Summary) -> str:
    """Counts per kind, the commonest causes, and how long it took."""
    rows = [("kind", "rows", "correct", "wrong", "unparseable", "masked", "bad rows")]
    for kind, counts in sorted(summary.statuses.items()):
        masked = sum(counts[s] for s in Status if not s.trains)
        rows.append((
            kind, str(counts.total()), str(counts[Status.CORRECT]), str(counts[Status.WRONG]),
            str(counts[Status.UNPARSEABLE]), str(masked), str(counts[BAD_ROW]),
        ))  # fmt: skip
    lines = aligned(rows) if len(rows) > 1 else ["no rows"]
    if summary.causes:
        common = summary.causes.most_common(MAX_CAUSES)
        lines.append("causes: " + ", ".join(f"{one_line(cause, 60)} {n}" for cause, n in common))
    resumed = f", {summary.resumed} of them earlier" if summary.resumed else ""
    lines.append(
        f"{summary.rows:,} rows{resumed} in {duration(summary.seconds)} "
        f"({summary.rows_per_second:,.4g} rows/s)"
    )
    if summary.interrupted:
        lines.append(f"interrupted. Go on with: --out {summary.out} --resume")
    elif summary.out:
        lines.append(f"written to {summary.out}")
    return "\n".join(lines)


def mismatch_table(summary: Summary) -> str:
    """The rows whose verdict is not the expected one, each with the end of its completion."""
    if not summary.mismatches:
        if not summary.checked:
            return "check: no row has an expectation"
        return f"check: all {summary.checked} expectations are met"
    lines = [f"check: {len(summary.mismatches)} of {summary.checked} expectations are not met"]
    lines += aligned([
        ("line", "id", "kind", "expected", "found", "cause", "completion"),
        *(_cells(mismatch) for mismatch in summary.mismatches[:MAX_SHOWN]),
    ])  # fmt: skip
    if len(summary.mismatches) > MAX_SHOWN:
        lines.append(f"and {len(summary.mismatches) - MAX_SHOWN} more; --json has all")
    return "\n".join(lines)


def _cells(mismatch: Mismatch) -> Sequence[str]:
    return (
        str(mismatch.line),
        one_line(mismatch.id, 24),
        one_line(mismatch.kind, 16),
        one_line(mismatch.expected, 64),
        mismatch.found,
        one_line(mismatch.cause, 24),
        ending(mismatch.completion, 60),
    )


def ending(text: str, limit: int) -> str:
    """The end of a text on one harmless line: that is where answers stand.

    >>> ending("first\\nthe answer is 4", 8)
    '…er is 4'
    """
    line = one_line(text[-4 * limit :])
    if len(line) <= limit and len(text) <= 4 * limit:
        return line
    return "…" + line[-(limit - 1) :].lstrip() if len(line) > limit else "…" + line
