"""The arithmetic of the update: advantages, ratios, KL, surrogates, corrections, reductions.

Pure functions of tensors: no model, no optimiser, no device, no config. ``losses.py`` beside this
file puts them together:

    rewards (G,) --group_advantages--> advantages (G,), one per completion, spread over its tokens
    logprobs - old_logprobs --aggregate_log_ratio--> exp --clipped_surrogate--> objective (B, L)
    importance_weights * objective - kl_coef * kl_estimate --reduce_tokens--> loss ()
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cogitate.errors import ConfigError
from cogitate.schema import Metric

AdvantageScale = Literal["std", "batch_std", "none"]
Baseline = Literal["mean", "leave_one_out"]
Correction = Literal["none", "tis", "sequence_tis", "mis", "sequence_mis", "geometric"]
KLEstimator = Literal["k1", "k2", "k3", "k3_unbiased", "k3_straight_through"]
RatioLevel = Literal["token", "sequence", "sequence_mean"]
Reduction = Literal["token", "sequence", "constant"]

MAX_LOG_RATIO = 20.0  # nats; exp(20) = 4.9e8 still squares without overflow in float32


# --- advantages ---------------------------------------------------------------------------------


def all_equal(rewards: Float[Tensor, " G"]) -> bool:
    """Whether a group is uninformative: its rewards differ by rounding at most.

    Rewards are weighted sums, so the same parts can add up to values one rounding apart, and
    dividing that difference by its own std would turn it into an advantage of one.

    >>> all_equal(torch.tensor([0.3, 0.1 + 0.2], dtype=torch.float64))
    True
    """
    if rewards.numel() < 2:
        return True
    rounding = 16.0 * torch.finfo(rewards.dtype).eps * float(rewards.abs().max())
    return float(rewards.max() - rewards.min()) <= rounding


def group_advantages(
    rewards: Float[Tensor, " G"],
    *,
    scale: AdvantageScale = "std",
    baseline: Baseline = "mean",
    ddof: Literal[0, 1] = 0,
    eps: float = 1e-4,
    batch_std: float | None = None,
) -> Float[Tensor, " G"]:
    """Rewards relative to their group.

    std            A_i = (r_i - mean(r)) / (std(r) + eps)
    batch_std      A_i = (r_i - mean(r)) / (batch_std + eps), the std of all rewards of the step
    none           A_i = r_i - mean(r)
    leave_one_out  r_i - mean(r without i) = G / (G - 1) * (r_i - mean(r)), then scaled as above

    Paper: DeepSeek-R1 (arXiv:2501.12948v1) eq. 3; ``none`` is Dr. GRPO (arXiv:2503.20783);
    ``leave_one_out`` with ``none`` is RLOO (arXiv:2402.14740).
    The paper does not say which std: ``ddof=0`` divides by G, ``ddof=1`` (TRL, verl) by G - 1.
    ``eps`` is not in the paper. A group of one, or of equal rewards, has advantage exactly 0.

    >>> group_advantages(torch.tensor([1.0, 0.0, 0.0, 1.0]), eps=0.0)
    tensor([ 1., -1., -1.,  1.])
    """
    if all_equal(rewards):
        return torch.zeros_like(rewards)
    centred = rewards - rewards.mean()
    if baseline == "leave_one_out":
        centred = centred * (rewards.numel() / (rewards.numel() - 1))
    if scale == "none":
        return centred
    if scale == "std":
        return centred / (rewards.std(correction=ddof) + eps)
    if batch_std is None:
        raise ConfigError(
            'advantage.scale = "batch_std" for one group: the spread of the whole step is needed. '
            "Use step_advantages, or pass batch_std."
        )
    return centred / (batch_std + eps)


def step_advantages(
    rewards: Sequence[Float[Tensor, " _"]],
    *,
    scale: AdvantageScale = "std",
    baseline: Baseline = "mean",
    ddof: Literal[0, 1] = 0,
    eps: float = 1e-4,
) -> list[Float[Tensor, " _"]]:
    """Advantages of every group of a step; groups may differ in size.

    The same as ``group_advantages`` on each, with ``batch_std`` taken over all rewards
    ("Lite PPO", arXiv:2508.08221; TRL ``scale_rewards="batch"``).
    """
    batch_std = None
    if scale == "batch_std" and rewards:
        together = torch.cat(list(rewards))
        batch_std = 0.0 if all_equal(together) else float(together.std(correction=ddof))
    return [
        group_advantages(r, scale=scale, baseline=baseline, ddof=ddof, eps=eps, batch_std=batch_std)
        for r in rewards
    ]


# --- per-token terms (every input is already 0.0 off the mask) ------------------------------------


def aggregate_log_ratio(
    log_ratio: Float[Tensor, "B L"], mask: Bool[Tensor, "B L"], *, level: RatioLevel
) -> Float[Tensor, "B L"]:
    """Log-ratio at the level it is compared at, clamped to +-20 nats and spread back over tokens.

    token          log r_{i,t}                   DeepSeekMath (arXiv:2402.03300) eq. 3, DAPO
    sequence       sum_t log r_{i,t}             DeepSeek-R1 v1 eq. 1, as printed
    sequence_mean  sum_t log r_{i,t} / |o_i|     GSPO (arXiv:2507.18071) eq. 7

    >>> aggregate_log_ratio(torch.tensor([[0.5, 1.0]]), torch.ones(1, 2).bool(), level="sequence")
    tensor([[1.5000, 1.5000]])
    """
    if level == "token":
        return log_ratio.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    total = log_ratio.sum(dim=1, keepdim=True)
    if level == "sequence_mean":
        total = total / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return total.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).expand_as(log_ratio)


def clipped_surrogate(
    ratio: Float[Tensor, "B L"],
    advantages: Float[Tensor, "B L"],
    *,
    clip_low: float,
    clip_high: float,
    dual_clip: float | None = None,
) -> Float[Tensor, "B L"]:
    """min(ratio * A, clip(ratio, 1 - clip_low, 1 + clip_high) * A); to be maximised.

    With ``dual_clip`` = c, for A < 0 only: max(that, c * A).

    Paper: PPO (arXiv:1707.06347) eq. 7; DAPO (arXiv:2503.14476) eq. 8 raises ``clip_high`` alone;
    dual clip is arXiv:1912.09729 eq. 5. R1's epsilon of 10 leaves A < 0 without any clipping.

    >>> clipped_surrogate(torch.tensor([[2.0]]), torch.ones(1, 1), clip_low=0.2, clip_high=0.2)
    tensor([[1.2000]])
    """
    clipped = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    surrogate = torch.minimum(ratio * advantages, clipped * advantages)
    if dual_clip is None:
        return surrogate
    floored = torch.maximum(surrogate, dual_clip * advantages)
    return torch.where(advantages < 0, floored, surrogate)


def kl_estimate(
    log_ref_ratio: Float[Tensor, "B L"],
    *,
    estimator: KLEstimator = "k3",
    ratio: Float[Tensor, "B L"] | None = None,
) -> Float[Tensor, "B L"]:
    """Per-token estimate of KL(pi || pi_ref) in nats, from d = log pi_ref - log pi.

    k1 = -d    k2 = d^2 / 2    k3 = exp(d) - d - 1 (never negative)
    k3_unbiased          ratio * k3, unbiased when the samples come from pi_old
    k3_straight_through  the value of k3 with the gradient of k2, which is the KL gradient

    Paper: k3 is DeepSeekMath eq. 4 and DeepSeek-R1 v1 eq. 2; ``k3_unbiased`` is DeepSeek-V3.2
    (arXiv:2512.02556); estimators: http://joschu.net/blog/kl-approx.html. d is clamped to +-20.

    >>> kl_estimate(torch.zeros(1, 2))
    tensor([[0., 0.]])
    """
    d = log_ref_ratio.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    if estimator == "k1":
        return -d
    k2 = d.square() / 2
    if estimator == "k2":
        return k2
    k3 = d.exp() - d - 1.0
    if estimator == "k3_straight_through":
        return k2 - k2.detach() + k3.detach()
    if estimator == "k3_unbiased":
        if ratio is None:
            raise ConfigError('kl_estimator = "k3_unbiased" needs the ratio to the old policy.')
        return ratio * k3
    return k3


def importance_weights(
    old_logprobs: Float[Tensor, "B L"],
    sampling_logprobs: Float[Tensor, "B L"],
    mask: Bool[Tensor, "B L"],
    *,
    correction: Correction,
    low: float,
    high: float,
) -> Float[Tensor, "B L"]:
    """Weights, without gradient, that correct for sampling from the engine and not from pi_old.

    With u = exp(old_logprobs - sampling_logprobs), per token or as a product over the sequence:

    tis, sequence_tis  min(u, high)                            truncated importance sampling
    mis, sequence_mis  u if low <= u <= high, else 0           masked importance sampling
    geometric          1 if low <= (prod u)^(1/|o|) <= high, else 0    rejects whole completions

    Source: verl ``rollout_is`` and TRL ``vllm_importance_sampling_mode`` use the same rules.
    """
    if correction == "none":
        return torch.ones_like(old_logprobs)
    gap = torch.where(mask, old_logprobs - sampling_logprobs, 0.0).detach()
    level: RatioLevel = "token"
    if correction in ("sequence_tis", "sequence_mis"):
        level = "sequence"
    elif correction == "geometric":
        level = "sequence_mean"
    weights = aggregate_log_ratio(gap, mask, level=level).exp()
    inside = (weights >= low) & (weights <= high)
    if correction == "geometric":
        return inside.to(weights.dtype)
    if correction in ("mis", "sequence_mis"):
        return torch.where(inside, weights, 0.0)
    return weights.clamp(max=high)


def off_policy_weights(
    log_ratio: Float[Tensor, "B L"],
    advantages: Float[Tensor, "B L"],
    mask: Bool[Tensor, "B L"],
    *,
    threshold: float,
) -> Float[Tensor, "B L"]:
    """0 on completions with A < 0 that the policy has left behind, 1 elsewhere.

    Left behind: mean_t(old_logprobs - logprobs) > threshold, nats per token.

    Paper: DeepSeek-V3.2 (arXiv:2512.02556), off-policy sequence masking. TRL suggests 0.5.
    """
    drift = -log_ratio.detach().sum(dim=1, keepdim=True)
    drift = drift / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where((advantages < 0) & (drift > threshold), 0.0, torch.ones_like(advantages))


# --- reductions and partial means ---------------------------------------------------------------


def reduce_tokens(
    values: Float[Tensor, "B L"],
    mask: Bool[Tensor, "B L"],
    *,
    reduction: Reduction,
    denominator: float,
) -> Float[Tensor, ""]:
    """Sum over masked tokens, divided by a *global* denominator.

    token      every token weighs the same       denominator = tokens of the update (DAPO eq. 8)
    sequence   every completion weighs the same  denominator = completions of the update (GRPO)
    constant   as token                          denominator = completions * max_tokens (Dr. GRPO)
    """
    kept = torch.where(mask, values, 0.0)
    if reduction == "sequence":
        kept = kept / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return kept.sum() / denominator


def token_means(
    values: Mapping[str, Float[Tensor, "B L"]], mask: Bool[Tensor, "B L"]
) -> dict[str, Metric]:
    """Partial means over masked tokens, which add up across micro-batches and ranks."""
    totals = torch.stack([torch.where(mask, v.detach(), 0.0).sum() for v in values.values()])
    weight = float(mask.sum())
    return {
        name: Metric(total=float(total), weight=weight)
        for name, total in zip(values, totals.cpu(), strict=True)  # one transfer for all of them
    }
