"""Whose fault an ending is, retries, and which cases are run."""

import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from cogitate.sandbox import Limits, Outcome, Program, RunResult
from cogitate.verdict import CaseStatus, Status
from cogitate.verifiers.programs.running import (
    MAX_TIMEOUTS,
    Judged,
    Unit,
    ending,
    judged,
    masked,
    patience,
    run,
    run_units,
)

LIMITS = Limits(cpu_seconds=4.0, wall_seconds=16.0)
PROGRAM = Program(argv=("x",), limits=LIMITS)
DONE = RunResult(outcome=Outcome.EXITED, exit_code=0, stdout=b"ok")
BROKEN = RunResult(outcome=Outcome.INTERNAL_ERROR, reason="no bwrap")


def timeout(seconds: float, cpu_seconds: float) -> RunResult:
    return RunResult(outcome=Outcome.TIMEOUT, seconds=seconds, cpu_seconds=cpu_seconds)


@dataclass
class Scripted:
    """A sandbox that returns what it was told, and notes what it was asked."""

    results: list[RunResult]
    asked: list[Program] = field(default_factory=list)
    name: str = "scripted"

    def run(self, program: Program) -> RunResult:
        self.asked.append(program)
        return self.results.pop(0)

    def spawn(
        self, program: Program, *, read_only: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        raise NotImplementedError


def test_a_result_is_taken_as_it_is() -> None:
    for result in (DONE, timeout(4.5, 4.0), RunResult(outcome=Outcome.OUTPUT_LIMIT)):
        sandbox = Scripted([result])
        assert run(sandbox, PROGRAM) is result
        assert sandbox.asked == [PROGRAM]


def test_a_failing_sandbox_is_asked_once_more() -> None:
    assert run(Scripted([BROKEN, DONE]), PROGRAM) is DONE
    assert run(Scripted([BROKEN, BROKEN]), PROGRAM) is BROKEN


class Refusing(Scripted):
    """A sandbox that cannot even start a process."""

    def run(self, program: Program) -> RunResult:
        self.asked.append(program)
        raise OSError("no more processes")


def test_a_sandbox_that_raises_has_failed() -> None:
    sandbox = Refusing([])
    result = run(sandbox, PROGRAM)
    assert (result.outcome, result.reason) == (Outcome.INTERNAL_ERROR, "no more processes")
    assert len(sandbox.asked) == 2


def test_who_computed_without_getting_to_it_gets_more_time() -> None:
    sandbox = Scripted([timeout(16.0, 1.8), DONE])
    assert run(sandbox, PROGRAM) is DONE
    assert sandbox.asked[1].limits.wall_seconds == patience(LIMITS) == 32.0
    assert sandbox.asked[1].limits.cpu_seconds == 4.0


def test_who_used_all_its_time_does_not() -> None:
    slow = timeout(16.0, 4.0)
    assert run(Scripted([slow]), PROGRAM) is slow


def test_who_waited_gets_more_time_only_on_a_busy_machine() -> None:
    # The second program is the probe, which finds out whether a computing program gets to compute.
    waited = timeout(16.0, 0.1)
    assert run(Scripted([waited, DONE]), PROGRAM) is waited
    assert run(Scripted([waited, timeout(1.0, 0.01), DONE]), PROGRAM) is DONE


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (timeout(1, 1), CaseStatus.TIMEOUT),
        (RunResult(outcome=Outcome.RESOURCE_LIMIT), CaseStatus.RESOURCE_LIMIT),
        (RunResult(outcome=Outcome.OUTPUT_LIMIT), CaseStatus.OUTPUT_LIMIT),
        (RunResult(outcome=Outcome.SIGNALLED, signal=11), CaseStatus.RUNTIME_ERROR),
        (RunResult(outcome=Outcome.EXITED, exit_code=1), CaseStatus.RUNTIME_ERROR),
    ],
)
def test_endings_that_are_the_programs_fault(result: RunResult, status: CaseStatus) -> None:
    case = ending(result)
    assert case is not None
    assert case.failed
    assert case.case.status is status


def test_endings_that_are_not() -> None:
    assert ending(DONE) is None
    case = ending(BROKEN)
    assert case is not None
    assert case.mask is Status.CRASHED
    assert not case.failed
    assert not case.passed


PASSED, FAILED = judged(CaseStatus.PASSED), judged(CaseStatus.FAILED)
LATE, BAD = judged(CaseStatus.TIMEOUT), judged(CaseStatus.COMPILE_ERROR)


def statuses(results: Sequence[Judged], *, stop: bool) -> list[str]:
    """What comes of units with these results. The second waits for nobody but the first."""
    units = [Unit(judge=lambda one=one: [one]) for one in results]
    return [str(one.case.status) for one in run_units(units, stop_at_failure=stop)]


def test_all_cases_run_where_all_count() -> None:
    assert statuses([FAILED, PASSED, FAILED], stop=False) == ["failed", "passed", "failed"]
    assert statuses([PASSED] * 40, stop=True) == ["passed"] * 40


def test_a_failure_of_the_first_case_starts_nothing_else() -> None:
    assert statuses([FAILED, PASSED, PASSED], stop=True) == ["failed", "not_run", "not_run"]


def test_what_does_not_compile_is_run_once() -> None:
    assert statuses([BAD, PASSED], stop=False) == ["compile_error", "not_run"]


def test_time_outs_are_bounded() -> None:
    found = statuses([LATE] * 60, stop=False)
    assert found[0] == "timeout"
    assert MAX_TIMEOUTS <= found.count("timeout") < 60
    assert set(found) == {"timeout", "not_run"}


def test_what_says_nothing_stops_nothing() -> None:
    silent = masked(Status.CRASHED, "no bwrap")
    assert statuses([silent, PASSED], stop=True) == ["not_run", "passed"]


def test_a_unit_of_several_cases() -> None:
    units = [Unit(judge=lambda: [FAILED]), Unit(judge=lambda: [PASSED] * 3, num_cases=3)]
    found = run_units(units, stop_at_failure=True)
    assert [one.case.status for one in found] == [CaseStatus.FAILED] + [CaseStatus.NOT_RUN] * 3


def test_cases_run_beside_each_other() -> None:
    barrier = threading.Barrier(2, timeout=30)

    def meet() -> list[Judged]:
        barrier.wait()
        return [PASSED]

    units = [Unit(judge=lambda: [PASSED]), Unit(judge=meet), Unit(judge=meet)]
    assert all(one.passed for one in run_units(units, stop_at_failure=True))
