"""``cogitate doctor``: is this machine ready, and if not, what to do. Offline by default."""

import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cogitate.checks import Check
from cogitate.display.shapes import size
from cogitate.errors import SandboxError
from cogitate.extras import EXTRAS, Extra, missing_modules
from cogitate.memory import available_bytes

MIN_PYTHON = (3, 11)
MIN_TORCH = (2, 11)
_WANTED_MEMORY = 8_000_000_000
_WANTED_DISK = 10_000_000_000
_SLOW_GFLOPS = 20.0
_VECTOR_FLAGS = ("avx512_bf16", "amx_bf16", "avx512f", "avx2", "asimd")


def diagnose(*, runs_dir: Path | str = "runs", online: bool = False) -> tuple[Check, ...]:
    """Every check, in the order in which a reader should fix things.

    Args:
        online: also ask the package index and the Hugging Face hub for an answer.
    """
    steps: list[Callable[[], Check]] = [
        check_python,
        check_torch,
        check_processor,
        check_speed,
        check_gpu,
        check_memory,
        lambda: check_disk("disk for runs", Path(runs_dir)),
        lambda: check_disk("disk for models", _cache()),
        check_kernels,
        check_sandbox,
        check_models,
        check_git,
    ]
    checks = [step() for step in steps] + [check_extra(extra) for extra in EXTRAS]
    return (*checks, *((check_network(),) if online else ()))


def package_version(name: str) -> str:
    """The installed version of a package, or "not installed"."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def check_python() -> Check:
    """Version of Python."""
    seen = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] >= MIN_PYTHON:
        return Check(name="python", status="ok", seen=seen)
    wanted = ".".join(map(str, MIN_PYTHON))
    return Check(name="python", status="fail", seen=seen, advice=f"Install Python {wanted}.")


def check_torch() -> Check:
    """Version of torch."""
    version = package_version("torch")
    if version == "not installed":
        advice = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
        return Check(name="torch", status="fail", seen=version, advice=advice)
    numbers = version.split("+")[0].split(".")
    if tuple(int(number) for number in numbers[:2] if number.isdigit()) < MIN_TORCH:
        wanted = ".".join(map(str, MIN_TORCH))
        advice = f"cogitate is tested with torch {wanted} and newer: pip install -U torch"
        return Check(name="torch", status="warn", seen=version, advice=advice)
    return Check(name="torch", status="ok", seen=version)


def usable_processors() -> int:
    """Processors that this process may run on, which in a container are fewer than exist."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_processor() -> Check:
    """Threads that torch uses against processors, and the vector units."""
    import torch

    processors, threads = usable_processors(), torch.get_num_threads()
    features = [flag for flag in _VECTOR_FLAGS if flag in _processor_flags()]
    seen = f"{processors} processors, {threads} threads, {', '.join(features) or 'no vector flags'}"
    if threads > processors:
        advice = f"More threads than processors is slow: set OMP_NUM_THREADS={processors}."
        return Check(name="processor", status="warn", seen=seen, advice=advice)
    if threads < processors and "OMP_NUM_THREADS" in os.environ:
        advice = f"OMP_NUM_THREADS={threads} leaves processors idle; unset it, unless on purpose."
        return Check(name="processor", status="warn", seen=seen, advice=advice)
    return Check(name="processor", status="ok", seen=seen)


def _processor_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = (line for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(flags, "").split())


def matmul_gflops(size: int = 1024, seconds: float = 0.15) -> float:
    """Measured float32 matrix-multiplication speed in GFLOP/s: the best of a few tries."""
    import torch

    left, right = torch.randn(size, size), torch.randn(size, size)
    torch.mm(left, right)
    best, end = 0.0, time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        torch.mm(left, right)
        now = time.perf_counter()
        best = max(best, 2 * size**3 / (now - start) / 1e9)
        if now >= end:
            return best


def check_speed() -> Check:
    """A short matrix multiplication."""
    speed = matmul_gflops()
    seen = f"{speed:.0f} GFLOP/s in float32 matrix products"
    if speed < _SLOW_GFLOPS:
        advice = "Very slow: is another program using the processors? Training will take long."
        return Check(name="speed", status="warn", seen=seen, advice=advice)
    return Check(name="speed", status="ok", seen=seen)


def check_gpu() -> Check:
    """A CUDA device, which is optional."""
    import torch

    if not torch.cuda.is_available():
        return Check(name="gpu", status="ok", seen="none; training runs on the processor")
    name = torch.cuda.get_device_name(0)
    free, total = torch.cuda.mem_get_info(0)
    return Check(name="gpu", status="ok", seen=f"{name}, {size(free)} of {size(total)} free")


