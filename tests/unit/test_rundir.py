"""One writer per run directory, no run overwritten, everything needed to repeat it written down."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cogitate.errors import CheckpointError
from cogitate.rundir import (
    Owner,
    describe_environment,
    environment_changes,
    open_run_dir,
)

HOLD = """
import sys, time
from pathlib import Path
from cogitate.rundir import open_run_dir
from cogitate.errors import CheckpointError
try:
    run_dir = open_run_dir(Path(sys.argv[1]))
except CheckpointError as error:
    print("refused", flush=True)
    sys.exit(3)
print("holding", flush=True)
sys.stdin.readline()
run_dir.close()
"""


def start_holder(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_go(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=20)


def write_lock(path: Path, owner: Owner) -> None:
    path.mkdir(exist_ok=True)
    (path / "run.lock").write_text(json.dumps(asdict(owner)))


# --------------------------------------------------------------------------------- the lock


def test_opening_makes_the_directory_and_closing_gives_it_back(tmp_path: Path) -> None:
    with open_run_dir(tmp_path / "runs" / "a b") as run_dir:
        assert run_dir.lock.exists()
        assert run_dir.notices == []
        assert run_dir.rollouts.is_dir()
    assert not run_dir.lock.exists()
    run_dir.close()
    open_run_dir(tmp_path / "runs" / "a b").close()


def test_a_second_writer_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with (
        open_run_dir(tmp_path / "r"),
        pytest.raises(CheckpointError, match=f"written by process {os.getpid()} on host"),
    ):
        open_run_dir(tmp_path / "r")
    open_run_dir(tmp_path / "r").close()


def test_a_live_writer_is_named_and_a_killed_one_is_taken_over(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "r")
    assert answer(holder) == "holding"
    with pytest.raises(CheckpointError) as caught:
        open_run_dir(tmp_path / "r")
    message = str(caught.value)
    assert f"process {holder.pid} on host {socket.gethostname()} since 20" in message
    assert "run.lock" in message
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with open_run_dir(tmp_path / "r") as run_dir:
        assert len(run_dir.notices) == 1
        assert f"locked by process {holder.pid}" in run_dir.notices[0]
        assert "takes over" in run_dir.notices[0]


def test_of_several_that_start_together_exactly_one_wins(tmp_path: Path) -> None:
    dead = replace(Owner.of_this_process(), boot="an earlier boot")
    write_lock(tmp_path / "r", dead)  # all of them find a dead lock to take over
    contenders = [start_holder(tmp_path / "r") for _ in range(4)]
    answers = sorted(answer(process) for process in contenders)
    assert answers == ["holding", "refused", "refused", "refused"]
    for process in contenders:
        let_go(process)
    assert not list((tmp_path / "r").glob("run.lock*"))


@pytest.mark.parametrize(
    ("change", "is_dead"),
    [
        ({}, False),
        ({"boot": "an earlier boot"}, True),
        ({"started": 1}, True),  # the number was given to another process since
        ({"pid": 2**22 + 1}, True),
        ({"pid": 1, "started": -1}, True),
        ({"host": "elsewhere"}, False),  # cannot be known from here
        ({"host": "elsewhere", "pid": 2**22 + 1}, False),
    ],
)
def test_who_is_dead(change: dict[str, object], is_dead: bool) -> None:
    assert replace(Owner.of_this_process(), **change).is_dead() is is_dead


def test_a_lock_of_another_host_is_respected(tmp_path: Path) -> None:
    write_lock(tmp_path / "r", replace(Owner.of_this_process(), host="elsewhere", pid=77))
    with pytest.raises(CheckpointError, match=r"process 77 on host elsewhere.*delete .*run.lock"):
        open_run_dir(tmp_path / "r")
    assert (tmp_path / "r" / "run.lock").exists()


def test_a_torn_lock_file_is_removed_with_a_notice(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "run.lock").write_text('{"pid": 12')
    with open_run_dir(tmp_path / "r") as run_dir:
        assert "unreadable lock file" in run_dir.notices[0]


def test_closing_leaves_a_lock_that_is_not_ours(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "r")
    write_lock(tmp_path / "r", replace(Owner.of_this_process(), pid=1))
    run_dir.close()
    assert run_dir.lock.exists()


# ------------------------------------------------------------------------------ used before


@pytest.mark.parametrize("name", ["metrics.jsonl", "checkpoints/step-000001", "final/config.json"])
def test_a_used_directory_is_not_overwritten(tmp_path: Path, name: str) -> None:
    path = tmp_path / "r" / name
    path.parent.mkdir(parents=True)
    path.write_text("something")
    with pytest.raises(CheckpointError) as caught:
        open_run_dir(tmp_path / "r")
    message = str(caught.value)
    for way_out in ("--resume", "name=", "rm -r"):
        assert way_out in message
    assert name.partition("/")[0] in message
    assert not (tmp_path / "r" / "run.lock").exists()
    open_run_dir(tmp_path / "r", resume=True).close()


def test_a_run_that_failed_before_its_first_row_can_simply_be_started_again(tmp_path: Path) -> None:
    with open_run_dir(tmp_path / "r") as run_dir:
        run_dir.describe("seed = 1\n", {"python": "3.12"})
        (run_dir.path / "train.log").write_text("it did not work")
    with open_run_dir(tmp_path / "r") as run_dir:
        run_dir.describe("seed = 2\n", {"python": "3.12"})
        assert run_dir.config.read_text() == "seed = 2\n"


def test_resume_of_a_directory_that_does_not_exist_starts_it(tmp_path: Path) -> None:
    with open_run_dir(tmp_path / "new", resume=True) as run_dir:
        assert run_dir.path.is_dir()


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "r"
    for name in ("checkpoints/step-000003.tmp-0011aabb", ".final.tmp-0011aabb"):
        (root / name).mkdir(parents=True)
        (root / name / "model.safetensors").write_bytes(b"half")
    (root / "metrics.jsonl.tmp").write_bytes(b"{")
    with open_run_dir(root, resume=True):
        assert not list(root.rglob("*tmp*"))


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot be created: Not a directory\. Set out"):
        open_run_dir(tmp_path / "file" / "r")


# -------------------------------------------------------------------------------- described


def test_config_and_environment_are_written_and_earlier_attempts_kept(tmp_path: Path) -> None:
    first = {"python": "3.11.1", "packages": {"torch": "2.11.0"}}
    second = {"python": "3.11.1", "packages": {"torch": "2.13.0"}}
    third = {"python": "3.12.0", "packages": {"torch": "2.13.0"}}
    for number, environment in enumerate((first, second, third)):
        with open_run_dir(tmp_path / "r", resume=True) as run_dir:
            run_dir.describe(f"seed = {number}\n", environment)
            assert run_dir.config.read_text() == f"seed = {number}\n"
    written = json.loads(run_dir.environment.read_text())
    assert written == {**third, "earlier_attempts": [first, second]}
    assert len(run_dir.notices) == 1
    assert "python was 3.11.1 in the earlier attempt and is 3.12.0 here" in run_dir.notices[0]


def test_an_unreadable_environment_file_is_replaced(tmp_path: Path) -> None:
    with open_run_dir(tmp_path / "r") as run_dir:
        run_dir.environment.write_text("{not json")
        run_dir.describe("", {"python": "3.12"})
    assert json.loads(run_dir.environment.read_text())["earlier_attempts"] == []


def test_only_what_can_change_numbers_is_a_notice() -> None:
    before = {"threads": 2, "cpu": "A", "host": "x", "packages": {"torch": "1", "rich": "1"}}
    after = {"threads": 4, "cpu": "A", "host": "y", "packages": {"torch": "1", "rich": "1"}}
    (notice,) = environment_changes(before, after)
    assert notice.startswith("threads was 2 in the earlier attempt and is 4 here")
    assert environment_changes({}, {"packages": {"torch": "1"}}) == []


def test_the_environment_says_what_is_needed_to_repeat_a_run(tmp_path: Path) -> None:
    import torch

    environment = describe_environment(7)
    assert environment["python"] == sys.version.split()[0]
    assert environment["packages"]["torch"] == torch.__version__
    assert environment["threads"] == torch.get_num_threads()
    assert environment["seed"] == 7
    assert environment["cores"] >= 1
    assert environment["cpu"]
    assert 0 < environment["memory_gb"] < 100_000
    json.dumps(environment)


def test_the_source_revision_is_recorded_when_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert describe_environment(0)["git"] is None
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    (tmp_path / "changed.py").write_text("1")
    revision = describe_environment(0)["git"]
    assert len(revision["commit"]) == 40
    assert revision["changed_files"] == 1


def test_what_the_package_logs_is_copied_into_the_run(tmp_path: Path) -> None:
    with open_run_dir(tmp_path / "r") as run_dir:
        run_dir.start_log()
        logging.getLogger("cogitate.train").info("a step with a lone surrogate \udc80")
        logging.getLogger("elsewhere").warning("not ours")
    logging.getLogger("cogitate.train").info("after the end")
    text = (tmp_path / "r" / "train.log").read_text()
    assert "INFO cogitate.train: a step" in text
    assert "not ours" not in text
    assert "after the end" not in text


def test_rollout_files_are_named_by_step(tmp_path: Path) -> None:
    with open_run_dir(tmp_path / "r") as run_dir:
        assert run_dir.rollout_file(12).name == "000012.jsonl"
        assert run_dir.rollout_file(0, evaluation=True).name == "eval-000000.jsonl"
