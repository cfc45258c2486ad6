"""Worker for cogitate itself: rollouts, a training step, and full GRPO steps.

Run by the driver in this project's own environment; see ``protocol.py``.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import workloads
from protocol import measured, serve

import cogitate
from cogitate.bench.training import training_batch
from cogitate.engines.local import LocalEngine
from cogitate.models.weights import load_model
from cogitate.placement.local import LocalPlacement
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.local import LocalPolicy
from cogitate.schema import Completion, Message, Problem, Prompt, Reward, SamplingParams
from cogitate.text.chat import Chat
from cogitate.text.templates import get_template
from cogitate.text.tokenizer import Tokenizer
from cogitate.train.config import GRPOConfig
from cogitate.train.grpo import grpo_step
from cogitate.train.losses import GRPOLoss

_INTEGER = re.compile(r"-?\d+")


class OneShot:
    """A rubric without slow verifiers and without parts that begin late."""

    def at_step(self, step: int, *, last: int) -> None:
        """Nothing depends on the step."""

    def begin(self, problem: Problem, completion: Completion) -> None:
        """Nothing is verified beside generation."""


class LengthReward(OneShot):
    """The reward that TRL's worker computes: no group is uninformative."""

    def score(self, problem: Problem, completions: Sequence[Completion]) -> tuple[Reward, ...]:
        values = [workloads.length_reward(completion.text) for completion in completions]
        return tuple(Reward(value=v, parts={"length": v}) for v in values)


class ExactReward(OneShot):
    """1 if the first number in the completion is the gold answer; many groups are all wrong."""

    def score(self, problem: Problem, completions: Sequence[Completion]) -> tuple[Reward, ...]:
        found = [_INTEGER.search(completion.text) for completion in completions]
        values = [float(f is not None and f.group() == problem.answer) for f in found]
        return tuple(Reward(value=v, parts={"accuracy": v}) for v in values)


class Cogitate:
    """One model in memory; ``setup`` must be called first."""

    def setup(
        self,
        model: str,
        threads: int,
        device: str,
        dtype: str,
        kernels: str,
        slots: int,
        micro_batch_tokens: int,
        problems: int = 4,
        group_size: int = 8,
        new_tokens: int = workloads.NEW_TOKENS,
        learning_rate: float = 1e-6,
    ) -> dict[str, Any]:
        """Load the model; returns the versions that go into the table."""
        if threads:
            torch.set_num_threads(threads)
        self.device = device
        self.model = load_model(Path(model), dtype=getattr(torch, dtype), device=device)
        self.tokenizer = Tokenizer.from_directory(Path(model))
        self.engine = LocalEngine(self.model, self.tokenizer.decode, slots=slots, kernels=kernels)
        self.chat = Chat(self.tokenizer, get_template("qa"))
        self.policy: LocalPolicy | None = None
        self.learning_rate, self.micro_batch_tokens = learning_rate, micro_batch_tokens
        self.problems, self.group_size, self.new_tokens = problems, group_size, new_tokens
        self.steps = {"keep": 0, "skip": 0}
        return {
            "version": cogitate.__version__,
            "torch": torch.__version__,
            "kernels": type(self.engine.decoder).__name__.removesuffix("Decoder").lower(),
        }

    def rollout(self, prompts: list[str], group_size: int, new_tokens: int) -> dict[str, Any]:
        """Sample ``group_size`` completions of exactly ``new_tokens`` tokens for each prompt."""
        rendered = [
            Prompt(token_ids=tuple(self.tokenizer.encode(text)), text=text, key=key)
            for key, text in enumerate(prompts)
        ]
        params = SamplingParams(max_tokens=new_tokens)
        with measured(self.device) as timing:
            groups = self.engine.generate(rendered, params, n=group_size)
        completions = [completion for group in groups for completion in group]
        return {
            **timing.result,
            "tokens": sum(len(completion.token_ids) for completion in completions),
            "logprobs": sum(len(completion.logprobs) for completion in completions),
        }

    def train(
        self, rollouts: int, group_size: int, completion_tokens: int, ragged: bool
    ) -> dict[str, Any]:
        """One update on fixed rollouts: forward, GRPO loss, backward, clip, AdamW."""
        rows = workloads.training_rows(
            rollouts, group_size, completion_tokens, ragged=ragged, vocabulary=49_000
        )
        policy, loss = self._learner(), GRPOLoss()
        with measured(self.device) as timing:
            batch = training_batch(rows)
            policy.forward_backward(batch, loss, denominator=loss.denominator(batch))
            policy.optim_step()
        tokens = sum(len(prompt) + len(completion) for prompt, completion in rows)
        return {**timing.result, "tokens": tokens}

    def step(self, variant: str) -> dict[str, Any]:
        """One GRPO step. "keep" trains on every group of the length reward, "skip" leaves groups
        without an advantage out and rewards the exact answer."""
        self.steps[variant] += 1
        number = self.steps[variant]
        first = (number - 1) * self.problems
        config = GRPOConfig(
            problems_per_step=self.problems,
            group_size=self.group_size,
            uninformative_groups="keep" if variant == "keep" else "skip",
        )
        rubric = LengthReward() if variant == "keep" else ExactReward()
        placement = LocalPlacement(self._learner(), self.engine, reference=False)
        sampling = SamplingParams(
            max_tokens=self.new_tokens, stop_token_ids=self.chat.stop_token_ids, seed=number
        )
        with measured(self.device) as timing:
            report = grpo_step(
                number,
                lambda count: [_problem(first + i) for i in range(count)],
                rubric=rubric,
                chat=self.chat,
                placement=placement,
                config=config,
                sampling=sampling,
            )
        rewards = [group.reward_values() for group in report.groups]
        return {
            **timing.result,
            "tokens": sum(len(r.token_ids) for group in report.groups for r in group.rollouts),
            "informative_groups": sum(int(values.std() > 0) for values in rewards),
            "phases": dict(report.seconds),
        }

    def _learner(self) -> LocalPolicy:
        if self.policy is None:
            optimizer = OptimizerConfig(learning_rate=self.learning_rate, warmup_steps=0)
            self.policy = LocalPolicy(
                self.model,
                optimizer,
                total_updates=1_000_000,
                micro_batch_tokens=self.micro_batch_tokens,
            )
        return self.policy


def _problem(index: int) -> Problem:
    return Problem(
        id=f"bench/train/{index}",
        task="bench",
        messages=(Message(role="user", content=workloads.question(index)),),
        answer=workloads.gold_answer(index),
    )


if __name__ == "__main__":
    worker = Cogitate()
    serve(
        {
            "setup": worker.setup,
            "rollout": worker.rollout,
            "train": worker.train,
            "step": worker.step,
        }
    )
