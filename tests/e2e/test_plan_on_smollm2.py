"""What ``plan`` says about a real model, compared with what the run then takes."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "tiny_cpu_test.toml"
LONGER = ("--set", "grpo.steps=6", "--set", "grpo.problems_per_step=8", "--set", "eval.every=0",
          "--set", "checkpoint.every=0")  # fmt: skip

pytestmark = pytest.mark.needs_smollm2


def cogitate(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cogitate", *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def plan() -> dict[str, Any]:
    return json.loads(cogitate("plan", CONFIG, "--json", *LONGER))


@pytest.fixture(scope="module")
def taken(plan: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[float, int]:
    """Seconds and peak bytes of the run itself, start-up included."""
    started = time.monotonic()
    cogitate("run", CONFIG, "--run-dir", tmp_path_factory.mktemp("run") / "r", *LONGER)
    seconds = time.monotonic() - started
    # The largest child so far; a plan needs no more than the run that it plans.
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def test_the_plan_is_ready(plan: dict[str, Any]) -> None:
    assert plan["ok"], plan["checks"]
    assert plan["calibration"]["rollout_tokens_per_second"] > 1.0


def test_the_peak_lies_in_the_predicted_range(
    plan: dict[str, Any], taken: tuple[float, int]
) -> None:
    low, high = plan["peak_bytes"]
    print(f"predicted {low / 1e9:.2f} to {high / 1e9:.2f} GB, taken {taken[1] / 1e9:.2f} GB")
    assert low * 0.9 < taken[1] < high * 1.1


def test_the_time_lies_near_the_predicted_range(
    plan: dict[str, Any], taken: tuple[float, int]
) -> None:
    low, high = plan["seconds"]["total"]
    print(f"predicted {low:.0f} to {high:.0f} s, taken {taken[0]:.0f} s with start-up")
    # Another program may have run beside one of the two; start-up takes a few seconds.
    assert low / 3 < taken[0] < 3 * high + 15
