"""A sandbox proves itself: a dozen programs that try to get out, and what each of them managed.

The whole corpus, six times as large, is in tests/sandbox_attacks.
"""

import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cogitate.sandbox import unconfined
from cogitate.sandbox.bait import Bait
from cogitate.sandbox.layout import python_argv
from cogitate.sandbox.program import MIB, Limits, Outcome, Program, RunResult, Sandbox

_MARK = "COGITATE_MARK"
_LIMITS = Limits(
    wall_seconds=20.0,
    cpu_seconds=10.0,
    memory_bytes=192 * MIB,
    output_bytes=MIB // 16,
    file_bytes=4 * MIB,
)

_PRELUDE = """\
import ctypes, os, socket, sys
def attempt(what, action, *arguments):
    try: action(*arguments)
    except BaseException: return
    print("could", what, flush=True)
def call(number, *arguments):
    if ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments) == -1:
        raise OSError
bait, pid = os.environ["BAIT_FILE"], int(os.environ["BAIT_PID"])
x86 = os.uname().machine == "x86_64"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackResult:
    """One attack: whether the sandbox held, and in one phrase what was seen."""

    name: str
    held: bool
    seen: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attack:
    """A program, and how it must end: silent with exit code 0, unless something else is said."""

    name: str
    code: str
    outcome: Outcome = Outcome.EXITED
    exit_code: int = 0
    wall_seconds: float = _LIMITS.wall_seconds


_ATTACKS = (
    _Attack(
        name="read files of this machine",
        code="""
for path in ("/etc/shadow", "/etc/passwd", "/etc/hosts", "/home", "/var", "/sys", "/dev/mem", bait):
    attempt("open " + path, os.open, path, os.O_RDONLY)
os.symlink(bait, "link")
attempt("follow a link", open, "link")
attempt("go through /proc", open, "/proc/self/root" + bait)
""",
    ),
    _Attack(
        name="change files of this machine",
        code="""
settings = ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches")
for path in (bait, bait + ".new", "/usr/new", "/etc/new", sys.executable, os.__file__, *settings):
    attempt("open to write " + path, os.open, path, os.O_WRONLY)
for path in (bait + ".new", "/usr/new", "/etc/new", "/dev/new"):
    attempt("make " + path, os.mkdir, path)
attempt("delete", os.unlink, bait)
attempt("rename", os.rename, bait, "mine")
attempt("link", os.link, bait, "mine")
attempt("chmod", os.chmod, bait, 0)
attempt("touch", os.utime, bait)
""",
    ),
    _Attack(
        name="reach the network",
        code="""
for kind, port in ((socket.SOCK_STREAM, "BAIT_TCP"), (socket.SOCK_DGRAM, "BAIT_UDP")):
    attempt("send", lambda: socket.socket(socket.AF_INET, kind).connect(
        ("127.0.0.1", int(os.environ[port]))))
for family in range(2, 46): attempt(f"socket {family}", socket.socket, family, socket.SOCK_RAW)
""",
    ),
    _Attack(
        name="reach sockets of this machine",
        code="""
def send(kind, address): socket.socket(socket.AF_UNIX, kind).connect(address)
attempt("stream", send, socket.SOCK_STREAM, os.environ["BAIT_STREAM"])
attempt("datagram", send, socket.SOCK_DGRAM, os.environ["BAIT_DATAGRAM"])
attempt("abstract", send, socket.SOCK_STREAM, "\\0" + os.environ["BAIT_ABSTRACT"])
attempt("pair", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(
    b"x", os.environ["BAIT_DATAGRAM"]))
""",
    ),
    _Attack(
        name="see and signal other processes",
        code="""
for other in {pid, os.getppid(), 1}:
    for name in ("environ", "mem", "maps", "fd/0"):
        attempt(f"read {name}", lambda: open(f"/proc/{other}/{name}", "rb").read(1) or 1 / 0)
    attempt("trace", call, 101 if x86 else 117, 16, other, 0, 0)
if pid not in (os.getpid(), os.getppid()):
    attempt("signal", os.kill, pid, 0)
    attempt("limit", __import__("resource").prlimit, pid, 7, (8, 8))