def check_memory() -> Check:
    """Free memory against what the demo needs."""
    free = available_bytes()
    if free is None:
        return Check(name="memory", status="ok", seen="this system does not say")
    if free < _WANTED_MEMORY:
        advice = "The demo wants 8 GB. Lower grpo.micro_batch_tokens and engine.slots, then plan."
        return Check(name="memory", status="warn", seen=f"{size(free)} free", advice=advice)
    return Check(name="memory", status="ok", seen=f"{size(free)} free")


def _cache() -> Path:
    from cogitate.models.presets import cache_directory

    return cache_directory()


def existing_parent(path: Path) -> Path:
    """The nearest directory above a path that exists."""
    path = path.expanduser().absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def check_disk(name: str, path: Path) -> Check:
    """Free space and the right to write where a directory is or will be."""
    folder = existing_parent(path)
    free = shutil.disk_usage(folder).free
    seen = f"{size(free)} free for {path}"
    if not os.access(folder, os.W_OK):
        return Check(
            name=name, status="fail", seen=f"{folder} cannot be written",
            advice="Choose another directory (output_dir in the config, or COGITATE_CACHE).",
        )  # fmt: skip
    if free < _WANTED_DISK:
        advice = "Checkpoints of a small model take about 1.5 GB each: free some space."
        return Check(name=name, status="warn", seen=seen, advice=advice)
    return Check(name=name, status="ok", seen=seen)


def check_kernels() -> Check:
    """The compiled CPU kernels, which need a C compiler once."""
    from cogitate.kernels.build import status

    found = status()
    seen = str(found["detail"])
    if found["available"]:
        unit = "with" if found["matrix_unit"] else "without"
        seen = f"native, {unit} a matrix unit (AMX), compiled at {seen}"
        return Check(name="kernels", status="ok", seen=seen)
    advice = "Rollouts are slower without them. Install a C compiler: apt-get install gcc"
    if "COGITATE_KERNELS" in seen:
        advice = "Rollouts are slower without them. Unset COGITATE_KERNELS to have them."
    return Check(name="kernels", status="warn", seen=f"torch only: {seen}", advice=advice)


def check_sandbox(name: str = "auto") -> Check:
    """A sandbox for programs that nobody trusts, which proves itself against a dozen attacks."""
    from cogitate.sandbox import get_sandbox, self_test

    try:
        sandbox = get_sandbox(name)
    except SandboxError as error:
        advice = "Rewards that run programs refuse to start; all others work. See docs/sandbox.md."
        return Check(name="sandbox", status="warn", seen=str(error), advice=advice)
    results = self_test(sandbox)
    failed = [f"{result.name}: {result.seen}" for result in results if not result.held]
    if failed:
        seen = f"{sandbox.name} does not hold: {'; '.join(failed)}"
        advice = "Run no programs of a model on this machine, and report this."
        return Check(name="sandbox", status="fail", seen=seen, advice=advice)
    seen = f"{sandbox.name}; {len(results)} attacks tried, all held"
    return Check(name="sandbox", status="ok", seen=seen)


def check_models() -> Check:
    """Which preset models are ready to use without a network."""
    from cogitate.models.presets import PRESETS, cache_directory, is_complete

    models = cache_directory() / "models"
    ready = [name for name, preset in PRESETS.items() if is_complete(models / name, preset)]
    if ready:
        return Check(name="models", status="ok", seen=f"{', '.join(ready)} in {models}")
    advice = f"Fetch one: cogitate model fetch {next(iter(PRESETS))}"
    return Check(name="models", status="warn", seen=f"none in {models}", advice=advice)


def check_git() -> Check:
    """git, so that a run can note the commit it came from."""
    path = shutil.which("git")
    if path is not None:
        return Check(name="git", status="ok", seen=path)
    advice = "Runs then do not note their commit. Install git if you want that."
    return Check(name="git", status="warn", seen="not found", advice=advice)


def check_extra(extra: Extra) -> Check:
    """One optional group of packages; missing is fine."""
    missing = missing_modules(extra)
    name = f"extra {extra.name}"
    if not missing:
        return Check(name=name, status="ok", seen=extra.enables)
    seen = f"optional, not installed ({', '.join(missing)}): {extra.enables}"
    return Check(name=name, status="ok", seen=seen, advice=extra.command)


def check_network(hosts: tuple[str, ...] = ("pypi.org", "huggingface.co")) -> Check:
    """Whether hosts accept a connection within three seconds each. Only asked for."""
    import socket

    answers = {}
    for host in hosts:
        try:
            with socket.create_connection((host, 443), timeout=3.0):
                answers[host] = "reachable"
        except OSError as error:
            answers[host] = f"not reachable ({error})"
    seen = ", ".join(f"{host} {answer}" for host, answer in answers.items())
    if all(answer == "reachable" for answer in answers.values()):
        return Check(name="network", status="ok", seen=seen)
    advice = "Presets come from the package index; other models need the hub or a local directory."
    return Check(name="network", status="warn", seen=seen, advice=advice)
