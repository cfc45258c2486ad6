"""Verdicts for rows ``task_kind, ground_truth, completion``: any kind, many at once, in order.

What belongs to the completion as a whole is done here, once, before the verifier of the kind sees
anything: cut at the end of the turn, the thinking taken off. An answer that stands only in the
thinking is no answer, and a completion whose thinking never ends has none. Verifiers are found by
kind: mathematics and code here, ``judge`` by its rule part unless a judge is given, everything else
in ``cogitate.verifiers.rules.RULES``.

A row that cannot be verified at all (unknown kind, missing field) is a ``RowFault``: it is reported
beside the verdicts, and no row is ever lost to it.
"""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from cogitate.text.think import cut_at_turn_end
from cogitate.verdict import Status, Verdict, bad_gold, unparseable, wrong
from cogitate.verifiers import row_fields
from cogitate.verifiers.completions import final_part, nearly_marked
from cogitate.verifiers.row_fields import RowFault

if TYPE_CHECKING:
    from cogitate.sandbox.program import Limits, Sandbox
    from cogitate.verifiers.judged import AskJudge
    from cogitate.verifiers.maths import MathsPool

CODE_KINDS = ("code_stdio", "code_function", "code")
_OTHER_TYPE = {"code_stdio": "function", "code_function": "stdio"}
MATHS_KINDS: Mapping[str, str] = {"math": "boxed", "maths": "boxed", "gsm8k": "hash4"}
"""Kinds of mathematics with the template that their rows have unless they name one."""
OWN_KINDS = (*MATHS_KINDS, *CODE_KINDS, "judge")
MAX_COMPLETION_CHARS = 4_000_000
"""Longest completion that is looked at, characters. A longer one is wrong."""
BAD_ROW = "bad_row"
"""What stands in place of a status for a row that cannot be verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one row asks for. ``template``, ``policy`` and ``arity`` are for mathematics,
    ``question`` for a judge; ``twice`` asks for a second run, which must find nothing of the
    first; ``seconds`` is how long the verdict of a program may take."""

    kind: str
    gold: Any
    completion: str
    template: str | None = None
    policy: str | None = None
    arity: int | None = None
    prefilled: bool = False
    question: str = ""
    twice: bool = False
    seconds: float | None = None

    @classmethod
    def from_mapping(cls, row: object) -> "Row":
        """The row of a JSON object; names are those of ``cogitate grade``.

        Raises:
            RowFault: a field is missing, has another type, or names what there is not.
        """
        if not isinstance(row, Mapping):
            raise RowFault("bad_json", f"expected an object, not {type(row).__name__}")
        return cls(
            kind=row_fields.required(row, "task_kind", "kind", of=str),
            gold=row_fields.required(row, "ground_truth", "gold", of=object),
            completion=row_fields.required(row, "completion", of=str),
            template=row_fields.template(row),
            policy=row_fields.policy(row),
            arity=row_fields.optional(row, "gold_arity", int),
            prefilled=bool(row_fields.optional(row, "prefilled_think", bool)),
            question=row_fields.optional(row, "question", str) or "",
            twice=bool(row_fields.optional(row, "run_twice", bool)),
            seconds=row_fields.seconds(row, "must_finish_s"),
        )


