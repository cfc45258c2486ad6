"""A GGUF file as a Hugging Face model directory: weights in float32, config, tokenizer, template.

Made for small models that are published in GGUF only where the hub cannot be reached. Quantised
weights are dequantised, so the result has the quantised model's quality, not the original's. All
weights are held in memory once and written to one file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from cogitate.errors import DataError
from cogitate.models.gguf_reader import GGUFFile
from cogitate.models.hf_config import ARCHITECTURES, parse_config

_LAYER_NAMES: Mapping[str, str] = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TOP_NAMES: Mapping[str, str] = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}

_GPT2_SPLIT = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
_QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# How text is cut before the merges, by the name that llama.cpp gives it (llama-vocab.cpp).
_PRE_TOKENIZERS: Mapping[str, dict[str, Any]] = {
    "gpt-2": _GPT2_SPLIT,
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, _GPT2_SPLIT],
    },
    "qwen2": {
        "type": "Sequence",
        "pretokenizers": [
            {
                "type": "Split",
                "pattern": {"Regex": _QWEN2_PATTERN},
                "behavior": "Isolated",
                "invert": False,
            },
            _GPT2_SPLIT | {"use_regex": False, "trim_offsets": False},
        ],
    },
}
_CONTROL, _USER_DEFINED = 3, 4  # values of tokenizer.ggml.token_type


def convert_gguf(source: Path, directory: Path) -> None:
    """Write the model in ``source`` to ``directory`` in Hugging Face layout.

    Files: config.json, model.safetensors (float32), tokenizer.json, tokenizer_config.json,
    special_tokens_map.json, generation_config.json and, if the file has one, chat_template.jinja.

    Raises:
        DataError: the file is damaged, or its architecture, tokenizer or rope is not supported.
    """
    file = GGUFFile(source)
    config = gguf_to_hf_config(file)
    texts = tokenizer_files(file) | {"config.json": _json(config)}
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    try:
        save_file(hf_tensors(file, config), directory / "model.safetensors", {"format": "pt"})
    except SafetensorError as error:
        raise DataError(f"cannot write {directory}: {error}. Is the disk full?") from error


def gguf_to_hf_config(file: GGUFFile) -> dict[str, Any]:
    """The contents of config.json that describe the model in ``file``."""
    family = str(file.metadata.get("general.architecture"))
    if family not in ARCHITECTURES:
        raise DataError(
            f'{file.path}: architecture "{family}". Known: {", ".join(sorted(ARCHITECTURES))}.'
        )
    heads = _key(file, f"{family}.attention.head_count")
    hidden = _key(file, f"{family}.embedding_length")
    embedding = file.entries.get("token_embd.weight")
    if embedding is None:
        raise DataError(f'{file.path}: no tensor "token_embd.weight". The file is incomplete.')
    head_dim = file.metadata.get(f"{family}.attention.key_length", hidden // heads)
    has_bias = "blk.0.attn_q.bias" in file.entries
    config = {
        "architectures": [ARCHITECTURES[family]],
        "attention_bias": has_bias and "blk.0.attn_output.bias" in file.entries,
        "attention_dropout": 0.0,
        "head_dim": head_dim,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": _key(file, f"{family}.feed_forward_length"),
        "max_position_embeddings": _key(file, f"{family}.context_length"),
        "mlp_bias": "blk.0.ffn_gate.bias" in file.entries,
        "model_type": family,
        "num_attention_heads": heads,
        "num_hidden_layers": _key(file, f"{family}.block_count"),
        "num_key_value_heads": file.metadata.get(f"{family}.attention.head_count_kv", heads),
        "rms_norm_eps": _short(_key(file, f"{family}.attention.layer_norm_rms_epsilon")),
        "rope_scaling": _rope_scaling(file, family),
        "rope_theta": _short(file.metadata.get(f"{family}.rope.freq_base", 10_000.0)),
        "tie_word_embeddings": "output.weight" not in file.entries,
        "torch_dtype": "float32",
        "use_cache": True,
        "vocab_size": embedding.shape[0],
    }
    parse_config(config, where=str(file.path))  # refuses what the weights could not be loaded for
    return config | _token_ids(file)


def hf_tensors(file: GGUFFile, config: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """All tensors under their Hugging Face names, in float32, with q and k rows put back in order.

    Raises:
        DataError: the file holds a tensor that has no place in the architecture.
    """
    tensors: dict[str, np.ndarray] = {}
    for name in file.entries:
        values = file.tensor(name)
        if config["model_type"] == "llama" and ".attn_q." in name:
            values = unpermute(values, config["num_attention_heads"])
        elif config["model_type"] == "llama" and ".attn_k." in name:
            values = unpermute(values, config["num_key_value_heads"])
        tensors[_hf_name(name, file)] = np.ascontiguousarray(values)
    return tensors


def unpermute(values: np.ndarray, num_heads: int) -> np.ndarray:
    """Rows of a q or k projection in Hugging Face order.

    llama.cpp rotates neighbouring rows (0, 1), (2, 3) ... and stores Llama's q and k for that;
    Hugging Face rotates row j with row j + head_dim/2. Row 2j + h of GGUF is row h*head_dim/2 + j.

    >>> unpermute(np.array([0, 2, 1, 3]), num_heads=1)
    array([0, 1, 2, 3])
    """
    pairs = values.reshape(num_heads, -1, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)


def tokenizer_files(file: GGUFFile) -> dict[str, str]:
    """File name to contents for the tokenizer, the generation config and the chat template.

    Raises:
        DataError: the tokenizer is not byte-level BPE, or cuts text in a way that is not known.
    """
    if file.metadata.get("tokenizer.ggml.model") != "gpt2":
        raise DataError(
            f'{file.path}: tokenizer model "{file.metadata.get("tokenizer.ggml.model")}"; only '
            f'byte-level BPE ("gpt2") can be rebuilt. Use the model\'s Hugging Face directory.'
        )
    special = _special_tokens(file)
    files = {
        "tokenizer.json": _json(_tokenizer(file)),
        "tokenizer_config.json": _json(_tokenizer_config(file, special)),
        "special_tokens_map.json": _json(special),
        "generation_config.json": _json({"_from_model_config": True} | _token_ids(file)),
    }
    template = file.metadata.get("tokenizer.chat_template")
    return files | ({"chat_template.jinja": template} if template else {})


def _tokenizer(file: GGUFFile) -> dict[str, Any]:
    """The contents of tokenizer.json (byte-level BPE)."""
    pre = file.metadata.get("tokenizer.ggml.pre", "gpt-2")
    if pre not in _PRE_TOKENIZERS:
        raise DataError(
            f'{file.path}: unknown pre-tokenizer "{pre}". Known: {", ".join(_PRE_TOKENIZERS)}.'
        )
    tokens = _key(file, "tokenizer.ggml.tokens")
    merges = [_split_merge(line) for line in _key(file, "tokenizer.ggml.merges")]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(file),
        "normalizer": {"type": "NFC"} if pre == "qwen2" else None,
        "pre_tokenizer": _PRE_TOKENIZERS[pre],
        "post_processor": None,
        "decoder": _GPT2_SPLIT | {"add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": merges,
        },
    }


def _split_merge(line: str) -> list[str]:
    left, _, right = line.partition(" ")
    return [left, right]


def _added_tokens(file: GGUFFile) -> list[dict[str, Any]]:
    kinds = file.metadata.get("tokenizer.ggml.token_type") or []
    tokens = _key(file, "tokenizer.ggml.tokens")
    return [
        {
            "id": index,
            "content": tokens[index],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == _CONTROL,
        }
        for index, kind in enumerate(kinds[: len(tokens)])
        if kind in (_CONTROL, _USER_DEFINED)
    ]


def _tokenizer_config(file: GGUFFile, special: Mapping[str, str]) -> dict[str, Any]:
    added = {str(entry.pop("id")): entry for entry in _added_tokens(file)}
    family = file.metadata["general.architecture"]
    template = file.metadata.get("tokenizer.chat_template")
    config: dict[str, Any] = {
        "add_prefix_space": False,
        "added_tokens_decoder": added,
        **special,
        # Also in chat_template.jinja: older readers look here, newer ones prefer the file.
        **({"chat_template": template} if template else {}),
        "clean_up_tokenization_spaces": False,
        "model_max_length": _key(file, f"{family}.context_length"),
        # Not GPT2Tokenizer: transformers 5 would rebuild GPT-2's splitting and join the digits.
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    return config


def _special_tokens(file: GGUFFile) -> dict[str, str]:
    tokens = _key(file, "tokenizer.ggml.tokens")
    named = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    ids = {name: file.metadata.get(f"tokenizer.ggml.{key}_token_id") for name, key in named.items()}
    for name, index in ids.items():
        if index is not None and not 0 <= index < len(tokens):
            raise DataError(
                f"{file.path}: {name} token {index}, but there are {len(tokens)} tokens."
            )
    return {f"{name}_token": tokens[index] for name, index in ids.items() if index is not None}


def _token_ids(file: GGUFFile) -> dict[str, int]:
    named = {"bos": "bos", "eos": "eos", "pad": "padding"}
    ids = {name: file.metadata.get(f"tokenizer.ggml.{key}_token_id") for name, key in named.items()}
    return {f"{name}_token_id": index for name, index in ids.items() if index is not None}


def _rope_scaling(file: GGUFFile, family: str) -> dict[str, Any] | None:
    if "rope_freqs.weight" in file.entries:
        raise DataError(
            f"{file.path}: Llama 3 rope scaling is stored as ready-made frequencies, from which "
            f"config.json cannot be rebuilt. Use the model's Hugging Face directory."
        )
    kind = file.metadata.get(f"{family}.rope.scaling.type", "none")
    if kind == "none":
        return None
    if kind not in ("linear", "yarn"):
        raise DataError(f'{file.path}: rope scaling "{kind}". Known: none, linear, yarn.')
    scaling = {"rope_type": kind, "factor": _key(file, f"{family}.rope.scaling.factor")}
    if kind == "yarn":
        key = f"{family}.rope.scaling.original_context_length"
        scaling["original_max_position_embeddings"] = _key(file, key)
    return scaling


def _hf_name(name: str, file: GGUFFile) -> str:
    if name in _TOP_NAMES:
        return _TOP_NAMES[name]
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "blk" and parts[1].isdecimal() and parts[2] in _LAYER_NAMES:
        return f"model.layers.{parts[1]}.{_LAYER_NAMES[parts[2]]}.{parts[3]}"
    raise DataError(
        f'{file.path}: tensor "{name}" has no place in a dense '
        f"{file.metadata.get('general.architecture')} model. Use another file."
    )


def _key(file: GGUFFile, key: str) -> Any:
    if key not in file.metadata:
        raise DataError(f'{file.path}: metadata lacks "{key}". The file is incomplete.')
    return file.metadata[key]


def _short(value: float) -> float:
    """The shortest decimal that gives this float32: 1e-05 rather than 9.999999747378752e-06."""
    return float(str(np.float32(value)))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
