"""Model directories on disk: written whole or not at all, with checksums."""

import glob
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cogitate.errors import DataError


@contextmanager
def replace_directory(target: Path) -> Iterator[Path]:
    """A fresh directory beside ``target`` that takes its place when the block ends without error.

    Files reach the disk before the rename, so after a crash or power cut ``target`` is the old
    directory, the new one or, for an instant between two renames, absent; never a mixture. What a
    killed writer left behind is removed first, so ``target`` must have one writer at a time.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    _recover(target)
    fresh = target.parent / f".{target.name}.tmp-{secrets.token_hex(6)}"
    fresh.mkdir()
    try:
        yield fresh
        _settle(fresh)
        _swap(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until the file or directory is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _settle(directory: Path) -> None:
    """Give every file the mode that a plain ``open`` gives, and flush all of it."""
    # safetensors writes files that only their owner can read, whatever the umask.
    probe = directory / ".mode"
    probe.touch()
    mode = probe.stat().st_mode & 0o777
    probe.unlink()
    for path in sorted(directory.iterdir()):
        path.chmod(mode)
        sync(path)
    sync(directory)


def _recover(target: Path) -> None:
    for leftover in sorted(target.parent.glob(f".{glob.escape(target.name)}.tmp-*")):
        if leftover.name.endswith("-old") and not target.exists():
            leftover.rename(target)  # killed between the two renames of _swap
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def _swap(fresh: Path, target: Path) -> None:
    old = fresh.with_name(f"{fresh.name}-old")
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def check_replaceable(target: Path, *, allowed: Callable[[str], bool]) -> None:
    """Refuse to replace a directory that holds anything which ``allowed`` does not know.

    Raises:
        DataError: ``target`` is a file, or holds other files; the message names some.
    """
    if target.exists() and not target.is_dir():
        raise DataError(f"cannot save a model to {target}: it is a file. Name a directory.")
    strangers = sorted(path.name for path in target.iterdir()) if target.exists() else []
    strangers = [name for name in strangers if not allowed(name)]
    if strangers:
        raise DataError(
            f"cannot save a model to {target}: saving replaces the whole directory, and it holds "
            f"other files ({', '.join(strangers[:5])}). Name a new or empty directory."
        )
