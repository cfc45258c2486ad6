"""Estimators by enumeration, at their edges, and their coverage."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from cogitate.eval.estimators import (
    bootstrap_interval,
    cons_at_k,
    pass_at_k,
    wilson_interval,
)


class TestPassAtK:
    @pytest.mark.parametrize("samples", [1, 4, 7])
    def test_equals_counting_all_subsets(self, samples: int) -> None:
        for correct, k in itertools.product(range(samples + 1), range(1, samples + 1)):
            outcome = [True] * correct + [False] * (samples - correct)
            subsets = list(itertools.combinations(outcome, k))
            expected = sum(any(s) for s in subsets) / len(subsets)
            assert pass_at_k(samples, correct, k) == pytest.approx(expected), (correct, k)

    def test_large_counts_do_not_overflow(self) -> None:
        assert pass_at_k(20_000, 1, 10_000) == pytest.approx(0.5)

    @pytest.mark.parametrize("k", [0, 5])
    def test_needs_k_samples(self, k: int) -> None:
        with pytest.raises(ValueError, match="n = 4 samples"):
            pass_at_k(4, 1, k)


class TestConsAtK:
    @pytest.mark.parametrize(
        ("answers", "correct", "value"),
        [
            (["1", "1", "2"], [True, True, False], 1.0),
            (["1", "2", "2"], [True, False, False], 0.0),
            (["1", "2"], [True, False], 0.5),  # a tie: the mean over a random break
            (["1", "2", "3"], [False, False, True], 1 / 3),
            ([None, None, "5"], [False, False, True], 1.0),  # no answer is no vote
            ([None, None], [False, False], 0.0),
            ([], [], 0.0),
        ],
    )
    def test_by_hand(
        self, answers: Sequence[str | None], correct: Sequence[bool], value: float
    ) -> None:
        assert cons_at_k(answers, correct) == pytest.approx(value)

    def test_first_k_samples(self) -> None:
        answers, correct = ["1", "2", "2"], [True, False, False]
        assert [cons_at_k(answers, correct, k=k) for k in (1, 2, 3)] == [1.0, 0.5, 0.0]

    def test_order_does_not_matter(self) -> None:
        pairs = [("a", True), ("b", False), ("b", False), ("a", True), (None, False)]
        values = {
            cons_at_k([a for a, _ in p], [c for _, c in p]) for p in itertools.permutations(pairs)
        }
        assert values == {0.5}


class TestWilson:
    def test_bounds_solve_the_score_equation(self) -> None:
        # Wilson's bounds are where |p_hat - p| = z sqrt(p (1 - p) / n).
        for bound in wilson_interval(7, 20):
            distance = abs(7 / 20 - bound)
            assert distance == pytest.approx(1.959964 * (bound * (1 - bound) / 20) ** 0.5)

    def test_symmetric(self) -> None:
        low, high = wilson_interval(3, 11)
        assert wilson_interval(8, 11) == pytest.approx((1 - high, 1 - low))

    def test_edges(self) -> None:
        assert wilson_interval(0, 0) == (0.0, 1.0)
        assert wilson_interval(0, 10)[0] == 0.0
        assert wilson_interval(10, 10)[1] == 1.0
        assert 0.69 < wilson_interval(10, 10)[0] < 0.73


class TestBootstrap:
    def test_repeatable_and_keyed_by_seed(self) -> None:
        values = [i / 97 for i in range(97)]
        assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
        assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)

    def test_close_to_the_normal_interval_for_many_problems(self) -> None:
        values = [0.0, 1.0] * 200
        low, high = bootstrap_interval(values)
        half = 1.96 * 0.5 / 400**0.5
        assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.006)

    def test_no_spread_is_not_certainty(self) -> None:
        assert bootstrap_interval([1.0] * 10) == wilson_interval(10, 10)
        assert bootstrap_interval([]) == (0.0, 1.0)

    def test_covers_the_truth(self) -> None:
        generator = np.random.default_rng(0)
        covered = 0
        for trial in range(60):
            values = generator.beta(2, 2, size=40)
            low, high = bootstrap_interval(values.tolist(), seed=trial, resamples=400)
            covered += low <= 0.5 <= high
        assert covered >= 52
