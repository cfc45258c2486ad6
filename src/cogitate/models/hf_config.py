"""Hugging Face config.json to `ModelConfig` and back, without torch and without running any code.

Both layouts are read: the old one (``rope_theta``, ``rope_scaling``, ``torch_dtype``) and that of
transformers 5 (``rope_parameters``, ``dtype``). A setting that would change the numbers and is not
implemented is an error; a setting that cannot change them is ignored.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from cogitate.errors import DataError
from cogitate.models.config import Family, ModelConfig, RopeConfig

FAMILIES: tuple[str, ...] = get_args(Family)
ROPE_SCALINGS = ("default", "linear", "dynamic", "llama3", "yarn")
ACTIVATIONS = ("silu", "swish")  # two names of x * sigmoid(x)
ARCHITECTURES: Mapping[str, str] = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
_MAX_JSON_BYTES = 64 << 20
# What transformers assumes for a key that config.json leaves out.
_DEFAULT_MAX_POSITION = {"llama": 2048, "qwen2": 32_768, "qwen3": 32_768}
_ROPE_NEEDS = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
    "yarn": (),
}
_ROPE_NUMBERS = {
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
}
_PLAIN_KEYS: Mapping[str, str] = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "intermediate_size": "intermediate_size",
    "norm_eps": "rms_norm_eps",
    "max_position": "max_position_embeddings",
    "tie_embeddings": "tie_word_embeddings",
}


def read_config(directory: Path) -> ModelConfig:
    """The architecture that ``directory``/config.json declares.

    Raises:
        DataError: the file is missing, damaged, or describes a model that is not supported.
    """
    path = Path(directory) / "config.json"
    return parse_config(read_json(path), where=str(path))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file, with its size and nesting limited.

    Raises:
        DataError: the file is missing, too large, not JSON, or not an object.
    """
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise DataError(f"{path}: {path.stat().st_size} bytes, expected a small JSON file.")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file. A model directory holds config.json, *.safetensors and "
            f"tokenizer.json."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be read as JSON: {error}. Fetch it again.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: a JSON {type(value).__name__}, expected an object.")
    return value


def parse_config(values: Mapping[str, Any], *, where: str = "config.json") -> ModelConfig:
    """The `ModelConfig` of a config.json that has been read.

    Raises:
        DataError: naming ``where``, the key, its value, and what is supported.
    """
    reader = _Reader(values=values, where=where)
    family = reader.choice("model_type", FAMILIES)
    _refuse_unsupported(reader, family)
    heads = reader.size("num_attention_heads", 1 << 14)
    hidden = reader.size("hidden_size", 1 << 20)
    qwen_heads = heads if "num_key_value_heads" in values else 32
    kv_default = heads if family == "llama" else qwen_heads
    has_bias = reader.flag("attention_bias")
    config = ModelConfig(
        family=family,
        vocab_size=reader.size("vocab_size", 1 << 26),
        hidden_size=hidden,
        num_layers=reader.size("num_hidden_layers", 1 << 12),
        num_heads=heads,
        num_kv_heads=reader.size("num_key_value_heads", 1 << 14, default=kv_default),
        head_dim=_head_dim(reader, family, hidden, heads),
        intermediate_size=reader.size("intermediate_size", 1 << 24),
        norm_eps=reader.number("rms_norm_eps", default=1e-6),
        rope=_rope(reader, family),
        max_position=_max_position(reader, family),
        tie_embeddings=reader.flag("tie_word_embeddings"),
        attention_bias=family == "qwen2" or has_bias,
        output_bias=family != "qwen2" and has_bias,
        mlp_bias=family == "llama" and reader.flag("mlp_bias"),
        query_key_norm=family == "qwen3",
    )
    _check_heads(reader, config)
    return config


