"""What a corpus of attacks showed about a reward."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cogitate.verifiers.attacks.corpus import Attack


class Finding(StrEnum):
    """What a reward did with one row."""

    RIGHT = "right"  # it gave what the row deserves
    THROUGH = "through"  # a wrong completion earned what a right one earns
    REFUSED = "refused"  # a right completion did not
    UNGRADED = "ungraded"  # no score, though the model was at fault: an answer may hide that way
    BROKEN = "broken"  # it raised, returned no finite number, or died
    SLOW = "slow"  # it took longer than the row's limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row with its score; where there is none, ``fault`` says why in words."""

    attack: Attack
    finding: Finding
    score: float | None
    seconds: float
    fault: str = ""
    verdict: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The trial for programs."""
        return {
            "id": self.attack.id, "kind": self.attack.kind, "class": self.attack.family,
            "finding": str(self.finding), "should_be_correct": self.attack.correct,
            "score": self.score, "seconds": round(self.seconds, 4), "fault": self.fault,
            "verdict": self.verdict, "why": self.attack.why, "gold": self.attack.gold,
            "completion": self.attack.completion,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackReport:
    """All trials of one reward. ``right_score`` and ``wrong_score`` are what honest completions
    earned: the least that a right one got, the most that a wrong one got."""

    reward: str
    trials: tuple[Trial, ...]
    right_score: float
    wrong_score: float

    @property
    def ok(self) -> bool:
        """Nothing got through, nothing broke or hung, and the gold answer itself is accepted.

        Right answers in unusual writings that were refused do not count here: they cost reward,
        but they cannot be exploited.
        """
        return not any(_is_failure(trial) for trial in self.trials) and self.discriminates

    @property
    def discriminates(self) -> bool:
        """Whether honest right completions earn more than honest wrong ones."""
        return self.right_score > self.wrong_score

    @property
    def through(self) -> tuple[Trial, ...]:
        """Wrong completions that earned what a right one earns."""
        return self.of(Finding.THROUGH)

    @property
    def failures(self) -> tuple[Trial, ...]:
        """Trials that make ``ok`` false."""
        return tuple(trial for trial in self.trials if _is_failure(trial))

    def of(self, finding: Finding) -> tuple[Trial, ...]:
        """The trials with this finding."""
        return tuple(trial for trial in self.trials if trial.finding is finding)

    def families(self) -> "Iterator[tuple[str, Counter[Finding]]]":
        """Counts per class, in the order of the corpus."""
        counts: dict[str, Counter[Finding]] = {}
        for trial in self.trials:
            counts.setdefault(trial.attack.family, Counter())[trial.finding] += 1
        yield from counts.items()

    def to_dict(self) -> dict[str, Any]:
        """The report for programs: figures per class, and every trial that is not right."""
        return {
            "reward": self.reward,
            "ok": self.ok,
            "rows": len(self.trials),
            "findings": {str(f): len(self.of(f)) for f in Finding},
            "right_score": self.right_score,
            "wrong_score": self.wrong_score,
            "classes": {
                family: {str(f): n for f, n in counts.items()} for family, counts in self.families()
            },
            "trials": [t.to_dict() for t in self.trials if t.finding is not Finding.RIGHT],
        }


def _is_failure(trial: Trial) -> bool:
    if trial.finding is Finding.REFUSED:
        return trial.attack.plain
    return trial.finding not in (Finding.RIGHT, Finding.UNGRADED)
