"""Scorers of other packages, in processes of their own and where wanted in the sandbox.

Some of them evaluate what the model wrote, some hang on it, some raise. So a scorer never runs in
the trainer, and when it fails the gold answer is scored once as a control: if that works, the
answer is at fault and is wrong (a policy must not learn to be ungradable); if not, the scorer or
the machine is, and the completion is masked.
"""

import json
import math
import threading
from collections.abc import Mapping
from typing import Any

from cogitate.rewards.adapters_worker import SETTINGS
from cogitate.rewards.isolated import CORES, START_SECONDS, library_path
from cogitate.sandbox.program import Sandbox
from cogitate.text.think import has_visible_text
from cogitate.verdict import Status, Verdict, correct, unparseable, wrong
from cogitate.verifiers.pool import WorkerFailure, WorkerLimits, WorkerPool, WorkerTimeout

MAX_ANSWER_CHARS = 20_000
"""A longer answer is wrong, characters."""


class ForeignScorer:
    """A scorer in worker processes. ``engine`` names it in verdicts.

    ``target`` is a function of ``rewards/adapters_worker.py``; ``settings`` are what its process
    loads when it starts.
    """

    def __init__(
        self, target: str, settings: Mapping[str, Any], *, engine: str, seconds: float = 10.0,
        memory_mb: int = 2048, workers: int = 2, sandbox: Sandbox | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.engine = engine
        own = json.dumps({"target": target, **settings})
        limits = WorkerLimits(
            wall_seconds=seconds, cpu_seconds=CORES * seconds, memory_bytes=memory_mb * 2**20,
            start_seconds=START_SECONDS,
        )  # fmt: skip
        self._pool = WorkerPool(
            f"cogitate.rewards.adapters_worker:{target}", workers, limits=limits, sandbox=sandbox,
            path=library_path() if sandbox is not None else None,
            environment={**(environment or {}), SETTINGS: own},
        )  # fmt: skip
        self._healthy: dict[str, bool] = {}
        self._lock = threading.Lock()

    def request(self, request: Mapping[str, Any], *, seconds: float = START_SECONDS) -> Any:
        """Ask the worker for something other than a score.

        Raises:
            WorkerFailure: it gave no reply.
        """
        return self._pool.call(request, wall_seconds=seconds)["value"]

    def score(self, entry: Mapping[str, Any], answer: str) -> float:
        """The scorer's own number.

        Raises:
            WorkerFailure: it raised, hung or died.
        """
        found = self._pool.call({"entry": dict(entry), "answer": answer})
        value = float(found["value"])
        if not math.isfinite(value):
            raise WorkerFailure(f"the scorer gave {value}")
        return value

    def verify(
        self, entry: Mapping[str, Any], gold: str | None, answer: str | None, *,
        partial_credit: bool = False, same_text: bool = True, full_marks: float = 1.0,
    ) -> Verdict:  # fmt: skip
        """The verdict on an answer. Less than full marks is wrong, with its share of the marks
        only where ``partial_credit`` declares that; ``same_text`` accepts the gold answer unseen.
        """
        details: dict[str, Any] = {"gold": gold, "engine": self.engine}
        if answer is None or not has_visible_text(answer):
            return unparseable(cause="empty", reason="there is no answer", **details)
        details["answer"] = answer[:200]
        if len(answer) > MAX_ANSWER_CHARS:
            reason = f"the answer has more than {MAX_ANSWER_CHARS} characters"
            return wrong(cause="too_long", reason=reason, **details)
        if same_text and gold is not None and answer.strip() == gold.strip():
            return correct(**details)
        try:
            score = self.score(entry, answer) / full_marks
        except WorkerFailure as error:
            return self._at_fault(error, entry, gold, details)
        if score >= 1.0:
            return correct(**details)
        share = max(0.0, score) if partial_credit else 0.0
        return Verdict(status=Status.WRONG, score=share, **details)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def _at_fault(
        self, error: WorkerFailure, entry: Mapping[str, Any], gold: str | None,
        details: dict[str, Any],
    ) -> Verdict:  # fmt: skip
        """Wrong if the scorer can score the gold answer of this problem, else masked."""
        slow = isinstance(error, WorkerTimeout)
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if self._scores_gold(entry, gold):
            cause = "slow_to_score" if slow else "breaks_scorer"
            return wrong(cause=cause, reason=f"the scorer fails on this answer: {said}", **details)
        return Verdict(
            status=Status.TIMEOUT if slow else Status.CRASHED,
            cause="timeout" if slow else "crashed",
            reason=f"the scorer does not work: {said}", **details,
        )  # fmt: skip

    def _scores_gold(self, entry: Mapping[str, Any], gold: str | None) -> bool:
        """Whether the scorer works on this problem; asked once each. A machine that is too slow for
        the gold answer too is no evidence against an answer, so a failure is not remembered."""
        key = json.dumps(entry, sort_keys=True, default=str)
        with self._lock:
            if self._healthy.get(key):
                return True
        try:
            self.score(entry, gold if gold is not None else "0")
        except WorkerFailure:
            return False
        with self._lock:
            if len(self._healthy) > 10_000:
                self._healthy.clear()
            self._healthy[key] = True
        return True
