"""Functions called in worker processes that can be killed: for code that may hang, leak or crash.

``WorkerPool("package.module:function")`` calls ``function(payload)`` in fresh interpreters, JSON in
and out over pipes. A call that takes too long costs the process, not the caller: the worker is
killed with everything it started, and replaced. Threads may call at once; each call has a worker
to itself. Nothing is pickled and nothing is forked.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cogitate.verifiers import worker as worker_program
from cogitate.verifiers.channel import (
    Worker,
    WorkerDied,
    WorkerFailure,
    WorkerRaised,
    WorkerTimeout,
    exchange,
    greet,
    kill,
    strike,
)

MIB = 1024 * 1024


@runtime_checkable
class Spawner(Protocol):
    """What a pool needs of a ``cogitate.sandbox.Sandbox``; workers of ours do not import that."""

    def spawn(
        self, program: Any, *, read_only: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]": ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """What one call may take. Sizes are bytes, times seconds; 0 means no limit, except for wall."""

    wall_seconds: float = 5.0
    cpu_seconds: float = 5.0
    """Rounded up to whole seconds by the kernel's limit."""
    memory_bytes: int = 1024 * MIB
    """Address space of the worker."""
    start_seconds: float = 60.0
    """Wall-clock time to start the interpreter and import the function."""
    max_calls: int = 2000
    """Calls after which a worker is replaced, so that what leaks stays small."""


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """What happened in a pool so far."""

    calls: int = 0
    started: int = 0
    timeouts: int = 0
    deaths: int = 0
    recycled: int = 0


