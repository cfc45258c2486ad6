"""The rubric: weighted parts, gates, masks, and errors that never become zeros."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cogitate.errors import ConfigError, RewardError
from cogitate.rewards.config import RewardConfig
from cogitate.rewards.rubric import MASKED, Rubric, build_rubric
from cogitate.schema import Completion, FinishReason, Problem, Reward
from cogitate.testing import ToyTask, byte_chat, completion_from_text

TASK = ToyTask()
PROBLEM = TASK.problem("train", 57)  # 7 + 5 = 12
RIGHT = "<think>7 + 5 = 12</think><answer>12</answer>"
WRONG = "<think>7 + 5 = 13</think><answer>13</answer>"
SLOPPY = "Sure! " + RIGHT
HIDDEN = "<think>the answer is 12</think>"


class Verdicts(ToyTask):
    """A task that answers what it is told to: a score, None, or an exception to raise."""

    def __init__(self, *verdicts: object) -> None:
        super().__init__()
        self.verdicts = list(verdicts)
        self.asked: list[str | None] = []

    def verify(self, problem: Problem, answer: str | None) -> float | None:
        self.asked.append(answer)
        verdict = self.verdicts[(len(self.asked) - 1) % len(self.verdicts)]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict  # type: ignore[return-value]


def score(
    texts: Sequence[str | Completion],
    *,
    task: ToyTask = TASK,
    template: str = "r1_zero",
    **settings: object,
) -> tuple[Reward, ...]:
    rubric = Rubric({"toy": task}, byte_chat(template), RewardConfig.model_validate(settings))
    completions = [completion_from_text(t) if isinstance(t, str) else t for t in texts]
    return rubric.score(PROBLEM, completions)


def values(rewards: Sequence[Reward]) -> list[float]:
    return [reward.value for reward in rewards]


class TestAccuracyAndFormat:
    def test_by_default_only_the_answer_counts(self):
        rewards = score([RIGHT, WRONG, SLOPPY, HIDDEN, ""])
        assert values(rewards) == [1.0, 0.0, 1.0, 0.0, 0.0]
        assert [r.parsed_answer for r in rewards] == ["12", "13", "12", None, None]
        assert all(r.error is None for r in rewards)

    def test_r1_zero_adds_both_with_equal_weight(self):
        rewards = score([RIGHT, WRONG, SLOPPY, HIDDEN], format=1.0)
        assert values(rewards) == [2.0, 1.0, 1.0, 0.0]
        assert rewards[1].parts == {"accuracy": 0.0, "format": 1.0}

    def test_both_parts_are_reported_even_without_weight(self):
        (reward,) = score([SLOPPY])
        assert reward.parts == {"accuracy": 1.0, "format": 0.0}

    def test_format_modes(self):
        assert values(score([SLOPPY], format=1.0, format_mode="lenient")) == [2.0]
        assert values(score([SLOPPY], format=1.0, format_mode="tags")) == [2.0]
        assert values(score(["<think>a</think>"], format=1.0, format_mode="tags")) == [0.5]

    def test_lenient_reading_also_finds_untagged_answers(self):
        text = "<think>7 + 5</think> 12"
        assert values(score([text])) == [0.0]
        assert values(score([text], format_mode="lenient")) == [1.0]

    def test_a_right_answer_may_need_the_format(self):
        rewards = score([RIGHT, SLOPPY, WRONG], correct_needs_format=True)
        assert values(rewards) == [1.0, 0.0, 0.0]
        assert rewards[1].parts["accuracy"] == 0.0
        assert rewards[1].parsed_answer == "12"

    def test_the_one_line_template(self):
        rewards = score([" 12", " 13", " 12 and more"], template="qa", format=0.5)
        assert values(rewards) == [1.5, 0.5, 0.5]

    def test_partial_verdicts_count_partially(self):
        assert values(score([RIGHT], task=Verdicts(0.25), accuracy=2.0)) == [0.5]

    def test_the_value_is_the_weighted_sum_of_the_parts(self):
        settings = {
            "accuracy": 0.7,
            "format": 0.2,
            "random": 0.05,
            "overlong": {"max_tokens": 60, "cache": 30, "weight": 0.3},
            "length": {"kind": "relative", "weight": 0.11},
            "repetition": {"ngram": 2, "weight": 0.13},
        }
        rubric = build_rubric(
            RewardConfig.model_validate(settings), tasks={"toy": TASK}, chat=byte_chat("r1_zero")
        )
        for reward in rubric.score(PROBLEM, [completion_from_text(t) for t in (RIGHT, HIDDEN, "")]):
            assert set(reward.parts) == set(rubric.weights)
            total = sum(rubric.weights[name] * part for name, part in reward.parts.items())
            assert reward.value == pytest.approx(total, abs=1e-15)


class TestTruncated:
    cut = completion_from_text(RIGHT, truncated=True)

    def test_scored_like_any_other_by_default(self):
        (reward,) = score([self.cut], format=1.0)
        assert (reward.value, reward.error) == (2.0, None)

    def test_unclosed_thinking_has_neither(self):
        open_ended = completion_from_text("<think>the answer is 12", truncated=True)
        assert values(score([open_ended], format=1.0)) == [0.0]

    def test_zero(self):
        (reward,) = score([self.cut], format=1.0, truncated="zero")
        assert (reward.value, reward.error) == (0.0, None)
        assert reward.parts == {"accuracy": 0.0, "format": 0.0}

    def test_zero_keeps_punishments(self):
        settings = {"truncated": "zero", "overlong": {"max_tokens": 10, "cache": 10}}
        assert values(score([self.cut], **settings)) == [-1.0]

    def test_mask(self):
        masked, kept = score([self.cut, RIGHT], truncated="mask")
        assert masked.error == f"{MASKED}truncated"
        assert masked.value == 0.0
        assert masked.parts["accuracy"] == 1.0
        assert (kept.value, kept.error) == (1.0, None)

    def test_aborted_completions_are_never_trained_on(self):
        aborted = Completion(
            token_ids=(1,), logprobs=(0.0,), text=RIGHT, finish_reason=FinishReason.ABORT
        )
        (reward,) = score([aborted])
        assert reward.error == f"{MASKED}aborted by the engine"


class TestOtherParts:
    def test_overlong(self):
        rewards = score(
            ["x" * 16, "x" * 18, "x" * 20, "x" * 30], overlong={"max_tokens": 20, "cache": 4}
        )
        assert [r.parts["overlong"] for r in rewards] == [0.0, -0.5, -1.0, -1.0]

    def test_cosine_knows_what_is_right(self):
        length = {"kind": "cosine", "max_tokens": 10}
        rewards = score([RIGHT, WRONG], length=length, accuracy=0.0)
        assert values(rewards) == pytest.approx([0.5, -0.5])  # both longer than 10 tokens

    def test_the_length_part_sees_correctness_before_the_format_gate(self):
        length = {"kind": "cosine", "max_tokens": 10}
        (reward,) = score([SLOPPY], length=length, correct_needs_format=True)
        assert reward.parts["accuracy"] == 0.0
        assert reward.parts["length"] == pytest.approx(0.5)

    def test_token_cost(self):
        (reward,) = score(["12345"], template="qa", length={"kind": "per_token", "cost": 0.01})
        assert reward.value == pytest.approx(-0.05)

    def test_relative_length_compares_within_the_group(self):
        texts = [" 12", " 12 ", " 12  "]
        rewards = score(texts, template="qa", length={"kind": "relative"})
        assert [r.parts["length"] for r in rewards] == [0.5, 0.0, -0.5]

    def test_repetition(self):
        (reward,) = score(["aaaaa"], repetition={"ngram": 2, "weight": 2.0})
        assert reward.parts["repetition"] == -0.75
        assert reward.value == -1.5


class TestRandomControl:
    def test_says_nothing_about_correctness(self):
        right = wrong = 0.0
        rubric = Rubric({"toy": TASK}, byte_chat(), RewardConfig(accuracy=0.0, random=1.0))
        for index in range(100):
            problem = TASK.problem("train", index)
            assert problem.answer is not None
            texts = [f" {problem.answer}", " 99"] * 8
            rewards = rubric.score(problem, [completion_from_text(t) for t in texts])
            right += sum(r.value for r in rewards[0::2])
            wrong += sum(r.value for r in rewards[1::2])
            assert {r.value for r in rewards} <= {0.0, 1.0}
        # 800 fair flips each: 400 with a standard error of 14.
        assert abs(right - 400) < 57
        assert abs(wrong - 400) < 57

    def test_accuracy_is_still_reported(self):
        rewards = score([RIGHT, WRONG], accuracy=0.0, random=1.0)
        assert [r.parts["accuracy"] for r in rewards] == [1.0, 0.0]

    def test_the_seed(self):
        def flips(seed: int) -> list[float]:
            return values(score([RIGHT] * 32, accuracy=0.0, random=1.0, random_seed=seed))

        assert flips(0) == flips(0)
        assert flips(0) != flips(1)


class TestErrors:
    @pytest.mark.parametrize(
        ("verdict", "error"),
        [
            (None, "the verifier gave no verdict"),
            (float("nan"), "the verifier gave nan, expected a number in"),
            (1.5, "the verifier gave 1.5"),
            (-0.5, "the verifier gave -0.5"),
            (RewardError("bad gold"), "the problem cannot be verified: bad gold"),
            (ZeroDivisionError("oops"), "the verifier raised ZeroDivisionError: oops"),
        ],
        ids=str,
    )
    def test_a_failing_verifier_is_not_a_wrong_answer(self, verdict: object, error: str):
        failed, fine = score([RIGHT, RIGHT], task=Verdicts(verdict, 1.0), format=1.0)
        assert failed.error is not None
        assert failed.error.startswith(error)
        assert failed.value == 0.0
        assert failed.parsed_answer == "12"
        assert (fine.value, fine.error) == (2.0, None)

    def test_a_bad_problem_fails_for_completions_without_an_answer_too(self):
        rewards = score([RIGHT, ""], task=Verdicts(RewardError("bad gold")))
        assert all(r.error is not None for r in rewards)

    def test_no_answer_is_worth_nothing_whatever_the_verifier_says(self):
        task = Verdicts(1.0)
        assert values(score([HIDDEN], task=task)) == [0.0]
        assert task.asked == [None]

    def test_an_unknown_task_is_a_mistake_of_the_caller(self):
        rubric = Rubric({"other": TASK}, byte_chat())
        with pytest.raises(
            RewardError, match="its task 'toy' is not in the rubric, which has other"
        ):
            rubric.score(PROBLEM, [])

    def test_an_empty_group(self):
        assert score([]) == ()


class TestCustom:
    def write(self, directory: Path) -> str:
        path = directory / "mine.py"
        path.write_text(
            "def brevity(completions, **kwargs):\n"
            "    return [-len(c) / 100 if c else None for c in completions]\n"
            "def broken(completions, **kwargs):\n"
            "    raise RuntimeError('no network')\n"
        )
        return str(path)

    def test_is_one_more_part(self, tmp_path: Path):
        custom = [{"path": f"{self.write(tmp_path)}:brevity", "weight": 2.0}]
        fine, empty = score([RIGHT, ""], custom=custom)
        assert fine.parts["brevity"] == pytest.approx(-len(RIGHT) / 100)
        assert fine.value == pytest.approx(1.0 - 2.0 * len(RIGHT) / 100)
        assert empty.error == "reward brevity returned None"
        assert "brevity" not in empty.parts

    def test_a_failure_masks_and_says_which_reward(self, tmp_path: Path):
        rewards = score([RIGHT, WRONG], custom=[{"path": f"{self.write(tmp_path)}:broken"}])
        assert [r.error for r in rewards] == ["reward broken raised RuntimeError: no network"] * 2

    def test_the_first_error_is_the_one_reported(self, tmp_path: Path):
        custom = [{"path": f"{self.write(tmp_path)}:broken"}]
        (reward,) = score([RIGHT], task=Verdicts(None), custom=custom)
        assert reward.error == "the verifier gave no verdict"

    @pytest.mark.parametrize("name", ["accuracy", "overlong", "random"])
    def test_names_must_differ(self, tmp_path: Path, name: str):
        custom = [{"path": f"{self.write(tmp_path)}:brevity", "name": name}]
        with pytest.raises(ConfigError, match=f"two parts are called '{name}'"):
            score([], custom=custom)

    def test_the_same_function_twice_needs_a_name(self, tmp_path: Path):
        custom = [{"path": f"{self.write(tmp_path)}:brevity"}] * 2
        with pytest.raises(ConfigError, match="two parts are called 'brevity'"):
            score([], custom=custom)


class TestDescribe:
    def text(self, **settings: object) -> str:
        config = RewardConfig.model_validate(settings)
        return Rubric({"toy": TASK}, byte_chat("r1_zero"), config).describe()

    def test_default(self):
        assert self.text() == (
            "+1 x accuracy: 1 if the task's verifier accepts the final answer\n"
            "Truncated completions are scored like any other.\n"
            "What cannot be verified is left out of its group, never counted as wrong."
        )

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            (
                {"format": 1.0},
                "+1 x format: 1 if the completion is exactly in the layout of template",
            ),
            ({"format": 1.0, "format_mode": "lenient"}, "has the sections of template r1_zero"),
            ({"format": 1.0, "format_mode": "tags"}, "a quarter for each tag in its place"),
            ({"correct_needs_format": True}, "counts only in a well-formed completion."),
            ({"truncated": "zero"}, "Truncated completions have accuracy and format 0."),
            ({"truncated": "mask"}, "Truncated completions are left out of their group."),
            (
                {"overlong": {"max_tokens": 20480, "cache": 4096, "weight": 0.5}},
                "+0.5 x overlong: from 0 at 16384 tokens down to -1 at 20480",
            ),
            (
                {"length": {"kind": "cosine", "max_tokens": 512}},
                "right 1 to 0.5, wrong -1 to -0.5, over 512 tokens",
            ),
            ({"length": {"kind": "per_token", "cost": 0.001}}, "-0.001 for every token"),
            ({"length": {"kind": "relative"}}, "+0.5 for the shortest of the group"),
            ({"repetition": {"ngram": 5}}, "minus the share of repeated 5-grams of tokens"),
            (
                {"random": 1.0, "accuracy": 0.0, "random_seed": 3},
                "knows nothing of the completion, seed 3",
            ),
        ],
    )
    def test_sentences(self, settings: dict[str, object], sentence: str):
        assert sentence in self.text(**settings)

    def test_parts_without_weight_are_not_mentioned(self):
        assert "accuracy:" not in self.text(accuracy=0.0, random=1.0)

    def test_custom(self, tmp_path: Path):
        (tmp_path / "r.py").write_text("def f(completions): ...")
        described = self.text(custom=[{"path": f"{tmp_path}/r.py:f", "weight": -0.5}])
        assert "-0.5 x f: a custom reward function" in described
