"""How good scores are: accuracy, calibration, and how much they are about length. Pure.

Every share comes with Wilson's 95 % interval. A tie counts half.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cogitate.eval.estimators import Z95, wilson_interval
from cogitate.reward_models.lengths import log_ratio

BINS = 10
SAME_LENGTH = math.log(1.1)
"""Lengths that differ by at most 10 % count as equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of ``total`` with its 95 % interval; None when there is nothing to count."""

    value: float | None
    ci95: tuple[float, float]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A correlation coefficient of ``total`` values with its 95 % interval (Fisher's z)."""

    value: float | None
    ci95: tuple[float, float]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Predictions in [low, high): how many, how sure they were, how often they came true."""

    low: float
    high: float
    total: int
    predicted: float
    observed: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """``ece`` is the mean of |observed - predicted| over the bins, weighted by their size.

    Paper: Guo et al. (arXiv:1706.04599) eq. 3.
    """

    ece: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPair:
    """Scores and lengths (tokens) of a pair."""

    chosen: float
    rejected: float
    chosen_length: int
    rejected_length: int

    @property
    def gap(self) -> float:
        """Score of the chosen minus that of the rejected completion."""
        return self.chosen - self.rejected

    @property
    def length_gap(self) -> float:
        """log(chosen length / rejected length)."""
        return log_ratio(self.chosen_length, self.rejected_length)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """What a pairwise reward model does on pairs that it has not seen.

    matched       accuracy where the lengths differ by at most 10 %
    adversarial   accuracy where the chosen completion is shorter
    aligned       accuracy where it is longer
    prefers_longer, longer_chosen   of pairs that differ in length: the model's and the data's share
    score_length  correlation of scores with log length, over all completions
    gap_length    correlation of score gaps with length gaps, about 0 (pairs have no order)
    """

    pairs: int
    accuracy: Share
    log_loss: float
    calibration: Calibration
    matched: Share
    adversarial: Share
    aligned: Share
    prefers_longer: Share
    longer_chosen: Share
    score_length: Correlation
    gap_length: Correlation


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredLabel:
    """Score and length (tokens) of a labelled completion."""

    score: float
    safe: bool
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyFigures:
    """What a safety model does on completions that it has not seen. ``caught`` is the share of
    unsafe completions that it calls unsafe, ``cleared`` that of safe ones it calls safe."""

    completions: int
    safe: Share
    accuracy: Share
    caught: Share
    cleared: Share
    auc: Correlation
    log_loss: float
    calibration: Calibration
    score_length: Correlation


def pair_figures(pairs: Sequence[ScoredPair]) -> PairFigures:
    """All figures of scored pairs."""
    wins = [_win(pair.gap) for pair in pairs]
    sizes = [pair.length_gap for pair in pairs]
    same = [win for win, size in zip(wins, sizes, strict=True) if abs(size) <= SAME_LENGTH]
    shorter = [win for win, size in zip(wins, sizes, strict=True) if size < -SAME_LENGTH]
    longer = [win for win, size in zip(wins, sizes, strict=True) if size > SAME_LENGTH]
    scores = [score for pair in pairs for score in (pair.chosen, pair.rejected)]
    lengths = [n for pair in pairs for n in (pair.chosen_length, pair.rejected_length)]
    return PairFigures(
        pairs=len(pairs),
        accuracy=share(wins),
        log_loss=_mean([softplus(-pair.gap) for pair in pairs]),
        # A pair has no order, so the surer side is the prediction: it lies in [1/2, 1].
        calibration=calibration([sigmoid(abs(pair.gap)) for pair in pairs], wins, low=0.5),
        matched=share(same),
        adversarial=share(shorter),
        aligned=share(longer),
        prefers_longer=share([*longer, *(1.0 - win for win in shorter)]),
        longer_chosen=share([1.0] * len(longer) + [0.0] * len(shorter)),
        score_length=correlation(scores, [math.log(max(1, n)) for n in lengths]),
        gap_length=correlation([pair.gap for pair in pairs], sizes, centred=False),
    )


def safety_figures(rows: Sequence[ScoredLabel]) -> SafetyFigures:
    """All figures of scored and labelled completions."""
    calls = [_win(row.score) if row.safe else 1.0 - _win(row.score) for row in rows]
    return SafetyFigures(
        completions=len(rows),
        safe=share([float(row.safe) for row in rows]),
        accuracy=share(calls),
        caught=share([call for call, row in zip(calls, rows, strict=True) if not row.safe]),
        cleared=share([call for call, row in zip(calls, rows, strict=True) if row.safe]),
        auc=area_under_curve(
            [row.score for row in rows if row.safe], [row.score for row in rows if not row.safe]
        ),
        log_loss=_mean([softplus(-row.score if row.safe else row.score) for row in rows]),
        calibration=calibration(
            [sigmoid(row.score) for row in rows], [float(row.safe) for row in rows]
        ),
        score_length=correlation(
            [row.score for row in rows], [math.log(max(1, row.length)) for row in rows]
        ),
    )


# -------------------------------------------------------------------------------- estimators


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    z = math.exp(x)
    return z / (1.0 + z)


def softplus(x: float) -> float:
    """log(1 + exp(x)) without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def share(values: Sequence[float]) -> Share:
    """Mean of values in [0, 1] with Wilson's interval.

    >>> share([1.0, 0.5, 0.0, 1.0]).value
    0.625
    """
    total = math.fsum(values)
    value = total / len(values) if values else None
    return Share(value=value, ci95=wilson_interval(total, len(values)), total=len(values))


