"""From completions to batches: alignment, masks that are recorded, random minibatches."""

import torch

from cogitate.schema import (
    Completion,
    FinishReason,
    Group,
    Message,
    Problem,
    Prompt,
    Reward,
    Rollout,
)
from cogitate.train.batch import collate_rollouts, minibatches, to_rollout, to_rollout_batch
from rollout_batches import random_batch

PROBLEM = Problem(
    id="t/train/1", task="t", messages=(Message(role="user", content="?"),), answer="1"
)


def rollout(prompt: list[int], completion: list[int], version: int = 3) -> Rollout:
    return to_rollout(
        PROBLEM.id,
        Prompt(token_ids=tuple(prompt), text="", key=1),
        Completion(
            token_ids=tuple(completion),
            logprobs=tuple(-0.5 * (i + 1) for i in range(len(completion))),
            text="",
            finish_reason=FinishReason.STOP,
            policy_version=version,
        ),
    )


def test_a_rollout_is_token_aligned() -> None:
    r = rollout([1, 2, 3], [4, 5])
    assert r.token_ids.tolist() == [1, 2, 3, 4, 5]
    assert r.completion_mask.tolist() == [False, False, False, True, True]
    assert r.sampling_logprobs.tolist() == [0.0, 0.0, 0.0, -0.5, -1.0]


def test_a_pad_token_that_was_sampled_stays_in_the_mask() -> None:
    """pad == end of text is common; a mask inferred from ids would never teach to stop."""
    batch = collate_rollouts([rollout([1], [0, 0]), rollout([1, 2], [3, 0, 0])], pad_id=0)
    assert batch.completion_mask.tolist() == [
        [False, True, True, False, False],
        [False, False, True, True, True],
    ]
    assert batch.attention_mask.sum(dim=1).tolist() == [3, 5]


def test_rollout_batch_spreads_advantages_over_sampled_tokens_only() -> None:
    rollouts = (rollout([1], [4, 5]), rollout([1, 2], [3], version=4))
    rewards = (Reward(value=1.0, parts={}), Reward(value=0.0, parts={}))
    group = Group(problem=PROBLEM, rollouts=rollouts, rewards=rewards)
    tokens = collate_rollouts(rollouts, pad_id=9)
    batch = to_rollout_batch(
        tokens, [group], [torch.tensor([1.0, -1.0])], old_logprobs=None, ref_logprobs=None
    )
    assert batch.advantages.tolist() == [[0.0, 1.0, 1.0], [0.0, 0.0, -1.0]]
    assert batch.old_logprobs.tolist() == [[0.0, -0.5, -1.0], [0.0, 0.0, -0.5]]
    assert batch.sampling_logprobs is batch.old_logprobs
    assert batch.policy_version.tolist() == [3, 4]
    assert batch.ref_logprobs is None


def test_minibatches_partition_the_rows_at_random_and_repeatably() -> None:
    batch, _ = random_batch(1, num_rows=10)
    marked = batch.advantages.sum(dim=1).tolist()

    def parts(seed: int) -> list[list[float]]:
        return [
            [round(float(x), 4) for x in part.advantages.sum(dim=1)]
            for part in minibatches(batch, 4, seed=seed)
        ]

    first = parts(1)
    assert [len(p) for p in first] == [3, 3, 2, 2]
    assert sorted(value for part in first for value in part) == sorted(round(x, 4) for x in marked)
    assert first == parts(1)
    assert first != parts(2)
    assert [p is batch for p in minibatches(batch, 1, seed=1)] == [True]
