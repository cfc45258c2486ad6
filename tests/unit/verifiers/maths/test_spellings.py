r"""Spellings that people use: each with its near misses, and texts of whole templates."""

import pytest

from cogitate.verifiers.maths import verify_maths


def right(gold: str, answer: str) -> bool | None:
    return verify_maths(gold, f"\\boxed{{{answer}}}").correct


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1/3", r"{1 \over 3}"),
        ("1/3", r"1\over3"),
        ("1/3", r"x = {1\over 3}"),
        ("7/3", r"2{1\over3}"),
        ("x^{1/3}", r"x^{1\over3}"),
        ("42", r"\underline{42}"),
        ("42", r"\underline{\underline{42}}"),
        ("42", r"\text{Answer: }42"),
        ("42", r"\text{Answer}: 42"),
        ("1234_5", r"1234_{\text{five}}"),
        ("1234_5", r"(1234)_{\text{five}}"),
        ("1234_5", r"1234_{five}"),
        ("1101_{two}", "1101_2"),
        (r"\text{no solution}", r"\text{no solutions}"),
        (r"\text{no solutions}", r"\emptyset"),
        (r"\infty", r"\text{infinity}"),
        (r"-\infty", r"-\text{infinity}"),
        (r"\mathbb{R}", r"\text{all real numbers}"),
        ("2:3", "4:6"),
        ("1:2:3", "2:4:6"),
        ("8", "2^{3^1}"),
        ("27", r"\log_2^3 8"),
    ],
)
def test_accepted(gold: str, answer: str) -> None:
    assert right(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1/3", r"(1 \over 3)"),
        ("2/3", r"1, 2\over 3"),
        ("2/3", r"2{1\over3}"),
        ("1/6", r"{1\over 2\over 3}"),
        ("42", r"\underline{4}2"),
        ("42", r"\text{The answer is not }42"),
        ("42", r"\text{Answer: }41, 42"),
        ("1234_5", r"1234_{\text{six}}"),
        ("1234", r"1234_{\text{five}}"),
        (r"\emptyset", r"\text{no solution}"),
        (r"\text{no solution}", "0"),
        (r"\text{no solution}", r"\text{one solution}"),
        (r"-\infty", r"\text{infinity}"),
        (r"\mathbb{R}", r"\text{all positive real numbers}"),
        ("(0,1)", r"\text{all real numbers}"),
        ("2/3", "4:6"),
        ("2:3", "6:4"),
        ("2:3", "0:0"),
        ("2:3", "-4:-6"),
        ("6:30", "3:15"),
        ("7:10", "14:20"),
        ("4:6", "2:3"),
        ("1:2:3", "2:4:7"),
        ("8", "2^3^1"),
        ("8", "2^{3}^{1}"),
        ("1", r"\log_2^3 8"),
    ],
)
def test_refused(gold: str, answer: str) -> None:
    assert right(gold, answer) is not True


@pytest.mark.parametrize(
    ("template", "text", "expected"),
    [
        ("plain", "The answer is **42**.", True),
        ("plain", "**The answer is 42.**", True),
        ("plain", "The answer is **42** or **43**", False),
        ("plain", "The answer is not **42**.", False),
        ("answer_tag", "<answer>The answer is 42.</answer>", True),
        ("answer_tag", "<answer>The answer is not 42.</answer>", False),
        ("answer_tag", "<answer>The answer is the answer is 42</answer>", False),
        ("hash4", "Therefore #### 42", True),
        ("hash4", "#### 42 #### 42", True),
        ("hash4", "#### 42 #### 41", False),
        ("hash4", "#### 42\nTherefore #### 41", False),
        ("hash4", "It is #### 42 or 43", False),
    ],
)
def test_what_templates_say(template: str, text: str, expected: bool) -> None:
    assert (verify_maths("42", text, template=template).correct is True) is expected
