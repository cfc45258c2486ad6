"""A run whose custom reward raises, returns NaN, hangs, leaks or exits: it goes on with the rest,
masks those completions, counts them by cause and says so."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from cogitate.runner import run
from tiny_run import tiny_config, write_tiny_model

BAD = """
import os, sys, time
def f(solution_str, ground_truth, extra_info):
    # The hash is of the problem: about half of the problems are in trouble, the same in every run.
    if sum(map(ord, extra_info["index"])) % 2:
        {body}
    return len(solution_str) / 10
"""
ISOLATED: dict[str, Any] = {"isolate": True, "memory_mb": 384, "timeout": 1.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def metrics(run_dir: Path) -> list[dict[str, float]]:
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("cause", "body", "options"),
    [
        ("raised", "raise ValueError('no')", {}),
        ("not_finite", "return float('nan')", {}),
        ("exited", "sys.exit(1)", {}),
        ("timeout", "time.sleep(5)", {"timeout": 0.2}),
        ("timeout", "time.sleep(1000)", ISOLATED),
        (
            "memory",
            "kept = [bytearray(2**20) for _ in range(10_000)]",
            {**ISOLATED, "timeout": 60.0},
        ),
        ("crashed", "os._exit(1)", ISOLATED),
    ],
    ids=["raises", "nan", "exits", "hangs_in_a_thread", "hangs", "leaks", "ends_its_process"],
)
def test_training_goes_on(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    cause: str, body: str, options: dict[str, Any],
) -> None:  # fmt: skip
    source = tmp_path / "rewards.py"
    source.write_text(BAD.format(body=body))
    custom = {"path": f"{source}:f", "weight": 0.5, **options}
    config = tiny_config(
        model, tmp_path / "runs", reward={"random": 1.0, "custom": [custom]},
        eval={"problems_per_task": 1, "every": 3, "samples": 1}, grpo={"steps": 3, "problems_per_step": 3},
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        run(config)
    found = metrics(config.run_dir)
    assert len(found) == 3
    shares = [step.get(f"masked/{cause}", 0.0) for step in found]
    assert 0 < sum(shares) / 3 < 1
    assert all(
        step["reward/verifier_error"] >= share for step, share in zip(found, shares, strict=True)
    )
    assert all("reward/f" in step for step, share in zip(found, shares, strict=True) if share < 1)
    said = [record.message for record in caplog.records if "reward f" in record.message]
    assert any(f"masked/{cause}" in message for message in said)
    assert len([message for message in said if f"masked/{cause}" in message]) == 1


def test_a_judge_that_cannot_judge_does_not_stop_a_run(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A random model of 128 positions, which do not hold the question to a judge.
    judge = {"model": str(model), "weight": 0.5, "max_tokens": 16}
    config = tiny_config(
        model, tmp_path / "runs", reward={"random": 1.0, "judge": [judge]}, sampling={"max_tokens": 24},
        eval={"problems_per_task": 1, "every": 3, "samples": 1}, grpo={"steps": 3, "problems_per_step": 3},
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        run(config)
    found = metrics(config.run_dir)
    assert len(found) == 3
    masked = [sum(v for k, v in step.items() if k.startswith("masked/judge")) for step in found]
    assert 0 < sum(masked) / 3 <= 1
    assert [step["reward/verifier_error"] for step in found] == pytest.approx(masked)
