"""Countdown: solvable instances, and an answer counted only when it obeys every rule."""

import pytest

from cogitate.errors import ConfigError, RewardError
from cogitate.schema import Message, Problem
from cogitate.tasks.config import CountdownConfig
from cogitate.tasks.countdown import CountdownTask
from cogitate.verifiers.rules.expressions import parse_expression


def task(**settings: object) -> CountdownTask:
    return CountdownTask(CountdownConfig.model_validate(settings))


def made(numbers: list[int], target: int, **metadata: object) -> Problem:
    return Problem(
        id="countdown/train/x",
        task="countdown",
        messages=(Message(role="user", content="?"),),
        answer="(55 + 36) - 19",
        metadata={"operands": numbers, "target": target, **metadata},
    )


def test_the_question_names_everything():
    problem = task().problem("train", 0)
    a, b, c = problem.metadata["operands"]
    assert problem.question == (
        f"Make {problem.metadata['target']} from the numbers {a}, {b} and {c}. Use each number "
        "exactly once, with + - * / and brackets. Answer with the expression."
    )


def test_every_problem_obeys_its_settings_and_has_a_solution():
    countdown = task(num_values=[2, 5], values=[2, 30], target=[10, 99])
    sizes = set()
    for index in range(150):
        problem = countdown.problem("train", index)
        numbers, target = problem.metadata["operands"], problem.metadata["target"]
        assert all(2 <= number <= 30 for number in numbers)
        assert 10 <= target <= 99
        assert problem.answer is not None
        gold = parse_expression(problem.answer)
        assert gold.value == target
        assert sorted(gold.numbers) == sorted(numbers)
        # Built from whole positive steps, so that a person could find it.
        assert all(value >= 1 and value.denominator == 1 for *_, value in gold.steps)
        sizes.add(problem.metadata["difficulty"])
    assert sizes == {2, 3, 4, 5}


def test_at_most_once_uses_some_numbers_and_is_never_trivial():
    countdown = task(num_values=4, use_all=False)
    used = set()
    for index in range(100):
        problem = countdown.problem("train", index)
        assert "at most once" in problem.question
        assert problem.metadata["target"] not in problem.metadata["operands"]
        assert problem.answer is not None
        used.add(len(parse_expression(problem.answer).numbers))
        assert countdown.verify(problem, problem.answer) == 1.0
    assert used == {2, 3, 4}


def test_only_the_operations_of_the_settings():
    countdown = task(operations=["+", "-"])
    for index in range(60):
        problem = countdown.problem("train", index)
        assert "with + - and brackets" in problem.question
        assert problem.answer is not None
        assert set(parse_expression(problem.answer).operators) <= {"+", "-"}


@pytest.mark.parametrize(
    "answer",
    [
        "(55 + 36) - 19",
        "55+36-19",
        " 36 - 19 + 55 ",
        "36 - (19 - 55)",
        "55 + 36 - 19 = 72",
        "55 + 36 - 19 = 72.",
        "$(55 + 36) \\left(1\\right)$".replace(" \\left(1\\right)", " - 19"),
        "55 + 36 \u2212 19",
        "[55 + 36] - 19",
    ],
)
def test_right_answers(answer: str):
    assert task().verify(made([19, 36, 55], 72), answer) == 1.0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "no answer"),
        ("", "no answer"),
        ("72", "the target is not a given number"),
        ("55 + 36", "a number is left out"),
        ("55 + 36 - 19 + 0 * 7", "a number that was not given"),
        ("55 + 36 - 19 + 19 - 19", "a number is used three times"),
        ("(55 + 36) - 19 = 73", "the claimed value is wrong"),
        ("(55 + 36) - 19 = 72 = 72", "two claims"),
        ("72 = 55 + 36 - 19", "the expression stands on the wrong side"),
        ("55 - 36 + 19", "another value"),
        ("-19 + 55 + 36", "a sign"),
        ("5536 - 19", "numbers are glued together"),
        ("55 + 36 - 19 # done", "text beside the expression"),
        ("I think 55 + 36 - 19", "text beside the expression"),
        ("55 + 36 - 19\n55 + 36 - 19", "two expressions"),
    ],
)
def test_wrong_answers(answer: str | None, why: str):
    assert task().verify(made([19, 36, 55], 72), answer) == 0.0, why


@pytest.mark.parametrize(
    ("numbers", "target", "answer", "reward"),
    [
        ([3, 3, 8, 8], 24, "8 / (3 - 8 / 3)", 1.0),  # only exact rationals find this one
        ([2, 3], 8, "2 ** 3", 0.0),
        ([2, 3], 9, "3 ^ 2", 0.0),
        ([1, 2], 12, "12", 0.0),
        ([1, 2], 12, "1 2", 0.0),
        ([5, 1], 5, "5 / 1", 1.0),
        ([5, 5], 1, "5 / (5 - 5)", 0.0),
        ([6, 4, 1], 10, "6 + 4", 0.0),
    ],
)
def test_the_value_is_exact_and_tricks_do_not_pay(numbers, target, answer, reward):
    assert task().verify(made(numbers, target), answer) == reward


def test_at_most_once_and_operations_are_read_from_the_problem():
    loose = made([6, 4, 1], 10, use_all=False)
    assert task().verify(loose, "6 + 4") == 1.0
    assert task().verify(loose, "6 + 4 + 1 - 1") == 0.0
    assert task().verify(made([6, 4], 24, operations=["+", "-"]), "6 * 4") == 0.0
    assert task().verify(made([6, 4], 24, operations=["*"]), "6 * 4") == 1.0


def test_a_problem_without_its_numbers_is_not_a_wrong_answer():
    broken = Problem(
        id="countdown/train/x", task="countdown",
        messages=(Message(role="user", content="?"),), answer="1 + 1",
    )  # fmt: skip
    with pytest.raises(RewardError, match="countdown/train/x: its metadata has no 'operands'"):
        task().verify(broken, "1 + 1")


def test_the_working_follows_the_gold_expression():
    working, answer = task().solution(made([19, 36, 55], 72))
    assert working == "55 + 36 = 91. 91 - 19 = 72."
    assert answer == "(55 + 36) - 19"


def test_order_does_not_make_a_new_instance():
    countdown = task()
    first = countdown.problem("train", 3)
    assert "countdown" in first.id
    same = [first.metadata["operands"], sorted(first.metadata["operands"])]
    keys = {f"countdown:{','.join(map(str, sorted(numbers)))}" for numbers in same}
    assert len(keys) == 1


def test_unreachable_targets_are_an_error():
    with pytest.raises(ConfigError, match=r"target = \[9000, 9999\]"):
        task(num_values=2, values=[1, 5], target=[9000, 9999]).problem("train", 0)
