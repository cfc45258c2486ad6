"""Paired comparison of two sets of held-out results on the same problems.

Pairing removes the noise that both sides share (which problems were drawn), so a paired interval is
usually much narrower than the two intervals side by side suggest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cogitate.eval.estimators import wilson_interval
from cogitate.insight.resampling import mean_interval
from cogitate.report.load import ALL, RolloutRow

Scores = Mapping[str, float]
"""``{problem id: fraction of its samples that are right}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """``b - a`` over the problems both have.

    difference  mean over problems, in [-1, 1]; ci95 by bootstrap over problems
    wins        problems where b is higher; losses where it is lower
    mcnemar_p   exact two-sided p-value; None unless every score is 0 or 1
    """

    num_problems: int
    a: float
    b: float
    difference: float
    ci95: tuple[float, float]
    wins: int
    losses: int
    mcnemar_p: float | None


def problem_scores(rows: Sequence[RolloutRow], *, mode: str, task: str = ALL) -> dict[str, float]:
    """The fraction of right samples of each problem; completions the verifier failed on are left
    out, as in the held-out accuracy."""
    totals: dict[str, list[bool]] = {}
    for row in rows:
        if row.mode == mode and row.correct is not None and task in (ALL, row.task):
            totals.setdefault(row.problem_id, []).append(row.correct)
    return {name: sum(flags) / len(flags) for name, flags in totals.items()}


def mcnemar_exact(wins: int, losses: int) -> float:
    """Two-sided exact McNemar p-value: the sign test on the problems that changed.

    p = min(1, 2 * sum_{i=0}^{min(w,l)} C(w + l, i) / 2^(w + l)); 1.0 when nothing changed

    Source: McNemar (1947), exact binomial form.

    >>> mcnemar_exact(5, 0), mcnemar_exact(0, 0)
    (0.0625, 1.0)
    """
    changed = wins + losses
    term = tail = 1
    for i in range(min(wins, losses)):
        term = term * (changed - i) // (i + 1)  # exact: C(n, i + 1) from C(n, i)
        tail += term
    return min(1.0, float(Fraction(2 * tail, 2**changed)))


def _interval(differences: Sequence[float], mean: float, seed: int) -> tuple[float, float]:
    """Bootstrap over problems. Equal differences leave nothing to resample, which is not certainty:
    the interval then reaches as far as Wilson's does for 0 of n."""
    if max(differences) > min(differences):
        return mean_interval(differences, seed=seed)
    reach = wilson_interval(0, len(differences))[1]
    return max(-1.0, mean - reach), min(1.0, mean + reach)


def paired_difference(a: Scores, b: Scores, *, seed: int = 0) -> PairedDifference | None:
    """``b`` minus ``a`` on their common problems; None when they have none.

    >>> result = paired_difference({"p": 0.0, "q": 1.0, "r": 0.0}, {"p": 1.0, "q": 1.0, "r": 1.0})
    >>> round(result.difference, 3), result.wins, result.losses, result.mcnemar_p
    (0.667, 2, 0, 0.5)
    """
    common = sorted(set(a) & set(b))
    if not common:
        return None
    differences = [b[name] - a[name] for name in common]
    mean = sum(differences) / len(common)
    wins = sum(change > 0 for change in differences)
    losses = sum(change < 0 for change in differences)
    binary = all(scores[name] in (0.0, 1.0) for scores in (a, b) for name in common)
    return PairedDifference(
        num_problems=len(common),
        a=sum(a[name] for name in common) / len(common),
        b=sum(b[name] for name in common) / len(common),
        difference=mean,
        ci95=_interval(differences, mean, seed),
        wins=wins,
        losses=losses,
        mcnemar_p=mcnemar_exact(wins, losses) if binary else None,
    )
