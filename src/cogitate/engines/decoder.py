"""What the rollout engine needs from a model, and its PyTorch implementation (CPU and CUDA).

A *lane* is one token to process: (slot, position). Decoding is one lane per live completion,
prefill is many lanes of one slot. A slot attends to the first ``prefix_length`` tokens of its
``prefix_slot`` (a prompt stored once for its group) and then to its own tokens.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from cogitate.engines.sampler import sample_tokens
from cogitate.models.layers import Attention, DecoderLayer
from cogitate.models.transformer import Transformer
from cogitate.schema import SamplingParams

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The tokens of one forward call; all arrays are (n,). Positions count the prefix."""

    tokens: Ints
    positions: Ints
    slots: Ints
    prefix_slots: Ints
    prefix_lengths: Ints


@runtime_checkable
class Decoder(Protocol):
    """Runs lanes through the model and samples from hidden states (stored feature-major)."""

    def allocate(self, slots: int, capacity: int) -> None: ...
    def forward(self, lanes: Lanes) -> Float[Tensor, "d n"]: ...
    def sample(
        self, hidden: Float[Tensor, "d r"], uniform: NDArray[np.float64], params: SamplingParams
    ) -> tuple[Ints, NDArray[np.float32]]: ...


class TorchDecoder:
    """Keys and values in static slots, attention by ``scaled_dot_product_attention``.

    Reads the model's own parameters, so an optimizer step is visible at once. Cache tensors are
    (layers, slots, kv_heads, capacity, head_dim) in the model's dtype.
    """

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.keys = self.values = torch.empty(0)

    def allocate(self, slots: int, capacity: int) -> None:
        """Make room for ``slots`` sequences of ``capacity`` own tokens each."""
        c = self.model.config
        shape = (c.num_layers, slots, c.num_kv_heads, capacity, c.head_dim)
        if tuple(self.keys.shape) != shape:
            like = self.model.embedding.weight
            self.keys, self.values = (
                torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(2)
            )

    @torch.inference_mode()
    def forward(self, lanes: Lanes) -> Float[Tensor, "d n"]:
        """Final-normed hidden states of all lanes; their keys and values are stored."""
        device = self.model.device
        index = {
            name: torch.from_numpy(getattr(lanes, name)).to(device) for name in Lanes.__slots__
        }
        own = index["positions"] - index["prefix_lengths"]
        mask, reach, prefix_reach = self._mask(lanes, own)
        x = self.model.embedding(index["tokens"])
        rotary = self.model.rotary(index["positions"])
        for number, layer in enumerate(cast(Iterable[DecoderLayer], self.model.layers)):
            q, k, v = layer.attention.project(x, layer.attention_norm, rotary)
            self.keys[number, index["slots"], :, own] = k
            self.values[number, index["slots"], :, own] = v
            mixed = self._attend(number, q, index, mask, reach, prefix_reach)
            x = x + layer.attention.out(mixed)
            x = x + layer.mlp(x, layer.mlp_norm)
        return self.model.norm(x).T

    def _mask(self, lanes: Lanes, own: Tensor) -> tuple[Tensor, int, int]:
        reach = int((lanes.positions - lanes.prefix_lengths).max()) + 1
        prefix_reach = int(lanes.prefix_lengths.max())
        prefix_lengths = torch.from_numpy(lanes.prefix_lengths).to(own.device)
        see_prefix = torch.arange(prefix_reach, device=own.device) < prefix_lengths[:, None]
        see_own = torch.arange(reach, device=own.device) <= own[:, None]
        return torch.cat((see_prefix, see_own), dim=1)[:, None, None, :], reach, prefix_reach

    def _attend(
        self,
        number: int,
        q: Tensor,
        index: dict[str, Tensor],
        mask: Tensor,
        reach: int,
        shared: int,
    ) -> Float[Tensor, "n hd"]:
        attention = cast(Attention, self.model.layers[number].attention)
        rep = attention.heads // attention.kv_heads
        n = q.shape[0]
        k = self.keys[number, index["slots"], :, :reach]
        v = self.values[number, index["slots"], :, :reach]
        if shared:
            k = torch.cat((self.keys[number, index["prefix_slots"], :, :shared], k), dim=2)
            v = torch.cat((self.values[number, index["prefix_slots"], :, :shared], v), dim=2)
        q = q.view(n, attention.kv_heads, rep, attention.head_dim)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).reshape(n, -1)

    @torch.inference_mode()
    def sample(
        self, hidden: Float[Tensor, "d r"], uniform: NDArray[np.float64], params: SamplingParams
    ) -> tuple[Ints, NDArray[np.float32]]:
        """One token and its log-prob per column of ``hidden``; logits are float32."""
        weight = self.model.head_weight
        logits = F.linear(hidden.T.to(weight.dtype), weight).float()
        draw = torch.from_numpy(uniform).to(logits.device)
        tokens, logprobs = sample_tokens(logits, draw, params)
        return tokens.cpu().numpy(), logprobs.cpu().numpy()
