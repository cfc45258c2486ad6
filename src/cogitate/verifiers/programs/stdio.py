"""Programs that read stdin and write stdout: one process a case, compared in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from cogitate.sandbox.program import MIB, Limits, Outcome, Program, Sandbox
from cogitate.verdict import CaseStatus, Status
from cogitate.verifiers.programs.assembly import python_program
from cogitate.verifiers.programs.comparison import same_output
from cogitate.verifiers.programs.extraction import Extracted
from cogitate.verifiers.programs.gold import StdioCase, StdioTask
from cogitate.verifiers.programs.inside.program import NOT_A_PROGRAM
from cogitate.verifiers.programs.packages import wanted_files
from cogitate.verifiers.programs.running import Judged, Unit, ending, judged, masked, run

MAX_CHECKED_OUTPUT = 4 * MIB
COMPILE_LIMITS = Limits(
    wall_seconds=60.0,
    cpu_seconds=20.0,
    memory_bytes=1024 * MIB,
    output_bytes=16 * MIB,
    file_bytes=64 * MIB,
)
# The binary leaves the sandbox through stdout, and nothing else does.
_COMPILE = "g++ -O2 -std=c++17 -pipe -fmax-errors=3 -o program main.cpp 1>&2 && exec cat program"
_START = "chmod 700 program && exec ./program"


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioJudge:
    """Judges the cases of a task for one program. ``build`` makes the program for an input."""

    task: StdioTask
    sandbox: Sandbox
    limits: Limits
    build: Callable[[bytes, Limits], Program]

    def units(self) -> list[Unit]:
        return [Unit(judge=lambda case=case: [self.judge(case)]) for case in self.task.cases]

    def judge(self, case: StdioCase) -> Judged:
        room = max(self.limits.output_bytes, 4 * len(case.expected) + 65536)
        limits = replace(self.limits, output_bytes=room)
        result = run(self.sandbox, self.build(case.given, limits))
        if result.exit_code == NOT_A_PROGRAM and result.outcome is Outcome.EXITED:
            words = result.stderr.decode("utf-8", "replace")
            return judged(CaseStatus.COMPILE_ERROR, result, words)
        if (ended := ending(result)) is not None:
            return ended
        if self.task.comparison.rule == "checker":
            return self._checked(case, result.stdout)
        if same_output(result.stdout, case.expected, self.task.comparison):
            return judged(CaseStatus.PASSED, result)
        return judged(CaseStatus.FAILED, result, _difference(result.stdout, case.expected))

    def _checked(self, case: StdioCase, written: bytes) -> Judged:
        """Ask the data set's checker. Where it stumbles, the program's output is to blame, unless
        the checker stumbles over the expected output as well."""
        if len(written) > MAX_CHECKED_OUTPUT:
            return judged(CaseStatus.OUTPUT_LIMIT, reason="too long for the checker")
        said = self._ask_checker(case, written)
        if isinstance(said, Judged):
            return said
        if said.get("accepted") is True:
            return judged(CaseStatus.PASSED, reason="the checker accepts it")
        if said.get("accepted") is False:
            return judged(CaseStatus.FAILED, reason="the checker rejects it")
        reason = str(said.get("broken") or said.get("stumbled"))
        if case.expected:
            own = self._ask_checker(case, case.expected)
            works = isinstance(own, dict) and own.get("accepted") is True
        else:
            works = "broken" not in said
        if works:
            return judged(CaseStatus.FAILED, reason=f"the checker cannot read it: {reason}")
        return masked(Status.BAD_GOLD, f"the checker does not work: {reason}")

    def _ask_checker(self, case: StdioCase, written: bytes) -> dict[str, object] | Judged:
        comparison = self.task.comparison
        texts = (case.given, written, case.expected)
        request = {
            "function": comparison.function,
            "arguments": [text.decode("utf-8", "replace") for text in texts],
        }
        program = python_program(
            "checker",
            {"checker.py": comparison.source.encode("utf-8", "surrogatepass")},
            stdin=json.dumps(request).encode() + b"\n",
            limits=self.limits,
        )
        result = run(self.sandbox, program)
        if result.outcome is Outcome.INTERNAL_ERROR:
            return masked(Status.CRASHED, f"the sandbox failed: {result.reason}")
        try:
            said = json.loads(result.stdout)
        except ValueError:
            return {"stumbled": f"no verdict: {result.reason}"}
        return said if isinstance(said, dict) else {"stumbled": "no verdict"}


def python_stdio(text: str, packages: tuple[str, ...]) -> Callable[[bytes, Limits], Program]:
    """The program of a Python submission, by input."""
    files = {"main.py": text.encode("utf-8", "surrogatepass"), **wanted_files(packages, text)}
    return lambda given, limits: python_program("program", files, stdin=given, limits=limits)


def compile_cpp(text: str, sandbox: Sandbox) -> Judged | Callable[[bytes, Limits], Program]:
    """The program of a C++ submission, by input; or why there is none."""
    source = {"main.cpp": text.encode("utf-8", "surrogatepass")}
    program = Program(
        argv=("/bin/sh", "-c", _COMPILE),
        files=source,
        environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        limits=COMPILE_LIMITS,
    )
    result = run(sandbox, program)
    if result.outcome is Outcome.INTERNAL_ERROR:
        return masked(Status.CRASHED, f"the sandbox failed: {result.reason}")
    if result.exit_code == 127:
        return masked(Status.CRASHED, "there is no g++ here; install it to judge C++")
    if result.outcome is not Outcome.EXITED or result.exit_code != 0:
        words = result.stderr.decode("utf-8", "replace").strip()
        return judged(CaseStatus.COMPILE_ERROR, result, words or result.reason)
    binary = {"program": result.stdout}
    return lambda given, limits: Program(
        argv=("/bin/sh", "-c", _START),
        stdin=given,
        files=binary,
        environment={"PATH": "/usr/bin:/bin"},
        limits=limits,
    )


def stdio_units(
    task: StdioTask, program: Extracted, sandbox: Sandbox, limits: Limits
) -> list[Unit] | Judged:
    """The cases of a program as work, or what compiling it showed."""
    if program.language == "cpp":
        build = compile_cpp(program.text, sandbox)
        if isinstance(build, Judged):
            return build
    else:
        build = python_stdio(program.text, task.packages)
    return StdioJudge(task=task, sandbox=sandbox, limits=limits, build=build).units()


def _difference(written: bytes, expected: bytes) -> str:
    shown = [text.decode("utf-8", "replace")[:60] for text in (expected, written)]
    return f"expected {shown[0]!r}, it wrote {shown[1]!r}"
