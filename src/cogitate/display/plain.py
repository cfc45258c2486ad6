"""One line of text per step, for logs, pipes, notebooks and terminals that cannot do more."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cogitate.display.safe_text import one_line
from cogitate.display.shapes import count, duration, interval, number, percent
from cogitate.display.state import RunState
from cogitate.display.stream import Stream, print_line
from cogitate.display.summary import closing_lines, without_copies
from cogitate.schema import EvalResult, StepReport
from cogitate.train.listener import RunInfo, RunResult


class PlainDisplay:
    """Listener that prints lines, at most one step line every ``every_seconds``.

    The first and the last step, evaluations, advice and the summary are always printed.
    """

    def __init__(
        self,
        stream: Stream | None = None,
        *,
        every_seconds: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._every_seconds = every_seconds
        self._now = now
        self._next_line = float("-inf")
        self._state = RunState()
        self._unchanged_steps = 0

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing to give back: lines are already out."""

    def started(self, info: RunInfo) -> None:
        """Say what starts, where it writes, and from which step."""
        self._state = RunState(
            name=info.name, algorithm=info.algorithm, run_dir=str(info.run_dir),
            total_steps=info.steps, eval_every=info.eval_every, step=info.first_step - 1,
        )  # fmt: skip
        resumed = f", continuing at step {info.first_step}" if info.first_step > 1 else ""
        self._print(
            f"run {info.name}: {info.algorithm}, {info.steps} steps{resumed}, "
            f"tasks {', '.join(info.tasks)} -> {info.run_dir}"
        )
        for notice in info.notices:
            self._print(f"note: {one_line(notice)}")

    def phase(self, name: str) -> None:
        """Phases are too short to print."""
        self._state.phase = name

    def step(
        self, report: StepReport, sample_rows: Sequence[Mapping[str, Any]], eta: float | None
    ) -> None:
        """Print a step line when it is time for one."""
        self._state.record_step(report, sample_rows, eta)
        is_edge = report.step in (1, self._state.total_steps)
        if is_edge or self._now() >= self._next_line:
            self._next_line = self._now() + self._every_seconds
            self._print(step_line(self._state))

    def evaluated(self, results: Sequence[EvalResult]) -> None:
        """Print every figure of an evaluation with its interval."""
        self._state.record_eval(results)
        for line in eval_lines(results):
            self._print(line)

    def checkpointed(self, path: Path) -> None:
        """Checkpoints are silent; the summary names what to continue from."""
        self._state.checkpoint = str(path)

    def advice(self, text: str) -> None:
        """Print one sentence of advice."""
        self._state.record_advice(text)
        self._print(f"advice: {one_line(text)}")

    def finished(self, result: RunResult) -> None:
        """Print the summary."""
        for line in closing_lines(result):
            self._print(line)

    def _print(self, line: str) -> None:
        print_line(line, self._stream)


def step_line(state: RunState) -> str:
    """Everything about the last step in one line."""
    metrics = state.metrics
    parts = [f"step {state.step}/{state.total_steps}"]
    if "reward/mean" in metrics:
        parts.append(f"reward {number(metrics['reward/mean'])}")
    elif "policy/loss" in metrics:
        parts.append(f"loss {number(metrics['policy/loss'], 3)}")
    accuracies = state.task_accuracies()
    parts += [f"{name} {percent(value)}" for name, value in accuracies.items()]
    if (length := metrics.get("completion/length_mean")) is not None:
        truncated = percent(metrics.get("completion/truncated_fraction"))
        parts.append(f"length {number(length, 1)} (truncated {truncated})")
    if (idle := metrics.get("group/uninformative_fraction")) is not None:
        parts.append(f"uninformative {percent(idle)}")
    if (speed := state.tokens_per_second) is not None:
        parts.append(f"{count(speed)} tok/s")
    if state.step_seconds:
        parts.append(f"{duration(state.step_seconds)}/step")
    parts.append(f"ETA {duration(state.eta_seconds)}")
    return "  ".join(parts)


def eval_lines(results: Sequence[EvalResult]) -> list[str]:
    """One line per task: ``eval step 10  extremes  greedy 90.8% [84.3, 94.8]  sampled ...``."""
    by_task: dict[str, list[EvalResult]] = {}
    for result in without_copies(results):
        by_task.setdefault(result.task, []).append(result)
    lines = []
    for task, entries in by_task.items():
        figures = [f"{e.mode} {percent(e.value)} {interval(*e.ci95)}" for e in entries]
        lines.append(f"eval step {entries[0].step}  {task}  {'  '.join(figures)}")
    return lines
