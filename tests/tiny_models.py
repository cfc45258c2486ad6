"""Models of a few thousand weights, and GGUF files of them, that tests write themselves."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from cogitate.models.config import ModelConfig, RopeConfig
from cogitate.models.transformer import Transformer

TINY = ModelConfig(
    family="llama",
    vocab_size=48,
    hidden_size=16,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    head_dim=4,
    intermediate_size=24,
    norm_eps=1e-5,
    rope=RopeConfig(theta=10_000.0),
    max_position=64,
    tie_embeddings=True,
)
TINY_QWEN2 = replace(TINY, family="qwen2", attention_bias=True, tie_embeddings=False)
TINY_QWEN3 = replace(TINY, family="qwen3", query_key_norm=True, head_dim=8)


def random_model(config: ModelConfig, seed: int = 0) -> Transformer:
    """A model whose every parameter, norms and biases included, is random: nothing cancels."""
    generator = torch.Generator().manual_seed(seed)
    model = Transformer(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def byte_alphabet() -> list[str]:
    """The 256 printable characters that byte-level BPE writes bytes as, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b if b in printable else next(spare)) for b in range(256)]


TOKENS = ["<|end|>", "<|user|>", *byte_alphabet(), "th", "the", "Ġthe", "12", "in"]
MERGES = ["t h", "th e", "Ġ the", "1 2", "i n"]
CHAT = "{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"


def write_gguf(
    path: Path, *, family: str = "llama", changes: dict[str, Any] | None = None, seed: int = 0
) -> dict[str, np.ndarray]:
    """Write a one-layer GGUF file and return its weights under their Hugging Face names.

    q and k of Llama are permuted as llama.cpp's converter does it. Keys of ``changes`` replace
    metadata (None removes a key); ``"tensors"`` is a dict of tensors to add, in GGUF names.
    """
    heads, kv_heads, head_dim, width, wide = 4, 2, 4, 16, 32
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.standard_normal((rows, columns)).astype(np.float32)

    layer = "model.layers.0."
    weights = {
        "model.embed_tokens.weight": matrix(len(TOKENS), width),
        "model.norm.weight": matrix(1, width)[0],
        layer + "input_layernorm.weight": matrix(1, width)[0],
        layer + "post_attention_layernorm.weight": matrix(1, width)[0],
        layer + "self_attn.q_proj.weight": matrix(heads * head_dim, width),
        layer + "self_attn.k_proj.weight": matrix(kv_heads * head_dim, width),
        layer + "self_attn.v_proj.weight": matrix(kv_heads * head_dim, width),
        layer + "self_attn.o_proj.weight": matrix(width, heads * head_dim),
        layer + "mlp.gate_proj.weight": matrix(wide, width),
        layer + "mlp.up_proj.weight": matrix(wide, width),
        layer + "mlp.down_proj.weight": matrix(width, wide),
    }
    metadata: dict[str, Any] = {
        f"{family}.context_length": 64,
        f"{family}.embedding_length": width,
        f"{family}.block_count": 1,
        f"{family}.feed_forward_length": wide,
        f"{family}.attention.head_count": heads,
        f"{family}.attention.head_count_kv": kv_heads,
        f"{family}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{family}.rope.freq_base": 500_000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.token_type": [3, 3] + [1] * (len(TOKENS) - 2),
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.chat_template": CHAT,
    }
    extra = dict(changes or {})
    added = extra.pop("tensors", {})
    metadata |= extra
    writer = gguf.GGUFWriter(path, metadata.pop("general.architecture", family))
    for key, value in metadata.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        elif value is not None:
            writer.add_array(key, value)
    for name, values in weights.items():
        stored = values
        if family == "llama" and "q_proj" in name:
            stored = permute(values, heads)
        elif family == "llama" and "k_proj" in name:
            stored = permute(values, kv_heads)
        writer.add_tensor(GGUF_NAMES[name], stored)
    for name, values in added.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


GGUF_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "model.layers.0.input_layernorm.weight": "blk.0.attn_norm.weight",
    "model.layers.0.post_attention_layernorm.weight": "blk.0.ffn_norm.weight",
    "model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight",
    "model.layers.0.self_attn.k_proj.weight": "blk.0.attn_k.weight",
    "model.layers.0.self_attn.v_proj.weight": "blk.0.attn_v.weight",
    "model.layers.0.self_attn.o_proj.weight": "blk.0.attn_output.weight",
    "model.layers.0.mlp.gate_proj.weight": "blk.0.ffn_gate.weight",
    "model.layers.0.mlp.up_proj.weight": "blk.0.ffn_up.weight",
    "model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight",
}


def permute(values: np.ndarray, num_heads: int) -> np.ndarray:
    """Rows in the order of llama.cpp, spelt out: row j goes to 2 j, its partner to 2 j + 1."""
    head_dim = values.shape[0] // num_heads
    half = head_dim // 2
    stored = np.empty_like(values)
    for head in range(num_heads):
        for j in range(half):
            stored[head * head_dim + 2 * j] = values[head * head_dim + j]
            stored[head * head_dim + 2 * j + 1] = values[head * head_dim + half + j]
    return stored


def gguf_header(*, version: int = 3, tensors: int = 0, keys: int = 0, rest: bytes = b"") -> bytes:
    """The first bytes of a GGUF file with counts of one's choice."""
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + rest
