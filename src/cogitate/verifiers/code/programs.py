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

from cogitate.sandbox.program import Limits, Program, Sandbox
from cogitate.verdict import CaseResult, CaseStatus, Status
from cogitate.verifiers.code.assembly import python_program
from cogitate.verifiers.code.assertions import CASE, TestProgram
from cogitate.verifiers.code.channel import Channel, Silence
from cogitate.verifiers.code.functions import Submission, faulty, parse, submission
from cogitate.verifiers.code.gold import FunctionTask
from cogitate.verifiers.code.running import Judged, Unit, judged, masked, patience, starved

START_SECONDS = 60.0  # for a sandbox to stand up on a busy machine
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
    fault: Judged | None = None

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
                self.began, self.calls, self.fault = time.monotonic(), 0, None
            elif "end" in message:
                self._close(message)
                if self.stop_at_failure and self.cases[-1].failed:
                    return
            else:
                if "stopped" in message:
                    self._stopped(message)
                elif not message["done"]:
                    self._rest(masked(Status.BAD_GOLD, "the tests call no function"))
                return

    def _close(self, message: dict[str, Any]) -> None:
        """Write down a finished case."""
        seconds = time.monotonic() - self.began
        if self.fault is not None and message["outcome"] != "passed":
            case = self.fault
        elif message["outcome"] == "broken":
            failed_before = any(one.failed for one in self.cases)
            case = (
                judged(CaseStatus.FAILED, reason=message["reason"])
                if failed_before
                else masked(Status.BAD_GOLD, f"the tests do not work: {message['reason']}")
            )
        elif message["outcome"] == "error" and not message["calls"]:
            case = self._own_error(message["reason"])
        else:
            status = _STATUS[message["outcome"]]
            case = Judged(case=CaseResult(status=status, seconds=seconds, reason=message["reason"]))
        self.cases.append(case)

    def _own_error(self, reason: str) -> Judged:
        """An error before the case had called the function; earlier values may be behind it."""
        if self.cases:
            return judged(CaseStatus.FAILED, reason=reason)
        return masked(Status.BAD_GOLD, f"the tests do not work: {reason}")

    def _stopped(self, message: dict[str, Any]) -> None:
        """The tests' set-up failed between the cases."""
        reason = str(message["stopped"])
        if message["own"] and not any(one.failed for one in self.cases):
            self._rest(masked(Status.BAD_GOLD, f"the tests do not work: {reason}"))
        else:
            self._rest(judged(CaseStatus.FAILED, reason=reason))

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
            self.fault = masked(Status.BAD_GOLD, f"a case with more than {MAX_CALLS} calls")
            raise Silence("too many calls")
        try:
            answer = self._answer(call)
        except Silence as silence:
            status = CaseStatus.TIMEOUT if silence.late else CaseStatus.RUNTIME_ERROR
            self.fault = self.fault or judged(status, reason=f"in a call, {silence}")
            answer = json.dumps({"fault": "ended", "kinds": [], "reason": str(silence)}).encode()
        tests.send(answer, time.monotonic() + self.limits.wall_seconds)

    def _answer(self, call: bytes) -> bytes:
        if self.other is None:
            self.other = self._start()
        self.other.send(call, time.monotonic() + self.limits.wall_seconds)
        mark = self.submission.nonce.encode()
        line = self._receive(self.other, self.limits.output_bytes, mark=mark)
        said = parse(line[len(mark) :])
        if said is None:
            raise Silence("it wrote what is no answer")
        if "value" not in said:
            self.fault = faulty(said, None)
        return line[len(mark) :]

    def _receive(
        self, channel: Channel, max_bytes: int, *, start: float = 0.0, mark: bytes = b""
    ) -> bytes:
        """The next line that begins with ``mark``. Who computes on a busy machine gets more time.

        Raises:
            Silence: it did not come.
        """
        limits = self.limits
        began, used = time.monotonic() + start, channel.cpu_seconds()
        deadline, last = began + limits.wall_seconds, began + patience(limits)
        while True:
            try:
                line = channel.receive(deadline, max_bytes)
            except Silence as silence:
                spent = channel.cpu_seconds() - used
                if not silence.late or deadline == last:
                    raise
                if not starved(self.sandbox, spent, limits.wall_seconds, limits):
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

    def judge() -> Sequence[Judged]:
        run = _Run(
            task=task,
            program=program,
            submission=submission(task, text),
            sandbox=sandbox,
            limits=limits,
            stop_at_failure=stop_at_failure,
        )
        return _filled(run.go(), program.num_cases)

    return [Unit(judge=judge, num_cases=program.num_cases)]


def _filled(cases: Sequence[Judged], total: int) -> list[Judged]:
    not_run = judged(CaseStatus.NOT_RUN, reason="an earlier case had decided")
    return [*cases, *[not_run] * (total - len(cases))]
