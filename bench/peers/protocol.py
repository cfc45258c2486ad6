"""The worker's half of the bench: JSON lines in, JSON lines out, one measured operation at a time.

Standard library only, because each worker runs in the interpreter of the system it measures.
A request is ``{"op": name, ...arguments}``; a reply is ``{"ok": result}`` or
``{"error": traceback}``. Whatever the measured library prints to stdout goes to stderr instead,
so that it cannot break the protocol. The driver's half is ``cogitate.bench.workers``.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Handler = Callable[..., dict[str, Any]]


def serve(handlers: dict[str, Handler]) -> None:
    """Answer requests until stdin closes or ``quit`` arrives."""
    _die_with_parent()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        operation = request.pop("op")
        if operation == "quit":
            break
        try:
            if operation not in handlers:
                raise KeyError(f"unknown operation {operation!r}; known: {sorted(handlers)}")
            reply = {"ok": handlers[operation](**request)}
        except Exception:  # noqa: BLE001 (the boundary of the process: the driver decides)
            reply = {"error": traceback.format_exc()}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the driver dies: stopped, it would stay forever."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Timing:
    """What ``measured`` fills in: wall seconds, CPU seconds, peak resident memory."""

    def __init__(self) -> None:
        self.result: dict[str, float] = {}


@contextlib.contextmanager
def measured(device: str = "cpu") -> Iterator[Timing]:
    """Wall time (monotonic), CPU time and peak memory of the block, over this process's tree.

    On a GPU the block is timed until the device has finished, and memory is the device's.
    """
    timing = Timing()
    _reset_peak_memory()
    gpu = _Cuda() if device != "cpu" else None
    cpu = time.process_time()
    start = time.perf_counter()
    yield timing
    device_memory = gpu.finish() if gpu is not None else 0.0
    timing.result = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "peak_memory_mb": device_memory or peak_memory_mb(),
    }


class _Cuda:
    """The part of torch that a measurement on a GPU needs."""

    def __init__(self) -> None:
        import torch

        self.cuda = torch.cuda
        self.cuda.reset_peak_memory_stats()
        self.cuda.synchronize()

    def finish(self) -> float:
        """Wait for the device; the peak of allocated memory in MB, 0 if another process has it."""
        self.cuda.synchronize()
        return self.cuda.max_memory_allocated() / 1e6


def peak_memory_mb() -> float:
    """Sum of the resident high-water marks of this process and its descendants, in MB."""
    return sum(_status_kb(pid, "VmHWM") for pid in _tree(os.getpid())) * 1024 / 1e6


def _reset_peak_memory() -> None:
    for pid in _tree(os.getpid()):
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(int(child) for child in children.read_text().split())
    return found


def _status_kb(pid: int, key: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return 0
