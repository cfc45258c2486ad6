"""When a per-step count changes level: the test behind "the aha moment".

DeepSeek-R1 (arXiv:2501.12948v2) section 2.3 describes "a sudden increase in the use of the word
'wait' during reflections". Here that is a question with an answer: where the best single split of
the series lies, how often chance gives one as large, and whether a smooth trend does as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogitate.insight.resampling import permutations

TIE = 1e-9
"""Log-likelihood ratios closer than this, in nats, are equal: rounding must not decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """The best single split of a series of counts.

    index        first entry of the second part
    rate_before  count / exposure of the first part; rate_after likewise
    ratio        rate_after / rate_before; None when rate_before is 0
    llr          log-likelihood ratio of two Poisson rates against one, nats
    trend_llr    the same for a smooth exponential trend; larger than ``llr`` means "gradual"
    p_value      share of permuted series with an ``llr`` as large, in (0, 1]
    """

    index: int
    rate_before: float
    rate_after: float
    ratio: float | None
    llr: float
    trend_llr: float
    p_value: float

    @property
    def is_gradual(self) -> bool:
        """A smooth trend explains the series at least as well as a jump."""
        return self.trend_llr >= self.llr


def _log_likelihood(counts: NDArray[np.float64], exposure: NDArray[np.float64]) -> NDArray:
    """Maximised Poisson log-likelihood up to terms that do not depend on the rate: C log(C/E)."""
    rate = np.divide(counts, exposure, out=np.ones_like(counts), where=counts > 0)
    return counts * np.log(rate)


def _split_llrs(
    counts: NDArray[np.float64], exposure: NDArray[np.float64], min_segment: int
) -> NDArray[np.float64]:
    """(R, T) series to (R, splits) log-likelihood ratios; split k cuts before entry k."""
    sums, weights = counts.cumsum(axis=-1), exposure.cumsum(axis=-1)
    total, weight = sums[..., -1:], weights[..., -1:]
    keep = slice(min_segment - 1, counts.shape[-1] - min_segment)
    left, left_weight = sums[..., keep], weights[..., keep]
    return (
        _log_likelihood(left, left_weight)
        + _log_likelihood(total - left, weight - left_weight)
        - _log_likelihood(total, weight)
    )


def _trend_llr(counts: NDArray[np.float64], exposure: NDArray[np.float64]) -> float:
    """Log-likelihood ratio of rate = exp(a + b t) against a constant rate, by Newton's method.

    a is eliminated: for given b, exp(a) = C / sum(E exp(b t)).
    """
    time = np.linspace(-0.5, 0.5, len(counts))
    total, slope = counts.sum(), 0.0

    def value(b: float) -> float:
        return float(
            (counts * time).sum() * b - total * np.log((exposure * np.exp(b * time)).sum())
        )

    for _ in range(50):
        weights = exposure * np.exp(slope * time)
        weights /= weights.sum()
        mean = (weights * time).sum()
        gradient = (counts * time).sum() - total * mean
        curvature = total * ((weights * time**2).sum() - mean**2)
        if curvature <= 0 or abs(slope) > 40:
            break
        step = float(np.clip(gradient / curvature, -2.0, 2.0))
        slope += step
        if abs(step) < 1e-9:
            break
    return max(0.0, value(slope) - value(0.0))


def change_point(
    counts: Sequence[int],
    exposure: Sequence[float] | None = None,
    *,
    permutations_number: int = 1_000,
    min_segment: int = 2,
    seed: int = 0,
) -> ChangePoint | None:
    """The step at which the rate of ``counts`` changes most, and how surprising that is.

    LLR(k) = C1 log(C1/E1) + C2 log(C2/E2) - C log(C/E),  maximised over k

    ``counts`` are occurrences per step and ``exposure`` the tokens (or completions) they were
    counted in, 1 each by default. p = (1 + #{permuted max LLR >= observed}) / (1 + permutations):
    whole steps are permuted, so overdispersion between steps is allowed for. The permutation null
    is "no change at all": a slow trend is also significant, which is why ``trend_llr`` stands
    beside it. Returns None when a split is impossible (fewer than 2 * min_segment steps with
    exposure) or nothing was counted.

    >>> change_point([0, 1, 0, 1, 0, 1, 9, 8, 9, 8, 9, 8]).index
    6
    """
    weights = np.ones(len(counts)) if exposure is None else np.asarray(exposure, dtype=np.float64)
    series = np.asarray(counts, dtype=np.float64)
    usable = np.flatnonzero(weights > 0)
    series, weights = series[usable], weights[usable]
    if len(series) < 2 * min_segment or series.sum() == 0:
        return None
    llrs = _split_llrs(series, weights, min_segment)
    best = int(np.flatnonzero(llrs >= llrs.max() - TIE)[0])
    split = best + min_segment
    exceeding, done = 0, 0
    orders = permutations(seed, permutations_number, len(series))
    block = max(1, 2_000_000 // len(series))
    for start in range(0, permutations_number, block):
        order = orders[start : start + block]
        shuffled = _split_llrs(series[order], weights[order], min_segment).max(axis=1)
        exceeding += int((shuffled >= llrs[best] - TIE).sum())
        done += len(order)
    before = float(series[:split].sum() / weights[:split].sum())
    after = float(series[split:].sum() / weights[split:].sum())
    return ChangePoint(
        index=int(usable[split]),
        rate_before=before,
        rate_after=after,
        ratio=after / before if before else None,
        llr=float(llrs[best]),
        trend_llr=_trend_llr(series, weights),
        p_value=(1 + exceeding) / (1 + done),
    )


def describe_change_point(
    point: ChangePoint | None, steps: Sequence[int], word: str, *, significance: float = 0.05
) -> str:
    """One honest sentence about ``point``; ``steps`` are the step numbers of the series."""
    if point is None:
        return f'No change point for "{word}": it never occurred, or there were too few steps.'
    if point.p_value > significance:
        return (
            f'No change point found for "{word}": the best split is no larger than chance '
            f"would give ({_shown_p(point.p_value)})."
        )
    direction = "rose" if point.rate_after > point.rate_before else "fell"
    times = f", a factor of {point.ratio:.2g}" if point.ratio else ""
    shape = (
        "A smooth trend describes the series just as well, so this is gradual, not sudden."
        if point.is_gradual
        else "A jump describes the series better than a smooth trend."
    )
    return (
        f'"{word}" {direction} at step {steps[point.index]}: {1000 * point.rate_before:.2f} to '
        f"{1000 * point.rate_after:.2f} per 1,000 tokens{times} ({_shown_p(point.p_value)}, "
        f"permutation test). {shape}"
    )


def _shown_p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
