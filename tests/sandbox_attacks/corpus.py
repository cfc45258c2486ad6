"""What a malicious program is and how it should end. The programs are in the modules beside this."""

import os
from dataclasses import dataclass, field

from cogitate.sandbox import Limits, Outcome

HELD = b"held\n"

PRELUDE = """\
import os, sys

def attempt(what, action, *arguments):
    "Whatever works is an escape."
    try:
        result = action(*arguments)
    except BaseException:
        return None
    print("ESCAPED:", what, repr(result)[:100], flush=True)
    return result

def held():
    print("held", flush=True)

def system_call(number, *arguments):
    "Result of a system call; raises OSError as Python's own wrappers do."
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), "system call")
    return result

"""

SMALL = Limits(wall_seconds=20.0, cpu_seconds=10.0, memory_bytes=256 * 2**20)
"""Enough for a program that tries something and ends, on a machine that is busy."""


def limited(
    *,
    wall: float = 20.0,
    cpu: float = 10.0,
    memory: int = 256,
    output: int = 65536,
    file: int = 4,
    processes: int = 32,
    open_files: int = 64,
) -> Limits:
    """Limits with sizes in MiB but for the output."""
    return Limits(
        wall_seconds=wall,
        cpu_seconds=cpu,
        memory_bytes=memory * 2**20,
        output_bytes=output,
        file_bytes=file * 2**20,
        processes=processes,
        open_files=open_files,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One program and the one way in which it should end.

    ``expect`` is the outcome, ``landlock`` where the other backend differs, ``landlock_as_user``
    where it differs without root, whose watcher then has to count processes. ``output`` is all that
    it may write, ``exit_code`` and ``signal`` what they should be, if given. ``reason`` is a part
    of the sentence. ``quick`` programs are in the fast suite.
    """

    name: str
    code: str
    expect: Outcome = Outcome.EXITED
    landlock: Outcome | None = None
    landlock_as_user: Outcome | None = None
    output: bytes | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    limits: Limits = SMALL
    stdin: bytes = b""
    argv: tuple[str, ...] = ()
    """Instead of Python with the code."""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    quick: bool = False

    def outcome(self, backend: str) -> Outcome:
        """The outcome expected of a backend."""
        if backend != "landlock":
            return self.expect
        if self.landlock_as_user is not None and os.geteuid() != 0:
            return self.landlock_as_user
        return self.landlock or self.expect


def tries(name: str, code: str, *, quick: bool = True, **fields: object) -> Attack:
    """A program that tries to get out and must find that nothing works."""
    return Attack(
        name=name,
        code=PRELUDE + code + "\nheld()\n",
        output=HELD,
        exit_code=0,
        quick=quick,
        **fields,  # type: ignore[arg-type]
    )
