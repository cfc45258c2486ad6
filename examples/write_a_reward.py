"""Write a reward of your own, and see what it gives before training with it.

    python examples/write_a_reward.py

To train with it, name it in a configuration (or with --set); nothing needs to be registered:

    [[reward.custom]]
    path = "examples/write_a_reward.py:shows_work"
    weight = 0.2
"""

from cogitate.rewards.config import CustomRewardConfig, RewardConfig
from cogitate.rewards.rubric import Rubric
from cogitate.tasks.config import ArithmeticConfig
from cogitate.tasks.mixture import build_task
from cogitate.testing import byte_chat, completion_from_text


def shows_work(completions: list[str], answer: list[str], **columns: object) -> list[float | None]:
    """The reward: 1.0 if there is an equation that ends in the gold answer, else 0.0.

    This is TRL's signature: parallel lists, one entry for each completion of the problem, with
    the gold answer and the task's numbers as columns. None means "cannot say": that completion is
    left out of its group, which is not the same as a reward of 0.
    """
    return [
        None if not gold else float(f"= {gold}" in text)
        for text, gold in zip(completions, answer, strict=True)
    ]


def main() -> None:
    """Score a few completions as training would, part by part."""
    task = build_task(ArithmeticConfig(operations=("+",), digits=(2, 2)))
    problem = task.problem("train", 0)
    mine = CustomRewardConfig(path=f"{__file__}:shows_work", weight=0.2)
    rubric = Rubric(
        {task.name: task},
        byte_chat("r1_zero"),  # any template; with a model it is Chat(tokenizer, "r1_zero")
        RewardConfig(accuracy=1.0, format=1.0, custom=(mine,)),
    )
    print(rubric.describe(), "\n")
    print(f"{problem.question}  (gold {problem.answer})")

    think, answer = task.solution(problem)
    for text in (
        f"<think>{think}</think> <answer>{answer}</answer>",
        f"<think>I just know it.</think> <answer>{answer}</answer>",
        f"The answer is {answer}.",
    ):
        (reward,) = rubric.score(problem, [completion_from_text(text)])
        print(f"{reward.value:.1f}  {dict(reward.parts)}  {text[-60:]!r}")


if __name__ == "__main__":
    main()
