"""One GRPO step and one SFT step on a real tiny policy with a byte tokenizer."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from cogitate.engines.local import LocalEngine
from cogitate.errors import EngineError
from cogitate.placement.local import LocalPlacement
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.local import LocalPolicy
from cogitate.schema import Completion, Message, Problem, Reward, SamplingParams, StepReport
from cogitate.testing import byte_chat
from cogitate.train.config import GRPOConfig
from cogitate.train.grpo import grpo_step
from cogitate.train.sft import sft_step
from kernel_models import FAMILIES
from tiny_models import random_model

CHAT = byte_chat()


class EvenTokens:
    """Reward: the fraction of even bytes, or what the test says."""

    def __init__(self, values: dict[str, list[Reward]] | None = None) -> None:
        self.values = values or {}

    def at_step(self, step: int, *, last: int) -> None:
        pass

    def begin(self, problem: Problem, completion: Completion) -> None:
        pass

    def score(self, problem: Problem, completions: Sequence[Completion]) -> list[Reward]:
        if problem.id in self.values:
            return self.values[problem.id]
        even = [sum(i % 2 == 0 for i in c.token_ids) / len(c.token_ids) for c in completions]
        return [Reward(value=v, parts={"accuracy": float(v > 0.5)}) for v in even]


class Stream:
    """Numbered problems, as the loop draws them."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, count: int) -> list[Problem]:
        start, self.drawn = self.drawn, self.drawn + count
        return [
            Problem(
                id=f"t/train/{i}", task="t", answer="0",
                messages=(Message(role="user", content=f"What is {i}?"),),
            )
            for i in range(start, start + count)
        ]  # fmt: skip


def placement(*, rate: float = 3e-3, reference: bool = False) -> LocalPlacement:
    model = random_model(replace(FAMILIES["llama"], vocab_size=259, max_position=128))
    with torch.no_grad():
        model.embedding.weight.mul_(0.3)
    policy = LocalPolicy(
        model, OptimizerConfig(learning_rate=rate, warmup_steps=0), total_updates=50
    )
    return LocalPlacement(policy, LocalEngine(model, CHAT.decode), reference=reference)


def step(
    where: LocalPlacement, number: int = 1, *, stream: Stream | None = None,
    rubric: EvenTokens | None = None, **settings: object,
) -> StepReport:  # fmt: skip
    config = GRPOConfig.model_validate({"problems_per_step": 3, "group_size": 4, **settings})
    return grpo_step(
        number, stream or Stream(), rubric=rubric or EvenTokens(), chat=CHAT, placement=where,
        config=config, sampling=SamplingParams(max_tokens=6, seed=number),
    )  # fmt: skip


def same(value: float, error: str | None = None) -> list[Reward]:
    return [Reward(value=value, parts={"accuracy": value}, error=error) for _ in range(4)]


def test_a_step_reports_groups_metrics_and_a_new_version() -> None:
    where = placement()
    report = step(where)
    assert report.step == 1 and report.policy_version == 1
    assert len(report.groups) == 3 and all(len(g.rollouts) == 4 for g in report.groups)
    assert report.metrics["tokens/completion"] == 12 * 6
    assert report.metrics["engine/mismatch_nats"] < 1e-5
    assert report.metrics["policy/ratio_outside_clip"] == 0.0
    assert report.metrics["policy/grad_norm"] > 0.0
    assert {"rollout", "reward", "update"} <= report.seconds.keys()
    assert where.engine.policy_version == 1


def test_the_reward_rises_when_there_is_something_to_learn() -> None:
    where, stream = placement(), Stream()
    means = [
        step(where, n, stream=stream, problems_per_step=8, group_size=8).metrics["reward/mean"]
        for n in range(1, 31)
    ]
    first, last = sum(means[:5]) / 5, sum(means[-5:]) / 5
    assert last > first + 0.1, means


def test_skipping_uninformative_groups_gives_the_same_update_as_keeping_them() -> None:
    results = []
    for policy in ("keep", "skip"):
        where = placement()
        rubric = EvenTokens({"t/train/1": same(1.0)})
        report = step(where, rubric=rubric, uninformative_groups=policy)
        assert report.metrics["group/uninformative_fraction"] == pytest.approx(1 / 3)
        results.append((report, [p.detach().clone() for p in where.policy.parameters.values()]))
    for a, b in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)
    assert results[1][0].metrics["tokens/trained"] < results[0][0].metrics["tokens/trained"]


