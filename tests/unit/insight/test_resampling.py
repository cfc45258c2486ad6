"""Bootstrap and permutations: fixed bytes, right distributions."""

import math

import numpy as np
import pytest

from cogitate.insight.resampling import (
    mean_interval,
    permutations,
    raw_draws,
    resample_indices,
    statistic_interval,
)


def test_the_draws_are_fixed_for_ever() -> None:
    # Philox4x64-10, key 0, counter from 1 as NumPy starts it.
    assert (
        raw_draws(0, (1, 2)).tolist()
        == np.random.Philox(key=0).random_raw(2).reshape(1, 2).tolist()
    )
    assert (raw_draws(7, (3, 4)) == raw_draws(7, (3, 4))).all()
    assert (raw_draws(7, (3, 4)) != raw_draws(8, (3, 4))).any()


def test_a_permutation_has_every_index_once() -> None:
    rows = permutations(3, 50, 6)
    assert np.array_equal(np.sort(rows, axis=1), np.tile(np.arange(6), (50, 1)))
    assert len({tuple(row) for row in rows.tolist()}) > 30


def test_permutations_are_uniform() -> None:
    first = permutations(1, 6000, 3)[:, 0]
    assert np.bincount(first) / 6000 == pytest.approx([1 / 3] * 3, abs=0.03)


def test_resampling_is_with_replacement() -> None:
    rows = resample_indices(0, 400, 5)
    assert rows.min() == 0
    assert rows.max() == 4
    assert rows.mean() == pytest.approx(2.0, abs=0.15)


def test_interval_of_a_mean_matches_the_normal_approximation() -> None:
    values = [0.0, 1.0] * 100
    low, high = mean_interval(values)
    half = 1.96 * math.sqrt(0.25 / 200)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.01)


def test_interval_shrinks_with_the_root_of_the_number() -> None:
    narrow = mean_interval([0.0, 1.0] * 200)
    wide = mean_interval([0.0, 1.0] * 50)
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(2.0, rel=0.1)


def test_one_value_is_a_point_and_none_is_undefined() -> None:
    assert mean_interval([0.25]) == (0.25, 0.25)
    assert all(math.isnan(bound) for bound in mean_interval([]))


def test_seed_changes_the_interval_only_a_little() -> None:
    values = [(7 * i % 31) / 30 for i in range(60)]
    first, second = mean_interval(values, seed=1), mean_interval(values, seed=2)
    assert first != second
    assert first == pytest.approx(second, abs=0.03)


def test_undefined_resamples_are_left_out() -> None:
    values = np.array([1.0, 2.0])

    def defined_only_for_mixed_rows(sample: np.ndarray) -> np.ndarray:
        return np.where(np.ptp(sample, axis=1) > 0, 5.0, np.nan)

    found = statistic_interval(values, defined_only_for_mixed_rows, seed=0, resamples=100)
    assert found == (5.0, 5.0)
    nothing = statistic_interval(
        values, lambda sample: np.full(len(sample), np.nan), seed=0, resamples=10
    )
    assert math.isnan(nothing[0])


def test_blocks_do_not_change_the_result() -> None:
    values = np.arange(3000, dtype=np.float64)  # 2,000,000 // 3000 rows in a block
    low, high = statistic_interval(
        values, lambda sample: sample.mean(axis=1), seed=0, resamples=1000
    )
    direct = values[resample_indices(0, 1000, 3000)].mean(axis=1)
    assert (low, high) == tuple(np.quantile(direct, (0.025, 0.975)))
