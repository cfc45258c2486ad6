"""Held-out accuracy: numbers worked by hand, intervals, and what is not counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from cogitate.eval.estimators import bootstrap_interval, wilson_interval
from cogitate.rewards.config import RewardConfig
from cogitate.rewards.rubric import Rubric
from cogitate.schema import Completion, Problem, Prompt, Reward
from cogitate.testing import FakeEngine, ToyTask, byte_chat
from cogitate.train.evaluate import accuracies, details, evaluate


@dataclass(frozen=True)
class Settings:
    problems_per_task: int = 4
    samples: int = 1
    greedy: bool = True


class ToyRubric:
    """Accuracy from the task's verifier, a format part that must not count, errors on request."""

    def __init__(self, fails_on: str = "") -> None:
        self.chat = byte_chat()
        self.task = ToyTask()
        self.fails_on = fails_on

    def at_step(self, step: int, *, last: int) -> None:
        pass

    def begin(self, problem: Problem, completion: Completion) -> None:
        pass

    def score(self, problem: Problem, completions: Sequence[Completion]) -> list[Reward]:
        return [self._score(problem, completion) for completion in completions]

    def _score(self, problem: Problem, completion: Completion) -> Reward:
        if self.fails_on and self.fails_on in completion.text:
            return Reward(value=0.0, parts={}, error="the verifier died")
        answer = self.chat.parse(completion).answer
        accuracy = self.task.verify(problem, answer) or 0.0
        return Reward(
            value=accuracy + 5.0, parts={"accuracy": accuracy, "format": 1.0}, parsed_answer=answer
        )


def toy_problems(count: int, name: str = "toy") -> list[Problem]:
    task = ToyTask(name)
    return [task.problem("heldout", index) for index in range(count)]


def run(script, problems: dict[str, list[Problem]], settings: Settings, **rubric: str):
    chat = byte_chat()
    engine = FakeEngine(chat.tokenizer, script=script, policy_version=3)
    results, rows = evaluate(
        problems,
        rubric=ToyRubric(**rubric),
        chat=chat,
        engine=engine,
        step=7,
        config=settings,
        max_tokens=6,
        seed=11,
    )
    return results, rows, engine


def test_greedy_accuracy_by_task_and_overall_with_wilsons_interval() -> None:
    # index + 0: the right answers of the first four problems are 0, 1, 2, 3
    problems = {"one": toy_problems(4, "one"), "two": toy_problems(2, "two")}
    results, _, engine = run([" 1\n"], problems, Settings(samples=0))
    found = {result.task: (result.value, result.num_problems) for result in results}
    assert found == {"one": (0.25, 4), "two": (0.5, 2), "all": (pytest.approx(2 / 6), 6)}
    by_task = {result.task: result for result in results}
    assert by_task["one"].ci95 == wilson_interval(1, 4)
    assert by_task["all"].ci95 == wilson_interval(2, 6)
    assert {(r.step, r.mode, r.metric, r.samples_per_problem) for r in results} == {
        (7, "greedy", "accuracy", 1)
    }
    ((_, params, n),) = engine.calls
    assert (params.temperature, params.max_tokens, n, params.seed) == (0.0, 6, 1, 11)
    assert params.stop_strings == ("\n",)


def test_sampled_accuracy_averages_within_a_problem_and_resamples_problems() -> None:
    # every problem gets the answers 0, 1, 1, 2: right for problem 0 once, 1 twice, 2 once, 3 never
    script = [" 0\n", " 1\n", " 1\n", " 2\n"]
    results, rows, engine = run(script, {"toy": toy_problems(4)}, Settings(samples=4, greedy=False))
    toy = next(result for result in results if result.task == "toy")
    assert toy.value == (0.25 + 0.5 + 0.25 + 0.0) / 4
    assert toy.ci95 == bootstrap_interval([0.25, 0.5, 0.25, 0.0], seed=0)
    assert toy.ci95[0] <= toy.value <= toy.ci95[1]
    assert (toy.mode, toy.num_problems, toy.samples_per_problem) == ("sampled", 4, 4)
    assert engine.calls[0][1].temperature == 1.0
    assert (engine.calls[0][1].top_p, engine.calls[0][1].top_k) == (1.0, 0)
    assert len(rows) == 16


def test_one_sample_a_problem_has_wilsons_interval() -> None:
    results, _, _ = run([" 2\n"], {"toy": toy_problems(4)}, Settings(samples=1, greedy=False))
    assert results[0].ci95 == wilson_interval(1, 4)


def test_greedy_and_sampled_come_in_that_order() -> None:
    results, rows, _ = run([" 2\n"], {"toy": toy_problems(3)}, Settings(samples=2))
    assert [(r.task, r.mode) for r in results] == [
        ("toy", "greedy"),
        ("all", "greedy"),
        ("toy", "sampled"),
        ("all", "sampled"),
    ]
    assert [row["mode"] for row in rows] == ["greedy"] * 3 + ["sampled"] * 6


