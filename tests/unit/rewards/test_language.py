"""Language consistency as a part of the reward."""

import pytest

from cogitate.rewards.config import LanguageConfig, RewardConfig
from cogitate.rewards.language import language_reward
from cogitate.rewards.rubric import Rubric
from cogitate.testing import ToyTask, byte_chat, completion_from_text

ENGLISH = "we add the two numbers and check the result"
CHINESE = "我们把两个数字加起来"


@pytest.mark.parametrize(
    ("think", "question", "target", "share"),
    [
        (ENGLISH, "What is two plus two?", "question", 1.0),
        (CHINESE, "What is two plus two?", "question", 0.0),
        (CHINESE, "二加二等于多少？", "question", 1.0),
        (ENGLISH, "二加二等于多少？", "en", 1.0),
        ("", "What is two plus two?", "question", 0.0),
        (None, "What is two plus two?", "question", 0.0),
        ("$2 + 2 = 4$", "What is two plus two?", "question", 0.0),
        (ENGLISH, "2 + 2 = ?", "question", 1.0),  # a question without words counts as English
    ],
)
def test_the_share_of_words_in_the_target_language(
    think: str | None, question: str, target: str, share: float
):
    assert language_reward(think, question, LanguageConfig(target=target)) == share


def test_thinking_without_words_may_be_declared_neutral():
    assert language_reward("", "What?", LanguageConfig(without_words=1.0)) == 1.0


def test_the_part_is_added_to_the_others():
    config = RewardConfig(language=LanguageConfig(weight=0.5))
    rubric = Rubric({"toy": ToyTask()}, byte_chat("r1_zero"), config)
    text = "<think>{}</think><answer>12</answer>"
    completions = [completion_from_text(text.format(think)) for think in (ENGLISH, CHINESE)]
    rewards = rubric.score(ToyTask().problem("train", 57), completions)  # 7 + 5
    assert [reward.value for reward in rewards] == [1.5, 1.0]
    assert "language" in rubric.describe()
