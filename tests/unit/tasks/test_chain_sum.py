"""Chain sums: questions, remainders and workings by hand."""

import re

import pytest

from cogitate.schema import Message, Problem
from cogitate.tasks.arithmetic import ArithmeticTask
from cogitate.tasks.chain_sum import ChainSumTask
from cogitate.tasks.config import ArithmeticConfig, ChainSumConfig


def task(**settings: object) -> ChainSumTask:
    return ChainSumTask(ChainSumConfig.model_validate(settings))


def worked(operands: list[int], modulus: int | None) -> str:
    problem = Problem(
        id="x", task="chain_sum", messages=(Message(role="user", content="?"),), answer="0",
        metadata={"operands": operands, "modulus": modulus},
    )  # fmt: skip
    return task().working(problem)


@pytest.mark.parametrize(
    ("modulus", "pattern"),
    [
        (None, r"What is (\d( \+ \d)+)\?"),
        (10, r"What is the last digit of (\d( \+ \d)+)\?"),
        (7, r"What is the remainder when (\d( \+ \d)+) is divided by 7\?"),
    ],
)
def test_question_and_gold_answer(modulus: int | None, pattern: str):
    for index in range(50):
        problem = task(modulus=modulus).problem("train", index)
        found = re.fullmatch(pattern, problem.question)
        assert found is not None
        total = sum(int(term) for term in found.group(1).split(" + "))
        assert problem.answer == str(total % modulus if modulus else total)
        assert problem.metadata["difficulty"] == len(problem.metadata["operands"])


def test_workings_by_hand():
    assert worked([3, 8, 5], None) == "3 + 8 = 11. 11 + 5 = 16."
    assert worked([3, 8, 5], 10) == "3 + 8 = 11. 11 + 5 = 16. The last digit of 16 is 6."
    assert worked([3, 8, 5], 7) == "3 + 8 = 11. 11 + 5 = 16. 16 = 2 * 7 + 2."


def test_the_number_of_terms_follows_the_span():
    lengths = {len(task(terms=[3, 6]).problem("train", i).metadata["operands"]) for i in range(80)}
    assert lengths == {3, 4, 5, 6}


def test_a_sum_is_held_out_in_both_tasks_or_in_none():
    chain = task(terms=2, digits=1)
    arithmetic = ArithmeticTask(ArithmeticConfig(digits=(1, 1)))
    held_out = {tuple(sorted(arithmetic.problem("heldout", i).metadata["operands"]))
                for i in range(200)}  # fmt: skip
    trained = {tuple(sorted(chain.problem("train", i).metadata["operands"])) for i in range(500)}
    assert not held_out & trained
    assert len(held_out | trained) == 45  # all multisets of two digits 1..9
