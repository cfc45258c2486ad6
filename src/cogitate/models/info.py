"""What a model directory holds and costs, from its JSON files and safetensors headers alone.

Nothing here imports torch or reads a weight, so it answers at once for a model of any size, and
from config.json alone when the weights are not there.
"""

import json
import re
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cogitate.errors import DataError
from cogitate.models.config import ModelConfig
from cogitate.models.hf_config import read_config, read_json

_MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format itself
_FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Size, shape and cost of a model. Bytes are bytes, context lengths are tokens.

    ``weight_dtypes`` and ``weight_bytes`` describe the files on disk (empty and 0 without
    weights). ``training_bytes`` is weights, gradients and both Adam moments in float32;
    ``inference_bytes`` the weights in float32; both without activations and key-value cache.
    """

    directory: str
    family: str
    parameters: int
    embedding_parameters: int
    non_embedding_parameters: int
    weight_dtypes: tuple[str, ...]
    weight_bytes: int
    num_layers: int
    hidden_size: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    context_length: int
    rope: str
    tie_embeddings: bool
    kv_bytes_per_token: int
    flops_per_token: int
    attention_flops_per_token_pair: int
    inference_bytes: int
    training_bytes: int
    tokenizer_size: int | None
    has_chat_template: bool
    provenance: str | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self) | {"weight_dtypes": list(self.weight_dtypes)}


def model_info(directory: Path) -> ModelInfo:
    """The `ModelInfo` of a Hugging Face directory; weights and tokenizer may be missing.

    FLOPs count a multiplication and an addition as 2, for one token's forward pass through all
    matrices, head included; attention adds ``attention_flops_per_token_pair`` for every position
    that the token sees. ``kv_bytes_per_token`` is for a float32 cache.

    Raises:
        DataError: config.json is missing or not supported, or a weight file is damaged.
    """
    directory = Path(directory)
    config = read_config(directory)
    dtypes, weight_bytes = _weights_on_disk(directory)
    total, embedding = count_parameters(config)
    return ModelInfo(
        directory=str(directory),
        family=config.family,
        parameters=total,
        embedding_parameters=embedding,
        non_embedding_parameters=total - embedding,
        weight_dtypes=dtypes,
        weight_bytes=weight_bytes,
        num_layers=config.num_layers,
        hidden_size=config.hidden_size,
        num_heads=config.num_heads,
        num_kv_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        intermediate_size=config.intermediate_size,
        vocab_size=config.vocab_size,
        context_length=config.max_position,
        rope=f"{config.rope.scaling}, theta {config.rope.theta:g}",
        tie_embeddings=config.tie_embeddings,
        kv_bytes_per_token=(
            2 * config.num_layers * config.num_kv_heads * config.head_dim * _FLOAT32_BYTES
        ),
        flops_per_token=2 * (_matrix_parameters(config) + config.vocab_size * config.hidden_size),
        attention_flops_per_token_pair=4 * config.num_layers * config.num_heads * config.head_dim,
        inference_bytes=_FLOAT32_BYTES * total,
        training_bytes=4 * _FLOAT32_BYTES * total,
        tokenizer_size=_tokenizer_size(directory),
        has_chat_template=_has_chat_template(directory),
        provenance=_provenance(directory),
    )


def count_parameters(config: ModelConfig) -> tuple[int, int]:
    """All parameters, and those of the embedding (and of the head where it is not tied)."""
    table = config.vocab_size * config.hidden_size
    embedding = table if config.tie_embeddings else 2 * table
    q_rows, kv_rows = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    width, wide = config.hidden_size, config.intermediate_size
    per_layer = 2 * width
    per_layer += config.attention_bias * (q_rows + 2 * kv_rows) + config.output_bias * width
    per_layer += config.mlp_bias * (2 * wide + width)
    per_layer += config.query_key_norm * 2 * config.head_dim
    other = _matrix_parameters(config) + config.num_layers * per_layer + width
    return embedding + other, embedding


def _matrix_parameters(config: ModelConfig) -> int:
    """Entries of the matrices inside the layers."""
    q_rows, kv_rows = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    attention = config.hidden_size * (2 * q_rows + 2 * kv_rows)
    return config.num_layers * (attention + 3 * config.hidden_size * config.intermediate_size)


def _weights_on_disk(directory: Path) -> tuple[tuple[str, ...], int]:
    dtypes: set[str] = set()
    total = 0
    for path in _weight_files(directory):
        header = read_safetensors_header(path)
        for entry in header.values():
            dtypes.add(str(entry["dtype"]))
            start, end = entry["data_offsets"]
            total += end - start
    return tuple(sorted(dtypes)), total


def _weight_files(directory: Path) -> list[Path]:
    """The files that loading would open; others (a second copy, an adapter) do not count."""
    if (directory / "model.safetensors").is_file():
        return [directory / "model.safetensors"]
    index = directory / "model.safetensors.index.json"
    placement = read_json(index).get("weight_map") if index.is_file() else None
    names = sorted(set(map(str, placement.values()))) if isinstance(placement, dict) else []
    return [path for path in (directory / Path(name).name for name in names) if path.is_file()]


def read_safetensors_header(path: Path) -> dict[str, Any]:
    """Tensor name to its dtype, shape and data_offsets, without reading any tensor.

    Raises:
        DataError: the header is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else -1
        if not 0 < length <= min(_MAX_HEADER_BYTES, size - 8):
            raise DataError(f"{path}: not a safetensors file (header of {length} bytes).")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        header.pop("__metadata__", None)
        ends = [entry["data_offsets"][1] for entry in header.values() if entry["dtype"]]
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{path}: the safetensors header is damaged. Fetch it again.") from error
    if max(ends, default=0) != size - 8 - length:
        raise DataError(
            f"{path}: {size} bytes, but its header describes {8 + length + max(ends, default=0)}. "
            f"It was cut short; fetch it again."
        )
    return header


def _tokenizer_size(directory: Path) -> int | None:
    path = directory / "tokenizer.json"
    if not path.is_file():
        return None
    tokenizer = read_json(path)
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    added = [entry["content"] for entry in tokenizer.get("added_tokens") or []]
    if isinstance(vocabulary, dict):
        return len(vocabulary.keys() | set(added))
    return None if vocabulary is None else len({piece for piece, _ in vocabulary} | set(added))


def _has_chat_template(directory: Path) -> bool:
    if any((directory / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    path = directory / "tokenizer_config.json"
    return path.is_file() and bool(read_json(path).get("chat_template"))


def _provenance(directory: Path) -> str | None:
    """Where the model came from, as far as its manifest or its card says."""
    manifest = directory / "manifest.json"
    if manifest.is_file():
        values = read_json(manifest)
        return f"preset {values.get('preset')}, from {values.get('source')}"
    card = directory / "README.md"
    if not card.is_file():
        return None
    front = re.match(r"---\n(.*?)\n---", card.read_text("utf-8", "replace")[:65_536], re.DOTALL)
    base = re.search(r"^base_model:[ \t]*(\S.*)$", front[1], re.MULTILINE) if front else None
    return f"based on {base[1].strip().strip(chr(34))}" if base else None
