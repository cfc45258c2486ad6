"""Which answer counts: the declared one, behind the thinking, and only one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.maths.extract import TEMPLATES, extract, has_forbidden_characters


@pytest.mark.parametrize(
    ("template", "text", "answers"),
    [
        ("boxed", r"so $\boxed{4}$", ["4"]),
        ("boxed", r"\boxed{1} and \boxed{2}", ["1", "2"]),
        ("boxed", r"\boxed{\frac{1}{2}}", [r"\frac{1}{2}"]),
        ("boxed", r"\fbox{7}", ["7"]),
        ("boxed", r"\boxed 5", ["5"]),
        ("boxed", "\\boxed{\n4\n}", ["4"]),
        ("boxed", r"<think>\boxed{1}</think>\boxed{2}", ["2"]),
        ("boxed", r"a</think>\boxed{1}</think>\boxed{2}", ["2"]),
        ("boxed", "\\boxed{1}<|im_end|>\\boxed{2}", ["1"]),
        ("answer_tag", "<answer> 42 </answer>", ["42"]),
        ("answer_tag", r"<answer>so \boxed{42}</answer> \boxed{43}", ["42"]),
        ("hash4", "a\n#### 18", ["18"]),
        ("hash4", "#### 18\n#### 20", ["18", "20"]),
        ("hash4", "#### Step 1\n#### 18", ["18"]),
        ("hash4", "##### 18\n#### 19\nbye", ["19"]),
        ("plain", "blah\n\n42", ["42"]),
        ("plain", "The answer is 42", ["42"]),
        ("plain", "The final answer is: **42**", ["42"]),
        ("plain", "Answer: 42\nI hope this helps.", ["42"]),
        ("plain", "answer: 41\nanswer: 42", ["41", "42"]),
        ("plain", "The answer is **42**.", ["42"]),
        ("plain", "**The answer is 42.**", ["42."]),
        ("plain", "**Answer: 42**", ["42"]),
        ("plain", "**42**", ["42"]),
        ("plain", "The answer is **42** or **43**", ["42** or **43**"]),
        ("plain", "Answer: 2**3", ["2**3"]),
        ("answer_tag", "<answer>The answer is 42.</answer>", ["42."]),
        ("answer_tag", "<answer>**The final answer is: 42**</answer>", ["42"]),
        ("answer_tag", "<answer>The answer is not 42</answer>", ["not 42"]),
        ("answer_tag", "<answer>So the answer is 42</answer>", ["So the answer is 42"]),
        ("answer_tag", "<answer>The answer is</answer>", ["The answer is"]),
        ("hash4", "Therefore #### 42", ["42"]),
        ("hash4", "**#### 42**", ["42"]),
        ("hash4", "#### **42**", ["42"]),
        ("hash4", "#### 41\nTherefore #### 42", ["41", "42"]),
        ("hash4", "#### 41 #### 42", ["41", "42"]),
        ("hash4", "#### 42\nSee #### Notes", ["42"]),
        ("hash4", "#### 42 or 43", ["42 or 43"]),
        ("whole", " 42\n", ["42"]),
    ],
)
def test_what_is_declared(template: str, text: str, answers: list[str]) -> None:
    assert list(extract(text, template).answers) == answers


@pytest.mark.parametrize(
    ("template", "text", "cause"),
    [
        ("boxed", "no box", "no_answer"),
        ("boxed", "boxed{42}", "no_answer"),
        ("boxed", r"\boxed{42", "truncated"),
        ("boxed", r"\boxed{42} no, \boxed{4", "truncated"),
        ("boxed", r"<think>\boxed{42}", "truncated"),
        ("boxed", "<think>a</th\u0456nk>\\boxed{42}", "truncated"),
        ("boxed", "<think>a</thi\u200bnk>\\boxed{42}", "truncated"),
        ("answer_tag", "42", "no_answer"),
        ("answer_tag", "<answer>42", "truncated"),
        ("answer_tag", "</answer>42<answer>", "no_answer"),
        ("answer_tag", "<answer>42</answer><answer>42</answer>", "hedged"),
        ("answer_tag", "<answer><answer>42</answer>", "hedged"),
        ("hash4", "the answer is 18", "no_answer"),
        ("hash4", "####", "no_answer"),
        ("plain", " \n ", "no_answer"),
        ("whole", "", "no_answer"),
        ("boxed", r"\boxed{1}" * 1001, "flooding"),
    ],
)
def test_why_there_is_none(template: str, text: str, cause: str) -> None:
    assert extract(text, template).cause == cause


def test_the_prompt_may_have_opened_the_thinking() -> None:
    assert extract(r"\boxed{1}", "boxed", prefilled=True).cause == "truncated"
    assert extract(r"x</think>\boxed{1}", "boxed", prefilled=True).answers == ("1",)


def test_an_unknown_template_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown template 'box'. Known: boxed"):
        extract("", "box")


@pytest.mark.parametrize(
    "text", ["4\x002", "\u202e24", "4\u200b2", "4\u20602", "\x1b[1m4", "\ud800"]
)
def test_characters_that_hide_something(text: str) -> None:
    assert has_forbidden_characters(text)


@pytest.mark.parametrize("text", ["4 2", "4\n2\t", "\u00bd", "\u03c0", "\u6c34", "\u00a0"])
def test_characters_that_do_not(text: str) -> None:
    assert not has_forbidden_characters(text)


@given(st.text(), st.sampled_from(TEMPLATES))
def test_any_text_has_answers_or_a_cause(text: str, template: str) -> None:
    found = extract(text, template)
    assert bool(found.answers) or bool(found.cause)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    "piece",
    [
        r"\boxed{1}",
        r"\boxed{",
        r"\boxed ",
        "<answer>",
        "#### 1\n",
        "answer: ",
        "final ",
        "<think>",
        "{",
        "\\",
        " ",
        "**",
    ],
)
def test_a_hostile_completion_is_read_in_one_pass(template: str, piece: str) -> None:
    found = extract(piece * 20_000, template)
    assert len(found.answers) <= 1000
