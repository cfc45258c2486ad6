"""Facts about a model directory, against hand-made counts and against the model itself."""

import json
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from cogitate.errors import DataError
from cogitate.models.card import ModelCard
from cogitate.models.config import ModelConfig
from cogitate.models.info import count_parameters, model_info, read_safetensors_header
from cogitate.models.transformer import Transformer
from cogitate.models.weights import save_model
from tiny_models import TINY, TINY_QWEN2, TINY_QWEN3, random_model

BIASED = replace(TINY, attention_bias=True, output_bias=True, mlp_bias=True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    save_model(random_model(TINY), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    "config", [TINY, BIASED, replace(TINY, tie_embeddings=False), TINY_QWEN2, TINY_QWEN3]
)
def test_the_count_is_that_of_the_model(config: ModelConfig) -> None:
    model = Transformer(config)
    total, embedding = count_parameters(config)
    assert total == sum(parameter.numel() for parameter in model.parameters())
    assert embedding == 48 * 16 * (1 if config.tie_embeddings else 2)


def test_costs_by_hand(directory: Path) -> None:
    info = model_info(directory)
    # A layer: q 16x16, k and v 8x16 each, out 16x16 = 768; gate, up, down 3 x 24 x 16 = 1152;
    # two norms 32. Two layers, the last norm 16, the table 48 x 16 = 768.
    assert info.parameters == 2 * (768 + 1152 + 32) + 16 + 768 == 4688
    assert info.embedding_parameters == 768
    assert info.non_embedding_parameters == 3920
    # Two FLOPs for each entry of a matrix, the tied head included.
    assert info.flops_per_token == 2 * (2 * (768 + 1152) + 768) == 9216
    # A query head: 4 multiply-adds for the score, 4 for the sum; 4 heads, 2 layers.
    assert info.attention_flops_per_token_pair == 2 * (4 + 4) * 4 * 2
    # Keys and values, 2 layers, 2 heads, 4 dimensions, 4 bytes.
    assert info.kv_bytes_per_token == 2 * 2 * 2 * 4 * 4
    assert info.inference_bytes == 4 * 4688
    assert info.training_bytes == 16 * 4688
    assert info.weight_bytes == 4 * 4688
    assert info.weight_dtypes == ("F32",)


def test_shape_is_that_of_config_json(directory: Path) -> None:
    info = model_info(directory)
    assert (info.family, info.num_layers, info.num_heads, info.num_kv_heads) == ("llama", 2, 4, 2)
    assert (info.hidden_size, info.head_dim, info.intermediate_size) == (16, 4, 24)
    assert (info.vocab_size, info.context_length, info.tie_embeddings) == (48, 64, True)
    assert info.rope == "default, theta 10000"
    assert info.directory == str(directory)


def test_config_json_alone_is_enough(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    info = model_info(directory)
    assert info.parameters == 4688
    assert (info.weight_dtypes, info.weight_bytes) == ((), 0)
    assert (info.tokenizer_size, info.has_chat_template, info.provenance) == (None, False, None)


def test_shards_are_added_up_and_strangers_are_not(tmp_path: Path) -> None:
    model = random_model(TINY).to(torch.bfloat16)
    save_model(model, tmp_path / "m", shard_bytes=2000)
    save_file({"a": torch.zeros(1000)}, tmp_path / "m" / "consolidated.safetensors")
    info = model_info(tmp_path / "m")
    assert info.weight_bytes == 2 * 4688
    assert info.weight_dtypes == ("BF16",)


def test_the_dictionary_is_json(directory: Path) -> None:
    values = model_info(directory).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["weight_dtypes"] == ["F32"]


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def test_the_tokenizer_counts_vocabulary_and_additions_once(directory: Path) -> None:
    added = [{"content": "<end>"}, {"content": "b"}]
    model = {"vocab": {"a": 0, "b": 1, "c": 2}}
    write_json(directory / "tokenizer.json", {"model": model, "added_tokens": added})
    assert model_info(directory).tokenizer_size == 4
    unigram = {"vocab": [["a", -1.0], ["b", -2.0]]}
    write_json(directory / "tokenizer.json", {"model": unigram, "added_tokens": added})
    assert model_info(directory).tokenizer_size == 3


def test_a_chat_template_is_found_in_either_place(directory: Path) -> None:
    write_json(directory / "tokenizer_config.json", {"chat_template": None})
    assert not model_info(directory).has_chat_template
    write_json(directory / "tokenizer_config.json", {"chat_template": "{{ messages }}"})
    assert model_info(directory).has_chat_template
    (directory / "tokenizer_config.json").unlink()
    (directory / "chat_template.jinja").write_text("{{ messages }}")
    assert model_info(directory).has_chat_template


def test_provenance_is_the_manifest_before_the_card(directory: Path) -> None:
    (directory / "README.md").write_text("# Just a title\nbase_model: no front matter\n")
    assert model_info(directory).provenance is None
    ModelCard(title="T", summary="S.", base_model="org/base").write(directory)
    assert model_info(directory).provenance == "based on org/base"
    write_json(directory / "manifest.json", {"preset": "tiny", "source": "tiny==1"})
    assert model_info(directory).provenance == "preset tiny, from tiny==1"


def entry(start: int, end: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [(end - start) // 4], "data_offsets": [start, end]}


def raw(header: object, data: int) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * data


def test_a_header_is_read_without_its_metadata(tmp_path: Path) -> None:
    header = {"__metadata__": {"format": "pt"}, "a": entry(0, 8), "b": entry(8, 12)}
    (tmp_path / "x.safetensors").write_bytes(raw(header, 12))
    assert read_safetensors_header(tmp_path / "x.safetensors").keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a safetensors file"),
        (struct.pack("<Q", 2**63) + b"{}", "header of 9223372036854775808 bytes"),
        (struct.pack("<Q", 2) + b"[]", "header is damaged"),
        (raw({"a": {"dtype": "F32"}}, 4), "header is damaged"),
        (raw({"a": entry(0, 8)}, 4), "cut short"),
    ],
)
def test_a_damaged_header_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_safetensors_header(tmp_path / "x.safetensors")


def test_info_does_not_import_torch(directory: Path) -> None:
    import cogitate

    code = (
        "import sys; from pathlib import Path; from cogitate.models.info import model_info\n"
        "print(model_info(Path(sys.argv[1])).parameters, 'torch' in sys.modules)"
    )
    source = Path(cogitate.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(directory)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(source)},
    )
    assert done.stdout.split() == ["4688", "False"]


def test_a_directory_without_config_json_is_an_error(directory: Path) -> None:
    shutil.rmtree(directory)
    with pytest.raises(DataError, match="no such file"):
        model_info(directory)