def to_hf_config(
    config: ModelConfig, *, source: Mapping[str, Any] | None = None, dtype: str = "float32"
) -> dict[str, Any]:
    """The contents of config.json for ``config``.

    With ``source``, the config.json that the model came from, every key of it is kept and only
    those change whose meaning differs from ``config``. ``dtype`` is that of the weights.

    Raises:
        DataError: ``config`` cannot be expressed in its family's config.json.
    """
    _check_expressible(config)
    if source is None:
        return _fresh(config) | {"torch_dtype": dtype}
    before = parse_config(source)
    if before.family != config.family:
        raise DataError(
            f"cannot save a {config.family} model with the config.json of a {before.family} model."
        )
    result = dict(source)
    changed = {f.name for f in fields(config) if getattr(config, f.name) != getattr(before, f.name)}
    for name in changed & set(_PLAIN_KEYS):
        result[_PLAIN_KEYS[name]] = getattr(config, name)
    for name in changed & {"attention_bias", "mlp_bias"}:
        result[name] = getattr(config, name)
    if "rope" in changed:
        stale = ("rope_scaling", "rope_parameters", "original_max_position_embeddings")
        result = {key: value for key, value in result.items() if key not in stale}
        result |= _rope_keys(config.rope, new_layout="rope_parameters" in source)
    has_new_key = "dtype" in source and "torch_dtype" not in source
    result["dtype" if has_new_key else "torch_dtype"] = dtype
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Typed access to config.json; every refusal names the file and the key."""

    values: Mapping[str, Any]
    where: str

    def fail(self, text: str) -> DataError:
        return DataError(f"{self.where}: {text}")

    def choice(self, key: str, known: tuple[str, ...]) -> Any:
        value = self.values.get(key)
        if value not in known:
            raise self.fail(f"{key} = {value!r} is not supported. Supported: {', '.join(known)}.")
        return value

    def size(self, key: str, limit: int, *, default: int | None = None) -> int:
        value = self.values.get(key)
        value = default if value is None else value
        if value is None:
            raise self.fail(f"lacks {key}. The file is incomplete; fetch it again.")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
            raise self.fail(f"{key} = {value!r}, expected a whole number from 1 to {limit}.")
        return value

    def number(self, key: str, *, default: float) -> float:
        value = self.values.get(key)
        return default if value is None else self.positive(key, value)

    def positive(self, key: str, value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or value <= 0:
            raise self.fail(f"{key} = {value!r}, expected a positive number.")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.fail(f"{key} = {value!r}, expected true or false.")
        return bool(value)


def _refuse_unsupported(reader: _Reader, family: str) -> None:
    values = reader.values
    if values.get("auto_map"):
        raise reader.fail(
            "auto_map asks for code from the model directory to be run, which never happens here. "
            f"Use a checkpoint of a built-in architecture ({', '.join(FAMILIES)})."
        )
    if values.get("quantization_config"):
        raise reader.fail(
            "quantization_config: quantised weights cannot be trained. Use the checkpoint in "
            "float32, float16 or bfloat16."
        )
    if values.get("hidden_act", "silu") not in ACTIVATIONS:
        reader.choice("hidden_act", ACTIVATIONS)
    window = _active_window(values, family)
    if window is not None:
        raise reader.fail(
            f"sliding-window attention ({window} tokens) is active and not supported; only full "
            f'attention is. Supported: use_sliding_window = false, or layer_types all "full_'
            f'attention".'
        )


def _active_window(values: Mapping[str, Any], family: str) -> Any:
    """The window in tokens if any layer's attention is limited by it within the context."""
    window = values.get("sliding_window")
    if window is None or (family != "llama" and not values.get("use_sliding_window")):
        return None
    limit = values.get("max_position_embeddings") or _DEFAULT_MAX_POSITION[family]
    if isinstance(window, int) and isinstance(limit, int) and window >= limit:
        return None
    if family == "llama":
        return window
    kinds = values.get("layer_types")
    if isinstance(kinds, list):
        return window if any(kind != "full_attention" for kind in kinds) else None
    first = values.get("max_window_layers", 28)
    return window if first < values.get("num_hidden_layers", 32) else None


