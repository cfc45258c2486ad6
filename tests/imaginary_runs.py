"""A small imaginary run, as the events that a listener is told."""

from pathlib import Path
from typing import Any

from cogitate.schema import EvalResult, StepReport
from cogitate.train.listener import RunInfo, RunResult


def info(**changes: Any) -> RunInfo:
    settings: dict[str, Any] = {
        "name": "demo", "run_dir": Path("runs/demo"), "algorithm": "grpo", "steps": 40,
        "first_step": 1, "eval_every": 10, "checkpoint_every": 10,
        "tasks": ("extremes", "arithmetic"),
    }  # fmt: skip
    return RunInfo(**{**settings, **changes})


def report(step: int, *, reward: float = 0.5, **metrics: float) -> StepReport:
    values = {
        "step": float(step),
        "reward/mean": reward,
        "completion/length_mean": 6.4,
        "completion/length_p95": 11.0,
        "completion/truncated_fraction": 0.03125,
        "group/uninformative_fraction": 0.125,
        "group/all_wrong_fraction": 0.0625,
        "group/all_right_fraction": 0.0625,
        "insight/reflection_per_1k": 0.2,
        "task/extremes/accuracy": 0.61,
        "task/arithmetic/accuracy": 0.34,
        "tokens/completion": 1200.0,
        "tokens/trained": 900.0,
        **metrics,
    }
    seconds = {"rollout": 2.0, "reward": 0.1, "update": 3.0, "total": 5.2}
    return StepReport(step=step, policy_version=step, metrics=values, seconds=seconds)


def row(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "task": "extremes", "question": "Which of these is the largest: 43, 91, 27?",
        "completion": " 91\n", "reward": 1.0, "parsed_answer": "91", "gold": "91",
        "finish_reason": "stop", "error": None,
    }  # fmt: skip
    return {**values, **changes}


def result(step: int, task: str, mode: Any, value: float) -> EvalResult:
    return EvalResult(
        step=step, task=task, mode=mode, metric="accuracy", value=value,
        ci95=(max(0.0, value - 0.08), min(1.0, value + 0.07)), num_problems=64,
        samples_per_problem=1,
    )  # fmt: skip


def evaluation(step: int, value: float) -> list[EvalResult]:
    return [
        result(step, "extremes", "greedy", value),
        result(step, "extremes", "sampled", value - 0.1),
        result(step, "all", "greedy", value),
        result(step, "all", "sampled", value - 0.1),
    ]


def ending(**changes: Any) -> RunResult:
    settings: dict[str, Any] = {
        "run_dir": Path("runs/demo"), "status": "completed", "exit_code": 0, "step": 40,
        "steps": 40, "first_evals": tuple(evaluation(0, 0.2)),
        "last_evals": tuple(evaluation(40, 0.9)), "checkpoint": Path("runs/demo/checkpoints/x"),
        "final_dir": Path("runs/demo/final"), "resume_command": None, "seconds": 312.0,
    }  # fmt: skip
    return RunResult(**{**settings, **changes})
