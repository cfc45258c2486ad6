"""Tests that are programs: two sandboxes, and this process between them.

One holds the tests, the other the submission. When the tests call the function, the call goes
through here as text, and what came back goes through here as text. So the submission never sees
what is expected, and no code of the submission runs where it is decided.

Every case gets a fresh process of the submission. What goes wrong in the process of the tests
after a value came back from the submission is that value's fault; before that, the data set's.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cogitate.errors import SandboxError
from cogitate.sandbox.program import Limits, Program, Sandbox
from cogitate.verdict import CaseResult, CaseStatus, Status
from cogitate.verifiers.programs.assembly import python_program
from cogitate.verifiers.programs.assertions import CASE, TestProgram
from cogitate.verifiers.programs.channel import Channel, Silence
from cogitate.verifiers.programs.functions import Submission, faulty, parse, submission
from cogitate.verifiers.programs.gold import FunctionTask
from cogitate.verifiers.programs.running import Judged, Unit, judged, masked, patience, starved

START_SECONDS = 60.0  # for a sandbox to stand up on a busy machine
_LOOK_SECONDS = 0.2  # between looks at what a silent process uses
MAX_CALLS = 10_000  # of one case
_TESTS_FACTOR = 4.0  # processor time of all tests together, in that of one case
MAX_MESSAGE = 4 * 1024 * 1024
_STATUS = {
    "passed": CaseStatus.PASSED,
    "failed": CaseStatus.FAILED,
    "error": CaseStatus.FAILED,
    "raised": CaseStatus.RUNTIME_ERROR,
}


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run of a test program against one submission."""

    task: FunctionTask
    program: TestProgram
    submission: Submission
    sandbox: Sandbox
    limits: Limits
    stop_at_failure: bool
    cases: list[Judged] = field(default_factory=list[Judged])
    other: Channel | None = None
    began: float = 0.0
    calls: int = 0
    waited: float = 0.0
    fault: Judged | None = None
    final: bool = False
    """Whether the fault decides the case, whatever the tests make of it: only an exception that
    the function raised may be one that the tests expect."""

    def go(self) -> Sequence[Judged]:
        tests = Channel(self.sandbox.spawn(self._tests()))
        with tests:
            try:
                self._follow(tests)
            except Silence as silence:
                self._broken_off(silence)
            finally:
                self._end_submission()
        return self.cases

    def _tests(self) -> Program:
        setup = {
            "entry": self.task.entry,
            "candidate": self.program.candidate,
            "changes": self.task.changed,
            "case": CASE,
            "opaque": list(self.program.opaque),
        }
        files = {
            "setup.py": self.task.setup.encode("utf-8", "surrogatepass"),
            "tests.py": self.program.source.encode("utf-8", "surrogatepass"),
            "setup.json": json.dumps(setup).encode(),
        }
        limits = replace(self.limits, cpu_seconds=_TESTS_FACTOR * self.limits.cpu_seconds)
        return python_program("asserts", files, stdin=b"", limits=limits)

    def _follow(self, tests: Channel) -> None:
        """Serve the tests until they are done. Their own time is limited between messages."""
        start = START_SECONDS
        while True:
            line = self._receive(tests, MAX_MESSAGE, start=start)
            start = 0.0
            message: dict[str, Any] = json.loads(line)
            if "call" in message:
                self._serve(tests, line)
            elif "begin" in message:
                self._end_submission()
                self.began, self.calls, self.waited = time.monotonic(), 0, 0.0
                self.fault, self.final = None, False
            elif "end" in message:
                self._close(message)
                if self._enough():
                    return
            else:
                if "stopped" in message:
                    self._stopped(message)
                elif not message["done"] and not self.task.direct:
                    self.cases.clear()
                    self._rest(masked(Status.BAD_GOLD, "the tests never call the function"))
                return

    def _enough(self) -> bool:
        last = self.cases[-1]
        hopeless = last.case.status is CaseStatus.COMPILE_ERROR
        return hopeless or (self.stop_at_failure and last.failed)

    def _close(self, message: dict[str, Any]) -> None:
        """Write down a finished case."""
        seconds = time.monotonic() - self.began
        outcome, reason = message["outcome"], message["reason"]
        if self.fault is not None and (self.final or outcome != "passed"):
            case = self.fault
        elif outcome == "broken" or (outcome == "error" and not message["calls"]):
            case = self._own_fault(reason)
        else:
            result = CaseResult(status=_STATUS[outcome], seconds=seconds, reason=reason)
            case = Judged(case=result)
        self.cases.append(case)

    def _own_fault(self, reason: str) -> Judged:
        """The tests failed by themselves, unless a case that failed before is behind it."""
        if any(one.failed for one in self.cases):
            return judged(CaseStatus.FAILED, reason=reason)
        return masked(Status.BAD_GOLD, f"the tests do not work: {reason}")

    def _stopped(self, message: dict[str, Any]) -> None:
        """The tests' set-up failed between the cases."""
        reason = str(message["stopped"])
        fault = self._own_fault(reason) if message["own"] else None
        self._rest(fault or judged(CaseStatus.FAILED, reason=reason))

    def _broken_off(self, silence: Silence) -> None:
        """The process of the tests is silent: by a value of the submission, or by itself."""
        if self.fault is not None:
            self._rest(self.fault)
        elif self.calls:
            self._rest(judged(CaseStatus.FAILED, reason=f"the tests choke on a value: {silence}"))
        elif silence.late:
            self._rest(masked(Status.TIMEOUT, "the tests themselves take too long"))
        else:
            self._rest(masked(Status.CRASHED, f"the process of the tests: {silence}"))

    def _rest(self, case: Judged) -> None:
        left = self.program.num_cases - len(self.cases)
        not_run = judged(CaseStatus.NOT_RUN, reason="the tests had stopped")
        self.cases += ([case] + [not_run] * (left - 1)) if left else []

    def _serve(self, tests: Channel, call: bytes) -> None:
        """Pass a call to the submission and its answer back."""
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise Silence(f"more than {MAX_CALLS:,} calls in one case")
        began = time.monotonic()
        try:
            answer = self._answer(call)
        except Silence as silence:
            status = CaseStatus.TIMEOUT if silence.late else CaseStatus.RUNTIME_ERROR
            self.fault = self.fault or judged(status, reason=f"in a call, {silence}")
            self.final = True
            answer = json.dumps({"fault": "ended", "reason": str(silence)}).encode()
        self.waited += time.monotonic() - began
        tests.send(answer, time.monotonic() + self.limits.wall_seconds)

    def _answer(self, call: bytes) -> bytes:
        if self.final:
            raise Silence("it had ended")
        if self.other is None:
            self.other = self._start()
        self.other.send(call, time.monotonic() + self.limits.wall_seconds)
        mark = self.submission.nonce.encode()
        line = self._receive(self.other, self.limits.output_bytes, mark=mark, spent=self.waited)
        said = parse(line[len(mark) :])
        if said is None:
            raise Silence("it wrote what is no answer")
        if "value" not in said:
            self.fault = faulty(said, None)
            self.final = said["fault"] != "raised" or "Exception" not in said["kinds"]
        return json.dumps(said).encode()

    def _receive(
        self,
        channel: Channel,
        max_bytes: int,
        *,
        start: float = 0.0,
        spent: float = 0.0,
        mark: bytes = b"",
    ) -> bytes:
        """The next line that begins with ``mark``. Who computes on a busy machine gets more time.

        ``start`` is added to the time there is, ``spent`` is what of it is gone, in seconds.

        Raises:
            Silence: it did not come.
        """
        limits = self.limits
        began, used = time.monotonic() + start - spent, channel.cpu_seconds()
        deadline, last = began + limits.wall_seconds, began + patience(limits)
        while True:
            try:
                line = channel.receive(min(deadline, time.monotonic() + _LOOK_SECONDS), max_bytes)
            except Silence as silence:
                if not silence.late:
                    raise
                computed = channel.cpu_seconds() - used
                if computed > limits.cpu_seconds:
                    raise Silence("its processor time was used up", late=True) from silence
                if time.monotonic() >= deadline:
                    if deadline == last:
                        raise
                    if not starved(self.sandbox, computed, limits.wall_seconds, limits):
                        raise
                    deadline = last
                continue
            if line.startswith(mark):
                return line

    def _start(self) -> Channel:
        other = Channel(self.sandbox.spawn(self.submission.program(self.limits)))
        try:
            other.send(self.submission.program(self.limits).stdin.rstrip(b"\n"), _soon())
            other.receive(_soon(), MAX_MESSAGE)  # that it is ready, before anything untrusted runs
        except Silence as silence:
            other.close()
            self.fault = masked(Status.CRASHED, f"the sandbox did not start: {silence}")
            raise
        return other

    def _end_submission(self) -> None:
        if self.other is not None:
            self.other.close()
            self.other = None


def _soon() -> float:
    return time.monotonic() + START_SECONDS


def program_unit(
    task: FunctionTask, text: str, sandbox: Sandbox, limits: Limits, *, stop_at_failure: bool
) -> list[Unit]:
    """The cases of a task's test program as one piece of work; empty if it has none."""
    program = task.program
    if program is None:
        return []

    def once() -> Sequence[Judged]:
        run = _Run(
            task=task,
            program=program,
            submission=submission(task, text),
            sandbox=sandbox,
            limits=limits,
            stop_at_failure=stop_at_failure,
        )
        try:
            cases = run.go()
        except (OSError, SandboxError) as error:
            cases = [*run.cases, masked(Status.CRASHED, f"the sandbox failed: {error}")]
        return _filled(cases, program.num_cases)

    def judge() -> Sequence[Judged]:
        cases = once()
        return once() if any(one.mask is Status.CRASHED for one in cases) else cases

    return [Unit(judge=judge, num_cases=program.num_cases)]


def _filled(cases: Sequence[Judged], total: int) -> list[Judged]:
    not_run = judged(CaseStatus.NOT_RUN, reason="an earlier case had decided")
    return [*cases, *[not_run] * (total - len(cases))]
