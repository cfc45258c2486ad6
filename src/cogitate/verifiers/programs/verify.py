"""The verifier of programs: from an answer's text to a verdict, whatever the text holds."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from cogitate.sandbox.program import MIB, Limits, Sandbox
from cogitate.verdict import CaseStatus, Status, Verdict, bad_gold, correct, unparseable, wrong
from cogitate.verifiers.programs.extraction import Extracted, extract, final_part
from cogitate.verifiers.programs.functions import direct_units
from cogitate.verifiers.programs.gold import FunctionTask, StdioTask, read_gold
from cogitate.verifiers.programs.programs import program_unit
from cogitate.verifiers.programs.running import DEFAULT_LIMITS, Judged, run_units
from cogitate.verifiers.programs.stdio import stdio_units

Score = Literal["all", "fraction"]
MAX_CODE_CHARS = 200_000
MAX_TEXT_CHARS = 4_000_000
_SHOWN_CHARS = 2000


def verify_code(
    gold: Mapping[str, Any],
    text: str,
    *,
    sandbox: Sandbox,
    limits: Limits = DEFAULT_LIMITS,
    score: Score = "all",
) -> Verdict:
    """Whether the program in an answer passes its tests.

    ``text`` is a completion or its final part: what stands before the last ``</think>`` does not
    count. ``limits`` hold for each case; ``time_limit`` (seconds) and ``memory_limit`` (MiB) of
    the gold answer win over them. With score "all" a wrong answer scores 0 and the first failure
    ends the run; with "fraction" every case is run and the score is the share that passed.
    """
    began = time.perf_counter()
    verdict = _verify(gold, text, sandbox=sandbox, limits=limits, score=score)
    return replace(
        verdict,
        milliseconds=1000 * (time.perf_counter() - began),
        engine=verdict.engine or f"code/{sandbox.name}",
    )


def _verify(
    gold: Mapping[str, Any], text: str, *, sandbox: Sandbox, limits: Limits, score: Score
) -> Verdict:
    try:
        task = read_gold(gold)
    except ValueError as error:
        return bad_gold(cause="bad_gold", reason=str(error))
    if len(text) > MAX_TEXT_CHARS:
        return wrong(cause="too_long", reason=f"an answer of {len(text):,} characters")
    program = _program(task, text)
    if program is None:
        return unparseable(cause="no_code", reason="no block of code in the answer")
    shown = {"answer": program.text[:_SHOWN_CHARS], "gold": f"{_num_cases(task)} tests"}
    if len(program.text) > MAX_CODE_CHARS:
        reason = f"a program of {len(program.text):,} characters"
        return wrong(cause="too_long", reason=reason, **shown)
    limits = _limits(task, limits)
    stop = score == "all"
    if isinstance(task, StdioTask):
        units = stdio_units(task, program, sandbox, limits)
        cases = [units] if isinstance(units, Judged) else run_units(units, stop_at_failure=stop)
    else:
        units = direct_units(task, program.text, sandbox, limits)
        units += program_unit(task, program.text, sandbox, limits, stop_at_failure=stop)
        cases = run_units(units, stop_at_failure=stop)
    verdict = _verdict(cases, score, max(_num_cases(task), len(cases)))
    return replace(verdict, engine=f"{program.language}/{sandbox.name}", **shown)


def _program(task: StdioTask | FunctionTask, text: str) -> Extracted | None:
    part = final_part(text)
    if part is None:
        return None
    if isinstance(task, StdioTask):
        return extract(part, languages=task.languages, bare=task.bare)
    return extract(part, languages=("python",), defines=task.defines, bare=task.bare)


def _num_cases(task: StdioTask | FunctionTask) -> int:
    return len(task.cases) if isinstance(task, StdioTask) else task.num_cases


def _limits(task: StdioTask | FunctionTask, limits: Limits) -> Limits:
    if task.time_limit is not None:
        wall = limits.wall_seconds / limits.cpu_seconds * task.time_limit
        limits = replace(limits, cpu_seconds=task.time_limit, wall_seconds=wall)
    if task.memory_limit is not None:
        limits = replace(limits, memory_bytes=int(task.memory_limit * MIB))
    return limits


def _verdict(cases: Sequence[Judged], score: Score, total: int) -> Verdict:
    """The verdict that the cases add up to.

    A failure decides, also beside cases that say nothing; but a share of the cases needs them all.
    """
    details: dict[str, Any] = {"cases": tuple(one.case for one in cases)}
    failed = [(number, one) for number, one in enumerate(cases, 1) if one.failed]
    silent = [(number, one) for number, one in enumerate(cases, 1) if one.mask is not None]
    num_passed = sum(one.passed for one in cases)
    if silent and (score == "fraction" or not failed):
        number, one = silent[0]
        assert one.mask is not None
        reason = f"case {number} of {total}: {one.case.reason}"
        return Verdict(status=one.mask, cause=str(one.mask), reason=reason, **details)
    if failed:
        number, one = failed[0]
        reason = f"case {number} of {total}, {one.case.status}: {one.case.reason}"
        share = num_passed / total if score == "fraction" else 0.0
        return wrong(score=share, cause=str(one.case.status), reason=reason, **details)
    if num_passed == total and all(one.case.status is CaseStatus.PASSED for one in cases):
        return correct(reason=f"all {total} cases passed", **details)
    reason = f"{num_passed} of {total} cases passed, and none failed"
    return Verdict(status=Status.CRASHED, cause="crashed", reason=reason, **details)
