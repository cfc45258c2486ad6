"""Settings of the advantages and losses of GRPO's family, with the values that papers published.

The sections are the values themselves: a loss here satisfies ``LossFn`` and ``AdvantageConfig``
satisfies ``AdvantageFn``. torch is imported when one of them is first used, so that reading a
configuration stays fast.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cogitate.errors import ConfigError

if TYPE_CHECKING:  # used in string annotations only, so that this file does not import torch
    import torch

    import cogitate.protocols
    import cogitate.schema

Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

# Frozen, unknown keys refused, docstrings of fields kept for ``cogitate explain``.
STRICT = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AdvantageConfig(BaseModel):
    """How rewards become advantages. Satisfies ``AdvantageFn``; see ``group_advantages``."""

    model_config = STRICT

    scale: Literal["std", "batch_std", "none"] = "std"
    """Divide by the group's std (DeepSeek-R1 eq. 3), by the step's, or not at all (Dr. GRPO)."""

    baseline: Literal["mean", "leave_one_out"] = "mean"
    """Subtract the group mean, or the mean of the other completions (RLOO, with scale none)."""

    ddof: Literal[0, 1] = 0
    """Which std: 0 divides by G, 1 by G - 1 (TRL, verl, OAT). The paper does not say."""

    eps: NonNegative = 1e-4
    """Added to the std, in units of reward. The paper has none; TRL 1e-4, verl 1e-6, OAT 1e-8."""

    def __call__(self, rewards: "torch.Tensor") -> "torch.Tensor":
        """Advantages (G,) of one group, which under ``batch_std`` is taken as the whole step."""
        return self.for_groups([rewards])[0]

    def for_groups(self, rewards: Sequence["torch.Tensor"]) -> list["torch.Tensor"]:
        """Advantages of every group of a step; needed where groups are scaled together."""
        from cogitate.train.objective import step_advantages

        return step_advantages(
            rewards, scale=self.scale, baseline=self.baseline, ddof=self.ddof, eps=self.eps
        )


class LossSettings(BaseModel):
    """What every policy-gradient loss can be told. Satisfies ``LossFn`` through ``build``."""

    model_config = STRICT

    reduction: Literal["token", "sequence", "constant"] = "sequence"
    """What weighs the same: every token (DAPO), every completion (GRPO), or every token with a
    constant denominator of completions * max_tokens (Dr. GRPO)."""

    max_tokens: Count | None = None
    """Tokens per completion in the constant reduction: set it to sampling.max_tokens."""

    ratio_level: Literal["token", "sequence", "sequence_mean"] = "token"
    """Ratio to the old policy per token, per completion (as R1 eq. 1 is printed), or per completion
    by geometric mean (GSPO)."""

    kl_coef: NonNegative = 0.0
    """Weight of the KL penalty to the reference. R1 0.001, DeepSeekMath 0.04, DAPO and Dr. GRPO 0.
    0 needs no reference and saves its memory."""

    kl_estimator: Literal["k1", "k2", "k3", "k3_unbiased", "k3_straight_through"] = "k3"
    """Estimator of that KL: k3 in R1 and DeepSeekMath, k3_unbiased in DeepSeek-V3.2."""

    correction: Literal["none", "tis", "sequence_tis", "mis", "sequence_mis", "geometric"] = "none"
    """Importance weights for sampling with another engine than the trainer: truncated (tis), masked
    (mis), or rejection of whole completions (geometric)."""

    correction_low: NonNegative = 0.0
    """Lowest weight kept by mis, sequence_mis and geometric. TRL's example for mis is 0.5."""

    correction_high: Positive = 2.0
    """Cap of tis (1.5 to 5) and sequence_tis (2 to 10); highest weight kept by the others
    (geometric 1.001)."""

    off_policy_threshold: Positive | None = None
    """Leave out completions of negative advantage once the policy has moved this many nats per
    token away from them (DeepSeek-V3.2; TRL suggests 0.5). Not set: never."""

    def build(self) -> "cogitate.protocols.LossFn[Any]":
        """The loss as a frozen value, free of pydantic."""
        raise NotImplementedError

    @property
    def zero_advantage_is_idle(self) -> bool:
        """Whether a row of zero advantage has exactly zero loss and gradient."""
        return self.kl_coef == 0.0

    def denominator(self, batch: "cogitate.schema.RolloutBatch") -> float:
        """See ``PolicyLoss.denominator``."""
        return self.build().denominator(batch)

    def __call__(
        self,
        logprobs: "torch.Tensor",
        entropy: "torch.Tensor",
        batch: "cogitate.schema.RolloutBatch",
        *,
        denominator: float,
    ) -> "cogitate.schema.LossOutput":
        """See ``PolicyLoss.__call__``."""
        return self.build()(logprobs, entropy, batch, denominator=denominator)

    @model_validator(mode="after")
    def _consistent(self) -> "LossSettings":
        if self.reduction == "constant" and self.max_tokens is None:
            raise ValueError(
                'reduction = "constant" divides by completions * max_tokens, but max_tokens is not '
                "set. Set it to sampling.max_tokens."
            )
        if self.correction_low >= self.correction_high:
            raise ValueError(
                f"correction_low = {self.correction_low} leaves nothing below correction_high = "
                f"{self.correction_high}. Set correction_low < correction_high."
            )
        return self


