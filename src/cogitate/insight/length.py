"""Completion length: how long, for right and wrong answers, by difficulty, and its trend.

Longer is not better by itself: a loss that averages per completion rewards long wrong answers
(Dr. GRPO, arXiv:2503.20783), so length is always shown by correctness too.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cogitate.insight.resampling import statistic_interval

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthStats:
    """Lengths of a set of completions, in tokens; ``truncated_fraction`` is in [0, 1]."""

    number: int
    mean: float
    median: float
    p95: float
    truncated_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A linear trend: ``per_100_steps`` in units of the value, with a 95 % interval."""

    per_100_steps: float
    ci95: tuple[float, float]


def length_stats(lengths: Sequence[int], truncated: Sequence[bool] = ()) -> LengthStats | None:
    """Mean, median and 95th percentile of ``lengths``; None when there are none.

    p95 interpolates linearly between order statistics (position 0.95 * (n - 1)).

    >>> stats = length_stats([10, 20, 30, 40], truncated=[False, False, False, True])
    >>> stats.mean, stats.median, round(stats.p95, 6), stats.truncated_fraction
    (25.0, 25.0, 38.5, 0.25)
    """
    if not lengths:
        return None
    median, p95 = np.quantile(np.asarray(lengths, dtype=np.float64), (0.5, 0.95))
    return LengthStats(
        number=len(lengths),
        mean=sum(lengths) / len(lengths),
        median=float(median),
        p95=float(p95),
        truncated_fraction=sum(truncated) / len(lengths),
    )


def length_by(
    keys: Sequence[Key], lengths: Sequence[int], truncated: Sequence[bool] = ()
) -> dict[Key, LengthStats]:
    """Length statistics for each value of ``keys`` (correct or not, difficulty, task), in order
    of first appearance.

    >>> length_by([True, False, True], [4, 9, 6])[True].mean
    5.0
    """
    flags = truncated or [False] * len(lengths)
    members: dict[Key, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    stats: dict[Key, LengthStats] = {}
    for key, rows in members.items():
        found = length_stats([lengths[i] for i in rows], [flags[i] for i in rows])
        if found is not None:
            stats[key] = found
    return stats


def tokens_before(token_texts: Sequence[str], character: int) -> int:
    """How many tokens start before character ``character`` of the joined text.

    Splits a completion's tokens between thinking and answer without tokenizing twice: pass the
    position where the answer begins.

    >>> tokens_before(["<think>", "2+2", "</think>", " 4"], len("<think>2+2</think>"))
    3
    """
    position = 0
    for index, text in enumerate(token_texts):
        if position >= character:
            return index
        position += len(text)
    return len(token_texts)


def _row_slopes(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares slopes of (R, n, 2) samples of (step, value); NaN where all steps are equal."""
    steps = sample[:, :, 0] - sample[:, :, 0].mean(axis=1, keepdims=True)
    values = sample[:, :, 1] - sample[:, :, 1].mean(axis=1, keepdims=True)
    spread = (steps**2).sum(axis=1)
    defined = spread > 0
    slopes = (steps * values).sum(axis=1) / np.where(defined, spread, 1.0)
    return np.where(defined, slopes, np.nan)


def slope_per_100_steps(
    steps: Sequence[float], values: Sequence[float], *, seed: int = 0, resamples: int = 1_000
) -> Slope | None:
    """Least-squares trend of a per-step series; None with fewer than 3 points or one step.

    slope = 100 * sum((s - mean s) (v - mean v)) / sum((s - mean s)^2)

    The 95 % interval resamples (step, value) pairs (ours). Neighbouring steps share weights and are
    not independent, so it understates the uncertainty of one run, and other seeds add more.

    >>> slope_per_100_steps([0, 1, 2, 3], [5.0, 5.5, 6.0, 6.5]).per_100_steps
    50.0
    """
    pairs = np.column_stack([steps, values]).astype(np.float64)
    if len(pairs) < 3 or np.ptp(pairs[:, 0]) == 0:
        return None
    low, high = statistic_interval(pairs, _row_slopes, seed=seed, resamples=resamples)
    return Slope(
        per_100_steps=100.0 * float(_row_slopes(pairs[None])[0]), ci95=(100.0 * low, 100.0 * high)
    )


def length_gap(stats: Mapping[bool, LengthStats]) -> float | None:
    """Mean length of wrong minus right answers, in tokens; None unless both occur.

    >>> length_gap(length_by([True, False], [10, 25]))
    15.0
    """
    if True not in stats or False not in stats:
        return None
    return stats[False].mean - stats[True].mean
