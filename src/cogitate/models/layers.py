"""The parts of a dense decoder layer: norm, rotary embedding, attention over a packed layout, MLP.

Legend of shape suffixes: T packed tokens, S prefixes, P prefix length, N rows, C suffix length,
H query heads, K kv heads, R = H / K query heads per kv head, D head dimension.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cogitate.kernels.ops import linear, rms_norm, rotate_heads, swiglu_linear
from cogitate.models.config import ModelConfig
from cogitate.models.packing import PackedLayout

Rotary = tuple[Float[Tensor, "T 1 half"], Float[Tensor, "T 1 half"]]


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, over the last axis, computed in float32.

    Paper: Zhang and Sennrich (arXiv:1910.07467) eq. 4.
    """

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        return rms_norm(x, self.weight, self.eps)


class Linear(nn.Linear):
    """W x + b, or W norm(x) + b: together they keep one matrix less for the backward pass."""

    def forward(
        self, input: Float[Tensor, "T k"], norm: RMSNorm | None = None
    ) -> Float[Tensor, "T n"]:
        if norm is None:
            return linear(input, self.weight, self.bias)
        return linear(input, self.weight, self.bias, norm=norm.weight, eps=norm.eps)


def grouped_attention(
    q_NCHD: Float[Tensor, "N C H D"],
    k_NTKD: Float[Tensor, "N M K D"],
    v_NTKD: Float[Tensor, "N M K D"],
    mask: Tensor,
) -> Float[Tensor, "N C H D"]:
    """Softmax attention with H query heads on K key-value heads, without repeating keys or values.

    The R query heads of a kv head become R * C query rows. ``mask`` is (N or 1, 1, C, M), True
    where a query may look.
    """
    n, c, h, d = q_NCHD.shape
    kv = k_NTKD.shape[2]
    rep = h // kv
    q = q_NCHD.view(n, c, kv, rep, d).permute(0, 2, 3, 1, 4).reshape(n, kv, rep * c, d)
    out = F.scaled_dot_product_attention(
        q, k_NTKD.transpose(1, 2), v_NTKD.transpose(1, 2), attn_mask=mask.repeat(1, 1, rep, 1)
    )
    return out.view(n, kv, rep, c, d).permute(0, 3, 1, 2, 4).reshape(n, c, h, d)


def gather_rows(x_THD: Float[Tensor, "T H D"], index: Int[Tensor, "N C"]) -> Tensor:
    """x[index], (N, C, H, D). index_select, because its gradient is index_add: several times faster
    on the CPU than the gradient of advanced indexing."""
    return x_THD.index_select(0, index.flatten()).view(*index.shape, *x_THD.shape[1:])


class Attention(nn.Module):
    """Grouped-query self-attention (Llama, Qwen2, Qwen3) over a packed layout.

    Paper: GQA (arXiv:2305.13245). q, k and v are one matrix: rows of all query heads, then all key
    heads, then all value heads.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.num_heads
        self.kv_heads = config.num_kv_heads
        self.head_dim = config.head_dim
        rows = (config.num_heads + 2 * config.num_kv_heads) * config.head_dim
        self.qkv = Linear(config.hidden_size, rows, bias=config.attention_bias)
        self.out = Linear(
            config.num_heads * config.head_dim, config.hidden_size, bias=config.output_bias
        )
        if config.query_key_norm:
            self.q_norm = RMSNorm(config.head_dim, config.norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.norm_eps)
        self.query_key_norm = config.query_key_norm

    def project(
        self, x: Float[Tensor, "T d"], norm: RMSNorm, rotary: Rotary
    ) -> tuple[Float[Tensor, "T H D"], Float[Tensor, "T K D"], Float[Tensor, "T K D"]]:
        """Rotated queries and keys, and values, of norm(x)."""
        qkv = self.qkv(x, norm)
        if self.query_key_norm:
            qkv = self._normed(qkv)
        turned = self.heads + self.kv_heads
        qkv = rotate_heads(qkv, *rotary, heads=turned, head_dim=self.head_dim)
        heads = qkv.view(x.shape[0], -1, self.head_dim)
        q, k, v = heads.split((self.heads, self.kv_heads, self.kv_heads), dim=1)
        return q, k, v

    def _normed(self, qkv: Float[Tensor, "T rows"]) -> Float[Tensor, "T rows"]:
        heads = qkv.view(qkv.shape[0], -1, self.head_dim)
        q, k, v = heads.split((self.heads, self.kv_heads, self.kv_heads), dim=1)
        return torch.cat((self.q_norm(q), self.k_norm(k), v), dim=1).flatten(1)

    def forward(
        self, x: Float[Tensor, "T d"], norm: RMSNorm, rotary: Rotary, layout: PackedLayout
    ) -> Float[Tensor, "T d"]:
        q_THD, k_TKD, v_TKD = self.project(x, norm, rotary)
        prefix, suffix = layout.prefix_index, layout.suffix_index
        k_SPKD, v_SPKD = gather_rows(k_TKD, prefix), gather_rows(v_TKD, prefix)
        p = prefix.shape[1]
        causal = torch.ones(p, p, dtype=torch.bool, device=x.device).tril()
        mixed = grouped_attention(
            gather_rows(q_THD, prefix), k_SPKD, v_SPKD, causal[None, None]
        ).flatten(0, 1)
        if suffix.shape[1]:
            own = layout.prefix_of
            k_NMKD = torch.cat((k_SPKD.index_select(0, own), gather_rows(k_TKD, suffix)), dim=1)
            v_NMKD = torch.cat((v_SPKD.index_select(0, own), gather_rows(v_TKD, suffix)), dim=1)
            rows = grouped_attention(gather_rows(q_THD, suffix), k_NMKD, v_NMKD, layout.suffix_mask)
            mixed = torch.cat((mixed, rows.flatten(0, 1)))
        return self.out(mixed.index_select(0, layout.restore).flatten(1))


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x)), gate and up in one matrix (gate rows first).

    Paper: Shazeer (arXiv:2002.05202) eq. 6.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        wide = config.intermediate_size
        self.gate_up = Linear(config.hidden_size, 2 * wide, bias=config.mlp_bias)
        self.down = Linear(wide, config.hidden_size, bias=config.mlp_bias)

    def forward(self, x: Float[Tensor, "T d"], norm: RMSNorm) -> Float[Tensor, "T d"]:
        return swiglu_linear(self.gate_up(x, norm), self.down.weight, self.down.bias)


class DecoderLayer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.mlp = MLP(config)

    def forward(
        self, x: Float[Tensor, "T d"], rotary: Rotary, layout: PackedLayout
    ) -> Float[Tensor, "T d"]:
        x = x + self.attention(x, self.attention_norm, rotary, layout)
        return x + self.mlp(x, self.mlp_norm)
