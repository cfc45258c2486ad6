"""Programs as plain processes: limits, but no isolation at all. For toys and for tests of ours."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from cogitate.sandbox import layout, usage
from cogitate.sandbox.feeds import feed
from cogitate.sandbox.program import Limits, Program, RunResult
from cogitate.sandbox.rlimits import kernel_limits
from cogitate.sandbox.supervise import Ending, internal_error, supervise
from cogitate.sandbox.usage import Usage

NAME = "none-i-accept-the-risk"


class _Child:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def started(self) -> bool:
        return True

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait_until_gone(self, seconds: float) -> bool:
        self.kill()
        self.process.wait()
        return True

    def usage(self) -> Usage | None:
        return usage.measure(self.process.pid, itself=True)

    def disk(self) -> tuple[int, int]:
        return 0, 0

    def end(self, stderr: bytes) -> Ending:
        code = self.process.returncode
        return Ending(exit_code=code) if code >= 0 else Ending(signal=-code)


class Unconfined:
    """No sandbox. The program can do whatever this user can, and may leave processes behind."""

    @property
    def name(self) -> str:
        return NAME

    def run(self, program: Program) -> RunResult:
        work = Path(tempfile.mkdtemp(prefix="cogitate-unconfined-"))
        stdin = feed("stdin", program.stdin)
        try:
            for name, data in layout.checked_files(program.files).items():
                path = work / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                path.chmod(0o755)
            try:
                process = _start(program, stdin, subprocess.PIPE, str(work))
            except OSError as error:
                return internal_error(self.name, f"{program.argv[0]} could not be started: {error}")
            child = _Child(process)
            _limit(child.process.pid, program.limits)
            return supervise(child, program.limits, backend=self.name)
        finally:
            os.close(stdin)
            shutil.rmtree(work, ignore_errors=True)

    def spawn(
        self, program: Program, *, read_only: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        process = _start(program, subprocess.PIPE, subprocess.DEVNULL, "/")
        _limit(process.pid, program.limits)
        return process


def _start(program: Program, stdin: int, stderr: int, cwd: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        program.argv, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
        env=dict(program.environment), cwd=cwd, start_new_session=True,
    )  # fmt: skip


def _limit(pid: int, limits: Limits) -> None:
    with suppress(ProcessLookupError):
        for number, pair in kernel_limits(limits).items():
            if number != resource.RLIMIT_NPROC:  # would count all processes of this user
                resource.prlimit(pid, number, pair)
