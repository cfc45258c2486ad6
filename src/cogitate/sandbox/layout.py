"""What a program finds inside: where it works, which parts of the system it may read."""

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

WORK = "/sandbox"
"""Working directory of every program. Landlock cannot place it there: see ``landlock.py``.

No directory of a machine has this name, so nothing that is mounted by its own name is hidden."""

SYSTEM_ROOTS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")
"""What the loader and the compilers need of /etc; everything else there is the host's business."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def interpreter() -> str:
    """The Python that runs this, as a real file outside any virtual environment."""
    return os.path.realpath(sys.executable)


def interpreter_roots() -> tuple[str, ...]:
    """Directories that the interpreter needs, beyond those of the system."""
    wanted = (os.path.dirname(os.path.dirname(interpreter())), os.path.realpath(sys.base_prefix))
    return tuple(dict.fromkeys(root for root in wanted if not _in_system(root)))


def package_roots() -> tuple[str, ...]:
    """Where the packages of this environment are installed (numpy and others)."""
    paths = sysconfig.get_paths()
    wanted = (os.path.realpath(paths[key]) for key in ("purelib", "platlib"))
    return tuple(dict.fromkeys(root for root in wanted if not _in_system(root)))


def _in_system(path: str) -> bool:
    return any(is_within(path, root) for root in SYSTEM_ROOTS)


def is_within(path: str, root: str) -> bool:
    """Whether a path is a directory or below it, by its letters.

    >>> is_within("/usr/bin/python3", "/usr"), is_within("/usrlocal", "/usr")
    (True, False)
    """
    return path == root or path.startswith(root.rstrip("/") + "/")


def python_argv(*, packages: bool = False) -> tuple[str, ...]:
    """An interpreter that works inside every sandbox: the one that runs this.

    It starts without site-packages and without looking at the environment, which is fastest. With
    ``packages`` it honours PYTHONPATH instead: see ``packages_environment``.
    """
    return (interpreter(), *(("-s", "-S", "-P") if packages else ("-I", "-S")))


def packages_environment() -> dict[str, str]:
    """What a program's environment needs for numpy and others.

    For ``python_argv(packages=True)`` in a sandbox from ``get_sandbox(packages=True)``.
    """
    return {"PYTHONPATH": os.pathsep.join(package_roots())}


def real_roots(read_only: tuple[str, ...]) -> Iterator[str]:
    """System directories that are real ones, then the interpreter's, then these."""
    for root in SYSTEM_ROOTS:
        if os.path.isdir(root) and not os.path.islink(root):
            yield root
    yield from interpreter_roots()
    for root in read_only:
        if not _in_system(root):
            yield root


def linked_roots() -> Iterator[tuple[str, str]]:
    """System directories that are links, such as /bin on a merged /usr, with their targets."""
    for root in SYSTEM_ROOTS:
        if os.path.islink(root):
            yield root, os.readlink(root)


def checked_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same files, with names that stay inside the working directory.

    Raises:
        ValueError: a name is absolute, empty, or leads out of it.
    """
    checked: dict[str, bytes] = {}
    for name, data in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
            raise ValueError(
                f'file {name!r} of a program: expected a relative name without "..", because files '
                "go into the working directory of the sandbox."
            )
        checked[str(path)] = data
    return checked


def others_can_reach(path: str) -> bool:
    """Whether every user may enter the directories above a path, and read it."""
    wanted = Path(path)
    try:
        mode = wanted.stat().st_mode
        readable = bool(mode & 0o004) and (not wanted.is_dir() or bool(mode & 0o001))
        return readable and all(parent.stat().st_mode & 0o001 for parent in wanted.parents)
    except OSError:
        return False


def missing_program(path: str, read_only: tuple[str, ...]) -> str:
    """Why a program that belongs to the system cannot be started; empty if it can.

    A path below the working directory is the program's own affair, and so is what it does there.
    """
    if "/" not in path:
        return f"{path} is no path; no directories are searched for programs"
    if not os.path.isabs(path) or is_within(path, WORK):
        return ""
    if not os.access(path, os.X_OK):
        return f"{path} is no program on this machine"
    if not any(is_within(path, root) for root in (*SYSTEM_ROOTS, *real_roots(read_only))):
        return f"{path} is not visible in the sandbox; only the system and the interpreter are"
    return ""
