"""Watch over one running program: drain its output, enforce its limits, decide how it ended.

Backends differ in how they start and kill a program; everything else is here, so that the same
program gets the same outcome from all of them.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from cogitate.sandbox.feeds import readable
from cogitate.sandbox.program import MIB, Limits, Outcome, RunResult
from cogitate.sandbox.usage import Usage, proportional_memory

SETUP_SECONDS = 60.0
"""For the sandbox to stand up. Not the program's time, so a busy machine harms no program."""

GONE_SECONDS = 20.0
"""For everything to be gone after SIGKILL, which the kernel delivers in milliseconds."""

MAX_FILES = 20_000
"""Files, directories and links in the working directory and /tmp: each costs the kernel memory."""

_FIRST_LOOK, _SHORT, _LONG = 0.01, 0.02, 0.05  # seconds between looks at what the program uses
_CHUNK = 65536


@runtime_checkable
class Child(Protocol):
    """A program that a backend has started."""

    process: "subprocess.Popen[bytes]"
    """With pipes on stdout and stderr; its end is the end of the program."""

    def started(self) -> bool:
        """Whether the sandbox stands and the program runs. Called until it is true."""
        ...

    def kill(self) -> None:
        """SIGKILL to everything inside. May be called more than once."""
        ...

    def wait_until_gone(self, seconds: float) -> bool:
        """Kill what is left, and wait until no process of the sandbox exists."""
        ...

    def usage(self) -> Usage | None:
        """What it uses at present; None if that cannot be seen."""
        ...

    def disk(self) -> tuple[int, int]:
        """Bytes and number of the files it has written, where no quota bounds them."""
        ...

    def end(self, stderr: bytes) -> "Ending":
        """How the program ended, after it has, having written this."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """``exit_code`` or ``signal``, or else ``failure``: why the sandbox could not run it."""

    exit_code: int | None = None
    signal: int | None = None
    failure: str = ""


@dataclass(slots=True, kw_only=True)
class _Watch:
    """State of one supervision. ``killed`` is the first limit that was hit."""

    child: Child
    limits: Limits
    outputs: dict[int, bytearray] = field(default_factory=dict[int, bytearray])
    killed: Outcome | None = None
    reason: str = ""
    cpu_seconds: float = 0.0

    def stop(self, outcome: Outcome, reason: str) -> None:
        if self.killed is None:
            self.killed, self.reason = outcome, reason
            self.child.kill()

    def read(self, descriptor: int) -> bool:
        """Take what is there; false at the end of the pipe. Beyond the limit it is discarded."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        kept = self.outputs[descriptor]
        room = self.limits.output_bytes - len(kept)
        kept += data[:room]
        if len(data) > room:
            size = f"{self.limits.output_bytes:,} bytes"
            self.stop(Outcome.OUTPUT_LIMIT, f"it wrote more than {size} to stdout or stderr")
        return bool(data)

    def note(self) -> Usage | None:
        """What is used at present, with the processor time kept for the result."""
        usage = self.child.usage()
        if usage is not None:
            self.cpu_seconds = max(self.cpu_seconds, usage.cpu_seconds)
        return usage

    def look(self) -> None:
        """Compare what is used with what may be."""
        usage, limits = self.note(), self.limits
        if usage is not None:
            if usage.cpu_seconds > limits.cpu_seconds:
                self.stop(Outcome.TIMEOUT, f"it used {limits.cpu_seconds:g} s of processor time")
            if usage.tasks > limits.processes:
                self.stop(Outcome.RESOURCE_LIMIT, f"it had {usage.tasks} processes and threads")
            if usage.memory_bytes > limits.memory_bytes:
                exact = proportional_memory(usage.processes)
                used = usage.memory_bytes if exact is None else exact
                if used > limits.memory_bytes:
                    self.stop(Outcome.RESOURCE_LIMIT, f"it used {used // MIB} MiB of memory")
        size, count = self.child.disk()
        if size > 2 * limits.file_bytes:
            self.stop(Outcome.RESOURCE_LIMIT, f"its files take {size // MIB} MiB")
        if count > MAX_FILES:
            self.stop(Outcome.RESOURCE_LIMIT, f"it made {count:,} files")


def supervise(child: Child, limits: Limits, *, backend: str) -> RunResult:
    """Follow the program to its end or to a limit, and return when nothing of it is left.

    Whatever goes wrong here, the program is killed first.
    """
    process = child.process
    assert process.stdout is not None and process.stderr is not None
    pipes = (process.stdout.fileno(), process.stderr.fileno())
    watch = _Watch(child=child, limits=limits, outputs={pipe: bytearray() for pipe in pipes})
    with process.stdout, process.stderr:
        seconds, gone = 0.0, False
        try:
            seconds = _follow(watch)
        except OSError as error:  # too many open files, for one
            watch.stop(Outcome.INTERNAL_ERROR, f"it could not be watched: {error}")
        finally:
            gone = child.wait_until_gone(GONE_SECONDS)
            process.wait()
        for pipe in pipes:
            _drain(watch, pipe, gone)
    ending = child.end(bytes(watch.outputs[pipes[1]]))
    outcome, reason = _decide(watch, ending, gone=gone)
    return RunResult(
        outcome=outcome,
        exit_code=ending.exit_code if outcome is Outcome.EXITED else None,
        signal=ending.signal if outcome is Outcome.SIGNALLED else None,
        stdout=bytes(watch.outputs[pipes[0]]),
        stderr=bytes(watch.outputs[pipes[1]]),
        seconds=seconds,
        cpu_seconds=watch.cpu_seconds,
        backend=backend,
        reason=reason,
    )


