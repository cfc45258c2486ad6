from collections.abc import Iterable
from typing import Any

import pytest

from cogitate.bench.contest import (
    SECONDS,
    SECONDS_PER_1K,
    TOKENS_PER_SECOND,
    Contestant,
    alternate,
    compare,
    fastest,
)


class Scripted:
    """A worker that takes the seconds it was told to, and keeps a diary of who ran when.

    In a contest every second run counts; the others are given 99 seconds, so that they would show.
    """

    def __init__(self, name: str, seconds: Iterable[float], diary: list[str]) -> None:
        self.name, self.seconds, self.diary = name, list(seconds), diary

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        self.diary.append(f"{self.name}.{operation}")
        return {
            "seconds": self.seconds.pop(0),
            "tokens": 100,
            "peak_memory_mb": 10.0 + len(self.diary),
            "busy": 0.01 * len(self.diary),
        }


def woken(*seconds: float) -> list[float]:
    """The runs of a contest of which ``seconds`` count."""
    return [run for second in seconds for run in (99.0, second)]


def contestant(name: str, seconds: Iterable[float], diary: list[str], note: str = "") -> Contestant:
    return Contestant(
        name=name,
        version="1",
        call=Scripted(name, seconds, diary).call,
        operation="go",
        note=note,
    )


def quiet(text: str) -> None:
    pass


def test_contestants_take_turns():
    diary: list[str] = []
    pair = [contestant("a", woken(1, 2, 3), diary), contestant("b", woken(4, 5, 6), diary)]
    runs = alternate(pair, repeats=3, report=quiet)
    assert diary == ["a.go", "a.go", "b.go", "b.go"] * 3
    assert [[m["seconds"] for m in mine] for mine in runs] == [[1, 2, 3], [4, 5, 6]]


def test_progress_tells_rounds_and_time_left():
    lines: list[str] = []
    alternate([contestant("a", woken(1.5, 2.5), [])], repeats=2, report=lines.append)
    assert [line.split(";")[0].strip() for line in lines] == [
        "round 1/2: a 1.50 s",
        "round 2/2: a 2.50 s",
    ]
    assert lines[-1].endswith("0 s left")


def test_the_fastest_variant_is_chosen_by_its_second_run():
    diary: list[str] = []
    cold = contestant("cold", [9.0, 1.0], diary)  # slow to warm up, then the quicker one
    warm = contestant("warm", [2.0, 2.0], diary)
    assert fastest([warm, cold], report=quiet) is cold
    assert diary == ["warm.go", "warm.go", "cold.go", "cold.go"]


def test_a_single_variant_is_only_warmed_up():
    diary: list[str] = []
    only = contestant("only", [3.0], diary)
    assert fastest([only], report=quiet) is only
    assert diary == ["only.go"]


@pytest.mark.parametrize(
    ("unit", "ours", "peer"),
    [(TOKENS_PER_SECOND, 100.0, 25.0), (SECONDS, 1.0, 4.0), (SECONDS_PER_1K, 10.0, 40.0)],
)
def test_a_row_holds_medians_in_its_unit_and_the_ratio(unit, ours, peer):
    diary: list[str] = []
    us = contestant("a", woken(1, 1, 1), diary)
    them = contestant("b", woken(4, 4, 4), diary, "a note")
    runs = alternate([us, them], repeats=3, report=quiet)
    row = compare((us, runs[0]), (them, runs[1]), work="w", batch=8, unit=unit, machine="a machine")
    assert (row.ours, row.peer_value, row.ratio) == (ours, peer, 4.0)
    assert (row.peer, row.note, row.unit, row.runs) == ("b", "a note", unit.name, 3)
    # Twelve calls, of which the second, fourth, ... count: memory and busy share are the largest that each side, or either, has shown.
    assert (row.peak_memory_mb, row.peer_peak_memory_mb) == (20.0, 22.0)
    assert row.busy == pytest.approx(0.12)


def test_the_ratio_is_of_pairs_not_of_medians():
    diary: list[str] = []
    us = contestant("a", woken(1.0, 10.0, 2.0), diary)
    them = contestant("b", woken(2.0, 30.0, 2.0), diary)
    runs = alternate([us, them], repeats=3, report=quiet)
    row = compare((us, runs[0]), (them, runs[1]), work="w", batch=1, unit=SECONDS, machine="m")
    # pairs 2, 3, 1: median 2; the medians themselves (2 and 2) would give 1
    assert row.ratio == 2.0
    assert row.ratio_spread == (1.5, 2.5)
