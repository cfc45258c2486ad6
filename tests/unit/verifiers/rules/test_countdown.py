"""Countdown golds and answers; the grammar itself is in test_expressions.py."""

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.rules.countdown import RULE, objection
from cogitate.verifiers.rules.final import undress

GOLD = {"numbers": [3, 7, 50], "target": 71}


@pytest.mark.parametrize(
    "text",
    [
        "3 * 7 + 50",
        "<answer>3*7+50</answer>",
        "<answer>\n50 + 7 * 3\n</answer>",
        "\\boxed{3 \\times 7 + 50}",
        "<answer>$3 \\cdot 7 + 50$</answer>",
        "Answer: 3*7+50",
        "**Answer:** 50+3*7",
        "The final answer is 50+3*7",
        "We try 3.\n\nThe answer is simple:\nAnswer: 50 + 3*7 = 71.",
        "71 = 50 + 3*7",
        "50 + 7 x 3",
        "\\boxed{50 + 3 \\times 7}",
        "3 * 7 + 50 = 71",
        "<answer>\\(3*7+50\\)</answer>",
        "<answer>`3*7+50`</answer>",
        "<think>71 is 3*7+50</think><answer>(3*7)+50</answer>",
    ],
)
def test_right(text: str):
    assert RULE(GOLD, text).correct is True


def test_a_fraction_is_a_quotient():
    assert RULE({"numbers": [6, 3, 1], "target": 3}, r"\boxed{\frac{6}{3} + 1}").correct is True
    assert RULE({"numbers": [6, 3], "target": 3}, r"\boxed{\frac{6}{3}}").correct is False


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 50+3*7\nAnswer: 7*3+50",
        r"\boxed{50+3*7} \boxed{3*7+50}",
        "71 = 71",
        "71 = 50 + 3*7 = 71 = 71",
        r"<think>\boxed{50+3*7}",
    ],
)
def test_several_expressions_or_none_are_wrong(text: str):
    assert RULE(GOLD, text).status is Status.WRONG


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ({"numbers": [3, 5], "target": 125}, "5**3"),
        ({"numbers": [7, 2], "target": 3}, "7//2"),
        ({"numbers": [1, 5, 2], "target": 3}, "1.5*2"),
        ({"numbers": [3, 1], "target": 7}, "factorial(3)+1"),
        (GOLD, "71"),
        (GOLD, "50+7+7+7"),
        (GOLD, "3*7+50+0"),
        (GOLD, "3*7+50 or 50+21"),
        (GOLD, "__import__('os').getpid()+71"),
        ({"numbers": [9, 9, 9], "target": 1}, "9**9**9"),
        ({"numbers": [1, 0], "target": 0}, "1/0"),
        ({"numbers": [3, 4], "target": 7}, "34-27"),
        ({"numbers": [3, 4], "target": 7}, "-(-3-4)"),
        ({"numbers": [3, 4], "target": 7}, "3+4 = 8"),
        (GOLD, "3*7+50</answer><answer>50+3*7"),
    ],
)
def test_tricks_do_not_pay(gold: object, answer: str):
    verdict = RULE(gold, f"<think>x</think><answer>{answer}</answer>")
    assert verdict.status is Status.WRONG


def test_rules_of_the_gold():
    loose = {"numbers": [6, 4, 1], "target": 10, "use_all": False}
    assert RULE(loose, "6 + 4").correct is True
    assert RULE({**loose, "use_all": True}, "6 + 4").correct is False
    assert RULE({"nums": [6, 4], "target": 24, "operations": ["+"]}, "6 * 4").correct is False
    assert RULE({"nums": [6, 4], "target": 24}, "6 * 4").correct is True


@pytest.mark.parametrize(
    "gold",
    [
        {"target": 3},
        {"numbers": [], "target": 3},
        {"numbers": ["3"], "target": 3},
        {"numbers": [3], "target": "3"},
        {"numbers": [-3], "target": 3},
        {"numbers": [3], "target": 3, "operations": ["**"]},
        {"numbers": [3], "target": 3, "operations": []},
        {"numbers": [3], "target": 3, "use_all": 1},
        {"numbers": [1] * 65, "target": 3},
        {"numbers": [10**7], "target": 3},
        "3 7 50",
        None,
    ],
)
def test_bad_golds(gold: object):
    assert RULE.check_gold(gold)
    assert RULE(gold, "3").status is Status.BAD_GOLD


def test_reasons():
    assert objection("3 + 4", numbers=[3, 4], target=7) is None
    assert objection("3 + 4", numbers=[3, 4], target=8) == "its value is 7"
    assert "given" in str(objection("3 + 5", numbers=[3, 4], target=8))
    assert "allowed" in str(objection("3 * 4", numbers=[3, 4], target=12, operations="+"))
    assert "claims" in str(objection("3 + 4 = 9", numbers=[3, 4], target=7))


def test_one_pair_of_marks_comes_off():
    assert undress("$$3+4$$") == "3+4"
    assert undress("**3+4**") == "3+4"
    assert undress("3+4") == "3+4"
    assert undress("$") == "$"
