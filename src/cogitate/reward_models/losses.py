"""The two losses of reward models, one value for each pair or text. Pure.

A batch's loss is their sum over a global denominator, so how a batch is cut into micro-batches
never changes the gradient.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def pairwise_losses(
    chosen: Float[Tensor, " n"],
    rejected: Float[Tensor, " n"],
    offset: Float[Tensor, " n"] | None = None,
) -> Float[Tensor, " n"]:
    """-log sigmoid(r_chosen - r_rejected + offset), in nats.

    Paper: Bradley and Terry (1952); DeepSeek-R1 (arXiv:2501.12948v2) section 3.1 says "pairwise
    loss" and prints no formula. ``offset`` is ours: what a frozen length-only model already
    explains (see lengths.py); it is absent when the reward is used.

    >>> pairwise_losses(torch.tensor([1.0]), torch.tensor([1.0]))
    tensor([0.6931])
    """
    gap = chosen - rejected
    return F.softplus(-(gap if offset is None else gap + offset))


def pointwise_losses(scores: Float[Tensor, " n"], safe: Bool[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Binary cross-entropy in nats, where P(safe) = sigmoid(score).

    -log sigmoid(r) for safe texts, -log sigmoid(-r) for unsafe ones.

    Paper: DeepSeek-R1 (arXiv:2501.12948v2) section 3.1, "point-wise"; no formula is printed.

    >>> pointwise_losses(torch.tensor([0.0, 200.0]), torch.tensor([False, True]))
    tensor([0.6931, 0.0000])
    """
    return F.softplus(torch.where(safe, -scores, scores))
