"""Our model against transformers: the same random checkpoint gives the same logits, both ways."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cogitate.models.fetch import cache_directory, resolve_model
from cogitate.models.hf_config import parse_config, read_config, read_json, to_hf_config
from cogitate.models.presets import PRESETS, is_complete
from cogitate.models.rope import rotary_frequencies
from cogitate.models.weights import load_model, save_model
from tiny_models import random_model

transformers = pytest.importorskip("transformers")

TOLERANCE = 1e-4
BASE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 56,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "bos_token_id": None,
    "eos_token_id": None,
}
ROPES: dict[str, dict[str, Any]] = {
    "default": {"rope_type": "default"},
    "linear": {"rope_type": "linear", "factor": 3.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "llama3": {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    },
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    "yarn mscale": {
        "rope_type": "yarn",
        "factor": 8.0,
        "original_max_position_embeddings": 8,
        "beta_fast": 16.0,
        "beta_slow": 2.0,
        "mscale": 0.7,
        "mscale_all_dim": 1.2,
        "truncate": False,
    },
}


def rope(name: str) -> dict[str, Any]:
    return {"rope_parameters": ROPES[name] | {"rope_theta": 5000.0}}


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama tied": ("llama", {"tie_word_embeddings": True}),
    "llama biased": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama attention bias": ("llama", {"attention_bias": True}),
    "llama wide heads": ("llama", {"head_dim": 12}),
    "llama one head each": ("llama", {"num_key_value_heads": None}),
    "llama one kv head": ("llama", {"num_key_value_heads": 1}),
    **{f"llama {name}": ("llama", rope(name)) for name in ROPES},
    "qwen2": ("qwen2", {}),
    "qwen2 tied yarn": ("qwen2", {"tie_word_embeddings": True} | rope("yarn")),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "qwen3 tied": ("qwen3", {"head_dim": 8, "tie_word_embeddings": True}),
    "qwen3 biased": ("qwen3", {"head_dim": 8, "attention_bias": True} | rope("linear")),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """transformers writes progress bars to the terminal."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


def make_theirs(family: str, changes: dict[str, Any]) -> Any:
    """A transformers model in which biases and norms are random too."""
    config = transformers.AutoConfig.for_model(family, **(BASE | changes))
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3)
    return model.eval()


def some_ids(length: int = 40) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 97, (2, length), generator=generator)


def difference(ours: Any, theirs: Any, ids: torch.Tensor) -> float:
    with torch.no_grad():
        return float((ours(ids) - theirs(ids).logits).abs().max())


def reload(directory: Path) -> Any:
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    return model.eval()


@pytest.mark.parametrize("case", CASES)
def test_a_checkpoint_of_transformers_gives_its_logits_here_and_back(
    tmp_path: Path, case: str
) -> None:
    theirs = make_theirs(*CASES[case])
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_model(tmp_path / "theirs")
    spread = float(theirs(some_ids()).logits.detach().std())
    assert spread > 0.1  # a model that answers nothing would agree with anything
    assert difference(ours, theirs, some_ids()) < TOLERANCE
    save_model(ours, tmp_path / "ours", source=tmp_path / "theirs")
    assert difference(ours, reload(tmp_path / "ours"), some_ids()) < TOLERANCE
    written = [read_json(tmp_path / name / "config.json") for name in ("theirs", "ours")]
    assert written[0] == written[1]


@pytest.mark.parametrize("case", ["llama biased", "llama llama3", "qwen2 tied yarn", "qwen3"])
def test_a_model_saved_without_a_source_loads_in_transformers(tmp_path: Path, case: str) -> None:
    family, changes = CASES[case]
    described = transformers.AutoConfig.for_model(family, **(BASE | changes)).to_dict()
    ours = random_model(parse_config(described))
    save_model(ours, tmp_path, shard_bytes=20_000)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert difference(ours, reload(tmp_path), some_ids()) < TOLERANCE


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_the_old_layout_means_the_same_to_both(tmp_path: Path, family: str) -> None:
    scaling = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
    old = BASE | {"model_type": family, "rope_theta": 700.0, "rope_scaling": scaling}
    values = to_hf_config(parse_config(old), source=old)
    kept = {key: value for key, value in values.items() if key not in ("model_type", "torch_dtype")}
    theirs = make_theirs(family, kept)
    theirs.save_pretrained(tmp_path)
    assert read_config(tmp_path) == parse_config(old)
    assert difference(load_model(tmp_path), theirs, some_ids()) < TOLERANCE


@pytest.mark.parametrize("name", [name for name in ROPES if name != "default"])
@pytest.mark.parametrize("length", [None, 10, 200])
def test_frequencies_are_those_of_transformers_to_the_last_bit(
    name: str, length: int | None
) -> None:
    theirs = transformers.LlamaConfig(**(BASE | rope(name)))
    kind = ROPES[name]["rope_type"]
    function = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS[kind]
    expected, scaling = function(theirs, torch.device("cpu"), seq_len=length)
    ours = rotary_frequencies(parse_config(theirs.to_dict()), sequence_length=length)
    assert torch.equal(ours[0], expected)
    assert ours[1] == scaling


def test_dynamic_scaling_beyond_the_trained_length(tmp_path: Path) -> None:
    theirs = make_theirs("llama", rope("dynamic"))
    theirs.save_pretrained(tmp_path)
    ours = load_model(tmp_path)
    plain = replace(ours.config, rope=replace(ours.config.rope, scaling="default"))
    assert difference(ours, theirs, some_ids(100)) < TOLERANCE
    ours.config = plain
    assert difference(ours, theirs, some_ids(100)) > 100 * TOLERANCE


needs_smollm2 = pytest.mark.needs_smollm2


@pytest.fixture(scope="module")
def smollm2() -> Path:
    preset = PRESETS["smollm2-135m"]
    if not is_complete(cache_directory() / "models" / preset.name, preset):
        pytest.skip("smollm2-135m is not in the cache")
    return resolve_model("smollm2-135m", offline=True)


@needs_smollm2
def test_smollm2_gives_the_logits_of_transformers(smollm2: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(smollm2)
    ids = tokenizer("Q: What is 23 + 54?\nA: 77\n\nThe cat", return_tensors="pt").input_ids
    assert difference(load_model(smollm2), reload(smollm2), ids) < TOLERANCE


@needs_smollm2
def test_smollm2_knows_the_capital_of_france(smollm2: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(smollm2)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    ).input_ids
    model = load_model(smollm2)
    prompt = ids.shape[1]
    with torch.no_grad():
        for _ in range(12):
            following = model(ids)[0, -1].argmax()
            ids = torch.cat((ids, following.reshape(1, 1)), dim=1)
    assert tokenizer.decode(ids[0, prompt:]).startswith("The capital of France is Paris.<|im_end|>")


@needs_smollm2
def test_smollm2_cuts_every_digit_and_finds_its_control_tokens(smollm2: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(smollm2)
    assert tokenizer.tokenize("In 1234") == ["In", "Ġ", "1", "2", "3", "4"]
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [
        0, 1, 2,
    ]  # fmt: skip
    assert tokenizer.eos_token_id == 2
    assert len(tokenizer) == 49152
    text = "déjà vu, 数学 🙂\t\n x² = 10 000"
    assert tokenizer.decode(tokenizer.encode(text)) == text
