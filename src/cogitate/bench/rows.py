"""Rows of ``docs/benchmarks.json`` and the table of ``docs/benchmarks.md`` made from them."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cogitate.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison with one peer.

    ``ours`` and ``peer_value`` are medians in ``unit``; ``ratio`` is the median of the ratios
    taken pair by pair, above 1 where ours is better. ``*_spread`` are lower and upper quartiles.
    ``busy`` is the largest fraction of CPU time that other processes took during a measurement.
    """

    work: str
    batch: int
    unit: str
    ours: float
    peer: str
    peer_version: str
    peer_value: float
    ratio: float
    runs: int
    peak_memory_mb: float
    machine: str
    date: str
    peer_peak_memory_mb: float
    ours_spread: tuple[float, float]
    peer_spread: tuple[float, float]
    ratio_spread: tuple[float, float]
    ours_version: str
    busy: float = 0.0
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse what would make a false table.

        Raises:
            DataError: a number is missing or not positive, or nothing was measured.
        """
        for name in ("ours", "peer_value", "ratio", "peak_memory_mb", "peer_peak_memory_mb"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise DataError(
                    f"benchmark row {self.work!r} against {self.peer!r}: {name} = {value}, "
                    "expected a positive number. The run failed or timed nothing; repeat it."
                )
        if self.runs < 1:
            raise DataError(f"benchmark row {self.work!r}: runs = {self.runs}, expected 1 or more.")

    @property
    def key(self) -> tuple[str, int, str, str, str]:
        """What a later measurement replaces."""
        return (self.work, self.batch, self.unit, self.peer, self.machine)


def row_from_dict(data: dict[str, object]) -> Row:
    """A row as JSON holds it.

    Raises:
        DataError: a field is unknown or missing.
    """
    known = {field.name for field in fields(Row)}
    if unknown := sorted(set(data) - known):
        raise DataError(f"benchmark row: unknown field {unknown[0]!r}; known: {sorted(known)}.")
    required = {field.name for field in fields(Row) if field.default is MISSING}
    if missing := sorted(required - set(data)):
        raise DataError(
            f"benchmark row {data.get('work')!r}: no field {missing[0]!r}; needed: "
            f"{sorted(required)}. Measure it again."
        )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    return Row(**values)


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSON file; none if it does not exist.

    Raises:
        DataError: the file is no JSON list of rows.
    """
    if not path.exists():
        return []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}: not JSON ({error}). Delete it and run the bench again."
        ) from error
    if not isinstance(data, list):
        raise DataError(f"{path}: expected a JSON list of rows, found {type(data).__name__}.")
    return [row_from_dict(item) for item in data]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON, one per line, so that a changed figure is a changed line."""
    lines = [json.dumps(asdict(row)) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def merge_rows(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """``old`` with the rows that ``new`` measures again replaced in place, and the rest added."""
    fresh = {row.key: row for row in new}
    merged = [fresh.pop(row.key, row) for row in old]
    return merged + list(fresh.values())


_HEADER = (
    "| work | batch | unit | ours | peer | its value | ratio (quartiles) | runs "
    "| memory, ours / peer (MB) |\n"
    "|---|---:|---|---:|---|---:|---:|---:|---:|\n"
)


def markdown_table(rows: Sequence[Row]) -> str:
    """One Markdown table; footnotes for the rows that carry a note."""
    notes: list[str] = []
    lines = []
    for row in rows:
        mark = ""
        if row.note:
            if row.note not in notes:
                notes.append(row.note)
            mark = f" [{notes.index(row.note) + 1}]"
        low, high = row.ratio_spread
        lines.append(
            f"| {row.work} | {row.batch} | {row.unit} | {_number(row.ours)} "
            f"| {row.peer} {row.peer_version}{mark} | {_number(row.peer_value)} "
            f"| **{row.ratio:.2f}x** ({low:.2f} to {high:.2f}) | {row.runs} "
            f"| {row.peak_memory_mb:,.0f} / {row.peer_peak_memory_mb:,.0f} |"
        )
    footnotes = "".join(f"\n[{i}] {note}\n" for i, note in enumerate(notes, start=1))
    return _HEADER + "\n".join(lines) + "\n" + footnotes


def _number(value: float) -> str:
    """Three significant digits, thousands apart; whole numbers from 100 on."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def markdown_document(rows: Sequence[Row], *, introduction: str) -> str:
    """``docs/benchmarks.md``: a section per machine, newest measurement first within the text."""
    parts = [introduction.rstrip() + "\n"]
    machines = list(dict.fromkeys(row.machine for row in rows))
    for machine in machines:
        here = [row for row in rows if row.machine == machine]
        dates = sorted({row.date for row in here})
        span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        versions = ", ".join(sorted({row.ours_version for row in here}))
        busiest = max(row.busy for row in here)
        parts.append(
            f"\n## {machine}\n\nMeasured {span} with {versions}. Other processes took at most "
            f"{busiest:.0%} of the machine during any measurement.\n\n{markdown_table(here)}"
        )
    return "".join(parts)
