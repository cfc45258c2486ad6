"""Controls against length bias in preferences: judges and people like long answers too much.

balanced   drop pairs until, at every size of the difference, the longer answer wins as often as
           the shorter: over the whole data set length says nothing about who wins
matched    keep pairs of nearly equal length only
offset     leave the data alone, and let a frozen length-only model explain what length explains:
           the reward is trained on the rest

Paper: DeepSeek-R1 (arXiv:2501.12948v2) section 3.1: chosen and rejected have comparable lengths
over the whole data set. How is not published: "balanced" is our reading of it.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

from cogitate.tasks.hashing import hash64

BIN_WIDTH = math.log(1.25)
"""Width of a bin of |log(chosen / rejected)|: differences up to 25 % are one bin."""

_MAX_COEFFICIENT = 20.0


def log_ratio(chosen: int, rejected: int) -> float:
    """log(chosen / rejected) of two lengths in tokens; positive when the longer one won."""
    return math.log(max(chosen, 1) / max(rejected, 1))


def balanced(ratios: Sequence[float], *, seed: int = 0) -> list[int]:
    """Indices that are kept, in order: in each bin as many pairs of either sign.

    Which of a bin's majority stay is decided by a hash of seed and index. Equal lengths stay.

    >>> balanced([0.1, 0.1, 0.1, -0.1, 0.0, 2.0])[-2:]
    [3, 4]
    """
    bins: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    kept = [index for index, ratio in enumerate(ratios) if ratio == 0.0]
    for index, ratio in enumerate(ratios):
        if ratio != 0.0:
            bins[int(abs(ratio) / BIN_WIDTH)][ratio > 0].append(index)
    for sides in bins.values():
        size = min(len(side) for side in sides)
        for side in sides:
            kept += sorted(side, key=lambda index: hash64("balance", seed, index))[:size]
    return sorted(kept)


def matched(ratios: Sequence[float], *, tolerance: float) -> list[int]:
    """Indices of pairs whose longer answer is at most ``tolerance`` (a fraction) longer.

    >>> matched([0.0, math.log(1.1), math.log(0.5)], tolerance=0.2)
    [0, 1]
    """
    limit = math.log1p(tolerance) + 1e-12
    return [index for index, ratio in enumerate(ratios) if abs(ratio) <= limit]


def length_coefficient(ratios: Sequence[float]) -> float:
    """The b that maximises sum(log sigmoid(b * ratio)): how far length alone explains who won.

    A concave problem of one variable, by Newton's method. When the longer answer always wins there
    is no maximum; the result is then at most 20 in size.

    >>> round(length_coefficient([1.0, 1.0, 1.0, -1.0]), 6) == round(math.log(3), 6)
    True
    """
    coefficient = 0.0
    for _ in range(100):
        lose = [1.0 / (1.0 + math.exp(min(coefficient * r, 700.0))) for r in ratios]
        slope = math.fsum(r * p for r, p in zip(ratios, lose, strict=True))
        curvature = math.fsum(r * r * p * (1.0 - p) for r, p in zip(ratios, lose, strict=True))
        if abs(slope) < 1e-12 * max(1, len(ratios)):
            break
        step = slope / curvature if curvature > 0 else math.copysign(_MAX_COEFFICIENT, slope)
        # Newton's step overshoots where the curve is flat.
        coefficient += max(-1.0, min(1.0, step))
        if abs(coefficient) >= _MAX_COEFFICIENT:
            return math.copysign(_MAX_COEFFICIENT, coefficient)
    return coefficient
