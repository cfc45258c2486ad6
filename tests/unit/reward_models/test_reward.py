import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogitate.errors import DataError
from cogitate.protocols import RewardFn
from cogitate.reward_models.model import RewardCard, RewardModel, from_language_model
from cogitate.reward_models.reward import RewardModelReward, TextScorer
from cogitate.reward_models.training import train_reward_model
from cogitate.schema import Completion, FinishReason, Message, Problem
from cogitate.testing import ToyTask, byte_chat, completion_from_text

PROBLEM = ToyTask().problem("train", 12)


@pytest.fixture(scope="module")
def model(model_dir: Path) -> RewardModel:
    built = from_language_model(model_dir)
    with torch.no_grad():
        built.score.weight.copy_(torch.randn(1, 32, generator=torch.manual_seed(1)))
    return built


def reward(model: RewardModel, **changes) -> RewardModelReward:
    kind = changes.pop("kind", "helpfulness")
    scores = "whole" if kind == "safety" else "summary"
    card = RewardCard(kind=kind, scores=scores, template="qa", centre=0.5, spread=2.0)
    return RewardModelReward(TextScorer(model, byte_chat("qa")), card, **changes)


def completions(*texts: str) -> list[Completion]:
    return [completion_from_text(text) for text in texts]


class TestValue:
    def test_helpfulness(self, model: RewardModel) -> None:
        assert reward(model).value(2.5) == pytest.approx(math.tanh(1.0))
        assert reward(model, bound="none").value(2.5) == 2.0

    def test_safety_is_a_probability(self, model: RewardModel) -> None:
        # P(safe) = sigmoid(ln 3) = 3/4, and 2 * 3/4 - 1
        assert reward(model, kind="safety").value(math.log(3)) == pytest.approx(0.5)

    def test_what_is_not_finite_is_no_value(self, model: RewardModel) -> None:
        assert [reward(model).value(x) for x in (math.nan, math.inf, -math.inf)] == [None] * 3

    @given(st.floats())
    def test_bounded(self, model: RewardModel, score: float) -> None:
        value = reward(model).value(score)
        assert value is None or -1.0 <= value <= 1.0


class TestCall:
    def test_it_is_a_reward_function(self, model: RewardModel) -> None:
        made = reward(model)
        assert isinstance(made, RewardFn)
        values = made(PROBLEM, completions("yes", "no"))
        assert all(value is not None and -1 < value < 1 for value in values)
        assert made(PROBLEM, []) == []

    def test_one_by_one_is_the_same(self, model: RewardModel) -> None:
        made, texts = reward(model), ("yes", "no", "a longer one", "<think>a", "yes")
        together = made(PROBLEM, completions(*texts))
        alone = [made(PROBLEM, completions(text))[0] for text in texts]
        assert together == pytest.approx(alone, abs=1e-5)
        assert together[0] == together[4]

    def test_the_summary_alone_decides(self, model: RewardModel) -> None:
        made = reward(model)
        first, second, bare = made(
            PROBLEM, completions("<think>a</think>yes", "<think>bbbb</think> yes", "yes")
        )
        assert (first, second) == pytest.approx((bare, bare), abs=1e-6)
        left, right = reward(model, kind="safety")(
            PROBLEM, completions("<think>a</think>yes", "<think>bbbb</think> yes")
        )
        assert left != right

    def test_nothing_to_score_is_the_worst_and_not_left_out(self, model: RewardModel) -> None:
        texts = ("<think>never ends", "", "<think>a</think> ", "b" * 500)
        assert reward(model)(PROBLEM, completions(*texts)) == [-1.0] * 4
        assert reward(model, bound="none")(PROBLEM, completions("")) == [-8.0]

    def test_a_prompt_that_opened_the_thinking(self, model: RewardModel) -> None:
        assert reward(model, prefilled=True)(PROBLEM, completions("yes")) == [-1.0]

    def test_what_is_no_fault_of_the_policy_is_left_out(self, model: RewardModel) -> None:
        aborted = Completion(
            token_ids=(1,), logprobs=(0.0,), text="yes", finish_reason=FinishReason.ABORT
        )
        assert reward(model)(PROBLEM, [aborted]) == [None]
        long = Problem(
            id="t/train/1", task="t", answer=None,
            messages=(Message(role="user", content="a" * 400),),
        )  # fmt: skip
        assert reward(model)(long, completions("yes")) == [None]
        odd = Problem(
            id="t/train/1", task="t", answer=None,
            messages=(Message(role="user", content="a"), Message(role="user", content="b")),
        )  # fmt: skip
        assert reward(model)(odd, completions("yes")) == [None]

    def test_no_gradient(self, model: RewardModel) -> None:
        reward(model)(PROBLEM, completions("yes"))
        assert all(parameter.grad is None for parameter in model.parameters())

    @given(st.lists(st.text(max_size=30), max_size=4))
    def test_never_raises(self, model: RewardModel, texts: list[str]) -> None:
        values = reward(model)(PROBLEM, completions(*texts))
        assert all(value is not None for value in values)


class TestLoad:
    def test_from_a_training(self, configure, caplog) -> None:
        result = train_reward_model(configure(epochs=4))
        assert result.model is not None
        made = RewardModelReward.load(result.model)
        good, bad = made.of_texts((Message(role="user", content="q1?"),), ["xaa", "baa"])
        assert good is not None
        assert bad is not None
        assert good > bad
        with caplog.at_level("WARNING"):
            other = RewardModelReward.load(result.run_dir, scores="whole")
        assert other.scores == "whole"
        assert "trained to score the summary and is asked to score the whole" in caplog.text

    def test_something_else(self, model_dir: Path) -> None:
        with pytest.raises(DataError, match="no reward model"):
            RewardModelReward.load(model_dir)
