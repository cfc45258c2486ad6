"""What the processes of a sandbox use at this moment, read from /proc without their help."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
KNOWS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
"""Whether the kernel lists the children of a process; some were built without."""
_MAX_PROCESSES = 4096  # looked at in one go; a fork bomb must not take our time either


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Sums over the processes below one.

    ``memory_bytes`` counts shared pages once per process: an upper bound that is cheap.
    ``cpu_seconds`` includes what ended children used, as far as somebody waited for them.
    """

    tasks: int = 0
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    processes: tuple[int, ...] = ()


def _read(path: str) -> bytes:
    with suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""


def _stat_fields(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the third on; the second may contain anything."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _children_by_search(pid: int) -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit() and _stat_fields(int(name))[1:2] == [str(pid).encode()]:
            yield int(name)


def _children(pid: int, threads: int) -> Iterator[int]:
    if not KNOWS_CHILDREN:
        yield from _children_by_search(pid)
        return
    tids: list[str] = [str(pid)]
    if threads > 1:
        with suppress(OSError):
            tids = os.listdir(f"/proc/{pid}/task")
    for tid in tids:
        yield from map(int, _read(f"/proc/{pid}/task/{tid}/children").split())


def children_of(pid: int) -> list[int]:
    """Processes that a process with one thread has started and not waited for."""
    return list(_children(pid, 1))


def measure(root: int, *, itself: bool = False) -> Usage:
    """What everything below process ``root`` uses. Processes that end meanwhile count as nothing.

    ``root`` is the process that inherits the orphans of its sandbox and has waited for some, so it
    counts only as their parent, unless ``itself``.
    """
    fields = _stat_fields(root)
    if len(fields) < 22:
        return Usage()
    ticks = 0 if itself else int(fields[13]) + int(fields[14])
    tasks = memory = 0
    seen: list[int] = []
    pending = [root] if itself else list(_children(root, int(fields[17])))
    while pending and len(seen) < _MAX_PROCESSES:
        pid = pending.pop()
        fields = _stat_fields(pid)
        if len(fields) < 22:
            continue
        seen.append(pid)
        ticks += sum(map(int, fields[11:15]))
        is_zombie = fields[0] == b"Z"
        tasks += 1 if is_zombie else int(fields[17])
        if not is_zombie:
            memory += int(fields[21]) * _PAGE
        pending += _children(pid, int(fields[17]))
    return Usage(
        tasks=tasks,
        memory_bytes=memory,
        cpu_seconds=ticks / _TICKS,
        processes=tuple(seen),
    )


def proportional_memory(processes: tuple[int, ...]) -> int | None:
    """Memory of processes in bytes with shared pages split between their users; None if hidden."""
    total = 0
    for pid in processes:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                lines = file.read().splitlines()
        except PermissionError:
            return None
        except OSError:  # it has ended
            continue
        sizes = (line.split()[1] for line in lines if line.startswith((b"Pss:", b"SwapPss:")))
        total += 1024 * sum(map(int, sizes))
    return total


def nameless_bytes(processes: tuple[int, ...]) -> int:
    """Size of the files that processes hold open and have deleted, as far as that can be seen."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in processes:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    found = os.stat(f"/proc/{pid}/fd/{name}")
                    if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                        sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())
