"""The data set task: gold answers checked before training, splits, epochs, verifying."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from cogitate.errors import DataError, RewardError
from cogitate.schema import Message, Problem
from cogitate.tasks.config import DatasetConfig
from cogitate.tasks.dataset import (
    DatasetTask,
    LoadReport,
    canonical_text,
    load_dataset_task,
    scan,
)
from cogitate.tasks.hashing import is_held_out
from cogitate.verdict import Status

NUM_ROWS = 60


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    """Sixty additions in GSM8K's style."""
    rows = []
    for i in range(NUM_ROWS):
        total = i + 1
        rows.append(
            {
                "question": f"What is {i} + 1?",
                "answer": f"{i}+1=<<{i}+1={total}>>{total}\n#### {total}",
            }
        )
    return write(tmp_path / "sums.jsonl", rows)


def load(path: Path, **settings: Any) -> DatasetTask:
    run_seed = settings.pop("run_seed", 0)
    config = DatasetConfig.model_validate({"path": str(path), **settings})
    return load_dataset_task(config, run_seed=run_seed)


def report_of(path: Path, **settings: Any) -> LoadReport:
    return scan(DatasetConfig.model_validate({"path": str(path), **settings}), str(path))[1]


def questions(task: DatasetTask, split: str, count: int) -> list[str]:
    return [task.problem(split, i).question for i in range(count)]


def test_every_row_becomes_a_problem_of_one_split(sums: Path):
    task = load(sums)
    train, held_out = task.size("train"), task.size("heldout")
    assert train is not None
    assert held_out is not None
    assert train + held_out == NUM_ROWS
    assert 3 <= held_out <= 18  # 9 expected
    everything = questions(task, "train", train) + questions(task, "heldout", held_out)
    assert len(set(everything)) == NUM_ROWS


def test_a_problem_has_its_gold_answer_working_and_row(sums: Path):
    task = load(sums, name="gsm8k")
    problem = task.problem("train", 0)
    number = int(problem.question.split()[2])
    assert problem.answer == str(number + 1)
    assert problem.task == "gsm8k"
    assert problem.id.startswith("gsm8k/train/")
    assert problem.metadata == {
        "answer_kind": "number",
        "difficulty": None,
        "solution": f"{number}+1={number + 1}",
        "row": number + 1,
    }
    assert task.solution(problem) == (f"{number}+1={number + 1}", str(number + 1))
    assert task.verify(problem, f"So it is {number + 1}.").score == 1.0
    assert task.verify(problem, str(number)).score == 0.0
    assert task.verify(problem, None).score == 0.0


def test_the_split_does_not_depend_on_order_name_or_seed(sums: Path, tmp_path: Path):
    rows = [json.loads(line) for line in sums.read_text(encoding="utf-8").splitlines()]
    other = write(tmp_path / "other.jsonl", rows[::-1])
    first, second = load(sums), load(other, name="x", seed=9, run_seed=4)
    for split in ("train", "heldout"):
        size = first.size(split)
        assert size == second.size(split)
        assert size is not None
        assert set(questions(first, split, size)) == set(questions(second, split, size))


