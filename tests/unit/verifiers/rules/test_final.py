"""Where a final answer stands: one order of forms, and no choice between two."""

import pytest

from cogitate.verifiers.rules.final import Final, after_thinking, answer_lines, final_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("42", "42"),
        ("It is so.\nAnswer: 42", "42"),
        ("**Answer:** 42", "42"),
        ("**Answer: 42**", "42"),
        ("Final answer is 42.", "42."),
        ("The final answer: `42`", "42"),
        ("## Answer: 42", "42"),
        ("So the answer is: 42", "42"),
        ("答案：42", "42"),
        ("정답은 42", "42"),
        ("Die Antwort: 42", "42"),
        ("La réponse : 42", "42"),
        ("<answer>42</answer>", "42"),
        ("Answer: 41\n<answer>42</answer>", "42"),
        ("\\boxed{42}", "42"),
        ("Answer: 41 or \\boxed{42}", "42"),
        ("<answer>\\boxed{42}</answer>", "42"),
        ("Answer: 42\nAnswer:  42", "42"),
        ("<think>Answer: 41</think>Answer: 42", "42"),
        ("Answers are overrated", "Answers are overrated"),
        ("my answer to it all", "my answer to it all"),
    ],
)
def test_one_answer(text: str, answer: str):
    assert final_answer(text) == Final(answer=answer)


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 41\nAnswer: 42",
        "\\boxed{41} \\boxed{42}",
        "<answer>41</answer><answer>42</answer>",
        "<answer>42</answer><answer>42</answer>",
    ],
)
def test_two_answers_are_none(text: str):
    assert final_answer(text) == Final(answer=None, cause="hedged")


@pytest.mark.parametrize("text", ["", "<think>42", "<answer></answer>"])
def test_no_answer(text: str):
    assert final_answer(text).answer is None


def test_lines_that_say_nothing_are_left_out():
    assert answer_lines("Answer:\nAnswer: **\nAnswer: 3") == ["3"]
    assert answer_lines("No answer here: 3") == []


def test_after_thinking():
    assert after_thinking("a</think>b</think>c") == "c"
    assert after_thinking("<think>a") == ""


@pytest.mark.parametrize(
    "text", ["so, " * 30_000, "the " * 30_000, "*" * 100_000, "answer " * 20_000]
)
def test_long_lines_cost_nothing(text: str):
    assert answer_lines(text) == []
