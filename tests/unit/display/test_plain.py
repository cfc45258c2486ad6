import io
from pathlib import Path

import pytest

from cogitate.display.plain import PlainDisplay, eval_lines, step_line
from cogitate.display.state import RunState
from imaginary_runs import ending, evaluation, info, report, row


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def lines_of(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_step_in_one_line() -> None:
    state = RunState(total_steps=40)
    state.record_step(report(3), [], 190.0)
    assert step_line(state) == (
        "step 3/40  reward 0.50  extremes 61.0%  arithmetic 34.0%  length 6.4 (truncated 3.1%)  "
        "uninformative 12.5%  600 tok/s  5.2s/step  ETA 3m10s"
    )


def test_a_supervised_step_in_one_line() -> None:
    state = RunState(total_steps=40)
    step = report(1)
    bare = type(step)(step=1, policy_version=1, metrics={"policy/loss": 1.25}, seconds={})
    state.record_step(bare, [], None)
    assert step_line(state) == "step 1/40  loss 1.250  ETA ?"


def test_evaluations_have_one_line_per_task() -> None:
    assert eval_lines(evaluation(10, 0.5)) == [
        "eval step 10  extremes  greedy 50.0% [42.0, 57.0]  sampled 40.0% [32.0, 47.0]",
    ]


def test_step_lines_are_rationed_but_first_and_last_are_shown() -> None:
    stream, clock = io.StringIO(), Clock()
    display = PlainDisplay(stream, every_seconds=10.0, now=clock)
    display.started(info(steps=9))
    for step in range(1, 10):
        clock.seconds += 4.0
        display.step(report(step), [], 1.0)
    shown = [line.split()[1] for line in lines_of(stream) if line.startswith("step")]
    # Seconds 4, 8, ..., 36: the first; then every ten seconds; then the last.
    assert shown == ["1/9", "4/9", "7/9", "9/9"]


def test_a_whole_run() -> None:
    stream = io.StringIO()
    with PlainDisplay(stream) as display:
        display.started(info(notices=("Checkpoint refused:\n torn.",)))
        display.phase("eval")
        display.evaluated(evaluation(0, 0.2))
        display.step(report(1), [row()], 100.0)
        display.advice("62 % of groups are\x1b[2J all wrong.")
        display.checkpointed(Path("runs/demo/checkpoints/step-000001"))
        display.finished(ending())
    lines = lines_of(stream)
    assert lines[0] == ("run demo: grpo, 40 steps, tasks extremes, arithmetic -> runs/demo")
    assert lines[1] == "note: Checkpoint refused: torn."
    assert "advice: 62 % of groups are all wrong." in lines
    assert "Finished at step 40 of 40, 5m12s." in lines
    assert "Try it:        cogitate chat runs/demo/final" in lines


def test_a_resumed_run_says_where_it_continues() -> None:
    stream = io.StringIO()
    PlainDisplay(stream).started(info(first_step=13))
    assert "continuing at step 13" in stream.getvalue()


def test_a_stream_without_unicode_is_no_problem() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    display = PlainDisplay(stream)
    display.started(info())
    display.advice("größer ist besser … 你好")
    assert raw.getvalue().decode("ascii").splitlines()[-1] == "advice: gr??er ist besser ... ??"


def test_standard_output_is_looked_up_when_printing(capsys: pytest.CaptureFixture[str]) -> None:
    PlainDisplay().started(info())
    assert capsys.readouterr().out.startswith("run demo: grpo")
