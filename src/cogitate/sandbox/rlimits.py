"""Limits that the kernel itself enforces on each process; the watcher sums over all of them."""

import math
import resource

from cogitate.sandbox.program import MIB, Limits

# Address space is only reserved, and run-time systems reserve generously: a stack of 8 MiB and an
# arena of 64 MiB for each thread. What is really used is limited by the watcher, to memory_bytes.
_ADDRESS_SPACE_FACTOR, _ADDRESS_SPACE_EXTRA = 2, 512 * MIB
_STACK = 8 * MIB


def kernel_limits(
    limits: Limits, *, extra_processes: int = 0, largest_file: int = 0
) -> dict[int, tuple[int, int]]:
    """Soft and hard value by resource.

    ``extra_processes`` are the sandbox's own of that user, and ``largest_file`` is what it writes
    itself before the program starts.
    """
    address_space = _ADDRESS_SPACE_FACTOR * limits.memory_bytes + _ADDRESS_SPACE_EXTRA
    cpu = math.ceil(limits.cpu_seconds) + 1  # behind the watcher, which is exact to a look
    processes = limits.processes + extra_processes
    file = max(limits.file_bytes, largest_file)
    wanted = {
        resource.RLIMIT_AS: (address_space, address_space),
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_FSIZE: (file, file),
        resource.RLIMIT_NPROC: (processes, processes),
        resource.RLIMIT_NOFILE: (limits.open_files, limits.open_files),
        resource.RLIMIT_CORE: (0, 0),
        # A program may raise its own stack, as deep recursion needs: ulimit -s, or setrlimit.
        resource.RLIMIT_STACK: (_STACK, max(_STACK, limits.memory_bytes)),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    return {number: _allowed(number, *pair) for number, pair in wanted.items()}


def _allowed(number: int, soft: int, hard: int) -> tuple[int, int]:
    """The same, where a limit of this process itself is lower: raising it needs a privilege."""
    ceiling = resource.getrlimit(number)[1]
    if ceiling == resource.RLIM_INFINITY:
        return soft, hard
    return min(soft, ceiling), min(hard, ceiling)


_NAMES = {
    resource.RLIMIT_AS: "as",
    resource.RLIMIT_CPU: "cpu",
    resource.RLIMIT_FSIZE: "fsize",
    resource.RLIMIT_NPROC: "nproc",
    resource.RLIMIT_NOFILE: "nofile",
    resource.RLIMIT_CORE: "core",
    resource.RLIMIT_STACK: "stack",
    resource.RLIMIT_MEMLOCK: "memlock",
    resource.RLIMIT_MSGQUEUE: "msgqueue",
}


def command_with(limits: dict[int, tuple[int, int]]) -> list[str]:
    """What to put before a command so that it starts with these limits (util-linux)."""
    pairs = (f"--{_NAMES[number]}={soft}:{hard}" for number, (soft, hard) in limits.items())
    return ["prlimit", *pairs, "--"]