def test_each_epoch_is_every_row_once_in_a_new_order(sums: Path):
    task = load(sums)
    size = task.size("train")
    assert size is not None
    stream = questions(task, "train", 3 * size)
    epochs = [stream[i * size : (i + 1) * size] for i in range(3)]
    assert all(set(epoch) == set(epochs[0]) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert stream == questions(load(sums), "train", 3 * size)


def test_the_run_seed_orders_training_and_not_evaluation(sums: Path):
    one, two = load(sums, run_seed=1), load(sums, run_seed=2)
    assert questions(one, "train", 10) != questions(two, "train", 10)
    assert questions(one, "heldout", 5) == questions(two, "heldout", 5)


def test_the_same_question_with_other_spaces_or_case_is_one_row(tmp_path: Path):
    path = write(
        tmp_path / "a.jsonl",
        [
            {"question": "What is 2 + 3?", "answer": "5"},
            {"question": " what  is\n2 + 3?", "answer": "5"},
            {"question": "What is 2 + 3?", "answer": "6"},
        ],
    )
    report = report_of(path)
    assert (report.num_usable, report.num_duplicates) == (1, 2)
    assert [fault.reason for fault in report.duplicates] == [
        "same question as row 1",
        "same question as row 1 with another gold answer",
    ]


def test_canonical_text():
    assert canonical_text(" What\n is  \uff12? ") == "what is 2?"


def test_a_second_source_is_the_held_out_split_and_never_trained_on(
    sums: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    evaluation = write(
        tmp_path / "test.jsonl",
        [
            {"question": "What is 3 + 1?", "answer": "4"},  # also in the training file
            {"question": "WHAT IS  5 + 1?", "answer": "6"},  # also there, in other letters
            {"question": "What is 100 + 1?", "answer": "101"},
        ],
    )
    with caplog.at_level(logging.WARNING):
        task = load(sums, held_out_path=str(evaluation))
    assert (task.size("train"), task.size("heldout")) == (NUM_ROWS - 2, 3)
    trained = set(questions(task, "train", NUM_ROWS - 2))
    assert not trained & {"What is 3 + 1?", "What is 5 + 1?"}
    assert "left 2 rows out of training" in caplog.text


def test_bad_rows_and_bad_gold_are_dropped_counted_and_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "a.jsonl"
    good = [{"prompt": f"q{i}", "answer": str(i)} for i in range(5)]
    write(path, [
        good[0],
        {"prompt": "q", "answer": "x" * 300},
        good[1],
        {"prompt": "q"},
        {"prompt": "q", "answer": {"a": 1}},
        {"other": 1},
        {"prompt": "bad\0", "answer": "1"},
        good[2],
    ])  # fmt: skip
    with path.open("ab") as file:
        file.write(b'{"prompt": "torn')
    with caplog.at_level(logging.WARNING):
        task = load(path)
    assert sum(task.size(split) or 0 for split in ("train", "heldout")) == 3
    report = report_of(path)
    assert (report.num_rows, report.num_usable) == (9, 3)
    assert {fault.number: fault.reason.split(":")[0] for fault in report.bad_rows} == {
        6: "columns ['other'] fit no known style",
        7: "the text holds a NUL character",
        9: "torn last line, not JSON",
    }
    golds = {fault.number: fault.reason for fault in report.bad_gold}
    assert [*golds] == [2, 4, 5]
    assert golds[2].endswith("longer than 200 characters, which no answer will equal")
    assert "xxx...'" in golds[2]
    assert golds[4] == "gold answer: the row has none"
    assert golds[5].endswith("it has parts that are no tests; declare its answer_kind")
    assert "3 of 9 rows usable" in caplog.text
    assert "3 bad rows, 3 gold answers that cannot be used" in caplog.text


def test_examples_are_limited_and_counts_are_not(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "q", "answer": "1"}, *([{"x": 1}] * 50)])
    report = report_of(path)
    assert report.num_bad_rows == 50
    assert len(report.bad_rows) == 20


@pytest.mark.parametrize(
    ("declared", "usable", "kinds"),
    [
        ("auto", 4, {"number": 2, "text": 2}),
        ("number", 2, {"number": 2}),
        ("text", 4, {"text": 4}),
        ("choice", 1, {"choice": 1}),
        ("none", 5, {"none": 5}),
    ],
)
def test_answer_kinds(tmp_path: Path, declared: str, usable: int, kinds: dict[str, int]):
    golds = ["7", r"\frac{1}{2}", "Evelyn", "B", None]
    rows = [{"prompt": f"q{i}", "answer": gold} for i, gold in enumerate(golds)]
    report = report_of(write(tmp_path / "a.jsonl", rows), answer_kind=declared)
    assert report.num_usable == usable
    assert report.answer_kinds == kinds


def test_rows_are_verified_by_their_own_kind(tmp_path: Path):
    path = write(
        tmp_path / "a.jsonl",
        [
            {"question": "Which is red?", "choices": ["grass", "blood"], "answer": 1},
            {"problem": "Half?", "solution": r"so $\boxed{\frac{1}{2}}$"},
            {"prompt": "Who?", "answer": "Evelyn"},
        ],
    )
    task = load(path)
    problems = {
        problem.metadata["answer_kind"]: problem
        for split in ("train", "heldout")
        for problem in (task.problem(split, i) for i in range(task.size(split) or 0))
    }
    assert task.verify(problems["choice"], "The answer is B").score == 1.0
    assert task.verify(problems["choice"], "blood").score == 0.0
    assert task.verify(problems["number"], "0.5").score == 1.0
    assert task.verify(problems["text"], "evelyn").score == 1.0
    assert task.verify(problems["text"], "0.5").score == 0.0


