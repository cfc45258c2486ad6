"""Worker processes: what goes in comes out, and whatever happens inside, nothing is left behind."""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogitate.errors import SandboxError
from cogitate.sandbox import get_sandbox
from cogitate.verifiers.pool import (
    WorkerDied,
    WorkerLimits,
    WorkerPool,
    WorkerRaised,
    WorkerTimeout,
)

FUNCTIONS = """
import os, subprocess, sys, time

def echo(payload):
    return payload

def whatever(payload):
    return globals()[payload["do"]](**payload.get("with", {}))

def pid():
    return {"pid": os.getpid()}

def noise():
    print("x" * 100_000)
    sys.stdout.write("y" * 100_000)
    os.write(1, b"z" * 100_000)
    return {"read": sys.stdin.read(), "made": subprocess.run(["echo", "hi"]).returncode}

def sleep(seconds):
    time.sleep(seconds)
    return {}

def spin():
    while True:
        pass

def hog():
    return {"size": len(bytearray(8 << 30))}

def die(code):
    os._exit(code)

def fail():
    raise LookupError("no such thing")

def leave():
    raise SystemExit(3)

def child():
    return {"pid": subprocess.Popen(["sleep", "60"]).pid}

def big(size):
    return {"text": "a" * size}

def unspeakable():
    return {"set": {1, 2}}

def environment():
    return dict(os.environ)

def read(path):
    return {"text": open(path).read()}
"""
QUICK = WorkerLimits(wall_seconds=20.0, memory_bytes=2 << 30)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the module that workers import."""
    directory = tmp_path_factory.mktemp("functions")
    (directory / "pool_functions.py").write_text(FUNCTIONS)
    (directory / "broken_functions.py").write_text("print('loading')\n1 / 0\n")
    return directory


@pytest.fixture(scope="module")
def pool(modules: Path) -> Iterator[WorkerPool]:
    """A pool of two workers that do what they are told."""
    with WorkerPool("pool_functions:whatever", 2, limits=QUICK, path=(str(modules),)) as found:
        yield found


def open_files() -> set[str]:
    """Descriptors of this process."""
    return set(os.listdir("/proc/self/fd"))


def alive(pid: int) -> bool:
    """Whether a process runs, zombies aside."""
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    """Whether a process is gone within a few seconds."""
    return any(not alive(pid) or time.sleep(0.05) for _ in range(200))


def test_what_goes_in_comes_out(modules: Path) -> None:
    payload = {"text": "ß\ud800\0", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    with WorkerPool("pool_functions:echo", 1, path=(str(modules),)) as echo:
        assert echo.call(payload) == payload
        assert echo.call({}) == {}


def test_prints_do_not_disturb_the_protocol(pool: WorkerPool) -> None:
    assert pool.call({"do": "noise"}) == {"read": "", "made": 0}
    assert pool.call({"do": "big", "with": {"size": 3_000_000}})["text"] == "a" * 3_000_000


def test_large_requests_and_replies(modules: Path) -> None:
    text = "b" * 2_000_000
    with WorkerPool("pool_functions:echo", 1, path=(str(modules),)) as echo:
        assert echo.call({"text": text})["text"] == text


def test_a_call_that_takes_too_long_is_killed(pool: WorkerPool) -> None:
    with pytest.raises(WorkerTimeout):
        pool.call({"do": "sleep", "with": {"seconds": 60}}, wall_seconds=0.2)
    assert pool.call({"do": "pid"})["pid"] > 0


def test_a_worker_that_does_not_read_is_killed_too(pool: WorkerPool) -> None:
    with pytest.raises(WorkerTimeout):
        pool.call({"do": "spin"}, wall_seconds=0.2)


def test_cpu_time_is_limited(modules: Path) -> None:
    limits = WorkerLimits(wall_seconds=60.0, cpu_seconds=0.5)
    with WorkerPool("pool_functions:whatever", 1, limits=limits, path=(str(modules),)) as found:
        with pytest.raises(WorkerTimeout, match="CPU"):
            found.call({"do": "spin"})
        assert found.counts.timeouts == 1


def test_memory_is_limited(pool: WorkerPool) -> None:
    with pytest.raises(WorkerDied, match="memory"):
        pool.call({"do": "hog"})


@pytest.mark.parametrize("code", [0, 7])
def test_a_worker_that_ends_is_replaced(pool: WorkerPool, code: int) -> None:
    before = pool.counts.deaths
    with pytest.raises(WorkerDied, match=f"exit code {code}"):
        pool.call({"do": "die", "with": {"code": code}})
    assert pool.counts.deaths == before + 1
    assert pool.call({"do": "pid"})["pid"] > 0


def test_what_the_function_raises_arrives_and_the_worker_lives(modules: Path) -> None:
    with WorkerPool("pool_functions:whatever", 1, path=(str(modules),)) as found:
        first = found.call({"do": "pid"})
        with pytest.raises(WorkerRaised, match="LookupError: no such thing"):
            found.call({"do": "fail"})
        with pytest.raises(WorkerRaised, match="SystemExit"):
            found.call({"do": "leave"})
        with pytest.raises(WorkerRaised, match="not JSON serializable"):
            found.call({"do": "unspeakable"})
        assert found.call({"do": "pid"}) == first


def test_what_cannot_be_sent_is_refused_before_a_worker_starts(modules: Path) -> None:
    with WorkerPool("pool_functions:echo", 1, path=(str(modules),)) as found:
        with pytest.raises(TypeError):
            found.call({"set": {1}})
        assert found.counts.started == 0


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("broken_functions:f", "ZeroDivisionError"),
        ("no_such_module:f", "No module named"),
        ("pool_functions:no_such", "no attribute"),
        ("pool_functions:__name__", "no function"),
    ],
)
def test_a_target_that_cannot_be_loaded_says_why(modules: Path, target: str, reason: str) -> None:
    with WorkerPool(target, 1, path=(str(modules),)) as found:
        for _ in range(2):
            with pytest.raises(WorkerDied, match=reason):
                found.call({})


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        WorkerPool("a:b", 0)
    with pytest.raises(ValueError, match="package.module:function"):
        WorkerPool("a.b")


def test_the_environment_is_empty_of_ours(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2")
    given = {"GIVEN": "1"}
    with WorkerPool("pool_functions:whatever", 1, path=(str(modules),), environment=given) as found:
        seen = found.call({"do": "environment"})
    assert "MY_SECRET" not in seen
    assert seen["GIVEN"] == "1"


def test_workers_are_recycled(modules: Path) -> None:
    limits = WorkerLimits(max_calls=3)
    with WorkerPool("pool_functions:whatever", 1, limits=limits, path=(str(modules),)) as found:
        pids = [found.call({"do": "pid"})["pid"] for _ in range(7)]
    assert [len(set(pids[k : k + 3])) for k in (0, 3, 6)] == [1, 1, 1]
    assert len(set(pids)) == 3
    assert found.counts.recycled == 2


def test_many_threads_share_two_workers(pool: WorkerPool) -> None:
    found: list[int] = []

    def work() -> None:
        for _ in range(20):
            found.append(pool.call({"do": "pid"})["pid"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert len(set(found)) <= 2


def test_closing_ends_calls_and_processes(modules: Path) -> None:
    found = WorkerPool("pool_functions:whatever", 2, limits=QUICK, path=(str(modules),))
    pid = found.call({"do": "pid"})["pid"]
    failures: list[Exception] = []

    def wait() -> None:
        try:
            found.call({"do": "sleep", "with": {"seconds": 60}})
        except WorkerDied as problem:
            failures.append(problem)

    thread = threading.Thread(target=wait)
    thread.start()
    while not found.counts.started:
        time.sleep(0.01)
    found.close()
    thread.join()
    assert len(failures) == 1
    assert gone(pid)
    with pytest.raises(WorkerDied, match="closed"):
        found.call({})
    found.close()


def test_what_a_worker_started_dies_with_it(modules: Path) -> None:
    with WorkerPool("pool_functions:whatever", 1, path=(str(modules),)) as found:
        child = found.call({"do": "child"})["pid"]
        assert alive(child)
    assert gone(child)


def test_nothing_is_left_after_ten_thousand_calls(modules: Path) -> None:
    with WorkerPool("pool_functions:echo", 2, path=(str(modules),)) as warm:
        warm.start()
    before, threads = open_files(), threading.active_count()
    with WorkerPool("pool_functions:echo", 2, path=(str(modules),)) as found:
        for k in range(10_000):
            found.call({"k": k})
        assert found.counts.recycled >= 4
    assert open_files() == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
def test_workers_can_live_in_a_sandbox(name: str) -> None:
    try:
        sandbox = get_sandbox(name)
    except SandboxError as problem:
        pytest.skip(str(problem))
    with (
        # Directories of tmp_path are closed to other users, and a sandboxed worker is one.
        tempfile.TemporaryDirectory() as directory,
        WorkerPool(
            "pool_functions:whatever", 1, limits=QUICK, path=(directory,), sandbox=sandbox
        ) as found,
    ):
        os.chmod(directory, 0o755)
        Path(directory, "pool_functions.py").write_text(FUNCTIONS)
        assert found.call({"do": "noise"})["read"] == ""
        with pytest.raises(WorkerTimeout):
            found.call({"do": "spin"}, wall_seconds=0.5)
        with pytest.raises(WorkerRaised, match="Error"):
            found.call({"do": "read", "with": {"path": str(Path(__file__))}})
        assert found.call({"do": "big", "with": {"size": 200_000}})["text"] == "a" * 200_000


def test_a_forgotten_pool_ends_its_workers(modules: Path) -> None:
    found = WorkerPool("pool_functions:whatever", 1, path=(str(modules),))
    pid = found.call({"do": "pid"})["pid"]
    del found
    assert gone(pid)
