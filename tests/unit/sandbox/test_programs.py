"""What a program in a sandbox can rely on, and what its result says; the same for all backends."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cogitate.errors import SandboxError
from cogitate.sandbox import (
    Limits,
    Outcome,
    Program,
    RunResult,
    Sandbox,
    get_sandbox,
    packages_environment,
    python_argv,
    usage,
)
from cogitate.sandbox.attacks import processes_with
from cogitate.sandbox.supervise import retry_until

Run = Callable[..., RunResult]


def test_a_program_reads_writes_and_ends(run: Run, sandbox: Sandbox) -> None:
    result = run(
        "import sys; print(input()[::-1]); print('oh', file=sys.stderr); sys.exit(3)",
        stdin=b"abc\n",
    )
    assert result.outcome is Outcome.EXITED
    assert result.exit_code == 3 and result.signal is None
    assert result.stdout == b"cba\n" and result.stderr == b"oh\n"
    assert result.backend == sandbox.name
    assert result.reason == "it ended with exit code 3"
    assert 0 < result.seconds < 60


def test_files_lie_in_the_working_directory(run: Run) -> None:
    files = {"data.txt": b"one", "deep/er/data.bin": bytes(range(256)), "empty": b""}
    code = """
import os
print(sorted(os.path.join(at, name)[2:] for at, _, names in os.walk(".") for name in names))
print(open("data.txt").read(), len(open("deep/er/data.bin", "rb").read()))
with open("data.txt", "a") as file: file.write(" two")
with open("deep/new", "w") as file: file.write("three")
os.rename("deep/new", "moved")
print(open("data.txt").read(), open("moved").read())
"""
    result = run(code, files=files)
    assert result.stdout.decode().splitlines() == [
        "['data.txt', 'deep/er/data.bin', 'empty']",
        "one 256",
        "one two three",
    ], result.stderr


def test_nothing_of_an_earlier_run_is_left(run: Run) -> None:
    assert run("open('mine', 'w').close()").exit_code == 0
    assert run("import os; print(os.listdir('.'))").stdout == b"[]\n"


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "a\0b"])
def test_file_names_that_lead_out_are_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(ValueError, match="relative name"):
        sandbox.run(Program(argv=("/bin/true",), files={name: b""}))


def test_the_environment_is_the_given_one(run: Run) -> None:
    code = "import os; print({k: v for k, v in os.environ.items() if k not in ('LC_CTYPE', 'PWD', 'TMPDIR')})"
    assert run(code, environment={"A": "b c", "EMPTY": ""}).stdout == b"{'A': 'b c', 'EMPTY': ''}\n"
    assert run(code).stdout == b"{}\n"


def test_files_can_be_programs(sandbox: Sandbox) -> None:
    script = b"#!/bin/sh\necho $1 $(cat)\n"
    for path in ("/sandbox/tool/script", "./tool/script"):
        result = sandbox.run(
            Program(
                argv=(path, "hello"),
                files={"tool/script": script},
                stdin=b"world",
                environment={"PATH": "/usr/bin"},
            )
        )
        assert result.stdout == b"hello world\n", (path, result)


def test_work_as_a_path_in_arguments_and_environment(sandbox: Sandbox) -> None:
    code = "import os, sys; print(open(sys.argv[1]).read(), open(os.environ['DATA']).read())"
    program = Program(
        argv=(*python_argv(), "-c", code, "/sandbox/one"),
        files={"one": b"1", "two": b"2"},
        environment={"DATA": "/sandbox/two"},
    )
    assert sandbox.run(program).stdout == b"1 2\n"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
def test_compile_and_run(sandbox: Sandbox) -> None:
    program = Program(
        argv=("/bin/sh", "-c", "gcc -O0 -o program source.c && exec ./program"),
        files={"source.c": b'#include <stdio.h>\nint main(void) { puts("compiled"); return 4; }\n'},
        environment={"PATH": "/usr/bin:/bin"},
    )
    result = sandbox.run(program)
    if os.geteuid() == 0 or sandbox.name == "bubblewrap":
        assert result.stdout == b"compiled\n" and result.exit_code == 4, result


def test_a_program_that_is_not_there_is_no_fault_of_the_program(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("#!/bin/sh\n")
    outside.chmod(0o755)
    for path in ("/usr/bin/there-is-no-such-program", "python3", str(outside)):
        result = sandbox.run(Program(argv=(path,)))
        assert result.outcome is Outcome.INTERNAL_ERROR, path
        assert path in result.reason


def test_a_file_of_the_program_that_cannot_run_is_its_own_fault(sandbox: Sandbox) -> None:
    for path in ("/sandbox/missing", "./directory"):
        result = sandbox.run(Program(argv=(path,), files={"directory/file": b""}))
        assert result.outcome is Outcome.EXITED and result.exit_code == 127, result


def test_signals_have_their_defaults(run: Run) -> None:
    code = "import signal; print([n.name for n in signal.Signals if signal.getsignal(n) == signal.SIG_IGN])"
    ignored_by_python = b"['SIGPIPE', 'SIGXFSZ']\n"
    assert run(code).stdout == ignored_by_python
    shell = "trap; kill -PIPE $$; echo survived"
    code = f"import subprocess; print(subprocess.run(['/bin/sh', '-c', '{shell}'], restore_signals=False).returncode)"
    assert run("import os; os.kill(os.getpid(), 13); print('python ignores it')").exit_code == 0


def test_stdout_is_collected_from_children_too(run: Run) -> None:
    code = "import subprocess; subprocess.run(['/bin/echo', 'from a child']); print('done')"
    assert run(code).stdout == b"from a child\ndone\n"


def test_usual_means_of_python_work(run: Run) -> None:
    code = """