class RowVerifier:
    """Verifies rows of every kind; holds the worker processes and the sandbox that this needs.

    Both start when the first row needs them, and end with ``close`` or the ``with`` block.
    ``sandbox`` is a name ("auto") or a sandbox; ``workers`` is how many rows are verified at once.
    Thread-safe.

    >>> with RowVerifier() as verifier:
    ...     row = {"task_kind": "mcq", "ground_truth": "C", "completion": "Answer: C"}
    ...     verifier.verify(row).status
    <Status.CORRECT: 'correct'>
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        sandbox: "str | Sandbox" = "auto",
        judge: "AskJudge | None" = None,
        pool: "MathsPool | None" = None,
    ) -> None:
        self.workers = workers or max(2, min(16, os.cpu_count() or 2))
        self._sandbox = sandbox
        self._judge = judge
        self._pool = pool
        self._owns_pool = pool is None
        self._lock = threading.Lock()

    def __enter__(self) -> "RowVerifier":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes that this verifier started."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and self._owns_pool:
            pool.close()

    def verify(self, row: object) -> Verdict:
        """The verdict of one row, a JSON object or a ``Row``; ``milliseconds`` is all its time.

        Raises:
            RowFault: the row has no completion or no gold answer, or its kind is not known.
            SandboxError: the row holds a program and there is no safe way to run it here.
        """
        started = time.perf_counter()
        asked = row if isinstance(row, Row) else Row.from_mapping(row)
        if asked.kind not in known_kinds():
            raise RowFault("unknown_kind", unknown_kind(asked.kind))
        if asked.kind in MATHS_KINDS:
            worked = asked.kind == "gsm8k"
            gold, arity = row_fields.maths_gold(asked.gold, asked.arity, worked=worked)
            asked = replace(asked, gold=gold, arity=arity)
        verdict = self._verify(asked)
        if asked.twice:
            verdict = self._verify(asked)
        return replace(verdict, milliseconds=1000.0 * (time.perf_counter() - started))

    def verify_all(self, rows: Iterable[object]) -> "Iterator[Verdict | RowFault]":
        """Verdict or fault of every row, in their order, while later rows are being verified.

        Takes rows from the iterator only as it goes, so a file of any length fits.

        Raises:
            SandboxError: a row holds a program and there is no safe way to run it here.
        """
        window: deque[Future[Verdict]] = deque()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="verify") as threads:
            try:
                for row in rows:
                    window.append(threads.submit(self.verify, row))
                    if len(window) >= 16 * self.workers:
                        yield _outcome(window.popleft())
                while window:
                    yield _outcome(window.popleft())
            finally:
                for future in window:
                    future.cancel()

    def use_sandbox(self) -> "Sandbox":
        """The sandbox that programs run in, found when first asked for.

        Raises:
            SandboxError: there is no safe way to run programs on this machine.
        """
        with self._lock:
            if isinstance(self._sandbox, str):
                from cogitate.sandbox import get_sandbox

                self._sandbox = get_sandbox(self._sandbox)
            return self._sandbox

    def _verify(self, row: Row) -> Verdict:
        if len(row.completion) > MAX_COMPLETION_CHARS:
            return wrong(
                cause="too_long", reason=f"longer than {MAX_COMPLETION_CHARS:,} characters"
            )
        if row.kind in OWN_KINDS:
            text = final_part(row.completion, prefilled=row.prefilled)
            return _no_answer(row, text) or self._verify_own(row, text or "")
        from cogitate.verifiers.rules import RULES

        rule = RULES[row.kind]
        if rule.whole_completion:
            text = cut_at_turn_end(row.completion)
            spoilt = _no_answer(row, text) if row.kind == "format" else None
            return spoilt or rule(row.gold, text, prefilled=row.prefilled)
        text = final_part(row.completion, prefilled=row.prefilled)
        return _no_answer(row, text) or rule(row.gold, text or "")

    def _verify_own(self, row: Row, text: str) -> Verdict:
        if row.kind in CODE_KINDS:
            from cogitate.verifiers.programs import verify_code

            gold = _object(row.gold)
            if gold is None:
                return bad_gold(cause="bad_gold", reason="expected an object with type and tests")
            if row.kind != "code" and gold.get("type") == _OTHER_TYPE[row.kind]:
                reason = f'tests of type "{gold["type"]}" in a row of kind {row.kind}'
                return bad_gold(cause="bad_gold", reason=reason)
            return verify_code(gold, text, sandbox=self.use_sandbox(), limits=_limits(row.seconds))
        if row.kind == "judge":
            from cogitate.verifiers.judged import verify_judge

            gold = row.gold if isinstance(row.gold, str) else json.dumps(row.gold)
            return verify_judge(gold, text, question=row.question, judge=self._judge)
        from cogitate.verifiers.maths import verify_maths

        return verify_maths(
            row.gold, text, template=row.template or MATHS_KINDS[row.kind], policy=row.policy,
            arity=row.arity, pool=self._use_pool(),
        )  # fmt: skip

    def _use_pool(self) -> "MathsPool":
        with self._lock:
            if self._pool is None:
                from cogitate.verifiers.maths import MathsPool

                self._pool = MathsPool(workers=self.workers)
            return self._pool


def grade(row: Mapping[str, Any]) -> Verdict:
    """The verdict of one row, with worker processes that this interpreter keeps.

    Raises:
        RowFault: the row has no completion or no gold answer, or its kind is not known.

    >>> grade({"task_kind": "mcq", "ground_truth": "C", "completion": "Answer: B"}).correct
    False
    """
    from cogitate.verifiers.maths.symbolic import default_pool
    from cogitate.verifiers.shared import shared_sandbox

    asked = Row.from_mapping(row)
    pool = default_pool() if asked.kind in MATHS_KINDS else None
    sandbox = shared_sandbox() if asked.kind in CODE_KINDS else "auto"
    return RowVerifier(workers=1, sandbox=sandbox, pool=pool).verify(asked)


def known_kinds() -> tuple[str, ...]:
    """Every kind that a row may have."""
    from cogitate.verifiers.rules import RULES

    return tuple(sorted({*OWN_KINDS, *RULES}))


def unknown_kind(kind: str) -> str:
    """What to say about a kind that there is not."""
    import difflib

    known = known_kinds()
    close = difflib.get_close_matches(kind, known, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return f'unknown kind "{kind[:60]}". Known: {", ".join(known)}.{hint}'


def fields(outcome: "Verdict | RowFault") -> dict[str, Any]:
    """What ``cogitate grade`` adds to a row."""
    if isinstance(outcome, RowFault):
        return {
            "verdict": BAD_ROW, "correct": None, "reward": None, "parsed_answer": None,
            "parsed_gold": None, "milliseconds": 0.0, "engine": "", "cause": outcome.cause,
            "reason": str(outcome),
        }  # fmt: skip
    added: dict[str, Any] = {
        "verdict": str(outcome.status),
        "correct": outcome.correct,
        "reward": outcome.score if outcome.status.trains else None,
        "parsed_answer": outcome.answer,
        "parsed_gold": outcome.gold,
        "milliseconds": round(outcome.milliseconds, 3),
        "engine": outcome.engine,
        "cause": outcome.cause,
        "reason": outcome.reason,
    }
    if outcome.cases:
        added["cases"] = [
            {"status": str(case.status), "seconds": round(case.seconds, 4), "reason": case.reason}
            for case in outcome.cases
        ]
    return added


def _outcome(future: "Future[Verdict]") -> "Verdict | RowFault":
    """The result of a row. A verifier that raised says nothing about the answer: masked."""
    from cogitate.errors import SandboxError

    try:
        return future.result()
    except RowFault as fault:
        return fault
    except SandboxError:
        raise
    except Exception as error:  # noqa: BLE001  one row's fault must not end all others
        reason = f"the verifier raised {type(error).__name__}: {str(error)[:200]}"
        return Verdict(status=Status.CRASHED, cause="verifier_raised", reason=reason)


def _no_answer(row: Row, text: str | None) -> Verdict | None:
    """Why a completion has no answer to look at, whatever its kind; None if it may have one."""
    if text is None:
        reason = "the thinking never ends, so there is no answer"
        return unparseable(cause="truncated", reason=reason)
    if row.kind in CODE_KINDS:  # programs may hold anything
        return None
    mark = nearly_marked(text)
    if mark is None:
        return None
    return unparseable(cause="spoilt_mark", reason=f"something that is nearly {mark}")


def _limits(seconds: float | None) -> "Limits":
    """Limits of one case under which a verdict takes at most ``seconds``.

    A busy machine may keep a program waiting, which is then given as much time once more; so one
    run has two fifths of the time, and little enough processor time that waiting can be told
    from computing.
    """
    from cogitate.verifiers.programs import DEFAULT_LIMITS

    if seconds is None:
        return DEFAULT_LIMITS
    return replace(
        DEFAULT_LIMITS,
        wall_seconds=min(DEFAULT_LIMITS.wall_seconds, 0.4 * seconds),
        cpu_seconds=min(DEFAULT_LIMITS.cpu_seconds, 0.05 * seconds),
    )


def _object(gold: object) -> Mapping[str, Any] | None:
    """A gold answer that is a JSON object, or the text of one."""
    if isinstance(gold, str):
        try:
            gold = json.loads(gold)
        except (ValueError, RecursionError):
            return None
    return cast("Mapping[str, Any]", gold) if isinstance(gold, Mapping) else None
