"""The LM head and the loss, in chunks of rows: logits of shape (N, L, V) never exist.

Losses are additive over rows given the global denominator, so the loss of a few whole rows can be
formed, and its gradient taken to the logits, while their logits are still at hand: three matrix
products per token instead of the four of recomputation, and one chunk of logits of memory. Only a
row that is longer than a chunk is computed twice.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from cogitate.kernels.build import load
from cogitate.kernels.ops import matmul
from cogitate.models.packing import PackedLayout, select_rows
from cogitate.protocols import LossFn
from cogitate.schema import LossOutput, TokenBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadInput:
    """Which hidden states predict the completion tokens of a batch.

    ``predictor[j]`` is the packed index whose hidden state predicts completion token j. Tokens are
    in row-major order; ``starts`` (N + 1) are the row boundaries.
    """

    predictor: Int[Tensor, " M"]
    target: Int[Tensor, " M"]
    starts: list[int]

    def to(self, device: torch.device) -> "HeadInput":
        """The same with its tables on ``device``."""
        return HeadInput(
            predictor=self.predictor.to(device), target=self.target.to(device), starts=self.starts
        )


def head_input(batch: TokenBatch, layout: PackedLayout) -> HeadInput:
    """The completion tokens of ``batch`` and their predictors; token 0 of a row has none."""
    mask = batch.completion_mask.clone()
    mask[:, 0] = False
    rows, columns = mask.nonzero(as_tuple=True)
    starts = [0, *mask.sum(dim=1).cumsum(0).tolist()]
    return HeadInput(
        predictor=layout.place[rows, columns - 1], target=batch.token_ids[mask], starts=starts
    )


def chunk_rows(starts: list[int], chunk_tokens: int) -> Iterator[tuple[int, int]]:
    """Row ranges with at most ``chunk_tokens`` completion tokens, or one longer row alone."""
    first = 0
    for row in range(1, len(starts)):
        if starts[row] - starts[first] > chunk_tokens and row - 1 > first:
            yield first, row - 1
            first = row - 1
    if first < len(starts) - 1:
        yield first, len(starts) - 1


class Head:
    """Log-probabilities at the sampling temperature and their gradients, for one weight matrix."""

    def __init__(
        self, weight: Float[Tensor, "V d"], *, temperature: float, chunk_tokens: int
    ) -> None:
        self.weight = weight
        self.beta = 1.0 / temperature
        self.chunk_tokens = chunk_tokens
        self.library = None
        if weight.device.type == "cpu":
            self.library, _ = load()
        self._buffer = torch.empty(0, device=weight.device)

    def probabilities(
        self, hidden: Float[Tensor, "m d"], target: Int[Tensor, " m"]
    ) -> tuple[Float[Tensor, "m V"], Float[Tensor, " m"], Float[Tensor, " m"]]:
        """softmax(beta * logits), log-prob of ``target`` and entropy (nats), all float32."""
        weight = self.weight.detach()
        if weight.dtype == torch.float32:
            if self._buffer.numel() < hidden.shape[0] * weight.shape[0]:
                self._buffer = hidden.new_empty(hidden.shape[0] * weight.shape[0])
            size = hidden.shape[0] * weight.shape[0]
            logits = self._buffer[:size].view(hidden.shape[0], weight.shape[0])
            matmul(hidden, weight.T, out=logits)
        else:
            logits = F.linear(hidden, weight).float()
        if self.library is None:
            return _softmax_rows(logits, target, self.beta)
        logprobs, entropy = logits.new_empty(len(target)), logits.new_empty(len(target))
        self._call("cg_softmax_rows", logits, target.contiguous(), logprobs, entropy)
        return logits, logprobs, entropy

    def gradient(
        self, p: Float[Tensor, "m V"], target: Int[Tensor, " m"], g: Float[Tensor, " m"]
    ) -> Float[Tensor, "m V"]:
        """dL/dlogits from dL/dlogprob, in the memory of ``p``."""
        if self.library is None:
            p.mul_(-self.beta * g[:, None])
            return p.scatter_add_(1, target[:, None], self.beta * g[:, None])
        self._call("cg_head_gradient", p, target.contiguous(), g.contiguous())
        return p

    def _call(self, name: str, matrix: Tensor, *vectors: Tensor) -> None:
        sizes = [ctypes.c_long(n) for n in matrix.shape]
        getattr(self.library, name)(
            ctypes.c_void_p(matrix.data_ptr()),
            *sizes,
            ctypes.c_float(self.beta),
            *(ctypes.c_void_p(v.data_ptr()) for v in vectors),
        )

    def logprobs(
        self, hidden: Float[Tensor, "T d"], tokens: HeadInput
    ) -> tuple[Float[Tensor, " M"], Float[Tensor, " M"]]:
        """Log-probs and entropies of all completion tokens, no gradient."""
        parts = [
            self.probabilities(hidden[index], target)[1:]
            for index, target in self._token_chunks(tokens.predictor, tokens.target)
        ]
        empty = [hidden.new_empty(0, dtype=torch.float32)]
        return torch.cat([a for a, _ in parts] or empty), torch.cat([b for _, b in parts] or empty)

    def _token_chunks(self, predictor: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(
            predictor.split(self.chunk_tokens), target.split(self.chunk_tokens), strict=True
        )

    def backward(
        self,
        hidden: Float[Tensor, "T d"],
        tokens: HeadInput,
        batch: TokenBatch,
        loss_fn: LossFn,
        *,
        denominator: float,
    ) -> tuple[Float[Tensor, "T d"], list[LossOutput]]:
        """dL/dhidden, and the loss of every chunk; dL/dweight is added to ``weight.grad``."""
        d_hidden = torch.zeros_like(hidden, dtype=torch.float32)
        outputs = []
        for first, last in chunk_rows(tokens.starts, self.chunk_tokens):
            start, end = tokens.starts[first], tokens.starts[last]
            index, target = tokens.predictor[start:end], tokens.target[start:end]
            rows = select_rows(batch, slice(first, last))
            if end - start <= self.chunk_tokens:
                p, logprobs, entropy = self.probabilities(hidden[index], target)
                out, g = _loss_gradient(loss_fn, rows, logprobs, entropy, denominator)
                self._accumulate(d_hidden, hidden, index, self.gradient(p, target, g))
            else:
                out = self._long_row(
                    d_hidden, hidden, index, target, rows, loss_fn, denominator=denominator
                )
            outputs.append(out)
        return d_hidden, outputs

    def _long_row(
        self,
        d_hidden: Tensor,
        hidden: Tensor,
        index: Tensor,
        target: Tensor,
        rows: TokenBatch,
        loss_fn: LossFn,
        *,
        denominator: float,
    ) -> LossOutput:
        whole = HeadInput(predictor=index, target=target, starts=[0, len(target)])
        out, g = _loss_gradient(loss_fn, rows, *self.logprobs(hidden, whole), denominator)
        chunks = self._token_chunks(index, target)
        for (part, part_target), part_g in zip(chunks, g.split(self.chunk_tokens), strict=True):
            p, _, _ = self.probabilities(hidden[part], part_target)
            self._accumulate(d_hidden, hidden, part, self.gradient(p, part_target, part_g))
        return out

    def _accumulate(
        self, d_hidden: Tensor, hidden: Tensor, index: Tensor, d_logits: Tensor
    ) -> None:
        dtype = self.weight.dtype
        d_logits = d_logits.to(dtype)
        d_hidden.index_add_(0, index, matmul(d_logits, self.weight.detach()).float())
        if self.weight.requires_grad:
            if self.weight.grad is None:
                self.weight.grad = torch.zeros_like(self.weight)
            matmul(d_logits.T, hidden[index], out=self.weight.grad, add=True)


def _softmax_rows(
    logits: Float[Tensor, "m V"], target: Int[Tensor, " m"], beta: float
) -> tuple[Float[Tensor, "m V"], Float[Tensor, " m"], Float[Tensor, " m"]]:
    z = (logits * beta).log_softmax(dim=-1)
    p = z.exp()
    entropy = -torch.where(p > 0, p * z, 0.0).sum(dim=-1)
    return p, z.gather(1, target[:, None])[:, 0], entropy


def _loss_gradient(
    loss_fn: LossFn,
    rows: TokenBatch,
    logprobs: Float[Tensor, " m"],
    entropy: Float[Tensor, " m"],
    denominator: float,
) -> tuple[LossOutput, Float[Tensor, " m"]]:
    """The loss of whole rows, and dL/dlogprob of their completion tokens in row-major order."""
    mask = rows.completion_mask.clone()
    mask[:, 0] = False
    grid = torch.zeros(mask.shape, device=mask.device)
    leaf = grid.masked_scatter(mask, logprobs).requires_grad_()
    out = loss_fn(leaf, grid.masked_scatter(mask, entropy), rows, denominator=denominator)
    if out.loss.requires_grad:
        out.loss.backward()
    grad = leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)
    return LossOutput(loss=out.loss.detach(), metrics=out.metrics), grad[mask]
