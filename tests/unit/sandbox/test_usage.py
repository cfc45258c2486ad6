"""What the watcher sees, of processes that are started here."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import pytest

from cogitate.sandbox import usage
from cogitate.sandbox.supervise import retry_until
from cogitate.sandbox.usage import Usage, measure, nameless_bytes, proportional_memory

TREE = """
import os, sys, threading, time
kept = b"x" * (30 * 2**20)
if os.fork() == 0:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    if os.fork() == 0:
        file = open(sys.argv[1], "wb")
        file.write(b"x" * 2**20); file.flush(); os.fsync(file.fileno()); os.unlink(sys.argv[1])
        print("up", flush=True)
    time.sleep(600)
end = time.process_time() + 0.3
while time.process_time() < end: pass
print("done", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def tree() -> Iterator[int]:
    """A process with a child that has two threads and a child; about 30 MiB that all share."""
    with tempfile.NamedTemporaryFile() as file:
        path = file.name + ".deleted"
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", TREE, path],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert {process.stdout.readline(), process.stdout.readline()} == {b"up\n", b"done\n"}
    yield process.pid
    os.killpg(process.pid, 9)
    process.wait()
    process.stdout.close()


def test_a_tree(tree: int) -> None:
    seen = measure(tree)
    assert len(seen.processes) == 2 and tree not in seen.processes
    assert seen.tasks == 3
    assert seen.memory_bytes > 60 * 2**20, "shared pages count for each"
    whole = measure(tree, itself=True)
    assert len(whole.processes) == 3 and tree in whole.processes
    assert whole.cpu_seconds >= 0.28 + seen.cpu_seconds


def test_shared_memory_counts_once_if_one_looks_closely(tree: int) -> None:
    whole = measure(tree, itself=True)
    exact = proportional_memory(whole.processes)
    assert exact is not None
    assert 25 * 2**20 < exact < whole.memory_bytes / 2


def test_deleted_files_are_still_there(tree: int) -> None:
    assert nameless_bytes(measure(tree).processes) == pytest.approx(2**20, abs=2**16)


def test_children_can_be_searched_for(tree: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = measure(tree).processes
    monkeypatch.setattr(usage, "KNOWS_CHILDREN", False)
    assert sorted(measure(tree).processes) == sorted(known)


def test_who_is_gone_uses_nothing() -> None:
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    assert measure(child.pid, itself=True) == Usage()
    assert proportional_memory((child.pid,)) == 0
    assert nameless_bytes((child.pid,)) == 0


def test_zombies_count_as_processes_without_memory() -> None:
    child = subprocess.Popen(["/bin/true"])

    def is_zombie() -> bool:
        with open(f"/proc/{child.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"

    assert retry_until(is_zombie, 30)
    seen = measure(child.pid, itself=True)
    assert (seen.tasks, seen.memory_bytes, seen.processes) == (1, 0, (child.pid,))
    assert proportional_memory((child.pid,)) == 0
    child.wait()


def test_names_of_programs_confuse_nobody() -> None:
    name = ") R 1 (x"
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", f"open('/proc/self/comm', 'w').write({name!r}); print(1, flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    assert measure(child.pid, itself=True).tasks == 1
    child.communicate()


def test_looking_is_cheap(tree: int) -> None:
    began = time.process_time()
    for _ in range(20):
        measure(tree)
    assert time.process_time() - began < 2.0  # 3 ms is usual; a whole second would be a mistake
