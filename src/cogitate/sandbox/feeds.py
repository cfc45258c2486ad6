"""Bytes that another process reads from a descriptor of its own: input, files, filters."""

import fcntl
import os
import select

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def feed(name: str, data: bytes) -> int:
    """A descriptor that reads as ``data`` from its start and can be written by nobody.

    Unlike a pipe it needs nobody to fill it, so a program that does not read cannot block us.
    """
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


def readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read, or an end, within the time.

    Not ``select``, which fails for numbers above 1023: a trainer has many files open.
    """
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(1000 * seconds))
