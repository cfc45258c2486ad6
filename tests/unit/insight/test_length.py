"""Length statistics and trends."""

import pytest

from cogitate.insight.length import (
    length_by,
    length_gap,
    length_stats,
    slope_per_100_steps,
    tokens_before,
)


def test_statistics_by_hand() -> None:
    stats = length_stats([1, 2, 3, 4, 100], truncated=[False, False, False, False, True])
    assert stats is not None
    assert (stats.number, stats.mean, stats.median) == (5, 22.0, 3.0)
    assert stats.p95 == pytest.approx(4 + 0.8 * 96)  # position 0.95 * 4 = 3.8
    assert stats.truncated_fraction == 0.2


def test_no_completions_have_no_statistics() -> None:
    assert length_stats([]) is None
    assert length_by([], []) == {}


def test_by_difficulty_keeps_order_and_truncation() -> None:
    stats = length_by(["hard", "easy", "hard"], [30, 4, 50], [True, False, False])
    assert list(stats) == ["hard", "easy"]
    assert stats["hard"].mean == 40.0
    assert stats["hard"].truncated_fraction == 0.5
    assert stats["easy"].truncated_fraction == 0.0


def test_gap_between_wrong_and_right() -> None:
    assert length_gap(length_by([True, True, False], [10, 20, 45])) == 30.0
    assert length_gap(length_by([True], [10])) is None


@pytest.mark.parametrize(("character", "tokens"), [(0, 0), (1, 1), (3, 1), (4, 2), (9, 3), (99, 3)])
def test_tokens_before_a_character(character: int, tokens: int) -> None:
    assert tokens_before(["abc", "def", "ghi"], character) == tokens


def test_slope_of_a_straight_line_is_exact() -> None:
    slope = slope_per_100_steps([0, 10, 20, 30], [5.0, 4.0, 3.0, 2.0])
    assert slope is not None
    assert slope.per_100_steps == pytest.approx(-10.0)
    assert slope.ci95 == pytest.approx((-10.0, -10.0))


def test_slope_interval_covers_zero_without_a_trend() -> None:
    values = [10.0 + (7 * i % 5) for i in range(60)]
    slope = slope_per_100_steps(list(range(60)), values)
    assert slope is not None
    assert slope.ci95[0] < 0 < slope.ci95[1]


def test_slope_interval_excludes_zero_with_one() -> None:
    values = [10.0 + 0.3 * i + (7 * i % 5) for i in range(60)]
    slope = slope_per_100_steps(list(range(60)), values)
    assert slope is not None
    assert slope.ci95[0] > 20
    assert slope.ci95[0] < slope.per_100_steps < slope.ci95[1]


@pytest.mark.parametrize("steps", [[], [1, 2], [3, 3, 3, 3]])
def test_no_slope_without_a_spread_of_steps(steps: list[int]) -> None:
    assert slope_per_100_steps(steps, [1.0] * len(steps)) is None
