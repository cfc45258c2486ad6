"""Small models whose sizes fit the vector width, so that the compiled kernels run on them."""

from dataclasses import replace

import pytest

from cogitate.kernels.build import load
from cogitate.models.config import ModelConfig
from tiny_models import TINY, TINY_QWEN2, TINY_QWEN3

FITTING = {"hidden_size": 64, "head_dim": 16, "intermediate_size": 96, "vocab_size": 290}
FAMILIES: dict[str, ModelConfig] = {
    "llama": replace(TINY, **FITTING),
    "qwen2": replace(TINY_QWEN2, **FITTING),
    "qwen3": replace(TINY_QWEN3, **FITTING),
}


def require_kernels() -> None:
    """Skip, with the reason, where there is no C compiler."""
    library, reason = load()
    if library is None:
        pytest.skip(reason)
