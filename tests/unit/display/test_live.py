import io
from typing import Any

import pytest
from rich.console import Console

from cogitate.display.choose import can_draw, make_display
from cogitate.display.frame import frame
from cogitate.display.json_lines import JsonLinesDisplay
from cogitate.display.live import LiveDisplay
from cogitate.display.plain import PlainDisplay
from cogitate.display.state import RunState
from imaginary_runs import ending, evaluation, info, report, row


def running(**sample: Any) -> RunState:
    state = RunState(name="demo", total_steps=40, eval_every=10, phase="step")
    for step in range(1, 13):
        state.record_step(report(step, reward=step / 12), [row(**sample)], 190.0)
    state.record_eval(evaluation(0, 0.2))
    state.record_eval(evaluation(10, 0.9))
    return state


def drawn(state: RunState, width: int = 80, height: int = 50, ascii_only: bool = False) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    with console.capture() as captured:
        console.print(frame(state, width=width, height=height, elapsed=82.0, ascii_only=ascii_only))
    return captured.get()


def test_everything_a_person_wants_to_know_is_there() -> None:
    text = drawn(running())
    for expected in (
        "demo", "step 12/40", "training", "30%", "elapsed 1m22s", "ETA 3m10s",
        "next evaluation in 8", "reward", "1.000", "▁", "█", "length", "6.4",
        "95th percentile 11", "truncated", "3.1%", "uninformative", "12.5%",
        "6.2% wrong, 6.2% right", "reflection", "tokens/s", "600", "5.2s a step",
        "extremes", "61%", "90.0% [82.0, 97.0]", "80.0% [72.0, 87.0]", "arithmetic", "34%",
        "rollout 2.0s", "update 3.0s", "Which of these is the largest", "91", "parsed 91", "gold 91",
    ):  # fmt: skip
        assert expected in text, expected


@pytest.mark.parametrize("width", [20, 40, 60, 80, 116, 200])
@pytest.mark.parametrize("height", [3, 10, 24, 50])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_it_fits_every_terminal(width: int, height: int, ascii_only: bool) -> None:
    state = running(completion="word " * 400, question="漢字" * 200)
    state.record_advice("A long sentence of advice that goes on. " * 8)
    lines = drawn(state, width, height, ascii_only).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_forty_columns_still_say_the_main_things() -> None:
    text = drawn(running(), width=40)
    for expected in ("step 12/40", "ETA 3m10s", "eval in 8", "reward", "extremes", "90.0%"):
        assert expected in text
    assert "[82.0" not in text  # no room for intervals


def test_a_terminal_without_unicode_gets_ascii() -> None:
    state = running(completion="größer … 你好", parsed_answer="é", gold="é")
    text = drawn(state, ascii_only=True)
    assert text.isascii()
    assert "gr??er" in text


def test_model_text_is_neither_markup_nor_control() -> None:
    state = running(
        completion="\x1b[2J[bold]big[/bold] [link=x]y[/link]\x07", parsed_answer="[red]"
    )
    text = drawn(state)
    assert "[bold]big[/bold] [link=x]y[/link]" in text
    assert "parsed [red]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_end_of_a_long_completion_is_shown() -> None:
    text = drawn(running(completion="start " + "middle " * 500 + "the end"), height=40)
    assert "start" in text
    assert "..." in text
    assert "the end" in text


def test_truncation_and_verifier_errors_are_marked() -> None:
    text = drawn(running(finish_reason="length", error="worker died", reward=None))
    assert "truncated" in text
    assert "verifier: worker died" in text
    assert "reward -" in text


def test_before_anything_is_known() -> None:
    text = drawn(RunState())
    assert text.strip() == "loading the model and the tasks  1m22s"


def test_before_the_first_step() -> None:
    text = drawn(RunState(name="demo", total_steps=40, phase="eval"))
    assert "waiting for the first step" in text
    assert "evaluating" in text


