"""What a verifier found out about one answer, and why.

Kept apart from schema.py because the processes that verify import this module and must not
import torch.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The outcome of a verification. Only the first three say something about the answer.

    The rule that decides between them: what the *model* did wrong is wrong (a program that never
    ends, a tower of powers); what the *verifier*, its machine or the data did wrong is masked.
    """

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSEABLE = "unparseable"  # no single answer of the declared form: the model's fault
    TIMEOUT = "timeout"  # the verifier ran out of time
    CRASHED = "crashed"  # the verifier, its process or its machine failed
    BAD_GOLD = "bad_gold"  # the gold answer itself cannot be used

    @property
    def trains(self) -> bool:
        """Whether the policy may learn from it; the others leave their group and are counted."""
        return self in (Status.CORRECT, Status.WRONG, Status.UNPARSEABLE)


class CaseStatus(StrEnum):
    """What one test case of a program showed."""

    PASSED = "passed"
    FAILED = "failed"  # it ran to its end and its output is not the expected one
    RUNTIME_ERROR = "runtime_error"  # it raised, or ended with a non-zero exit code or a signal
    TIMEOUT = "timeout"  # it used up its time
    RESOURCE_LIMIT = "resource_limit"  # it wanted more memory, processes or disk than it may have
    OUTPUT_LIMIT = "output_limit"  # it wrote more than it may
    COMPILE_ERROR = "compile_error"  # it is not a program of its language
    NOT_RUN = "not_run"  # an earlier case had already decided


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One test case: what happened, and how long it took. ``reason`` is one short sentence."""

    status: CaseStatus
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an answer is right.

    ``score`` is in [0, 1] and is what trains: 1.0 exactly if the status is CORRECT, possibly a
    fraction if WRONG (the share of test cases passed, where a task declares that), else 0.0.
    ``gold`` and ``answer`` are what was compared, as parsed, for people. ``engine`` says which rule
    decided, such as "number", "set", "math-verify" or "python/bubblewrap". ``cause`` is a short
    machine-readable word for what is behind a status, such as "truncated", "hedged",
    "runtime_error" or "worker_died"; counts are kept per cause. ``reason`` is one sentence.
    """

    status: Status
    score: float = 0.0
    gold: str | None = None
    answer: str | None = None
    engine: str = ""
    cause: str = ""
    reason: str = ""
    milliseconds: float = 0.0
    cases: tuple[CaseResult, ...] = ()

    def __post_init__(self) -> None:
        right = self.status is Status.CORRECT
        if not 0.0 <= self.score <= 1.0 or (self.score == 1.0) is not right:
            raise ValueError(
                f"a verdict of status {self.status} with score {self.score}: the score is 1 "
                "exactly for correct answers, and in [0, 1) otherwise."
            )
        if self.score and not self.status.trains:
            raise ValueError(f"a verdict of status {self.status} says nothing, so its score is 0.")

    @property
    def correct(self) -> bool | None:
        """True, False, or None where the verification says nothing about the answer."""
        return self.status is Status.CORRECT if self.status.trains else None


def correct(**details: object) -> Verdict:
    """A verdict of status CORRECT with score 1; ``details`` are fields of Verdict."""
    return Verdict(status=Status.CORRECT, score=1.0, **details)  # type: ignore[arg-type]


def wrong(**details: object) -> Verdict:
    """A verdict of status WRONG; ``details`` are fields of Verdict."""
    return Verdict(status=Status.WRONG, **details)  # type: ignore[arg-type]


def unparseable(**details: object) -> Verdict:
    """A verdict of status UNPARSEABLE; ``details`` are fields of Verdict."""
    return Verdict(status=Status.UNPARSEABLE, **details)  # type: ignore[arg-type]


def bad_gold(**details: object) -> Verdict:
    """A verdict of status BAD_GOLD; ``details`` are fields of Verdict."""
    return Verdict(status=Status.BAD_GOLD, **details)  # type: ignore[arg-type]
