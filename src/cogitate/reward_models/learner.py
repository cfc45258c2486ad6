"""A reward model that learns: gradients of whole items, whatever the micro-batch, and updates.

An item is what a loss looks at as one: the two completions of a pair, or one labelled completion.
Items are never cut apart, and a batch's loss is a sum over a global denominator, so the size of
micro-batches changes memory and speed and nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cogitate.kernels.ops import gradients_in_place
from cogitate.metrics import merge
from cogitate.models.packing import PADDING_LIMIT
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.local import LocalPolicy
from cogitate.reward_models.encoding import Tokens
from cogitate.reward_models.losses import pairwise_losses, pointwise_losses
from cogitate.reward_models.model import RewardModel
from cogitate.reward_models.reward import row_batch
from cogitate.schema import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One pair (``completions`` chosen and rejected) or one labelled completion.

    ``name`` is unique in a run. ``offset`` is added to the gap of a pair's rewards in the loss.
    ``safe`` is None for pairs.
    """

    name: str
    prompt: Tokens
    completions: tuple[Tokens, ...]
    offset: float = 0.0
    safe: bool | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each completion."""
        return tuple(len(completion) for completion in self.completions)

    @property
    def longest(self) -> int:
        """Tokens of the prompt with its longest completion."""
        return len(self.prompt) + max(self.lengths)

    @property
    def tokens(self) -> int:
        """Tokens that go through the model: the prompt counts once."""
        return len(self.prompt) + sum(self.lengths)


def item_batches(items: Sequence[Item], max_tokens: int) -> Iterator[list[Item]]:
    """Consecutive items of at most ``max_tokens`` tokens; a larger item stands alone.

    Attention pads rows to the longest, so there is a limit on the padded size too, as in
    ``models.packing.microbatches``.
    """
    batch: list[Item] = []
    tokens = rows = longest = 0
    for item in items:
        padded = (rows + len(item.completions)) * max(longest, item.longest)
        if batch and (tokens + item.tokens > max_tokens or padded > PADDING_LIMIT * max_tokens):
            yield batch
            batch, tokens, rows, longest = [], 0, 0, 0
        batch.append(item)
        tokens += item.tokens
        rows += len(item.completions)
        longest = max(longest, item.longest)
    if batch:
        yield batch


class RewardLearner(LocalPolicy):
    """AdamW on a reward model, with the gradients, updates and checkpoints of a policy.

    With ``freeze`` only the head learns. The backbone then runs once over every item and its
    features are kept, so an epoch costs next to nothing and a checkpoint holds the head alone.
    """

    model: RewardModel

    def __init__(
        self, model: RewardModel, optimizer: OptimizerConfig, *, total_updates: int, pad_id: int,
        freeze: bool = False, micro_batch_tokens: int = 4096,
    ) -> None:  # fmt: skip
        if freeze:
            model.requires_grad_(False)
            model.score.requires_grad_(True)
        super().__init__(
            model, optimizer, total_updates=total_updates, train_embedding=not freeze,
            micro_batch_tokens=micro_batch_tokens,
        )  # fmt: skip
        self.pad_id = pad_id
        self.freeze = freeze
        self._features: dict[str, Tensor] = {}

    def accumulate(self, items: Sequence[Item], *, denominator: float) -> dict[str, Metric]:
        """Add the gradient of sum(loss) / denominator; what the items were like, as metrics."""
        metrics: dict[str, Metric] = {}
        for batch in item_batches(items, self.micro_batch_tokens):
            scores = self._scores(batch)
            losses = item_losses(batch, scores)
            with gradients_in_place():
                (losses.sum() / denominator).backward()
            merge(metrics, _describe(batch, scores.detach(), losses.detach()))
        return metrics

    @torch.no_grad()
    def score(self, items: Sequence[Item]) -> list[tuple[float, ...]]:
        """The scores of every item's completions."""
        found: list[tuple[float, ...]] = []
        for batch in item_batches(items, self.micro_batch_tokens):
            values = iter(self._scores(batch).tolist())
            found += [tuple(next(values) for _ in item.completions) for item in batch]
        return found

    def _scores(self, items: Sequence[Item]) -> Float[Tensor, " N"]:
        return self.model.read(self._kept(items) if self.freeze else self._run(items))

    def _run(self, items: Sequence[Item]) -> Float[Tensor, "N d"]:
        rows = [(item.prompt, completion) for item in items for completion in item.completions]
        return self.model.features(row_batch(rows, pad_id=self.pad_id))

    @torch.no_grad()
    def _kept(self, items: Sequence[Item]) -> Float[Tensor, "N d"]:
        """Features of frozen layers. Each item runs alone, so that they do not depend, not even in
        the last bit, on what it first came along with."""
        for item in items:
            if item.name not in self._features:
                self._features[item.name] = self._run([item])
        return torch.cat([self._features[item.name] for item in items])

    def saved_weights(self) -> Mapping[str, Tensor]:
        """What a checkpoint holds: everything, or the head of a frozen model."""
        parameters = dict(self.model.named_parameters())
        return {"score.weight": parameters["score.weight"]} if self.freeze else parameters


def item_losses(items: Sequence[Item], scores: Float[Tensor, " N"]) -> Float[Tensor, " n"]:
    """The loss of every item, all pairs or all labelled, from the scores of their completions."""
    if items[0].safe is None:
        pairs = scores.view(-1, 2)
        offset = torch.tensor([item.offset for item in items], device=scores.device)
        return pairwise_losses(pairs[:, 0], pairs[:, 1], offset)
    safe = torch.tensor([bool(item.safe) for item in items], device=scores.device)
    return pointwise_losses(scores, safe)


def _describe(items: Sequence[Item], scores: Tensor, losses: Tensor) -> dict[str, Metric]:
    n = float(len(items))
    if items[0].safe is None:
        gaps = scores.view(-1, 2)[:, 0] - scores.view(-1, 2)[:, 1]
        right = float((gaps > 0).sum()) + 0.5 * float((gaps == 0).sum())
    else:
        right = float(sum((s > 0) == item.safe for s, item in zip(scores, items, strict=True)))
    return {
        "loss": Metric(total=float(losses.sum(dtype=torch.float64)), weight=n),
        "accuracy": Metric(total=right, weight=n),
        "score": Metric(total=float(scores.sum(dtype=torch.float64)), weight=float(len(scores))),
    }
