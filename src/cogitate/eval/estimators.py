"""Estimates of accuracy from samples, each with its interval. Pure functions of counts.

The unit of independence is the *problem*: several samples of one problem say little more about the
other problems, so intervals resample problems, never samples.
"""

import math
from collections.abc import Sequence

from cogitate.insight.difficulty import pass_at_k
from cogitate.insight.resampling import mean_interval

__all__ = [
    "bootstrap_interval",
    "cons_at_k",
    "pass_at_k",
    "wilson_interval",
]

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def cons_at_k(
    answers: Sequence[str | None], correct: Sequence[bool], *, k: int | None = None
) -> float:
    """Whether the most frequent answer among the first k samples is correct, as a fraction.

    A sample without an answer does not vote; without any vote the result is 0. A tie is broken at
    random, and what is returned is its expectation: correct winners / winners. DeepSeek-R1 does not
    say how it breaks ties.

    >>> cons_at_k(["7", "9", "9", None], [False, True, True, False])
    1.0
    >>> cons_at_k(["7", "9"], [False, True])
    0.5
    """
    votes: dict[str, int] = {}
    right: dict[str, bool] = {}
    for answer, is_right in zip(answers[:k], correct[:k], strict=True):
        if answer is not None:
            votes[answer] = votes.get(answer, 0) + 1
            right.setdefault(answer, is_right)
    if not votes:
        return 0.0
    most = max(votes.values())
    winners = [answer for answer, count in votes.items() if count == most]
    return sum(right[answer] for answer in winners) / len(winners)


def wilson_interval(correct: float, total: int) -> tuple[float, float]:
    """95 % interval of a proportion from independent trials.

    (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)

    Source: Wilson (1927). Unlike the normal approximation it stays inside [0, 1] and is not empty
    at 0 of n. No trial gives (0, 1).

    >>> low, high = wilson_interval(24, 30)
    >>> round(low, 6), round(high, 6)
    (0.626943, 0.904949)
    """
    if total == 0:
        return 0.0, 1.0
    p, z2 = correct / total, Z95 * Z95
    centre = p + z2 / (2 * total)
    half = Z95 * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    scale = 1 + z2 / total
    low, high = (centre - half) / scale, (centre + half) / scale
    # Rounding leaves 1e-17 where the exact bound is p itself.
    return (0.0 if correct <= 0 else low), (1.0 if correct >= total else high)


def bootstrap_interval(
    values: Sequence[float], *, seed: int = 0, resamples: int = 10_000
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of one value in [0, 1] per problem.

    Problems are drawn with replacement by a counter-based generator keyed by ``seed``, so the
    interval is the same on every machine. Equal values show no spread to resample: the interval is
    then Wilson's for the problems, not a false point.
    """
    if not values or max(values) == min(values):
        return wilson_interval(sum(values), len(values))
    return mean_interval(values, seed=seed, resamples=resamples)
