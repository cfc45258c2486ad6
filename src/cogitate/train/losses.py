"""The losses: small frozen values that put the formulas of ``objective.py`` together.

Each satisfies ``LossFn``. Two rules hold for all of them. *Mask before exp*: ``exp`` of an unused
position can be inf, and 0 * inf is NaN in the backward pass. *The denominator is an argument*: it
counts the whole update, so the loss of a batch is the sum of the losses of any split of its rows.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cogitate.errors import ConfigError
from cogitate.schema import LossOutput, RolloutBatch, TokenBatch
from cogitate.train.objective import (
    Correction,
    KLEstimator,
    RatioLevel,
    Reduction,
    aggregate_log_ratio,
    clipped_surrogate,
    importance_weights,
    kl_estimate,
    off_policy_weights,
    reduce_tokens,
    token_means,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoss:
    """What all policy-gradient losses share: correction, KL penalty, reduction, metrics.

    loss = -reduce(weight * surrogate - kl_coef * kl)

    A subclass gives the surrogate and the bounds it clips at. ``max_tokens`` belongs to the
    ``constant`` reduction; ``correction_low`` and ``_high`` to ``importance_weights``.
    """

    reduction: Reduction = "sequence"
    max_tokens: int | None = None
    ratio_level: RatioLevel = "token"
    kl_coef: float = 0.0
    kl_estimator: KLEstimator = "k3"
    correction: Correction = "none"
    correction_low: float = 0.0
    correction_high: float = 2.0
    off_policy_threshold: float | None = None

    def surrogate(
        self,
        ratio: Float[Tensor, "B L"],
        logprobs: Float[Tensor, "B L"],
        advantages: Float[Tensor, "B L"],
    ) -> Float[Tensor, "B L"]:
        """What is maximised, per token, before correction and KL."""
        raise NotImplementedError

    def bounds(self) -> tuple[float, float]:
        """Lowest and highest ratio that is not clipped."""
        raise NotImplementedError

    @property
    def zero_advantage_is_idle(self) -> bool:
        """Whether a row of zero advantage has exactly zero loss and gradient."""
        return self.kl_coef == 0.0

    def denominator(self, batch: RolloutBatch) -> float:
        """Tokens or completions of a whole update; a row without a trained token is not counted."""
        if self.reduction == "token":
            return float(batch.completion_mask.sum())
        completions = float(batch.completion_mask.any(dim=1).sum())
        if self.reduction == "sequence":
            return completions
        if self.max_tokens is None:
            raise ConfigError(
                'loss.reduction = "constant" divides by max_tokens, which is not set. '
                "Set loss.max_tokens to sampling.max_tokens."
            )
        return completions * self.max_tokens

    def __call__(
        self,
        logprobs: Float[Tensor, "B L"],
        entropy: Float[Tensor, "B L"],
        batch: RolloutBatch,
        *,
        denominator: float,
    ) -> LossOutput:
        """Loss of some rows of an update whose global count is ``denominator``, with metrics.

        ``engine/mismatch_nats`` is the engine's alone while the weights are those that sampled,
        which is so in the first update of a step; later it includes the drift of the policy.
        """
        mask = batch.completion_mask
        logprobs = torch.where(mask, logprobs, 0.0)
        advantages = torch.where(mask, batch.advantages, 0.0)
        token_log_ratio = logprobs - torch.where(mask, batch.old_logprobs, 0.0)
        ratio = aggregate_log_ratio(token_log_ratio, mask, level=self.ratio_level).exp()
        weights = self._weights(token_log_ratio, advantages, batch)
        objective = weights * self.surrogate(ratio, logprobs, advantages)

        low, high = self.bounds()
        values = {
            "policy/entropy": entropy,
            "policy/nll": -logprobs,
            "policy/log_ratio": token_log_ratio,
            "policy/log_ratio_abs": token_log_ratio.abs(),
            "policy/ratio_outside_clip": ((ratio < low) | (ratio > high)).float(),
            "policy/clip_low_fraction": ((ratio < low) & (advantages < 0)).float(),
            "policy/clip_high_fraction": ((ratio > high) & (advantages > 0)).float(),
            "engine/mismatch_nats": (logprobs - batch.sampling_logprobs).abs(),
        }
        if self.correction != "none" or self.off_policy_threshold is not None:
            values["policy/correction_weight"] = weights
        if self.kl_coef != 0.0 or batch.ref_logprobs is not None:
            log_ref_ratio = self._log_ref_ratio(logprobs, batch)
            values["policy/kl_ref"] = kl_estimate(log_ref_ratio.detach())
            if self.kl_coef != 0.0:
                # R1 eq. 2 takes the KL of whole outputs, as its eq. 1 takes the ratio.
                level = "sequence" if self.ratio_level == "sequence" else "token"
                log_ref_ratio = aggregate_log_ratio(log_ref_ratio, mask, level=level)
                kl = kl_estimate(log_ref_ratio, estimator=self.kl_estimator, ratio=ratio)
                objective = objective - self.kl_coef * kl
        loss = -reduce_tokens(objective, mask, reduction=self.reduction, denominator=denominator)
        return LossOutput(loss=loss, metrics=token_means(values, mask))

    def _weights(
        self,
        token_log_ratio: Float[Tensor, "B L"],
        advantages: Float[Tensor, "B L"],
        batch: RolloutBatch,
    ) -> Float[Tensor, "B L"]:
        mask = batch.completion_mask
        weights = importance_weights(
            batch.old_logprobs,
            batch.sampling_logprobs,
            mask,
            correction=self.correction,
            low=self.correction_low,
            high=self.correction_high,
        )
        if self.off_policy_threshold is None:
            return weights
        return weights * off_policy_weights(
            token_log_ratio, advantages, mask, threshold=self.off_policy_threshold
        )

    def _log_ref_ratio(
        self, logprobs: Float[Tensor, "B L"], batch: RolloutBatch
    ) -> Float[Tensor, "B L"]:
        if batch.ref_logprobs is None:
            raise ConfigError(
                f"loss.kl_coef = {self.kl_coef} needs reference log-probabilities, but the batch "
                "has none. Set placement.reference, or loss.kl_coef = 0.0."
            )
        return torch.where(batch.completion_mask, batch.ref_logprobs, 0.0) - logprobs


@dataclass(frozen=True, slots=True, kw_only=True)
class GRPOLoss(PolicyLoss):
    """Clipped surrogate: by its settings GRPO, DeepSeek-R1 as printed, Dr. GRPO, DAPO or GSPO.

    ``cogitate.train.config`` holds the published settings of each.
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None

    def surrogate(
        self,
        ratio: Float[Tensor, "B L"],
        logprobs: Float[Tensor, "B L"],
        advantages: Float[Tensor, "B L"],
    ) -> Float[Tensor, "B L"]:
        """See ``clipped_surrogate``; log-probabilities enter through the ratio alone."""
        del logprobs
        return clipped_surrogate(
            ratio,
            advantages,
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            dual_clip=self.dual_clip,
        )

    def bounds(self) -> tuple[float, float]:
        """[1 - clip_low, 1 + clip_high]."""
        return 1.0 - self.clip_low, 1.0 + self.clip_high


