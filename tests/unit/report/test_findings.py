"""Sentences from held-out rollouts, on rollouts with known answers."""

from collections.abc import Sequence

from cogitate.report import findings
from cogitate.report.load import RolloutRow, rollout_row
from cogitate.report.samples import Samples


def make(problem: int, sample: int, text: str, right: bool, **values: object) -> RolloutRow:
    found = rollout_row(
        {
            "step": 9, "problem_id": f"t/{problem}", "task": "t", "mode": "sampled",
            "sample": sample, "completion": text, "parts": {"accuracy": float(right)},
            "gold": "2", **values,
        }
    )  # fmt: skip
    assert found is not None
    return found


def samples_of(first: Sequence[RolloutRow], last: Sequence[RolloutRow]) -> Samples:
    return Samples(
        train=(),
        heldout=(),
        first=tuple(first),
        last=tuple(last),
        heldout_rows=(),
        train_rows=(),
        notes=(),
    )


RESCUED = "1 + 1 = 3. Wait, 1 + 1 = 2."
HARMED = "1 + 1 = 2. Wait, 1 + 1 = 3."


def test_reflection_that_helps() -> None:
    rows = [make(p, 0, RESCUED, True) for p in range(6)] + [
        make(p, 1, "3", False) for p in range(6)
    ]
    said = findings.reflection_sentence(samples_of([], rows))
    assert "6 of 12 held-out completions contain a reflective word; in 6 of them" in said
    assert "differs by +100.0 points" in said
    assert "6 of 6 wrong ones ended right and 0 of 0 right ones ended wrong" in said


def test_reflection_that_harms() -> None:
    rows = [make(p, 0, HARMED, False) for p in range(5)] + [make(p, 1, "2", True) for p in range(5)]
    said = findings.reflection_sentence(samples_of([], rows))
    assert "-100.0 points" in said
    assert "0 of 0 wrong ones ended right and 5 of 5 right ones ended wrong" in said


def test_superficial_reflection() -> None:
    rows = [make(p, 0, "but 2", True) for p in range(8)]
    said = findings.reflection_sentence(samples_of([], rows))
    assert "8 of 8 held-out completions contain a reflective word; in 0 of them" in said
    assert "points" not in said


def test_a_handful_of_words_is_not_worth_a_rate() -> None:
    rows = [make(p, 0, RESCUED, True) for p in range(4)]
    assert findings.reflection_sentence(samples_of([], rows)) == ""
    assert findings.reflection_sentence(samples_of([], [])) == ""


def test_greedy_rows_serve_when_nothing_was_sampled() -> None:
    rows = [make(p, 0, "wait", True, mode="greedy") for p in range(5)]
    assert "5 of 5" in findings.reflection_sentence(samples_of([], rows))
    both = [*rows, make(0, 0, "2", True)]
    assert findings.reflection_sentence(samples_of([], both)) == ""


def test_pass_at_k_before_and_after() -> None:
    # Before: problem 0 has 1 of 2 right, problem 1 none. After: 2 of 2 and 1 of 2.
    first = [make(0, 0, "", True, step=0), make(0, 1, "", False, step=0)]
    first += [make(1, s, "", False, step=0) for s in (0, 1)]
    last = [make(0, s, "", True) for s in (0, 1)]
    last += [make(1, 0, "", True), make(1, 1, "", False)]
    said = findings.pass_sentence(samples_of(first, last))
    assert said.startswith(
        "pass@2 (at least one of 2 samples right) went from 50.0 % to 100.0 %, "
        "pass@1 from 25.0 % to 75.0 %."
    )


def test_pass_at_k_needs_samples_and_two_evaluations() -> None:
    one = [make(0, 0, "", True, step=0)]
    assert findings.pass_sentence(samples_of(one, [make(0, 0, "", True)])) == ""
    two = [make(0, s, "", True) for s in (0, 1)]
    assert findings.pass_sentence(samples_of(two, two)) == ""
    assert findings.pass_sentence(samples_of([], two)) == ""


def test_readability_of_models_that_think_in_tags() -> None:
    good = "<think>1 + 1 = 2</think> <answer>2</answer>"
    first = [make(p, 0, "no tags at all", False, step=0) for p in range(4)]
    last = [make(p, 0, good, True) for p in range(4)]
    assert findings.readability_sentence(samples_of(first, last)) == ""
    clumsy = "<think>so it so it so it so it so it so it</think> 5"
    first = [make(p, 0, clumsy, False, step=0) for p in range(4)]
    said = findings.readability_sentence(samples_of(first, last))
    assert said.startswith("Readability (share of five checks passed")
    before, after = said.rstrip(".").split("from ")[1].split(" to ")
    assert float(before) < float(after)


def test_accuracy_by_difficulty() -> None:
    def rows(step: int, hard: bool) -> list[RolloutRow]:
        return [
            make(p, 0, "", level == 2 or (hard and p % 2 == 0), step=step, difficulty=level)
            for p, level in enumerate([10, 10, 2, 2])
        ]

    found = findings.difficulty_rows(samples_of(rows(0, False), rows(9, True)))
    assert found == [("t", "2", "2", "100.0 %", "100.0 %"), ("t", "10", "2", "0.0 %", "50.0 %")]


def test_one_difficulty_is_no_breakdown() -> None:
    rows = [make(p, 0, "", True, difficulty=3) for p in range(3)]
    other = [make(9, 0, "", True, difficulty=4, task="u")]
    assert findings.difficulty_rows(samples_of(rows, [*rows, *other])) == []
    assert findings.difficulty_rows(samples_of([], [make(0, 0, "", True)])) == []


def test_the_countdown_task_asks_what_we_can_read() -> None:
    from cogitate.tasks.config import CountdownConfig
    from cogitate.tasks.countdown import CountdownTask

    task = CountdownTask(CountdownConfig(num_values=(3, 4)))
    for index in range(20):
        problem = task.problem("heldout", index)
        read = findings.countdown_of(problem.question)
        assert read == (list(problem.metadata["operands"]), problem.metadata["target"])


def test_search_in_countdown_traces() -> None:
    asked = {"question": "Make 24 from the numbers 3, 4 and 2. Use each number exactly once"}
    plain, search = "24", "3 + 4 = 7 too low. 3 * 4 = 12, 12 * 2 = 24 works"
    first = [make(p, 0, plain, False, step=0, **asked) for p in range(2)]
    last = [make(0, 0, search, True, **asked), make(1, 0, "2 + 2 = 5", False, **asked)]
    said = findings.search_sentence(samples_of(first, last))
    assert "verification 0.0 % to 50.0 %, backtracking 0.0 % to 50.0 %" in said
    assert said.endswith("Arithmetic lines that are right: - to 75.0 %.")
    assert findings.search_sentence(samples_of([make(0, 0, "", True)], last)) == ""
