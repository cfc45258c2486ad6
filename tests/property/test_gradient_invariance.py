"""What must never change the gradient: memory settings, padding, row order, junk off the mask.

The reference is autograd through a plain forward over padded rows, one loss over the whole batch.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cogitate.models.packing import select_rows
from cogitate.protocols import LossFn
from cogitate.schema import RolloutBatch
from cogitate.train.losses import CISPOLoss, GRPOLoss
from kernel_models import FAMILIES
from policy_batches import (
    gradients,
    largest_relative_difference,
    plain_logprobs,
    repadded,
    rollout_batch,
    shared_prompt_tokens,
    tiny_policy,
)

TOKENS = shared_prompt_tokens()
LOSSES: dict[str, LossFn] = {
    "grpo": GRPOLoss(),
    "dapo": GRPOLoss(clip_high=0.28, reduction="token"),
    "dr_grpo": GRPOLoss(reduction="constant", max_tokens=8),
    "gspo": GRPOLoss(clip_low=0.05, clip_high=0.05, ratio_level="sequence_mean"),
    "r1_sequence": GRPOLoss(ratio_level="sequence"),
    "cispo": CISPOLoss(cispo_cap=1.1, reduction="token"),
}
TOLERANCE = 2e-5


def batch_for(family: str) -> RolloutBatch:
    policy = tiny_policy(FAMILIES[family])
    noise = torch.randn(TOKENS.token_ids.shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        old = plain_logprobs(policy, TOKENS) + 0.1 * noise
    return rollout_batch(TOKENS, old)


def reference(family: str, loss: LossFn, batch: RolloutBatch) -> tuple[float, dict[str, Tensor]]:
    policy = tiny_policy(FAMILIES[family])
    logprobs = plain_logprobs(policy, batch)
    out = loss(logprobs, torch.zeros_like(logprobs), batch, denominator=loss.denominator(batch))
    out.loss.backward()
    return float(out.loss.detach()), gradients(policy)


def ours(
    family: str, loss: LossFn, batch: RolloutBatch, **options: object
) -> tuple[float, dict[str, Tensor]]:
    policy = tiny_policy(FAMILIES[family], **options)
    out = policy.forward_backward(batch, loss, denominator=loss.denominator(batch))
    return float(out.loss.detach()), gradients(policy)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", LOSSES)
def test_packed_and_chunked_equals_plain(family: str, name: str) -> None:
    batch = batch_for(family)
    expected_loss, expected = reference(family, LOSSES[name], batch)
    loss, got = ours(family, LOSSES[name], batch)
    assert loss == pytest.approx(expected_loss, abs=1e-5)
    assert largest_relative_difference(got, expected) < TOLERANCE


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    "options",
    [
        {"share_prefixes": False},
        {"micro_batch_tokens": 1},
        {"micro_batch_tokens": 25},
        {"chunk_tokens": 5},  # shorter than most rows: those are computed in two passes
        {"chunk_tokens": 1},
        {"chunk_tokens": 9, "micro_batch_tokens": 40},
    ],
    ids=str,
)
def test_memory_settings_change_nothing(name: str, options: dict[str, object]) -> None:
    batch = batch_for("llama")
    expected_loss, expected = ours("llama", LOSSES[name], batch)
    loss, got = ours("llama", LOSSES[name], batch, **options)
    assert loss == pytest.approx(expected_loss, abs=1e-5)
    assert largest_relative_difference(got, expected) < TOLERANCE


@pytest.mark.parametrize("name", LOSSES)
def test_row_order_changes_nothing(name: str) -> None:
    batch = batch_for("llama")
    order = torch.randperm(len(batch.token_ids), generator=torch.Generator().manual_seed(9))
    _, expected = ours("llama", LOSSES[name], batch)
    _, got = ours("llama", LOSSES[name], select_rows(batch, order), micro_batch_tokens=30)
    assert largest_relative_difference(got, expected) < TOLERANCE


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), -1e30])
def test_padding_and_junk_off_the_mask_change_nothing_to_the_last_bit(
    name: str, value: float
) -> None:
    batch = batch_for("llama")
    loss, expected = ours("llama", LOSSES[name], batch)
    again, got = ours("llama", LOSSES[name], repadded(batch, 5, junk=123, value=value))
    assert again == loss
    for key, gradient in got.items():
        assert torch.equal(gradient, expected[key]), key


def test_equal_rewards_give_exactly_zero_gradient() -> None:
    batch = batch_for("llama")
    batch = replace(batch, advantages=torch.zeros_like(batch.advantages))
    for loss in LOSSES.values():
        _, got = ours("llama", loss, batch)
        assert all(float(g.abs().max()) == 0.0 for g in got.values())


def test_two_calls_accumulate_to_one() -> None:
    batch, loss = batch_for("llama"), LOSSES["grpo"]
    _, expected = ours("llama", loss, batch)
    policy = tiny_policy()
    denominator = loss.denominator(batch)
    for rows in (slice(0, 5), slice(5, 12)):
        policy.forward_backward(select_rows(batch, rows), loss, denominator=denominator)
    assert largest_relative_difference(gradients(policy), expected) < TOLERANCE


def test_temperature_scales_the_policy_that_is_trained() -> None:
    policy, cold = tiny_policy(), tiny_policy(temperature=0.5)
    logits = policy.model(TOKENS.token_ids) / 0.5
    expected = logits.log_softmax(-1)[:, :-1].gather(-1, TOKENS.token_ids[:, 1:, None])[..., 0]
    mask = TOKENS.completion_mask
    torch.testing.assert_close(cold.logprobs(TOKENS)[:, 1:][mask[:, 1:]], expected[mask[:, 1:]])
    assert not torch.allclose(cold.logprobs(TOKENS), policy.logprobs(TOKENS))


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("share", [True, False])
def test_trainer_logprobs_do_not_depend_on_batch_size_or_prefix_sharing(
    rows: int, share: bool
) -> None:
    tokens = shared_prompt_tokens(prompts=(4,) * 8, group_size=8)
    policy = tiny_policy(share_prefixes=share)
    with torch.no_grad():
        expected = plain_logprobs(policy, tokens)
    part = select_rows(tokens, slice(0, rows))
    got = policy.logprobs(part)
    torch.testing.assert_close(got, expected[:rows, : got.shape[1]], atol=1e-5, rtol=1e-5)
