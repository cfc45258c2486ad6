"""Settings of the optimizer: each field with its unit, its range and the source of its value."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class OptimizerConfig(BaseModel):
    """AdamW and its learning rate. R1 does not publish its optimiser; learning rate aside, these
    are DeepSeek-V3's and MiniMax-M1's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    learning_rate: Positive = 1e-5
    """Highest learning rate. R1-Zero 3e-6 for 671B parameters; small models need more."""

    betas: tuple[
        Annotated[float, Field(ge=0.0, lt=1.0)], Annotated[float, Field(ge=0.0, lt=1.0)]
    ] = (0.9, 0.95)
    """Decay of the first and second moment (DeepSeek-V3, M1)."""

    eps: Positive = 1e-8
    """Added to the root of the second moment. M1 uses 1e-15 with bfloat16."""

    weight_decay: NonNegative = 0.0
    """Decoupled decay per update, times the learning rate. 0.1 in pre-training."""

    warmup_steps: Annotated[int, Field(ge=0)] = 3
    """Updates over which the learning rate rises linearly from 0. DAPO 20 steps."""

    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """After the warm-up: constant, or falling to final_fraction at the last update."""

    final_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Learning rate at the last update as a fraction of the highest. R1's SFT falls to 0.1."""

    max_grad_norm: NonNegative = 1.0
    """Gradients above this norm are scaled down to it; 0 turns clipping off."""

    def learning_rate_at(self, update: int, total: int) -> float:
        """Learning rate of the update numbered ``update`` (from 1) out of ``total``.

        warm-up  learning_rate * update / warmup_steps
        after    learning_rate * (f + (1 - f) * s), where s falls from 1 to 0 over the rest

        >>> OptimizerConfig(learning_rate=1.0, warmup_steps=4).learning_rate_at(1, 10)
        0.25
        """
        if update <= self.warmup_steps:
            return self.learning_rate * update / self.warmup_steps
        if self.schedule == "constant":
            return self.learning_rate
        progress = min(1.0, (update - self.warmup_steps) / max(1, total - self.warmup_steps))
        shape = 1.0 - progress
        if self.schedule == "cosine":
            shape = 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.learning_rate * (self.final_fraction + (1.0 - self.final_fraction) * shape)