def test_declared_to_have_no_gold_answer_nothing_is_right_and_nothing_fails(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", [{"prompt": f"Poem {i}"} for i in range(20)])
    task = load(path, answer_kind="none")
    problem = task.problem("train", 0)
    assert problem.answer is None
    # A reward of the user's own decides; an error here would take its rollouts away from it.
    assert task.verify(problem, "Roses").score == 0.0
    with pytest.raises(DataError, match="has no gold answer"):
        task.solution(problem)


def test_a_problem_that_lost_its_gold_answer_is_an_error(sums: Path):
    broken = Problem(
        id="x/train/1",
        task="x",
        messages=(Message(role="user", content="?"),),
        answer=None,
        metadata={"answer_kind": "number"},
    )
    with pytest.raises(RewardError, match=r"x/train/1 has no gold answer\. Drop it"):
        load(sums).verify(broken, "7")


def test_a_gold_answer_of_another_kind_is_an_error(sums: Path):
    broken = Problem(
        id="x/train/1", task="x", messages=(Message(role="user", content="?"),),
        answer="p - q", metadata={"answer_kind": "number"},
    )  # fmt: skip
    with pytest.raises(RewardError, match="x/train/1: its gold answer 'p - q' cannot be used as"):
        load(sums).verify(broken, "7")


def test_nothing_usable_is_an_error_that_shows_rows_and_ways_out(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", [{"text": "x"}, {"text": "y"}])
    with pytest.raises(DataError) as caught:
        load(path)
    message = str(caught.value)
    assert "none of its 2 rows can be used. row 1: columns ['text'] fit no known" in message
    assert "question_column" in message
    assert "cogitate data check" in message
    path.write_bytes(b"")
    with pytest.raises(DataError, match="It is empty"):
        load(path)


def test_an_empty_held_out_split_is_an_error_when_asked_for(tmp_path: Path):
    rows = [{"prompt": "q0", "answer": "0"}]
    task = load(write(tmp_path / "a.jsonl", rows))
    full, empty = ("train", "heldout") if task.size("train") else ("heldout", "train")
    assert task.problem(full, 3).question == "q0"
    with pytest.raises(DataError, match=rf"no row of .* is in the {empty} split .* held_out_path"):
        task.problem(empty, 0)


def test_reading_stops_at_max_rows_and_says_so(sums: Path):
    report = report_of(sums, max_rows=10)
    assert (report.num_usable, report.num_rows, report.cut_at_max_rows) == (10, 10, True)
    assert report.summary().endswith("stopped at max_rows")
    whole = report_of(sums, max_rows=NUM_ROWS)
    assert (whole.num_usable, whole.cut_at_max_rows) == (NUM_ROWS, False)


def test_a_row_too_long_in_any_format_is_skipped(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("prompt,answer\n" + "x" * 300 + ",1\nq,2\n", encoding="utf-8")
    report = report_of(path, max_row_bytes=256)
    assert (report.num_usable, report.num_bad_rows) == (1, 1)
    assert report.bad_rows[0].reason == "longer than 256 bytes"


def test_named_columns(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", [{"ask": f"q{i}", "tell": str(i)} for i in range(10)])
    task = load(path, question_column="ask", answer_column="tell")
    problem = task.problem("train", 0)
    assert problem.question == f"q{problem.answer}"


def test_the_key_decides_the_split(sums: Path):
    rows, _ = scan(DatasetConfig(path=str(sums)), str(sums))
    task = load(sums)
    held_out = {row.record.question for row in rows if is_held_out(row.key)}
    size = task.size("heldout")
    assert size is not None
    assert set(questions(task, "heldout", size)) == held_out


def test_the_tests_of_a_program_are_no_answer(tmp_path: Path):
    tests = {"inputs": ["2\n"], "outputs": ["4\n"]}
    solved = "```python\nprint(int(input()) ** 2)\n```"
    rows = [
        {"problem": f"Square it, {n}.", "verification_info": tests, "solution": solved}
        for n in range(3)
    ]
    task = load(write(tmp_path / "code.jsonl", rows))
    problem = task.problem("train" if task.size("train") else "heldout", 0)
    assert problem.metadata["answer_kind"] == "code"
    assert task.verifies_elsewhere
    assert task.solution(problem) == ("", solved)
    assert task.verify(problem, solved).status is Status.CORRECT
    assert task.verify(problem, "```python\nprint(5)\n```").status is Status.WRONG
    assert task.verify(problem, None).status is Status.UNPARSEABLE
