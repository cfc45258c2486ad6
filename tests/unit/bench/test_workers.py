import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogitate.bench.machine import CpuClock, process_group, read_cpu_clock
from cogitate.bench.workers import Worker
from cogitate.errors import EngineError

FAKE = Path(__file__).parent / "fake_worker.py"
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker("fake", [sys.executable, str(FAKE)]) as started:
        yield started


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def settle(pid: int, wanted: str) -> str:
    deadline = time.monotonic() + 30.0
    while state(pid) not in wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return state(pid)


def gone(pid: int) -> bool:
    """Whether a process ends within seconds; a zombie nobody has waited for has ended."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        try:
            if state(pid) == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_arguments_go_there_and_results_come_back_unharmed(worker: Worker):
    result = worker.call("echo", text="a\nb \u00e9", numbers=[1, 2.5], nothing=None)
    assert result.pop("busy") >= 0.0
    assert result == {"text": "a\nb \u00e9", "numbers": [1, 2.5], "nothing": None}


def test_what_a_library_prints_goes_to_the_log(worker: Worker):
    worker.call("echo")
    assert "a library that prints to stdout" in worker.log.read_text()


def test_a_failed_operation_is_an_error_and_the_worker_lives_on(worker: Worker):
    with pytest.raises(EngineError, match=r"fake: fail failed:[\s\S]*RuntimeError: as asked"):
        worker.call("fail")
    with pytest.raises(EngineError, match="unknown operation 'dance'; known: "):
        worker.call("dance")
    assert worker.call("echo", still="here")["still"] == "here"


def test_time_is_taken_inside_the_worker(worker: Worker):
    result = worker.call("work", seconds=0.05, tokens=7)
    assert 0.05 <= result["seconds"] < 30.0
    assert result["cpu_seconds"] < 0.05
    assert result["tokens"] == 7


@linux
def test_peak_memory_is_of_the_operation_not_of_the_past(worker: Worker):
    before = worker.call("allocate", megabytes=1)["peak_memory_mb"]
    large = worker.call("allocate", megabytes=100)["peak_memory_mb"]
    after = worker.call("allocate", megabytes=1)["peak_memory_mb"]
    assert 90 < large - before < 115
    assert after < before + 15


@linux
def test_an_idle_worker_and_its_children_are_stopped():
    with Worker("fake", [sys.executable, str(FAKE)]) as own:
        child = own.call("spawn")["pid"]
        group = process_group(own._process.pid)
        assert set(group) == {own._process.pid, child}
        assert [settle(pid, "T") for pid in group] == ["T", "T"]
        own.resume()
        assert settle(child, "SR") in "SR"
    assert gone(child)


@linux
def test_busy_counts_others_not_the_worker_itself(worker: Worker):
    # How much others do while this test runs is not ours to say, but the worker used a part.
    assert 0.0 <= worker.call("burn", seconds=0.2)["busy"] < 1.0
    # All of a reading's own time is subtracted, so a lone process leaves nothing to others.
    start = CpuClock(busy=100, total=1000, own=10)
    assert start.foreign_fraction(CpuClock(busy=150, total=1100, own=60)) == 0.0
    assert start.foreign_fraction(CpuClock(busy=180, total=1100, own=60)) == 0.3
    assert start.foreign_fraction(start) == 0.0


@linux
def test_a_stopped_worker_dies_with_its_driver():
    script = (
        "import os, signal, sys\n"
        "from cogitate.bench.workers import Worker\n"
        f"worker = Worker('fake', [sys.executable, {str(FAKE)!r}])\n"
        "worker.call('echo')\n"
        "print(worker._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = os.pathsep.join(sys.path)
    driver = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert gone(int(driver.stdout))


@linux
def test_cpu_clock_sees_own_work():
    before = read_cpu_clock([os.getpid()])
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    after = read_cpu_clock([os.getpid()])
    assert 8 <= after.own - before.own <= 30  # ticks of 10 ms
    assert after.busy - before.busy >= after.own - before.own - 2


def test_a_worker_that_dies_tells_its_last_words():
    with Worker("fake", [sys.executable, str(FAKE)]) as own:
        with pytest.raises(EngineError, match=r"ended with code 3 during leave[\s\S]*last words"):
            own.call("leave", code=3)
        with pytest.raises(EngineError, match="ended with code 3"):
            own.call("echo")


def test_a_worker_that_hangs_is_given_up():
    with (
        Worker("fake", [sys.executable, str(FAKE)]) as own,
        pytest.raises(EngineError, match="work gave no answer in 0 seconds"),
    ):
        own.call("work", timeout=0.2, seconds=60.0, tokens=1)


def test_environment_reaches_the_worker(tmp_path: Path):
    command = [
        sys.executable,
        "-c",
        "import json, os, sys\n"
        "sys.stdin.readline()\n"
        "print(json.dumps({'ok': {'threads': os.environ['OMP_NUM_THREADS']}}), flush=True)\n"
        "sys.stdin.readline()",
    ]
    log = tmp_path / "one.log"
    with Worker("one", command, environment={"OMP_NUM_THREADS": "2"}, log=log) as own:
        assert own.call("anything")["threads"] == "2"
    assert log.exists()
