"""config.json: both layouts, every family, and everything that must be refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cogitate.errors import DataError
from cogitate.models.config import ModelConfig, RopeConfig
from cogitate.models.hf_config import parse_config, read_config, read_json, to_hf_config
from tiny_models import TINY, TINY_QWEN2, TINY_QWEN3

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 128,
}
QWEN2 = LLAMA | {"model_type": "qwen2"}
QWEN3 = LLAMA | {"model_type": "qwen3", "head_dim": 16}


def test_llama_with_everything_left_out_has_the_defaults_of_transformers() -> None:
    short = {key: LLAMA[key] for key in LLAMA if key not in ("num_key_value_heads", "rms_norm_eps")}
    del short["max_position_embeddings"]
    config = parse_config(short)
    assert config.num_kv_heads == config.num_heads == 4
    assert config.head_dim == 8
    assert config.norm_eps == 1e-6
    assert config.max_position == 2048
    assert config.rope == RopeConfig(theta=10_000.0)
    assert not config.tie_embeddings
    assert not any((config.attention_bias, config.output_bias, config.mlp_bias))


@pytest.mark.parametrize(
    ("values", "biases"),
    [
        (LLAMA, (False, False, False)),
        (LLAMA | {"attention_bias": True}, (True, True, False)),
        (LLAMA | {"mlp_bias": True}, (False, False, True)),
        (QWEN2, (True, False, False)),
        (QWEN2 | {"attention_bias": False, "mlp_bias": True}, (True, False, False)),
        (QWEN3, (False, False, False)),
        (QWEN3 | {"attention_bias": True}, (True, True, False)),
    ],
)
def test_biases_are_those_of_the_family(
    values: dict[str, Any], biases: tuple[bool, bool, bool]
) -> None:
    config = parse_config(values)
    assert (config.attention_bias, config.output_bias, config.mlp_bias) == biases
    assert config.query_key_norm == (values["model_type"] == "qwen3")


def test_qwen3_heads_are_128_wide_unless_stated() -> None:
    assert parse_config(QWEN3).head_dim == 16
    assert parse_config({k: v for k, v in QWEN3.items() if k != "head_dim"}).head_dim == 128
    assert parse_config(LLAMA | {"head_dim": None}).head_dim == 8


def test_old_and_new_layout_give_the_same_model() -> None:
    scaling = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    trained = {"original_max_position_embeddings": 64}
    old = LLAMA | {
        "rope_theta": 5e5,
        "rope_scaling": {"type": "llama3", **scaling, **trained},
        "torch_dtype": "bfloat16",
    }
    new = LLAMA | {
        "rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, **scaling, **trained},
        "dtype": "bfloat16",
    }
    assert parse_config(old) == parse_config(new)
    assert parse_config(old).rope == RopeConfig(
        theta=5e5, scaling="llama3", parameters=scaling | trained
    )


def test_theta_inside_wins_over_theta_beside() -> None:
    values = LLAMA | {"rope_theta": 1.0, "rope_parameters": {"rope_theta": 7.0}}
    assert parse_config(values).rope.theta == 7.0


def test_the_old_scaling_wins_over_the_new_one() -> None:
    values = LLAMA | {
        "rope_scaling": {"rope_type": "linear", "factor": 2.0},
        "rope_parameters": {"rope_type": "linear", "factor": 3.0},
    }
    assert parse_config(values).rope.parameters == {"factor": 2.0}


def test_the_trained_length_defaults_to_the_context_length() -> None:
    values = LLAMA | {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}
    assert parse_config(values).rope.parameters["original_max_position_embeddings"] == 128
    values["original_max_position_embeddings"] = 32
    assert parse_config(values).rope.parameters["original_max_position_embeddings"] == 32


def test_numbers_without_meaning_for_the_scaling_are_dropped() -> None:
    values = LLAMA | {"rope_scaling": {"rope_type": "default", "factor": 2.0}}
    assert parse_config(values).rope == RopeConfig()
    values = LLAMA | {"rope_scaling": {"type": "linear", "factor": 2, "finetuned": True}}
    assert parse_config(values).rope.parameters == {"factor": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gemma3"}, "model_type = 'gemma3'.*Supported: llama, qwen2, qwen3"),
        ({"model_type": None}, "model_type = None"),
        ({"model_type": ["llama"]}, "model_type = .'llama'."),
        ({"hidden_act": "gelu"}, "hidden_act = 'gelu'.*Supported: silu, swish"),
        ({"auto_map": {"AutoModel": "x.Y"}}, "auto_map.*never happens"),
        ({"quantization_config": {"bits": 4}}, "quantised weights cannot be trained"),
        ({"vocab_size": None}, "lacks vocab_size"),
        ({"vocab_size": 0}, "vocab_size = 0, expected a whole number from 1"),
        ({"vocab_size": "100"}, "vocab_size = '100'"),
        ({"num_hidden_layers": True}, "num_hidden_layers = True"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1000000000"),
        ({"rms_norm_eps": "tiny"}, "rms_norm_eps = 'tiny'"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps = nan"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings = 'yes', expected true or false"),
        ({"num_attention_heads": 5, "head_dim": 8}, "num_attention_heads = 5 is not a multiple"),
        ({"num_attention_heads": 6}, "hidden_size = 32 is not a multiple"),
        ({"head_dim": 7}, "head_dim = 7; rotary embedding needs an even one"),
        ({"rope_theta": -1}, "rope_theta = -1"),
        ({"rope_scaling": {"type": "longrope"}}, "'longrope'.*default, linear, dynamic, llama3"),
        ({"rope_scaling": {"type": "linear"}}, 'rope type "linear" needs "factor"'),
        ({"rope_scaling": {"type": "linear", "factor": 0}}, "rope_scaling.factor = 0"),
        ({"rope_scaling": {"type": "linear", "factor": "2"}}, "rope_scaling.factor = '2'"),
        ({"rope_scaling": [1]}, "differ between layers"),
        ({"rope_parameters": {"full_attention": {"rope_theta": 1}}}, "differ between layers"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor = 0.5"),
        ({"sliding_window": 32}, "sliding-window attention .32 tokens. is active"),
    ],
)
def test_what_would_change_the_numbers_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_config(LLAMA | changes, where="some/config.json")
    assert str(caught.value).startswith("some/config.json: ")


WINDOW = QWEN2 | {"use_sliding_window": True, "sliding_window": 32, "max_window_layers": 1}


@pytest.mark.parametrize(
    "values",
    [
        WINDOW | {"use_sliding_window": False},
        WINDOW | {"sliding_window": None},
        WINDOW | {"max_window_layers": 2},  # from layer 2 on, but there are two layers
        WINDOW | {"sliding_window": 128},  # as long as the context
        WINDOW | {"layer_types": ["full_attention", "full_attention"]},
        LLAMA | {"sliding_window": 4096},
    ],
)
def test_a_sliding_window_that_limits_nothing_is_accepted(values: dict[str, Any]) -> None:
    assert parse_config(values).max_position == 128


@pytest.mark.parametrize(
    "changes", [{}, {"max_window_layers": 99, "layer_types": ["full_attention", "sliding"]}]
)
def test_a_sliding_window_that_limits_a_layer_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="use_sliding_window = false"):
        parse_config(WINDOW | changes)


YARN = RopeConfig(
    theta=1e6,
    scaling="yarn",
    parameters={"factor": 4.0, "original_max_position_embeddings": 16, "truncate": False},
)


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, attention_bias=True, output_bias=True, mlp_bias=True),
        replace(TINY, rope=YARN, head_dim=10, num_kv_heads=4),
        TINY_QWEN2,
        TINY_QWEN3,
        replace(TINY_QWEN3, attention_bias=True, output_bias=True, rope=YARN),
    ],
)
def test_a_written_config_reads_back_as_itself(config: ModelConfig) -> None:
    written = json.loads(json.dumps(to_hf_config(config, dtype="bfloat16")))
    assert parse_config(written) == config
    assert written["torch_dtype"] == "bfloat16"


def test_a_source_keeps_every_field_that_means_the_same() -> None:
    source = LLAMA | {"eos_token_id": [2, 7], "rope_theta": 10_000, "custom": {"a": 1}}
    assert to_hf_config(parse_config(source), source=source) == source | {"torch_dtype": "float32"}


def test_a_source_changes_only_where_the_model_did() -> None:
    source = LLAMA | {"dtype": "bfloat16", "custom": 1, "rope_theta": 10_000}
    grown = replace(parse_config(source), vocab_size=128, tie_embeddings=True)
    assert to_hf_config(grown, source=source, dtype="float16") == source | {
        "vocab_size": 128,
        "tie_word_embeddings": True,
        "dtype": "float16",
    }


@pytest.mark.parametrize(
    "layout",
    [
        {"rope_theta": 1e4, "rope_scaling": {"type": "linear", "factor": 2.0}},
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
        {"original_max_position_embeddings": 8},
    ],
)
def test_new_scaling_is_written_in_the_layout_of_the_source(layout: dict[str, Any]) -> None:
    source = LLAMA | layout
    changed = replace(parse_config(source), rope=YARN)
    written = to_hf_config(changed, source=source)
    assert parse_config(written) == changed
    assert ("rope_parameters" in written) == ("rope_parameters" in layout)
    assert parse_config(to_hf_config(parse_config(source), source=written)).rope.scaling in (
        "default",
        "linear",
    )


def test_a_source_of_another_family_is_refused() -> None:
    with pytest.raises(DataError, match=r"cannot save a llama model .* of a qwen2 model"):
        to_hf_config(TINY, source=QWEN2)


@pytest.mark.parametrize(
    "config",
    [
        replace(TINY, attention_bias=True),
        replace(TINY, query_key_norm=True),
        replace(TINY_QWEN2, attention_bias=False),
        replace(TINY_QWEN2, mlp_bias=True),
        replace(TINY_QWEN3, query_key_norm=False),
    ],
)
def test_a_model_that_hugging_face_cannot_describe_is_not_written(config: ModelConfig) -> None:
    with pytest.raises(DataError, match="does not exist at Hugging Face"):
        to_hf_config(config)


def test_read_config_reads_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    assert read_config(tmp_path) == parse_config(LLAMA)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[1]", "a JSON list, expected an object"),
        (b"[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_config(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)


def test_a_missing_and_an_endless_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file. A model directory holds"):
        read_config(tmp_path)
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DataError, match="expected a small JSON file"):
        read_json(tmp_path / "config.json")
