"""Reading run directories, whole, partial and damaged."""

import json
from pathlib import Path

import pytest

from cogitate.errors import DataError
from cogitate.report.load import evenly, load_run, read_jsonl, read_rollouts, rollout_row
from synthetic_run import make_run


def test_a_finished_run(run_dir: Path) -> None:
    run = load_run(run_dir)
    assert run.name == "full"
    assert run.algorithm == "grpo"
    assert run.planned_steps == run.last_step == 20
    assert run.model_source == "smollm2-135m"
    assert run.is_complete
    assert run.tasks == ["largest", "addition", "word_problem"]
    assert run.modes == ["greedy", "sampled"]
    assert run.eval_steps == [0, 5, 10, 15, 20]
    assert len(run.metrics) == 20
    assert len(run.timing) == 21
    assert list(run.rollout_files) == list(range(1, 21))
    assert list(run.eval_files) == [0, 5, 10, 15, 20]
    assert run.notes == ()


def test_series_hold_finite_numbers_only(tmp_path: Path) -> None:
    rows = [
        '{"step": 1, "a": 1}',
        '{"step": 2, "a": null}',
        '{"step": 3, "a": NaN}',
        '{"step": 4, "a": true}',
        '{"step": 5, "a": "x"}',
        '{"step": 6, "a": 2.5}',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    run = load_run(tmp_path)
    assert run.series("a") == [(1, 1.0), (6, 2.5)]
    assert run.series("missing") == []


def test_evaluation_rows_keep_their_details(run_dir: Path) -> None:
    found = load_run(run_dir).eval_results(0)
    assert set(found) == {
        (task, mode)
        for task in ("largest", "addition", "word_problem", "all")
        for mode in ("greedy", "sampled")
    }
    row = found["all", "sampled"]
    assert (row.num_problems, row.samples_per_problem) == (36, 4)
    assert set(row.details) == {"truncated"}
    assert row.ci95[0] <= row.value <= row.ci95[1]


def test_the_last_record_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = b'{"step": 1, "reward/mean": 0.5}\n'
    last = b'{"step": 2, "reward/mean": 0.75}\n'
    for cut in range(len(last) + 1):
        path.write_bytes(whole + last[:cut])
        run = load_run(tmp_path)
        complete = cut >= len(last) - 1
        assert len(run.metrics) == (2 if complete else 1)
        told = [note for note in run.notes if "incomplete" in note]
        assert bool(told) is (0 < cut < len(last) - 1)
        assert path.read_bytes() == whole + last[:cut]


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\nnot json\n[1]\n\xff\xfe\n\n{"a": 2}\n')
    rows, notes = read_jsonl(path)
    assert rows == [{"a": 1}, {"a": 2}]
    assert notes == ["x.jsonl: 3 unreadable line(s) skipped (line 2, 3, 4)."]


def test_a_line_nested_too_deep_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"[" * 200_000 + b'\n{"a": 1}\n')
    rows, notes = read_jsonl(path)
    assert rows == [{"a": 1}]
    assert len(notes) == 1


def test_a_repeated_step_counts_once(tmp_path: Path) -> None:
    rows = ['{"step": 2, "v": 1}', '{"step": 1, "v": 2}', '{"step": 2, "v": 3}', '{"v": 4}']
    (tmp_path / "metrics.jsonl").write_text("\n".join(rows))
    run = load_run(tmp_path)
    assert run.series("v") == [(1, 2.0), (2, 3.0)]
    assert any("repeated step" in note for note in run.notes)
    assert any("without a step" in note for note in run.notes)


