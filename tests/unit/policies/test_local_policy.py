"""The local policy: updates, clipping, non-finite gradients, save and load to the last bit."""

import math
from pathlib import Path

import pytest
import torch

from cogitate.errors import CheckpointError
from cogitate.models.packing import pack
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.head import Head, chunk_rows, head_input
from cogitate.policies.local import LocalPolicy, LocalScorer
from cogitate.schema import RolloutBatch
from cogitate.train.losses import CrossEntropyLoss, GRPOLoss
from kernel_models import FAMILIES
from policy_batches import plain_logprobs, rollout_batch, shared_prompt_tokens, tiny_policy

TOKENS = shared_prompt_tokens()


def a_batch(policy: LocalPolicy) -> RolloutBatch:
    return rollout_batch(TOKENS, policy.logprobs(TOKENS))


def one_update(policy: LocalPolicy, batch: RolloutBatch) -> dict[str, float]:
    loss = GRPOLoss()
    policy.forward_backward(batch, loss, denominator=loss.denominator(batch))
    return {name: m.total / m.weight for name, m in policy.optim_step().items()}


def weights(policy: LocalPolicy) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in policy.model.named_parameters()}


def test_logprobs_match_a_plain_forward_and_are_zero_off_the_mask() -> None:
    policy = tiny_policy()
    got = policy.logprobs(TOKENS)
    with torch.no_grad():
        expected = plain_logprobs(policy, TOKENS)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    assert (got[~TOKENS.completion_mask] == 0).all()


def test_entropy_metric_is_that_of_the_full_distribution() -> None:
    policy = tiny_policy()
    batch = a_batch(policy)
    out = policy.forward_backward(batch, GRPOLoss(), denominator=12.0)
    with torch.no_grad():
        logp = policy.model(TOKENS.token_ids).log_softmax(-1)
    entropy = -(logp.exp() * logp).sum(-1)[:, :-1][TOKENS.completion_mask[:, 1:]]
    metric = out.metrics["policy/entropy"]
    assert metric.weight == TOKENS.completion_mask.sum()
    assert metric.total / metric.weight == pytest.approx(float(entropy.mean()), rel=1e-4)
    mismatch = out.metrics["engine/mismatch_nats"]
    assert mismatch.total / mismatch.weight < 1e-6


def test_one_adamw_update_by_hand() -> None:
    """The first AdamW step moves every weight by about the learning rate against its gradient."""
    policy = tiny_policy(
        optimizer=OptimizerConfig(learning_rate=1e-2, warmup_steps=0, max_grad_norm=0.0)
    )
    before = weights(policy)
    batch, loss = a_batch(policy), GRPOLoss()
    policy.forward_backward(batch, loss, denominator=loss.denominator(batch))
    gradient = policy.parameters["norm.weight"].grad
    assert gradient is not None
    g = gradient.clone()
    policy.optim_step()
    expected = before["norm.weight"] - 1e-2 * g / (g.abs() + 1e-8)
    torch.testing.assert_close(policy.parameters["norm.weight"].detach(), expected)
    assert policy.version == 1


def test_gradients_are_clipped_to_the_norm_and_cleared() -> None:
    policy = tiny_policy(optimizer=OptimizerConfig(max_grad_norm=1e-3, warmup_steps=0))
    batch = a_batch(policy)
    metrics = one_update(policy, batch)
    assert metrics["policy/grad_norm"] > 1e-3  # the norm before clipping is reported
    assert all(float(p.grad.abs().max()) == 0.0 for p in policy.parameters.values())  # type: ignore[union-attr]
    first_moment = torch.cat([s["exp_avg"].flatten() for s in policy.optimizer.state.values()])
    assert float(first_moment.norm()) == pytest.approx(0.1 * 1e-3, rel=1e-3)  # (1 - beta1) * g


def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted() -> None:
    policy = tiny_policy()
    before = weights(policy)
    parameter = policy.parameters["norm.weight"]
    parameter.grad = torch.full_like(parameter, math.nan)
    metrics = {n: m.total for n, m in policy.optim_step().items()}
    assert metrics["policy/skipped_nonfinite"] == 1.0
    assert "policy/grad_norm" not in metrics
    assert policy.version == 0
    assert all(torch.equal(before[n], p) for n, p in policy.model.named_parameters())
    assert float(parameter.grad.abs().max()) == 0.0  # the next update starts clean


def test_an_update_without_gradient_is_adamw_with_gradient_zero() -> None:
    policy = tiny_policy(optimizer=OptimizerConfig(weight_decay=0.0))
    before = weights(policy)
    policy.optim_step()
    assert policy.version == 1
    assert all(torch.equal(before[n], p) for n, p in policy.model.named_parameters())


