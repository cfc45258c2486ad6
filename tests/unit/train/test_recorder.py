"""What is written down about a step, and in which words."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cogitate.metrics import read_rows
from cogitate.rundir import RunDir, open_run_dir
from cogitate.schema import (
    Completion,
    EvalResult,
    FinishReason,
    Group,
    Message,
    Problem,
    Reward,
    Rollout,
    StepReport,
)
from cogitate.testing import byte_chat
from cogitate.train.config import GRPOConfig
from cogitate.train.listener import SilentListener
from cogitate.train.recorder import (
    Recorder,
    first_and_last_evals,
    step_metrics,
    tokens_per_second,
)
from cogitate.train.rollout_rows import rollout_advantages, step_rows


def group(number: int, rewards: list[Reward], text: str = " wait, 7") -> Group:
    """A group of equal completions; the prompt is that of the question "1 + n?"."""
    question = Message(role="user", content=f"1 + {number}?")
    problem = Problem(
        id=f"sums/train/{number}", task="sums", messages=(question,), answer=str(1 + number),
        metadata={"difficulty": 2},
    )  # fmt: skip
    prompt = byte_chat().render_prompt(problem)
    rollouts = []
    for _ in rewards:
        token_ids = tuple(text.encode())
        completion = Completion(
            token_ids=token_ids,
            logprobs=(-0.1234567,) * len(token_ids),
            text=text,
            finish_reason=FinishReason.STOP,
            policy_version=4,
        )
        ids = torch.tensor(prompt.token_ids + token_ids)
        rollouts.append(
            Rollout(
                problem_id=problem.id,
                token_ids=ids,
                completion_mask=torch.arange(len(ids)) >= len(prompt.token_ids),
                sampling_logprobs=torch.zeros(len(ids)),
                completion=completion,
            )
        )
    return Group(problem=problem, rollouts=tuple(rollouts), rewards=tuple(rewards))


def reward(value: float, error: str | None = None) -> Reward:
    return Reward(value=value, parts={"accuracy": value}, parsed_answer="7", error=error)


def report(groups: tuple[Group, ...] = (), step: int = 5, **metrics: float) -> StepReport:
    named = {name.replace("__", "/"): value for name, value in metrics.items()}
    return StepReport(
        step=step, policy_version=5, metrics=named, seconds={"rollout": 2.0}, groups=groups
    )


# ----------------------------------------------------------------------------- rollout rows


def test_a_row_holds_the_rollout_in_plain_values() -> None:
    row = step_rows(5, [group(6, [reward(1.0), reward(0.0)])], byte_chat(), GRPOConfig())[0]
    assert json.loads(json.dumps(row)) == row
    assert row == {
        "step": 5,
        "problem_id": "sums/train/6",
        "task": "sums",
        "sample": 0,
        "question": "1 + 6?",
        "prompt": "Q: 1 + 6?\nA:",
        "completion": " wait, 7",
        "prompt_ids": list(b"Q: 1 + 6?\nA:"),
        "completion_ids": list(b" wait, 7"),
        "logprobs": [-0.123457] * 8,
        "reward": 1.0,
        "parts": {"accuracy": 1.0},
        "error": None,
        "cause": "",
        "verdict": None,
        "parsed_answer": "7",
        "gold": "7",
        "format_ok": True,
        "difficulty": 2,
        "finish_reason": "stop",
        "policy_version": 4,
        "advantage": pytest.approx(1.0, abs=1e-3),
    }


def test_advantages_are_those_of_the_update() -> None:
    # population std of (1, 0, 0, 1) is 0.5: +-1; eps makes it a little less
    groups = [group(1, [reward(1.0), reward(0.0), reward(0.0), reward(1.0)])]
    found = rollout_advantages(groups, GRPOConfig())
    values = [found[id(rollout)] for rollout in groups[0].rollouts]
    assert values == pytest.approx([0.5 / 0.5001, -0.5 / 0.5001, -0.5 / 0.5001, 0.5 / 0.5001])


def test_what_was_not_trained_on_has_no_advantage() -> None:
    config = GRPOConfig(uninformative_groups="resample", problems_per_step=1)
    groups = [
        group(1, [reward(0.0), reward(0.0)]),  # uninformative: replaced
        group(2, [reward(1.0), reward(0.0), reward(1.0, error="timeout")]),
        group(3, [reward(1.0), reward(0.0)]),  # more than were wanted
        group(4, [reward(1.0), reward(0.0, error="timeout")]),  # one valid rollout left
    ]
    rows = step_rows(1, groups, byte_chat(), config)
    trained = [
        (row["problem_id"][-1], row["sample"]) for row in rows if row["advantage"] is not None
    ]
    assert trained == [("2", 0), ("2", 1)]
    assert len(rows) == 9
    assert rows[4]["error"] == "timeout"


# --------------------------------------------------------------------------------- metrics


def test_the_row_of_a_step_is_sorted_and_the_steps_own_numbers_win() -> None:
    metrics = step_metrics(
        report((group(6, [reward(1.0), reward(0.0)]),), policy__loss=0.25, reward__mean=9.0)
    )
    assert list(metrics) == sorted(metrics)
    assert metrics["policy/loss"] == 0.25
    assert metrics["reward/mean"] == 9.0
    assert metrics["completion/length_mean"] == 8.0
    # "wait" once in each completion of 8 tokens
    assert metrics["insight/reflection_per_1k"] == pytest.approx(125.0)


def test_rollouts_masked_on_purpose_are_no_verifier_errors() -> None:
    groups = (group(6, [reward(1.0), reward(0.0, error="masked: truncated")]),)
    metrics = step_metrics(report(groups, reward__verifier_error=0.5))
    assert (metrics["reward/verifier_error"], metrics["reward/masked"]) == (0.0, 0.5)


def test_a_step_without_groups_has_only_its_own_numbers() -> None:
    assert step_metrics(report(policy__loss=1.0)) == {"policy/loss": 1.0}


@pytest.mark.parametrize(
    ("metrics", "seconds", "expected"),
    [
        ({"tokens/completion": 300.0, "tokens/trained": 300.0}, {"rollout": 2.0}, 150.0),
        ({"tokens/trained": 300.0}, {"update": 3.0}, 100.0),
        ({"tokens/completion": 300.0, "tokens/trained": 300.0}, {"update": 3.0}, 100.0),
        ({}, {"rollout": 2.0}, None),
        ({"tokens/completion": 300.0}, {}, None),
    ],
)
def test_tokens_per_second(
    metrics: dict[str, float], seconds: dict[str, float], expected: float | None
) -> None:
    assert tokens_per_second(metrics, seconds) == expected


# ----------------------------------------------------------------------------------- files


class Sentences(SilentListener):
    def __init__(self) -> None:
        self.said: list[str] = []

    def advice(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def run_dir(tmp_path: Path) -> Any:
    with open_run_dir(tmp_path / "r") as opened:
        yield opened


def truncated_report(step: int) -> StepReport:
    return report(step=step, completion__truncated_fraction=0.9)


def test_advice_goes_to_the_listener_and_is_not_repeated_after_a_resume(run_dir: RunDir) -> None:
    first = Sentences()
    recorder = Recorder(run_dir, first)
    for step in range(1, 8):
        recorder.step(truncated_report(step), [], eta=None)
    recorder.close()
    assert len(first.said) == 1
    second = Sentences()
    recorder = Recorder(run_dir, second)
    recorder.remember()
    for step in range(8, 12):
        recorder.step(truncated_report(step), [], eta=None)
    recorder.close()
    assert second.said == []
    assert [row["step"] for row in read_rows(run_dir.metrics)] == list(range(1, 12))


def result(step: int, task: str, value: float) -> EvalResult:
    return EvalResult(
        step=step, task=task, mode="greedy", metric="accuracy", value=value, ci95=(0.0, 1.0),
        num_problems=2, samples_per_problem=1,
    )  # fmt: skip


def test_results_come_back_from_their_file(run_dir: RunDir) -> None:
    recorder = Recorder(run_dir, SilentListener())
    assert first_and_last_evals(run_dir) == ((), ())
    for step in (0, 5, 10):
        recorder.evaluation(step, [result(step, "sums", step / 10), result(step, "all", 0.5)], [])
    recorder.close()
    first, last = first_and_last_evals(run_dir)
    assert first == (result(0, "sums", 0.0), result(0, "all", 0.5))
    assert last == (result(10, "sums", 1.0), result(10, "all", 0.5))


def test_timing_rows_are_rounded_and_say_how_much_memory(run_dir: RunDir) -> None:
    recorder = Recorder(run_dir, SilentListener())
    recorder.timing(3, {"tokens/completion": 100.0}, {"rollout": 0.33333333, "total": 1.0})
    recorder.close()
    (row,) = read_rows(run_dir.timing)
    assert row["seconds"] == {"rollout": 0.3333, "total": 1.0}
    assert row["tokens_per_second"] == 300.0
    assert 10 < row["peak_memory_mb"] < 1e6