import asyncio, multiprocessing, tempfile, threading, subprocess, concurrent.futures
def double(x): return 2 * x
if __name__ == "__main__":
    async def main(): return await asyncio.to_thread(double, 1)
    print(asyncio.run(main()))
    with concurrent.futures.ThreadPoolExecutor(2) as pool: print(list(pool.map(double, [1, 2])))
    with tempfile.TemporaryDirectory() as directory: open(directory + "/x", "w").close()
    reader, writer = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=lambda: writer.send(double(3)))
    process.start(); print(reader.recv()); process.join()
    print(subprocess.run(["/bin/echo", "hello"], capture_output=True).stdout)
"""
    result = run(code)
    assert result.stdout == b"2\n[2, 4]\n6\nb'hello\\n'\n", result.stderr


def test_limits_of_a_program_hold_for_it_alone(sandbox: Sandbox) -> None:
    """Eight fork bombs beside a well-behaved program, which gets all the processes it may have."""
    bomb = Program(
        argv=(
            *python_argv(),
            "-c",
            "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        ),
        limits=Limits(wall_seconds=1.5, processes=8),
    )
    good = Program(
        argv=(*python_argv(), "-c", "import threading as t; e = t.Event(); a = [t.Thread(target=e.wait) for _ in range(20)]; [x.start() for x in a]; e.set(); print('fine')"),
        limits=Limits(wall_seconds=60.0, processes=24),
    )  # fmt: skip
    bombs = [threading.Thread(target=sandbox.run, args=(bomb,)) for _ in range(3)]
    for thread in bombs:
        thread.start()
    result = sandbox.run(good)
    for thread in bombs:
        thread.join()
    assert result.stdout == b"fine\n", result


def test_processor_time_is_reported(run: Run) -> None:
    result = run("while True: pass", limits=Limits(wall_seconds=60.0, cpu_seconds=0.3))
    assert result.outcome is Outcome.TIMEOUT
    assert 0.3 <= result.cpu_seconds < 5


def test_packages_can_be_made_readable() -> None:
    try:
        sandbox = get_sandbox(packages=True)
    except SandboxError as error:
        pytest.skip(str(error))
    argv = (*python_argv(packages=True), "-c", "import numpy; print(numpy.arange(3).sum())")
    limits = Limits(wall_seconds=60.0, memory_bytes=2**30)
    program = Program(argv=argv, environment=packages_environment(), limits=limits)
    assert sandbox.run(program).stdout == b"3\n"
    bare = get_sandbox().run(program)
    assert bare.exit_code == 1 and b"No module named 'numpy'" in bare.stderr


def test_a_worker_answers_and_dies_with_all_its_children(sandbox: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "shared.txt").write_text("shared")
    code = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
for line in sys.stdin:
    print(line.strip().upper(), open({str(tmp_path / "shared.txt")!r}).read(), flush=True)
"""
    mark = f"worker-{os.getpid()}-{sandbox.name}"
    program = Program(argv=(*python_argv(), "-c", code), environment={"MARK": mark})
    found: list[subprocess.Popen[bytes]] = []
    starter = threading.Thread(
        target=lambda: found.append(sandbox.spawn(program, read_only=(str(tmp_path),)))
    )
    starter.start()
    starter.join()  # a worker outlives the thread that asked for it
    worker = found[0]
    assert worker.stdin is not None and worker.stdout is not None
    for word in (b"one", b"two"):
        worker.stdin.write(word + b"\n")
        worker.stdin.flush()
        assert worker.stdout.readline() == word.upper() + b" shared\n"
    assert len(processes_with(mark)) >= 2
    worker.kill()
    assert worker.wait(timeout=30) == -signal.SIGKILL
    assert retry_until(lambda: processes_with(mark) == [], 30)
    worker.stdin.close()
    worker.stdout.close()


