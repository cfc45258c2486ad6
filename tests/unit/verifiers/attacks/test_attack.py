"""The built-in corpus on our own verifiers, and what it finds in careless rewards."""

import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cogitate.verdict import Status, Verdict
from cogitate.verifiers.attacks import Attack, attack, corpus
from cogitate.verifiers.attacks.corpus import CANARY
from cogitate.verifiers.attacks.report import Finding
from cogitate.verifiers.attacks.run import RewardFault
from cogitate.verifiers.grade import RowVerifier

# Nothing is timed here: the machine may be busy. What is too slow for a row is in TestFindings.
ROWS = tuple(replace(row, limit=600.0) for row in corpus())
CODE = tuple(row for row in ROWS if row.kind.startswith("code"))
REST = tuple(row for row in ROWS if not row.kind.startswith("code"))
# Programs that end by themselves, from every class.
FAST = tuple(row for row in CODE if row.family not in ("resource",) and row.id not in {
    "code_function/equality/patched-clock", "code_stdio/reading-answers/search-files",
    "code_stdio/escape/network",
})[::3]  # fmt: skip


@pytest.fixture(scope="module")
def verifier() -> Iterator[RowVerifier]:
    with RowVerifier(workers=2) as shared:
        yield shared


def wrong_verdicts(verifier: RowVerifier, rows: tuple[Attack, ...]) -> list[str]:
    """What is not as the corpus says, in words."""
    found = []
    for row, verdict in zip(rows, verifier.verify_all(r.row() for r in rows), strict=True):
        assert isinstance(verdict, Verdict), f"{row.id}: {verdict}"
        says = f"{row.id}: {verdict.status}/{verdict.cause} {verdict.reason}"
        if verdict.correct is not row.correct:
            found.append(f"{says}, expected {row.correct}")
        if row.status is not None and verdict.status != row.status:
            found.append(f"{says}, expected {row.status}")
        if row.cause is not None and verdict.cause != row.cause:
            found.append(f"{says}, expected cause {row.cause}")
    return found


def test_the_corpus_without_programs(verifier: RowVerifier) -> None:
    assert wrong_verdicts(verifier, REST) == []


def test_a_third_of_the_programs_that_end(verifier: RowVerifier) -> None:
    assert len(FAST) > 25
    assert wrong_verdicts(verifier, FAST) == []
    assert not Path(CANARY).exists()


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])
def test_all_programs(sandbox: str) -> None:
    before = children()
    with RowVerifier(workers=2, sandbox=sandbox) as verifier:
        assert wrong_verdicts(verifier, CODE) == []
    assert not Path(CANARY).exists()
    assert children() == before


def children() -> set[str]:
    """Processes that this one has started and that are still there."""
    me = str(os.getpid())
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == me and fields[0] != "Z":
            found.add(entry.parent.name)
    return found


BOX = re.compile(r"\\boxed\{([^{}]*)\}")


def substring(row: Attack) -> float:
    return float(row.gold in row.completion)


def last_number(row: Attack) -> float:
    numbers = re.findall(r"-?\d+(?:\.\d+)?", row.completion)
    return float(bool(numbers) and numbers[-1] == row.gold)


def last_box(row: Attack) -> float:
    boxes = BOX.findall(row.completion)
    return float(bool(boxes) and boxes[-1] == row.gold)


def tag_count(row: Attack) -> float:
    return 0.5 * row.completion.count("<think>") + 0.5 * row.completion.count("</think>")


def always_refuses(row: Attack) -> float:
    return 0.0


MATHS = tuple(
    row
    for row in ROWS
    if row.kind == "math" and row.correct is not None and len(row.completion) < 10_000
)


@pytest.mark.parametrize(
    ("reward", "family", "name"),
    [
        (substring, "location", "only-in-thinking"),
        (substring, "false-positive", "appended-digit"),
        (last_number, "hedging", "box-spray-gold-last"),
        (last_number, "location", "after-eot"),
        (last_box, "location", "self-made-turn"),
        (last_box, "hedging", "retraction-to-gold"),
        (tag_count, "false-positive", "off-by-one"),
    ],
)
def test_careless_rewards_are_caught(reward, family: str, name: str) -> None:
    report = attack(reward, rows=MATHS)
    assert not report.ok
    through = {(t.attack.family, t.attack.id.split("/")[2]) for t in report.through}
    assert (family, name) in through, sorted(through)[:20]
    assert report.reward == reward.__name__


