"""Programs confined by Landlock and seccomp: for machines that do not allow user namespaces.

Weaker than bubblewrap, and docs/sandbox.md says where: the program shares the process numbers, the
host name and the mounts of the machine, its working directory is on a disk, and what Landlock does
not cover is refused by the filter instead of being absent.
"""

import os
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cogitate.errors import SandboxError
from cogitate.sandbox import layout, usage
from cogitate.sandbox.feeds import feed, readable
from cogitate.sandbox.identity import leased_user, view_for
from cogitate.sandbox.launcher import PID_PLACEHOLDER, Job, encode_job
from cogitate.sandbox.layout import WORK
from cogitate.sandbox.program import Program, RunResult
from cogitate.sandbox.removal import remove_tree
from cogitate.sandbox.rlimits import kernel_limits
from cogitate.sandbox.seccomp import (
    OTHERS_METADATA,
    OWN_METADATA,
    WITHOUT_NAMESPACES,
    Rule,
    assemble,
    encode,
    own_signals_only,
)
from cogitate.sandbox.starter import in_lasting_thread
from cogitate.sandbox.supervise import (
    GONE_SECONDS,
    SETUP_SECONDS,
    Ending,
    internal_error,
    retry_until,
    supervise,
)
from cogitate.sandbox.usage import Usage

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_SPARE_PROCESSES = 64  # that a user may start elsewhere while a program runs
_STATUS_BYTES = 65536
MIN_ABI_WITH_USER, MIN_ABI = 1, 3
"""Before 3 Landlock let files that may be read be truncated; a user who owns none is safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How Landlock works on this machine, as found by trying (``choice.py``)."""

    abi: int
    architecture: str
    first_user: int | None = None
    """Root lends a user of its own to every program, from this one on."""
    read_only: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What the filter refuses."""
        rules = WITHOUT_NAMESPACES + OTHERS_METADATA
        if self.first_user is None:
            rules += OWN_METADATA
            if self.abi < 6:
                rules += own_signals_only(PID_PLACEHOLDER)
        return rules


@contextmanager
def work_directory(files: Mapping[str, bytes], user: int | None) -> Iterator[str]:
    """A directory with these files that belongs to the user, deleted in the end."""
    path = tempfile.mkdtemp(prefix="cogitate-work-", dir=_work_base())
    try:
        made = [path]
        for name, data in layout.checked_files(files).items():
            target = os.path.join(path, name)
            parent = os.path.dirname(target)
            if not os.path.isdir(parent):
                os.makedirs(parent, mode=0o755)
                made += _between(path, parent)
            with open(target, "xb") as file:
                file.write(data)
            os.chmod(target, 0o755)
            made.append(target)
        if user is not None:
            for entry in made:
                os.chown(entry, user, user)
        yield path
    finally:
        if os.path.lexists(path):
            remove_tree(path)


@lru_cache(maxsize=1)
def _work_base() -> str:
    """Where working directories are made: a place that every user can reach."""
    for base in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):
        if layout.others_can_reach(base) and os.access(base, os.W_OK | os.X_OK):
            return base
    return tempfile.gettempdir()


def _between(top: str, path: str) -> list[str]:
    found: list[str] = []
    while path != top:
        found.append(path)
        path = os.path.dirname(path)
    return found


def relocated(text: str, work: str) -> str:
    """The same text, with the real working directory where it starts with WORK."""
    return work + text[len(WORK) :] if layout.is_within(text, WORK) else text


def disk_usage(top: str) -> tuple[int, int]:
    """Bytes and entries below a directory; a path too long to follow counts as without end."""
    size = count = 0
    pending = [top]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    count += 1
                    status = entry.stat(follow_symlinks=False)
                    size += status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                        if len(entry.path) > _LONG_PATH:
                            return size, _WITHOUT_END
        except OSError:
            continue
        if count > _WITHOUT_END:
            break
    return size, count


_LONG_PATH = 2000  # characters; the kernel takes 4096
_WITHOUT_END = 1_000_000


class _Child:
    """A program under the launcher: its guard is ``process``, its keeper the root of its tree."""

    def __init__(self, process: "subprocess.Popen[bytes]", status: int, work: str) -> None:
        self.process = process
        self._status, self._work = status, work
        self._report = b""
        self._keeper = 0
        self._usage = Usage()

    def admit(self) -> None:
        """Wait until the program runs or cannot."""
        while b"\n" not in self._report and readable(self._status, SETUP_SECONDS):
            data = os.read(self._status, _STATUS_BYTES)
            if not data:
                break
            self._report += data
        self._keeper = int(self._said().get("keeper", "0"))

    def _said(self) -> dict[str, str]:
        """The launcher's lines, a word and the rest each."""
        lines = self._report.decode(errors="replace").splitlines()
        return {word: rest for word, _, rest in (line.partition(" ") for line in lines)}

    def started(self) -> bool:
        return self._keeper > 0

    def kill(self) -> None:
        self.process.kill()

    def wait_until_gone(self, seconds: float) -> bool:
        """The keeper closes its report last, when it has waited for everybody."""
        self.kill()
        deadline = time.monotonic() + seconds
        while readable(self._status, max(0.0, deadline - time.monotonic())):
            data = os.read(self._status, _STATUS_BYTES)
            if not data:
                return retry_until(lambda: self.process.poll() is not None, seconds)
            self._report += data
        return False

    def usage(self) -> Usage | None:
        self._usage = usage.measure(self._keeper)
        return self._usage

    def disk(self) -> tuple[int, int]:
        size, count = disk_usage(self._work)
        return size + usage.nameless_bytes(self._usage.processes), count

    def end(self, stderr: bytes) -> Ending:
        said = self._said()
        if "failure" in said:
            return Ending(failure=f"the program could not be confined: {said['failure']}")
        if "status" in said:
            status = int(said["status"])
            if os.WIFSIGNALED(status):
                return Ending(signal=os.WTERMSIG(status))
            return Ending(exit_code=os.WEXITSTATUS(status))
        return Ending(failure=f"the launcher failed with exit code {self.process.returncode}")


