import math

import pytest

from cogitate.display.shapes import (
    aligned,
    bar,
    count,
    duration,
    interval,
    number,
    percent,
    size,
    sparkline,
    split_widths,
)


class TestSparkline:
    def test_levels_between_fixed_ends(self) -> None:
        values = [index / 7 for index in range(8)]
        assert sparkline(values, 8, low=0.0, high=1.0) == "▁▂▃▄▅▆▇█"
        assert sparkline(values, 8, low=0.0, high=1.0, ascii_only=True) == "_.-:=+*#"

    def test_scales_to_its_own_range(self) -> None:
        assert sparkline([10.0, 20.0], 5) == "▁█"

    def test_a_flat_curve_is_in_the_middle(self) -> None:
        assert sparkline([0.3, 0.3], 5) == "▅▅"

    def test_neighbours_are_averaged_when_there_is_no_room(self) -> None:
        # Means of (0, 1), (1, 0), (1, 1): 0.5, 0.5, 1.
        assert sparkline([0, 1, 1, 0, 1, 1], 3, low=0.0, high=1.0) == "▅▅█"

    def test_values_outside_are_clamped_and_nan_left_out(self) -> None:
        assert sparkline([-5.0, math.nan, 5.0], 9, low=0.0, high=1.0) == "▁█"

    @pytest.mark.parametrize("values", [[], [math.nan], [math.inf]])
    def test_nothing_to_draw(self, values: list[float]) -> None:
        assert sparkline(values, 10) == ""

    def test_no_room(self) -> None:
        assert sparkline([1.0, 2.0], 0) == ""


@pytest.mark.parametrize(
    ("fraction", "drawn"),
    [
        (0.0, "...."),
        (0.5, "##.."),
        (1.0, "####"),
        (7.0, "####"),
        (-1.0, "...."),
        (math.nan, "...."),
    ],
)
def test_bar(fraction: float, drawn: str) -> None:
    assert bar(fraction, 4, ascii_only=True) == drawn


class TestSplitWidths:
    def test_columns_add_up(self) -> None:
        assert split_widths({"a": 1.0, "b": 1.0, "c": 1.0}, 10) == {"a": 4, "b": 3, "c": 3}

    def test_a_tiny_part_may_get_none(self) -> None:
        assert split_widths({"rollout": 99.9, "reward": 0.1}, 20) == {"rollout": 20, "reward": 0}

    def test_no_time_at_all(self) -> None:
        assert split_widths({"a": 0.0}, 20) == {"a": 0}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.6, "1m00s"), (61, "1m01s"),
        (3599.7, "1h00m"), (7260, "2h01m"), (90_000, "1d01h"), (None, "?"), (math.inf, "?"),
    ],
)  # fmt: skip
def test_duration(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (1500, "1.5 kB"), (999_999, "1.0 MB"), (99_960_000, "100 MB"), (2.5e12, "2.5 TB")],
)
def test_size(value: float, shown: str) -> None:
    assert size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(9_999, "9999"), (10_000, "10.0k"), (1_000_000, "1.0M"), (6.7e11, "670.0B"), (3e12, "3.0T")],
)
def test_count(value: float, shown: str) -> None:
    assert count(value) == shown


def test_small_formats() -> None:
    assert percent(0.12345) == "12.3%"
    assert percent(math.nan) == "-"
    assert interval(0.831, 0.95) == "[83.1, 95.0]"
    assert number(1.005, 1) == "1.0"
    assert number(None) == "-"
    assert number(math.nan) == "nan"


def test_aligned_pads_all_but_the_end() -> None:
    assert aligned([("a", "bb", ""), ("ccc", "d", "e")]) == ["a    bb", "ccc  d   e"]
