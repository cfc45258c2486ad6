import pytest

from cogitate.display.summary import before_after, closing_lines, table
from imaginary_runs import ending, evaluation, result


def test_before_and_after_are_matched_by_task_and_mode() -> None:
    rows = before_after(evaluation(0, 0.25), evaluation(40, 0.75))
    first = rows[0]
    assert (first["task"], first["mode"]) == ("extremes", "greedy")
    assert (first["before"], first["after"], first["gain"]) == (0.25, 0.75, 0.5)
    assert first["after_ci95"] == pytest.approx([0.67, 0.82])
    assert len(rows) == 2  # with one task, "all" would say the same


def test_a_task_without_a_first_figure_has_no_gain() -> None:
    rows = before_after([], [result(40, "countdown", "greedy", 0.5)])
    assert rows[0]["before"] is None
    assert rows[0]["gain"] is None
    assert table(rows)[1].split() == ["countdown", "greedy", "-", "50.0%", "[42.0,", "57.0]", "-"]


def test_all_is_shown_when_there_are_several_tasks() -> None:
    results = [result(0, task, "greedy", 0.5) for task in ("a", "b", "all")]
    assert [row["task"] for row in before_after([], results)] == ["a", "b", "all"]


def test_the_table_is_aligned_and_narrow() -> None:
    lines = table(before_after(evaluation(0, 0.25), evaluation(40, 0.75)))
    assert lines[1] == "extremes  greedy   25.0%   [17.0, 32.0]  75.0%  [67.0, 82.0]  +50.0"
    assert all(len(line) < 80 for line in lines)
    assert table([]) == []


def test_the_end_of_a_complete_run() -> None:
    lines = closing_lines(ending())
    assert lines[0] == "Held-out accuracy"
    assert "Model:         runs/demo/final" in lines
    assert not any(line.startswith("Continue") for line in lines)


def test_the_end_of_an_interrupted_run() -> None:
    lines = closing_lines(
        ending(
            status="interrupted", exit_code=130, step=7, final_dir=None, first_evals=(),
            last_evals=(), resume_command="cogitate run a.toml --resume", skipped_updates=2,
        )
    )  # fmt: skip
    assert lines[0] == "Interrupted and saved at step 7 of 40, 5m12s."
    assert lines[1] == "2 updates were skipped: gradients were not finite."
    assert lines[-1] == "Continue:      cogitate run a.toml --resume"
    assert not any("chat" in line for line in lines)


def test_steps_that_taught_nothing_are_told_at_the_end() -> None:
    lines = closing_lines(ending(unverified_steps=2))
    assert any(line.startswith("In 2 steps no completion could be verified") for line in lines)