class GRPOLossConfig(LossSettings):
    """Clipped surrogate, per token, averaged per completion: DeepSeekMath (arXiv:2402.03300)."""

    kind: Literal["grpo"] = "grpo"
    """Which loss: grpo, r1, dr_grpo, dapo, gspo, cispo or custom."""

    clip_low: NonNegative = 0.2
    """The ratio is clipped below 1 - clip_low. 1 or more never binds."""

    clip_high: NonNegative = 0.2
    """The ratio is clipped above 1 + clip_high."""

    dual_clip: Annotated[float, Field(gt=1.0)] | None = None
    """Bound on the ratio where the advantage is negative (verl 3.0). Not set: no bound."""

    def build(self) -> "cogitate.protocols.LossFn[Any]":
        """A ``GRPOLoss`` with these settings."""
        from cogitate.train.losses import GRPOLoss

        return GRPOLoss(**_settings(self))


class R1LossConfig(GRPOLossConfig):
    """DeepSeek-R1 (arXiv:2501.12948v2): GRPO with a clip that rarely binds, and a light KL.

    Per token like every implementation; ``ratio_level = "sequence"`` is eq. 1 as printed.
    """

    kind: Literal["r1"] = "r1"  # pyright: ignore[reportIncompatibleVariableOverride]
    """DeepSeek-R1, first RL stage. R1-Zero's clip is not published."""

    clip_low: NonNegative = 10.0
    """10 in the paper: with it nothing is clipped from below."""

    clip_high: NonNegative = 10.0
    """10 in the paper."""

    kl_coef: NonNegative = 0.001
    """0.001 in the paper, with the reference replaced every 400 steps."""


class DrGRPOLossConfig(GRPOLossConfig):
    """Dr. GRPO (arXiv:2503.20783): constant denominator; goes with ``advantage.scale = "none"``."""

    kind: Literal["dr_grpo"] = "dr_grpo"  # pyright: ignore[reportIncompatibleVariableOverride]
    """GRPO without its two length biases."""

    reduction: Literal["token", "sequence", "constant"] = "constant"
    """constant in the paper; needs max_tokens."""


class DAPOLossConfig(GRPOLossConfig):
    """DAPO (arXiv:2503.14476) eq. 8: clip-higher and token mean.

    Its dynamic sampling is ``grpo.uninformative_groups = "resample"``, its soft overlong penalty a
    reward part.
    """

    kind: Literal["dapo"] = "dapo"  # pyright: ignore[reportIncompatibleVariableOverride]
    """Clip-higher and token mean."""

    clip_high: NonNegative = 0.28
    """0.28 in the paper, with clip_low 0.2."""

    reduction: Literal["token", "sequence", "constant"] = "token"
    """token in the paper."""


class GSPOLossConfig(GRPOLossConfig):
    """GSPO (arXiv:2507.18071): the ratio of a completion is the geometric mean over its tokens."""

    kind: Literal["gspo"] = "gspo"  # pyright: ignore[reportIncompatibleVariableOverride]
    """Clipping of whole completions."""

    clip_low: NonNegative = 3e-4
    """3e-4 in the paper: a mean over tokens moves far less than a token."""

    clip_high: NonNegative = 4e-4
    """4e-4 in the paper."""

    ratio_level: Literal["token", "sequence", "sequence_mean"] = "sequence_mean"
    """sequence_mean in the paper."""


class CISPOLossConfig(LossSettings):
    """CISPO (MiniMax-M1, arXiv:2506.13585): capped ratios as weights, no token cut off."""

    kind: Literal["cispo"] = "cispo"
    """Weighted REINFORCE."""

    cispo_cap: Positive = 5.0
    """Cap of the ratio itself, not 1 + epsilon. M1 does not publish its value; ScaleRL uses 5."""

    reduction: Literal["token", "sequence", "constant"] = "token"
    """token in the paper."""

    def build(self) -> "cogitate.protocols.LossFn[Any]":
        """A ``CISPOLoss`` with these settings."""
        from cogitate.train.losses import CISPOLoss

        return CISPOLoss(**_settings(self))


class CustomLossConfig(BaseModel):
    """A loss of your own: any importable class whose instances satisfy ``LossFn``."""

    model_config = STRICT

    kind: Literal["custom"] = "custom"
    """A class of your own."""

    source: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """Where it is, as ``package.module:ClassName``."""

    arguments: dict[str, Any] = {}
    """Keyword arguments of the class."""

    kl_coef: NonNegative = 0.0
    """Above 0, the batch carries reference log-probabilities."""

    def build(self) -> "cogitate.protocols.LossFn[Any]":
        """The loss as a value.

        Raises:
            ConfigError: the module or the class does not exist, or refuses the arguments.
        """
        module, _, name = self.source.partition(":")
        try:
            return getattr(importlib.import_module(module), name)(**self.arguments)
        except (ImportError, AttributeError, TypeError) as error:
            raise ConfigError(
                f'loss.source = "{self.source}" cannot be used: {error}. It must name a class, as '
                "package.module:ClassName, that takes loss.arguments."
            ) from error

    @property
    def zero_advantage_is_idle(self) -> bool:
        """What the class says of itself; False if it says nothing."""
        return bool(getattr(self.build(), "zero_advantage_is_idle", False))

    def denominator(self, batch: "cogitate.schema.RolloutBatch") -> float:
        """The denominator of the class."""
        return self.build().denominator(batch)

    def __call__(
        self,
        logprobs: "torch.Tensor",
        entropy: "torch.Tensor",
        batch: "cogitate.schema.RolloutBatch",
        *,
        denominator: float,
    ) -> "cogitate.schema.LossOutput":
        """The loss of the class."""
        return self.build()(logprobs, entropy, batch, denominator=denominator)


LossConfig = Annotated[
    GRPOLossConfig
    | R1LossConfig
    | DrGRPOLossConfig
    | DAPOLossConfig
    | GSPOLossConfig
    | CISPOLossConfig
    | CustomLossConfig,
    Field(discriminator="kind"),
]


def _settings(config: LossSettings) -> dict[str, Any]:
    return {name: getattr(config, name) for name in type(config).model_fields if name != "kind"}
