"""Record files: the schema, torn lines, problems there and back."""

import json
from pathlib import Path
from typing import Any

import pytest

from cogitate.data.records import (
    OPTIONAL_ROLLOUT_FIELDS,
    PROBLEM_FIELDS,
    ROLLOUT_FIELDS,
    problem_from_row,
    problem_to_row,
    read_problems,
    read_rollouts,
    write_problems,
)
from cogitate.errors import DataError
from cogitate.schema import Completion, FinishReason, Message, Problem, Prompt, Reward
from cogitate.tasks.config import CountdownConfig, DatasetConfig
from cogitate.tasks.countdown import CountdownTask
from cogitate.tasks.dataset import load_dataset_task
from cogitate.train.rollout_rows import rollout_row


def rollout(**changes: Any) -> dict[str, Any]:
    return {
        "step": 3, "problem_id": "a/train/1", "task": "a", "sample": 0, "question": "1 + 1?",
        "prompt": "Q: 1 + 1?\nA:", "completion": " 2", "prompt_ids": [1, 2], "completion_ids": [3],
        "logprobs": [-0.5], "reward": 1.0, "parts": {"accuracy": 1.0}, "error": None, "cause": "", "verdict": "correct",
        "parsed_answer": "2", "gold": "2", "format_ok": True, "difficulty": 1,
        "finish_reason": "stop", "advantage": 0.5,
        "policy_version": 3, **changes,
    }  # fmt: skip


def problem(**changes: Any) -> Problem:
    return Problem(
        **{
            "id": "a/train/1",
            "task": "a",
            "messages": (Message(role="system", content="S"), Message(role="user", content="ü?")),
            "answer": "2",
            "metadata": {"operands": [1, 1], "difficulty": 1},
            **changes,
        }
    )


def test_the_example_row_has_every_field_of_the_schema():
    assert {*rollout(), *OPTIONAL_ROLLOUT_FIELDS} == set(ROLLOUT_FIELDS)
    assert set(problem_to_row(problem())) == set(PROBLEM_FIELDS)
    assert all(ROLLOUT_FIELDS.values())


def test_the_schema_is_what_training_writes():
    written = rollout_row(
        step=1,
        problem=problem(),
        sample=0,
        prompt=Prompt(token_ids=(1,), text="?", key=0),
        completion=Completion(
            token_ids=(2,), logprobs=(-0.5,), text="2", finish_reason=FinishReason.STOP
        ),
        reward=Reward(value=1.0, parts={"accuracy": 1.0}),
        format_ok=True,
        advantage=None,
        mode="greedy",
    )
    assert set(written) == set(ROLLOUT_FIELDS)


def test_rollouts_are_read_back(tmp_path: Path):
    path = tmp_path / "000003.jsonl"
    rows = [rollout(), rollout(sample=1, reward=None, error="died", mode="greedy")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    records = read_rollouts(path)
    assert list(records.rows) == rows
    assert records.skipped == ()
    assert records.note(path) is None


def test_a_torn_last_line_is_skipped_and_reported_at_every_cut(tmp_path: Path):
    path = tmp_path / "000003.jsonl"
    line = json.dumps(rollout()) + "\n"
    for cut in range(2, len(line), 7):
        path.write_text((line + line)[:-cut], encoding="utf-8")
        records = read_rollouts(path)
        assert len(records.rows) == 1
        assert records.skipped[0].number == 2
        note = records.note(path)
        assert note is not None
        assert "skipped 1 of 2 lines, first line 2: torn last line" in note


def test_a_rollout_without_a_field_is_skipped(tmp_path: Path):
    path = tmp_path / "000003.jsonl"
    short = rollout()
    del short["logprobs"], short["gold"]
    path.write_text(f"{json.dumps(short)}\n{json.dumps(rollout())}\n", encoding="utf-8")
    records = read_rollouts(path)
    assert len(records.rows) == 1
    assert records.skipped[0].reason == "no gold, logprobs"


def test_a_missing_file_is_an_error(tmp_path: Path):
    for read in (read_rollouts, read_problems):
        with pytest.raises(DataError, match="no such file"):
            read(tmp_path / "none.jsonl")


def test_problems_there_and_back(tmp_path: Path):
    path = tmp_path / "problems.jsonl"
    problems = [problem(), problem(id="a/train/2", answer=None, metadata={})]
    write_problems(path, problems)
    assert read_problems(path) == (problems, ())
    assert "ü" in path.read_text(encoding="utf-8")


def test_problems_of_a_procedural_task_survive_and_still_verify(tmp_path: Path):
    task = CountdownTask(CountdownConfig())
    problems = [task.problem("train", i) for i in range(10)]
    write_problems(tmp_path / "p.jsonl", problems)
    again, _ = read_problems(tmp_path / "p.jsonl")
    assert again == problems
    assert all(task.verify(p, p.answer) == 1.0 for p in again)


def test_written_problems_are_a_data_set(tmp_path: Path):
    path = tmp_path / "problems.jsonl"
    write_problems(path, [problem(id=str(i), messages=(Message(role="user", content=f"q{i}"),))
                          for i in range(20)])  # fmt: skip
    task = load_dataset_task(DatasetConfig(path=str(path)))
    assert (task.size("train") or 0) + (task.size("heldout") or 0) == 20
    assert task.problem("train", 0).answer == "2"


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": "1", "task": "a", "messages": 3, "answer": None, "metadata": {}},
        {"id": "1", "task": "a", "messages": [{}], "answer": None, "metadata": {}},
        {"id": "1", "task": "a", "messages": ["x"], "answer": None, "metadata": {}},
    ],
)
def test_something_else_is_not_a_problem(row: dict[str, Any]):
    with pytest.raises(DataError, match=r"not a problem: .* Expected id, task, messages"):
        problem_from_row(row)


def test_bad_problem_lines_are_skipped(tmp_path: Path):
    path = tmp_path / "problems.jsonl"
    write_problems(path, [problem()])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "2"}\n{"id": "3", "task": "a", "messages": [1], "answer": null, '
                   '"metadata": {}}\n{"id"')  # fmt: skip
    problems, skipped = read_problems(path)
    assert problems == [problem()]
    assert [bad.number for bad in skipped] == [2, 3, 4]
    assert skipped[0].reason == "no answer, messages, metadata, task"
    assert "not a problem" in skipped[1].reason
    assert skipped[2].reason.startswith("torn last line")


def test_numbers_that_json_does_not_have_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        write_problems(tmp_path / "p.jsonl", [problem(metadata={"difficulty": float("nan")})])
