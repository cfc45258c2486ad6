"""A batch to time training on, made from token ids instead of from rollouts."""

from collections.abc import Sequence

import torch

from cogitate.schema import RolloutBatch

Rows = Sequence[tuple[Sequence[int], Sequence[int]]]


def training_batch(rows: Rows) -> RolloutBatch:
    """A ``RolloutBatch`` of (prompt ids, completion ids) rows, advantages alternating -1 and +1.

    Old log-probs are 0, so ratios are far from 1 and some tokens are clipped; the arithmetic is
    the same.
    """
    width = max(len(prompt) + len(completion) for prompt, completion in rows)
    token_ids = torch.zeros(len(rows), width, dtype=torch.int64)
    lengths = torch.tensor([len(prompt) + len(completion) for prompt, completion in rows])
    starts = torch.tensor([len(prompt) for prompt, _ in rows])
    for row, (prompt, completion) in enumerate(rows):
        ids = torch.tensor([*prompt, *completion])
        token_ids[row, : len(ids)] = ids
    columns = torch.arange(width)
    attention_mask = columns < lengths[:, None]
    completion_mask = attention_mask & (columns >= starts[:, None])
    signs = 2.0 * (torch.arange(len(rows)) % 2) - 1.0
    zeros = torch.zeros(len(rows), width)
    return RolloutBatch(
        token_ids=token_ids,
        attention_mask=attention_mask,
        completion_mask=completion_mask,
        advantages=torch.where(completion_mask, signs[:, None], 0.0),
        sampling_logprobs=zeros,
        old_logprobs=zeros,
        ref_logprobs=None,
        policy_version=torch.zeros(len(rows), dtype=torch.int64),
    )


def computed_tokens(rows: Rows) -> tuple[int, int]:
    """(tokens that must pass through the layers, tokens that need logits).

    A prompt shared by neighbouring rows must be computed once only.

    >>> computed_tokens([([1, 2], [3]), ([1, 2], [4, 5]), ([9], [3])])
    (7, 4)
    """
    completions = sum(len(completion) for _, completion in rows)
    prompts = 0
    previous: tuple[int, ...] | None = None
    for prompt, _ in rows:
        if tuple(prompt) != previous:
            prompts += len(prompt)
        previous = tuple(prompt)
    return prompts + completions, completions