def test_a_worker_that_ends_by_itself(sandbox: Sandbox) -> None:
    worker = sandbox.spawn(Program(argv=(*python_argv(), "-c", "print('done')")))
    assert worker.stdin is not None and worker.stdout is not None
    assert worker.stdout.read() == b"done\n"
    worker.wait(timeout=30)
    worker.stdin.close()
    worker.stdout.close()


PARENT = """
import sys, threading
from cogitate.sandbox import Program, get_sandbox, python_argv
code = "import os, time\\nif os.fork() == 0: os.setsid()\\nprint('up', flush=True)\\ntime.sleep(600)"
program = Program(argv=(*python_argv(), "-c", code), environment={"MARK": sys.argv[2]})
sandbox = get_sandbox(sys.argv[1])
threading.Thread(target=sandbox.run, args=(program,), daemon=True).start()
worker = sandbox.spawn(program)
worker.stdout.readline()
print("ready", flush=True)
worker.wait()
"""


def test_when_the_parent_is_killed_nothing_survives(sandbox: Sandbox) -> None:
    mark = f"orphan-{os.getpid()}-{sandbox.name}"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, sandbox.name, mark], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    assert retry_until(lambda: len(processes_with(mark)) >= 4, 30)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert retry_until(lambda: processes_with(mark) == [], 30)


def test_an_interrupt_at_the_start_leaves_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the sandbox stands up."""
    mark = f"interrupted-{os.getpid()}-{sandbox.name}"
    program = Program(argv=("/bin/sleep", "600"), environment={"MARK": mark})
    module = sys.modules[type(sandbox).__module__]
    real, calls = module.readable, itertools.count()  # type: ignore[attr-defined]

    def interrupted_once(descriptor: int, seconds: float) -> bool:
        if next(calls) == 0:
            raise KeyboardInterrupt
        return real(descriptor, seconds)

    children = own_children()
    monkeypatch.setattr(module, "readable", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(program)
    assert processes_with(mark) == []
    assert retry_until(lambda: own_children() == children, 30)


def test_no_room_for_another_descriptor_is_no_fault_of_the_program(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = f"descriptors-{os.getpid()}-{sandbox.name}"

    def full(pid: int, flags: int = 0) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", full)
    result = sandbox.run(Program(argv=("/bin/sleep", "600"), environment={"MARK": mark}))
    assert result.outcome is Outcome.INTERNAL_ERROR and "Too many open files" in result.reason
    assert processes_with(mark) == []


def own_children() -> list[int]:
    for process in list(subprocess._active):  # type: ignore[attr-defined]
        process.poll()
    return usage.children_of(os.getpid())


def test_descriptors_and_threads_do_not_grow(run: Run) -> None:
    def count() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    run("pass")
    before = count()
    for code in ("print(1)", "raise SystemExit(2)", "import os; os.abort()"):
        run(code)
    run("while True: pass", limits=Limits(wall_seconds=0.2))
    assert count() == before


def test_time_is_the_programs_own(sandbox: Sandbox) -> None:
    began = time.monotonic()
    result = sandbox.run(Program(argv=("/bin/sleep", "60"), limits=Limits(wall_seconds=0.3)))
    assert result.outcome is Outcome.TIMEOUT
    assert 0.3 <= result.seconds <= time.monotonic() - began
    assert result.reason == "it ran for 0.3 s"
