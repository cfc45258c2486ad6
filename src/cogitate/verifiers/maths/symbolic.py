"""The pool of worker processes that decides what the exact rules cannot."""

import atexit
import threading
from collections.abc import Mapping, Sequence

from cogitate.verdict import Status, Verdict, correct, wrong
from cogitate.verifiers.maths.values import Scalar
from cogitate.verifiers.pool import (
    PoolCounts,
    WorkerDied,
    WorkerFailure,
    WorkerLimits,
    WorkerPool,
    WorkerTimeout,
)

TARGET = "cogitate.verifiers.maths.cas:decide"


class MathsPool:
    """Worker processes that compare expressions; thread-safe. Close it when done.

    ``workers`` is the number of processes, started when first needed; ``limits`` apply to each.
    """

    def __init__(self, workers: int = 2, *, limits: WorkerLimits | None = None) -> None:
        self.pool = WorkerPool(TARGET, workers, limits=limits or WorkerLimits())

    def decide(self, gold: str, answer: str, pairs: Sequence[tuple[Scalar, Scalar]]) -> Verdict:
        """The verdict on an answer that equals the gold exactly if all ``pairs`` are equal."""
        shown = {"gold": gold, "answer": answer}
        try:
            engines = self.ask(pairs)
        except WorkerFailure as problem:
            return failed(problem, shown)
        decided = [verified if numbers is None else numbers for numbers, verified in engines]
        engine = "numeric" if all(n is not None for n, _ in engines) else "math-verify"
        if all(decided):
            return correct(engine=engine, **shown)
        cause = "different" if False in decided else "undecided"
        return wrong(engine=engine, cause=cause, **shown)

    def ask(
        self, pairs: Sequence[tuple[Scalar, Scalar]], *, both: bool = False
    ) -> list[tuple[bool | None, bool | None]]:
        """What numbers and math-verify say about each pair.

        Raises:
            WorkerFailure: the worker ran out of time, died or raised.
        """
        sources = [[gold.source, answer.source] for gold, answer in pairs]
        found = self.pool.call({"pairs": sources, "both": both})
        return [(numbers, verified) for numbers, verified in found["pairs"]]

    @property
    def counts(self) -> PoolCounts:
        """Calls, starts, timeouts and deaths so far."""
        return self.pool.counts

    def close(self) -> None:
        """End the processes."""
        self.pool.close()

    def __enter__(self) -> "MathsPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def failed(problem: WorkerFailure, shown: Mapping[str, str]) -> Verdict:
    """The masked verdict on an answer that the pool could not judge."""
    timeout = isinstance(problem, WorkerTimeout)
    died = isinstance(problem, WorkerDied)
    return Verdict(
        status=Status.TIMEOUT if timeout else Status.CRASHED,
        engine="math-verify",
        cause="timeout" if timeout else "worker_died" if died else "worker_raised",
        reason=str(problem).partition("\n")[0],
        gold=shown.get("gold"),
        answer=shown.get("answer"),
    )


_default: MathsPool | None = None
_lock = threading.Lock()


def default_pool() -> MathsPool:
    """The pool of this process, for callers that bring none. Ended when the process ends."""
    global _default
    with _lock:
        if _default is None:
            _default = MathsPool()
            atexit.register(close_default_pool)
        return _default


def close_default_pool() -> None:
    """End the pool of this process; the next ``default_pool`` makes another."""
    global _default
    with _lock:
        pool, _default = _default, None
    if pool is not None:
        atexit.unregister(close_default_pool)
        pool.close()
