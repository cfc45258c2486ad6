"""GGUF files that the test writes: reading, un-permuting, the tokenizer, and damage."""

import json
import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from cogitate.errors import DataError
from cogitate.models.gguf_convert import convert_gguf, unpermute
from cogitate.models.gguf_reader import GGUFFile
from cogitate.models.hf_config import read_config
from cogitate.models.weights import load_model
from tiny_models import CHAT, TOKENS, gguf_header, permute, write_gguf


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_gguf(tmp_path / "tiny.gguf")
    return tmp_path / "tiny.gguf"


def converted(tmp_path: Path, **arguments: Any) -> Path:
    write_gguf(tmp_path / "tiny.gguf", **arguments)
    convert_gguf(tmp_path / "tiny.gguf", tmp_path / "out")
    return tmp_path / "out"


def test_the_reader_agrees_with_the_package_gguf(file: Path) -> None:
    ours, theirs = GGUFFile(file), gguf.GGUFReader(file)
    assert ours.metadata == {
        name: field.contents()
        for name, field in theirs.fields.items()
        if not name.startswith("GGUF.")
    }
    assert ours.entries.keys() == {tensor.name for tensor in theirs.tensors}
    for tensor in theirs.tensors:
        assert np.array_equal(ours.tensor(tensor.name), tensor.data)


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q5_1", "Q8_0", "F16", "BF16"])
def test_stored_types_are_dequantised_row_by_row(tmp_path: Path, kind: str) -> None:
    quantised = gguf.GGMLQuantizationType[kind]
    values = np.random.default_rng(0).standard_normal((6, 64)).astype(np.float32)
    stored = values.astype(np.float16) if kind == "F16" else quantize(values, quantised)
    writer = gguf.GGUFWriter(tmp_path / "q.gguf", "llama")
    writer.add_tensor("t", stored, raw_dtype=quantised)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    read = GGUFFile(tmp_path / "q.gguf").tensor("t")
    assert read.dtype == np.float32
    expected = stored.astype(np.float32) if kind == "F16" else dequantize(stored, quantised)
    assert np.array_equal(read, expected)
    assert np.abs(read - values).max() < 0.5


