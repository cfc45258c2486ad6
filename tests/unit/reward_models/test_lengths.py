import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.reward_models.lengths import (
    BIN_WIDTH,
    balanced,
    length_coefficient,
    log_ratio,
    matched,
)

RATIOS = st.lists(st.floats(-3, 3, allow_nan=False), max_size=60)


def test_log_ratio() -> None:
    assert log_ratio(20, 10) == pytest.approx(math.log(2))
    assert log_ratio(7, 7) == 0.0
    assert log_ratio(0, 1) == 0.0


class TestBalanced:
    def test_as_many_of_either_sign(self) -> None:
        ratios = [0.1] * 8 + [-0.1] * 2 + [1.0] * 3 + [-1.0] + [2.0]
        kept = [ratios[index] for index in balanced(ratios)]
        assert kept == [0.1, 0.1, -0.1, -0.1, 1.0, -1.0]

    def test_equal_lengths_stay(self) -> None:
        assert balanced([0.0, 0.0, 1.0]) == [0, 1]

    def test_the_seed_decides_which(self) -> None:
        ratios = [0.1] * 50 + [-0.1] * 5
        first, second = balanced(ratios, seed=1), balanced(ratios, seed=2)
        assert first == balanced(ratios, seed=1)
        assert first != second
        assert first[-5:] == second[-5:] == [50, 51, 52, 53, 54]

    @given(RATIOS)
    def test_length_says_nothing_afterwards(self, ratios: list[float]) -> None:
        kept = [ratios[index] for index in balanced(ratios)]
        bins: dict[int, int] = {}
        for ratio in kept:
            place = int(abs(ratio) / BIN_WIDTH)
            bins[place] = bins.get(place, 0) + (ratio > 0) - (ratio < 0)
        assert set(bins.values()) <= {0}


def test_matched() -> None:
    ratios = [0.0, math.log(1.2), -math.log(1.2), math.log(1.21)]
    assert matched(ratios, tolerance=0.2) == [0, 1, 2]
    assert matched(ratios, tolerance=0.0) == [0]


class TestCoefficient:
    def test_share_of_wins_by_hand(self) -> None:
        # Three of four won by the longer, all of one size: sigmoid(b * 2) = 3/4.
        assert length_coefficient([2.0, 2.0, 2.0, -2.0]) == pytest.approx(math.log(3) / 2)

    def test_balanced_data_have_none(self) -> None:
        assert length_coefficient([1.0, -1.0, 0.5, -0.5]) == pytest.approx(0.0, abs=1e-12)
        assert length_coefficient([]) == 0.0
        assert length_coefficient([0.0, 0.0]) == 0.0

    def test_no_maximum_is_bounded(self) -> None:
        assert length_coefficient([1.0, 2.0]) == 20.0
        assert length_coefficient([-0.01, -0.02]) == -20.0

    @given(RATIOS)
    def test_it_is_a_maximum(self, ratios: list[float]) -> None:
        best = length_coefficient(ratios)

        def likelihood(b: float) -> float:
            return -math.fsum(math.log1p(math.exp(-max(-700.0, min(700.0, b * r)))) for r in ratios)

        for other in (best - 0.01, best + 0.01):
            if abs(other) <= 20.0:
                assert likelihood(best) >= likelihood(other) - 1e-6
