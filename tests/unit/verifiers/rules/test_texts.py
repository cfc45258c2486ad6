"""Text, layout, matrices and GSM8K."""

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.rules import RULES, matrix
from cogitate.verifiers.rules.matrix import NoMatrix, read_rows
from cogitate.verifiers.rules.text_match import normalise_text

TEXT, EXACT, MATRIX = RULES["text"], RULES["exact_text"], RULES["matrix_text"]
FORMAT, GSM8K = RULES["format"], RULES["gsm8k"]


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("True", "true", True),
        ("New York", "<answer>new  york.</answer>", True),
        ("New York", "NewYork", False),
        ("p - q", "$p-q$", True),
        ("(3, \\frac{x}{2})", "\\left( 3, \\dfrac{x}{2} \\right)", True),
        ("Evelyn", "\\boxed{\\text{Evelyn}}", True),
        ("Evelyn", "Answer: Evelyn", True),
        ("Evelyn", "It was Evelyn", False),
        ("Evelyn", "Evelyn or Ann", False),
        ("Evelyn", "Answer: Evelyn\nAnswer: Ann", False),
        (["yes", "yeah"], "Yeah!", False),
        (["yes", "yeah"], "Yeah.", True),
        ({"answer": ["yes"]}, "yes", True),
        ("ÉTÉ", "été", True),
        ("１２", "12", True),
        (7, "7", True),
    ],
)
def test_normalised_text(gold: object, text: str, right: bool):
    assert TEXT(gold, text).correct is right


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("a b", "a b", True),
        ("a b", "  a b\n", True),
        ("a\nb", "a\r\nb", True),
        ("a b", "A b", False),
        ("a b", "a  b", False),
        ("a b", "a b.", False),
        (["x", "y"], "y", True),
    ],
)
def test_exact_text(gold: object, text: str, right: bool):
    assert EXACT(gold, text).correct is right


@pytest.mark.parametrize("gold", ["", "  ", [], None, True, {"answer": []}, "x" * 8193])
def test_texts_that_are_no_gold(gold: object):
    assert TEXT.check_gold(gold) and EXACT.check_gold(gold)


def test_a_gold_of_punctuation_can_only_be_exact():
    assert TEXT.check_gold("...") and EXACT.check_gold("...") is None
    assert normalise_text(" .,;: ") == ""


LONG = "<think>...</think><answer>...</answer>"
SHORT = "<think>...</think>"


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        (LONG, "<think>\na\n</think>\n<answer>\n42\n</answer>", True),
        (LONG, "<think>a</think><answer>42</answer><|im_end|>", True),
        (LONG, "<think>\na <think> b\n</think>\n<answer>\n42\n</answer>", False),
        (LONG, "<think>a</think><think>b</think><answer>42</answer>", False),
        (LONG, "Sure! <think>a</think><answer>42</answer>", False),
        (LONG, "<think>a</think><answer>42", False),
        (LONG, "<think>a</think>x<answer>42</answer>", False),
        (LONG, "<think>a</think><answer>42</answer> bye", False),
        (LONG, "```xml\n<think>a</think><answer>42</answer>\n```", False),
        (LONG, "<think> </think><answer>42</answer>", False),
        (LONG, "<think>a</think><answer> </answer>", False),
        (LONG, "<answer>42</answer><think>a</think>", False),
        (LONG, "<THINK>a</THINK><answer>42</answer>", False),
        (LONG, "<think>a</think> the answer is 42", False),
        (SHORT, "<think>a</think> the answer is 42", True),
        (SHORT, "the answer is 42", False),
        (SHORT, "<think>a</think>", False),
        (SHORT, "<think>a", False),
        (SHORT, "<think>...</think> 42", False),
        ({"layout": SHORT, "prefilled": True}, "a</think> 42", True),
        ({"layout": SHORT, "prefilled": True}, "<think>a</think> 42", True),
        ({"layout": SHORT}, "a</think> 42", False),
    ],
)
def test_layout(gold: object, text: str, right: bool):
    assert FORMAT(gold, text).correct is right


