"""Loading and saving: where each row goes, round trips, and directories that must be refused."""

import json
import os
import pickle
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cogitate.errors import DataError
from cogitate.models.card import ModelCard
from cogitate.models.config import ModelConfig
from cogitate.models.transformer import Transformer
from cogitate.models.weights import load_model, read_config, save_model, tensor_slots
from tiny_models import TINY, TINY_QWEN2, TINY_QWEN3, random_model

BIASED = replace(TINY, attention_bias=True, output_bias=True, mlp_bias=True)
CONFIGS = [TINY, BIASED, replace(TINY, tie_embeddings=False), TINY_QWEN2, TINY_QWEN3]


def assert_same(left: Transformer, right: Transformer) -> None:
    ours, theirs = left.state_dict(), right.state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def edit(directory: Path, changes: dict[str, Any]) -> None:
    """Rewrite model.safetensors: a tensor replaces, None removes."""
    tensors = load_file(directory / "model.safetensors") | changes
    kept = {name: value for name, value in tensors.items() if value is not None}
    save_file(kept, directory / "model.safetensors")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(random_model(TINY), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("config", CONFIGS)
def test_slots_cover_every_row_of_every_parameter_once(config: ModelConfig) -> None:
    parameters = dict(Transformer(config).named_parameters())
    rows = {name: torch.zeros(len(value)) for name, value in parameters.items()}
    for slot in tensor_slots(config).values():
        assert slot.shape[1:] == parameters[slot.parameter].shape[1:]
        rows[slot.parameter][slot.start : slot.start + slot.shape[0]] += 1
    assert all((count == 1).all() for count in rows.values())


def test_q_k_v_and_gate_up_are_row_blocks_in_that_order() -> None:
    slots = tensor_slots(BIASED)
    layer = "model.layers.1."
    starts = {
        layer + "self_attn.q_proj.weight": ("layers.1.attention.qkv.weight", 0, (16, 16)),
        layer + "self_attn.k_proj.weight": ("layers.1.attention.qkv.weight", 16, (8, 16)),
        layer + "self_attn.v_proj.weight": ("layers.1.attention.qkv.weight", 24, (8, 16)),
        layer + "self_attn.v_proj.bias": ("layers.1.attention.qkv.bias", 24, (8,)),
        layer + "mlp.gate_proj.weight": ("layers.1.mlp.gate_up.weight", 0, (24, 16)),
        layer + "mlp.up_proj.weight": ("layers.1.mlp.gate_up.weight", 24, (24, 16)),
        layer + "mlp.down_proj.bias": ("layers.1.mlp.down.bias", 0, (16,)),
    }
    for name, expected in starts.items():
        assert (slots[name].parameter, slots[name].start, slots[name].shape) == expected


@pytest.mark.parametrize("config", CONFIGS)
def test_save_then_load_is_bit_exact(tmp_path: Path, config: ModelConfig) -> None:
    model = random_model(config)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert_same(model, loaded)
    assert loaded.config == config == read_config(tmp_path / "model")
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    ids = torch.arange(12).reshape(2, 6)
    assert torch.equal(model(ids), loaded(ids))


def test_shards_hold_at_most_the_bytes_asked_for_and_load_back(tmp_path: Path) -> None:
    model = random_model(TINY_QWEN2)
    save_model(model, tmp_path / "model", shard_bytes=4000)
    shards = sorted((tmp_path / "model").glob("*.safetensors"))
    assert len(shards) > 2
    assert shards[0].name == f"model-00001-of-{len(shards):05d}.safetensors"
    for shard in shards:
        assert sum(t.numel() * 4 for t in load_file(shard).values()) <= 4000
    index = json.loads((tmp_path / "model" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(p.numel() * 4 for p in model.parameters())
    assert index["weight_map"].keys() == tensor_slots(TINY_QWEN2).keys()
    assert_same(model, load_model(tmp_path / "model"))


def test_a_tied_head_is_not_written(saved: Path) -> None:
    assert "lm_head.weight" not in load_file(saved / "model.safetensors")
    assert json.loads((saved / "config.json").read_text())["tie_word_embeddings"] is True


def test_files_carry_the_format_that_transformers_asks_for(saved: Path) -> None:
    raw = (saved / "model.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    assert header["__metadata__"] == {"format": "pt"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_another_dtype_rounds_once(tmp_path: Path, dtype: torch.dtype) -> None:
    model = random_model(TINY)
    save_model(model, tmp_path / "model", dtype=dtype)
    stored = load_file(tmp_path / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {dtype}
    name = str(dtype).removeprefix("torch.")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["torch_dtype"] == name
    loaded = load_model(tmp_path / "model")
    for ours, theirs in zip(model.parameters(), loaded.parameters(), strict=True):
        assert torch.equal(ours.to(dtype).float(), theirs)
    assert load_model(tmp_path / "model", dtype=dtype).embedding.weight.dtype == dtype


def test_companions_of_the_source_are_copied_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    save_model(random_model(TINY), source)
    declared = json.loads((source / "config.json").read_text()) | {"eos_token_id": 7, "mine": 1}
    (source / "config.json").write_text(json.dumps(declared))
    for name in ("tokenizer.json", "chat_template.jinja", "generation_config.json", "LICENSE"):
        (source / name).write_text(name)
    for name in ("modeling_evil.py", "pytorch_model.bin", "README.md", "manifest.json"):
        (source / name).write_text(name)
    save_model(random_model(TINY, seed=1), tmp_path / "out", source=source)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "LICENSE",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (tmp_path / "out" / "tokenizer.json").read_text() == "tokenizer.json"
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == declared


def test_a_model_can_be_saved_over_its_own_source(saved: Path) -> None:
    (saved / "tokenizer.json").write_text("{}")
    changed = random_model(TINY, seed=5)
    save_model(changed, saved, source=saved, card=ModelCard(title="T", summary="S."))
    assert_same(changed, load_model(saved))
    assert (saved / "tokenizer.json").read_text() == "{}"
    assert "# T" in (saved / "README.md").read_text()


def test_saving_never_removes_foreign_files(saved: Path) -> None:
    (saved / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match=r"holds other files \(thesis.tex\)"):
        save_model(random_model(TINY, seed=1), saved)
    assert (saved / "thesis.tex").read_text() == "years of work"
    assert_same(random_model(TINY), load_model(saved))


def test_saving_as_a_family_that_the_source_is_not_changes_nothing(saved: Path) -> None:
    target = saved.parent / "out"
    with pytest.raises(DataError, match="cannot save a qwen2 model"):
        save_model(random_model(TINY_QWEN2), target, source=saved)
    assert not target.exists()


def test_a_repeated_tied_head_and_old_rotary_buffers_are_ignored(saved: Path) -> None:
    edit(
        saved,
        {
            "lm_head.weight": torch.zeros(48, 16),
            "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2),
        },
    )
    assert_same(random_model(TINY), load_model(saved))


def test_missing_unexpected_and_misshapen_tensors_are_all_listed(saved: Path) -> None:
    edit(
        saved,
        {
            "model.norm.weight": None,
            "model.layers.0.extra.weight": torch.zeros(1),
            "model.embed_tokens.weight": torch.zeros(47, 16),
        },
    )
    with pytest.raises(DataError) as caught:
        load_model(saved)
    text = str(caught.value)
    assert "1 missing: model.norm.weight" in text
    assert "1 unexpected: model.layers.0.extra.weight" in text
    assert "model.embed_tokens.weight is [47, 16], expected [48, 16]" in text


def test_a_head_that_config_json_promises_must_be_there(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text()) | {"tie_word_embeddings": False}
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"1 missing: lm_head.weight"):
        load_model(saved)


def test_integer_weights_are_refused(saved: Path) -> None:
    edit(saved, {"model.norm.weight": torch.zeros(16, dtype=torch.int8)})
    with pytest.raises(DataError, match=r"model.norm.weight is stored as I8"):
        load_model(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(saved: Path, value: float) -> None:
    bad = load_file(saved / "model.safetensors")["model.layers.1.mlp.down_proj.weight"]
    bad[3, 4] = value
    edit(saved, {"model.layers.1.mlp.down_proj.weight": bad})
    with pytest.raises(DataError, match=r"layers.1.mlp.down_proj.weight holds NaN or infinity"):
        load_model(saved)


def header_file(path: Path, header: bytes, data: bytes = b"") -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 100) + b"{}",
    ],
)
def test_a_damaged_file_is_refused(saved: Path, raw: bytes) -> None:
    (saved / "model.safetensors").write_bytes(raw)
    with pytest.raises(DataError, match="not a valid safetensors file"):
        load_model(saved)


def test_overlapping_and_truncated_tensors_are_refused(saved: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header_file(
        saved / "model.safetensors", json.dumps({"a": entry, "b": entry}).encode(), b"\0" * 4
    )
    with pytest.raises(DataError, match="not a valid safetensors file"):
        load_model(saved)
    save_model(random_model(TINY), saved)
    whole = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(whole[:-1])
    with pytest.raises(DataError, match="not a valid safetensors file"):
        load_model(saved)


class MakesDirectory:
    """Unpickling this creates a directory: the sign that code in a checkpoint was run."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.path,)


def test_pickles_are_named_and_never_opened(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    canary = saved / "canary"
    (saved / "pytorch_model.bin").write_bytes(pickle.dumps(MakesDirectory(str(canary))))
    with pytest.raises(DataError, match=r"only pickled weights \(pytorch_model.bin\)"):
        load_model(saved)
    assert not canary.exists()


def test_an_adapter_and_an_empty_directory_are_explained(saved: Path) -> None:
    (saved / "model.safetensors").rename(saved / "adapter_model.safetensors")
    with pytest.raises(DataError, match="a LoRA adapter"):
        load_model(saved)
    (saved / "adapter_model.safetensors").unlink()
    with pytest.raises(DataError, match=r"no model.safetensors .*found: config.json"):
        load_model(saved)


@pytest.mark.parametrize(
    "file",
    [
        "../../etc/passwd",
        "../model.safetensors",
        "/etc/shadow.safetensors",
        "sub/model.safetensors",
        "..\\model.safetensors",
        "C:model.safetensors",
        ".hidden.safetensors",
        "pytorch_model.bin",
        7,
    ],
)
def test_an_index_cannot_point_out_of_the_directory(saved: Path, file: object) -> None:
    (saved / "model.safetensors").unlink()
    index = {"weight_map": {"model.norm.weight": file}}
    (saved / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="Do not trust this checkpoint"):
        load_model(saved)


def test_an_index_must_agree_with_its_shards(tmp_path: Path) -> None:
    save_model(random_model(TINY), tmp_path / "m", shard_bytes=4000)
    index = tmp_path / "m" / "model.safetensors.index.json"
    placement = json.loads(index.read_text())["weight_map"]
    first, last = sorted(set(placement.values()))[0], sorted(set(placement.values()))[-1]
    index.write_text(json.dumps({"weight_map": placement | {"model.norm.weight": first}}))
    with pytest.raises(DataError, match=f"{first}: no tensor 'model.norm.weight'"):
        load_model(tmp_path / "m")
    index.write_text(json.dumps({"weight_map": placement}))
    (tmp_path / "m" / last).unlink()
    with pytest.raises(DataError, match=f"{last}: the index names this file"):
        load_model(tmp_path / "m")
    index.write_text("{}")
    with pytest.raises(DataError, match="no weight_map"):
        load_model(tmp_path / "m")
