"""The nouns of the system, in the order one training step produces them.

Axis letters used everywhere:
    P  problems in a step             G  rollouts per problem (group size)
    N  rollouts in a step, N = P * G  B  rollouts in a micro-batch
    L  padded sequence length         C  completion length      V  vocabulary

Token alignment, stated once for the whole package: per-token arrays are *token-aligned*.
Entry t describes token t, so ``logprobs[t] = log pi(token_ids[t] | token_ids[:t])`` in nats,
and entry 0 is 0.0. Nothing outside ``policies/`` ever shifts by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cogitate.verdict import Status


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"  # the policy emitted a stop token or a stop string
    LENGTH = "length"  # cut at max_tokens: the completion is truncated
    ABORT = "abort"  # the engine gave up; never trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One question with its gold answer.

    ``id`` is stable across runs: ``<task>/<split>/<content hash or row>``. ``answer`` is the gold
    answer as text, or None when the task has none. ``metadata`` holds what the task's verifier
    needs (numbers, target) and ``difficulty``; it is JSON-serialisable.
    """

    id: str
    task: str
    messages: tuple[Message, ...]
    answer: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def question(self) -> str:
        """The text of the last user turn."""
        return next(m.content for m in reversed(self.messages) if m.role == "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A rendered prompt: what the engine continues.

    ``key`` is a stable 64-bit number of the problem; together with ``SamplingParams.seed``, the
    sample index and the position it fixes every random draw of the completion.
    """

    token_ids: tuple[int, ...]
    text: str
    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How to sample. ``temperature == 0`` is greedy; ``top_p == 1`` and ``top_k == 0`` are off.

    ``max_tokens`` counts completion tokens, the stop token included.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop_token_ids: tuple[int, ...] = ()
    stop_strings: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What an engine returns for one sample.

    ``logprobs`` (C,) are nats under the tempered, untruncated distribution (after temperature,
    before top-k/top-p; under temperature 1 when greedy), one per token, the stop token included.
    ``text`` is the decoded completion without the stop token and cut before a stop string.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    finish_reason: FinishReason
    policy_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One prompt with one sampled continuation (possibly several turns), flat.

    ``completion_mask`` is True exactly on tokens the policy sampled; prompt, tool output and
    environment text are False. It is recorded at sampling time, never inferred from token ids.
    """

    problem_id: str
    token_ids: Int[Tensor, " L"]
    completion_mask: Bool[Tensor, " L"]
    sampling_logprobs: Float[Tensor, " L"]
    completion: Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """``value`` is what the policy is trained on; ``parts`` are the unweighted components.

    ``error`` is set when the *verifier* failed, which is not the same as a wrong answer: such a
    rollout leaves before the group mean is taken, and ``cause`` is a short word for why, to be
    counted. ``parsed_answer`` is what the extractor found, ``status`` what the verifier said of it.
    """

    value: float
    parts: Mapping[str, float]
    parsed_answer: str | None = None
    error: str | None = None
    cause: str = ""
    status: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The G rollouts of one problem and their rewards: the unit GRPO compares within."""

    problem: Problem
    rollouts: tuple[Rollout, ...]
    rewards: tuple[Reward, ...]

    def reward_values(self) -> Float[Tensor, " G"]:
        """Reward values, float64 so that the mean of equal rewards is exactly their value."""
        return torch.tensor([reward.value for reward in self.rewards], dtype=torch.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """What a forward pass needs: N right-padded sequences. SFT and scoring stop here."""

    token_ids: Int[Tensor, "N L"]
    attention_mask: Bool[Tensor, "N L"]
    completion_mask: Bool[Tensor, "N L"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutBatch(TokenBatch):
    """What a policy-gradient loss needs on top. Float arrays are float32 and 0.0 off the mask.

    sampling_logprobs  from the engine that sampled (may use other kernels or older weights)
    old_logprobs       from the trainer, before the first update on this batch (pi_theta_old)
    ref_logprobs       from the frozen reference (pi_ref); None iff kl_coef == 0
    """

    advantages: Float[Tensor, "N L"]
    sampling_logprobs: Float[Tensor, "N L"]
    old_logprobs: Float[Tensor, "N L"]
    ref_logprobs: Float[Tensor, "N L"] | None
    policy_version: Int[Tensor, " N"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A partial mean that knows how to be summed: report ``total / weight`` after reduction."""

    total: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOutput:
    """A scalar loss with its graph, and detached metrics."""

    loss: Float[Tensor, ""]
    metrics: Mapping[str, Metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one step did. ``metrics`` are deterministic; wall-clock is only in ``seconds``."""

    step: int
    policy_version: int
    metrics: Mapping[str, float]
    seconds: Mapping[str, float]
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalResult:
    """One figure on held-out problems; never a number without its interval.

    ``mode`` is "greedy" or "sampled" (temperature 1). ``value`` and ``ci95`` are fractions in
    [0, 1]; the interval is Wilson's for one sample per problem and a problem-level bootstrap
    otherwise. ``task`` is a task name or "all".
    """

    step: int
    task: str
    mode: Literal["greedy", "sampled"]
    metric: str
    value: float
    ci95: tuple[float, float]
    num_problems: int
    samples_per_problem: int
