"""Rollout batches with shared prompts for tests that run a real (tiny) policy."""

from dataclasses import replace

import torch
from torch import Tensor

from cogitate.models.config import ModelConfig
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.local import LocalPolicy
from cogitate.schema import RolloutBatch, TokenBatch
from cogitate.train.batch import collate
from kernel_models import FAMILIES
from tiny_models import random_model


def tiny_policy(config: ModelConfig | None = None, **options: object) -> LocalPolicy:
    """A policy on a random model of 64 features."""
    model = random_model(config or FAMILIES["llama"])
    settings = options.pop("optimizer", OptimizerConfig())
    assert isinstance(settings, OptimizerConfig)
    return LocalPolicy(model, settings, total_updates=10, **options)  # type: ignore[arg-type]


def shared_prompt_tokens(
    *, prompts: tuple[int, ...] = (5, 9, 3), group_size: int = 4, seed: int = 1, vocab: int = 290
) -> TokenBatch:
    """Groups of rows with one prompt each and completions of 2 to 8 tokens."""
    generator = torch.Generator().manual_seed(seed)
    rows, masks = [], []
    for length in prompts:
        prompt = torch.randint(0, vocab, (length,), generator=generator)
        for _ in range(group_size):
            size = int(torch.randint(2, 9, (1,), generator=generator))
            rows.append(torch.cat([prompt, torch.randint(0, vocab, (size,), generator=generator)]))
            masks.append(torch.arange(length + size) >= length)
    return collate(rows, masks, pad_id=7)


def rollout_batch(tokens: TokenBatch, old: Tensor, *, seed: int = 2) -> RolloutBatch:
    """Advantages drawn per row; sampling and old log-probs are ``old``."""
    generator = torch.Generator().manual_seed(seed)
    advantages = torch.randn(len(old), 1, generator=generator)
    zeros = torch.zeros(len(old), dtype=torch.int64)
    old = torch.where(tokens.completion_mask, old, 0.0)
    return RolloutBatch(
        token_ids=tokens.token_ids,
        attention_mask=tokens.attention_mask,
        completion_mask=tokens.completion_mask,
        advantages=torch.where(tokens.completion_mask, advantages, 0.0),
        sampling_logprobs=old,
        old_logprobs=old,
        ref_logprobs=None,
        policy_version=zeros,
    )


def plain_logprobs(policy: LocalPolicy, tokens: TokenBatch) -> Tensor:
    """Token-aligned log-probs by a full forward over every padded row, with a graph."""
    logits = policy.model(tokens.token_ids).log_softmax(-1)
    chosen = logits[:, :-1].gather(-1, tokens.token_ids[:, 1:, None])[..., 0]
    aligned = torch.cat((torch.zeros(len(chosen), 1), chosen), dim=1)
    return torch.where(tokens.completion_mask, aligned, 0.0)


def gradients(policy: LocalPolicy) -> dict[str, Tensor]:
    """Copies of all gradients by parameter name."""
    return {
        name: parameter.grad.clone()
        for name, parameter in policy.parameters.items()
        if parameter.grad is not None
    }


def largest_relative_difference(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """Over all tensors: max |a - b| / max |b|."""
    assert a.keys() == b.keys()
    return max(float((a[n] - b[n]).abs().max() / b[n].abs().max().clamp(min=1e-12)) for n in a)


def repadded(batch: RolloutBatch, extra: int, *, junk: int, value: float) -> RolloutBatch:
    """The batch with ``extra`` more padding columns: any token id, any float off the mask."""
    n = len(batch.token_ids)
    off = ~batch.completion_mask

    def floats(x: Tensor) -> Tensor:
        return torch.cat((x.masked_fill(off, value), torch.full((n, extra), value)), dim=1)

    false = torch.zeros(n, extra, dtype=torch.bool)
    ids = batch.token_ids.masked_fill(~batch.attention_mask, junk)
    return replace(
        batch,
        token_ids=torch.cat((ids, torch.full((n, extra), junk)), dim=1),
        attention_mask=torch.cat((batch.attention_mask, false), dim=1),
        completion_mask=torch.cat((batch.completion_mask, false), dim=1),
        advantages=floats(batch.advantages),
        sampling_logprobs=floats(batch.sampling_logprobs),
        old_logprobs=floats(batch.old_logprobs),
    )
