"""The losses as values: what they count, what they report, and what they refuse."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from torch import Tensor

from cogitate.errors import ConfigError
from cogitate.protocols import LossFn
from cogitate.schema import LossOutput, RolloutBatch, TokenBatch
from cogitate.train.losses import CISPOLoss, CrossEntropyLoss, GRPOLoss, PolicyLoss
from rollout_batches import make_batch, random_batch, rows

BATCH = make_batch(old=[[-1.0, -1.0], [-1.0]], advantages=[1.0, -1.0])
NEW = rows([[-1.0 + math.log(2.0), -1.0], [-1.0 - math.log(2.0)]])
ENTROPY = torch.tensor([[0.5, 1.5], [1.0, float("nan")]])


def evaluate(loss: PolicyLoss, batch: RolloutBatch = BATCH, new: Tensor = NEW) -> LossOutput:
    entropy = ENTROPY[: len(new)]
    return loss(new, entropy, batch, denominator=loss.denominator(batch))


def mean(out: LossOutput, name: str) -> float:
    metric = out.metrics[f"policy/{name}" if "/" not in name else name]
    return metric.total / metric.weight


def test_values_are_frozen_comparable_and_satisfy_the_protocol() -> None:
    assert GRPOLoss(clip_low=0.1) == GRPOLoss(clip_low=0.1)
    with pytest.raises(FrozenInstanceError):
        GRPOLoss().clip_low = 0.3  # pyright: ignore[reportAttributeAccessIssue]
    for loss in (GRPOLoss(), CISPOLoss(), CrossEntropyLoss()):
        assert isinstance(loss, LossFn)


class TestDenominator:
    def test_counts_the_trained(self) -> None:
        assert GRPOLoss(reduction="token").denominator(BATCH) == 3.0
        assert GRPOLoss(reduction="sequence").denominator(BATCH) == 2.0
        assert GRPOLoss(reduction="constant", max_tokens=8).denominator(BATCH) == 16.0
        assert CrossEntropyLoss().denominator(BATCH) == 3.0

    def test_a_row_without_a_trained_token_is_no_completion(self) -> None:
        mask = torch.tensor([[True, True], [False, False]])
        batch = replace(BATCH, completion_mask=mask)
        assert GRPOLoss(reduction="sequence").denominator(batch) == 1.0

    def test_constant_needs_max_tokens(self) -> None:
        with pytest.raises(ConfigError, match=r"Set loss\.max_tokens to sampling"):
            GRPOLoss(reduction="constant").denominator(BATCH)


class TestMetrics:
    def test_by_hand(self) -> None:
        # Ratios 2, 1 | 1/2: the first is rewarded and above, the last punished and below.
        out = evaluate(GRPOLoss())
        assert mean(out, "entropy") == pytest.approx(1.0)
        assert mean(out, "log_ratio") == pytest.approx(0.0, abs=1e-7)
        assert mean(out, "log_ratio_abs") == pytest.approx(2 * math.log(2) / 3)
        assert mean(out, "ratio_outside_clip") == pytest.approx(2 / 3)
        assert mean(out, "clip_high_fraction") == pytest.approx(1 / 3)
        assert mean(out, "clip_low_fraction") == pytest.approx(1 / 3)
        assert mean(out, "nll") == pytest.approx(1.0)
        assert "policy/kl_ref" not in out.metrics

    def test_mismatch_is_the_mean_distance_to_the_engine(self) -> None:
        batch = make_batch([[-1.0, -1.0], [-1.0]], [1.0, -1.0], sampling=[[-1.5, -0.8], [-1.2]])
        out = evaluate(GRPOLoss(), batch, rows([[-1.0, -1.0], [-1.0]]))
        assert mean(out, "engine/mismatch_nats") == pytest.approx((0.5 + 0.2 + 0.2) / 3)

    def test_reference_kl_is_reported_as_k3_whatever_the_estimator(self) -> None:
        reference = [[-1.0 + 2 * math.log(2.0), -1.0], [-1.0 - math.log(2.0)]]
        batch = make_batch([[-1.0, -1.0], [-1.0]], [1.0, -1.0], reference=reference)
        for loss in (GRPOLoss(), GRPOLoss(kl_coef=0.1, kl_estimator="k1")):
            assert mean(evaluate(loss, batch), "kl_ref") == pytest.approx((1 - math.log(2)) / 3)

    def test_correction_weight_appears_with_a_correction(self) -> None:
        batch = make_batch([[-1.0, -1.0], [-1.0]], [1.0, -1.0], sampling=[[-4.0, -1.0], [-1.0]])
        out = evaluate(GRPOLoss(correction="tis", correction_high=2.5), batch)
        assert mean(out, "correction_weight") == pytest.approx((2.5 + 1 + 1) / 3)
        assert "policy/correction_weight" not in evaluate(GRPOLoss()).metrics

    def test_cispo_counts_ratios_above_its_cap(self) -> None:
        out = evaluate(CISPOLoss(cispo_cap=1.5))
        assert mean(out, "ratio_outside_clip") == pytest.approx(1 / 3)
        assert mean(out, "clip_low_fraction") == 0.0

    def test_metrics_carry_no_graph(self) -> None:
        new = NEW.clone().requires_grad_()
        out = GRPOLoss()(new, ENTROPY, BATCH, denominator=2.0)
        assert out.loss.requires_grad
        assert all(isinstance(m.total, float) for m in out.metrics.values())


class TestKLPenalty:
    def test_without_reference_logprobs_is_an_error_that_says_what_to_set(self) -> None:
        with pytest.raises(ConfigError, match=r"kl_coef = 0\.04 needs reference"):
            evaluate(GRPOLoss(kl_coef=0.04))

    def test_adds_kl_coef_times_the_mean(self) -> None:
        reference = [[-1.5, -0.5], [-1.0]]
        batch = make_batch([[-1.0, -1.0], [-1.0]], [0.0, 0.0], reference=reference)
        new = rows([[-1.0, -1.0], [-1.0]])
        out = evaluate(GRPOLoss(kl_coef=0.5, reduction="token"), batch, new)
        k3 = [math.exp(-0.5) + 0.5 - 1, math.exp(0.5) - 0.5 - 1, 0.0]
        assert out.loss.item() == pytest.approx(0.5 * sum(k3) / 3)

    def test_printed_r1_takes_the_kl_of_whole_outputs(self) -> None:
        batch = make_batch([[-1.0, -1.0]], [0.0], reference=[[-1.25, -1.25]])
        new = rows([[-1.0, -1.0]])
        out = evaluate(GRPOLoss(kl_coef=1.0, ratio_level="sequence"), batch, new)
        assert out.loss.item() == pytest.approx(math.exp(-0.5) + 0.5 - 1)

    def test_only_without_it_is_a_zero_advantage_idle(self) -> None:
        assert GRPOLoss().zero_advantage_is_idle
        assert CISPOLoss().zero_advantage_is_idle
        assert not GRPOLoss(kl_coef=0.001).zero_advantage_is_idle


def test_off_policy_threshold_silences_a_completion_left_behind() -> None:
    # The second completion is punished and has drifted by log 2 = 0.69 nats per token.
    new = NEW.clone().requires_grad_()
    loss = GRPOLoss(off_policy_threshold=0.5, clip_low=0.9, clip_high=9.0)
    loss(new, ENTROPY, BATCH, denominator=2.0).loss.backward()
    assert new.grad is not None
    assert new.grad[1].tolist() == [0.0, 0.0]
    assert new.grad[0].abs().min().item() > 0.0


def test_gspo_gradient_spreads_the_sequence_ratio_over_its_tokens() -> None:
    batch = make_batch(old=[[-1.0, -1.0]], advantages=[1.0])
    new = rows([[-1.0 + 0.2, -1.0]]).requires_grad_()
    loss = GRPOLoss(ratio_level="sequence_mean", clip_low=0.5, clip_high=0.5)
    loss(new, torch.zeros(1, 2), batch, denominator=1.0).loss.backward()
    assert new.grad is not None
    assert new.grad.tolist()[0] == pytest.approx([-math.exp(0.1) / 2] * 2)


def test_cispo_keeps_the_gradient_of_capped_tokens() -> None:
    new = NEW.clone().requires_grad_()
    CISPOLoss(cispo_cap=1.5)(new, ENTROPY, BATCH, denominator=3.0).loss.backward()
    assert new.grad is not None
    # -min(ratio, 1.5) * A / 3 for ratios 2, 1 | 1/2
    assert new.grad.flatten().tolist() == pytest.approx([-0.5, -1 / 3, 0.5 / 3, 0.0])


def test_base_class_has_no_surrogate_of_its_own() -> None:
    with pytest.raises(NotImplementedError):
        evaluate(PolicyLoss())
    with pytest.raises(NotImplementedError):
        PolicyLoss().bounds()


class TestCrossEntropy:
    def test_mean_over_completion_tokens(self) -> None:
        batch = TokenBatch(
            token_ids=torch.ones(2, 3, dtype=torch.int64),
            attention_mask=torch.ones(2, 3).bool(),
            completion_mask=torch.tensor([[False, True, True], [False, True, False]]),
        )
        logprobs = torch.tensor([[-9.0, -1.0, -2.0], [-9.0, -6.0, float("nan")]])
        logprobs.requires_grad_()
        loss = CrossEntropyLoss()
        out = loss(logprobs, torch.ones(2, 3), batch, denominator=loss.denominator(batch))
        assert out.loss.item() == pytest.approx(3.0)
        assert mean(out, "nll") == pytest.approx(3.0)
        assert mean(out, "entropy") == pytest.approx(1.0)
        out.loss.backward()
        assert logprobs.grad is not None
        third = -1 / 3
        expected = [0.0, third, third, 0.0, third, 0.0]
        assert logprobs.grad.flatten().tolist() == pytest.approx(expected)

    def test_equals_reinforce_with_advantage_one_on_policy(self) -> None:
        batch, _ = random_batch(3)
        ones = replace(batch, advantages=batch.completion_mask.float())
        grads = []
        for loss in (CrossEntropyLoss(), GRPOLoss(reduction="token")):
            new = batch.old_logprobs.clone().requires_grad_()
            loss(
                new, torch.zeros_like(new), ones, denominator=loss.denominator(ones)
            ).loss.backward()
            grads.append(new.grad)
        torch.testing.assert_close(grads[0], grads[1])