@dataclass(frozen=True, slots=True, kw_only=True)
class CISPOLoss(PolicyLoss):
    """REINFORCE weighted by a capped ratio that carries no gradient: no token is cut off.

    surrogate = stop_gradient(min(ratio, cispo_cap)) * A * logprobs

    Paper: MiniMax-M1 (arXiv:2506.13585) eq. 4, 5, with the lower bound off as published there.
    ``cispo_cap`` is the cap itself, as in TRL; M1 and verl write it as 1 + epsilon_high.
    """

    reduction: Reduction = "token"
    cispo_cap: float = 5.0

    def surrogate(
        self,
        ratio: Float[Tensor, "B L"],
        logprobs: Float[Tensor, "B L"],
        advantages: Float[Tensor, "B L"],
    ) -> Float[Tensor, "B L"]:
        """The weighted log-likelihood; its value is no estimate of the return, its gradient is."""
        return ratio.detach().clamp(max=self.cispo_cap) * advantages * logprobs

    def bounds(self) -> tuple[float, float]:
        """[0, cispo_cap]."""
        return 0.0, self.cispo_cap


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossEntropyLoss:
    """Mean negative log-likelihood of completion tokens: SFT, cold start, distillation."""

    def denominator(self, batch: TokenBatch) -> float:
        """Completion tokens of a whole update."""
        return float(batch.completion_mask.sum())

    def __call__(
        self,
        logprobs: Float[Tensor, "B L"],
        entropy: Float[Tensor, "B L"],
        batch: TokenBatch,
        *,
        denominator: float,
    ) -> LossOutput:
        """Loss of some rows of an update of ``denominator`` completion tokens."""
        mask = batch.completion_mask
        loss = -reduce_tokens(logprobs, mask, reduction="token", denominator=denominator)
        metrics = token_means({"policy/nll": -logprobs, "policy/entropy": entropy}, mask)
        return LossOutput(loss=loss, metrics=metrics)
