"""Verdicts begun beside generation, and what a verifier's own faults become."""

import threading

import pytest

from cogitate.errors import RewardError
from cogitate.rewards.verification import Verification, verify
from cogitate.schema import Problem
from cogitate.testing import ToyTask
from cogitate.verdict import Status, Verdict

PROBLEM = ToyTask().problem("train", 57)  # 7 + 5 = 12


class Elsewhere(ToyTask):
    """A task whose verifier waits until the test lets it go on."""

    verifies_elsewhere = True

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()
        self.asked: list[str | None] = []

    def verify(self, problem: Problem, answer: str | None) -> float | None:
        self.asked.append(answer)
        assert self.may_go_on.wait(10)
        return super().verify(problem, answer)


class Says(ToyTask):
    def __init__(self, verdict: object) -> None:
        super().__init__()
        self.verdict = verdict

    def verify(self, problem: Problem, answer: str | None) -> float | None:
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict  # type: ignore[return-value]


def test_what_was_begun_runs_while_others_are_sampled():
    task = Elsewhere()
    verification = Verification({"toy": task}, threads=2)
    verification.begin(PROBLEM, "12")
    verification.begin(PROBLEM, "13")
    task.may_go_on.set()
    verdicts = verification.verdicts(PROBLEM, ["12", "13", "12", None])
    verification.close()
    assert [verdict.status for verdict in verdicts] == [
        Status.CORRECT, Status.WRONG, Status.CORRECT, Status.UNPARSEABLE,
    ]  # fmt: skip
    assert sorted(task.asked, key=str) == ["12", "13", None]  # the repeated answer once


def test_verdicts_are_not_kept_for_the_next_group():
    task = Elsewhere()
    task.may_go_on.set()
    verification = Verification({"toy": task})
    for _ in range(2):
        verification.begin(PROBLEM, "12")
        assert verification.verdicts(PROBLEM, ["12"])[0].correct
    verification.close()
    assert task.asked == ["12", "12"]


def test_cheap_verifiers_are_asked_in_order_and_in_this_thread():
    class Here(ToyTask):
        threads: list[str] = []

        def verify(self, problem: Problem, answer: str | None) -> float | None:
            self.threads.append(threading.current_thread().name)
            return super().verify(problem, answer)

    verification = Verification({"toy": Here()})
    verification.begin(PROBLEM, "12")
    assert Here.threads == []
    assert [v.score for v in verification.verdicts(PROBLEM, ["12", "13"])] == [1.0, 0.0]
    assert set(Here.threads) == {threading.current_thread().name}


@pytest.mark.parametrize(
    ("said", "status", "score"),
    [
        (1.0, Status.CORRECT, 1.0),
        (0.25, Status.WRONG, 0.25),
        (True, Status.CORRECT, 1.0),
        (None, Status.CRASHED, 0.0),
        (float("nan"), Status.CRASHED, 0.0),
        (1.5, Status.CRASHED, 0.0),
        (ZeroDivisionError("oops"), Status.CRASHED, 0.0),
        (RewardError("no gold"), Status.BAD_GOLD, 0.0),
        (Verdict(status=Status.TIMEOUT, cause="slow"), Status.TIMEOUT, 0.0),
    ],
)
def test_a_fault_of_the_verifier_is_masked(said: object, status: Status, score: float):
    verdict = verify(Says(said), PROBLEM, "12")
    assert (verdict.status, verdict.score) == (status, score)
    assert verdict.status.trains or verdict.cause


def test_without_an_answer_nothing_is_right():
    assert verify(Says(1.0), PROBLEM, None).status is Status.UNPARSEABLE
    assert verify(Says(RewardError("no gold")), PROBLEM, None).status is Status.BAD_GOLD


@pytest.mark.parametrize(
    ("status", "score"), [(Status.CORRECT, 0.5), (Status.WRONG, 1.0), (Status.TIMEOUT, 0.5)]
)
def test_a_verdict_and_its_score_agree(status: Status, score: float):
    with pytest.raises(ValueError, match="score"):
        Verdict(status=status, score=score)
