"""The data check: what it counts, shows and advises."""

import json
from pathlib import Path
from typing import Any

import pytest

from cogitate.data.check import DataReport, check_file
from cogitate.errors import DataError
from cogitate.schema import Problem
from cogitate.tasks.config import DatasetConfig
from cogitate.tasks.dataset import scan
from cogitate.tasks.hashing import is_held_out

STORY = (
    "A farmer has {} sheep in one field and twice as many in the other field, "
    "how many sheep does she have in all?"
)


class Words:
    """A tokenizer whose tokens are words."""

    def encode(self, text: str) -> list[int]:
        return [len(word) for word in text.split()]


class QA:
    """A template with a visible prefix."""

    def render(self, problem: Problem) -> str:
        return f"Q: {problem.question}\nA:"


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(600)]
    return write(tmp_path / "clean.jsonl", rows)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = write(
        tmp_path / "mixed.jsonl",
        [
            {"prompt": "q one", "answer": "1"},
            {"prompt": "q two", "answer": "one of many"},
            {"prompt": "q three", "answer": "x" * 300},
            {"prompt": "q one", "answer": "1"},
            {"x": 1},
            {"prompt": STORY.format(12), "answer": "36"},
        ],
    )
    with path.open("a", encoding="utf-8") as file:
        file.write('{"prompt"')
    return path


def test_a_clean_file_needs_nothing(clean: Path):
    report = check_file(clean)
    assert report.load.styles == {"question-answer": 600}
    assert report.load.num_usable == 600
    assert report.advice == ("Nothing: the file can be used as it is.",)
    assert report.ok
    assert report.longest_prompt is None
    assert report.overlap is None
    rows, _ = scan(DatasetConfig(path=str(clean)), str(clean))
    assert report.held_out == sum(is_held_out(row.key) for row in rows)


def test_the_first_three_prompts_are_shown_as_the_policy_sees_them(clean: Path):
    plain = check_file(clean).prompts
    assert [(shown.row, shown.prompt, shown.gold) for shown in plain] == [
        (1, "What is 0 + 0?", "0"), (2, "What is 1 + 1?", "2"), (3, "What is 2 + 2?", "4"),
    ]  # fmt: skip
    assert check_file(clean, template=QA()).prompts[1].prompt == "Q: What is 1 + 1?\nA:"


def test_the_longest_prompt_is_counted_in_tokens_of_the_rendered_prompt(mixed: Path):
    report = check_file(mixed, tokenizer=Words())
    assert (report.longest_prompt, report.longest_prompt_row) == (len(STORY.split()), 6)
    rendered = check_file(mixed, tokenizer=Words(), template=QA())
    assert rendered.longest_prompt == len(STORY.split()) + 2


def test_every_fault_is_counted_with_its_row_and_advice(mixed: Path):
    report = check_file(mixed)
    load = report.load
    assert (load.num_rows, load.num_usable) == (7, 3)
    assert [fault.number for fault in load.bad_rows] == [5, 7]
    assert [fault.number for fault in load.bad_gold] == [3]
    assert [fault.number for fault in load.duplicates] == [4]
    advice = " ".join(report.advice)
    assert "1 gold answers cannot be used" in advice
    assert "2 rows cannot be read and are skipped" in advice
    assert "1 questions are repeated" in advice
    assert "1 gold answers are compared as text" in advice
    assert "rows fall into the held-out split" in advice


def test_overlap_with_an_evaluation_file_is_found_and_comes_first(mixed: Path, tmp_path: Path):
    evaluation = write(
        tmp_path / "eval.jsonl",
        [
            {"question": "Something else entirely", "answer": "y" * 500},
            {"question": STORY.format(99), "answer": "297"},
        ],
    )
    report = check_file(mixed, against=[evaluation])
    assert report.overlap is not None
    assert report.overlap.num_evaluation_questions == 2  # bad gold answers count as questions
    (found,) = report.overlap.overlaps
    assert (found.row, found.evaluation, found.evaluation_row) == (6, str(evaluation), 2)
    assert found.shared == "sheep in one field and twice as many in the"
    assert not report.ok
    assert report.advice[0].startswith("1 questions share 10 words in a row")
    # Thirteen words: the run after the differing number has 18, so it is still found.
    assert check_file(mixed, against=[evaluation], ngram=13).overlap.overlaps  # type: ignore


def test_no_overlap_is_fine(clean: Path, tmp_path: Path):
    evaluation = write(tmp_path / "eval.jsonl", [{"question": "What is 7 + 9?", "answer": "16"}])
    report = check_file(clean, against=[evaluation])
    assert report.overlap is not None
    assert report.overlap.overlaps == ()
    assert report.ok


def test_a_file_of_another_kind_gives_a_report_and_not_an_error(tmp_path: Path):
    report = check_file(write(tmp_path / "a.jsonl", [{"text": "x"}] * 3))
    assert not report.ok
    assert report.prompts == ()
    assert report.advice[0].startswith("No row can be used. Name the columns")
    assert "style           none recognised" in report.render()
    assert check_file(write(tmp_path / "b.jsonl", []), tokenizer=Words()).longest_prompt is None


def test_the_answer_kind_can_be_declared(mixed: Path):
    report = check_file(mixed, answer_kind="number")
    assert report.load.answer_kinds == {"number": 2}
    assert report.load.num_bad_gold == 2


def test_a_missing_file_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        check_file(tmp_path / "none.jsonl")


def test_the_dictionary_is_json(mixed: Path, clean: Path):
    report = check_file(mixed, against=[clean], tokenizer=Words())
    values = json.loads(json.dumps(report.to_dict()))
    assert values["load"]["num_usable"] == 3
    assert values["load"]["bad_rows"][0]["number"] == 5
    assert values["prompts"][0]["answer_kind"] == "number"
    assert values["overlap"]["fraction"] == 0.0
    assert values["ok"] is True
    assert set(values) == {*DataReport.__slots__, "ok"}


def test_the_text_says_everything(mixed: Path, tmp_path: Path):
    evaluation = write(tmp_path / "e.jsonl", [{"question": STORY.format(1), "answer": "3"}])
    text = check_file(mixed, against=[evaluation], tokenizer=Words()).render()
    for expected in (
        f"{mixed}\n  style           prompt-answer (5 rows)\n  rows            7\n",
        "  gold answers    number (2), text (1)\n",
        "  bad rows        2\n  bad gold        1\n  duplicates      1\n",
        f"  longest prompt  {len(STORY.split())} tokens, row 6\n",
        "1 of 3 questions share 10 words with 1 evaluation questions\n",
        '    row 6: "sheep in one field and twice as many in the" is in ',
        "bad rows\n  row 5: columns ['x'] fit no known style\n  row 7: torn last line",
        "bad gold\n  row 3: gold answer 'xxx",
        "duplicates\n  row 4: same question as row 1\n",
        "row 1, gold answer '1' as number:\n  | q one\n",
        "what to do\n  - 1 questions share 10 words",
    ):
        assert expected in text


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "red \x1b[31m\x07 line\nnext", "answer": "1"}])
    text = check_file(path).render()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "  | red \ufffd[31m\ufffd line\n  | next\n" in text
