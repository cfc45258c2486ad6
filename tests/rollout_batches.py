"""Small rollout batches with hand-set or random numbers, shared by the tests of the update."""

from collections.abc import Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from cogitate.schema import (
    Completion,
    FinishReason,
    Group,
    Message,
    Problem,
    Reward,
    Rollout,
    RolloutBatch,
)


def rows(values: Sequence[Sequence[float]]) -> Tensor:
    """Ragged rows as a right-padded float tensor."""
    width = max(len(row) for row in values)
    return torch.tensor([[*row, *[0.0] * (width - len(row))] for row in values])


def make_batch(
    old: Sequence[Sequence[float]],
    advantages: Sequence[float],
    *,
    sampling: Sequence[Sequence[float]] | None = None,
    reference: Sequence[Sequence[float]] | None = None,
) -> RolloutBatch:
    """A batch whose rows are all completion tokens, with one advantage per row."""
    width = max(len(row) for row in old)
    mask = torch.tensor([[t < len(row) for t in range(width)] for row in old])
    return RolloutBatch(
        token_ids=torch.ones(mask.shape, dtype=torch.int64),
        attention_mask=mask,
        completion_mask=mask,
        advantages=torch.tensor(list(advantages))[:, None] * mask,
        sampling_logprobs=rows(old if sampling is None else sampling),
        old_logprobs=rows(old),
        ref_logprobs=None if reference is None else rows(reference),
        policy_version=torch.zeros(len(old), dtype=torch.int64),
    )


def random_batch(seed: int, *, num_rows: int = 6, length: int = 7) -> tuple[RolloutBatch, Tensor]:
    """A batch with prompts, padding and moderate ratios, and logprobs of the present policy."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    start = torch.randint(1, 3, (num_rows, 1), generator=generator)
    end = torch.randint(3, length + 1, (num_rows, 1), generator=generator)
    position = torch.arange(length)
    mask = (position >= start) & (position < end)
    old = -normal(num_rows, length).abs() - 0.1
    batch = RolloutBatch(
        token_ids=torch.randint(1, 50, (num_rows, length), generator=generator),
        attention_mask=position < end,
        completion_mask=mask,
        advantages=normal(num_rows, 1) * mask,
        sampling_logprobs=(old + 0.2 * normal(num_rows, length)) * mask,
        old_logprobs=old * mask,
        ref_logprobs=(old + 0.3 * normal(num_rows, length)) * mask,
        policy_version=torch.zeros(num_rows, dtype=torch.int64),
    )
    return batch, (old + 0.3 * normal(num_rows, length)) * mask


def take_rows(batch: RolloutBatch, index: Tensor | slice) -> RolloutBatch:
    """Some rows of a batch, in the order of ``index``."""
    values = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return replace(batch, **{n: v[index] for n, v in values.items() if isinstance(v, Tensor)})


def make_group(
    rewards: Sequence[float],
    *,
    accuracy: Sequence[float] | None = None,
    errors: Sequence[int] = (),
    aborted: Sequence[int] = (),
) -> Group:
    """A group with these rewards; ``errors`` and ``aborted`` are indices of invalid rollouts."""
    rollouts, scored = [], []
    for index, value in enumerate(rewards):
        reason = FinishReason.ABORT if index in aborted else FinishReason.STOP
        completion = Completion(
            token_ids=(index + 1, 0), logprobs=(-1.0, -0.5), text=str(index), finish_reason=reason
        )
        rollouts.append(
            Rollout(
                problem_id="toy/train/0",
                token_ids=torch.tensor([9, index + 1, 0]),
                completion_mask=torch.tensor([False, True, True]),
                sampling_logprobs=torch.tensor([0.0, -1.0, -0.5]),
                completion=completion,
            )
        )
        parts = {} if accuracy is None else {"accuracy": accuracy[index]}
        error = "verifier timed out" if index in errors else None
        scored.append(Reward(value=value, parts=parts, error=error))
    problem = Problem(
        id="toy/train/0", task="toy", messages=(Message(role="user", content="?"),), answer="1"
    )
    return Group(problem=problem, rollouts=tuple(rollouts), rewards=tuple(scored))