def test_a_block_of_q4_1_by_hand(tmp_path: Path) -> None:
    # value = scale * nibble + minimum; low nibbles are values 0-15, high nibbles 16-31.
    block = np.float16(0.5).tobytes() + np.float16(-1.0).tobytes() + bytes([0x30] * 15 + [0xF2])
    writer = gguf.GGUFWriter(tmp_path / "q.gguf", "llama")
    raw = np.frombuffer(block, np.uint8).reshape(1, 20)
    writer.add_tensor("t", raw, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    read = GGUFFile(tmp_path / "q.gguf").tensor("t")
    assert read.tolist() == [[-1.0] * 15 + [0.0] + [0.5] * 15 + [6.5]]


def test_unpermute_undoes_the_permutation_written_out() -> None:
    rows = np.arange(2 * 6 * 3).reshape(12, 3)
    assert np.array_equal(unpermute(permute(rows, 2), 2), rows)
    assert permute(np.arange(6), 1).tolist() == [0, 3, 1, 4, 2, 5]
    assert unpermute(np.arange(6), 1).tolist() == [0, 2, 4, 1, 3, 5]


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_converted_weights_are_those_that_went_in(tmp_path: Path, family: str) -> None:
    norms = {}
    if family == "qwen3":
        norms = {f"blk.0.attn_{x}_norm.weight": np.full(4, 2.0, np.float32) for x in "qk"}
    expected = write_gguf(tmp_path / "tiny.gguf", family=family, changes={"tensors": norms})
    convert_gguf(tmp_path / "tiny.gguf", tmp_path / "out")
    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert stored.keys() - expected.keys() == {
        f"model.layers.0.self_attn.{x}_norm.weight" for x in "qk" if norms
    }
    for name, values in expected.items():
        assert np.array_equal(stored[name], values), name


def test_converted_directory_loads_as_a_model(tmp_path: Path) -> None:
    out = converted(tmp_path)
    config = read_config(out)
    assert (config.family, config.num_layers, config.num_kv_heads, config.head_dim) == (
        "llama", 1, 2, 4,
    )  # fmt: skip
    assert config.tie_embeddings
    assert config.vocab_size == len(TOKENS)
    assert (config.norm_eps, config.rope.theta) == (1e-5, 500_000.0)
    fused = load_model(out).state_dict()["layers.0.attention.qkv.weight"]
    q = load_file(out / "model.safetensors")["model.layers.0.self_attn.q_proj.weight"]
    assert np.array_equal(fused[:16].numpy(), q)


def test_biases_and_an_own_head_show_in_config_json(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tensors = {
        f"blk.0.attn_{name}.bias": rng.standard_normal(size).astype(np.float32)
        for name, size in (("q", 16), ("k", 8), ("v", 8), ("output", 16))
    }
    tensors["output.weight"] = rng.standard_normal((len(TOKENS), 16)).astype(np.float32)
    out = converted(tmp_path, changes={"tensors": tensors})
    config = read_config(out)
    assert config.attention_bias
    assert config.output_bias
    assert not config.tie_embeddings
    stored = load_file(out / "model.safetensors")
    bias = stored["model.layers.0.self_attn.k_proj.bias"]
    assert np.array_equal(permute(bias, 2), tensors["blk.0.attn_k.bias"])
    assert np.array_equal(stored["lm_head.weight"], tensors["output.weight"])


def test_yarn_scaling_is_carried_over(tmp_path: Path) -> None:
    keys = {
        "llama.rope.scaling.type": "yarn",
        "llama.rope.scaling.factor": 4.0,
        "llama.rope.scaling.original_context_length": 16,
    }
    rope = read_config(converted(tmp_path, changes=keys)).rope
    assert rope.scaling == "yarn"
    assert rope.parameters == {"factor": 4.0, "original_max_position_embeddings": 16}


def test_the_tokenizer_keeps_digits_apart_and_merges_words(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(converted(tmp_path) / "tokenizer.json"))
    assert tokenizer.encode("the the").tokens == ["the", "Ġthe"]
    # The merge "1 2" exists but cannot apply: smollm cuts every digit off first.
    assert tokenizer.encode("in 12").tokens == ["in", "Ġ", "1", "2"]
    assert tokenizer.encode("the<|end|>").ids == [TOKENS.index("the"), 0]
    for text in ("it's 3.14 \n\n  déjà vu 数学 🙂", " leading", "tab\tend "):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_gpt2_splitting_keeps_numbers_together(tmp_path: Path) -> None:
    out = converted(tmp_path, changes={"tokenizer.ggml.pre": "gpt-2"})
    assert Tokenizer.from_file(str(out / "tokenizer.json")).encode("in 12").tokens == [
        "in", "Ġ", "12",
    ]  # fmt: skip


def test_the_qwen2_splitting_takes_digits_apart_and_contractions_off(tmp_path: Path) -> None:
    out = converted(tmp_path, changes={"tokenizer.ggml.pre": "qwen2"})
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    assert tokenizer.encode("12").tokens == ["1", "2"]
    assert tokenizer.pre_tokenizer is not None
    pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("IT'S 12\n x")]
    assert pieces == ["IT", "'S", "Ġ", "1", "2", "Ċ", "Ġx"]


def test_special_tokens_template_and_ids_are_written_where_readers_look(tmp_path: Path) -> None:
    out = converted(tmp_path)
    settings = json.loads((out / "tokenizer_config.json").read_text())
    assert (settings["eos_token"], settings["bos_token"]) == ("<|end|>", "<|user|>")
    assert "unk_token" not in settings
    assert settings["added_tokens_decoder"]["1"]["content"] == "<|user|>"
    assert settings["added_tokens_decoder"]["1"]["special"] is True
    assert settings["chat_template"] == (out / "chat_template.jinja").read_text() == CHAT
    assert settings["model_max_length"] == 64
    generation = json.loads((out / "generation_config.json").read_text())
    assert (generation["eos_token_id"], generation["bos_token_id"]) == (0, 1)
    assert json.loads((out / "config.json").read_text())["eos_token_id"] == 0


def test_without_a_template_none_is_written(tmp_path: Path) -> None:
    out = converted(tmp_path, changes={"tokenizer.chat_template": None})
    assert not (out / "chat_template.jinja").exists()
    assert "chat_template" not in json.loads((out / "tokenizer_config.json").read_text())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"general.architecture": "gemma"}, 'architecture "gemma". Known: llama, qwen2, qwen3'),
        ({"tokenizer.ggml.model": "llama"}, 'tokenizer model "llama"; only byte-level BPE'),
        ({"tokenizer.ggml.pre": "falcon"}, 'unknown pre-tokenizer "falcon". Known: gpt-2'),
        ({"tokenizer.ggml.eos_token_id": 999}, "eos token 999, but there are 263 tokens"),
        ({"llama.embedding_length": None}, 'metadata lacks "llama.embedding_length"'),
        ({"llama.attention.head_count": 5, "llama.attention.key_length": 4}, "5 is not a multiple"),
        ({"llama.rope.scaling.type": "longrope"}, 'rope scaling "longrope"'),
        ({"tensors": {"rope_freqs.weight": np.ones(2, np.float32)}}, "ready-made frequencies"),
        ({"tensors": {"blk.0.ffn_gate_inp.weight": np.ones((2, 2), np.float32)}}, "has no place"),
        ({"tensors": {"mystery": np.ones(2, np.float32)}}, '"mystery" has no place'),
    ],
)
def test_what_cannot_be_converted_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        converted(tmp_path, changes=changes)


