"""Weights between a Hugging Face directory and `Transformer`: safetensors only, never pickle.

Hugging Face keeps q, k, v and gate, up apart; here each group is one matrix, row blocks in that
order. `tensor_slots` is the only place that knows both sets of names.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cogitate.errors import DataError
from cogitate.models.card import ModelCard
from cogitate.models.config import ModelConfig
from cogitate.models.directory import check_replaceable, replace_directory
from cogitate.models.hf_config import read_config, read_json, to_hf_config
from cogitate.models.transformer import Transformer

__all__ = [
    "Slot", "load_model", "read_config", "read_tensors", "save_model", "tensor_slots",
    "write_tensors",
]  # fmt: skip

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "NOTICE",
)
_DTYPES = {"F64", "F32", "F16", "BF16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where a Hugging Face tensor lies in ours: rows ``start`` to ``start + shape[0]``."""

    parameter: str
    start: int
    shape: tuple[int, ...]


def tensor_slots(config: ModelConfig) -> dict[str, Slot]:
    """Hugging Face tensor name to `Slot`, for every tensor of the architecture, in model order."""
    width, vocabulary = config.hidden_size, config.vocab_size
    slots = {
        "model.embed_tokens.weight": Slot(
            parameter="embedding.weight", start=0, shape=(vocabulary, width)
        )
    }
    for index in range(config.num_layers):
        slots.update(_layer_slots(config, index))
    slots["model.norm.weight"] = Slot(parameter="norm.weight", start=0, shape=(width,))
    if not config.tie_embeddings:
        slots["lm_head.weight"] = Slot(parameter="head.weight", start=0, shape=(vocabulary, width))
    return slots


