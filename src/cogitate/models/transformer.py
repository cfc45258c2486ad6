"""A dense decoder of the Llama, Qwen2 or Qwen3 family, the same one to train and to sample."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cogitate.models.config import ModelConfig
from cogitate.models.layers import DecoderLayer, RMSNorm, Rotary
from cogitate.models.packing import PackedLayout, pack
from cogitate.models.rope import rotary_frequencies
from cogitate.schema import TokenBatch


class Transformer(nn.Module):
    """Embedding, decoder layers, final norm, head (the embedding itself when tied)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)
        if not config.tie_embeddings:
            self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    @property
    def head_weight(self) -> Float[Tensor, "V d"]:
        """The matrix that turns hidden states into logits."""
        return self.embedding.weight if self.config.tie_embeddings else self.head.weight

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding.weight.device

    def rotary(self, positions: Int[Tensor, " T"]) -> Rotary:
        """cos and sin of every position, (T, 1, head_dim / 2) float32."""
        longest = int(positions.max()) + 1 if positions.numel() else 0
        frequencies, scaling = rotary_frequencies(self.config, sequence_length=longest)
        angles = positions[:, None, None].float() * frequencies.to(positions.device)
        return angles.cos() * scaling, angles.sin() * scaling

    def hidden(self, layout: PackedLayout) -> Float[Tensor, "T d"]:
        """Final-normed hidden state of every packed token."""
        x = self.embedding(layout.token_ids)
        rotary = self.rotary(layout.positions)
        for layer in self.layers:
            x = layer(x, rotary, layout)
        return self.norm(x)

    def forward(self, token_ids: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Logits of full rows, for parity checks and scoring small batches.

        Training and sampling never form logits of this shape.
        """
        full = torch.ones_like(token_ids, dtype=torch.bool)
        batch = TokenBatch(token_ids=token_ids, attention_mask=full, completion_mask=~full)
        layout = pack(batch, share_prefixes=False).to(token_ids.device)
        return F.linear(self.hidden(layout)[layout.place], self.head_weight).float()


def initialize(model: Transformer, *, seed: int, std: float = 0.02) -> None:
    """Normal(0, std) weights and zero biases from one seed, norms at 1: tests and new models."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        with torch.no_grad():
            if name.endswith("norm.weight"):
                parameter.fill_(1.0)
            elif name.endswith(".bias"):
                parameter.zero_()
            else:
                parameter.normal_(0.0, std, generator=generator)
