"""Paired comparison against enumeration and hand counts."""

from itertools import product

import pytest

from cogitate.report.load import RolloutRow, rollout_row
from cogitate.report.paired import mcnemar_exact, paired_difference, problem_scores


def make(problem: str, right: bool | None, mode: str = "greedy", task: str = "t") -> RolloutRow:
    found = rollout_row(
        {
            "step": 1,
            "problem_id": problem,
            "task": task,
            "mode": mode,
            "parts": {"accuracy": float(bool(right))},
            "error": "timeout" if right is None else None,
        }
    )
    assert found is not None
    return found


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (3, 0), (0, 3), (4, 2), (3, 3), (1, 6)])
def test_mcnemar_is_the_enumerated_sign_test(wins: int, losses: int) -> None:
    n, extreme = wins + losses, min(wins, losses)
    outcomes = list(product((0, 1), repeat=n))
    two_sided = sum(sum(flips) <= extreme or n - sum(flips) <= extreme for flips in outcomes)
    assert mcnemar_exact(wins, losses) == pytest.approx(two_sided / len(outcomes))


def test_mcnemar_of_many_problems_does_not_overflow() -> None:
    assert mcnemar_exact(5000, 0) == 0.0
    assert mcnemar_exact(5000, 5000) == 1.0


def test_scores_are_means_over_verified_samples() -> None:
    rows = [make("p", True), make("p", False), make("p", None), make("q", None), make("r", True)]
    assert problem_scores(rows, mode="greedy") == {"p": 0.5, "r": 1.0}
    assert problem_scores(rows, mode="sampled") == {}


def test_scores_of_one_task() -> None:
    rows = [make("p", True, task="a"), make("q", False, task="b")]
    assert problem_scores(rows, mode="greedy", task="b") == {"q": 0.0}
    assert set(problem_scores(rows, mode="greedy")) == {"p", "q"}


def test_only_common_problems_are_compared() -> None:
    result = paired_difference({"a": 1.0, "b": 0.0, "x": 0.0}, {"a": 1.0, "b": 1.0, "y": 0.0})
    assert result is not None
    assert result.num_problems == 2
    assert (result.a, result.b, result.difference) == (0.5, 1.0, 0.5)
    assert (result.wins, result.losses) == (1, 0)


def test_pairing_is_narrower_than_two_intervals() -> None:
    a = {str(i): float(i % 2) for i in range(100)}
    b = {**a, **{str(i): 1.0 for i in range(0, 20, 2)}}  # 10 wins, nothing else changes
    result = paired_difference(a, b)
    assert result is not None
    low, high = result.ci95
    assert result.difference == pytest.approx(0.1)
    assert (low, high) == pytest.approx((0.04, 0.16), abs=0.015)  # 0.1 +- 1.96 * 0.3 / 10
    assert result.mcnemar_p == pytest.approx(2 / 2**10)


def test_fractional_scores_have_no_mcnemar_test() -> None:
    result = paired_difference({"a": 0.25, "b": 1.0}, {"a": 0.5, "b": 1.0})
    assert result is not None
    assert result.mcnemar_p is None
    assert result.wins == 1


def test_equal_differences_are_not_certainty() -> None:
    same = {str(i): 1.0 for i in range(40)}
    result = paired_difference(same, same)
    assert result is not None
    assert result.ci95 == pytest.approx((-0.0876, 0.0876), abs=1e-4)  # Wilson, 0 of 40
    every = paired_difference({"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 1.0})
    assert every is not None
    assert every.ci95[0] < 0.5
    assert every.ci95[1] == 1.0


def test_nothing_in_common() -> None:
    assert paired_difference({"a": 1.0}, {"b": 1.0}) is None
