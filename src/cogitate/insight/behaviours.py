"""The four cognitive behaviours, counted by exact parsers in traces of a number-search task.

Gandhi et al. (arXiv:2503.01307) count verification, backtracking, subgoal setting and backward
chaining with a language model as judge. On countdown-like tasks (combine ``numbers`` to reach
``target``) they can be counted exactly; the definitions here are ours and deliberately strict, so
they undercount prose and never depend on a judge.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from cogitate.insight.steps import Step, arithmetic_steps, inverted_equations

_REJECTED = (
    r"!=|≠|\bnot\b|n't\b|\btoo\s+(?:high|low|big|small|large|much|little)\b|\bno\b|\bwrong\b"
    r"|\boff\s+by\b|✗|✘|不(?:等于|对|行)"
)
_ACCEPTED = (
    r"\bworks?\b|\bmatch(?:es)?\b|\breach(?:es|ed)?\b|\bcorrect\b|\byes\b|\bexactly\b|✓|✔|等于目标"
)
_REJECTION = re.compile(_REJECTED, re.IGNORECASE)
_VERDICT = re.compile(f"{_REJECTED}|{_ACCEPTED}", re.IGNORECASE)
_SUBGOAL = re.compile(
    r"\b(?:need|want|aim(?:ing)?(?:\s+for)?|try(?:ing)?\s+for|goal\s*(?:is|:)?|if\s+(?:i|we)\s+(?:can|could))"
    r"\s+(?:to\s+)?(?:(?:get|make|reach|find|have|form|a|an|the|first)\s+)*(\d+(?:\.\d+)?)\b",
    re.IGNORECASE,
)
_COMMENT_LENGTH = 80
"""A verdict is looked for on the rest of the step's line, at most this many characters (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourCounts:
    """Occurrences in one trace.

    verification  a step followed, on its line, by a comparison of its result with the target
    backtracking  a step that starts again from the original numbers
    subgoal       an announced intermediate number that is not the target ("need 12 first")
    backward      an expression that starts from the target ("24 / 4 = 6", "24 = 4 * 6")
    """

    verification: int
    backtracking: int
    subgoal: int
    backward: int
    steps: int
    correct_steps: int

    @property
    def step_accuracy(self) -> float | None:
        """correct arithmetic lines / arithmetic lines, exact; None without any."""
        return self.correct_steps / self.steps if self.steps else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourRates:
    """Behaviours over a set of traces: the share of traces with at least one, in [0, 1], and
    ``step_accuracy`` pooled over all arithmetic lines (None without any)."""

    num_traces: int
    verification: float
    backtracking: float
    subgoal: float
    backward: float
    step_accuracy: float | None


def _comments(text: str, steps: Sequence[Step]) -> list[str]:
    """What stands between each step and the next one, on the step's own line."""
    comments: list[str] = []
    for index, step in enumerate(steps):
        end = steps[index + 1].start if index + 1 < len(steps) else len(text)
        comments.append(text[step.end : min(end, step.end + _COMMENT_LENGTH)].split("\n", 1)[0])
    return comments


def _verifies(comment: str, target: Fraction) -> bool:
    """The comment gives a verdict, or compares with the target by a sign or by name."""
    if _VERDICT.search(comment):
        return True
    shown = re.escape(str(target))
    compared = rf"(?:[<>=]|\b(?:is|equals|vs\.?|than)\b)\s*(?:the\s+)?(?:target\b|{shown}(?![\d.]))"
    return re.search(compared, comment, re.IGNORECASE) is not None


def _backtracking(
    steps: Sequence[Step], comments: Sequence[str], numbers: Counter[Fraction]
) -> int:
    """How often the search starts again.

    A step restarts when it uses no result of the current attempt and spends an original number
    that the attempt has already spent, or follows an explicit rejection. Two independent parts of
    one solution ("3 + 4 = 7, 5 * 2 = 10") are therefore not counted.
    """
    count, used, results, rejected = 0, Counter[Fraction](), set[Fraction](), False
    for step, comment in zip(steps, comments, strict=True):
        needs = Counter(step.operands)
        fresh = results.isdisjoint(needs) and not needs - numbers
        respends = bool((needs + used) - numbers)
        if results and fresh and (respends or rejected):
            count, used, results = count + 1, Counter(), set()
        used += Counter(n for n in step.operands if n in numbers and n not in results)
        results.add(step.stated)
        rejected = _REJECTION.search(comment) is not None
    return count


def _backward(
    text: str, steps: Sequence[Step], numbers: Counter[Fraction], target: Fraction
) -> int:
    """Expressions that start from a target not reached yet and not among the given numbers."""
    inverted = sum(number == target for _, number in inverted_equations(text))
    reached = next((i for i, step in enumerate(steps) if step.stated == target), len(steps))
    starts = sum(step.operands[0] == target for step in steps[: reached + 1])
    return inverted + (starts if target not in numbers else 0)


def count_behaviours(
    text: str, numbers: Sequence[int | Fraction], target: int | Fraction
) -> BehaviourCounts:
    """The behaviours in one countdown trace.

    >>> trace = "3 * 4 = 12 too low. 3 + 9 = 12, 12 * 4 = 48 works"
    >>> counts = count_behaviours(trace, [3, 4, 9], 48)
    >>> counts.verification, counts.backtracking, counts.step_accuracy
    (2, 1, 1.0)
    """
    goal = Fraction(target)
    originals = Counter(Fraction(number) for number in numbers)
    steps = arithmetic_steps(text)
    comments = _comments(text, steps)
    return BehaviourCounts(
        verification=sum(_verifies(comment, goal) for comment in comments),
        backtracking=_backtracking(steps, comments, originals),
        subgoal=sum(Fraction(match.group(1)) != goal for match in _SUBGOAL.finditer(text)),
        backward=_backward(text, steps, originals, goal),
        steps=len(steps),
        correct_steps=sum(step.correct for step in steps),
    )


def behaviour_rates(counts: Sequence[BehaviourCounts]) -> BehaviourRates:
    """Shares of traces that show each behaviour at least once.

    >>> behaviour_rates([count_behaviours("1 + 2 = 3", [1, 2], 3)]).step_accuracy
    1.0
    """
    number = len(counts)
    steps = sum(row.steps for row in counts)

    def share(flags: list[int]) -> float:
        return sum(flag > 0 for flag in flags) / number if number else 0.0

    return BehaviourRates(
        num_traces=number,
        verification=share([row.verification for row in counts]),
        backtracking=share([row.backtracking for row in counts]),
        subgoal=share([row.subgoal for row in counts]),
        backward=share([row.backward for row in counts]),
        step_accuracy=sum(row.correct_steps for row in counts) / steps if steps else None,
    )