class Landlock:
    """The backend; ``choice.get_sandbox`` makes one that was tried on this machine."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._filter = encode(assemble(setup.rules, setup.architecture)).hex()

    @property
    def name(self) -> str:
        return "landlock"

    def run(self, program: Program) -> RunResult:
        missing = layout.missing_program(program.argv[0], self._setup.read_only)
        if missing:
            return internal_error(self.name, missing)
        with ExitStack() as stack:
            try:
                stdin = feed("stdin", program.stdin)
                stack.callback(os.close, stdin)
                child = self._start(program, stack, stdin=stdin, stderr=subprocess.PIPE)
            except OSError as error:
                return internal_error(self.name, f"the launcher could not be started: {error}")
            return supervise(child, program.limits, backend=self.name)

    def spawn(
        self, program: Program, *, read_only: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        return in_lasting_thread(lambda: self._spawn(program, read_only))

    def _spawn(self, program: Program, read_only: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        with ExitStack() as stack:
            child = self._start(
                program, stack, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                read_only=read_only,
            )  # fmt: skip
            if not child.started():
                child.wait_until_gone(GONE_SECONDS)
                child.process.communicate()
                reason = child.end(b"").failure
                raise SandboxError(f"landlock: {program.argv[0]} could not be started: {reason}")
            weakref.finalize(child.process, stack.pop_all().close)
        return child.process

    def _start(
        self,
        program: Program,
        stack: ExitStack,
        *,
        stdin: int,
        stderr: int,
        read_only: tuple[str, ...] = (),
    ) -> _Child:
        user, view = self._identity(stack, read_only)
        work = stack.enter_context(work_directory(program.files, user))
        status, status_inside = os.pipe2(os.O_CLOEXEC)
        stack.callback(os.close, status)
        job = self._job(program, work, read_only)
        job["status"] = [str(status_inside)]
        job["user"] = [] if user is None else [str(user)]
        job["view"] = [] if view is None else [str(view)]
        inside = [status_inside, feed("job", encode_job(job))]
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", _LAUNCHER, str(inside[1])],
                stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env={}, cwd="/",
                pass_fds=[*inside, *([] if view is None else [view])],
            )  # fmt: skip
        finally:
            for descriptor in inside:
                os.close(descriptor)
        child = _Child(process, status, work)
        try:
            child.admit()
        except BaseException:
            child.wait_until_gone(GONE_SECONDS)
            process.communicate()
            raise
        return child

    def _identity(
        self, stack: ExitStack, read_only: tuple[str, ...]
    ) -> tuple[int | None, int | None]:
        """The program's user, if we are root, and the mounts in which it reaches what it needs."""
        setup = self._setup
        if setup.first_user is None:
            return None, None
        view = view_for(tuple(layout.real_roots((*setup.read_only, *read_only))))
        return stack.enter_context(leased_user(setup.first_user)), view

    def _job(self, program: Program, work: str, read_only: tuple[str, ...]) -> Job:
        setup = self._setup
        # /tmp belongs to the machine, so what needs scratch space is sent to the work directory.
        environment = {"TMPDIR": WORK, **program.environment}
        limits = kernel_limits(program.limits)
        nobody = [] if setup.first_user is None else [str(setup.first_user - 1)]
        return {
            "abi": [str(setup.abi)],
            "argv": [relocated(text, work) for text in program.argv],
            "environment": [f"{k}={relocated(v, work)}" for k, v in environment.items()],
            "work": [work],
            "limits": [f"{number} {soft} {hard}" for number, (soft, hard) in limits.items()],
            "spare_processes": [str(_SPARE_PROCESSES)],
            "read_only": [
                *layout.real_roots((*setup.read_only, *read_only)),
                *layout.SYSTEM_FILES,
            ],
            "devices": list(layout.DEVICES),
            "filter": [self._filter],
            "nobody": nobody,
            "parent": [str(os.getpid())],
        }