""",
    ),
    _Attack(
        name="get new rights from the kernel",
        code="""
for number in (425, 435, 438, *((272, 165, 321, 298, 323, 250, 304, 101, 161) if x86 else
               (97, 40, 280, 241, 282, 219, 265, 117, 51))):
    attempt(f"call {number}", call, number, 0, 0, 0, 0, 0)
attempt("namespace", call, 272 if x86 else 97, 0x10000000)
attempt("setuid", os.setuid, 0 if os.getuid() else 1)
attempt("gain", lambda: ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 1 and 1 / 0)
""",
    ),
    _Attack(
        name="forge the report of its end",
        code="""
for number in range(3, 256):
    attempt(f"write to {number}", os.write, number, b'{"exit-code": 0, "status": 0}\\n')
for other in (1, os.getppid()):
    try: os.kill(other, 9)
    except OSError: pass
os._exit(7)
""",
        exit_code=7,
    ),
    _Attack(
        name="leave a process behind",
        code="""
if os.fork() == 0:
    os.setsid()
    for number in range(3): os.close(number)
    while True: pass
""",
    ),
    _Attack(
        name="fork without end",
        code="while True: os.fork()",
        outcome=Outcome.RESOURCE_LIMIT,
    ),
    _Attack(
        name="take all memory",
        code="kept = []\nwhile True: kept.append(b'x' * 2**20)",
        outcome=Outcome.RESOURCE_LIMIT,
    ),
    _Attack(
        name="fill the disk",
        code="file = open('big', 'wb')\nwhile True: file.write(b'x' * 2**20)",
        outcome=Outcome.RESOURCE_LIMIT,
    ),
    _Attack(
        name="flood the output",
        code="while True: print('x' * 1000)",
        outcome=Outcome.OUTPUT_LIMIT,
    ),
    _Attack(
        name="run for ever",
        code="import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass",
        outcome=Outcome.TIMEOUT,
        wall_seconds=0.5,
    ),
)


def self_test(sandbox: Sandbox) -> list[AttackResult]:
    """Try every attack once, in a few seconds. The bait is harmless; so is a sandbox that leaks.

    The sandbox that is none is not attacked: its programs would win.
    """
    if sandbox.name == unconfined.NAME:
        seen = "this is no sandbox: programs can do whatever you can"
        return [AttackResult(name="everything", held=False, seen=seen)]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda attack: _try(sandbox, attack), _ATTACKS))


def _try(sandbox: Sandbox, attack: _Attack) -> AttackResult:
    mark = secrets.token_hex(8)
    limits = Limits(
        wall_seconds=attack.wall_seconds,
        cpu_seconds=_LIMITS.cpu_seconds,
        memory_bytes=_LIMITS.memory_bytes,
        output_bytes=_LIMITS.output_bytes,
        file_bytes=_LIMITS.file_bytes,
    )
    began = time.monotonic()
    with Bait() as bait:
        program = Program(
            argv=(*python_argv(), "-c", _PRELUDE + attack.code),
            environment={**bait.environment, _MARK: mark},
            limits=limits,
        )
        result = sandbox.run(program)
        fault = _fault(attack, result) or bait.touched(result.stdout + result.stderr)
    left = processes_with(mark)
    if left and not fault:
        fault = f"processes {', '.join(map(str, left))} are left"
    seconds = time.monotonic() - began
    seen = fault or result.reason
    return AttackResult(name=attack.name, held=not fault, seen=seen, seconds=seconds)


def _fault(attack: _Attack, result: RunResult) -> str:
    if result.outcome is not attack.outcome:
        tail = result.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        detail = f": {tail}" if tail else ""
        return f"{result.outcome} instead of {attack.outcome}: {result.reason}{detail}"
    if attack.outcome is not Outcome.EXITED:
        return ""
    if result.stdout:
        return result.stdout.decode(errors="replace").strip().replace("\n", ", ")
    if result.exit_code != attack.exit_code:
        return f"exit code {result.exit_code} instead of {attack.exit_code}"
    return ""


def processes_with(mark: str) -> list[int]:
    """Living processes that have a text in their environment, where we may look."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found
