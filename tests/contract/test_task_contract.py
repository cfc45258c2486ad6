"""The contract of ``cogitate.protocols.Task``, for every kind of task there is.

A task grades its own gold answer, refuses every corruption of it, never raises on text of a
model, is a pure function of its arguments, and never trains on what it evaluates.
"""

import json
import string
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cogitate.errors import ConfigError
from cogitate.protocols import Task
from cogitate.rewards.verification import verify
from cogitate.tasks.config import TaskConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.mixture import build_task

CONFIG: TypeAdapter[TaskConfig] = TypeAdapter(TaskConfig)
NUM_PROBLEMS = 25

TABLES: dict[str, dict[str, Any]] = {
    "addition": {"kind": "arithmetic"},
    "all operations": {
        "kind": "arithmetic", "operations": list("+-*/"), "terms": [2, 4], "digits": [1, 3],
        "allow_negative": True,
    },
    "chain sum": {"kind": "chain_sum"},
    "last digit": {"kind": "chain_sum", "modulus": 10, "terms": [3, 8]},
    "remainder": {"kind": "chain_sum", "modulus": 7},
    "countdown": {"kind": "countdown"},
    "countdown with a choice": {"kind": "countdown", "num_values": [3, 5], "use_all": False},
    "extremes": {"kind": "extremes"},
    "selection": {"kind": "selection", "num_values": [2, 8]},
    "comparison": {"kind": "comparison"},
    "decimals": {"kind": "comparison", "digits": [1, 2], "decimals": [0, 3]},
    "one step": {"kind": "word_problems", "operations": list("+-*")},
    "two steps": {"kind": "word_problems", "operations": list("+-*"), "steps": 2},
    "numbers of a file": {"kind": "dataset", "path": "numbers"},
    "text of a file": {"kind": "dataset", "path": "text"},
    "choices of a file": {"kind": "dataset", "path": "choices"},
}  # fmt: skip

FILES: dict[str, list[dict[str, Any]]] = {
    "numbers": [
        {"question": f"Half of {i}?", "answer": f"It is\n#### {i}/2"} for i in range(1, 61)
    ],
    "text": [{"prompt": f"Who is {i}?", "answer": f"Mr {chr(65 + i % 26)}{i}"} for i in range(60)],
    "choices": [
        {"question": f"Which is {i}?", "choices": ["none", f"{i}", "both"], "answer": 1}
        for i in range(60)
    ],
}

GARBAGE = [
    "", " ", "\n", "\0", "\ud800", "None", "nan", "inf", "-", "+", ".", "/", "1/0", "0/0", "--1",
    "2**9**9**9", "9" * 100_000, "(" * 100_000, "1/" * 50_000, "{" * 100_000, "1,2,3,4,5",
    "\\frac{1}{0}", "\\boxed{", "<answer>", "__import__('os')", "\u0663", "e" * 1000, "\x1b[31m",
    "\U0001f600" * 1000, "1e999999999", "0x10", "½", "1" + "0" * 5000, "-" * 100_000,
]  # fmt: skip


@pytest.fixture(scope="module", params=TABLES, ids=lambda name: name.replace(" ", "-"))
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    table = dict(TABLES[request.param])
    if table["kind"] == "dataset":
        path: Path = tmp_path_factory.mktemp("data") / f"{table['path']}.jsonl"
        rows = FILES[table["path"]]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        table["path"] = str(path)
    return table


@pytest.fixture(scope="module")
def task(table: dict[str, Any]) -> Task:
    return build_task(CONFIG.validate_python(table))


@pytest.fixture(scope="module")
def problems(task: Task):
    return [task.problem(split, i) for split in ("train", "heldout") for i in range(NUM_PROBLEMS)]


def test_the_gold_solution_is_right(task: Task, problems):
    for problem in problems:
        thinking, answer = task.solution(problem)
        assert verify(task, problem, answer).score == 1.0
        assert verify(task, problem, f"  {answer}\n").score == 1.0
        assert isinstance(thinking, str)