def test_all_equal_rewards_do_not_move_a_fresh_policy() -> None:
    where = placement()
    before = [p.detach().clone() for p in where.policy.parameters.values()]
    rubric = EvenTokens({f"t/train/{i}": same(1.0) for i in range(3)})
    report = step(where, rubric=rubric)
    assert all(
        torch.equal(a, b) for a, b in zip(before, where.policy.parameters.values(), strict=True)
    )
    assert report.metrics["group/uninformative_fraction"] == 1.0
    assert "policy/loss" not in report.metrics


def test_resampling_draws_more_problems_until_enough_groups_teach() -> None:
    stream = Stream()
    rubric = EvenTokens({f"t/train/{i}": same(0.0) for i in range(4)})
    report = step(placement(), stream=stream, rubric=rubric, uninformative_groups="resample")
    assert stream.drawn == 9  # 0 of 3, then 2 of 6, then 5 of 9 informative
    assert len(report.groups) == 9
    capped = Stream()
    step(
        placement(), stream=capped, rubric=EvenTokens({f"t/train/{i}": same(0.0) for i in range(99)}),
        uninformative_groups="resample", max_draws_per_step=2,
    )  # fmt: skip
    assert capped.drawn == 6


def test_rollouts_whose_verifier_failed_are_not_trained_on() -> None:
    broken = EvenTokens({"t/train/0": same(0.0, error="the sandbox died")})
    with_error = placement()
    report = step(with_error, rubric=broken)
    assert report.metrics["reward/verifier_error"] == pytest.approx(4 / 12)
    assert report.metrics["group/dropped_fraction"] == pytest.approx(1 / 3)
    assert report.metrics["tokens/trained"] <= 8 * 6


def test_a_kl_penalty_has_a_reference_that_can_be_refreshed() -> None:
    where = placement(reference=True)
    loss = {"kind": "grpo", "kl_coef": 0.1}
    assert step(where, 1, loss=loss).metrics["policy/kl_ref"] == pytest.approx(0.0, abs=1e-6)
    moved = step(where, 2, loss=loss).metrics["policy/kl_ref"]
    assert moved > 1e-5
    where.refresh_reference()
    assert step(where, 3, loss=loss).metrics["policy/kl_ref"] == pytest.approx(0.0, abs=1e-6)


def test_several_updates_per_step_leave_the_policy_that_sampled() -> None:
    where = placement(rate=3e-2)
    report = step(where, updates_per_step=4)
    assert report.policy_version == 4
    assert report.metrics["policy/log_ratio_abs"] > 1e-3
    assert report.metrics["engine/mismatch_nats"] < 1e-5  # of the first update alone
    assert report.metrics["tokens/trained"] == 12 * 6


def test_recomputed_old_logprobs_are_those_of_the_sampler() -> None:
    a, b = placement(), placement()
    step(a, old_logprobs="sampler")
    step(b, old_logprobs="recompute")
    for x, y in zip(a.policy.parameters.values(), b.policy.parameters.values(), strict=True):
        torch.testing.assert_close(x, y, atol=1e-4, rtol=1e-3)


def test_an_engine_that_returns_too_few_is_an_error() -> None:
    where = placement()

    class Lazy:
        policy_version = 0

        def generate(
            self, prompts: Sequence[object], params: object, *, n: int, on_finish: object
        ) -> list[list[object]]:
            return [[] for _ in prompts]

    where.engine = Lazy()  # type: ignore[assignment]
    with pytest.raises(EngineError, match="returned 0 completions"):
        step(where)


def test_supervised_steps_learn_an_example_by_heart() -> None:
    where = placement(rate=1e-2)
    prompt, completion = list(b"Q: What is 2?\nA:"), list(b" two\n")
    reports = [
        sft_step(n, [(prompt, completion)] * 2, placement=where, pad_id=CHAT.pad_id)
        for n in range(1, 31)
    ]
    losses = [r.metrics["policy/loss"] for r in reports]
    assert losses[-1] < 0.2 * losses[0]
    assert reports[0].metrics["tokens/trained"] == 10.0
    assert reports[0].metrics["tokens/prompt"] == 2 * len(prompt)
    assert reports[-1].policy_version == 30
    greedy = SamplingParams(max_tokens=5, temperature=0.0)
    problem = Problem(
        id="x", task="t", messages=(Message(role="user", content="What is 2?"),), answer="2"
    )
    [[out]] = where.engine.generate([CHAT.render_prompt(problem)], greedy, n=1)
    assert out.token_ids == tuple(completion)