class TestParts:
    def lines(self, state: RunState, **settings: Any) -> list[str]:
        return [line.rstrip() for line in drawn(state, **settings).splitlines()]

    def test_the_bar_of_a_step_is_in_proportion_to_its_phases(self) -> None:
        lines = self.lines(running(), width=66, ascii_only=True)
        [bar] = [line for line in lines if line.startswith("time  ")]
        # Seconds 2.0, 0.1 and 3.0 on 58 columns: 23, 1 and 34.
        assert bar == "time  " + "#" * 23 + "=" * 1 + "+" * 34
        assert "      # rollout 2.0s  = reward 0.1s  + update 3.0s" in lines

    def test_a_legend_that_is_too_long_is_continued(self) -> None:
        state = running()
        state.seconds = dict.fromkeys(("rollout", "reward", "logprobs", "update", "sync"), 1.0)
        lines = self.lines(state, width=40)
        legend = [line for line in lines if "1.0s" in line]
        assert len(legend) == 3
        assert all(line.startswith("      ") for line in legend)

    def test_an_accuracy_table_without_evaluations(self) -> None:
        state = RunState(name="x", total_steps=9, phase="step")
        state.record_step(report(1), [], None)
        lines = self.lines(state)
        [head] = [line for line in lines if line.startswith("accuracy")]
        assert head.split() == ["accuracy", "step"]
        assert any(line.split() == ["extremes", "61%"] for line in lines)

    def test_tasks_that_were_not_drawn_in_this_step(self) -> None:
        lines = self.lines(running())
        assert any(line.split()[:2] == ["all", "-"] for line in lines)
        assert any(line.split()[:3] == ["arithmetic", "34%", "-"] for line in lines)

    def test_supervised_runs_show_their_loss(self) -> None:
        state = RunState(name="x", total_steps=9, algorithm="sft", phase="step")
        step = report(1)
        metrics = {"policy/loss": 2.25, "policy/grad_norm": 1.5, "tokens/trained": 90.0}
        state.record_step(
            type(step)(step=1, policy_version=1, metrics=metrics, seconds={"update": 3.0}), [], 8.0
        )
        lines = self.lines(state)
        assert any(line.split()[:2] == ["loss", "2.250"] for line in lines)
        assert any(line.split()[:2] == ["tokens/s", "30"] for line in lines)
        assert not any(line.startswith("accuracy") for line in lines)

    def test_words_are_kept_whole_where_they_fit(self) -> None:
        state = running(question="one two three four five six seven eight nine ten", completion="x")
        lines = self.lines(state, width=24, height=80)
        asked = [line[2:] for line in lines if line.startswith(("Q ", "  "))]
        assert "one two three four" in asked

    def test_a_word_longer_than_a_line_is_broken(self) -> None:
        lines = self.lines(running(completion="x" * 100), width=30, height=80)
        assert max(map(len, lines)) <= 30
        assert sum(line.count("x") for line in lines if set(line[2:]) == {"x"}) == 100

    def test_the_phase_is_named(self) -> None:
        state = running()
        for phase, shown in (("eval", "evaluating"), ("checkpoint", "saving"), ("odd", "odd")):
            state.phase = phase
            assert self.lines(state)[0].endswith(shown)
        state.phase, state.step = "final", 40
        assert self.lines(state)[0].endswith("step 40/40")


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class TestLiveDisplay:
    def console(self, **settings: Any) -> Console:
        return Console(file=Terminal(), width=80, height=40, force_terminal=True, **settings)

    def test_a_whole_run_leaves_figures_and_summary_behind(self) -> None:
        console = self.console()
        with LiveDisplay(console) as display:
            display.started(info(notices=("resumed",)))
            display.phase("eval")
            display.evaluated(evaluation(0, 0.2))
            display.phase("step")
            display.step(report(1), [row()], 100.0)
            display.advice("be careful")
            display.finished(ending())
        stream: Any = console.file
        text = stream.getvalue()
        assert "note: resumed" in text
        assert "eval step 0  extremes  greedy 20.0% [12.0, 27.0]" in text
        assert "Finished at step 40 of 40" in text
        assert "\x1b[?25h" in text  # the cursor is shown again

    def test_the_terminal_is_given_back_after_an_error(self) -> None:
        console = self.console()
        with pytest.raises(KeyboardInterrupt), LiveDisplay(console) as display:
            display.started(info())
            raise KeyboardInterrupt
        stream: Any = console.file
        text = stream.getvalue()
        assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")

    def test_lines_are_never_markup(self) -> None:
        console = self.console(no_color=True)
        with LiveDisplay(console) as display:
            display.started(info(notices=("see [bold]this[/bold]",)))
        stream: Any = console.file
        assert "see [bold]this[/bold]" in stream.getvalue()


class TestChoice:
    def test_a_terminal_can_draw(self) -> None:
        assert can_draw(Terminal(), {"TERM": "xterm-256color"})

    @pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {}, {"TERM": "xterm", "CI": "true"}])
    def test_some_terminals_cannot(self, environ: dict[str, str]) -> None:
        assert not can_draw(Terminal(), environ)

    def test_a_pipe_cannot_draw(self) -> None:
        assert not can_draw(io.StringIO(), {"TERM": "xterm"})

    def test_modes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("CI", raising=False)
        assert isinstance(make_display("auto", io.StringIO()), PlainDisplay)
        assert isinstance(make_display("auto", Terminal()), LiveDisplay)
        assert isinstance(make_display("plain", Terminal()), PlainDisplay)
        assert isinstance(make_display("live", io.StringIO()), LiveDisplay)
        assert isinstance(make_display("json", Terminal()), JsonLinesDisplay)
