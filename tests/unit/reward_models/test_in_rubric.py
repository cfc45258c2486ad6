"""A reward model among the parts of a rubric: weights, last steps, masking, a step of GRPO."""

import math
from pathlib import Path

import pytest
import torch

from cogitate.reward_models.model import RewardCard, from_language_model
from cogitate.reward_models.reward import RewardModelReward, TextScorer
from cogitate.rewards.config import RewardConfig
from cogitate.rewards.rubric import ModelPart, Rubric
from cogitate.testing import ToyTask, byte_chat, completion_from_text

TASK = ToyTask()
PROBLEM = TASK.problem("train", 12)  # 2 + 1
CARD = RewardCard(kind="helpfulness", scores="summary", template="qa", centre=0.0, spread=1.0)


@pytest.fixture(scope="module")
def reward(model_dir: Path) -> RewardModelReward:
    model = from_language_model(model_dir)
    with torch.no_grad():
        model.score.weight.copy_(torch.randn(1, 32, generator=torch.manual_seed(1)))
    return RewardModelReward(TextScorer(model, byte_chat("qa")), CARD)


def rubric(reward: RewardModelReward, **changes) -> Rubric:
    part = ModelPart(name="preference", weight=0.5, reward=reward, **changes)
    return Rubric({TASK.name: TASK}, byte_chat("qa"), RewardConfig(), models=[part])


def test_it_is_added_with_its_weight(reward: RewardModelReward) -> None:
    completions = [completion_from_text(text) for text in (" 3\n", " 4\n")]
    rewards = rubric(reward).score(PROBLEM, completions)
    values = reward(PROBLEM, completions)
    for found, value in zip(rewards, values, strict=True):
        assert value is not None
        assert found.parts["preference"] == pytest.approx(value, abs=1e-6)
        assert found.value == pytest.approx(found.parts["accuracy"] + 0.5 * value, abs=1e-6)
        assert found.error is None


def test_it_counts_in_the_last_steps_only(reward: RewardModelReward) -> None:
    made = rubric(reward, last_steps=2)
    parts = []
    for step in range(1, 6):
        made.at_step(step, last=5)
        parts.append(made.score(PROBLEM, [completion_from_text(" 3\n")])[0].parts["preference"])
    assert parts[:3] == [0.0] * 3
    assert parts[3] == parts[4] != 0.0


def test_a_score_that_cannot_be_had_masks(reward: RewardModelReward) -> None:
    broken = from_language_model_like(reward)
    found = rubric(broken).score(PROBLEM, [completion_from_text(" 3\n")])[0]
    assert found.error is not None
    assert found.error.startswith("preference")
    assert found.value == 0.0


def test_escaping_the_reward_is_the_worst_of_all(reward: RewardModelReward) -> None:
    texts = (" 3\n", "<think> 3", "")
    values = [
        found.value
        for found in rubric(reward).score(PROBLEM, [completion_from_text(t) for t in texts])
    ]
    assert min(values) == values[2] == -0.5
    assert all(math.isfinite(value) for value in values)


def from_language_model_like(reward: RewardModelReward) -> RewardModelReward:
    """A reward whose scores are never finite."""

    class Broken(TextScorer):
        def score(self, rows) -> list[float]:
            return [math.nan] * len(rows)

    return RewardModelReward(Broken(reward.scorer.model, byte_chat("qa")), CARD)
