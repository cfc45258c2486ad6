"""Whole runs that take a second: a random two-layer model, a byte tokenizer, one-digit sums.

The model knows nothing, so rewards come from the random control: gradients are real, and every
part of the stack (engine, rubric, loss, optimizer, checkpoints) does its work.
"""

import hashlib
from pathlib import Path
from typing import Any

import torch

from cogitate.config import RunConfig
from cogitate.models.config import ModelConfig, RopeConfig
from cogitate.models.transformer import Transformer
from cogitate.models.weights import save_model
from cogitate.testing import write_byte_tokenizer

MODEL = ModelConfig(
    family="llama",
    vocab_size=259,
    hidden_size=32,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    intermediate_size=48,
    norm_eps=1e-5,
    rope=RopeConfig(theta=10_000.0),
    max_position=128,
    tie_embeddings=True,
)


def write_tiny_model(directory: Path, *, seed: int = 0) -> Path:
    """A Hugging Face directory with random weights and the byte tokenizer."""
    torch.manual_seed(seed)
    model = Transformer(MODEL)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    save_model(model, directory, source=None)
    return write_byte_tokenizer(directory)


def tiny_config(model: Path, output_dir: Path, /, **changes: Any) -> RunConfig:
    """A run of 4 steps; ``changes`` replace whole settings or, as dicts, parts of sections."""
    settings: dict[str, Any] = {
        "name": "tiny",
        "seed": 5,
        "output_dir": str(output_dir),
        "model": {"source": str(model), "device": "cpu"},
        "tasks": [
            {"kind": "arithmetic", "digits": 1},
            {"kind": "extremes", "weight": 0.5},
        ],
        "reward": {"random": 1.0},
        "sampling": {"max_tokens": 4},
        "grpo": {"steps": 4, "problems_per_step": 2, "group_size": 3},
        "sft": {"steps": 4, "batch_size": 4},
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 2},
        "engine": {"slots": 8},
        "eval": {"every": 2, "problems_per_task": 2, "samples": 2},
        "checkpoint": {"every": 2, "keep": 2},
    }
    for name, change in changes.items():
        merge = isinstance(change, dict) and isinstance(settings.get(name), dict)
        settings[name] = {**settings[name], **change} if merge else change
    return RunConfig.model_validate(settings)


def fingerprint(run_dir: Path) -> dict[str, str]:
    """SHA-256 of everything that must not depend on interruptions: the files of results, the
    weights and optimizer of the newest checkpoint, and the final model."""
    newest = max((run_dir / "checkpoints").glob("step-??????"))
    files = [run_dir / "metrics.jsonl", run_dir / "evals.jsonl"]
    files += [*(run_dir / "rollouts").iterdir(), *(run_dir / "final").iterdir()]
    files += [path for path in newest.rglob("*") if path.is_file()]
    # They hold seconds of wall-clock and the path of the run.
    volatile = {"state.json", "config.json", "manifest.json"}
    return {
        path.relative_to(run_dir).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if not (path.parent == newest and path.name in volatile)
    }


def differences(left: dict[str, str], right: dict[str, str]) -> list[str]:
    """Names of files that differ or that only one side has."""
    return sorted(name for name in left | right if left.get(name) != right.get(name))
