"""Writes down what a run does, and tells whoever listens: files, trackers, listener, advice."""

import logging
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from cogitate.insight.words import reflection_counts
from cogitate.metrics import JsonlWriter, read_rows, summarize_groups, write_rows
from cogitate.rundir import RunDir
from cogitate.schema import EvalResult, StepReport
from cogitate.trackers import TrackerSet
from cogitate.train.advice import Adviser
from cogitate.train.evaluate import details
from cogitate.train.listener import Listener

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]


class Recorder:
    """The line files of one run directory, opened at the first row."""

    def __init__(self, run_dir: RunDir, listener: Listener) -> None:
        self.run_dir = run_dir
        self.listener = listener
        self.trackers = TrackerSet([])
        self._adviser = Adviser()
        self._writers: dict[Path, JsonlWriter] = {}

    def remember(self) -> None:
        """After a resume: what the advice has already seen and said."""
        for row in read_rows(self.run_dir.metrics):
            self._adviser.feed(row)

    def step(
        self, report: StepReport, rollouts: Sequence[Row], *, eta: float | None
    ) -> dict[str, float]:
        """Record a training step; return its metrics as they were written."""
        if rollouts:
            write_rows(self.run_dir.rollout_file(report.step), rollouts)
        metrics = step_metrics(report)
        row = {"step": report.step, "policy_version": report.policy_version, **metrics}
        self._append(self.run_dir.metrics, row)
        self.trackers.log(report.step, metrics)
        self.listener.step(replace(report, metrics=metrics), rollouts, eta)
        for sentence in self._adviser.feed(row):
            logger.warning("step %d: %s", report.step, sentence)
            self.listener.advice(sentence)
        return metrics

    def evaluation(self, step: int, results: Sequence[EvalResult], rollouts: Sequence[Row]) -> None:
        """Record an evaluation: results with their details, and the rollouts behind them."""
        write_rows(self.run_dir.rollout_file(step, evaluation=True), rollouts)
        for result in results:
            more = details(rollouts, task=result.task, mode=result.mode)
            self._append(self.run_dir.evals, {**asdict(result), **more})
        self.trackers.log(step, {f"eval/{r.task}/{r.mode}": r.value for r in results})
        self.listener.evaluated(results)

    def timing(self, step: int, metrics: Row, seconds: Mapping[str, float]) -> None:
        """Record how long a step took; step 0 is the first evaluation."""
        row = {
            "step": step,
            "seconds": {name: round(value, 4) for name, value in seconds.items()},
            "tokens_per_second": tokens_per_second(metrics, seconds),
            "peak_memory_mb": peak_memory_mb(),
        }
        self._append(self.run_dir.timing, row)

    def sync(self) -> None:
        """Force all rows to the disk: a checkpoint must never be newer than the rows before it."""
        for writer in self._writers.values():
            writer.sync()

    def close(self) -> None:
        """Close files and trackers; a second call does nothing."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self.trackers.close()
        self.trackers = TrackerSet([])

    def _append(self, path: Path, row: Row) -> None:
        if path not in self._writers:
            self._writers[path] = JsonlWriter(path)
        self._writers[path].append(row)


def step_metrics(report: StepReport) -> dict[str, float]:
    """The row of a step: what was sampled, plus what the step itself reports, which wins.

    Only about ``reward/verifier_error`` the samples win: the selection of groups counts every
    rollout that it leaves out, those masked on purpose too.
    """
    metrics = summarize_groups(report.groups)
    failed = {name: metrics[name] for name in ("reward/verifier_error",) if name in metrics}
    completions = [rollout.completion for group in report.groups for rollout in group.rollouts]
    if completions:
        texts = [completion.text for completion in completions]
        lengths = [len(completion.token_ids) for completion in completions]
        reflective = reflection_counts(texts, lengths).reflective
        metrics["insight/reflection_per_1k"] = reflective.per_1k_tokens
    return dict(sorted({**metrics, **report.metrics, **failed}.items()))


def tokens_per_second(metrics: Row, seconds: Mapping[str, float]) -> float | None:
    """Sampled tokens per second of the rollout phase, or trained ones when nothing is sampled."""
    for tokens, phase in (("tokens/completion", "rollout"), ("tokens/trained", "update")):
        if metrics.get(tokens) and seconds.get(phase):
            return round(metrics[tokens] / seconds[phase], 1)
    return None


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def first_and_last_evals(
    run_dir: RunDir,
) -> tuple[tuple[EvalResult, ...], tuple[EvalResult, ...]]:
    """The results of the first and of the newest evaluation in ``evals.jsonl``."""
    results = [_eval_result(row) for row in read_rows(run_dir.evals)]
    steps = [result.step for result in results]
    return (
        tuple(result for result in results if result.step == min(steps)),
        tuple(result for result in results if result.step == max(steps)),
    )


def _eval_result(row: Row) -> EvalResult:
    values = {field.name: row[field.name] for field in fields(EvalResult)}
    values["ci95"] = tuple(row["ci95"])  # JSON knows lists only
    return EvalResult(**values)
