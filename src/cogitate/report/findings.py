"""What the held-out rollouts show beyond accuracy: reflection that helps or harms, pass@k,
readability, difficulty. Each function returns a sentence, or "" when the run cannot say."""

import re
from collections import Counter
from collections.abc import Sequence

from cogitate.insight.aha import (
    ReflectionEvent,
    event_effect,
    has_real_event,
    reflection_events,
    rescue_and_harm,
)
from cogitate.insight.behaviours import BehaviourRates, behaviour_rates, count_behaviours
from cogitate.insight.difficulty import pass_at_k, pass_at_k_by_difficulty, samples_by_problem
from cogitate.insight.readability import readability
from cogitate.insight.steps import numbers_in
from cogitate.report.load import RolloutRow
from cogitate.report.samples import Samples
from cogitate.report.summary import points, signed_points
from cogitate.text.think import parse

# The wording of the countdown task; a test poses its questions to this pattern.
_COUNTDOWN = re.compile(r"Make (-?\d{1,12}) from the numbers ([\d, ]{1,200} and \d{1,12})\.")
FEWEST_EVENTS = 5
"""Below this many completions with an event, rates are not worth stating."""


def judged(rows: Sequence[RolloutRow]) -> list[RolloutRow]:
    """Sampled completions with a verdict; greedy ones when nothing was sampled."""
    valid = [row for row in rows if row.correct is not None]
    return [row for row in valid if row.mode == "sampled"] or valid


def reflection_sentence(samples: Samples) -> str:
    """How often a reflective word leads to something, and whether such completions are right."""
    rows = judged(samples.last)
    events = [reflection_events(row.completion) for row in rows]
    marked = sum(bool(found) for found in events)
    real = [has_real_event(found) for found in events]
    if marked < FEWEST_EVENTS:
        return ""
    step = samples.last[0].step
    said = (
        f"At step {step}, {marked} of {len(rows)} held-out completions contain a reflective word; "
        f"in {sum(real)} of them a result changes or the work starts over within 30 words."
    )
    ids, correct = [row.problem_id for row in rows], [bool(row.correct) for row in rows]
    effect = event_effect(ids, real, correct)
    if effect.difference is not None and effect.ci95 is not None:
        low, high = (signed_points(value) for value in effect.ci95)
        said += (
            " Compared with the others on the same problems, their accuracy differs by "
            f"{signed_points(effect.difference)} points (95 % interval {low} to {high}): an "
            "association, not a cause."
        )
    return said + _rescue(rows, events, correct)


def _rescue(
    rows: Sequence[RolloutRow],
    events: Sequence[Sequence[ReflectionEvent]],
    correct: Sequence[bool],
) -> str:
    golds = [numbers_in(row.gold or "") for row in rows]
    found = rescue_and_harm(
        events,
        [numbers[-1] if numbers else None for numbers in golds],
        correct,
    )
    if found.wrong_before + found.right_before < FEWEST_EVENTS:
        return ""
    return (
        f" Where a result changed, {found.rescued} of {found.wrong_before} wrong ones ended right "
        f"and {found.harmed} of {found.right_before} right ones ended wrong."
    )


def _mean_pass(rows: Sequence[RolloutRow], k: int) -> float | None:
    counts = samples_by_problem([r.problem_id for r in rows], [bool(r.correct) for r in rows])
    values = [pass_at_k(n, c, k) for n, c in counts.values() if n >= k]
    return sum(values) / len(values) if values else None


def pass_sentence(samples: Samples) -> str:
    """pass@k at the first and the last evaluation: sharpening, or new ability."""
    first = [row for row in judged(samples.first) if row.mode == "sampled"]
    last = [row for row in judged(samples.last) if row.mode == "sampled"]
    k = 1 + max((row.sample for row in last), default=0)
    if k < 2 or not first or first[0].step == last[0].step:
        return ""
    before, after = _mean_pass(first, k), _mean_pass(last, k)
    if before is None or after is None:
        return ""
    return (
        f"pass@{k} (at least one of {k} samples right) went from {points(before)} to "
        f"{points(after)}, pass@1 from {points(_mean_pass(first, 1))} to "
        f"{points(_mean_pass(last, 1))}. A gain that pass@{k} does not share comes from choosing "
        "better among answers the model could already give."
    )