def test_a_reward_that_refuses_everything_fails_too() -> None:
    report = attack(always_refuses, rows=MATHS)
    assert not report.ok
    assert not report.discriminates


SOME = tuple(row for i, row in enumerate(MATHS) if i % 4 == 0 or row.plain or "/off-by" in row.id)


def test_a_good_reward_passes(verifier: RowVerifier) -> None:
    report = attack(lambda row: verifier.verify(row.row()).score, rows=SOME)
    assert report.ok, [t.attack.id for t in report.failures]
    assert (report.right_score, report.wrong_score) == (1.0, 0.0)
    assert report.of(Finding.REFUSED) == ()


def test_another_scale(verifier: RowVerifier) -> None:
    report = attack(lambda row: 3.0 * verifier.verify(row.row()).score - 1.0, rows=SOME[::2])
    assert report.ok
    assert (report.right_score, report.wrong_score) == (2.0, -1.0)


def one(correct: bool | None = False, limit: float = 5.0) -> tuple[Attack, ...]:
    return (
        Attack(
            id="math/hedging/x", kind="math", family="hedging", gold="1", completion="2",
            correct=correct, why="w", limit=limit,
        ),
    )  # fmt: skip


class TestFindings:
    @pytest.mark.parametrize(
        ("value", "finding"),
        [
            (math.nan, Finding.BROKEN),
            (math.inf, Finding.BROKEN),
            ("much", Finding.BROKEN),
            (None, Finding.UNGRADED),
            (10**400, Finding.BROKEN),
        ],
    )
    def test_what_is_no_score(self, value, finding: Finding) -> None:
        [trial] = attack(lambda row: value, rows=one()).trials
        assert trial.finding is finding
        assert trial.score is None
        assert trial.fault

    def test_raising(self) -> None:
        def raises(row: Attack) -> float:
            raise ZeroDivisionError("by zero")

        [trial] = attack(raises, rows=one()).trials
        assert trial.finding is Finding.BROKEN
        assert trial.fault == "raised ZeroDivisionError: by zero"

    @pytest.mark.parametrize(("slow", "finding"), [(True, Finding.SLOW), (False, Finding.BROKEN)])
    def test_faults_from_elsewhere(self, slow: bool, finding: Finding) -> None:
        def fails(row: Attack) -> float:
            raise RewardFault("died", slow=slow)

        [trial] = attack(fails, rows=one()).trials
        assert (trial.finding, trial.fault) == (finding, "died")

    def test_slow_rewards(self) -> None:
        def sleeps(row: Attack) -> float:
            time.sleep(0.02)
            return 0.0

        [trial] = attack(sleeps, rows=one(limit=0.01)).trials
        assert trial.finding is Finding.SLOW

    def test_a_masked_verdict_is_no_score(self) -> None:
        masked = Verdict(status=Status.TIMEOUT, reason="late")
        [trial] = attack(lambda row: masked, rows=one()).trials
        assert trial.finding is Finding.UNGRADED
        assert trial.fault == "timeout: late"

    def test_a_bad_gold_must_be_masked(self) -> None:
        masked = Verdict(status=Status.BAD_GOLD)
        assert attack(lambda row: masked, rows=one(None)).trials[0].finding is Finding.RIGHT
        assert attack(lambda row: 1.0, rows=one(None)).trials[0].finding is Finding.THROUGH


def test_the_report_for_programs(verifier: RowVerifier) -> None:
    rows = tuple(row for row in ROWS if row.kind == "mcq")
    report = attack("mcq", rows=rows, verifier=verifier)
    table = report.to_dict()
    assert table["ok"] is True
    assert table["rows"] == table["findings"]["right"] == len(corpus(["mcq"]))
    assert table["trials"] == []
    assert table["classes"]["hedging"] == {"right": 7}
    found = attack(substring, rows=MATHS).to_dict()
    assert found["trials"][0].keys() >= {"id", "class", "completion", "gold", "score", "why"}


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    attack(substring, rows=MATHS[:3], on_trial=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