def _drain(watch: _Watch, pipe: int, gone: bool) -> None:
    """What is left in a pipe that nobody writes to any more."""
    os.set_blocking(pipe, False)
    while watch.read(pipe):
        if not gone or not readable(pipe, 0):
            return


def _follow(watch: _Watch) -> float:
    """Read and look until the process ends; how long the program ran, in seconds."""
    poller = select.poll()
    for pipe in watch.outputs:
        os.set_blocking(pipe, False)
        poller.register(pipe, select.POLLIN)
    exited = os.pidfd_open(watch.child.process.pid)
    poller.register(exited, select.POLLIN)
    try:
        return _loop(watch, poller, exited)
    finally:
        os.close(exited)


def _loop(watch: _Watch, poller: Any, exited: int) -> float:
    """The loop of ``_follow``."""
    limits = watch.limits
    began = time.monotonic()
    running = False
    deadline, next_look = began + SETUP_SECONDS, began
    while True:
        now = time.monotonic()
        if not running and watch.child.started():
            running, began = True, now
            deadline, next_look = now + limits.wall_seconds, now + _FIRST_LOOK
        if now >= deadline:
            watch.note()
            if watch.killed is None and not running:
                watch.stop(Outcome.INTERNAL_ERROR, f"it did not start in {SETUP_SECONDS:g} s")
            watch.stop(Outcome.TIMEOUT, f"it ran for {limits.wall_seconds:g} s")
        if running and now >= next_look and watch.killed is None:
            watch.look()
            next_look = time.monotonic() + (_SHORT if now - began < 0.5 else _LONG)
        if watch.killed is not None:
            return now - began
        pause = max(0.0, min(next_look if running else now + 0.005, deadline) - time.monotonic())
        for descriptor, _ in poller.poll(pause * 1000):
            if descriptor == exited:
                return time.monotonic() - began
            if not watch.read(descriptor):
                poller.unregister(descriptor)


_SIGNAL_LIMITS = {
    signal.SIGXCPU: (Outcome.TIMEOUT, "its processor time was used up"),
    signal.SIGXFSZ: (Outcome.RESOURCE_LIMIT, "it wrote a file larger than it may"),
}

# What the common run-time systems say when a limit of the kernel made them fail. Only consulted for
# programs that failed: it changes what a failure is called, never whether it is one.
_LAST_WORDS = (
    (b"MemoryError", "memory"),
    (b"std::bad_alloc", "memory"),
    (b"Cannot allocate memory", "memory"),
    (b"can't start new thread", "threads"),
    (b"Resource temporarily unavailable", "processes"),
    (b"Cannot fork", "processes"),
    (b"No space left on device", "disk"),
    (b"File too large", "disk"),
    (b"Too many open files", "open files"),
)


_LAST_LINES = 8


def _decide(watch: _Watch, ending: Ending, *, gone: bool) -> tuple[Outcome, str]:
    """The outcome and one sentence. The first limit that was hit decides over everything after."""
    if not gone:
        return Outcome.INTERNAL_ERROR, "processes of it are left after SIGKILL"
    if watch.killed is not None:
        return watch.killed, watch.reason
    if ending.failure:
        return Outcome.INTERNAL_ERROR, ending.failure
    if ending.signal is not None:
        for number, verdict in _SIGNAL_LIMITS.items():
            if ending.signal == number:
                return verdict
    if ending.exit_code == 0:
        return Outcome.EXITED, "it ended with exit code 0"
    # A process that was still telling where it failed says nothing; another one has said why.
    lines = bytes(list(watch.outputs.values())[1]).rstrip().rsplit(b"\n", _LAST_LINES)
    told = [line for line in lines if not line.startswith((b"    ", b"  File", b"Traceback"))]
    last_line = told[-1] if told else b""
    for words, resource in _LAST_WORDS:
        if words in last_line:
            return Outcome.RESOURCE_LIMIT, f"it failed for want of {resource}"
    if ending.signal is not None:
        return Outcome.SIGNALLED, f"it was killed by {signal_name(ending.signal)}"
    return Outcome.EXITED, f"it ended with exit code {ending.exit_code}"


def internal_error(backend: str, reason: str) -> RunResult:
    """The result for a program that could not be run, through no fault of its own."""
    return RunResult(outcome=Outcome.INTERNAL_ERROR, backend=backend, reason=reason)


def signal_name(number: int) -> str:
    """Such as "SIGSEGV", or "signal 64" where there is no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def retry_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until the condition holds or the time is up; whether it held."""
    deadline = time.monotonic() + seconds
    pause = 0.0005
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    return True
