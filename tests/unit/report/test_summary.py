"""The result of a run in one dictionary and one table."""

import json
from pathlib import Path

import pytest

from cogitate.errors import DataError
from cogitate.report import render_summary, summary
from cogitate.report.summary import (
    align,
    duration,
    interval,
    points,
    shown_results,
    signed_points,
)
from synthetic_run import make_run


def eval_rows(run_dir: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run_dir / "evals.jsonl").read_text().splitlines()]


def test_before_and_after_are_the_first_and_last_evaluation(run_dir: Path) -> None:
    found = summary(run_dir)
    expected = {(r["step"], r["task"], r["mode"]): r for r in eval_rows(run_dir)}
    assert (found["first_eval_step"], found["last_eval_step"]) == (0, 20)
    assert [(r["task"], r["mode"]) for r in found["results"]] == [
        (task, mode)
        for task in ("largest", "addition", "word_problem", "all")
        for mode in ("greedy", "sampled")
    ]
    for row in found["results"]:
        before = expected[0, row["task"], row["mode"]]
        after = expected[20, row["task"], row["mode"]]
        assert (row["before"], row["after"]) == (before["value"], after["value"])
        assert row["after_ci95"] == after["ci95"]
        assert row["gain"] == pytest.approx(row["after"] - row["before"])
        low, high = row["gain_ci95"]
        assert low <= row["gain"] <= high


def test_it_is_json(run_dir: Path) -> None:
    found = summary(run_dir)
    assert json.loads(json.dumps(found)) == found
    assert found["complete"] is True
    assert (found["steps"], found["planned_steps"]) == (20, 20)


def test_cost_adds_up(run_dir: Path) -> None:
    spent = summary(run_dir)["cost"]
    timing = [json.loads(line) for line in (run_dir / "timing.jsonl").read_text().splitlines()]
    assert spent["seconds"] == pytest.approx(sum(row["seconds"]["total"] for row in timing))
    assert sum(spent["phases"].values()) == pytest.approx(spent["seconds"])
    assert spent["phases"]["update"] > spent["phases"]["reward"]
    metrics = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert spent["tokens"]["completion"] == sum(row["tokens/completion"] for row in metrics)
    assert spent["peak_memory_mb"] == 3420


def test_a_run_before_its_second_evaluation(tmp_path: Path) -> None:
    found = summary(make_run(tmp_path / "early", steps=2, planned=10, problems=4))
    assert found["last_eval_step"] is None
    row = found["results"][-1]
    assert row["before"] is not None
    assert (row["after"], row["gain"], row["gain_ci95"]) == (None, None, None)
    assert not found["complete"]


def test_a_run_without_evaluations(tmp_path: Path) -> None:
    run = make_run(tmp_path / "none", steps=2, planned=10, evals=False)
    assert summary(run)["results"] == []
    assert render_summary(run).endswith("No held-out evaluation yet.")


def test_without_rollouts_there_is_a_gain_but_no_paired_interval(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", steps=5, planned=5, problems=4)
    for path in (run / "rollouts").iterdir():
        path.unlink()
    row = summary(run)["results"][0]
    assert row["gain"] is not None
    assert row["gain_ci95"] is None


def test_a_directory_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        summary(tmp_path)


def test_the_table(run_dir: Path) -> None:
    lines = render_summary(run_dir).splitlines()
    assert lines[0].startswith("full: grpo, step 20, ")
    header = next(line for line in lines if line.startswith("task"))
    assert header.split() == ["task", "mode", *["before", "95", "%", "CI"], "after", "95", "%",
                              "CI", "gain", "95", "%", "CI"]  # fmt: skip
    rows = [line for line in lines if line.startswith(("largest", "all"))]
    assert len(rows) == 4
    assert all(len(line) <= 100 for line in lines)
    assert all("[" in line and "+" in line for line in rows)


def test_the_table_says_how_far_a_run_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "part", steps=5, planned=10, problems=2)
    assert "step 5 of 10" in render_summary(run).splitlines()[0]


def test_names_from_files_cannot_act_on_a_terminal() -> None:
    assert align([["\x1b[2Ja", "b"]]) == ["\u241b[2Ja  b"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (48.4, "48 s"),
        (59.7, "1 min 00 s"),
        (370.2, "6 min 10 s"),
        (7500.0, "2 h 05 min"),
        (90000.0, "25 h 00 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_as_text() -> None:
    assert (points(0.2345), points(None)) == ("23.4 %", "-")
    assert (interval([0.1, 0.25]), interval(None)) == ("[10.0, 25.0]", "")
    assert (signed_points(0.125), signed_points(-0.03), signed_points(None)) == (
        "+12.5",
        "-3.0",
        "-",
    )


def test_columns_line_up() -> None:
    assert align([["name", "n"], ["a", "100"]]) == ["name    n", "a     100"]


def test_one_task_needs_no_row_for_all() -> None:
    rows = [{"task": "a", "mode": "greedy"}, {"task": "all", "mode": "greedy"}]
    assert shown_results({"results": rows}) == rows[:1]
    several = [{"task": "b", "mode": "greedy"}, *rows]
    assert shown_results({"results": several}) == several
    only_all = rows[1:]
    assert shown_results({"results": only_all}) == only_all
