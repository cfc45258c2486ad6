"""Column styles: one row of each, and rows that are refused."""

import json
from typing import Any

import pytest

from cogitate.schema import Message
from cogitate.tasks.columns import RowError, recognise, to_record

USER = [{"role": "user", "content": "What is 2 + 3?"}]
SYSTEM = [{"role": "system", "content": "Be brief."}, *USER]

STYLES: list[tuple[str, dict[str, Any]]] = [
    ("verl", {"data_source": "x", "prompt": USER, "ability": "math",
              "reward_model": {"style": "rule", "ground_truth": "5"},
              "extra_info": {"split": "train", "index": 0}}),
    ("open-instruct", {"messages": USER, "ground_truth": "5", "dataset": "gsm8k"}),
    ("open-instruct", {"messages": USER, "answer": "5"}),
    ("open-r1", {"problem": "What is 2 + 3?", "solution": r"It is $\boxed{5}$."}),
    ("open-r1", {"problem": "What is 2 + 3?", "solution": "Count on.", "answer": "5"}),
    ("question-answer", {"question": "What is 2 + 3?", "answer": "5"}),
    ("question-answer", {"question": "What is 2 + 3?", "answer": "2+3=<<2+3=5>>5\n#### 5"}),
    ("prompt-answer", {"prompt": "What is 2 + 3?", "answer": 5}),
    ("prompt-answer", {"prompt": USER, "answer": "5"}),
    ("trl", {"prompt": "What is 2 + 3?", "solution": r"\boxed{5}"}),
    ("trl", {"prompt": USER, "ground_truth": "5"}),
    ("trl", {"prompt": USER, "label": 5}),
    ("instruction-output", {"instruction": "What is 2 + 3?", "output": "5"}),
    ("messages", {"messages": [*USER, {"role": "assistant", "content": "5"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("style", "row"), STYLES)
def test_every_style_gives_the_same_question_and_gold_answer(style: str, row: dict[str, Any]):
    assert recognise(row) == style
    record = to_record(row)
    assert record.style == style
    assert record.messages == (Message(role="user", content="What is 2 + 3?"),)
    assert (record.gold, record.gold_fault) == ("5", None)


def test_messages_keep_their_system_turn():
    record = to_record({"messages": SYSTEM, "ground_truth": "5"})
    assert [message.role for message in record.messages] == ["system", "user"]
    assert record.question == "What is 2 + 3?"


def test_multiple_choice_lists_its_options():
    row = {"question": "Which is red?", "choices": ["grass", "blood"], "answer": 1}
    record = to_record(row)
    assert record.style == "multiple-choice"
    assert record.question == "Which is red?\nA. grass\nB. blood"
    assert record.gold == "B"
    assert to_record({**row, "answer": "A"}).gold == "A"
    assert to_record({**row, "choices": {"text": ["grass", "blood"]}}).question == record.question


@pytest.mark.parametrize("choices", ["ab", ["one"], list("abcdefghijk"), 3])
def test_multiple_choice_refuses_other_lists(choices: Any):
    with pytest.raises(RowError, match="choices"):
        to_record({"question": "?", "choices": choices, "answer": 0})


def test_named_columns_win():
    row = {"question": "wrong", "answer": "0", "q": "What?", "a": 7, "solution": "3 + 4"}
    record = to_record(row, question_column="q", answer_column="a")
    assert (record.style, record.question, record.gold) == ("declared", "What?", "7")
    assert to_record(row, question_column="q").gold == "0"
    assert to_record(row, answer_column="a").question == "wrong"
    for names in ({"question_column": "x"}, {"answer_column": "x"}):
        with pytest.raises(RowError, match='no column "x" among'):
            to_record(row, **names)


def test_a_prompt_alone_has_no_gold_answer():
    record = to_record({"prompt": "Write a poem."})
    assert (record.style, record.gold, record.gold_fault) == ("trl", None, None)


@pytest.mark.parametrize(
    ("gold", "fault"),
    [
        ({"target": {24}}, "JSON cannot hold"),
        ([5.0, float("nan")], "JSON cannot hold"),
        (True, "it is a bool"),
        ("5\0", "NUL"),
        ("\ud800", "surrogate"),
    ],
)
def test_gold_answers_of_another_type_are_faults_of_the_gold_only(gold: Any, fault: str):
    record = to_record({"prompt": "?", "ground_truth": gold})
    assert record.gold is None
    assert record.gold_fault is not None
    assert fault in record.gold_fault


@pytest.mark.parametrize(
    "gold", [{"numbers": [3, 5], "target": 15}, [{"input": "1"}, {"input": "2"}]]
)
def test_gold_answers_with_parts_are_kept_as_json(gold: Any):
    text = to_record({"prompt": "?", "ground_truth": gold}).gold
    assert text is not None and json.loads(text) == gold


def test_tests_of_programs_are_the_gold_answer():
    row = {"problem": "Square it.", "solution": "prose", "verification_info": {"test_cases": []}}
    assert to_record(row).gold == '{"test_cases": []}'


def test_gold_answers_that_arrive_as_numbers_or_lists_of_one():
    assert to_record({"prompt": "?", "answer": 2.5}).gold == "2.5"
    assert to_record({"prompt": "?", "answer": ["5"]}).gold == "5"
    assert to_record({"prompt": "?", "answer": float("nan")}).gold is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "x"}, r"columns \['text'\] fit no known style"),
        ({}, "fit no known style"),
        ({"prompt": None, "answer": "5"}, "fit no known style"),
        ({"prompt": "", "answer": "5"}, "the question is empty"),
        ({"prompt": "  \n", "answer": "5"}, "the question is empty"),
        ({"prompt": 5, "answer": "5"}, "the question is a int"),
        ({"prompt": [], "answer": "5"}, "the question is empty"),
        ({"prompt": ["x"], "answer": "5"}, "a message is not an object"),
        ({"prompt": [{"role": "root", "content": "x"}]}, "role 'root'"),
        ({"prompt": [{"role": "user", "content": ["x"]}]}, "content as text"),
        ({"prompt": [{"role": "system", "content": "x"}]}, "the question is empty"),
        ({"prompt": "a\0b"}, "NUL"),
        ({"prompt": "a\ud800b"}, "lone surrogate"),
        ({"prompt": USER, "reward_model": "{"}, "neither an object nor JSON"),
        ({"prompt": USER, "reward_model": [1]}, "not an object"),
    ],
)
def test_rows_that_cannot_become_a_problem_say_why(row: dict[str, Any], reason: str):
    with pytest.raises(RowError, match=reason):
        to_record(row)