def test_a_verifier_error_is_neither_right_nor_wrong() -> None:
    def script(prompt: Prompt, sample: int) -> str:
        return " 1\n" if sample == 0 else " boom\n"

    problems = {"toy": toy_problems(2)}
    settings = Settings(samples=2, greedy=False)
    results, rows, _ = run(script, problems, settings, fails_on="boom")
    assert results[0].value == 0.5  # one valid sample each: 0 is wrong, 1 is right
    assert results[0].num_problems == 2
    assert details(rows, task="toy", mode="sampled")["verifier_error"] == 0.5
    results, _, _ = run([" boom\n"], problems, settings, fails_on="boom")
    assert (results[0].num_problems, results[0].value, results[0].ci95) == (0, 0.0, (0.0, 1.0))


def test_accuracy_is_the_verifiers_and_not_the_reward() -> None:
    results, rows, _ = run([" 9\n"], {"toy": toy_problems(4)}, Settings(samples=0))
    assert results[0].value == 0.0
    assert all(row["reward"] == 5.0 for row in rows)


@pytest.mark.parametrize(
    "rules",
    [
        {"accuracy": 0.0, "random": 1.0},
        {"accuracy": 2.0, "format": 1.0, "correct_needs_format": True},
    ],
)
def test_rules_of_the_training_reward_do_not_reach_the_accuracy(rules: dict[str, Any]) -> None:
    # The limit cuts " 1" off from its end: truncated, and right for problem 1 of two.
    chat, task = byte_chat(), ToyTask()
    results, rows = evaluate(
        {"toy": toy_problems(2)},
        rubric=Rubric({"toy": task}, chat, RewardConfig(**rules)),
        chat=chat,
        engine=FakeEngine(chat.tokenizer, script=[" 1\n"]),
        step=0,
        config=Settings(samples=0),
        max_tokens=2,
    )
    assert [row["finish_reason"] for row in rows] == ["length", "length"]
    assert (results[0].value, results[0].num_problems) == (0.5, 2)
    assert [row["reward"] for row in rows] == [0.0, 1.0]


@pytest.mark.parametrize("rule", ["zero", "mask"])
def test_cut_off_is_wrong_where_training_does_not_reward_it_and_never_left_out(rule: str) -> None:
    chat, task = byte_chat(), ToyTask()
    results, rows = evaluate(
        {"toy": toy_problems(2)},
        rubric=Rubric({"toy": task}, chat, RewardConfig(truncated=rule)),  # type: ignore[arg-type]
        chat=chat,
        engine=FakeEngine(chat.tokenizer, script=[" 1\n"]),
        step=0,
        config=Settings(samples=0),
        max_tokens=2,
    )
    assert [row["error"] for row in rows] == [None, None]
    assert (results[0].value, results[0].num_problems) == (0.0, 2)


def test_half_right_is_not_right() -> None:
    rows = [
        {"task": "t", "problem_id": str(i), "error": None, "parts": {"accuracy": score}}
        for i, score in enumerate((1.0, 0.5, 0.0))
    ]
    results = accuracies(rows, step=0, mode="greedy", samples=1, tasks=["t"])
    assert results[0].value == pytest.approx(1 / 3)


def test_rows_hold_everything_about_a_completion() -> None:
    _, rows, _ = run([" 1\n"], {"toy": toy_problems(2)}, Settings(samples=0))
    row = rows[1]
    assert row["step"] == 7
    assert row["problem_id"] == "toy/heldout/00001"
    assert (row["task"], row["sample"], row["mode"]) == ("toy", 0, "greedy")
    assert row["question"] == "What is 1 + 0?"
    assert row["prompt"] == "Q: What is 1 + 0?\nA:"
    assert row["prompt_ids"] == list(b"Q: What is 1 + 0?\nA:")
    assert row["completion"] == " 1"
    assert row["completion_ids"] == list(b" 1\n")
    assert row["logprobs"] == [-0.693147] * 3
    assert (row["reward"], row["parts"]) == (6.0, {"accuracy": 1.0, "format": 1.0})
    assert (row["parsed_answer"], row["gold"], row["error"]) == ("1", "1", None)
    assert (row["finish_reason"], row["policy_version"]) == ("stop", 3)
    assert (row["advantage"], row["format_ok"], row["difficulty"]) == (None, True, 1)


def test_details_of_a_task_and_of_all() -> None:
    def script(prompt: Prompt, sample: int) -> str:
        return " wait wait wait\n" if "0 + 0" in prompt.text else " 1\n"

    _, rows, _ = run(script, {"toy": toy_problems(2)}, Settings(samples=0))
    found = details(rows, task="toy", mode="greedy")
    # the first completion is cut at 6 tokens (" wait "), the second has 3
    assert found["truncated"] == 0.5
    assert found["length_mean"] == 4.5
    assert found["reflection_per_1k"] == pytest.approx(1000 * 1 / 9)
    assert found["verifier_error"] == 0.0
    assert found == details(rows, task="all", mode="greedy")
    assert details(rows, task="toy", mode="sampled") == {}
    assert details(rows, task="other", mode="greedy") == {}


def test_the_same_seed_asks_for_the_same_samples_at_every_step() -> None:
    problems = {"toy": toy_problems(5)}
    first, rows, _ = run(None, problems, Settings(samples=3))
    second, again, _ = run(None, problems, Settings(samples=3))
    assert first == second
    assert rows == again
    assert len({row["completion"] for row in rows}) > 1
