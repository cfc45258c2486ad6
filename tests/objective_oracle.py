"""The losses once more, from the papers, in NumPy and plain loops over ragged rows.

Shares no code with ``cogitate.train``: no padding, no masks, no clamps, float64. Each completion is
an array of its own; the gradient comes from central differences.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]


def advantages(rewards: Row, *, scale: str, baseline: str, ddof: int, eps: float) -> Row:
    """Advantages of one group, one reward at a time."""
    out = np.zeros(len(rewards))
    for i, reward in enumerate(rewards):
        others = np.delete(rewards, i) if baseline == "leave_one_out" else rewards
        out[i] = reward - others.sum() / len(others)
    if scale == "none":
        return out
    mean = rewards.sum() / len(rewards)
    spread = np.sqrt(((rewards - mean) ** 2).sum() / (len(rewards) - ddof))
    return out / (spread + eps)


def ratios(new: Row, old: Row, level: str) -> Row:
    """Ratio that each token of one completion is compared at."""
    if level == "token":
        return np.exp(new - old)
    exponent = (new - old).sum() / (1 if level == "sequence" else len(new))
    return np.full(len(new), np.exp(exponent))


def weights(old: Row, sampling: Row, correction: str, low: float, high: float) -> Row:
    """Importance weights of the tokens of one completion."""
    token, whole = np.exp(old - sampling), float(np.exp((old - sampling).sum()))
    if correction == "tis":
        return np.array([min(u, high) for u in token])
    if correction == "mis":
        return np.array([u if low <= u <= high else 0.0 for u in token])
    sequence = {
        "none": 1.0,
        "sequence_tis": min(whole, high),
        "sequence_mis": whole if low <= whole <= high else 0.0,
        "geometric": float(low <= whole ** (1 / len(old)) <= high),
    }[correction]
    return np.full(len(old), sequence)


def kl(new: Row, old: Row, ref: Row, estimator: str, level: str) -> Row:
    """KL penalty of the tokens of one completion."""
    ref_ratio = np.exp(ref - new)
    if level == "sequence":
        ref_ratio = np.full(len(new), np.exp((ref - new).sum()))
    k3 = ref_ratio - np.log(ref_ratio) - 1
    return {
        "k1": -np.log(ref_ratio),
        "k2": np.log(ref_ratio) ** 2 / 2,
        "k3": k3,
        "k3_unbiased": ratios(new, old, level) * k3,
    }[estimator]


def token_losses(
    s: dict[str, Any], new: Row, old: Row, sampling: Row, ref: Row, advantage: float, frozen: Row
) -> Row:
    """Loss of every token; ``frozen`` is what a stop-gradient holds fixed (the unperturbed new)."""
    ratio = ratios(new, old, s["ratio_level"])
    out = np.zeros(len(new))
    for t in range(len(new)):
        if "cispo_cap" in s:
            held = ratios(frozen, old, s["ratio_level"])[t]
            out[t] = -min(held, s["cispo_cap"]) * advantage * new[t]
            continue
        clipped = min(max(ratio[t], 1 - s["clip_low"]), 1 + s["clip_high"])
        out[t] = -min(ratio[t] * advantage, clipped * advantage)
        if s["dual_clip"] is not None and advantage < 0:
            out[t] = min(out[t], -s["dual_clip"] * advantage)
    out *= weights(old, sampling, s["correction"], s["correction_low"], s["correction_high"])
    threshold = s["off_policy_threshold"]
    if threshold is not None and advantage < 0 and (old - frozen).mean() > threshold:
        out *= 0.0
    if s["kl_coef"]:
        out += s["kl_coef"] * kl(new, old, ref, s["kl_estimator"], s["ratio_level"])
    return out


def loss(
    s: dict[str, Any],
    new: Sequence[Row],
    old: Sequence[Row],
    sampling: Sequence[Row],
    ref: Sequence[Row],
    advantage: Sequence[float],
    frozen: Sequence[Row] | None = None,
) -> float:
    """Loss of a whole update."""
    held = new if frozen is None else frozen
    per_row = [
        token_losses(s, *row) for row in zip(new, old, sampling, ref, advantage, held, strict=True)
    ]
    if s["reduction"] == "sequence":
        return float(np.mean([row.mean() for row in per_row]))
    total = sum(row.sum() for row in per_row)
    if s["reduction"] == "token":
        return float(total / sum(len(row) for row in per_row))
    return float(total / (len(per_row) * s["max_tokens"]))


def gradient(function: Callable[[list[Row]], float], at: Sequence[Row]) -> list[Row]:
    """Central differences of ``function`` in every entry of ``at``."""
    step = 1e-6
    out = [np.zeros(len(row)) for row in at]
    for i, row in enumerate(at):
        for t in range(len(row)):
            moved = [r.copy() for r in at]
            moved[i][t] = row[t] + step
            above = function(moved)
            moved[i][t] = row[t] - step
            out[i][t] = (above - function(moved)) / (2 * step)
    return out
