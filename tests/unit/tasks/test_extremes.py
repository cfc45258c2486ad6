"""Extremes, selection and comparison: lists of numbers."""

import re
from collections import Counter
from fractions import Fraction

import pytest

from cogitate.schema import Message, Problem
from cogitate.tasks.comparison import ComparisonTask
from cogitate.tasks.config import ComparisonConfig, ExtremesConfig, SelectionConfig
from cogitate.tasks.extremes import ExtremesTask
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import different_numbers, number_with_digits, values_key
from cogitate.tasks.selection import SelectionTask, place_of


def made(**metadata: object) -> Problem:
    return Problem(
        id="x", task="t", messages=(Message(role="user", content="?"),), answer="0",
        metadata=metadata,
    )  # fmt: skip


# --- extremes ---------------------------------------------------------------------------------


def test_extremes_asks_plainly_and_knows_the_answer():
    task = ExtremesTask(ExtremesConfig())
    kinds = Counter()
    for index in range(200):
        problem = task.problem("train", index)
        found = re.fullmatch(
            r"What is the (largest|smallest) of these numbers: (\d\d(, \d\d){4})\?",
            problem.question,
        )
        assert found is not None
        values = [int(value) for value in found.group(2).split(", ")]
        assert len(set(values)) == 5
        assert problem.answer == str((max if found.group(1) == "largest" else min)(values))
        assert problem.metadata["operands"] == values
        kinds[found.group(1)] += 1
    assert 70 < kinds["largest"] < 130


def test_extremes_working_by_hand():
    task = ExtremesTask(ExtremesConfig())
    assert task.working(made(operands=[23, 87, 45, 90], kind="largest")) == (
        "Start with 23. 87 is larger than 23. 90 is larger than 87. The largest is 90."
    )
    assert task.working(made(operands=[23, 87, 12], kind="smallest")) == (
        "Start with 23. 12 is smaller than 23. The smallest is 12."
    )


def test_both_extremes_of_one_set_share_a_key():
    assert values_key([3, 1, 2]) == values_key([1, 2, 3]) == "values:1,2,3"


def test_extremes_without_one_kind():
    task = ExtremesTask(ExtremesConfig(kinds=("smallest",), num_values=(3, 8), digits=(1, 3)))
    problems = [task.problem("train", i) for i in range(100)]
    assert all("smallest" in problem.question for problem in problems)
    assert {problem.metadata["difficulty"] for problem in problems} == {3, 4, 5, 6, 7, 8}


# --- selection --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "count", "place"),
    [("first", 5, 0), ("third", 5, 2), ("tenth", 10, 9), ("last", 5, 4), ("last", 1, 0)],
)
def test_place_of(position: str, count: int, place: int):
    assert place_of(position, count) == place


def test_selection_asks_plainly_and_knows_the_answer():
    task = SelectionTask(SelectionConfig())
    words = ("first", "second", "third", "fourth", "fifth", "last")
    places: dict[str, int] = dict(zip(words, (0, 1, 2, 3, 4, -1), strict=True))
    seen = set()
    for index in range(200):
        problem = task.problem("train", index)
        found = re.fullmatch(
            r"Which number comes (\w+) in this list: (\d\d(, \d\d){4})\?", problem.question
        )
        assert found is not None
        assert problem.answer == found.group(2).split(", ")[places[found.group(1)]]
        seen.add(found.group(1))
    assert seen == set(words)


def test_selection_never_asks_beyond_the_end():
    task = SelectionTask(SelectionConfig(num_values=(2, 6)))
    for index in range(200):
        metadata = task.problem("train", index).metadata
        assert place_of(metadata["position"], len(metadata["operands"])) < len(metadata["operands"])


def test_selection_working_by_hand():
    task = SelectionTask(SelectionConfig())
    listed = [4, 9, 2, 7]
    assert task.working(made(operands=listed, position="third")) == "1: 4, 2: 9, 3: 2."
    assert task.working(made(operands=listed, position="last")) == "The list ends with 7."


# --- comparison -------------------------------------------------------------------------------


def test_comparison_asks_plainly_and_knows_the_answer():
    task = ComparisonTask(ComparisonConfig())
    for index in range(100):
        problem = task.problem("train", index)
        found = re.fullmatch(r"Which is (larger|smaller), (\d\d) or (\d\d)\?", problem.question)
        assert found is not None
        kind, a, b = found.groups()
        assert a != b
        assert problem.answer == (max if kind == "larger" else min)(a, b)


def test_comparison_of_decimals_is_exact_and_often_needs_the_decimals():
    task = ComparisonTask(ComparisonConfig(digits=(1, 1), decimals=(0, 2)))
    same_whole = 0
    for index in range(300):
        problem = task.problem("train", index)
        a, b = problem.metadata["operands"]
        assert Fraction(a) != Fraction(b)
        best = (max if problem.metadata["kind"] == "larger" else min)(a, b, key=Fraction)
        assert problem.answer == best
        same_whole += a.partition(".")[0] == b.partition(".")[0]
    # Half of the pairs with decimals (8/9) share the integer part on purpose, 1/9 of the rest.
    assert 110 < same_whole < 210


def test_comparison_working_pads_the_decimals():
    task = ComparisonTask(ComparisonConfig())
    assert task.working(made(operands=["9.9", "9.11"], kind="larger")) == (
        "9.90 is larger than 9.11."
    )
    assert task.working(made(operands=["37", "73"], kind="smaller")) == "37 is smaller than 73."
    assert task.working(made(operands=["4", "3.5"], kind="larger")) == "4.0 is larger than 3.5."


def test_comparison_key_is_the_pair_of_values_however_written():
    task = ComparisonTask(ComparisonConfig(digits=(1, 1), decimals=(1, 3)))
    instance = task.draw_instance(Draw("key"))
    assert instance is not None
    texts = sorted(Fraction(text) for text in instance.metadata["operands"])
    assert instance.key == f"values:{texts[0]},{texts[1]}"


# --- shared draws -----------------------------------------------------------------------------


def test_numbers_have_the_drawn_digits_and_no_leading_zero():
    draw = Draw("digits")
    assert {number_with_digits(draw, (1, 1)) for _ in range(300)} == set(range(1, 10))
    assert all(100 <= number_with_digits(draw, (3, 3)) <= 999 for _ in range(100))
    lengths = Counter(len(str(number_with_digits(draw, (1, 3)))) for _ in range(600))
    # The length is drawn first: each of the three about 200 times (standard deviation 12).
    assert all(abs(lengths[n] - 200) < 60 for n in (1, 2, 3))


def test_different_numbers_can_use_up_all_there_are():
    assert sorted(different_numbers(Draw("all"), 9, (1, 1))) == list(range(1, 10))
