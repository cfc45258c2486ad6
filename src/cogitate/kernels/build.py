"""Compiles the C kernels once per machine and loads them; without a C compiler there are none.

The library is cached under the user's cache directory, named by a hash of the source, the
compiler and the processor's flags, and written by rename so that two processes cannot collide.
``COGITATE_KERNELS=torch`` turns them off, ``COGITATE_KERNELS=vector`` only the matrix unit.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCES = (FOLDER / "native.c", FOLDER / "matmul.c")
HEADERS = (FOLDER / "matmul.h",)
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fopenmp", "-fPIC")


def cache_directory() -> Path:
    """Where compiled kernels live: $COGITATE_CACHE, else the XDG cache directory."""
    root = os.environ.get("COGITATE_CACHE")
    if root:
        return Path(root) / "kernels"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cogitate" / "kernels"


def _processor_flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith("flags")), platform.processor())


def _compiler() -> str | None:
    return shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")


def _compile(compiler: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / target.name
        command = [compiler, *FLAGS, "-shared", "-fvisibility=hidden", "-o", str(built)]
        command += [*map(str, SOURCES), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        except subprocess.CalledProcessError as error:
            # An assembler may be too old for a processor's matrix unit; vectors will do.
            command.append("-mno-amx-tile")
            if subprocess.run(command, capture_output=True, timeout=120).returncode:
                raise error  # not about the matrix unit: the first message tells more
        built.replace(target)


def _target(compiler: str) -> Path:
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=30).stdout
    digest = hashlib.blake2b(digest_size=12)
    sources = [path.read_bytes() for path in (*SOURCES, *HEADERS)]
    for part in (*sources, version, _processor_flags().encode(), repr(FLAGS).encode()):
        digest.update(part)
    return cache_directory() / f"native-{digest.hexdigest()}.so"


@functools.cache
def load() -> tuple[ctypes.CDLL | None, str]:
    """The compiled library and a line that says where it is, or None and the reason why not.

    torch must be imported first: it brings the OpenMP runtime whose threads the kernels share.
    """
    wanted = os.environ.get("COGITATE_KERNELS", "")
    if wanted == "torch":
        return None, "turned off by COGITATE_KERNELS=torch"
    if wanted not in ("", "native", "vector"):
        return None, f"COGITATE_KERNELS={wanted} is not known: expected native, vector or torch"
    compiler = _compiler()
    if compiler is None:
        return None, "no C compiler found (install gcc or clang for faster rollouts)"
    try:
        target = _target(compiler)
        if not target.exists():
            _compile(compiler, target)
        library = ctypes.CDLL(str(target))
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", b"") or str(error).encode()
        said = detail.decode(errors="replace")[:300]
        return None, f"{compiler} could not build the kernels: {said}"
    library.cg_scratch_floats.restype = ctypes.c_long
    return library, str(target)


def status() -> dict[str, object]:
    """Whether the native kernels are usable here, for ``cogitate doctor``."""
    import torch  # noqa: F401  the kernels share torch's OpenMP runtime

    library, detail = load()
    lanes = int(library.cg_lanes()) if library is not None else 0
    matrix_unit = library is not None and bool(library.cg_matrix_unit())
    available = library is not None
    return {"available": available, "detail": detail, "lanes": lanes, "matrix_unit": matrix_unit}