def test_the_gold_answer_of_the_problem_is_the_solution(task: Task, problems):
    assert all(task.solution(problem)[1] == problem.answer for problem in problems)


def test_a_corrupted_gold_answer_is_wrong(task: Task, problems):
    for number, problem in enumerate(problems):
        assert problem.answer is not None
        draw = Draw("corrupt", number)
        for position in range(len(problem.answer)):
            if problem.answer[position] not in string.digits + string.ascii_uppercase:
                continue
            old = problem.answer[position]
            alphabet = "123456789" if old.isdigit() else "ABCDEFGHIJ"
            new = draw.choice([char for char in alphabet if char != old])
            corrupted = problem.answer[:position] + new + problem.answer[position + 1 :]
            assert verify(task, problem, corrupted).score == 0.0, (problem.answer, corrupted)


def test_nothing_is_not_an_answer(task: Task, problems):
    assert verify(task, problems[0], None).score == 0.0
    assert verify(task, problems[0], "").score == 0.0


def test_the_question_is_not_its_answer(task: Task, problems):
    # Repeating the question may end with the right number by chance (a list's last number is
    # its largest), but it must not be a way to win.
    won = sum(verify(task, problem, problem.question).score for problem in problems)
    assert won < 0.6 * len(problems)


def test_garbage_is_wrong_fast_and_never_raises(task: Task, problems):
    for garbage in GARBAGE:
        start = time.process_time()
        for problem in problems[:3]:
            if problem.answer not in garbage:
                assert verify(task, problem, garbage).score == 0.0, garbage[:50]
        assert time.process_time() - start < 1.0, garbage[:50]


@given(text=st.text())
def test_any_text_gets_a_score(task: Task, problems, text: str):
    assert verify(task, problems[0], text).score in (0.0, 1.0)


def test_a_problem_is_a_pure_function(task: Task, table: dict[str, Any], problems):
    again = build_task(CONFIG.validate_python(table))
    for split, offset in (("heldout", NUM_PROBLEMS), ("train", 0)):
        for index in reversed(range(NUM_PROBLEMS)):
            assert again.problem(split, index) == problems[offset + index]


def test_ids_are_unique_to_a_question(problems):
    by_id = {problem.id: problem.question for problem in problems}
    assert len(set(by_id.values())) == len(by_id)
    assert len({problem.question for problem in problems}) == len(by_id)


def test_ids_name_task_and_split(task: Task, problems):
    for number, problem in enumerate(problems):
        split = "train" if number < NUM_PROBLEMS else "heldout"
        assert problem.id.startswith(f"{task.name}/{split}/")
        assert problem.task == task.name


def test_problems_are_json_and_carry_their_difficulty(problems):
    for problem in problems:
        assert json.loads(json.dumps(dict(problem.metadata))) == problem.metadata
        difficulty = problem.metadata["difficulty"]
        assert difficulty is None or difficulty >= 1


def test_questions_are_text_a_person_can_read(problems):
    for problem in problems:
        assert problem.question == problem.question.strip()
        assert problem.question[0].isupper()
        assert problem.question.isprintable() or "\n" in problem.question
        assert "  " not in problem.question


def test_no_question_is_in_both_splits(task: Task):
    trained = {task.problem("train", i).question for i in range(60)}
    held_out = {task.problem("heldout", i).question for i in range(30)}
    assert not trained & held_out


def test_the_size_is_known_or_endless(task: Task):
    for split in ("train", "heldout"):
        size = task.size(split)
        assert size is None or size > 0
        assert task.problem(split, (size or 0) + 3).answer is not None


def test_an_unknown_split_is_an_error(task: Task):
    for call in (lambda: task.size("test"), lambda: task.problem("test", 0)):
        with pytest.raises(ConfigError, match="Known: train, heldout"):
            call()
