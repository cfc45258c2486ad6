"""Bootstrap intervals and permutations from a counter-based generator.

Only the raw 64-bit output of Philox is used, which NumPy guarantees never to change, so an
interval or a p-value is the same number on every machine and every NumPy version.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray


def raw_draws(seed: int, shape: tuple[int, int]) -> NDArray[np.uint64]:
    """64-bit draws of Philox under key ``seed`` and counter 0, row by row."""
    return np.random.Philox(key=seed).random_raw(shape[0] * shape[1]).reshape(shape)


def resample_indices(seed: int, resamples: int, size: int) -> NDArray[np.int64]:
    """``resamples`` rows of ``size`` indices drawn with replacement from range(size).

    draw mod size; the modulo bias is below size / 2^64.
    """
    return (raw_draws(seed, (resamples, size)) % np.uint64(size)).astype(np.int64)


def permutations(seed: int, number: int, size: int) -> NDArray[np.int64]:
    """``number`` rows, each a uniform permutation of range(size): the order of random keys."""
    return np.argsort(raw_draws(seed, (number, size)), axis=1, kind="stable")


def percentile_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of bootstrap ``values``, linearly interpolated."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def mean_interval(
    values: Sequence[float], *, seed: int = 0, resamples: int = 10_000
) -> tuple[float, float]:
    """95 % bootstrap interval of the mean; the values are the independent units (problems).

    One value (or equal values) gives a point: the data show no spread to resample.

    >>> mean_interval([0.5, 0.5, 0.5])
    (0.5, 0.5)
    """
    return statistic_interval(
        np.asarray(values, dtype=np.float64),
        lambda sample: sample.mean(axis=1),
        seed=seed,
        resamples=resamples,
    )


def statistic_interval(
    values: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    seed: int,
    resamples: int,
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a row-wise ``statistic`` of ``values`` (n, ...).

    Resamples go through in blocks, so memory stays bounded for large n. Rows on which the
    statistic is undefined (NaN) are left out; if all are, the interval is (nan, nan).
    """
    size = len(values)
    if size == 0:
        return float("nan"), float("nan")
    indices = resample_indices(seed, resamples, size)
    block = max(1, 2_000_000 // size)
    results = np.concatenate(
        [statistic(values[indices[i : i + block]]) for i in range(0, resamples, block)]
    )
    results = results[~np.isnan(results)]
    return percentile_interval(results) if len(results) else (float("nan"), float("nan"))
