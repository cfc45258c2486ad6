"""A picture of the run that redraws itself in a terminal."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from cogitate.display.frame import frame
from cogitate.display.plain import eval_lines
from cogitate.display.safe_text import encodable, strip_controls
from cogitate.display.state import RunState
from cogitate.display.summary import closing_lines
from cogitate.schema import EvalResult, StepReport
from cogitate.train.listener import RunInfo, RunResult


class LiveDisplay:
    """Listener that draws :func:`frame` in place; evaluations and advice also scroll past.

    Use it as a context manager, so that the terminal is given back whatever happens.
    """

    def __init__(
        self, console: Console | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console or Console()
        self._now = now
        self._start = now()
        self.state = RunState()
        self._live = Live(
            get_renderable=self._frame,
            console=self.console,
            refresh_per_second=2,
            vertical_overflow="crop",
            transient=True,
        )

    def __enter__(self) -> "LiveDisplay":
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def started(self, info: RunInfo) -> None:
        """Begin the picture of a run."""
        self._start = self._now()
        self.state = RunState(
            name=info.name, algorithm=info.algorithm, run_dir=str(info.run_dir),
            total_steps=info.steps, eval_every=info.eval_every, step=info.first_step - 1,
        )  # fmt: skip
        for notice in info.notices:
            self._say(f"note: {notice}", style="yellow")

    def phase(self, name: str) -> None:
        """Show what the loop is doing."""
        self.state.phase = name
        self._live.refresh()

    def step(
        self, report: StepReport, sample_rows: Sequence[Mapping[str, Any]], eta: float | None
    ) -> None:
        """Take in a step; the next redraw shows it."""
        self.state.record_step(report, sample_rows, eta)

    def evaluated(self, results: Sequence[EvalResult]) -> None:
        """Scroll the figures past, so that they stay readable after the run."""
        self.state.record_eval(results)
        for line in eval_lines(results):
            self._say(line, style="dim")

    def checkpointed(self, path: Path) -> None:
        """Remember where the newest checkpoint is."""
        self.state.checkpoint = str(path)

    def advice(self, text: str) -> None:
        """Show a sentence of advice."""
        self.state.record_advice(text)

    def finished(self, result: RunResult) -> None:
        """Replace the picture by the summary."""
        self._live.stop()
        for line in closing_lines(result):
            self._say(line)

    def _frame(self) -> RenderableType:
        size = self.console.size
        return frame(
            self.state,
            width=size.width,
            height=size.height,
            elapsed=self._now() - self._start,
            ascii_only=self._ascii_only,
        )

    @property
    def _ascii_only(self) -> bool:
        return not self.console.encoding.lower().startswith("utf")

    def _say(self, text: str, style: str | None = None) -> None:
        line = encodable(strip_controls(text), self.console.encoding)
        self.console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
