"""Formulas of the update on inputs small enough to check by hand."""

import math
from typing import Any

import pytest
import torch

from cogitate.errors import ConfigError
from cogitate.train.objective import (
    MAX_LOG_RATIO,
    aggregate_log_ratio,
    all_equal,
    clipped_surrogate,
    group_advantages,
    importance_weights,
    kl_estimate,
    off_policy_weights,
    reduce_tokens,
    step_advantages,
    token_means,
)


def f64(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


class TestAdvantages:
    @pytest.mark.parametrize("scale", ["std", "none"])
    @pytest.mark.parametrize(
        "rewards",
        [
            [0.1 * 3] * 3,  # the mean of three is one rounding away from each
            [0.3, 0.1 + 0.2, 0.1 * 3],  # equal but for rounding
            [1e6 + 0.1, 1e6 + 0.1, 1e6 + 0.1],
            [-2.7] * 7,
            [0.0] * 4,
        ],
    )
    def test_equal_rewards_are_exactly_zero(self, rewards: list[float], scale: Any) -> None:
        for dtype in (torch.float32, torch.float64):
            values = torch.tensor(rewards, dtype=dtype)
            out = group_advantages(values, scale=scale, eps=0.0)
            assert out.tolist() == [0.0] * len(rewards)
            assert out.dtype == dtype

    def test_a_small_true_difference_is_not_rounding(self) -> None:
        assert not all_equal(f64(0.3, 0.3 + 1e-12))
        assert group_advantages(f64(0.0, 1e-9), eps=0.0).tolist() == [-1.0, 1.0]

    def test_a_group_of_one_or_none_is_zero_and_not_nan(self) -> None:
        assert group_advantages(f64(3.0), ddof=1).tolist() == [0.0]
        assert group_advantages(f64()).tolist() == []

    def test_eps_is_added_to_the_std(self) -> None:
        # std of (0, 2) is 1; 1 / (1 + 1) = 0.5
        assert group_advantages(f64(0.0, 2.0), eps=1.0).tolist() == [-0.5, 0.5]

    def test_sample_std_is_larger(self) -> None:
        # std of (0, 2) with ddof 1 is sqrt(2)
        first = group_advantages(f64(0.0, 2.0), ddof=1, eps=0.0)[0].item()
        assert first == pytest.approx(-1 / math.sqrt(2))

    def test_leave_one_out_subtracts_the_mean_of_the_others(self) -> None:
        rewards = f64(3.0, 0.0, 6.0)
        out = group_advantages(rewards, scale="none", baseline="leave_one_out")
        assert out.tolist() == pytest.approx([3 - 3.0, 0 - 4.5, 6 - 1.5])

    def test_batch_std_is_that_of_the_whole_step(self) -> None:
        # All rewards: 0 2 4 6, population std sqrt(5).
        groups = [f64(0.0, 2.0), f64(4.0, 6.0)]
        first, second = step_advantages(groups, scale="batch_std", eps=0.0)
        assert first.tolist() == pytest.approx([-1 / math.sqrt(5), 1 / math.sqrt(5)])
        assert second.tolist() == first.tolist()

    def test_batch_std_with_equal_groups(self) -> None:
        groups = [f64(1.0, 1.0), f64(0.0, 1.0, 0.0)]
        equal, mixed = step_advantages(groups, scale="batch_std")
        assert equal.tolist() == [0.0, 0.0]
        assert mixed.sum().item() == pytest.approx(0.0)
        assert mixed[1] > 0 > mixed[0]

    def test_batch_std_of_one_group_needs_the_step(self) -> None:
        with pytest.raises(ConfigError, match="spread of the whole step"):
            group_advantages(f64(0.0, 1.0), scale="batch_std")

    def test_no_groups(self) -> None:
        assert step_advantages([], scale="batch_std") == []


class TestAggregateLogRatio:
    LOG_RATIO = torch.tensor([[1.0, 2.0, 0.0], [-1.0, 0.0, 0.0]])
    MASK = torch.tensor([[True, True, False], [True, False, False]])

    def test_token(self) -> None:
        out = aggregate_log_ratio(self.LOG_RATIO, self.MASK, level="token")
        assert out.tolist() == self.LOG_RATIO.tolist()

    def test_sequence_is_the_sum(self) -> None:
        out = aggregate_log_ratio(self.LOG_RATIO, self.MASK, level="sequence")
        assert out.tolist() == [[3.0] * 3, [-1.0] * 3]

    def test_sequence_mean_divides_by_completion_tokens(self) -> None:
        out = aggregate_log_ratio(self.LOG_RATIO, self.MASK, level="sequence_mean")
        assert out.tolist() == [[1.5] * 3, [-1.0] * 3]

    @pytest.mark.parametrize("level", ["token", "sequence", "sequence_mean"])
    def test_clamped_so_that_exp_is_finite(self, level: Any) -> None:
        out = aggregate_log_ratio(
            torch.tensor([[500.0], [-500.0]]), torch.ones(2, 1).bool(), level=level
        )
        assert out.tolist() == [[MAX_LOG_RATIO], [-MAX_LOG_RATIO]]
        assert bool(out.exp().square().isfinite().all())

    def test_a_row_without_tokens_is_zero_and_not_nan(self) -> None:
        out = aggregate_log_ratio(
            torch.zeros(1, 2), torch.zeros(1, 2).bool(), level="sequence_mean"
        )
        assert out.tolist() == [[0.0, 0.0]]


class TestClippedSurrogate:
    @pytest.mark.parametrize(
        ("ratio", "advantage", "value", "slope"),
        [
            (1.0, 2.0, 2.0, 2.0),  # inside
            (1.5, 1.0, 1.2, 0.0),  # above the upper bound, rewarded: cut
            (1.5, -1.0, -1.5, -1.0),  # above, punished: not cut
            (0.5, 1.0, 0.5, 1.0),  # below the lower bound, rewarded: not cut
            (0.5, -1.0, -0.8, 0.0),  # below, punished: cut
            (7.0, 0.0, 0.0, 0.0),
        ],
    )
    def test_four_corners(self, ratio: float, advantage: float, value: float, slope: float) -> None:
        r = torch.tensor([[ratio]], requires_grad=True)
        out = clipped_surrogate(r, torch.tensor([[advantage]]), clip_low=0.2, clip_high=0.2)
        out.sum().backward()
        assert out.item() == pytest.approx(value)
        assert r.grad is not None
        assert r.grad.item() == pytest.approx(slope)

    def test_bounds_are_separate(self) -> None:
        ratio = torch.tensor([[1.27, 1.5]])
        out = clipped_surrogate(ratio, torch.ones(1, 2), clip_low=0.2, clip_high=0.28)
        assert out.tolist()[0] == pytest.approx([1.27, 1.28])

    def test_r1_epsilon_of_ten_cuts_only_rewarded_ratios_above_eleven(self) -> None:
        ratio = torch.tensor([[12.0, 12.0, 0.0, 0.0]])
        advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
        out = clipped_surrogate(ratio, advantages, clip_low=10.0, clip_high=10.0)
        assert out.tolist() == [[11.0, -12.0, 0.0, 0.0]]

    def test_dual_clip_bounds_punishment_only(self) -> None:
        ratio = torch.tensor([[5.0, 5.0, 2.0]], requires_grad=True)
        advantages = torch.tensor([[-1.0, 1.0, -1.0]])
        out = clipped_surrogate(ratio, advantages, clip_low=0.2, clip_high=0.2, dual_clip=3.0)
        assert out.tolist()[0] == pytest.approx([-3.0, 1.2, -2.0])
        out.sum().backward()
        assert ratio.grad is not None
        assert ratio.grad.tolist() == [[0.0, 0.0, -1.0]]


class TestKL:
    def test_estimators_by_hand(self) -> None:
        d = torch.tensor([[math.log(2.0)]])  # pi_ref is twice pi
        assert kl_estimate(d, estimator="k1").item() == pytest.approx(-math.log(2))
        assert kl_estimate(d, estimator="k2").item() == pytest.approx(math.log(2) ** 2 / 2)
        assert kl_estimate(d).item() == pytest.approx(1 - math.log(2))
        ratio = torch.tensor([[3.0]])
        unbiased = kl_estimate(d, estimator="k3_unbiased", ratio=ratio)
        assert unbiased.item() == pytest.approx(3 * (1 - math.log(2)))

    def test_k3_is_never_negative_and_zero_at_equality(self) -> None:
        d = torch.linspace(-3, 3, 61)[None]
        assert bool((kl_estimate(d) >= 0).all())
        assert kl_estimate(torch.zeros(1, 1)).item() == 0.0

    def test_straight_through_has_the_value_of_k3_and_the_gradient_of_k2(self) -> None:
        d = torch.tensor([[0.7]], requires_grad=True)
        out = kl_estimate(d, estimator="k3_straight_through")
        assert out.item() == pytest.approx(math.exp(0.7) - 0.7 - 1)
        out.sum().backward()
        assert d.grad is not None
        assert d.grad.item() == pytest.approx(0.7)

    def test_unbiased_in_expectation_over_the_old_policy(self) -> None:
        # Two tokens; samples from pi_old, weighted exactly by their probabilities.
        old, pi, ref = f64(0.5, 0.5), f64(0.8, 0.2), f64(0.6, 0.4)
        per_token = kl_estimate(
            (ref.log() - pi.log())[None], estimator="k3_unbiased", ratio=(pi / old)[None]
        )
        truth = (pi * (pi.log() - ref.log())).sum().item()
        assert (old * per_token[0]).sum().item() == pytest.approx(truth)

    def test_unbiased_needs_the_ratio(self) -> None:
        with pytest.raises(ConfigError, match="k3_unbiased"):
            kl_estimate(torch.zeros(1, 1), estimator="k3_unbiased")

    def test_far_apart_is_finite(self) -> None:
        assert math.isfinite(kl_estimate(torch.tensor([[900.0]])).item())


class TestImportanceWeights:
    # u per token: 2, 1/2 | 4, 1
    OLD = torch.tensor([[math.log(2.0), math.log(0.5)], [math.log(4.0), 0.0]])
    SAMPLING = torch.zeros(2, 2)
    MASK = torch.ones(2, 2).bool()

    @pytest.mark.parametrize(
        ("correction", "low", "high", "expected"),
        [
            ("none", 0.0, 2.0, [[1, 1], [1, 1]]),
            ("tis", 0.0, 3.0, [[2, 0.5], [3, 1]]),
            ("sequence_tis", 0.0, 3.0, [[1, 1], [3, 3]]),
            ("mis", 0.6, 3.0, [[2, 0], [0, 1]]),
            ("sequence_mis", 0.6, 3.0, [[1, 1], [0, 0]]),
            ("geometric", 0.9, 1.1, [[1, 1], [0, 0]]),
        ],
    )
    def test_table(
        self, correction: Any, low: float, high: float, expected: list[list[float]]
    ) -> None:
        out = importance_weights(
            self.OLD, self.SAMPLING, self.MASK, correction=correction, low=low, high=high
        )
        assert out.flatten().tolist() == pytest.approx([v for row in expected for v in row])

    def test_no_gradient(self) -> None:
        old = self.OLD.clone().requires_grad_()
        out = importance_weights(old, self.SAMPLING, self.MASK, correction="tis", low=0.0, high=2.0)
        assert not out.requires_grad

    def test_off_the_mask_does_not_count(self) -> None:
        mask = torch.tensor([[True, False]])
        old = torch.tensor([[math.log(2.0), float("nan")]])
        out = importance_weights(
            old, torch.zeros(1, 2), mask, correction="sequence_tis", low=0.0, high=9.0
        )
        assert out[0, 0].item() == pytest.approx(2.0)


def test_off_policy_weights_drop_punished_completions_left_behind() -> None:
    log_ratio = torch.tensor([[-1.0, -1.0], [-1.0, -1.0], [-1.0, 0.4], [-1.0, 0.0]])
    advantages = torch.tensor([[-1.0], [1.0], [-1.0], [-1.0]]).expand(4, 2)
    mask = torch.tensor([[True, True], [True, True], [True, True], [True, False]])
    out = off_policy_weights(log_ratio, advantages, mask, threshold=0.5)
    # drifts 1.0, 1.0 (rewarded: stays), 0.3, and 1.0 over the one real token
    assert out.tolist() == [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]


class TestReduceTokens:
    VALUES = torch.tensor([[1.0, 3.0], [5.0, float("nan")]])
    MASK = torch.tensor([[True, True], [True, False]])

    @pytest.mark.parametrize(
        ("reduction", "denominator", "expected"),
        [("token", 3.0, 3.0), ("sequence", 2.0, 3.5), ("constant", 20.0, 0.45)],
    )
    def test_by_hand(self, reduction: Any, denominator: float, expected: float) -> None:
        out = reduce_tokens(self.VALUES, self.MASK, reduction=reduction, denominator=denominator)
        assert out.item() == pytest.approx(expected)

    def test_an_empty_row_adds_nothing(self) -> None:
        out = reduce_tokens(
            torch.ones(2, 2), torch.zeros(2, 2).bool(), reduction="sequence", denominator=2.0
        )
        assert out.item() == 0.0


def test_token_means_are_partial_sums_over_the_mask() -> None:
    mask = torch.tensor([[True, True], [True, False]])
    values = torch.tensor([[1.0, 3.0], [5.0, float("inf")]])
    out = token_means({"a": values, "b": -values}, mask)
    assert {name: (m.total, m.weight) for name, m in out.items()} == {
        "a": (9.0, 3.0),
        "b": (-9.0, 3.0),
    }
