"""Figures with numbers worked by hand."""

import json
import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.eval.estimators import wilson_interval
from cogitate.reward_models.figures import (
    ScoredLabel,
    ScoredPair,
    area_under_curve,
    calibration,
    correlation,
    pair_figures,
    safety_figures,
    share,
    sigmoid,
    softplus,
)


def pair(chosen: float, rejected: float, sizes: tuple[int, int] = (10, 10)) -> ScoredPair:
    return ScoredPair(
        chosen=chosen, rejected=rejected, chosen_length=sizes[0], rejected_length=sizes[1]
    )


class TestPairs:
    PAIRS = (
        pair(1.0, 0.0, (10, 10)),  # right, equal length
        pair(0.0, 1.0, (10, 20)),  # wrong, the shorter was chosen
        pair(2.0, 0.0, (20, 10)),  # right, the longer was chosen
        pair(3.0, 3.0, (10, 40)),  # a tie, the shorter was chosen
    )

    def test_accuracy_counts_a_tie_half(self) -> None:
        figures = pair_figures(self.PAIRS)
        assert figures.accuracy.value == 2.5 / 4
        assert figures.accuracy.ci95 == wilson_interval(2.5, 4)

    def test_by_length(self) -> None:
        figures = pair_figures(self.PAIRS)
        assert (figures.matched.value, figures.matched.total) == (1.0, 1)
        assert (figures.adversarial.value, figures.adversarial.total) == (0.25, 2)
        assert (figures.aligned.value, figures.aligned.total) == (1.0, 1)
        # It prefers the longer in pair 3 and pair 2, and half in the tie: 2.5 of 3.
        assert figures.prefers_longer.value == pytest.approx(2.5 / 3)
        assert figures.longer_chosen.value == pytest.approx(1 / 3)

    def test_log_loss(self) -> None:
        # gaps 1, -1, 2, 0
        expected = (0.3132617 + 1.3132617 + 0.1269280 + 0.6931472) / 4
        assert pair_figures(self.PAIRS).log_loss == pytest.approx(expected, abs=1e-6)

    def test_ten_per_cent_counts_as_equal(self) -> None:
        assert pair_figures([pair(1, 0, (11, 10))]).matched.total == 1
        assert pair_figures([pair(1, 0, (12, 10))]).aligned.total == 1

    def test_gap_and_length_gap_about_zero(self) -> None:
        # Gaps twice the length gaps, both signs: a perfect relation, whatever the order of pairs.
        pairs = [pair(2 * math.log(2), 0, (20, 10)), pair(0, 2 * math.log(4), (10, 40))]
        assert pair_figures(pairs).gap_length.value == pytest.approx(1.0)

    def test_without_pairs(self) -> None:
        figures = pair_figures([])
        assert figures.accuracy.value is None
        assert figures.accuracy.ci95 == (0.0, 1.0)
        assert json.dumps(asdict(figures))

    @given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=20))
    def test_everything_is_a_share(self, scores: list[tuple[float, float]]) -> None:
        figures = pair_figures([pair(c, r, (1 + i, 3)) for i, (c, r) in enumerate(scores)])
        assert figures.accuracy.value is not None
        assert 0.0 <= figures.calibration.ece <= 1.0
        assert sum(cell.total for cell in figures.calibration.bins) == len(scores)
        assert json.dumps(asdict(figures), allow_nan=False)


class TestCalibration:
    def test_by_hand(self) -> None:
        # Two predictions of 0.9, one true: off by 0.4. Two of 0.25, none true: off by 0.25.
        found = calibration([0.9, 0.9, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0])
        assert found.ece == pytest.approx(0.5 * 0.4 + 0.5 * 0.25)
        assert [(cell.low, cell.high, cell.total) for cell in found.bins] == [
            (0.2, 0.3, 2),
            (0.9, 1.0, 2),
        ]
        assert found.bins[1].observed.value == 0.5

    def test_one_is_in_the_last_bin(self) -> None:
        assert calibration([1.0], [1.0]).bins[0].low == 0.9
        assert calibration([1.0, 0.5], [1.0, 1.0], low=0.5).bins[0].high == 0.55

    def test_a_calibrated_predictor_has_no_error(self) -> None:
        assert calibration([0.75] * 4, [1, 1, 1, 0]).ece == 0.0


class TestSafety:
    ROWS = (
        ScoredLabel(score=2.0, safe=True, length=10),
        ScoredLabel(score=-1.0, safe=True, length=20),
        ScoredLabel(score=1.0, safe=False, length=30),
        ScoredLabel(score=-2.0, safe=False, length=40),
    )

    def test_by_hand(self) -> None:
        figures = safety_figures(self.ROWS)
        assert figures.safe.value == 0.5
        assert figures.accuracy.value == 0.5
        assert (figures.caught.value, figures.cleared.value) == (0.5, 0.5)
        # 2 beats both; -1 beats -2 and loses to 1: three of four.
        assert figures.auc.value == 0.75
        expected = (0.1269280 + 1.3132617 + 1.3132617 + 0.1269280) / 4
        assert figures.log_loss == pytest.approx(expected, abs=1e-6)

    def test_one_class_has_no_curve(self) -> None:
        figures = safety_figures(self.ROWS[:2])
        assert figures.auc.value is None
        assert figures.caught.value is None
        assert json.dumps(asdict(figures))


class TestEstimators:
    def test_ties_count_half(self) -> None:
        # .8 beats both; .4 loses to .6 and ties with .4: 2.5 of 4
        assert area_under_curve([0.8, 0.4], [0.6, 0.4]).value == pytest.approx(0.625)

    @given(
        st.lists(st.integers(-5, 5), min_size=1, max_size=12),
        st.lists(st.integers(-5, 5), min_size=1, max_size=12),
    )
    def test_ranks_agree_with_counting(self, positive: list[int], negative: list[int]) -> None:
        wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
        found = area_under_curve([float(p) for p in positive], [float(n) for n in negative])
        assert found.value == pytest.approx(wins / (len(positive) * len(negative)))
        assert 0.0 <= found.ci95[0] <= found.ci95[1] <= 1.0

    def test_correlation(self) -> None:
        # centred x: -1 0 1, y: -1 2 -1 -> 0; and by hand 0.5 below
        assert correlation([0, 1, 2], [0, 3, 0]).value == pytest.approx(0.0)
        found = correlation([1, 2, 3, 4], [1, 3, 2, 4])
        assert found.value == pytest.approx(0.8)
        z = math.atanh(0.8)
        assert found.ci95[0] == pytest.approx(math.tanh(z - 1.959964), abs=1e-6)
        assert correlation([1.0, 1.0], [2.0, 3.0]).value is None
        assert correlation([], []).value is None

    def test_share(self) -> None:
        assert share([1.0, 0.0]).value == 0.5
        assert share([]).value is None

    def test_extreme_values(self) -> None:
        assert (sigmoid(1e4), sigmoid(-1e4)) == (1.0, 0.0)
        assert (softplus(1e4), softplus(-1e4)) == (1e4, 0.0)
