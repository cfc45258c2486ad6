"""Cognitive behaviours in number-search traces (more cases by hand in tests/golden)."""

from fractions import Fraction

import pytest

from cogitate.insight.behaviours import BehaviourCounts, behaviour_rates, count_behaviours


def counts(text: str, numbers: list[int], target: int) -> BehaviourCounts:
    return count_behaviours(text, numbers, target)


@pytest.mark.parametrize(
    "comment",
    ["!= 24", "≠ 24", "is not 24", "too high", "too small", "works", "matches", "✓", "< 24",
     "vs 24", "= target", "no", "isn't it", "reaches the target"],
)  # fmt: skip
def test_verdicts_after_a_step(comment: str) -> None:
    assert counts(f"3 * 4 = 12 {comment}", [3, 4], 24).verification == 1


@pytest.mark.parametrize("comment", ["", "and then", "so far", "< 240", "note this", "is 2.4"])
def test_other_remarks_are_no_verdict(comment: str) -> None:
    assert counts(f"3 * 4 = 12 {comment}", [3, 4], 24).verification == 0


def test_a_verdict_on_the_next_line_or_far_away_does_not_count() -> None:
    assert counts("3 * 4 = 12\nworks", [3, 4], 12).verification == 0
    assert counts("3 * 4 = 12" + " and" * 30 + " works", [3, 4], 12).verification == 0


def test_continuing_with_the_result_is_not_backtracking() -> None:
    assert counts("3 + 4 = 7, 7 * 2 = 14", [3, 4, 2], 14).backtracking == 0


def test_a_number_used_twice_may_be_given_twice() -> None:
    text = "3 + 3 = 6, 3 * 3 = 9"
    assert counts(text, [3, 3, 5], 9).backtracking == 1
    assert counts(text, [3, 3, 3, 3], 9).backtracking == 0


def test_each_restart_counts() -> None:
    text = "2 + 5 = 7. 2 * 5 = 10. 5 - 2 = 3"
    assert counts(text, [2, 5], 9).backtracking == 2


def test_numbers_from_nowhere_are_no_restart() -> None:
    assert counts("3 + 4 = 7, 3 + 50 = 53", [3, 4], 53).backtracking == 0


@pytest.mark.parametrize(
    ("text", "subgoals"),
    [
        ("I need 12 first", 1),
        ("if I can make 8", 1),
        ("we want to get 6", 1),
        ("goal: 24", 0),
        ("try to think", 0),
        ("need 12, then need 2", 2),
    ],
)
def test_subgoals(text: str, subgoals: int) -> None:
    assert counts(text, [3, 4], 24).subgoal == subgoals


def test_backward_only_before_the_target_is_reached() -> None:
    assert counts("24 / 6 = 4", [6, 4], 24).backward == 1
    assert counts("6 * 4 = 24, 24 / 6 = 4", [6, 4], 24).backward == 0
    assert counts("24 - 4 = 20", [24, 4], 24).backward == 0  # 24 is one of the numbers


def test_targets_may_be_fractions() -> None:
    found = count_behaviours("1 / 2 = 0.5 < 5/2", [1, 2], Fraction(5, 2))
    assert found.verification == 1
    assert found.step_accuracy == 1.0


def test_step_accuracy_is_pooled_and_may_be_missing() -> None:
    traces = [counts("1 + 1 = 2, 1 + 2 = 4", [1, 2], 4), counts("", [1], 1)]
    assert traces[0].step_accuracy == 0.5
    assert traces[1].step_accuracy is None
    assert behaviour_rates(traces).step_accuracy == 0.5
    assert behaviour_rates(traces[1:]).step_accuracy is None


def test_rates_are_shares_of_traces() -> None:
    rates = behaviour_rates(
        [
            counts("1 + 2 = 3 works. 2 + 1 = 3 works", [1, 2], 3),
            counts("need 5", [1, 2], 3),
            counts("", [1, 2], 3),
            counts("3 - 1 = 2", [1, 2], 3),
        ]
    )
    assert rates.num_traces == 4
    assert rates.verification == 0.25
    assert rates.backtracking == 0.25
    assert rates.subgoal == 0.25
    assert rates.backward == 0.25
    assert behaviour_rates([]).verification == 0.0


def test_hostile_text_ends_soon() -> None:
    for text in ("need " * 5_000, "need a an the " * 2_000, "1+1=2 not " * 1_000, "(" * 9_000):
        assert counts(text, [1, 2], 3).steps >= 0
