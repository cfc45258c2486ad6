"""Packages that a task allows its programs to import, beside the standard library.

Only packages in pure Python that are installed here, and named by the task: their files are put
beside the submission. Nothing else of this environment can be seen from inside.
"""

import importlib.util
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FOLDER = "packages"
MAX_BYTES = 4_000_000
LEETCODE = ("sortedcontainers",)
"""What LeetCode installs for Python and the standard library lacks; numpy is not pure Python."""


@cache
def package_files(name: str) -> dict[str, bytes]:
    """The source files of a package by their names in the sandbox.

    Raises:
        ValueError: it is not installed, not in pure Python, or large.
    """
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        raise ValueError(f"package {name!r:.60} is not installed here; pip install it, or leave it")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        raise ValueError(f"package {name!r} is a single module; only packages can be supplied")
    found = {str(path.relative_to(origin.parent)): path for path in origin.parent.rglob("*")}
    if any(path.suffix in (".so", ".pyd", ".dylib") for path in found.values()):
        raise ValueError(f"package {name!r} has parts in machine code and cannot be supplied")
    files = {
        f"{FOLDER}/{name}/{inner}": path.read_bytes()
        for inner, path in found.items()
        if path.suffix == ".py"
    }
    if sum(map(len, files.values())) > MAX_BYTES:
        raise ValueError(f"package {name!r} has more than {MAX_BYTES} bytes of source")
    return files


def installed(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some packages that are there."""
    return tuple(name for name in names if importlib.util.find_spec(name) is not None)


def wanted_files(allowed: Iterable[str], text: str) -> dict[str, bytes]:
    """The files of the allowed packages that a program mentions."""
    files: dict[str, bytes] = {}
    for name in allowed:
        if re.search(rf"\b{name}\b", text):
            files |= package_files(name)
    return files
