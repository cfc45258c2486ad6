"""Contestants as persistent worker processes that speak JSON lines; idle ones are stopped.

Each system runs in its own interpreter and stays loaded, so that one driver can alternate
A B A B. A waiting process may still burn a core (OpenMP threads spin, engines poll), so a worker
is stopped with SIGSTOP whenever it is not being measured.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cogitate.bench.machine import process_group, read_cpu_clock
from cogitate.errors import EngineError


class Worker:
    """A process that answers ``{"op": ...}`` lines on stdin with ``{"ok": ...}`` lines on stdout.

    Its stderr goes to ``log``. Use as a context manager: leaving it ends the process group.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log or Path(tempfile.mkdtemp(prefix="cogitate-bench-")) / f"{name}.log"
        self._log_file = self.log.open("wb")
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
            env={**os.environ, **(environment or {})},
            # A group of its own: one signal stops the engine processes that it starts, too.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._buffer = b""

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def call(self, operation: str, *, timeout: float = 1800.0, **arguments: Any) -> dict[str, Any]:
        """Run one operation with the process awake, then stop it again.

        Adds ``busy``: the fraction of the machine's CPU time that other processes took meanwhile.

        Raises:
            EngineError: the operation failed, the process died, or ``timeout`` seconds passed.
        """
        self.resume()
        before = read_cpu_clock(process_group(self._process.pid))
        line = self._exchange(json.dumps({"op": operation, **arguments}), operation, timeout)
        after = read_cpu_clock(process_group(self._process.pid))
        self.pause()
        reply = json.loads(line)
        if "error" in reply:
            raise EngineError(
                f"{self.name}: {operation} failed:\n{reply['error']}(log: {self.log})"
            )
        return {**reply["ok"], "busy": before.foreign_fraction(after)}

    def pause(self) -> None:
        """Stop the process and what it started."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process group; a worker that does not leave by itself is killed."""
        self.resume()
        with contextlib.suppress(OSError):  # it may be gone already
            self._requests.write(b'{"op": "quit"}\n')
            self._requests.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10.0)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._replies.close()
        self._log_file.close()

    def _signal(self, number: signal.Signals) -> None:
        # Nobody may be left in the group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _exchange(self, request: str, operation: str, timeout: float) -> bytes:
        try:
            self._requests.write(request.encode() + b"\n")
            self._requests.flush()
        except OSError:
            raise self._died(operation) from None
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._replies, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._signal(signal.SIGKILL)
                    raise EngineError(
                        f"{self.name}: {operation} gave no answer in {timeout:.0f} seconds "
                        f"(log: {self.log}). Use --quick, or a machine with less to do."
                    )
                chunk = os.read(self._replies.fileno(), 65536)
                if not chunk:
                    raise self._died(operation)
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _died(self, operation: str) -> EngineError:
        code = self._process.wait()
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return EngineError(
            f"{self.name}: the process ended with code {code} during {operation}. "
            f"End of {self.log}:\n{tail}"
        )
