"""As whom programs run. Root gives every running program a user of its own; a user stays himself.

The kernel counts processes per user (RLIMIT_NPROC) and never limits root's, so a program of root
could fork without end. A user that nobody else has makes the count exact, and owns no file.
"""

import itertools
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from cogitate.sandbox.layout import others_can_reach
from cogitate.sandbox.view import view_with

_RANGE = 1000
_PREFERRED, _SMALL = 1_990_000_000, 64_000
# 1_990_000_000: in the range that systemd leaves free. 64_000: where only 65536 users are mapped.

_taken: set[int] = set()
_turns = itertools.count(37 * os.getpid())
_lock = threading.Lock()


def is_root() -> bool:
    """Whether this process may become any user."""
    return os.geteuid() == 0


def first_user(uid_map: str | None = None) -> int | None:
    """The first of a thousand user numbers that exist here and belong to nobody, if there are."""
    text = Path("/proc/self/uid_map").read_text() if uid_map is None else uid_map
    rows = [tuple(map(int, line.split())) for line in text.splitlines()]
    for first in (_PREFERRED, _SMALL):
        if any(start <= first and first + _RANGE <= start + size for start, _, size in rows):
            return first
    return None


@contextmanager
def leased_user(first: int) -> Iterator[int]:
    """A user number that no other running program has, in any process of this machine.

    The lease is an abstract socket: it exists once per name, and ends with this process at latest.
    Numbers take turns, because the kernel counts a dead process until the machine's init has
    waited for it, and some containers have an init that never does.
    """
    start = next(_turns)
    for turn in range(start, start + _RANGE):
        user = first + turn % _RANGE
        with _lock:
            if user in _taken:
                continue
            _taken.add(user)
        with socket.socket(socket.AF_UNIX) as lease:
            try:
                lease.bind(f"\0cogitate-sandbox-user-{user}")
            except OSError:
                continue
            else:
                yield user
                return
            finally:
                with _lock:
                    _taken.discard(user)
    raise RuntimeError(f"all {_RANGE} users for sandboxes are taken: are so many programs running?")


@lru_cache(maxsize=64)
def view_for(paths: tuple[str, ...]) -> int | None:
    """A mount namespace in which everybody can reach these paths; None if everybody can anyway.

    Raises:
        OSError: not everybody can, and this process may not mount.
    """
    closed = tuple(path for path in paths if not others_can_reach(path))
    return view_with(closed) if closed else None


def command_as(user: int, view: int | None) -> list[str]:
    """What to put before a command so that it runs as that user, in that view (util-linux)."""
    if view is None:
        return ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", "--"]
    # By the number it has here: inherited, it would stay open in the program.
    mount = f"--mount=/proc/{os.getpid()}/fd/{view}"
    return ["nsenter", mount, "--setuid", str(user), "--setgid", str(user), "--"]