def _readability(rows: Sequence[RolloutRow]) -> float | None:
    """Mean readability of the completions, None unless most of them think in tags."""
    scores: list[float] = []
    for row in rows:
        parsed = parse(row.completion, style="remainder", mode="lenient", truncated=row.truncated)
        if parsed.think is not None:
            valid = parsed.format_ok if row.format_ok is None else row.format_ok
            checks = readability(parsed.think, parsed.answer or "", format_valid=valid)
            scores.append(checks.score)
    return sum(scores) / len(scores) if scores and 2 * len(scores) >= len(rows) else None


def readability_sentence(samples: Samples) -> str:
    """Mean readability score before and after, for models that think in tags."""
    before, after = _readability(judged(samples.first)), _readability(judged(samples.last))
    if before is None or after is None or samples.first[0].step == samples.last[0].step:
        return ""
    return (
        f"Readability (share of five checks passed: format, one language, little repetition, "
        f"short paragraphs, summary agrees) went from {before:.2f} to {after:.2f}."
    )


def countdown_of(question: str) -> tuple[list[int], int] | None:
    """The numbers and the target of a countdown question; None for any other question.

    >>> countdown_of("Make 72 from the numbers 55, 36 and 19. Use each number exactly once.")
    ([55, 36, 19], 72)
    """
    found = _COUNTDOWN.match(question)
    if found is None:
        return None
    return [int(number) for number in re.findall(r"\d+", found[2])], int(found[1])


def _search_rates(rows: Sequence[RolloutRow]) -> BehaviourRates | None:
    posed = [(row.completion, countdown_of(row.question)) for row in rows]
    counts = [count_behaviours(text, *problem) for text, problem in posed if problem is not None]
    return behaviour_rates(counts) if counts else None


def search_sentence(samples: Samples) -> str:
    """How the held-out countdown traces search, before and after."""
    before, after = _search_rates(judged(samples.first)), _search_rates(judged(samples.last))
    if before is None or after is None or samples.first[0].step == samples.last[0].step:
        return ""
    changes = [
        f"{name} {points(getattr(before, name))} to {points(getattr(after, name))}"
        for name in ("verification", "backtracking", "subgoal", "backward")
    ]
    accuracy = f"{points(before.step_accuracy)} to {points(after.step_accuracy)}"
    return (
        f"Countdown traces that show each behaviour at least once, by exact parsers: "
        f"{', '.join(changes)}. Arithmetic lines that are right: {accuracy}."
    )


def difficulty_rows(samples: Samples) -> list[tuple[str, str, str, str, str]]:
    """(task, difficulty, problems, before, after) accuracy of sampled completions, for tasks with
    more than one difficulty; empty when rollouts carry none."""
    last = [row for row in judged(samples.last) if row.difficulty is not None]
    levels = {row.problem_id: (row.task, row.difficulty or "") for row in last}
    several = Counter(task for task, _ in set(levels.values()))
    before, after = (
        pass_at_k_by_difficulty(
            [row.problem_id for row in rows], [bool(row.correct) for row in rows], levels, ks=[1]
        )
        for rows in (judged(samples.first), last)
    )
    return [
        (
            task,
            level,
            str(after[task, level][0].num_problems),
            points(before[task, level][0].value if (task, level) in before else None),
            points(after[task, level][0].value),
        )
        for task, level in sorted(after, key=lambda key: (key[0], _natural(key[1])))
        if several[task] > 1
    ]


def _natural(level: str) -> tuple[float, str]:
    """Numbers by value, then text by alphabet."""
    numbers = numbers_in(level)
    return (float(numbers[0]) if numbers else float("inf"), level)