class WorkerPool:
    """``workers`` processes that call one function.

    ``target`` is "package.module:function"; the function takes and gives a JSON-able dict. Workers
    start when first needed. ``path`` are directories put in front of the workers' ``sys.path``
    (default: the caller's ``sys.path``). ``environment`` is all of their environment besides PATH
    and locale. ``sandbox`` starts them there, able to read ``path`` and nothing else of the host's
    files but the system; those directories must be readable for everybody, since a sandboxed worker
    is another user. ``quiet`` throws away what they print.
    """

    def __init__(
        self,
        target: str,
        workers: int = 2,
        *,
        limits: WorkerLimits | None = None,
        sandbox: Spawner | None = None,
        path: tuple[str, ...] | None = None,
        environment: Mapping[str, str] | None = None,
        quiet: bool = True,
    ) -> None:
        if workers < 1:
            raise ValueError(f"WorkerPool: workers = {workers}, expected at least 1.")
        if ":" not in target:
            raise ValueError(f"WorkerPool: target = {target!r}, expected package.module:function.")
        self.target = target
        self.workers = workers
        self.limits = limits or WorkerLimits()
        self.sandbox = sandbox
        self.path = tuple(
            str(Path(p or ".").resolve()) for p in (sys.path if path is None else path)
        )
        self.environment = dict(environment or {})
        self.quiet = quiet
        self._reset()

    def _reset(self) -> None:
        self._process_id = os.getpid()
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._living: set[Worker] = set()
        self._starting = 0
        self._closed = False
        self._counts = dict.fromkeys(PoolCounts.__slots__, 0)
        self._threads: list[threading.Thread] = []
        self._finalizer = weakref.finalize(self, _kill_all, self._living, os.getpid())

    def call(
        self, payload: Mapping[str, Any], *, wall_seconds: float | None = None
    ) -> dict[str, Any]:
        """``function(payload)`` in a worker. Blocks until there is one; thread-safe.

        Raises:
            WorkerTimeout: it took longer than ``wall_seconds`` (default: the pool's limit).
            WorkerDied: the process ended, ran out of memory, or the pool was closed meanwhile.
            WorkerRaised: the function raised.
        """
        data = json.dumps(
            payload
        )  # what cannot be sent is the caller's fault, before a worker is taken
        if os.getpid() != self._process_id:
            self._finalizer.detach()
            self._reset()  # in a fork: the workers belong to the parent
        found = self._acquire()
        limit = self.limits.wall_seconds if wall_seconds is None else wall_seconds
        try:
            reply = exchange(found, data, time.monotonic() + limit)
        except BaseException as problem:
            self._discard(found, problem)
            raise
        if "died" in reply:
            problem = WorkerDied(f"{self.target}: {reply['died']}")
            self._discard(found, problem)
            raise problem
        self._release(found)
        if "raised" in reply:
            raise WorkerRaised(str(reply["raised"]))
        return reply["result"]

    def start(self) -> None:
        """Start all workers now instead of when they are needed.

        Raises:
            WorkerDied: one does not start.
        """
        held = [self._acquire() for _ in range(self.workers)]
        for found in held:
            self._release(found, called=False)

    @property
    def counts(self) -> PoolCounts:
        """What happened so far."""
        with self._changed:
            return PoolCounts(**self._counts)

    def close(self) -> None:
        """Kill all workers and wait for their end. Calls in other threads raise WorkerDied."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._living.difference_update(idle)
            busy = list(self._living)
            threads = list(self._threads)
            self._changed.notify_all()
        for found in idle:
            kill(found.process)
        for found in busy:
            strike(found.process)
        with self._changed:
            # Whoever waits for a busy worker sees its end, and closes its pipes.
            self._changed.wait_for(lambda: not self._living and not self._starting)
        for thread in threads:
            thread.join()
        self._finalizer.detach()

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _acquire(self) -> Worker:
        with self._changed:
            while True:
                if self._closed:
                    raise WorkerDied(f"{self.target}: the pool is closed")
                if self._idle:
                    return self._idle.pop()
                if len(self._living) + self._starting < self.workers:
                    self._starting += 1
                    break
                self._changed.wait()
        return self._start_worker()

    def _start_worker(self) -> Worker:
        """A new worker that is ready. One place in ``_starting`` is taken and is given back."""
        process: subprocess.Popen[bytes] | None = None
        found: Worker | None = None
        try:
            process = self._spawn()
            found = Worker(process)
            with self._changed:
                self._living.add(found)
                self._starting -= 1
                if self._closed:
                    raise WorkerDied(f"{self.target}: the pool is closed")
            greet(found, self._hello(), time.monotonic() + self.limits.start_seconds)
        except BaseException as problem:
            if process is not None:
                kill(process)
            with self._changed:
                self._starting -= found is None
                self._living.discard(found)  # type: ignore[arg-type]
                self._changed.notify_all()
            if isinstance(problem, OSError):
                raise WorkerDied(f"{self.target}: a worker does not start: {problem}") from problem
            raise
        with self._changed:
            self._counts["started"] += 1
        return found

    def _spawn(self) -> "subprocess.Popen[bytes]":
        program = str(Path(worker_program.__file__).resolve())
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environment,
        }
        if self.sandbox is None:
            return subprocess.Popen(
                (sys.executable, "-I", program),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if self.quiet else None,
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        from cogitate.sandbox import python_argv
        from cogitate.sandbox.program import Limits, Program

        readable = tuple(
            dict.fromkeys(p for p in (*self.path, str(Path(program).parent)) if Path(p).is_dir())
        )
        limits = Limits(
            wall_seconds=0.0,
            cpu_seconds=self.limits.cpu_seconds * self.limits.max_calls,
            memory_bytes=self.limits.memory_bytes,
        )
        return self.sandbox.spawn(
            Program(argv=(*python_argv(), "-I", program), environment=environment, limits=limits),
            read_only=readable,
        )

    def _hello(self) -> dict[str, Any]:
        return {"target": self.target, "path": list(self.path), "limits": asdict(self.limits)}

    def _release(self, found: Worker, *, called: bool = True) -> None:
        found.calls += called
        worn = found.calls >= self.limits.max_calls
        with self._changed:
            self._counts["calls"] += called
            if not worn and not self._closed:
                self._idle.append(found)
                self._changed.notify()
                return
            self._counts["recycled"] += worn
        self._remove(found)

    def _discard(self, found: Worker, problem: BaseException) -> None:
        with self._changed:
            self._counts["calls"] += 1
            self._counts["timeouts"] += isinstance(problem, WorkerTimeout)
            self._counts["deaths"] += isinstance(problem, WorkerDied)
        self._remove(found)

    def _remove(self, found: Worker) -> None:
        """End a worker and start another in the background."""
        kill(found.process)
        with self._changed:
            self._living.discard(found)
            self._changed.notify_all()
            self._threads = [t for t in self._threads if t.is_alive()]
            if self._closed or len(self._living) + self._starting >= self.workers:
                return
            self._starting += 1
            thread = threading.Thread(target=self._replace_now, name="worker-pool", daemon=True)
            self._threads.append(thread)
        thread.start()

    def _replace_now(self) -> None:
        # A worker that does not start tells the next caller, who tries again.
        with contextlib.suppress(WorkerFailure):
            self._release(self._start_worker(), called=False)


def _kill_all(living: set[Worker], process_id: int) -> None:
    if os.getpid() == process_id:
        for found in list(living):
            kill(found.process)
