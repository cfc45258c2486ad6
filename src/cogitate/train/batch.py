"""From completions to batches: rollouts, padding, the split into minibatches.

Token-aligned throughout (see schema.py). Nothing here knows a model or a device.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cogitate.models.packing import BatchT, select_rows
from cogitate.schema import Completion, Group, Prompt, Rollout, RolloutBatch, TokenBatch


def to_rollout(problem_id: str, prompt: Prompt, completion: Completion) -> Rollout:
    """One prompt and its completion as a flat sequence; the mask marks what was sampled."""
    p, c = len(prompt.token_ids), len(completion.token_ids)
    mask = torch.zeros(p + c, dtype=torch.bool)
    mask[p:] = True
    logprobs = torch.zeros(p + c)
    logprobs[p:] = torch.tensor(completion.logprobs)
    return Rollout(
        problem_id=problem_id,
        token_ids=torch.tensor(prompt.token_ids + completion.token_ids),
        completion_mask=mask,
        sampling_logprobs=logprobs,
        completion=completion,
    )


def pad_rows(rows: Sequence[Tensor], value: float = 0) -> Tensor:
    """Rows of different lengths as one right-padded matrix (N, L)."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)


def collate(
    token_ids: Sequence[Tensor], completion_masks: Sequence[Tensor], *, pad_id: int
) -> TokenBatch:
    """Right-padded rows. The attention mask comes from lengths, never from token ids."""
    return TokenBatch(
        token_ids=pad_rows(token_ids, pad_id),
        attention_mask=pad_rows([torch.ones_like(ids, dtype=torch.bool) for ids in token_ids]),
        completion_mask=pad_rows(completion_masks),
    )


def collate_rollouts(rollouts: Sequence[Rollout], *, pad_id: int) -> TokenBatch:
    """``collate`` of rollouts."""
    masks = [r.completion_mask for r in rollouts]
    return collate([r.token_ids for r in rollouts], masks, pad_id=pad_id)


def to_rollout_batch(
    tokens: TokenBatch,
    groups: Sequence[Group],
    advantages: Sequence[Float[Tensor, " G"]],
    *,
    old_logprobs: Float[Tensor, "N L"] | None,
    ref_logprobs: Float[Tensor, "N L"] | None,
) -> RolloutBatch:
    """The batch of an update. ``old_logprobs`` None means those recorded while sampling."""
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    mask = tokens.completion_mask
    sampling = pad_rows([r.sampling_logprobs for r in rollouts])
    per_row = torch.cat(list(advantages)).to(torch.float32)
    versions = torch.tensor([r.completion.policy_version for r in rollouts])
    return RolloutBatch(
        token_ids=tokens.token_ids,
        attention_mask=tokens.attention_mask,
        completion_mask=mask,
        advantages=torch.where(mask, per_row[:, None], 0.0),
        sampling_logprobs=sampling,
        old_logprobs=sampling if old_logprobs is None else old_logprobs,
        ref_logprobs=ref_logprobs,
        policy_version=versions,
    )


def minibatches(batch: BatchT, count: int, *, seed: int) -> Iterator[BatchT]:
    """A random split of the rows into ``count`` parts, each in the batch's own row order.

    Paper: DeepSeek-R1 splits the outputs of a rollout at random into 16 minibatches of one epoch.
    """
    if count == 1:
        yield batch
        return
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(batch.token_ids), generator=generator)
    for part in order.tensor_split(count):
        if len(part):
            yield select_rows(batch, part.sort().values)
