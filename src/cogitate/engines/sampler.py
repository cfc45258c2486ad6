"""Counter-based randomness and the sampling rule: one uniform per token, no hidden state.

The uniform of a token is a hash of (seed, problem, sample, position), so a completion does not
depend on which others share its batch, on the number of slots, or on what was sampled before it.
"""

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from cogitate.schema import SamplingParams

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea and Flood, 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniforms(
    seed: int, keys: NDArray[np.uint64], samples: NDArray[np.int64], positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """One number in [0, 1) with 53 random bits per (seed, key, sample, position)."""
    with np.errstate(over="ignore"):
        state = _mix(np.full(keys.shape, seed & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64) + _GOLDEN)
        state = _mix(state ^ keys.astype(np.uint64) + _GOLDEN)
        state = _mix(state ^ samples.astype(np.uint64) + _GOLDEN)
        state = _mix(state ^ positions.astype(np.uint64) + _GOLDEN)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample_tokens(
    logits: Float[Tensor, "R V"], uniform: Float64[Tensor, " R"], params: SamplingParams
) -> tuple[Int64[Tensor, " R"], Float[Tensor, " R"]]:
    """Tokens by inverse CDF, and their log-probs in nats under the tempered, full distribution.

    Truncation (top-k, then top-p inside it) changes which tokens can be drawn, not the reported
    log-prob: train with ``top_p = 1`` and ``top_k = 0``, or the ratio to the trainer's policy is
    biased. Temperature 0 takes the most likely token (the lowest id on a tie) and reports T = 1.
    """
    greedy = params.temperature == 0.0
    logits = logits.float() if greedy else logits.float() / params.temperature
    logprobs = logits.log_softmax(dim=-1)
    if greedy:
        tokens = logits.argmax(dim=-1)
    else:
        tokens = _inverse_cdf(_truncate(logprobs, params).double().exp(), uniform)
    return tokens, logprobs.gather(-1, tokens[:, None])[:, 0]


def _truncate(logprobs: Float[Tensor, "R V"], params: SamplingParams) -> Float[Tensor, "R V"]:
    if params.top_k:
        k = min(params.top_k, logprobs.shape[-1])
        floor = logprobs.topk(k, dim=-1).values[:, -1:]
        logprobs = logprobs.masked_fill(logprobs < floor, -torch.inf)
    if params.top_p < 1.0:
        ordered, index = logprobs.sort(dim=-1, descending=True, stable=True)
        mass = ordered.double().exp()
        mass = mass / mass.sum(dim=-1, keepdim=True)
        outside = (mass.cumsum(dim=-1) - mass) >= params.top_p  # the first token always stays
        cut = torch.zeros_like(outside).scatter(-1, index, outside)
        logprobs = logprobs.masked_fill(cut, -torch.inf)
    return logprobs


def _inverse_cdf(
    mass: Float64[Tensor, "R V"], uniform: Float64[Tensor, " R"]
) -> Int64[Tensor, " R"]:
    cumulative = mass.cumsum(dim=-1)
    target = uniform[:, None] * cumulative[:, -1:]
    chosen = torch.searchsorted(cumulative, target, right=True)[:, 0]
    last = mass.shape[-1] - 1 - (mass.flip(-1) > 0).int().argmax(dim=-1)
    return torch.minimum(chosen, last)