def string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


ENDLESS = 2**60
DAMAGED = {
    "too short": b"GGUF",
    "does not start": b"GGML" + b"\0" * 40,
    "GGUF version 1": gguf_header(version=1),
    "GGUF version 50331648": gguf_header(version=3 << 24),  # big-endian
    "more than the file can hold": gguf_header(keys=ENDLESS),
    "declares 1152921504606846976 items": gguf_header(tensors=ENDLESS),
    "unknown metadata type 99": gguf_header(keys=1, rest=string(b"k") + struct.pack("<I", 99)),
    "can hold. It is damaged": gguf_header(
        keys=1, rest=string(b"k") + struct.pack("<IIQ", 9, 4, ENDLESS)
    ),
    "nested arrays": gguf_header(
        keys=1, rest=string(b"k") + struct.pack("<IIQ", 9, 9, 1) + b"\0" * 16
    ),
    "points to byte": gguf_header(keys=1, rest=string(b"k" * 9) + struct.pack("<IH", 8, 1)),
    "has 9 dimensions": gguf_header(tensors=1, rest=string(b"t") + struct.pack("<I", 9) + bytes(9)),
    "unknown type 77": gguf_header(
        tensors=1, rest=string(b"t") + struct.pack("<IQIQ", 1, 32, 77, 0)
    ),
    "ends at byte": gguf_header(
        tensors=1, rest=string(b"t") + struct.pack("<IQQIQ", 2, 2**40, 2**40, 0, 0)
    ),
    "not a multiple of the 32 values": gguf_header(
        tensors=1, rest=string(b"t") + struct.pack("<IQIQ", 1, 33, 2, 0)
    ),
    "occurs twice": gguf_header(
        tensors=2, rest=2 * (string(b"t") + struct.pack("<IQIQ", 1, 1, 0, 0)) + b"\0" * 64
    ),
}


@pytest.mark.parametrize("message", DAMAGED)
def test_damage_is_found_before_anything_is_allocated(tmp_path: Path, message: str) -> None:
    (tmp_path / "bad.gguf").write_bytes(DAMAGED[message])
    with pytest.raises(DataError, match=message):
        GGUFFile(tmp_path / "bad.gguf")


def test_every_truncation_is_an_error_and_never_a_crash(file: Path) -> None:
    whole = file.read_bytes()
    for size in range(0, len(whole) - 1, 997):
        file.write_bytes(whole[:size])
        with pytest.raises(DataError):
            GGUFFile(file)


def test_a_tensor_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(DataError, match=r'no tensor "blk.9.attn_q.weight"'):
        GGUFFile(file).tensor("blk.9.attn_q.weight")
