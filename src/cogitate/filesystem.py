"""The few file operations whose order decides whether a crash loses work.

Everything a run must not lose goes through ``FileSystem``, so that a test can make the k-th
operation fail, and through ``crash_point``, so that a test can stop the process exactly there.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CRASH_VARIABLE = "COGITATE_CRASH_AT"
_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Stop the process as SIGKILL would, if ``COGITATE_CRASH_AT=name:count`` asks for it.

    ``count`` is how many times the point is passed, this one included; it is 1 when left out.
    Without the variable this does nothing. It exists for the tests that kill a run.
    """
    wanted, _, count = os.environ.get(CRASH_VARIABLE, "").partition(":")
    if wanted != name:
        return
    _passed[name] += 1
    if _passed[name] == int(count or 1):
        os._exit(137)


class FileSystem:
    """The real disk. A test double overrides single methods."""

    def make_dir(self, path: Path) -> None:
        """Create ``path``, which must not exist, and its parents, which may."""
        path.mkdir(parents=True)

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file; not durable before ``sync_file``."""
        path.write_bytes(data)

    def sync_file(self, path: Path) -> None:
        """Force the bytes of a file to the disk."""
        _fsync(path, os.O_RDONLY)

    def sync_dir(self, path: Path) -> None:
        """Force the entries of a directory (creations, renames, deletions) to the disk."""
        _fsync(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))

    def forget(self, path: Path) -> None:
        """Drop a synced file from the memory of the system, so that reading it reads the disk."""
        if path.is_file() and hasattr(os, "posix_fadvise"):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Atomic rename; replaces a file, never a directory with entries."""
        os.replace(source, target)

    def remove_tree(self, path: Path) -> None:
        """Delete a directory and all below it."""
        shutil.rmtree(path)

    def free_bytes(self, path: Path) -> int:
        """Bytes that this user may still write on the disk that holds ``path``."""
        return shutil.disk_usage(path).free


DISK = FileSystem()


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, *, files: FileSystem = DISK) -> None:
    """Replace ``path`` by ``data`` so that a crash leaves the old content or the new, complete."""
    temporary = path.with_name(path.name + ".tmp")
    files.write(temporary, data)
    files.sync_file(temporary)
    files.rename(temporary, path)
    files.sync_dir(path.parent)


def to_json_bytes(value: Mapping[str, Any]) -> bytes:
    """Indented JSON with sorted keys: equal values give equal bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
