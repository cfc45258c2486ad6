"""The inputs every contestant gets: the same prompts, the same token ids, the same reward.

Standard library only (each worker imports it in its own interpreter). Everything is a pure
function of its arguments, so two processes agree without exchanging anything.
"""

import random

NEW_TOKENS = 64


def question(index: int) -> str:
    """Problem ``index``: the largest or the smallest of five numbers below 100."""
    draw = random.Random(f"bench-{index}")
    numbers = ", ".join(str(draw.randrange(1, 100)) for _ in range(5))
    kind = ("largest", "smallest")[index % 2]
    return f"Which is the {kind} of these numbers: {numbers}?"


def gold_answer(index: int) -> str:
    """The right answer to ``question(index)``."""
    draw = random.Random(f"bench-{index}")
    numbers = [draw.randrange(1, 100) for _ in range(5)]
    return str((max, min)[index % 2](numbers))


def prompt(index: int) -> str:
    """The text that is continued."""
    return f"Q: {question(index)}\nA:"


def length_reward(text: str) -> float:
    """Characters of the completion / 100: differs between any two texts of unequal length, so
    every group has an advantage and no system can leave work out."""
    return len(text) / 100.0


def training_rows(
    rollouts: int, group_size: int, completion_tokens: int, *, ragged: bool, vocabulary: int
) -> list[tuple[list[int], list[int]]]:
    """(prompt ids, completion ids) of a batch to train on; prompts repeat within a group.

    ``ragged`` draws completion lengths from 1/8 of ``completion_tokens`` up to all of it; the
    first row is always full so that the padded width is equal. Ids are arbitrary but fixed: the
    cost of a training step does not depend on which tokens they are.
    """
    draw = random.Random(f"rows-{rollouts}-{group_size}-{completion_tokens}-{ragged}")
    rows = []
    prompt_ids: list[int] = []
    for row in range(rollouts):
        if row % group_size == 0:
            prompt_ids = [
                draw.randrange(20, vocabulary) for _ in range(28 + (row // group_size) % 5)
            ]
        length = completion_tokens
        if ragged and row:
            length = draw.randrange(max(1, completion_tokens // 8), completion_tokens + 1)
        rows.append((prompt_ids, [draw.randrange(20, vocabulary) for _ in range(length)]))
    return rows
