"""Rows of a batch laid end to end, with a prompt that several rows share stored once.

A group of G rollouts repeats its prompt G times. Packed, it is P + sum(C_g) tokens instead of
G * P + sum(C_g): every linear layer works on the packed (T, d) matrix, and only attention looks
at rows. The result is exact: a completion attends to its prompt and to itself, and gradients of
the shared prompt add up through the gather.

Letters here: S distinct prefixes, P longest prefix, N rows, C longest suffix, T packed tokens.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from cogitate.schema import TokenBatch

PADDING_LIMIT = 4
"""Tokens of a micro-batch with padding, as a multiple of its tokens without."""

BatchT = TypeVar("BatchT", bound=TokenBatch)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedLayout:
    """Where every token of a batch lives in the packed sequence, and who attends to whom.

    ``place[i, t]`` is the packed index of token t of row i (0 on padding). Index tables are padded
    with 0; padded queries give values that nothing reads.
    """

    token_ids: Int[Tensor, " T"]
    positions: Int[Tensor, " T"]
    place: Int[Tensor, "N L"]
    prefix_index: Int[Tensor, "S P"]
    suffix_index: Int[Tensor, "N C"]
    prefix_of: Int[Tensor, " N"]
    suffix_mask: Bool[Tensor, "N 1 C PC"]
    restore: Int[Tensor, " T"]

    def to(self, device: torch.device) -> "PackedLayout":
        """The same layout with its tables on ``device``."""
        tables = {name: getattr(self, name).to(device) for name in self.__slots__}
        return PackedLayout(**tables)


def pack(batch: TokenBatch, *, share_prefixes: bool = True) -> PackedLayout:
    """The layout of right-padded rows; equal prompts are stored once if ``share_prefixes``.

    A row's prefix is everything before its first completion token. Rows need not be adjacent to
    share. Rows without completion tokens are all prefix.
    """
    lengths = batch.attention_mask.sum(dim=1).tolist()
    rows = [ids[:n] for ids, n in zip(batch.token_ids.tolist(), lengths, strict=True)]
    splits = _prefix_lengths(batch.completion_mask, lengths)
    prefixes: list[list[int]] = []
    prefix_of: list[int] = []
    seen: dict[tuple[int, ...], int] = {}
    for row, split in zip(rows, splits, strict=True):
        prefix = row[:split]
        known = seen.get(tuple(prefix)) if share_prefixes else None
        if known is None:
            known = seen[tuple(prefix)] = len(prefixes)
            prefixes.append(prefix)
        prefix_of.append(known)
    suffixes = [row[split:] for row, split in zip(rows, splits, strict=True)]
    return _layout(prefixes, suffixes, prefix_of, width=batch.token_ids.shape[1])


def _prefix_lengths(completion_mask: Bool[Tensor, "N L"], lengths: list[int]) -> list[int]:
    first = completion_mask.int().argmax(dim=1).tolist()
    has_any = completion_mask.any(dim=1).tolist()
    return [f if any_ else n for f, any_, n in zip(first, has_any, lengths, strict=True)]


def _layout(
    prefixes: list[list[int]], suffixes: list[list[int]], prefix_of: list[int], *, width: int
) -> PackedLayout:
    longest_prefix = max(1, max(len(p) for p in prefixes))
    longest_suffix = max(len(s) for s in suffixes)
    num_rows = len(suffixes)
    prefix_index = torch.zeros(len(prefixes), longest_prefix, dtype=torch.int64)
    suffix_index = torch.zeros(num_rows, longest_suffix, dtype=torch.int64)
    place = torch.zeros(num_rows, width, dtype=torch.int64)
    tokens: list[int] = []
    positions: list[int] = []
    restore: list[int] = []
    starts: list[int] = []
    for s, prefix in enumerate(prefixes):
        starts.append(len(tokens))
        prefix_index[s, : len(prefix)] = torch.arange(len(tokens), len(tokens) + len(prefix))
        restore += range(s * longest_prefix, s * longest_prefix + len(prefix))
        tokens += prefix
        positions += range(len(prefix))
    offset = len(prefixes) * longest_prefix
    for i, (suffix, s) in enumerate(zip(suffixes, prefix_of, strict=True)):
        n = len(prefixes[s])
        place[i, :n] = torch.arange(starts[s], starts[s] + n)
        here = torch.arange(len(tokens), len(tokens) + len(suffix))
        place[i, n : n + len(suffix)] = here
        suffix_index[i, : len(suffix)] = here
        restore += range(offset + i * longest_suffix, offset + i * longest_suffix + len(suffix))
        tokens += suffix
        positions += range(n, n + len(suffix))
    prefix_lengths = torch.tensor([len(prefixes[s]) for s in prefix_of])
    see_prefix = torch.arange(longest_prefix) < prefix_lengths[:, None]
    causal = torch.ones(longest_suffix, longest_suffix, dtype=torch.bool).tril()
    mask = torch.cat(
        [
            see_prefix[:, None, :].expand(-1, longest_suffix, -1),
            causal.expand(num_rows, -1, -1),
        ],
        dim=2,
    )
    return PackedLayout(
        token_ids=torch.tensor(tokens),
        positions=torch.tensor(positions),
        place=place,
        prefix_index=prefix_index,
        suffix_index=suffix_index,
        prefix_of=torch.tensor(prefix_of),
        suffix_mask=mask[:, None],
        restore=torch.tensor(restore),
    )


def select_rows(batch: BatchT, rows: slice | Tensor) -> BatchT:
    """Some rows of a batch, cut to the longest of them."""
    picked: dict[str, Any] = {
        field.name: None if (value := getattr(batch, field.name)) is None else value[rows]
        for field in fields(batch)
    }
    longest = int(picked["attention_mask"].sum(dim=1).max()) if len(picked["token_ids"]) else 0
    cut: dict[str, Any] = {
        name: value[:, :longest] if value is not None and value.dim() == 2 else value
        for name, value in picked.items()
    }
    return type(batch)(**cut)


def microbatches(
    batch: BatchT, *, max_tokens: int, share_prefixes: bool = True
) -> Iterator[BatchT]:
    """Consecutive rows of at most ``max_tokens`` packed tokens.

    As few micro-batches as taking rows greedily gives, and of about equal size: a small one left
    over would use the machine badly. A longer row is a micro-batch of its own. Attention pads rows
    to the longest, so a micro-batch is also at most ``PADDING_LIMIT * max_tokens`` tokens with that
    padding: one long completion among short ones does not take the memory of a batch of long ones.
    """
    lengths = batch.attention_mask.sum(dim=1).tolist()
    splits = _prefix_lengths(batch.completion_mask, lengths)
    prompts = [ids[:n] for ids, n in zip(batch.token_ids.tolist(), splits, strict=True)]
    costs = [
        length - split if share_prefixes and row and prompts[row] == prompts[row - 1] else length
        for row, (length, split) in enumerate(zip(lengths, splits, strict=True))
    ]
    for first, end in pairwise([*_even_starts(lengths, costs, max_tokens), len(lengths)]):
        yield select_rows(batch, slice(first, end))


def _even_starts(lengths: list[int], costs: list[int], max_tokens: int) -> list[int]:
    """First rows of micro-batches: no more of them than greedy, none much smaller than others."""
    best = _starts(lengths, costs, max_tokens, parts=None)
    even = _starts(lengths, costs, max_tokens, parts=len(best))
    if len(even) <= len(best):
        return even
    # A cut inside a group costs its prompt again: lower the limit instead.
    low, high = 1, max_tokens
    while low < high:
        middle = (low + high) // 2
        found = _starts(lengths, costs, middle, parts=None)
        if len(found) <= len(best):
            high, best = middle, found
        else:
            low = middle + 1
    return best


def _starts(
    lengths: list[int], costs: list[int], max_tokens: int, *, parts: int | None
) -> list[int]:
    """First rows of micro-batches: each as full as it may be, or an even share of ``parts``.

    ``costs`` are rows behind the one before; the first row of a micro-batch costs its length.
    """
    starts, size, longest, share = [], 0, 0, float(max_tokens)
    for row, (length, cost) in enumerate(zip(lengths, costs, strict=True)):
        longest = max(longest, length)
        padded = (row - starts[-1] + 1) * longest if starts else 0
        full = size + cost > max_tokens or padded > PADDING_LIMIT * max_tokens
        if not starts or full or (parts is not None and size + cost / 2 > share):
            if parts is not None:
                left = max(parts - len(starts), 1)
                share = (length + sum(costs[row + 1 :])) / left
            starts.append(row)
            size, longest, cost = 0, length, length
        size += cost
    return starts


def on_device(batch: BatchT, device: torch.device) -> BatchT:
    """The batch with its tensors on ``device``."""
    values: dict[str, Any] = {
        field.name: None if (value := getattr(batch, field.name)) is None else value.to(device)
        for field in fields(batch)
    }
    return type(batch)(**values)
