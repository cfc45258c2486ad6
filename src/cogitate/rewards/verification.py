"""Verdicts of answers, begun as completions finish and while others are still being sampled.

A task whose verifier works in another process says so with ``verifies_elsewhere = True``: its
verdicts are computed by a few threads that wait for those processes. All others are computed when
they are asked for, which takes microseconds.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from cogitate.errors import RewardError
from cogitate.protocols import Task
from cogitate.schema import Problem
from cogitate.verdict import Status, Verdict

THREADS = 4
"""Verifications at once. They wait for other processes, so a few more than cores do no harm."""


class Verification:
    """Verifies answers by their tasks; elsewhere an answer that a group repeats is verified once.

    Whatever a task's verifier does, a verdict comes back: an exception of the verifier is CRASHED,
    a RewardError of the task is BAD_GOLD, and a number in [0, 1] is read as a score.
    """

    def __init__(self, tasks: Mapping[str, Task], *, threads: int = THREADS) -> None:
        self.tasks = tasks
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._begun: dict[str, dict[str | None, Future[Verdict]]] = {}

    def begin(self, problem: Problem, answer: str | None) -> None:
        """Start to verify an answer whose verdict will be asked for soon."""
        task = self.tasks.get(problem.task)
        begun = self._begun.setdefault(problem.id, {})
        if task is None or answer in begun or not getattr(task, "verifies_elsewhere", False):
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="verify")
        begun[answer] = self._executor.submit(verify, task, problem, answer)

    def verdicts(self, problem: Problem, answers: list[str | None]) -> list[Verdict]:
        """One verdict for each answer to the problem, in order; what was begun is awaited."""
        for answer in answers:
            self.begin(problem, answer)
        begun = self._begun.pop(problem.id, {})
        task = self.tasks[problem.task]
        futures = [begun.get(answer) for answer in answers]
        return [
            verify(task, problem, answer) if future is None else future.result()
            for answer, future in zip(answers, futures, strict=True)
        ]

    def close(self) -> None:
        """End the threads; verdicts that nobody asked for are dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None


def verify(task: Task, problem: Problem, answer: str | None) -> Verdict:
    """The task's verdict; whatever goes wrong in its verifier is a masked one, never a wrong one.

    A completion without an answer is shown to the verifier too, so that a bad problem is noticed
    whatever was answered; it is never right.
    """
    try:
        found = task.verify(problem, answer)
    except RewardError as error:
        return _masked(Status.BAD_GOLD, "bad_gold", f"the problem cannot be verified: {error}")
    except Exception as error:  # noqa: BLE001  a bug in a user's task is not a wrong answer
        reason = f"the verifier raised {type(error).__name__}: {str(error)[:200]}"
        return _masked(Status.CRASHED, "verifier_raised", reason)
    verdict = found if isinstance(found, Verdict) else _from_score(found)
    if answer is None and verdict.status.trains:
        return Verdict(status=Status.UNPARSEABLE, gold=verdict.gold, engine=verdict.engine)
    return verdict


def _from_score(score: float | None) -> Verdict:
    if score is None:
        return _masked(Status.CRASHED, "no_verdict", "the verifier gave no verdict")
    score = float(score)
    if not 0.0 <= score <= 1.0:  # NaN fails this too
        reason = f"the verifier gave {score}, expected a number in [0, 1]"
        return _masked(Status.CRASHED, "no_verdict", reason)
    return Verdict(status=Status.CORRECT if score == 1.0 else Status.WRONG, score=score)


def _masked(status: Status, cause: str, reason: str) -> Verdict:
    return Verdict(status=status, cause=cause, reason=reason)
