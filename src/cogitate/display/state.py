"""What has happened so far in a run, reduced to what a display shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cogitate.schema import EvalResult, StepReport

MAX_ADVICE = 3


@dataclass(slots=True, kw_only=True)
class RunState:
    """Mutable picture of one run. Only the display writes it, through the methods below."""

    name: str = ""
    algorithm: str = "grpo"
    run_dir: str = ""
    total_steps: int = 0
    eval_every: int = 0
    step: int = 0
    phase: str = "starting"
    eta_seconds: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    reward_history: list[float] = field(default_factory=list)
    length_history: list[float] = field(default_factory=list)
    evals: dict[tuple[str, str], list[tuple[int, float, tuple[float, float]]]] = field(
        default_factory=dict
    )
    sample: Mapping[str, Any] | None = None
    advice: list[str] = field(default_factory=list)
    checkpoint: str = ""

    def record_step(
        self, report: StepReport, sample_rows: Sequence[Mapping[str, Any]], eta: float | None
    ) -> None:
        """Take in one finished step."""
        self.step, self.eta_seconds = report.step, eta
        self.metrics, self.seconds = dict(report.metrics), dict(report.seconds)
        headline = self.metrics.get("reward/mean", self.metrics.get("policy/loss"))
        if headline is not None:
            self.reward_history.append(headline)
        if (length := self.metrics.get("completion/length_mean")) is not None:
            self.length_history.append(length)
        if sample_rows:
            self.sample = pick_sample(sample_rows, self.step)

    def record_eval(self, results: Sequence[EvalResult]) -> None:
        """Take in the figures of one evaluation; one of the same step is replaced."""
        for result in results:
            history = self.evals.setdefault((result.task, result.mode), [])
            history[:] = [entry for entry in history if entry[0] != result.step]
            history.append((result.step, result.value, result.ci95))

    def record_advice(self, text: str) -> None:
        """Keep the newest few different sentences."""
        self.advice = [*(known for known in self.advice if known != text), text][-MAX_ADVICE:]

    @property
    def steps_to_eval(self) -> int | None:
        """Steps until the next evaluation; the last step always evaluates."""
        if not self.total_steps or self.step >= self.total_steps:
            return None
        left = self.total_steps - self.step
        if self.eval_every <= 0:
            return left
        return min(left, self.eval_every - self.step % self.eval_every)

    @property
    def tokens_per_second(self) -> float | None:
        """Sampled tokens per second of the rollout phase, or trained tokens when nothing is
        sampled."""
        for tokens, phase in (("tokens/completion", "rollout"), ("tokens/trained", "update")):
            amount, spent = self.metrics.get(tokens), self.seconds.get(phase)
            if amount and spent:
                return amount / spent
        return None

    @property
    def step_seconds(self) -> float:
        """Seconds of the last step; 0.0 before the first."""
        return self.seconds.get("total") or sum(self.seconds.values())

    def task_accuracies(self) -> dict[str, float]:
        """Accuracy of the step's rollouts by task, in the order the metrics have."""
        return {
            name.split("/")[1]: value
            for name, value in self.metrics.items()
            if name.startswith("task/") and name.endswith("/accuracy")
        }


def pick_sample(rows: Sequence[Mapping[str, Any]], step: int) -> Mapping[str, Any]:
    """One rollout to show: a correct one on even steps and a wrong one on odd steps if there is
    any, so that both are seen."""
    is_right_wanted = step % 2 == 0
    wanted = [row for row in rows if ((row.get("reward") or 0.0) > 0.0) == is_right_wanted]
    pool = wanted or rows
    return pool[step % len(pool)]


def phase_split(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds by phase of the last step without the total, longest phases kept in order."""
    return {name: value for name, value in seconds.items() if name != "total" and value > 0.0}
