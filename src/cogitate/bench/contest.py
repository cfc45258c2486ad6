"""A contest: contestants take turns, A B A B, and their measurements become rows."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cogitate.bench.rows import Row
from cogitate.bench.summary import paired_ratios, summarize

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One operation of one worker, whose ``Worker.call`` is ``call``. ``note`` goes under the
    table when this one is compared with."""

    name: str
    version: str
    call: Callable[..., dict[str, Any]]
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def run(self) -> dict[str, Any]:
        """One measurement: at least ``seconds``, ``tokens``, ``peak_memory_mb``, ``busy``."""
        return self.call(self.operation, **self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """How a measurement becomes a figure."""

    name: str
    higher_is_better: bool
    value: Callable[[Mapping[str, Any]], float]


TOKENS_PER_SECOND = Unit(
    name="tokens/s", higher_is_better=True, value=lambda m: m["tokens"] / m["seconds"]
)
SECONDS = Unit(name="s/step", higher_is_better=False, value=lambda m: m["seconds"])
SECONDS_PER_1K = Unit(
    name="s/1k tokens",
    higher_is_better=False,
    value=lambda m: 1000 * m["seconds"] / m["tokens"],
)


def report_to_stderr(text: str) -> None:
    """Progress for people; stdout is for results."""
    print(f"[{datetime.now():%H:%M:%S}] {text}", file=sys.stderr, flush=True)


def fastest(variants: Sequence[Contestant], *, report: Report = report_to_stderr) -> Contestant:
    """The quickest of a peer's variants: each runs once to warm up and, if there is a choice,
    once more to be compared. The peer is then measured at its best."""
    seconds = []
    for variant in variants:
        first = variant.run()["seconds"]
        timed = variant.run()["seconds"] if len(variants) > 1 else first
        seconds.append(timed)
        report(f"  warm-up {variant.name}: {timed:.2f} s")
    return variants[seconds.index(min(seconds))]


def alternate(
    contestants: Sequence[Contestant], *, repeats: int, report: Report = report_to_stderr
) -> list[list[dict[str, Any]]]:
    """``repeats`` rounds in which the contestants take turns, in order; already warmed up.

    A turn is two runs, of which the second counts. Whoever waits is stopped, and a machine may take
    the memory of a stopped process away (DAMON, ballooning, swap); the first run brings it back.
    """
    measurements: list[list[dict[str, Any]]] = [[] for _ in contestants]
    start = time.monotonic()
    for number in range(1, repeats + 1):
        for contestant, mine in zip(contestants, measurements, strict=True):
            contestant.run()
            mine.append(contestant.run())
        left = (time.monotonic() - start) / number * (repeats - number)
        pairs = zip(contestants, measurements, strict=True)
        shown = ", ".join(f"{c.name} {mine[-1]['seconds']:.2f} s" for c, mine in pairs)
        report(f"  round {number}/{repeats}: {shown}; {left:.0f} s left")
    return measurements


def compare(
    ours: tuple[Contestant, Sequence[Mapping[str, Any]]],
    peer: tuple[Contestant, Sequence[Mapping[str, Any]]],
    *,
    work: str,
    batch: int,
    unit: Unit,
    machine: str,
) -> Row:
    """The row of two contestants measured in turns."""
    (us, our_runs), (them, their_runs) = ours, peer
    mine = [unit.value(m) for m in our_runs]
    theirs = [unit.value(m) for m in their_runs]
    mine_summary, their_summary = summarize(mine), summarize(theirs)
    ratios = summarize(paired_ratios(mine, theirs, higher_is_better=unit.higher_is_better))
    return Row(
        work=work,
        batch=batch,
        unit=unit.name,
        ours=mine_summary.median,
        peer=them.name,
        peer_version=them.version,
        peer_value=their_summary.median,
        ratio=ratios.median,
        runs=len(mine),
        peak_memory_mb=max(m["peak_memory_mb"] for m in our_runs),
        machine=machine,
        date=datetime.now(tz=UTC).date().isoformat(),
        peer_peak_memory_mb=max(m["peak_memory_mb"] for m in their_runs),
        ours_spread=(mine_summary.low, mine_summary.high),
        peer_spread=(their_summary.low, their_summary.high),
        ratio_spread=(ratios.low, ratios.high),
        ours_version=us.version,
        busy=max(m["busy"] for m in (*our_runs, *their_runs)),
        note=them.note,
    )