def test_a_frozen_embedding_gets_no_gradient_and_the_rest_the_same() -> None:
    free, frozen = tiny_policy(), tiny_policy(train_embedding=False)
    for policy in (free, frozen):
        batch, loss = a_batch(policy), GRPOLoss()
        policy.forward_backward(batch, loss, denominator=loss.denominator(batch))
    assert "embedding.weight" in free.parameters
    assert "embedding.weight" not in frozen.parameters
    assert frozen.model.embedding.weight.grad is None
    for name, parameter in frozen.parameters.items():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, free.parameters[name].grad)


def test_weight_decay_touches_matrices_only() -> None:
    settings = OptimizerConfig(weight_decay=0.5, learning_rate=0.1, warmup_steps=0)
    policy = tiny_policy(optimizer=settings)
    before = weights(policy)
    policy.optim_step()
    after = weights(policy)
    assert torch.equal(after["norm.weight"], before["norm.weight"])
    torch.testing.assert_close(after["embedding.weight"], before["embedding.weight"] * 0.95)


@pytest.mark.parametrize("train_embedding", [True, False])
def test_saved_and_loaded_continues_to_the_last_bit(tmp_path: Path, train_embedding: bool) -> None:
    straight = tiny_policy(train_embedding=train_embedding)
    batch = a_batch(straight)
    one_update(straight, batch)
    straight.save(tmp_path / "checkpoint")
    resumed = tiny_policy(train_embedding=train_embedding)
    resumed.load(tmp_path / "checkpoint")
    assert resumed.version == 1
    for policy in (straight, resumed):
        one_update(policy, batch)
        one_update(policy, batch)
    for name, tensor in weights(straight).items():
        assert torch.equal(tensor, weights(resumed)[name]), name
    for name, parameter in straight.parameters.items():
        for moment in ("exp_avg", "exp_avg_sq", "step"):
            a = straight.optimizer.state[parameter][moment]
            assert torch.equal(a, resumed.optimizer.state[resumed.parameters[name]][moment])
    files = {path.name for path in (tmp_path / "checkpoint").iterdir()}
    assert files == {"model.safetensors", "optimizer.safetensors", "state.json"}


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    tiny_policy().save(tmp_path)
    other = tiny_policy(FAMILIES["qwen3"])
    with pytest.raises(CheckpointError, match="not those of this model"):
        other.load(tmp_path)


def test_a_scorer_saves_and_loads_its_weights(tmp_path: Path) -> None:
    policy = tiny_policy()
    scorer = LocalScorer(policy.model)
    expected = scorer.logprobs(TOKENS)
    scorer.save(tmp_path)
    with torch.no_grad():
        policy.model.norm.weight.mul_(2.0)
    assert not torch.equal(scorer.logprobs(TOKENS), expected)
    scorer.load(tmp_path)
    assert torch.equal(scorer.logprobs(TOKENS), expected)


def test_cross_entropy_goes_through_the_same_backward() -> None:
    policy, plain = tiny_policy(), tiny_policy()
    loss = CrossEntropyLoss()
    denominator = loss.denominator(TOKENS)
    out = policy.forward_backward(TOKENS, loss, denominator=denominator)
    expected = -plain_logprobs(plain, TOKENS).sum() / denominator
    expected.backward()
    assert float(out.loss) == pytest.approx(expected.item(), rel=1e-5)
    for name, parameter in policy.parameters.items():
        torch.testing.assert_close(
            parameter.grad, plain.parameters[name].grad, atol=1e-5, rtol=1e-4
        )


def test_chunk_rows_by_hand() -> None:
    starts = [0, 4, 8, 20, 21, 22]  # rows of 4, 4, 12, 1 and 1 tokens
    assert list(chunk_rows(starts, 8)) == [(0, 2), (2, 3), (3, 5)]
    assert list(chunk_rows(starts, 100)) == [(0, 5)]
    assert list(chunk_rows(starts, 1)) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    assert list(chunk_rows([0], 8)) == []


def test_head_input_shifts_by_one_and_shares_the_last_prompt_token() -> None:
    layout = pack(TOKENS)
    tokens = head_input(TOKENS, layout)
    first_of_rows = [tokens.predictor[start] for start in tokens.starts[:-1]]
    assert len({int(i) for i in first_of_rows[:4]}) == 1  # four rows, one prompt
    assert tokens.target.tolist() == TOKENS.token_ids[TOKENS.completion_mask].tolist()


def test_logits_never_exist_for_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tiny_policy(chunk_tokens=6)
    sizes = []
    original = Head.probabilities

    def spy(self: Head, hidden: torch.Tensor, target: torch.Tensor) -> object:
        sizes.append(len(target))
        return original(self, hidden, target)

    monkeypatch.setattr(Head, "probabilities", spy)
    policy.logprobs(TOKENS)
    policy.forward_backward(TOKENS, CrossEntropyLoss(), denominator=1.0)
    assert max(sizes) <= 6
    assert sum(sizes) >= 2 * int(TOKENS.completion_mask.sum())
