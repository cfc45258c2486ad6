from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cogitate.bench import quick
from cogitate.bench.training import computed_tokens, training_batch
from cogitate.models.config import ModelConfig, RopeConfig
from cogitate.models.info import ModelInfo, model_info
from cogitate.models.transformer import Transformer
from cogitate.models.weights import save_model
from cogitate.train.losses import GRPOLoss

TINY = ModelConfig(
    family="llama",
    vocab_size=96,
    hidden_size=32,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    intermediate_size=64,
    norm_eps=1e-5,
    rope=RopeConfig(),
    max_position=128,
    tie_embeddings=True,
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny"
    save_model(Transformer(TINY), path)
    return path


@pytest.fixture
def info(directory: Path) -> ModelInfo:
    """Round numbers: 1,000 parameters, 2,000 FLOPs a token, 10 a pair, 8 bytes of cache."""
    return replace(
        model_info(directory),
        parameters=1000,
        flops_per_token=2000,
        attention_flops_per_token_pair=10,
        kv_bytes_per_token=8,
        vocab_size=50,
        hidden_size=4,
    )


def test_decoding_one_sequence_is_bound_by_reading_the_weights(info: ModelInfo):
    # 4,000 bytes of weights and 100 * 8 of cache at 48,000 bytes/s take 0.1 s;
    # 2,000 + 10 * 100 FLOPs at 1 GFLOP/s take no time.
    roof = quick.decode_roofline(info, batch=1, context=100, gflops=1.0, bandwidth=48e3 / 1e9)
    assert roof == pytest.approx(10.0)


def test_decoding_many_sequences_is_bound_by_arithmetic(info: ModelInfo):
    # 50 * (2,000 + 10 * 100) FLOPs at 150,000 FLOP/s take 1 s for 50 tokens.
    roof = quick.decode_roofline(info, batch=50, context=100, gflops=150e3 / 1e9, bandwidth=1.0)
    assert roof == pytest.approx(50.0)


def test_training_counts_the_backward_pass_twice_and_the_head_where_it_is_needed(info: ModelInfo):
    # head 2 * 50 * 4 = 400 FLOPs, body 1,600: 3 * (1,600 * 10 + 400 * 4)
    assert quick.training_flops(info, computed=10, scored=4) == 52_800.0


def test_a_shared_prompt_is_computed_once():
    rows = [([1, 2, 3], [4, 5])] * 8 + [([7], [8])]
    assert computed_tokens(rows) == (3 + 16 + 1 + 1, 17)


def test_equal_prompts_apart_are_computed_again():
    assert computed_tokens([([1, 2], [3]), ([9], [3]), ([1, 2], [3])]) == (8, 3)


def test_training_batch_marks_completions_and_alternates_advantages():
    batch = training_batch([([5, 6], [7]), ([5, 6], [8, 9, 10])])
    assert batch.token_ids.tolist() == [[5, 6, 7, 0, 0], [5, 6, 8, 9, 10]]
    assert batch.attention_mask.int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch.completion_mask.int().tolist() == [[0, 0, 1, 0, 0], [0, 0, 1, 1, 1]]
    assert batch.advantages.tolist() == [[0, 0, -1, 0, 0], [0, 0, 1, 1, 1]]
    assert GRPOLoss().denominator(batch) > 0


def test_rates_are_positive_and_threads_are_given_back():
    torch.set_num_threads(1)
    assert quick.gemm_gflops(2, seconds=0.0, size=64) > 0
    torch.set_num_threads(1)
    assert quick.read_bandwidth(seconds=0.0, megabytes=1) > 0


def test_probe_measures_a_model_and_leaves_threads_as_they_were(
    directory: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(quick, "BATCH", 4)
    monkeypatch.setattr(quick, "GROUP_SIZE", 2)
    monkeypatch.setattr(quick, "PROMPT_TOKENS", 5)
    monkeypatch.setattr(quick, "NEW_TOKENS", 3)
    monkeypatch.setattr(quick, "gemm_gflops", lambda threads, *, seconds: 2.0 * threads)
    monkeypatch.setattr(quick, "read_bandwidth", lambda *, seconds: 1.0)
    threads = torch.get_num_threads()
    result = quick.run(directory, seconds=0.0)
    assert torch.get_num_threads() == threads
    assert result["gemm_gflops"] == {str(n): 2.0 * n for n in {1, threads}}
    assert result["parameters"] == model_info(directory).parameters
    rollout, training = result["rollout"], result["training"]
    assert rollout["batch"] == training["batch"] == 4
    assert rollout["runs"] == training["runs"] == 1
    assert rollout["fraction_of_roofline"] == pytest.approx(
        rollout["tokens_per_second"] / rollout["roofline_tokens_per_second"]
    )
    # 2 groups: 2 * 5 prompt tokens and 4 * 3 completion tokens are computed, 12 are scored; each
    # rollout counts 5 + 3 tokens.
    flops = quick.training_flops(model_info(directory), computed=22, scored=12)
    seconds = 4 * 8 / training["tokens_per_second"]
    assert training["useful_gflops"] == pytest.approx(flops / seconds / 1e9)
    assert training["fraction_of_gemm"] == pytest.approx(
        training["useful_gflops"] / (2.0 * threads)
    )


def test_the_probe_changes_no_weight_by_more_than_rounding(directory: Path):
    model = Transformer(TINY)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    quick.probe_training(model, model_info(directory), gflops=1.0, seconds=0.0)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0.0, atol=1e-8)
