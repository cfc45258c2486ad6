"""Selection of rollouts and groups: who leaves before the mean, who leaves the backward pass."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from cogitate.train.groups import SelectionReport, backward_rows, select_groups
from cogitate.train.loss_config import AdvantageConfig
from cogitate.train.losses import CISPOLoss, CrossEntropyLoss, GRPOLoss
from rollout_batches import make_batch, make_group

GOLDEN = Path(__file__).parents[2] / "golden" / "objective.toml"


def values(group: Any) -> list[float]:
    return group.reward_values().tolist()


class TestInvalidRollouts:
    def test_leave_before_the_mean(self) -> None:
        # With the failed one counted as 0 the mean would be 0.5 and both others advantaged.
        group = make_group([1.0, 1.0, 0.0, 0.0], errors=[2, 3])
        (kept,), report = select_groups([group], "keep")
        assert values(kept) == [1.0, 1.0]
        assert AdvantageConfig()(kept.reward_values()).tolist() == [0.0, 0.0]
        assert [r.completion.text for r in kept.rollouts] == ["0", "1"]
        assert report.verifier_errors == 2
        assert report.metrics()["reward/verifier_error"] == 0.5

    def test_aborted_and_non_finite_leave_too(self) -> None:
        group = make_group([1.0, float("nan"), 0.0, 1.0], aborted=[3])
        (kept,), report = select_groups([group], "keep")
        assert values(kept) == [1.0, 0.0]
        assert (report.verifier_errors, report.aborted) == (1, 1)

    @pytest.mark.parametrize("policy", ["keep", "skip", "resample"])
    def test_a_group_with_fewer_than_two_left_is_dropped(self, policy: Any) -> None:
        groups = [make_group([1.0, 0.0], errors=[0]), make_group([0.0, 1.0])]
        kept, report = select_groups(groups, policy, wanted=1)
        assert [values(g) for g in kept] == [[0.0, 1.0]]
        assert report.dropped == 1
        assert report.metrics()["group/dropped_fraction"] == 0.5

    def test_nothing_valid(self) -> None:
        kept, report = select_groups([make_group([1.0, 0.0], errors=[0, 1])], "keep")
        assert kept == ()
        assert report.kept == 0

    def test_no_groups(self) -> None:
        kept, report = select_groups([], "keep")
        assert kept == ()
        assert set(report.metrics().values()) == {0.0}


class TestPolicies:
    GROUPS = (
        make_group([1.0, 1.0]),
        make_group([1.0, 0.0]),
        make_group([0.0, 0.0]),
        make_group([0.0, 1.0]),
    )

    @pytest.mark.parametrize("policy", ["keep", "skip"])
    def test_keep_and_skip_keep_all_valid_groups_in_order(self, policy: Any) -> None:
        kept, report = select_groups(self.GROUPS, policy)
        assert kept == self.GROUPS
        assert (report.uninformative, report.all_right, report.all_wrong) == (2, 1, 1)
        assert report.missing == 0

    def test_resample_keeps_the_informative_and_says_how_many_are_missing(self) -> None:
        kept, report = select_groups(self.GROUPS, "resample")
        assert kept == (self.GROUPS[1], self.GROUPS[3])
        assert (report.kept, report.missing) == (2, 2)

    def test_resample_stops_at_wanted(self) -> None:
        kept, report = select_groups(self.GROUPS, "resample", wanted=1)
        assert kept == (self.GROUPS[1],)
        assert report.missing == 0

    def test_resample_over_two_draws(self) -> None:
        _, first = select_groups(self.GROUPS, "resample", wanted=3)
        assert first.missing == 1
        kept, second = select_groups([*self.GROUPS, *self.GROUPS], "resample", wanted=3)
        assert len(kept) == 3
        assert second.missing == 0
        assert second.groups == 8

    def test_fractions(self) -> None:
        _, report = select_groups(self.GROUPS, "skip")
        assert report.metrics() == {
            "group/uninformative_fraction": 0.5,
            "group/all_wrong_fraction": 0.25,
            "group/all_right_fraction": 0.25,
            "group/dropped_fraction": 0.0,
            "reward/verifier_error": 0.0,
        }

    def test_correctness_is_the_accuracy_part_where_there_is_one(self) -> None:
        # All wrong, yet informative through the format reward.
        group = make_group([0.1, 0.0, 0.1], accuracy=[0.0, 0.0, 0.0])
        _, report = select_groups([group], "keep")
        assert (report.all_wrong, report.uninformative) == (1, 0)
        # All right, with a length penalty that makes them differ.
        group = make_group([1.0, 0.7], accuracy=[1.0, 1.0])
        _, report = select_groups([group], "keep")
        assert (report.all_right, report.uninformative) == (1, 0)

    def test_equal_but_for_rounding_is_uninformative(self) -> None:
        _, report = select_groups([make_group([0.3, 0.1 + 0.2, 0.1 * 3])], "keep")
        assert report.uninformative == 1


def test_dynamic_sampling_by_hand() -> None:
    table = tomllib.loads(GOLDEN.read_text())["group_filter"]
    groups = [make_group([float(r) for r in rewards]) for rewards in table["rewards"]]
    kept, report = select_groups(groups, "resample")
    assert kept == tuple(groups[i] for i in table["kept"])
    assert (report.all_right, report.all_wrong) == (1, 1)
    advantages = AdvantageConfig(eps=0.0).for_groups([g.reward_values() for g in kept])
    for got, expected in zip(advantages, table["advantages"], strict=True):
        assert got.tolist() == pytest.approx(expected, abs=1e-6)


class TestBackwardRows:
    BATCH = make_batch([[-1.0], [-1.0], [-1.0]], [0.0, 0.5, 0.0])

    @pytest.mark.parametrize("loss", [GRPOLoss(), CISPOLoss()])
    def test_skip_leaves_out_rows_of_zero_advantage(self, loss: Any) -> None:
        assert backward_rows(self.BATCH, loss, "skip").tolist() == [False, True, False]

    @pytest.mark.parametrize("policy", ["keep", "resample"])
    def test_other_policies_take_every_row(self, policy: Any) -> None:
        assert backward_rows(self.BATCH, GRPOLoss(), policy).all()

    def test_a_kl_penalty_needs_every_row(self) -> None:
        assert backward_rows(self.BATCH, GRPOLoss(kl_coef=0.001), "skip").all()

    def test_a_loss_that_does_not_say_gets_every_row(self) -> None:
        loss: Any = CrossEntropyLoss()
        assert backward_rows(self.BATCH, loss, "skip").all()

    def test_a_row_without_trained_tokens_is_left_out(self) -> None:
        batch = make_batch([[-1.0], [-1.0]], [1.0, 1.0])
        batch.completion_mask[0] = False
        assert backward_rows(batch, GRPOLoss(), "keep").tolist() == [False, True]

    def test_an_advantage_off_the_mask_does_not_count(self) -> None:
        batch = make_batch([[-1.0, -1.0]], [1.0])
        batch.completion_mask[0, 1] = False
        batch.advantages[0] = torch.tensor([0.0, 3.0])
        assert backward_rows(batch, GRPOLoss(), "skip").tolist() == [False]


def test_report_is_a_frozen_value() -> None:
    assert SelectionReport(groups=2) == SelectionReport(groups=2)
    with pytest.raises(AttributeError):
        SelectionReport().groups = 3  # pyright: ignore[reportAttributeAccessIssue]