def load_model(
    directory: Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Transformer:
    """The model in a Hugging Face directory, with every tensor checked before any is read.

    Weights are read tensor by tensor into their final place, so memory stays at the size of the
    model in ``dtype`` plus one tensor.

    Raises:
        DataError: the directory is incomplete, damaged, holds only pickles, or does not match
            its own config.json; the message lists the tensors.
    """
    directory = Path(directory)
    config = read_config(directory)
    with torch.device("meta"):
        model = Transformer(config)
    state = read_tensors(directory, config, tensor_slots(config), dtype=dtype, device=device)
    model.load_state_dict(state, assign=True)
    return model


def read_tensors(
    directory: Path,
    config: ModelConfig,
    slots: Mapping[str, Slot],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> dict[str, Tensor]:
    """The tensors of ``slots`` under our parameter names: exactly these must be there.

    Raises:
        DataError: as for ``load_model``.
    """
    with ExitStack() as stack:
        sources = _open_tensors(directory, stack)
        _check_tensors(directory, config, slots, sources)
        rows: dict[str, int] = {}
        for slot in slots.values():
            end = slot.start + slot.shape[0]
            rows[slot.parameter] = max(rows.get(slot.parameter, 0), end)
        state: dict[str, Tensor] = {}
        for name, slot in slots.items():
            if slot.parameter not in state:
                shape = (rows[slot.parameter], *slot.shape[1:])
                state[slot.parameter] = torch.empty(shape, dtype=dtype, device=device)
            _read_into(state[slot.parameter], sources[name], name, slot, directory)
    return state


def save_model(
    model: Transformer,
    directory: Path,
    *,
    source: Path | None = None,
    shard_bytes: int = 5_000_000_000,
    dtype: torch.dtype | None = None,
    card: ModelCard | None = None,
) -> None:
    """Write ``model`` as a Hugging Face directory that transformers, vLLM and llama.cpp load.

    ``source`` is the directory that the model came from: tokenizer, chat template, generation
    config and licence are copied, and its config.json is kept but for what changed. ``directory``
    is replaced as a whole once everything is on the disk. ``dtype`` is that of the saved weights
    (default: the model's own). Shards hold at most ``shard_bytes`` bytes, but at least a tensor.

    Raises:
        DataError: ``directory`` holds files that are no part of a model, or ``source`` is of
            another family.
    """
    directory = Path(directory)
    dtype = dtype or model.embedding.weight.dtype
    companions = {name: Path(source) / name for name in COMPANIONS} if source is not None else {}
    declared = Path(source) / "config.json" if source is not None else None
    before = read_json(declared) if declared is not None and declared.is_file() else None
    config = to_hf_config(model.config, source=before, dtype=str(dtype).removeprefix("torch."))
    check_replaceable(directory, allowed=_is_model_file)
    with replace_directory(directory) as fresh:
        (fresh / "config.json").write_text(_json(config), encoding="utf-8")
        for name, path in companions.items():
            if path.is_file():
                shutil.copyfile(path, fresh / name)
        parameters = dict(model.named_parameters())
        slots = tensor_slots(model.config)
        write_tensors(parameters, slots, fresh, dtype=dtype, shard_bytes=shard_bytes)
        if card is not None:
            card.write(fresh)


def _layer_slots(config: ModelConfig, index: int) -> Iterator[tuple[str, Slot]]:
    theirs, ours = f"model.layers.{index}.", f"layers.{index}."
    width, wide = config.hidden_size, config.intermediate_size
    q_rows, kv_rows = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim

    def norm(name: str, parameter: str, size: int) -> tuple[str, Slot]:
        return f"{theirs}{name}.weight", Slot(
            parameter=f"{ours}{parameter}.weight", start=0, shape=(size,)
        )

    def linear(
        name: str, parameter: str, start: int, rows: int, columns: int, has_bias: bool
    ) -> Iterator[tuple[str, Slot]]:
        shapes = {"weight": (rows, columns)} | ({"bias": (rows,)} if has_bias else {})
        for kind, shape in shapes.items():
            slot = Slot(parameter=f"{ours}{parameter}.{kind}", start=start, shape=shape)
            yield f"{theirs}{name}.{kind}", slot

    bias, mlp_bias = config.attention_bias, config.mlp_bias
    yield norm("input_layernorm", "attention_norm", width)
    yield from linear("self_attn.q_proj", "attention.qkv", 0, q_rows, width, bias)
    yield from linear("self_attn.k_proj", "attention.qkv", q_rows, kv_rows, width, bias)
    yield from linear("self_attn.v_proj", "attention.qkv", q_rows + kv_rows, kv_rows, width, bias)
    yield from linear("self_attn.o_proj", "attention.out", 0, width, q_rows, config.output_bias)
    if config.query_key_norm:
        yield norm("self_attn.q_norm", "attention.q_norm", config.head_dim)
        yield norm("self_attn.k_norm", "attention.k_norm", config.head_dim)
    yield norm("post_attention_layernorm", "mlp_norm", width)
    yield from linear("mlp.gate_proj", "mlp.gate_up", 0, wide, width, mlp_bias)
    yield from linear("mlp.up_proj", "mlp.gate_up", wide, wide, width, mlp_bias)
    yield from linear("mlp.down_proj", "mlp.down", 0, width, wide, mlp_bias)


def _open_tensors(directory: Path, stack: ExitStack) -> dict[str, safe_open]:
    """Tensor name to the open file that holds it."""
    if (directory / SINGLE_FILE).is_file():
        return _open_file(directory / SINGLE_FILE, stack)
    if (directory / INDEX_FILE).is_file():
        return _open_shards(directory, stack)
    raise DataError(_no_weights(directory))


def _open_file(path: Path, stack: ExitStack) -> dict[str, safe_open]:
    try:
        # safe_open is written in Rust; its stub gives __enter__ no type.
        file = cast(safe_open, stack.enter_context(safe_open(path, framework="pt")))
        return dict.fromkeys(file.keys(), file)
    except FileNotFoundError as error:
        raise DataError(f"{path}: the index names this file, but it is missing.") from error
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{path}: not a valid safetensors file: {error}. Fetch it again."
        ) from error


def _open_shards(directory: Path, stack: ExitStack) -> dict[str, safe_open]:
    index = directory / INDEX_FILE
    placement = read_json(index).get("weight_map")
    if not isinstance(placement, dict) or not placement:
        raise DataError(f"{index}: no weight_map. The file is damaged; fetch it again.")
    opened: dict[str, dict[str, safe_open]] = {}
    for name, file in placement.items():
        if not isinstance(file, str) or not _is_plain_name(file):
            raise DataError(
                f"{index}: tensor {name!r} is said to be in {file!r}, expected the name of a "
                f".safetensors file in this directory. Do not trust this checkpoint."
            )
        if file not in opened:
            opened[file] = _open_file(directory / file, stack)
        if name not in opened[file]:
            raise DataError(
                f"{directory / file}: no tensor {name!r}, which the index places there."
            )
    return {name: opened[file][name] for name, file in placement.items()}


def _is_plain_name(file: str) -> bool:
    return file.endswith(".safetensors") and not set(file) & set("/\\:\0") and file[0] != "."


def _no_weights(directory: Path) -> str:
    names = sorted(path.name for path in directory.iterdir())
    pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
    if pickles:
        return (
            f"{directory}: only pickled weights ({pickles[0]}), which can run code when they are "
            f"opened and are therefore never read. Use the model's safetensors revision, or "
            f"convert a checkpoint that you trust with transformers: from_pretrained, then "
            f"save_pretrained."
        )
    if "adapter_model.safetensors" in names:
        return (
            f"{directory}: a LoRA adapter without the model it belongs to. Merge it into its base "
            f"model first (peft: merge_and_unload, then save_pretrained)."
        )
    return (
        f"{directory}: no {SINGLE_FILE} and no {INDEX_FILE} (found: "
        f"{', '.join(names[:8]) or 'nothing'}). Fetch the weights."
    )


def _check_tensors(
    directory: Path,
    config: ModelConfig,
    slots: Mapping[str, Slot],
    sources: Mapping[str, safe_open],
) -> None:
    missing = [name for name in slots if name not in sources]
    unexpected = [name for name in sources if name not in slots and not _is_harmless(name, config)]
    wrong = []
    for name in slots.keys() & sources.keys():
        view = sources[name].get_slice(name)
        shape = tuple(view.get_shape())
        if shape != slots[name].shape:
            wrong.append(f"{name} is {list(shape)}, expected {list(slots[name].shape)}")
        elif view.get_dtype() not in _DTYPES:
            wrong.append(f"{name} is stored as {view.get_dtype()}, expected a float type")
    faults = [
        f"{len(names)} {what}: {', '.join(sorted(names)[:5])}{' ...' if len(names) > 5 else ''}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("unfit", wrong))
        if names
    ]
    if faults:
        raise DataError(
            f"{directory}: the weights do not match config.json. {'; '.join(faults)}. Check that "
            f"both come from the same model, and that the download is complete."
        )


def _is_harmless(name: str, config: ModelConfig) -> bool:
    """A tensor that carries nothing: a tied head's copy, or frequencies that config.json gives."""
    is_tied_head = config.tie_embeddings and name == "lm_head.weight"
    return is_tied_head or name.endswith(".rotary_emb.inv_freq")


def _read_into(target: Tensor, source: safe_open, name: str, slot: Slot, directory: Path) -> None:
    values = source.get_tensor(name)
    low, high = torch.aminmax(values)
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise DataError(
            f"{directory}: tensor {name} holds NaN or infinity. The checkpoint is damaged, or its "
            f"training had diverged; use an earlier one."
        )
    target[slot.start : slot.start + slot.shape[0]].copy_(values)


def write_tensors(
    parameters: Mapping[str, Tensor],
    slots: Mapping[str, Slot],
    directory: Path,
    *,
    dtype: torch.dtype,
    shard_bytes: int = 5_000_000_000,
) -> None:
    """Write the tensors of ``slots`` under their Hugging Face names into an existing directory.

    Raises:
        DataError: the disk is full.
    """
    item = torch.empty((), dtype=dtype).element_size()
    sizes = {name: item * torch.Size(slot.shape).numel() for name, slot in slots.items()}
    shards = _split(sizes, shard_bytes)
    placement: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        file = file if len(shards) > 1 else SINGLE_FILE
        placement |= dict.fromkeys(names, file)
        tensors = {name: _rows(parameters[slots[name].parameter], slots[name]) for name in names}
        tensors = {name: rows.to("cpu", dtype) for name, rows in tensors.items()}
        try:
            save_file(tensors, directory / file, metadata={"format": "pt"})
        except SafetensorError as error:
            raise DataError(
                f"cannot write {directory.parent}: {error}. It needs {sum(sizes.values())} bytes "
                f"and has {shutil.disk_usage(directory).free}."
            ) from error
    if len(shards) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": placement}
        (directory / INDEX_FILE).write_text(_json(index), encoding="utf-8")


def _split(sizes: Mapping[str, int], shard_bytes: int) -> list[list[str]]:
    """Names in order, cut into runs of at most ``shard_bytes`` (a larger tensor stands alone).

    >>> _split({"a": 3, "b": 3, "c": 9, "d": 1}, shard_bytes=6)
    [['a', 'b'], ['c'], ['d']]
    """
    shards: list[list[str]] = [[]]
    filled = 0
    for name, size in sizes.items():
        if shards[-1] and filled + size > shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def _rows(parameter: Tensor, slot: Slot) -> Tensor:
    return parameter.detach()[slot.start : slot.start + slot.shape[0]]


def _is_model_file(name: str) -> bool:
    known = (*COMPANIONS, "config.json", "README.md", "manifest.json", INDEX_FILE)
    return name in known or name.endswith(".safetensors")


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
