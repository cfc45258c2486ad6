"""Programs in namespaces of their own, set up by bubblewrap: the default backend.

The program sees its own process tree, no network, the system read-only, and an empty working
directory in memory. Its first process (bwrap's) is killed, and the kernel ends all the others.
"""

import fcntl
import json
import os
import resource
import signal
import subprocess
import termios
import weakref
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from cogitate.errors import SandboxError
from cogitate.sandbox import layout, usage
from cogitate.sandbox.feeds import feed, readable
from cogitate.sandbox.identity import command_as, is_root, leased_user, view_for
from cogitate.sandbox.layout import WORK
from cogitate.sandbox.program import Limits, Program, RunResult
from cogitate.sandbox.rlimits import command_with, kernel_limits
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

# Processes of bwrap that the kernel counts with the program's: its first one inside, and the one
# outside that waits, where all have a user of their own.
_INIT, _INIT_AND_MONITOR = 1, 2
_INSIDE_USER = 1000
_NOT_FOUND = 127  # what a shell says of a program that cannot be started
_STATUS_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How bwrap works on this machine, as found by trying (``choice.py``)."""

    bwrap: str
    filter: bytes
    """The seccomp filter."""
    proc: bool = True
    """Whether /proc can be mounted; not inside a container that masks its own."""
    disable_userns: bool = True
    first_user: int | None = None
    """Root lends a user of its own to every program, from this one on."""
    read_only: tuple[str, ...] = ()


def mounts(
    setup: Setup, limits: Limits, *, extra_bytes: int, read_only: tuple[str, ...]
) -> list[str]:
    """The file system of the sandbox, as options of bwrap."""
    options: list[str] = ["--size", str(limits.file_bytes), "--tmpfs", "/tmp"]
    for root in layout.real_roots((*setup.read_only, *read_only)):
        options += ["--ro-bind", root, root]
    for root, target in layout.linked_roots():
        options += ["--symlink", target, root]
    for path in layout.SYSTEM_FILES:
        options += ["--ro-bind-try", path, path]
    if setup.proc:
        # Over the directory of bwrap's first process, into whose memory the program could write.
        options += ["--proc", "/proc", "--size", "4096", "--perms", "0555", "--tmpfs", "/proc/1"]
        options += ["--remount-ro", "/proc/1"]
    else:
        options += ["--dir", "/proc"]
    options += ["--tmpfs", "/dev"]
    for path in layout.DEVICES:
        options += ["--dev-bind-try", path, path]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        options += ["--symlink", f"/proc/self/fd/{number}", f"/dev/{name}"]
    options += ["--symlink", "/proc/self/fd", "/dev/fd"]
    options += ["--size", str(limits.file_bytes), "--tmpfs", "/dev/shm"]
    options += ["--size", str(limits.file_bytes + extra_bytes), "--tmpfs", WORK]
    return [*options, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK]


class _Child:
    """A program under bwrap, from the moment bwrap has been started."""

    def __init__(self, process: "subprocess.Popen[bytes]", status: int, gate: int) -> None:
        self.process = process
        self._status, self._gate = status, gate
        self._report = b""
        self._init = self._init_pidfd = -1
        self._released = False
        self.admitted = False

    def admit(self, limits: Limits | None) -> bool:
        """Wait for the first process of the sandbox, limit it, and let it go on; false if it died.

        bwrap sets the sandbox up meanwhile and waits for the gate before it starts the program, so
        there is no moment without limits. With None it has its limits already.
        """
        while b"\n" not in self._report:
            if not readable(self._status, SETUP_SECONDS):
                return False
            data = os.read(self._status, _STATUS_BYTES)
            if not data:
                return False
            self._report += data
        os.set_blocking(self._status, False)
        self._init = int(json.loads(self._report.split(b"\n", 1)[0])["child-pid"])
        try:
            self._init_pidfd = os.pidfd_open(self._init)
            if limits is not None:
                for number, pair in kernel_limits(limits, extra_processes=_INIT).items():
                    resource.prlimit(self._init, number, pair)
            # If the machine runs out of memory, the program goes first.
            with suppress(OSError), open(f"/proc/{self._init}/oom_score_adj", "w") as file:
                file.write("1000")
            os.write(self._gate, b"x")
        except (ProcessLookupError, BrokenPipeError):
            return False
        return True

    def started(self) -> bool:
        if self.admitted and not self._released:
            waiting = fcntl.ioctl(self._gate, termios.FIONREAD, b"\0" * 4)
            self._released = waiting == b"\0" * 4
        return self._released

    def kill(self) -> None:
        if self._init_pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_pidfd, signal.SIGKILL)
        else:
            # Its child does not die with it yet, so stop it first: then it makes no other.
            self.process.send_signal(signal.SIGSTOP)
            for pid in usage.children_of(self.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.kill()

    def wait_until_gone(self, seconds: float) -> bool:
        self.kill()
        if self._init_pidfd < 0:
            self.process.wait()
            return True
        # The kernel lets the first process of a namespace end only after all the others.
        gone = readable(self._init_pidfd, seconds) and retry_until(
            lambda: self.process.poll() is not None, seconds
        )
        # bwrap leaves it to the machine's init to wait for it; that may be us, in a container.
        with suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self._init_pidfd, os.WEXITED | os.WNOHANG)
        return gone

    def usage(self) -> Usage | None:
        return usage.measure(self._init)

    def disk(self) -> tuple[int, int]:
        size = count = 0
        for path in (WORK, "/tmp", "/dev/shm"):
            with suppress(OSError):
                found = os.statvfs(f"/proc/{self._init}/root{path}")
                count += found.f_files - found.f_ffree
        return size, count

    def end(self, stderr: bytes) -> Ending:
        """From bwrap's report, which has an exit code if and only if the program was started; so
        what a program writes can never pass for what bwrap writes.

        Like a shell, bwrap reports death by signal n as 128 + n; a program that ends with such an
        exit code by itself is told apart by nobody.
        """
        with suppress(BlockingIOError):
            self._report += os.read(self._status, _STATUS_BYTES)
        documents = [json.loads(line) for line in self._report.split(b"\n") if line.strip()]
        codes = [document["exit-code"] for document in documents if "exit-code" in document]
        if codes:
            code = codes[-1]
            is_signal = 128 < code <= 128 + signal.NSIG
            return Ending(signal=code - 128) if is_signal else Ending(exit_code=code)
        if stderr.startswith(b"bwrap: execvp "):
            return Ending(exit_code=_NOT_FOUND)
        reason = stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return Ending(failure=f"bwrap failed with exit code {self.process.returncode}: {reason}")

    def close(self) -> None:
        for descriptor in (self._status, self._gate, self._init_pidfd):
            if descriptor >= 0:
                os.close(descriptor)


class Bubblewrap:
    """The backend; ``choice.get_sandbox`` makes one that was tried on this machine."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    @property
    def name(self) -> str:
        return "bubblewrap"

    def run(self, program: Program) -> RunResult:
        missing = layout.missing_program(program.argv[0], self._setup.read_only)
        if missing:
            return internal_error(self.name, missing)
        with ExitStack() as stack:
            try:
                stdin = feed("stdin", program.stdin)
                stack.callback(os.close, stdin)
                child = self._start(
                    program, stack, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
            except OSError as error:
                return internal_error(self.name, f"bwrap could not be started: {error}")
            stack.callback(child.close)
            return supervise(child, program.limits, backend=self.name)

    def spawn(
        self, program: Program, *, read_only: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        return in_lasting_thread(lambda: self._spawn(program, read_only))

    def _spawn(self, program: Program, read_only: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        with ExitStack() as stack, ExitStack() as lasting:
            child = self._start(
                program, lasting, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, read_only=read_only,
            )  # fmt: skip
            stack.callback(child.close)
            if not child.admitted:
                child.kill()
                child.process.communicate()
                raise SandboxError(
                    f"bubblewrap: {program.argv[0]} could not be started; "
                    f"bwrap ended with exit code {child.process.returncode}"
                )
            weakref.finalize(child.process, lasting.pop_all().close)
        return child.process

    def _start(
        self,
        program: Program,
        stack: ExitStack,
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        read_only: tuple[str, ...] = (),
    ) -> _Child:
        setup = self._setup
        status, status_inside = os.pipe2(os.O_CLOEXEC)
        gate_inside, gate = os.pipe2(os.O_CLOEXEC)
        inside = [status_inside, gate_inside, feed("filter", setup.filter)]
        try:
            files = layout.checked_files(program.files)
            prefix = self._as_user(stack, program, read_only)
            if not prefix and is_root():
                # Root may write to files of /proc without any privilege, because it owns them.
                setup = replace(setup, proc=False)
            options = [
                "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session",
                "--clearenv", "--cap-drop", "ALL", "--hostname", "sandbox",
                "--uid", str(_INSIDE_USER), "--gid", str(_INSIDE_USER),
                *(["--disable-userns"] if setup.disable_userns else []),
                "--json-status-fd", str(status_inside), "--block-fd", str(gate_inside),
                "--seccomp", str(inside[2]),
            ]  # fmt: skip
            total = sum(map(len, files.values()))
            options += mounts(setup, program.limits, extra_bytes=total, read_only=read_only)
            for name, data in files.items():
                inside.append(feed("file", data))
                options += ["--perms", "0755", "--file", str(inside[-1]), f"{WORK}/{name}"]
            for name, value in program.environment.items():
                options += ["--setenv", name, value]
            # Not on the command line, which the program could read: it names paths of this machine.
            inside.append(feed("options", b"".join(os.fsencode(o) + b"\0" for o in options)))
            process = subprocess.Popen(
                [*prefix, setup.bwrap, "--args", str(inside[-1]), "--", *program.argv],
                stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=inside,
                env={}, cwd="/",
            )  # fmt: skip
        except BaseException:
            os.close(status)
            os.close(gate)
            raise
        finally:
            for descriptor in inside:
                os.close(descriptor)
        child = _Child(process, status, gate)
        try:
            child.admitted = child.admit(None if prefix else program.limits)
        except BaseException:
            # A gate that is closed is open: bwrap would go on without anybody watching.
            child.wait_until_gone(GONE_SECONDS)
            child.process.communicate()
            child.close()
            raise
        return child

    def _as_user(self, stack: ExitStack, program: Program, read_only: tuple[str, ...]) -> list[str]:
        """What gives bwrap a user of its own and limits, if we are root.

        Where that user could not read something that the program needs, bwrap runs as root, and the
        program as root without any privilege and without /proc.
        """
        setup = self._setup
        if setup.first_user is None:
            return []
        roots = layout.real_roots((*setup.read_only, *read_only))
        try:
            view = view_for((setup.bwrap, *roots))
        except OSError:
            return []
        user = stack.enter_context(leased_user(setup.first_user))
        kernel = kernel_limits(
            program.limits,
            extra_processes=_INIT_AND_MONITOR,
            largest_file=max(map(len, program.files.values()), default=0),
        )
        return [*command_with(kernel), *command_as(user, view)]
