"""pass@k by difficulty: what the policy can do at all, and where training moved it.

A rise of pass@1 with no rise of pass@k for large k means that training made the policy choose
better among what it could already say; only a rise of pass@k is a new ability.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cogitate.insight.resampling import mean_interval

Difficulty = TypeVar("Difficulty", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassAtK:
    """pass@k over problems: the mean in [0, 1] with a 95 % bootstrap interval over problems."""

    k: int
    value: float
    ci95: tuple[float, float]
    num_problems: int


def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """Unbiased probability that at least one of ``k`` samples is right.

    pass@k = 1 - C(n - c, k) / C(n, k) = 1 - prod_{i=n-c+1}^{n} (1 - k / i)

    Paper: Chen et al. (arXiv:2107.03374) eq. 1, in its stable product form. 1.0 if n - c < k.

    >>> pass_at_k(4, 2, 3), round(pass_at_k(10, 3, 5), 6)
    (1.0, 0.916667)
    """
    if not 0 <= num_correct <= num_samples or not 1 <= k <= num_samples:
        raise ValueError(
            f"pass@k of n = {num_samples} samples, c = {num_correct} correct, k = {k}: "
            "expected 0 <= c <= n and 1 <= k <= n. Draw at least k samples per problem."
        )
    if num_samples - num_correct < k:
        return 1.0
    missing = 1.0
    for i in range(num_samples - num_correct + 1, num_samples + 1):
        missing *= 1.0 - k / i
    return 1.0 - missing


def samples_by_problem(
    problem_ids: Sequence[str], correct: Sequence[bool]
) -> dict[str, tuple[int, int]]:
    """``{problem: (samples, correct)}``, in order of first appearance."""
    totals: dict[str, tuple[int, int]] = {}
    for problem, right in zip(problem_ids, correct, strict=True):
        samples, hits = totals.get(problem, (0, 0))
        totals[problem] = (samples + 1, hits + bool(right))
    return totals


def pass_at_k_by_difficulty(
    problem_ids: Sequence[str],
    correct: Sequence[bool],
    difficulty: Mapping[str, Difficulty],
    ks: Sequence[int],
    *,
    seed: int = 0,
    resamples: int = 1_000,
) -> dict[Difficulty, tuple[PassAtK, ...]]:
    """pass@k for each difficulty and each ``k`` its problems have samples for.

    ``difficulty`` maps problem ids; problems it does not know are left out.

    >>> ids, right = ["a", "a", "b", "b"], [True, False, False, False]
    >>> found = pass_at_k_by_difficulty(ids, right, {"a": 1, "b": 2}, ks=[1, 2])
    >>> [(level, [p.value for p in rows]) for level, rows in found.items()]
    [(1, [0.5, 1.0]), (2, [0.0, 0.0])]
    """
    levels: dict[Difficulty, list[tuple[int, int]]] = {}
    for problem, counts in samples_by_problem(problem_ids, correct).items():
        if problem in difficulty:
            levels.setdefault(difficulty[problem], []).append(counts)
    results: dict[Difficulty, tuple[PassAtK, ...]] = {}
    for level, problems in levels.items():
        rows: list[PassAtK] = []
        for k in ks:
            values = [pass_at_k(n, c, k) for n, c in problems if n >= k]
            if values:
                interval = mean_interval(values, seed=seed, resamples=resamples)
                mean = sum(values) / len(values)
                rows.append(PassAtK(k=k, value=mean, ci95=interval, num_problems=len(values)))
        results[level] = tuple(rows)
    return results
