"""Delete what a program left. Without the package and with few imports, for the launcher."""

import os


class suppress:
    """Some errors do not matter in its context."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        return kind is not None and issubclass(kind, self._errors)


def remove_tree(path: str) -> None:
    """Delete a directory that a program may have made as hard to delete as it could.

    Directories are moved to the top and emptied there, so no depth makes a path or a recursion too
    long. What cannot be deleted stays; nothing is raised.
    """
    with suppress(OSError):
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(path)


def _empty(top: int) -> None:
    prefix = os.urandom(12).hex()  # a name that the program did not take
    pending = _clear(top, top, prefix)
    moved = 0
    while pending:
        name = pending.pop()
        moved += 1
        with suppress(OSError):
            os.chmod(name, 0o700, dir_fd=top)
            directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                pending += _clear(top, directory, f"{prefix}-{moved}")
            finally:
                os.close(directory)
            os.rmdir(name, dir_fd=top)


def _clear(top: int, directory: int, prefix: str) -> list[str]:
    """Delete the files of a directory. Its subdirectories go to the top; their names there."""
    left: list[str] = []
    for name in os.listdir(directory):
        with suppress(OSError):
            os.unlink(name, dir_fd=directory)
            continue
        with suppress(OSError):
            os.rmdir(name, dir_fd=directory)
            continue
        with suppress(OSError):
            new = f"{prefix}-{len(left)}"
            os.chmod(name, 0o700, dir_fd=directory)  # or it could not be moved
            os.rename(name, new, src_dir_fd=directory, dst_dir_fd=top)
            left.append(new)
    return left