def calibration(
    predicted: Sequence[float], observed: Sequence[float], *, low: float = 0.0
) -> Calibration:
    """Predictions in [low, 1], sorted into equal bins, beside what was observed.

    >>> calibration([0.9, 0.9], [1.0, 0.0]).ece
    0.4
    """
    width = (1.0 - low) / BINS
    places = [min(BINS - 1, int((p - low) / width + 1e-9)) for p in predicted]
    bins: list[ReliabilityBin] = []
    ece = 0.0
    for number in range(BINS):
        inside = [i for i, place in enumerate(places) if place == number]
        if not inside:
            continue
        mean = _mean([predicted[i] for i in inside])
        seen = share([observed[i] for i in inside])
        ece += len(inside) / len(predicted) * abs((seen.value or 0.0) - mean)
        start = low + number * width
        bins.append(
            ReliabilityBin(
                low=round(start, 6), high=round(start + width, 6), total=len(inside),
                predicted=mean, observed=seen,
            )
        )  # fmt: skip
    return Calibration(ece=ece, bins=tuple(bins))


def correlation(
    left: Sequence[float], right: Sequence[float], *, centred: bool = True
) -> Correlation:
    """Pearson's coefficient, or with ``centred=False`` that about 0; None without any spread.

    >>> correlation([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).value
    1.0
    """
    n = len(left)
    x = [v - _mean(left) for v in left] if centred else list(left)
    y = [v - _mean(right) for v in right] if centred else list(right)
    spread = math.sqrt(math.fsum(v * v for v in x) * math.fsum(v * v for v in y))
    if spread == 0.0 or n < 2:
        return Correlation(value=None, ci95=(-1.0, 1.0), total=n)
    value = max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(x, y, strict=True)) / spread))
    if n <= 3 or abs(value) == 1.0:
        ci95 = (value, value) if abs(value) == 1.0 else (-1.0, 1.0)
        return Correlation(value=value, ci95=ci95, total=n)
    z, half = math.atanh(value), Z95 / math.sqrt(n - 3)
    return Correlation(value=value, ci95=(math.tanh(z - half), math.tanh(z + half)), total=n)


def area_under_curve(positive: Sequence[float], negative: Sequence[float]) -> Correlation:
    """The probability that a positive one scores above a negative one (a tie counts half).

    By ranks, in n log n. The interval is Hanley and McNeil's (1982).

    >>> area_under_curve([0.3, 0.2], [0.2, 0.1]).value
    0.875
    """
    m, n = len(positive), len(negative)
    if not m or not n:
        return Correlation(value=None, ci95=(0.0, 1.0), total=m + n)
    ranks = _mid_ranks([*positive, *negative])
    value = (math.fsum(ranks[:m]) - m * (m + 1) / 2) / (m * n)
    q1, q2 = value / (2 - value), 2 * value * value / (1 + value)
    variance = (
        value * (1 - value) + (m - 1) * (q1 - value * value) + (n - 1) * (q2 - value * value)
    ) / (m * n)
    half = Z95 * math.sqrt(max(0.0, variance))
    ci95 = (max(0.0, value - half), min(1.0, value + half))
    return Correlation(value=value, ci95=ci95, total=m + n)


def _mid_ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def _win(gap: float) -> float:
    return 0.5 if gap == 0 else float(gap > 0)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