def test_malformed_evaluations_are_left_out(tmp_path: Path) -> None:
    good = {"step": 0, "task": "all", "mode": "greedy", "metric": "accuracy", "value": 0.5}
    rows = [
        {**good, "ci95": [0.4, 0.6]},
        good,
        {**good, "ci95": [0.4]},
        {**good, "ci95": ["a", "b"]},
        {**good, "ci95": [0.4, 0.6], "value": None},
        {**good, "ci95": [0.4, 0.6], "step": "0"},
    ]
    (tmp_path / "evals.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run = load_run(tmp_path)
    assert [row.value for row in run.evals] == [0.5]
    assert run.evals[0].num_problems == 0
    assert any("5 row(s) lack" in note for note in run.notes)


def test_other_metrics_are_not_accuracy(tmp_path: Path) -> None:
    row = {"step": 3, "task": "all", "mode": "greedy", "metric": "format", "value": 1.0}
    (tmp_path / "evals.jsonl").write_text(json.dumps({**row, "ci95": [0.9, 1.0]}))
    run = load_run(tmp_path)
    assert run.eval_steps == []
    assert run.eval_results(3) == {}
    assert run.eval_results(3, metric="format")["all", "greedy"].value == 1.0


def test_a_broken_configuration_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("name = ")
    (tmp_path / "environment.json").write_text("{")
    run = load_run(tmp_path)
    assert run.name == tmp_path.name
    assert (run.algorithm, run.planned_steps, run.model_source) == ("grpo", None, None)
    assert any("config.toml could not be read" in note for note in run.notes)
    assert any("environment.json" in note for note in run.notes)


@pytest.mark.parametrize("make", ["missing", "empty"])
def test_what_is_no_run_directory(tmp_path: Path, make: str) -> None:
    path = tmp_path / make
    if make == "empty":
        path.mkdir()
    with pytest.raises(DataError, match="cannot report on") as caught:
        load_run(path)
    assert "runs/NAME" in str(caught.value)
    assert ("does not exist" in str(caught.value)) is (make == "missing")


def test_the_log_is_read_from_its_end(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "train.log").write_bytes(b"first\nsecond \xff\n")
    assert load_run(tmp_path).log == ("first", "second \ufffd")


def test_an_sft_run_has_evaluations_but_no_training_rollouts(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "sft", steps=5, planned=10, problems=4, algorithm="sft"))
    assert (run.algorithm, run.planned_steps, run.last_step) == ("sft", 10, 5)
    assert run.rollout_files == {}
    assert list(run.eval_files) == [0, 5]
    assert not run.is_complete


def test_rollouts_lose_their_token_ids_only(run_dir: Path) -> None:
    rows, notes = read_rollouts(run_dir / "rollouts" / "eval-000000.jsonl")
    assert notes == []
    assert len(rows) == 3 * 12 * (1 + 4)
    first = rows[0]
    assert (first.step, first.mode, first.task, first.sample) == (0, "greedy", "largest", 0)
    assert first.num_tokens > 0
    assert first.correct is (first.parts["accuracy"] == 1.0)


def test_a_verifier_error_is_no_verdict() -> None:
    row = rollout_row({"step": 1, "problem_id": "t/x", "error": "timeout", "reward": 0.0})
    assert row is not None
    assert row.correct is None
    assert row.error == "timeout"


def test_a_sparse_row_gets_defaults() -> None:
    row = rollout_row({"step": 1, "problem_id": "task/train/1", "parts": {"accuracy": "no"}})
    assert row is not None
    assert (row.task, row.mode, row.completion, row.reward) == ("task", "train", "", 0.0)
    assert (row.parts, row.correct, row.advantage, row.difficulty) == ({}, False, None, None)
    assert rollout_row({"problem_id": "x"}) is None
    assert rollout_row({"step": 1}) is None


def test_values_that_are_not_text_are_shown_as_json() -> None:
    row = rollout_row({"step": 1, "problem_id": "t/x", "gold": 7, "parsed_answer": [1]})
    assert row is not None
    assert (row.gold, row.parsed_answer) == ("7", "[1]")


@pytest.mark.parametrize(
    ("number", "limit", "chosen"),
    [
        (0, 3, []),
        (2, 3, [0, 1]),
        (10, 2, [0, 9]),
        (10, 4, [0, 3, 6, 9]),
        (10, 1, [0]),
        (5, 0, []),
    ],
)
def test_evenly(number: int, limit: int, chosen: list[int]) -> None:
    assert evenly(list(range(number)), limit) == chosen
