"""The rotary frequencies that a checkpoint declares, number for number as transformers has them.

Rotary embedding turns the pair (x_j, x_{j + head_dim/2}) of a query or key at position p by the
angle p * inv_freq[j]. The variants differ in the frequencies only, and YaRN also scales cos and
sin by one number, the attention scaling.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cogitate.errors import DataError
from cogitate.models.config import ModelConfig


def rotary_frequencies(
    config: ModelConfig, *, sequence_length: int | None = None
) -> tuple[Float[Tensor, " half"], float]:
    """Inverse frequencies in radians per position, and the factor for cos and sin.

    default  inv_freq[j] = theta ** (-2 j / head_dim),  j = 0 .. head_dim/2 - 1

    Paper: RoFormer (arXiv:2104.09864) eq. 15; the other variants name theirs below. Only dynamic
    scaling depends on ``sequence_length`` (tokens): up to ``config.max_position`` it is default.

    Raises:
        DataError: the scaling is unknown, or lacks a number that it needs.
    """
    scaling = config.rope.scaling
    theta = config.rope.theta
    if scaling == "dynamic":
        theta = _dynamic_theta(config, sequence_length)
    inv_freq = _default_frequencies(theta, config.head_dim)
    if scaling in ("default", "dynamic"):
        return inv_freq, 1.0
    if scaling == "linear":
        return inv_freq / _number(config, "factor"), 1.0
    if scaling == "llama3":
        return _llama3_frequencies(config, inv_freq), 1.0
    if scaling == "yarn":
        return _yarn_frequencies(config)
    raise DataError(
        f'unknown rope scaling "{scaling}". Known: default, linear, dynamic, llama3, yarn.'
    )


def _exponents(head_dim: int) -> Float[Tensor, " half"]:
    return torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim


def _default_frequencies(theta: float, head_dim: int) -> Float[Tensor, " half"]:
    return 1.0 / (theta ** _exponents(head_dim))


def _dynamic_theta(config: ModelConfig, sequence_length: int | None) -> float:
    """The NTK-aware base for a sequence that is longer than the trained length.

    theta' = theta * (factor * length / trained - (factor - 1)) ** (d / (d - 2))

    Not from a paper (u/bloc97 and u/emozilla, 2023). At the trained length the bracket is 1.
    """
    factor = _number(config, "factor")
    length = max(sequence_length or 0, config.max_position)
    stretch = factor * length / config.max_position - (factor - 1)
    return float(config.rope.theta * stretch ** (config.head_dim / (config.head_dim - 2)))


def _llama3_frequencies(
    config: ModelConfig, inv_freq: Float[Tensor, " half"]
) -> Float[Tensor, " half"]:
    """Llama 3.1 scaling: long waves slowed by ``factor``, short waves kept, a ramp in between.

    The wavelength 2 pi / inv_freq is long above trained / low_freq_factor and short below
    trained / high_freq_factor (tokens). Paper: The Llama 3 Herd (arXiv:2407.21783) gives only the
    new theta; the ramp is from the published code.
    """
    factor = _number(config, "factor")
    low = _number(config, "low_freq_factor")
    high = _number(config, "high_freq_factor")
    trained = _trained_length(config)
    wavelength = 2 * math.pi / inv_freq
    smooth = (trained / wavelength - low) / (high - low)
    ramp = (1 - smooth) * inv_freq / factor + smooth * inv_freq
    scaled = torch.where(wavelength > trained / low, inv_freq / factor, inv_freq)
    is_medium = (wavelength >= trained / high) & (wavelength <= trained / low)
    return torch.where(is_medium, ramp, scaled)


def _yarn_frequencies(config: ModelConfig) -> tuple[Float[Tensor, " half"], float]:
    """YaRN: interpolate the slow dimensions by ``factor``, keep the fast ones, ramp in between.

    Paper: YaRN (arXiv:2309.00071) eq. 17-23; the ramp runs over the dimension index, not over the
    number of rotations, as in the published code. The attention scaling is 0.1 ln(factor) + 1.
    """
    trained = _trained_length(config)
    factor = _optional(config, "factor") or config.max_position / trained
    low, high = _yarn_correction_range(config, trained)
    half = config.head_dim // 2
    ramp = (torch.arange(half, dtype=torch.float32) - low) / (high - low)
    keep = 1 - torch.clamp(ramp, 0, 1)
    wave = config.rope.theta ** _exponents(config.head_dim)
    inv_freq = (1.0 / (factor * wave)) * (1 - keep) + (1.0 / wave) * keep
    return inv_freq, _yarn_attention_scaling(config, factor)


def _yarn_correction_range(config: ModelConfig, trained: float) -> tuple[float, float]:
    """The dimensions that make ``beta_fast`` and ``beta_slow`` turns over the trained length."""
    dim, theta = config.head_dim, config.rope.theta

    def dimension_of(turns: float) -> float:
        return dim * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low = dimension_of(_optional(config, "beta_fast") or 32.0)
    high = dimension_of(_optional(config, "beta_slow") or 1.0)
    if config.rope.parameters.get("truncate", True):
        low, high = float(math.floor(low)), float(math.ceil(high))
    low, high = max(low, 0.0), min(high, dim - 1.0)
    # The published code widens an empty ramp by the same amount, to avoid 0 / 0.
    return low, high + 0.001 if low == high else high


def _yarn_attention_scaling(config: ModelConfig, factor: float) -> float:
    """The declared ``attention_factor``, else YaRN's 0.1 ln(factor) + 1.

    DeepSeek's two ``mscale`` numbers give a quotient of two such terms.
    """
    declared = _optional(config, "attention_factor")
    if declared is not None:
        return declared

    def scale(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0

    above, below = _optional(config, "mscale"), _optional(config, "mscale_all_dim")
    return scale(above) / scale(below) if above and below else scale(1.0)


def _trained_length(config: ModelConfig) -> float:
    return _optional(config, "original_max_position_embeddings") or float(config.max_position)


def _optional(config: ModelConfig, key: str) -> float | None:
    value: Any = config.rope.parameters.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"rope scaling: {key} = {value!r}, expected a finite number.")
    return float(value)


def _number(config: ModelConfig, key: str) -> float:
    value = _optional(config, key)
    if value is None:
        raise DataError(
            f'rope scaling "{config.rope.scaling}" needs "{key}", but config.json has only '
            f"{sorted(config.rope.parameters)}. Add it to rope_scaling (or rope_parameters)."
        )
    return value
