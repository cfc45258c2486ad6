"""Functions and calls of them: what the submission returned is compared in this process.

The process of the submission gets a call and says what came back; it never sees what was expected.
"""

import json
import secrets
from dataclasses import dataclass, replace
from typing import Any

from cogitate.sandbox.program import Limits, Program, RunResult, Sandbox
from cogitate.verdict import CaseStatus
from cogitate.verifiers.programs.assembly import python_program
from cogitate.verifiers.programs.assertions import DirectCase
from cogitate.verifiers.programs.gold import FunctionTask
from cogitate.verifiers.programs.inside.values import encode
from cogitate.verifiers.programs.matching import matches, truthy
from cogitate.verifiers.programs.packages import wanted_files
from cogitate.verifiers.programs.running import Judged, Unit, ending, judged, run

ROOM = 65536
"""Bytes that a returned value may take beyond four times the expected one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A submission as the sandbox gets it: its files, and the first request of its process."""

    files: dict[str, bytes]
    prelude: bool
    nonce: str

    def program(self, limits: Limits, calls: str = "") -> Program:
        head = json.dumps({"nonce": self.nonce, "prelude": self.prelude})
        stdin = f"{head}\n{calls}".encode()
        return python_program("function", self.files, stdin=stdin, limits=limits)


def submission(task: FunctionTask, text: str) -> Submission:
    """The submission of a task, with a nonce that it cannot know before it runs."""
    source = (task.before + text).encode("utf-8", "surrogatepass")
    return Submission(
        files={"submission.py": source, **wanted_files(task.packages, text)},
        prelude=task.prelude,
        nonce=secrets.token_hex(8) + " ",
    )


def direct_units(task: FunctionTask, text: str, sandbox: Sandbox, limits: Limits) -> list[Unit]:
    """The direct cases of a task as work."""
    return [
        Unit(judge=lambda case=case: [_judge(task, case, text, sandbox, limits)])
        for case in task.direct
    ]


def _judge(
    task: FunctionTask, case: DirectCase, text: str, sandbox: Sandbox, limits: Limits
) -> Judged:
    sent = submission(task, text)
    room = 4 * len(encode(case.expected)) + ROOM
    program = sent.program(replace(limits, output_bytes=room), with_change(case.call, task) + "\n")
    result = run(sandbox, program)
    said = _said(result.stdout, sent.nonce)
    if said is None:
        ended = ending(result)
        return ended or judged(
            CaseStatus.RUNTIME_ERROR, result, "it ended before the function had returned"
        )
    return decide(said, case, result)


def with_change(call: str, task: FunctionTask) -> str:
    """The request for a call, asking for the changed argument where that is the result."""
    if task.changed is None:
        return call
    return f'{call[:-1]},"changed":{json.dumps(task.changed)}}}'


def _said(stdout: bytes, nonce: str) -> Any:
    """The one answer with the nonce, parsed; None if there is none, or not exactly one."""
    mark = nonce.encode()
    lines = [line for line in stdout.split(b"\n")[:-1] if line.startswith(mark)]
    answers = [line[len(mark) :] for line in lines[1:]]  # the first says that the driver runs
    return parse(answers[0]) if len(answers) == 1 else None


def parse(line: bytes) -> dict[str, Any] | None:
    """An answer of the process of the submission; None if it is not of that form.

    The submission can write it itself, so nothing about it is taken for granted.
    """
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    if "value" in said:
        return {"value": said["value"]}
    fault, kinds, reason = (said.get(name) for name in ("fault", "kinds", "reason"))
    texts = [fault, reason, *(kinds if isinstance(kinds, list) else [None])]
    if not all(isinstance(text, str) for text in texts):
        return None
    return {"fault": fault, "kinds": kinds, "reason": reason}


def decide(said: dict[str, Any], case: DirectCase, result: RunResult) -> Judged:
    """What an answer means for a direct case."""
    if "value" not in said:
        return faulty(said, result)
    value = said["value"]
    if case.check == "equal":
        right = matches(value, case.expected, as_json=case.as_json)
    elif case.check == "is":
        right = value is case.expected
    else:
        right = truthy(value) is (case.check == "true")
    if right:
        return judged(CaseStatus.PASSED, result)
    wanted = encode(case.expected) if case.check in ("equal", "is") else case.check
    return judged(
        CaseStatus.FAILED, result, f"expected {wanted[:100]}, it returned {_shown(value)}"
    )


def _shown(value: Any) -> str:
    try:
        return json.dumps(value)[:100]
    except RecursionError:
        return "something deeply nested"


_FAULTS = {"compile": CaseStatus.COMPILE_ERROR, "unplain": CaseStatus.FAILED}


def faulty(said: dict[str, Any], result: RunResult | None) -> Judged:
    """What a fault means that the process of the submission reports about itself."""
    first = said["kinds"][0] if said["kinds"] else "an exception"
    status = _FAULTS.get(said["fault"], CaseStatus.RUNTIME_ERROR)
    if first == "MemoryError":
        status = CaseStatus.RESOURCE_LIMIT
    return judged(status, result, f"{first}: {said['reason']}"[:300])
