"""The architecture of a decoder, and nothing about where or how it runs."""

from dataclasses import dataclass, field
from typing import Any, Literal

Family = Literal["llama", "qwen2", "qwen3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RopeConfig:
    """Rotary position embedding: base frequency and the scaling that a checkpoint declares.

    ``parameters`` holds the scaling's own numbers under their Hugging Face names
    (``factor``, ``low_freq_factor``, ``original_max_position_embeddings`` ...).
    """

    theta: float = 10_000.0
    scaling: Literal["default", "linear", "dynamic", "llama3", "yarn"] = "default"
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A dense decoder of the Llama, Qwen2/Qwen2.5 or Qwen3 family.

    ``query_key_norm`` is Qwen3's RMSNorm on each head before RoPE; ``attention_bias`` is Qwen2's
    bias on q, k and v; ``output_bias`` is a bias on the attention output (Llama's own
    ``attention_bias`` sets both).
    """

    family: Family
    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    norm_eps: float
    rope: RopeConfig
    max_position: int
    tie_embeddings: bool
    attention_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    query_key_norm: bool = False
