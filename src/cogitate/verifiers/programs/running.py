"""Running cases: a small pool, one retry for what the machine did, whose fault an ending is."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

from cogitate.errors import SandboxError
from cogitate.sandbox import python_argv
from cogitate.sandbox.program import MIB, Limits, Outcome, Program, RunResult, Sandbox
from cogitate.verdict import CaseResult, CaseStatus, Status

DEFAULT_LIMITS = Limits(wall_seconds=18.0, cpu_seconds=4.0, memory_bytes=512 * MIB)
MAX_TIMEOUTS = 3
"""Cases that may time out where every case counts; the rest is not run, and counts as failed."""

_WAITING = 0.1  # share of the wall clock; who uses less processor time than that was waiting
_PROBE = 0.1  # seconds of processor time
_PATIENCE = 8.0  # wall clock, in processor time allowed, where the machine is busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A case, and a status if it says nothing about the submission."""

    case: CaseResult
    mask: Status | None = None

    @property
    def passed(self) -> bool:
        return self.mask is None and self.case.status is CaseStatus.PASSED

    @property
    def failed(self) -> bool:
        undecided = (CaseStatus.PASSED, CaseStatus.NOT_RUN)
        return self.mask is None and self.case.status not in undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Work for one thread: it judges ``num_cases`` cases."""

    judge: Callable[[], Sequence[Judged]]
    num_cases: int = 1


def judged(status: CaseStatus, result: RunResult | None = None, reason: str = "") -> Judged:
    """A case of a status, with the time and, unless given, the reason of a run."""
    seconds = 0.0 if result is None else result.seconds
    reason = reason or ("" if result is None else result.reason)
    return Judged(case=CaseResult(status=status, seconds=seconds, reason=reason[:300]))


def masked(mask: Status, reason: str) -> Judged:
    """A case that says nothing: the sandbox, the machine or the data failed."""
    return Judged(case=CaseResult(status=CaseStatus.NOT_RUN, reason=reason[:300]), mask=mask)


_ENDINGS = {
    Outcome.TIMEOUT: CaseStatus.TIMEOUT,
    Outcome.RESOURCE_LIMIT: CaseStatus.RESOURCE_LIMIT,
    Outcome.OUTPUT_LIMIT: CaseStatus.OUTPUT_LIMIT,
    Outcome.SIGNALLED: CaseStatus.RUNTIME_ERROR,
}


def ending(result: RunResult) -> Judged | None:
    """What a run's ending says by itself; None if it exited with code 0, so its output decides."""
    if result.outcome is Outcome.INTERNAL_ERROR:
        return masked(Status.CRASHED, f"the sandbox failed: {result.reason}")
    if result.outcome in _ENDINGS:
        return judged(_ENDINGS[result.outcome], result)
    if result.exit_code != 0:
        last = result.stderr.decode("utf-8", "replace").rstrip().rpartition("\n")[2]
        return judged(CaseStatus.RUNTIME_ERROR, result, f"{result.reason}: {last}")
    return None


def run(sandbox: Sandbox, program: Program) -> RunResult:
    """Run a program; once more if the sandbox failed, or if the machine gave it too little time.

    The limit that decides is of processor time. The wall clock is there for programs that wait,
    and a program that used its time computing, without getting all of it, was kept waiting.
    """
    result = _attempt(sandbox, program)
    if result.outcome is Outcome.INTERNAL_ERROR:
        return _attempt(sandbox, program)
    limits = program.limits
    if result.outcome is not Outcome.TIMEOUT or result.seconds < limits.wall_seconds:
        return result
    if not starved(sandbox, result.cpu_seconds, result.seconds, limits):
        return result
    more = replace(limits, wall_seconds=patience(limits))
    return _attempt(sandbox, replace(program, limits=more))


def _attempt(sandbox: Sandbox, program: Program) -> RunResult:
    try:
        return sandbox.run(program)
    except (OSError, SandboxError) as error:  # no processes, no memory, no descriptors left
        return RunResult(outcome=Outcome.INTERNAL_ERROR, reason=str(error))


def starved(sandbox: Sandbox, cpu_seconds: float, wall_seconds: float, limits: Limits) -> bool:
    """Whether a program that ran out of wall clock was computing, and others took its time."""
    if cpu_seconds < _WAITING * wall_seconds:
        return overloaded(sandbox)
    return cpu_seconds < limits.cpu_seconds


def overloaded(sandbox: Sandbox) -> bool:
    """Whether a program that computes gets so little processor that it looks like one that waits.

    Found by running one: the load average counts what misbehaving programs have just done.
    """
    argv = (*python_argv(), "-c", f"import time\nwhile time.process_time() < {_PROBE}: pass")
    result = _attempt(sandbox, Program(argv=argv, limits=Limits(wall_seconds=_PROBE / _WAITING)))
    return result.outcome is not Outcome.EXITED


def patience(limits: Limits) -> float:
    """Wall clock, in seconds, for a program that a busy machine keeps waiting."""
    return max(limits.wall_seconds, _PATIENCE * limits.cpu_seconds)


@cache
def _pool() -> ThreadPoolExecutor:
    # More threads than processors: a program that sleeps must not keep others waiting.
    workers = max(4, min(16, 4 * (os.cpu_count() or 1)))
    return ThreadPoolExecutor(workers, thread_name_prefix="cogitate-code")


def run_units(units: Sequence[Unit], *, stop_at_failure: bool) -> list[Judged]:
    """All cases in order. Those that are not needed any more are not run.

    The first unit runs alone: most wrong programs fail their first case, and then nothing else
    has to be started. Everything that was started has ended when this returns.
    """
    watch = _Watch(stop_at_failure)
    futures: list[Future[Sequence[Judged]]] = []
    pool = _pool()
    for position, unit in enumerate(units):
        if position == 1:
            futures[0].exception()  # waits
        futures.append(pool.submit(_guarded, unit, watch))
    return [one for future in futures for one in future.result()]


@dataclass(slots=True)
class _Watch:
    """Decides when enough is known."""

    stop_at_failure: bool
    decided: bool = False
    timeouts: int = 0

    def see(self, cases: Sequence[Judged]) -> None:
        self.timeouts += sum(one.case.status is CaseStatus.TIMEOUT for one in cases)
        hopeless = any(one.case.status is CaseStatus.COMPILE_ERROR for one in cases)
        failed = self.stop_at_failure and any(one.failed for one in cases)
        if failed or hopeless or self.timeouts >= MAX_TIMEOUTS:
            self.decided = True


def _guarded(unit: Unit, watch: _Watch) -> Sequence[Judged]:
    if watch.decided:
        return [judged(CaseStatus.NOT_RUN, reason="an earlier case had decided")] * unit.num_cases
    cases = unit.judge()
    watch.see(cases)
    return cases
