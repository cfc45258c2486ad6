"""What goes into a sandbox and what comes out of it: the types every backend shares."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use. Sizes are bytes, times seconds, of the program and its children."""

    wall_seconds: float = 10.0
    cpu_seconds: float = 10.0
    memory_bytes: int = 512 * MIB
    output_bytes: int = 1 * MIB
    """Of stdout and of stderr, each."""
    file_bytes: int = 32 * MIB
    """Largest file, and size of the working directory and of /tmp."""
    processes: int = 32
    open_files: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program with its input. ``argv[0]`` is a path inside the sandbox.

    ``files`` are put into the working directory, which is otherwise empty and is thrown away;
    names are relative and may not leave it. ``environment`` is all of the program's environment.
    """

    argv: tuple[str, ...]
    stdin: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Limits = Limits()


class Outcome(StrEnum):
    """How a program ended."""

    EXITED = "exited"  # by itself; look at exit_code
    SIGNALLED = "signalled"  # killed by a signal that none of the limits sent
    TIMEOUT = "timeout"  # wall-clock or CPU time used up
    RESOURCE_LIMIT = "resource_limit"  # memory, processes or disk used up, and it died of that
    OUTPUT_LIMIT = "output_limit"  # wrote more than it may
    INTERNAL_ERROR = "internal_error"  # the sandbox failed; says nothing about the program


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a program did. Output is cut at the limit. ``reason`` is one sentence for people.

    ``cpu_seconds`` is processor time as last looked at, so a little less than what was used; 0 if
    the program ended before anybody looked.
    """

    outcome: Outcome
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    backend: str = ""
    reason: str = ""


@runtime_checkable
class Sandbox(Protocol):
    """A way to run programs in isolation. Thread-safe: several ``run`` at once are independent."""

    @property
    def name(self) -> str: ...

    def run(self, program: Program) -> RunResult:
        """Run to the end or to a limit. Never raises for what the program does; when it returns,
        no process, file or socket of the program is left."""
        ...

    def spawn(
        self, program: Program, *, read_only: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        """Start a long-lived worker with pipes on stdin and stdout; ``program.stdin`` is unused,
        ``wall_seconds`` is the caller's business. ``read_only`` are host directories it may read
        at the same path. Killing the returned process kills everything in the sandbox."""
        ...
