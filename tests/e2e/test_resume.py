"""Runs that are killed, stopped and started twice, as processes: what a user can do to them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cogitate.config import config_to_toml
from tiny_run import tiny_config, write_tiny_model

TORTURE = Path(__file__).with_name("kill_torture.py")


def torture(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(TORTURE), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_killed_runs_end_byte_identical() -> None:
    output = torture("--kills", "1", "--points", "update,checkpoint.before_rename", "--seed", "1")
    assert output.splitlines()[-1] == "PASSED: every resumed run ended byte-identical"
    assert output.splitlines()[-2].startswith("3 kills ")


@pytest.mark.slow
def test_twenty_random_kills_and_every_named_point() -> None:
    output = torture("--kills", "20")
    assert "random 20" in output
    assert output.count("identical after") >= 3


SCRIPT = """
import sys
from cogitate.config import load_config
from cogitate.errors import CogitateError
from cogitate.runner import run
from cogitate.train.listener import SilentListener

class Say(SilentListener):
    def step(self, report, sample_rows, eta):
        print("step", report.step, flush=True)

try:
    result = run(load_config(sys.argv[1]), resume="--resume" in sys.argv, listener=Say())
except CogitateError as error:
    print(error, flush=True)
    sys.exit(3)
print("say:", result.resume_command, flush=True)
sys.exit(result.exit_code)
"""


def start(config: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(config), *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def until_step(process: subprocess.Popen[str], step: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == f"step {step}":
            return
    raise AssertionError(f"step {step} was never reached")


def test_stop_start_again_and_twice_at_once(tmp_path: Path) -> None:
    """One story: SIGTERM, the printed command, a second start beside it, and without --resume."""
    config = tiny_config(write_tiny_model(tmp_path / "model"), tmp_path, grpo={"steps": 40})
    path = tmp_path / "config.toml"
    path.write_text(config_to_toml(config))

    first = start(path)
    until_step(first, 3)
    first.send_signal(signal.SIGSTOP)  # or it would be done before the second has started
    second = start(path, "--resume")
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 3
    assert f"is being written by process {first.pid} on host" in output

    first.send_signal(signal.SIGTERM)
    first.send_signal(signal.SIGCONT)
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 128 + signal.SIGTERM
    resolved = tmp_path / "tiny" / "config.toml"
    assert f"say: cogitate run {resolved} --resume" in output

    third = start(resolved)
    output, _ = third.communicate(timeout=300)
    assert third.returncode == 3
    assert "already holds results" in output

    fourth = start(resolved, "--resume")
    output, _ = fourth.communicate(timeout=300)
    assert fourth.returncode == 0
    assert output.splitlines()[-1] == "say: None"