def test_a_reward_model_may_be_json_text():
    record = to_record({"prompt": USER, "reward_model": '{"ground_truth": "5"}'})
    assert record.gold == "5"


def test_worked_solutions_are_kept():
    gsm8k = {"question": "?", "answer": "2+3 = <<2+3=5>>5\n#### 5"}
    assert to_record(gsm8k).solution == "2+3 = 5"
    assert to_record({"problem": "?", "solution": "Count on.", "answer": "5"}).solution == (
        "Count on."
    )
    nested = {"prompt": "?", "answer": "5", "extra_info": {"solution": "Count."}}
    assert to_record(nested).solution == "Count."
    assert to_record({"prompt": "?", "answer": "5"}).solution is None
    assert to_record({"prompt": "?", "answer": "5", "solution": "\0"}).solution is None


@pytest.mark.parametrize(
    ("columns", "difficulty"),
    [
        ({"level": 5}, 5.0),
        ({"level": "Level 3"}, 3.0),
        ({"difficulty": 0.25}, 0.25),
        ({"extra_info": {"difficulty": 2}}, 2.0),
        ({"level": "hard"}, None),
        ({"level": True}, None),
        ({"level": float("inf")}, None),
        ({}, None),
    ],
)
def test_difficulty(columns: dict[str, Any], difficulty: float | None):
    assert to_record({"prompt": "?", "answer": "5", **columns}).difficulty == difficulty


@pytest.mark.parametrize(
    ("answer", "words"),
    [(4, "answer 4 is none of 4"), (-1, "answer -1 is none"), ("E", "'E' is none"), ("j ", "'J'")],
)
def test_a_gold_answer_that_names_no_choice_is_a_fault(answer: Any, words: str):
    row = {"question": "Which?", "choices": ["a", "b", "c", "d"], "answer": answer}
    with pytest.raises(RowError, match=words):
        to_record(row)


def test_preferences_are_for_reward_models():
    with pytest.raises(RowError, match="reward-model train"):
        to_record({"prompt": "Say hello.", "chosen": "Hello!", "rejected": "No."})
