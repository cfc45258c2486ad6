"""Word problems: every surface reads well and its numbers agree with its solution."""

import re
from itertools import product

import pytest

from cogitate.schema import Message, Problem
from cogitate.tasks import word_problems
from cogitate.tasks.arithmetic import ArithmeticTask, expression_key
from cogitate.tasks.config import ArithmeticConfig, WordProblemsConfig
from cogitate.tasks.word_problems import WordProblemsTask


def task(**settings: object) -> WordProblemsTask:
    return WordProblemsTask(WordProblemsConfig.model_validate(settings))


def worked(story: list[str], operands: list[int], operators: list[str]) -> str:
    problem = Problem(
        id="x", task="word_problems", messages=(Message(role="user", content="?"),), answer="0",
        metadata={"story": story, "operands": operands, "operators": operators},
    )  # fmt: skip
    return task().working(problem)


def test_workings_by_hand():
    assert worked(["Tom has 12 apples", "Tom buys 7 more"], [12, 7], ["+"]) == (
        "Tom has 12 apples. Tom buys 7 more. 12 + 7 = 19."
    )
    assert worked(["Ana has 3 bags with 4 nuts in each"], [3, 4], ["*"]) == (
        "Ana has 3 bags with 4 nuts in each. 3 * 4 = 12."
    )
    assert (
        worked(["Ana has 3 bags with 4 nuts in each", "Ana loses 5 of them"], [3, 4, 5], ["*", "-"])
        == "Ana has 3 bags with 4 nuts in each. 3 * 4 = 12. Ana loses 5 of them. 12 - 5 = 7."
    )
    assert worked(
        ["Tom has 12 apples", "Tom buys 7 more", "Sam has 2 times as many apples as Tom"],
        [12, 7, 2],
        ["+", "*"],
    ) == (
        "Tom has 12 apples. Tom buys 7 more. 12 + 7 = 19. "
        "Sam has 2 times as many apples as Tom. 19 * 2 = 38."
    )


@pytest.mark.parametrize("operators", [*product("+-*"), *product("+-*", repeat=2)], ids="".join)
def test_every_combination_of_operations_makes_a_story(operators: tuple[str, ...]):
    problems = (
        task(steps=len(operators), operations=sorted(set(operators))).problem("train", i)
        for i in range(300)
    )
    problem = next(p for p in problems if tuple(p.metadata["operators"]) == operators)
    operands = problem.metadata["operands"]
    # All numbers of the question, in order, are the operands: no number is hidden or added.
    assert [int(n) for n in re.findall(r"\d+", problem.question)] == operands
    value = operands[0]
    for operator, operand in zip(operators, operands[1:], strict=True):
        value = {"+": value + operand, "-": value - operand, "*": value * operand}[operator]
    assert problem.answer == str(value)
    working, _ = task().solution(problem)
    assert working.endswith(f" = {value}.")
    assert working.count("=") == len(operators)
    assert problem.metadata["difficulty"] == len(operators)


def test_one_step_problems_read_as_sentences():
    for index in range(200):
        question = task().problem("train", index).question
        assert re.fullmatch(
            r"[A-Z][^.?]*\d+[^.?]*\. [A-Z][^.?]*\d+[^.?]*\. How many [a-z]+ does \w+ have now\?",
            question,
        ), question
        assert "{" not in question


def test_the_question_asks_about_the_person_of_the_last_sentence():
    for index in range(200):
        problem = task(steps=2, operations=["+", "*"]).problem("train", index)
        owner = re.search(r"does (\w+) have", problem.question)
        assert owner is not None
        last = problem.metadata["story"][-1]
        assert owner.group(1) in last.split(" times")[0] or owner.group(1) + "'s" in last


def test_nobody_ever_has_less_than_one_thing_or_one_things():
    for index in range(200):
        problem = task(steps=2, operations=["-"], digits=[1, 2]).problem("train", index)
        first, *rest = problem.metadata["operands"]
        assert first > sum(rest)
        assert 1 not in problem.metadata["operands"]


def test_numbers_stay_within_the_settings():
    for index in range(150):
        metadata = task(operations=["*"], max_factor=12).problem("train", index).metadata
        assert all(2 <= operand <= 12 for operand in metadata["operands"])
    for index in range(150):
        metadata = task(operations=["+"], digits=3).problem("train", index).metadata
        assert all(100 <= operand <= 999 for operand in metadata["operands"])


def test_surfaces_vary():
    questions = [task().problem("train", i).question for i in range(300)]
    shapes = {re.sub(r"\d+", "N", question) for question in questions}
    assert len(shapes) > 250
    names = {word for question in questions for word in question.split() if word in
             word_problems.NAMES}  # fmt: skip
    assert names == set(word_problems.NAMES)


def test_a_story_shares_its_split_with_the_bare_calculation():
    sums = ArithmeticTask(ArithmeticConfig(digits=(2, 2)))
    held_out = {expression_key(sums.problem("heldout", i).metadata["operands"], ["+"])
                for i in range(300)}  # fmt: skip
    stories = task(operations=["+"], digits=2)
    trained = {expression_key(stories.problem("train", i).metadata["operands"], ["+"])
               for i in range(300)}  # fmt: skip
    assert not held_out & trained


def test_a_bracketed_calculation_has_a_key_of_its_own():
    calculation = word_problems._Calculation(operands=(12, 7, 3), operators=("+", "*"))
    assert calculation.values == [12, 19, 57]
    assert calculation.key == "expression:(12 + 7) * 3"
    product_first = word_problems._Calculation(operands=(12, 7, 3), operators=("*", "+"))
    assert product_first.values == [12, 84, 87]
    assert product_first.key == "expression:+*12*7,+*3"
    swapped = word_problems._Calculation(operands=(7, 12, 3), operators=("*", "+"))
    assert swapped.key == product_first.key
