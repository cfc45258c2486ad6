"""Statistics of repeated timings: medians, quartiles, and ratios taken pair by pair."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The middle of a few measurements: ``low`` and ``high`` are the quartiles."""

    median: float
    low: float
    high: float
    count: int


def summarize(values: Sequence[float]) -> Summary:
    """Median and quartiles (linear interpolation between order statistics, ends included).

    Timings have outliers on one side only (something else ran), so nothing here is a mean.

    >>> summarize([4.0, 1.0, 2.0, 3.0, 100.0])
    Summary(median=3.0, low=2.0, high=4.0, count=5)
    """
    if not values:
        raise ValueError("no measurements to summarise: expected at least one")
    if len(values) == 1:
        return Summary(median=values[0], low=values[0], high=values[0], count=1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Summary(median=median, low=low, high=high, count=len(values))


def paired_ratios(
    ours: Sequence[float], peer: Sequence[float], *, higher_is_better: bool
) -> list[float]:
    """How many times better ours is in each pair of neighbouring measurements.

    Neighbours share the state of the machine, so a drift that slows both cancels.

    >>> paired_ratios([200.0, 300.0], [100.0, 100.0], higher_is_better=True)
    [2.0, 3.0]
    >>> paired_ratios([2.0], [8.0], higher_is_better=False)
    [4.0]
    """
    if len(ours) != len(peer):
        raise ValueError(f"{len(ours)} measurements of ours, {len(peer)} of the peer: not pairs")
    pairs = zip(ours, peer, strict=True)
    if higher_is_better:
        return [mine / theirs for mine, theirs in pairs]
    return [theirs / mine for mine, theirs in pairs]
