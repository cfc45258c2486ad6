"""Settings of the two algorithms: each field with its unit, its range and its source."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from cogitate.policies.config import OptimizerConfig
from cogitate.train.loss_config import (
    STRICT,
    AdvantageConfig,
    CISPOLossConfig,
    Count,
    CustomLossConfig,
    DAPOLossConfig,
    DrGRPOLossConfig,
    GRPOLossConfig,
    GSPOLossConfig,
    LossConfig,
    R1LossConfig,
)

__all__ = [
    "AdvantageConfig",
    "CISPOLossConfig",
    "CustomLossConfig",
    "DAPOLossConfig",
    "DrGRPOLossConfig",
    "GRPOConfig",
    "GRPOLossConfig",
    "GSPOLossConfig",
    "LossConfig",
    "OptimizerConfig",
    "R1LossConfig",
    "SFTConfig",
]


class GRPOConfig(BaseModel):
    """Reinforcement learning from verifiable rewards (``algorithm = "grpo"``)."""

    model_config = STRICT

    steps: Count = 40
    """Steps: one sampling phase each. R1-Zero ran 10,400."""

    problems_per_step: Count = 8
    """Problems sampled in a step. R1-Zero 32."""

    group_size: Annotated[int, Field(ge=2)] = 8
    """Completions per problem, at least 2 to compare. R1-Zero 16."""

    updates_per_step: Count = 1
    """Optimiser updates per step, on disjoint random parts of its completions. R1-Zero 16 (of 512
    each); 1 keeps every update on-policy."""

    micro_batch_tokens: Count = 1024
    """Tokens in one forward and backward pass: memory and speed, never the result."""

    uninformative_groups: Literal["keep", "skip", "resample"] = "skip"
    """Groups of equal rewards: keep them in the backward pass, skip them there whenever that leaves
    the gradient exactly as it is, or resample fresh problems instead (DAPO)."""

    max_draws_per_step: Count = 10
    """With resample: draws of problems_per_step problems before a step goes on with what it has
    (verl 10)."""

    old_logprobs: Literal["sampler", "recompute"] = "sampler"
    """Log-probabilities of the old policy: those recorded while sampling, or recomputed by the
    trainer, which another engine or a correction needs."""

    reference_refresh_steps: Annotated[int, Field(ge=0)] = 0
    """Steps after which the reference becomes the present policy; 0 never. R1-Zero 400."""

    loss: LossConfig = GRPOLossConfig()
    """The loss and its settings."""

    advantage: AdvantageConfig = AdvantageConfig()
    """How rewards become advantages."""

    @model_validator(mode="after")
    def _consistent(self) -> "GRPOConfig":
        rollouts = self.problems_per_step * self.group_size
        if self.updates_per_step > rollouts:
            raise ValueError(
                f"updates_per_step = {self.updates_per_step}, but a step has only {rollouts} "
                "completions (problems_per_step * group_size). Set it to at most that."
            )
        correction = getattr(self.loss, "correction", "none")
        if correction != "none" and self.old_logprobs == "sampler":
            raise ValueError(
                f'loss.correction = "{correction}" compares the trainer with the sampler, but '
                'old_logprobs = "sampler" makes the two the same. Set old_logprobs = "recompute".'
            )
        if self.reference_refresh_steps > 0 and self.loss.kl_coef == 0.0:
            raise ValueError(
                f"reference_refresh_steps = {self.reference_refresh_steps} has nothing to refresh: "
                "loss.kl_coef = 0 uses no reference. Set loss.kl_coef > 0 or remove it."
            )
        return self


class SFTConfig(BaseModel):
    """Supervised fine-tuning (``algorithm = "sft"``): cold start, distillation, a baseline."""

    model_config = STRICT

    steps: Count = 40
    """Updates."""

    batch_size: Count = 32
    """Examples per update."""

    micro_batch_tokens: Count = 1024
    """Tokens in one forward and backward pass: memory and speed, never the result."""

    source: Annotated[str, Field(min_length=1)] = "solutions"
    """"solutions": the tasks' own worked solutions. Otherwise a JSONL file of examples."""
