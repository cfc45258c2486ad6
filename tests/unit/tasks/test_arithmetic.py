"""Arithmetic: expressions worked by hand."""

import pytest

from cogitate.errors import ConfigError
from cogitate.schema import Problem
from cogitate.tasks.arithmetic import (
    ArithmeticTask,
    evaluate,
    expression_key,
    expression_steps,
    expression_text,
    make_divisions_exact,
    place_values,
    step,
)
from cogitate.tasks.config import ArithmeticConfig
from cogitate.tasks.procedural import gold_answer


def problems(count: int = 200, **settings: object):
    task = ArithmeticTask(ArithmeticConfig.model_validate(settings))
    return [task.problem("train", i) for i in range(count)]


def gold(problem: Problem) -> int:
    return int(gold_answer(problem))


@pytest.mark.parametrize(
    ("operands", "operators", "value"),
    [
        ([7], [], 7),
        ([47, 38], ["+"], 85),
        ([3, 4, 5], ["+", "*"], 23),
        ([3, 4, 5], ["*", "+"], 17),
        ([10, 6, 3], ["-", "/"], 8),
        ([2, 3, 4, 5], ["-", "*", "-"], -15),
        ([24, 6, 2, 5], ["/", "*", "+"], 13),
        ([9, 4, 3], ["-", "-"], 2),
    ],
)
def test_evaluate_follows_precedence_and_goes_left_to_right(operands, operators, value):
    assert evaluate(operands, operators) == value


def test_text_has_no_brackets_and_single_spaces():
    assert expression_text([9, 4, 3], ["-", "/"]) == "9 - 4 / 3"


def test_keys_ignore_the_order_of_terms_and_factors_only():
    assert expression_key([47, 38], ["+"]) == "sum:+38,+47"
    assert expression_key([47, 38, 5], ["-", "+"]) == expression_key([5, 47, 38], ["+", "-"])
    assert expression_key([47, 38], ["-"]) != expression_key([38, 47], ["-"])
    assert expression_key([6, 7], ["*"]) == expression_key([7, 6], ["*"]) == "product:6,7"
    assert expression_key([6, 7], ["*"]) != expression_key([6, 7], ["+"])
    assert expression_key([8, 4], ["/"]) == "expression:+*8/4"
    mixed = expression_key([3, 4, 5], ["*", "+"])
    assert mixed == expression_key([4, 3, 5], ["*", "+"]) == expression_key([5, 4, 3], ["+", "*"])
    assert mixed != expression_key([3, 5, 4], ["*", "+"])
    assert expression_key([5, 4, 3], ["-", "*"]) != expression_key([4, 3, 5], ["*", "-"])


def test_a_division_is_made_exact_by_the_first_number_of_its_chain():
    operands = [5, 7, 3, 2, 4]  # 5 + 7 * 3 / 2 / 4
    make_divisions_exact(operands, ["+", "*", "/", "/"])
    assert operands == [5, 56, 3, 2, 4]
    assert evaluate(operands, ["+", "*", "/", "/"]) == 5 + 7 * 3


@pytest.mark.parametrize(
    ("left", "operator", "right", "lines"),
    [
        (7, "+", 5, ["7 + 5 = 12."]),
        (7, "+", 38, ["7 + 38 = 45."]),
        (47, "+", 38, ["47 + 30 = 77.", "77 + 8 = 85."]),
        (85, "-", 40, ["85 - 40 = 45."]),
        (12, "-", 47, ["12 - 40 = -28.", "-28 - 7 = -35."]),
        (305, "+", 120, ["305 + 100 = 405.", "405 + 20 = 425."]),
        (12, "*", 34, ["12 * 30 = 360.", "12 * 4 = 48.", "360 + 48 = 408."]),
        (84, "/", 12, ["84 / 12 = 7."]),
    ],
)
def test_steps_go_by_place_value(left, operator, right, lines):
    assert step(left, operator, right) == lines


def test_products_of_three_places_are_added_up_one_by_one():
    assert step(11, "*", 234) == [
        "11 * 200 = 2200.", "11 * 30 = 330.", "11 * 4 = 44.",
        "2200 + 330 = 2530.", "2530 + 44 = 2574.",
    ]  # fmt: skip


def test_products_are_worked_out_before_sums():
    assert expression_steps([9, 8, 2, 5], ["-", "/", "+"]) == [
        "8 / 2 = 4.", "9 - 4 = 5.", "5 + 5 = 10.",
    ]  # fmt: skip


def test_place_values():
    assert place_values(305) == [300, 5]
    assert place_values(7) == [7]
    assert place_values(9000) == [9000]


def test_the_question_reads_as_a_person_would_ask():
    problem = problems(1)[0]
    a, b = problem.metadata["operands"]
    assert problem.question == f"What is {a} + {b}?"
    assert problem.answer == str(a + b)


def test_digits_and_terms_are_what_the_settings_say():
    for problem in problems(digits=[1, 3], terms=[2, 4]):
        operands = problem.metadata["operands"]
        assert 2 <= len(operands) <= 4
        assert all(1 <= operand <= 999 for operand in operands)
        assert problem.metadata["difficulty"] == len("".join(map(str, operands)))
    seen = {len(str(o)) for p in problems(digits=[1, 3]) for o in p.metadata["operands"]}
    assert seen == {1, 2, 3}


def test_negative_values_appear_only_when_allowed():
    assert all(gold(p) >= 0 for p in problems(operations=["-"]))
    values = [gold(p) for p in problems(operations=["-"], allow_negative=True)]
    assert min(values) < 0 < max(values)


def test_divisions_are_exact_and_bounded():
    for problem in problems(operations=["/"], digits=2):
        dividend, divisor = problem.metadata["operands"]
        assert dividend % divisor == 0
        assert 10 <= divisor <= 99
        assert 10 <= gold(problem) <= 99


def test_every_operation_of_the_settings_appears():
    found = {op for p in problems(operations=list("+-*/")) for op in p.metadata["operators"]}
    assert found == set("+-*/")


def test_the_gold_answer_is_what_python_computes():
    for problem in problems(operations=list("+-*"), terms=[2, 5], allow_negative=True):
        expression = problem.question.removeprefix("What is ").removesuffix("?")
        # Our own text, not a model's: Python is the independent judge here.
        assert eval(expression) == gold(problem)


def test_the_working_ends_with_the_answer():
    for problem in problems(operations=list("+-*/"), terms=[2, 5]):
        task = ArithmeticTask(ArithmeticConfig())
        working, answer = task.solution(problem)
        assert working.endswith(f"= {answer}.")


def test_impossible_settings_say_what_to_change():
    # The first number would have to exceed the sum of seven others of the same length.
    task = ArithmeticTask(ArithmeticConfig(operations=("-",), terms=(8, 8), digits=(5, 5)))
    with pytest.raises(ConfigError, match=r'task "arithmetic": .* in 4096 draws .* Raise digits'):
        task.problem("train", 0)