def _head_dim(reader: _Reader, family: str, hidden: int, heads: int) -> int:
    if reader.values.get("head_dim") is None and family != "qwen3" and hidden % heads:
        raise reader.fail(
            f"hidden_size = {hidden} is not a multiple of num_attention_heads = {heads}, and there "
            f"is no head_dim."
        )
    return reader.size("head_dim", 1 << 14, default=128 if family == "qwen3" else hidden // heads)


def _max_position(reader: _Reader, family: str) -> int:
    default = _DEFAULT_MAX_POSITION[family]
    return reader.size("max_position_embeddings", 1 << 40, default=default)


def _check_heads(reader: _Reader, config: ModelConfig) -> None:
    if config.num_heads % config.num_kv_heads:
        raise reader.fail(
            f"num_attention_heads = {config.num_heads} is not a multiple of num_key_value_heads = "
            f"{config.num_kv_heads}."
        )
    if config.head_dim % 2:
        raise reader.fail(f"head_dim = {config.head_dim}; rotary embedding needs an even one.")


def _rope(reader: _Reader, family: str) -> RopeConfig:
    """Scaling and base, in the order of precedence of transformers 5.

    ``rope_scaling`` wins over ``rope_parameters``; ``rope_theta`` inside either wins over the one
    beside it.
    """
    declared = reader.values.get("rope_scaling") or reader.values.get("rope_parameters") or {}
    if not isinstance(declared, dict) or any(isinstance(v, dict) for v in declared.values()):
        raise reader.fail("rope_parameters that differ between layers are not supported.")
    parameters = {key: value for key, value in declared.items() if value is not None}
    kind = parameters.pop("rope_type", None) or parameters.get("type", "default")
    parameters.pop("type", None)
    theta = parameters.pop("rope_theta", None) or reader.values.get("rope_theta")
    _check_rope(reader, kind, parameters)
    known = _ROPE_NUMBERS | {"truncate"} if kind != "default" else set()
    parameters = {key: value for key, value in parameters.items() if key in known}
    if kind in ("llama3", "yarn"):
        outer = reader.values.get("original_max_position_embeddings")
        inner = parameters.get("original_max_position_embeddings")
        parameters["original_max_position_embeddings"] = (
            outer or inner or _max_position(reader, family)
        )
    return RopeConfig(
        theta=reader.positive("rope_theta", 10_000.0 if theta is None else theta),
        scaling=kind,
        parameters=parameters,
    )


def _check_rope(reader: _Reader, kind: Any, parameters: dict[str, Any]) -> None:
    if kind not in ROPE_SCALINGS:
        raise reader.fail(
            f"rope type {kind!r} is not supported. Supported: {', '.join(ROPE_SCALINGS)}."
        )
    partial = parameters.pop("partial_rotary_factor", reader.values.get("partial_rotary_factor"))
    if partial not in (None, 1, 1.0):
        raise reader.fail(
            f"partial_rotary_factor = {partial!r} is not supported; heads are rotated whole."
        )
    for key in _ROPE_NEEDS[kind]:
        if key not in parameters:
            raise reader.fail(f'rope type "{kind}" needs "{key}" in rope_scaling.')
    for key in _ROPE_NUMBERS & set(parameters):
        if parameters[key] != 0 or key in _ROPE_NEEDS[kind]:
            reader.positive(f"rope_scaling.{key}", parameters[key])


def _check_expressible(config: ModelConfig) -> None:
    """Whether the biases and norms are those that the family's config.json can say."""
    biases = (config.attention_bias, config.output_bias)
    fits = {
        "llama": biases[0] == biases[1] and not config.query_key_norm,
        "qwen2": biases == (True, False) and not config.query_key_norm and not config.mlp_bias,
        "qwen3": biases[0] == biases[1] and config.query_key_norm and not config.mlp_bias,
    }
    if not fits[config.family]:
        raise DataError(
            f"cannot write config.json: a {config.family} model with attention_bias = "
            f"{biases[0]}, output_bias = {biases[1]}, mlp_bias = {config.mlp_bias}, "
            f"query_key_norm = {config.query_key_norm} does not exist at Hugging Face. qwen2 has "
            f"attention_bias only, qwen3 has query_key_norm, llama and qwen3 have both or no "
            f"attention biases."
        )


def _fresh(config: ModelConfig) -> dict[str, Any]:
    values: dict[str, Any] = {
        "architectures": [ARCHITECTURES[config.family]],
        "model_type": config.family,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "attention_dropout": 0.0,
        "use_cache": True,
        # Null, because Llama's defaults 1 and 2 would be ordinary tokens of another vocabulary.
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    values |= {key: getattr(config, name) for name, key in _PLAIN_KEYS.items()}
    if config.family != "qwen2":
        values["attention_bias"] = config.attention_bias
    if config.family == "llama":
        values["mlp_bias"] = config.mlp_bias
    else:
        values |= {"use_sliding_window": False, "sliding_window": None}
    return values | _rope_keys(config.rope, new_layout=False)


def _rope_keys(rope: RopeConfig, *, new_layout: bool) -> dict[str, Any]:
    scaling = {"rope_type": rope.scaling, **rope.parameters}
    if new_layout:
        return {"rope_parameters": scaling | {"rope_theta": rope.theta}, "rope_theta": rope.theta}
    is_default = rope.scaling == "default"
    return {"rope_theta": rope.theta, "rope_scaling": None if is_default else scaling}
