"""How long things take, and so how long the rest will."""

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

RECENT = 20


class Pace:
    """Durations of recent steps, evaluations and checkpoints, in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._recent = {name: deque[float](maxlen=RECENT) for name in ("step", "eval", "save")}

    def record(self, name: str, seconds: float) -> None:
        """Note one duration; ``name`` is "step", "eval" or "save"."""
        self._recent[name].append(seconds)

    def remember(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take in rows of ``timing.jsonl``, as after a resume."""
        for row in rows:
            seconds = dict(row["seconds"])
            apart = {"eval": seconds.get("eval"), "save": seconds.get("checkpoint")}
            for name, value in apart.items():
                if value is not None:
                    self.record(name, value)
            if row["step"] > 0:
                self.record("step", seconds["total"] - sum(v for v in apart.values() if v))

    def typical(self, name: str) -> float:
        """Median of the recent durations, so that one slow step does not move it; 0.0 if none."""
        durations = self._recent[name]
        return median(durations) if durations else 0.0

    def eta(self, *, steps: int, evals: int, saves: int) -> float | None:
        """Seconds that so many steps, evaluations and checkpoints will take; None while unknown."""
        if not self._recent["step"]:
            return None
        return (
            steps * self.typical("step")
            + evals * self.typical("eval")
            + saves * self.typical("save")
        )


def times_due(every: int, *, after: int, last: int) -> int:
    """How often something happens in steps after+1 .. last that is due every so many steps and at
    the last step in any case. ``every == 0`` leaves only the last.

    >>> times_due(10, after=12, last=35), times_due(0, after=0, last=35)
    (3, 1)
    """
    return sum(is_due(every, step, last=last) for step in range(after + 1, last + 1))


def is_due(every: int, step: int, *, last: int) -> bool:
    """Whether something that happens every so many steps, and at the last, happens at ``step``."""
    return step == last or (every > 0 and step % every == 0)