@pytest.mark.parametrize(
    "gold", ["", "<answer></answer>", "<plan></plan>", 3, {"layout": SHORT, "prefilled": 1}, {}]
)
def test_unknown_layouts(gold: object):
    assert FORMAT(gold, "<think>a</think> 42").status is Status.BAD_GOLD


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("1 2 3 6 9 8", "1 2 3 6 9 8", True),
        ("1 2 3 6 9 8", "[1, 2, 3, 6, 9, 8]", True),
        ("1 2 3 6 9 8", "(1 2 3\n6 9 8)", True),
        ("1 2 3", "<answer>1 2 3</answer>", True),
        ("1 2 3", "Answer: 1, 2, 3", True),
        ("1 2 3", "```\n1 2 3\n```", True),
        ("1 2 3", "1 2", False),
        ("1 2 3", "1 2 3 4", False),
        ("1 2 3", "3 2 1", False),
        ("1 2 3", "123", False),
        ("1 2 3", "1 2 three", False),
        ("1 2 3", "[1, 2, 3", False),
        ("1 2 3", "[__import__('os').getpid()]", False),
        ("1 2 3", "[1, 2, 1+2]", False),
        ("1 2\n3 4", "[[1, 2], [3, 4]]", True),
        ("1 2\n3 4", "1 2\n3 4", True),
        ("1 2\n3 4", "{{1, 2}, {3, 4}}", True),
        ("1 2\n3 4", "1 2; 3 4", True),
        ("1 2\n3 4", "1 2 3 4", False),
        ("1 2\n3 4", "1 3\n2 4", False),
        ([[1, 2], [3, 4]], "1 2\n3 4", True),
        ([1, 2], "1 2", True),
        ({"answer": "0.5 -1/2"}, "1/2 -0.5", True),
        ("1 2", "[[[1, 2]]]", False),
    ],
)
def test_matrices(gold: object, text: str, right: bool):
    assert MATRIX(gold, text).correct is right


@pytest.mark.parametrize("gold", ["", "a b", [], None, 7, {"rows": 1}, "[1", "2**9", [["x"]]])
def test_no_matrices(gold: object):
    assert MATRIX(gold, "1").status is Status.BAD_GOLD


@pytest.mark.parametrize("text", ["[" * 9, "1 " * 101, "9" * 65, "]", "1 ] [ 2"])
def test_caps_of_matrices(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(matrix, "MAX_CELLS", 100)
    with pytest.raises(NoMatrix):
        read_rows(text)


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("18", "So 9 * 2 = 18.\n#### 18", True),
        ("9 * 2 = 18\n#### 18", "#### 18", True),
        ("70000", "#### 70,000", True),
        ("0.5", "#### 1/2", True),
        ("18", "#### 18\n#### 20", False),
        ("18", "The answer is certainly not 18", False),
        ("18", "18", False),
        ("18", "#### 19", False),
        ("18", "#### 18 or 19", False),
    ],
)
def test_gsm8k(gold: str, text: str, right: bool):
    verdict = GSM8K(gold, text)
    assert verdict.correct is right
    assert verdict.status is (Status.CORRECT if right else Status.WRONG)


@pytest.mark.parametrize("gold", ["", "many", None, "#### ", [18]])
def test_gsm8k_golds(gold: object):
    assert GSM8K.check_gold(gold)


@pytest.mark.parametrize(
    "gold",
    [None, "x", {}, {"integrand": ""}, {"integrand": "2*x", "variable": "3"}, {"integrand": "2*("}],
)
def test_integration_golds(gold: object):
    assert RULES["integration"].check_gold(gold)
    assert RULES["integration"](gold, "x").status is Status.BAD_GOLD


def test_integration():
    gold = {"integrand": "2*x", "variable": "x"}
    assert RULES["integration"].check_gold(gold) is None
    assert RULES["integration"](gold, "<answer>x**2 + C</answer>").correct is True
    assert RULES["integration"](gold, "<answer>\\int 2x dx</answer>").correct is False
