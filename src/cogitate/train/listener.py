"""What a training loop tells whoever watches it: a display, a test, a notebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from cogitate.schema import EvalResult, StepReport

Status = Literal["completed", "interrupted", "time_budget"]
Phase = Literal["step", "eval", "checkpoint", "final"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What is known when the first step (or the step after a resume) is about to start.

    ``first_step`` is 1, or the step after the checkpoint that was loaded. ``notices`` are sentences
    about the start: a lock taken over, checkpoints refused and why.
    """

    name: str
    run_dir: Path
    algorithm: Literal["grpo", "sft"]
    steps: int
    first_step: int
    eval_every: int
    checkpoint_every: int
    tasks: tuple[str, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended.

    ``step`` is the last step done; ``exit_code`` is 0, or 130 (SIGINT) or 143 (SIGTERM).
    ``first_evals`` and ``last_evals`` are the held-out results of the first and the newest
    evaluation. ``final_dir`` is the Hugging Face directory, None when the run is not complete.
    ``resume_command`` is None when nothing is left to do. ``seconds`` counts earlier attempts too.
    """

    run_dir: Path
    status: Status
    exit_code: int
    step: int
    steps: int
    first_evals: tuple[EvalResult, ...]
    last_evals: tuple[EvalResult, ...]
    checkpoint: Path | None
    final_dir: Path | None
    resume_command: str | None
    seconds: float
    skipped_updates: int = 0
    unverified_steps: int = 0
    best: Mapping[str, float] = field(default_factory=dict[str, float])


@runtime_checkable
class Listener(Protocol):
    """Called from the training thread, in order. A listener returns quickly."""

    def started(self, info: RunInfo) -> None: ...
    def phase(self, name: Phase) -> None: ...
    def step(
        self, report: StepReport, sample_rows: Sequence[Mapping[str, Any]], eta: float | None
    ) -> None: ...
    def evaluated(self, results: Sequence[EvalResult]) -> None: ...
    def checkpointed(self, path: Path) -> None: ...
    def advice(self, text: str) -> None: ...
    def finished(self, result: RunResult) -> None: ...


class SilentListener:
    """A listener that does nothing; the base of listeners that care about a few events."""

    def started(self, info: RunInfo) -> None:
        """``info`` describes the run; called once."""

    def phase(self, name: Phase) -> None:
        """The loop begins ``name``."""

    def step(
        self, report: StepReport, sample_rows: Sequence[Mapping[str, Any]], eta: float | None
    ) -> None:
        """A step is done. ``report.metrics`` is the whole row of ``metrics.jsonl``; ``sample_rows``
        are the step's rollout rows; ``eta`` is in seconds, None while unknown."""

    def evaluated(self, results: Sequence[EvalResult]) -> None:
        """An evaluation on held-out problems is done."""

    def checkpointed(self, path: Path) -> None:
        """A checkpoint is complete and verified."""

    def advice(self, text: str) -> None:
        """Something is off, in one sentence with what to do."""

    def finished(self, result: RunResult) -> None:
        """The run ended; called once, not when it ends by an exception."""
