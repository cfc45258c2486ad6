"""Models of random weights, for machines where the real ones are not: speed is the same.

``random-135m`` has the shape of SmolLM2-135M, ``random-tiny`` is for trying the scripts out. Both
get the byte tokenizer, so their prompts have one token per byte.
"""

from pathlib import Path

import torch

import venvs
from cogitate.models.config import ModelConfig, RopeConfig
from cogitate.models.transformer import Transformer
from cogitate.models.weights import save_model
from cogitate.testing import write_byte_tokenizer

SHAPES = {
    "random-135m": ModelConfig(
        family="llama",
        vocab_size=49_152,
        hidden_size=576,
        num_layers=30,
        num_heads=9,
        num_kv_heads=3,
        head_dim=64,
        intermediate_size=1536,
        norm_eps=1e-5,
        rope=RopeConfig(theta=100_000.0),
        max_position=8192,
        tie_embeddings=True,
    ),
    "random-tiny": ModelConfig(
        family="llama",
        vocab_size=50_000,
        hidden_size=64,
        num_layers=2,
        num_heads=4,
        num_kv_heads=2,
        head_dim=16,
        intermediate_size=128,
        norm_eps=1e-5,
        rope=RopeConfig(),
        max_position=2048,
        tie_embeddings=True,
    ),
}


def ensure(name: str) -> Path:
    """The Hugging Face directory of ``name``, written on first use."""
    directory = venvs.home().parent / "bench-models" / name
    if (directory / "chat_template.jinja").exists():
        return directory
    torch.manual_seed(0)
    model = Transformer(SHAPES[name])
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.02)
    save_model(model, directory)
    return write_byte_tokenizer(directory)
