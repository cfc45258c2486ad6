from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cogitate import memory
from cogitate.config import RunConfig, tasks_config
from cogitate.memory import (
    HEAD_CHUNK_TOKENS,
    PROGRAM_BYTES,
    activation_bytes_per_token,
    available_bytes,
    cache_tokens,
    checkpoint_bytes,
    estimate_memory,
    kv_bytes_per_token,
    peak_bytes,
    reset_peak,
    resident_bytes,
    step_tokens,
    trained_parameters,
)
from tiny_run import MODEL

# Worked by hand for the tiny model: d 32, 2 layers, q 32, k 16, ff 48, V 259.
LAYER = 2 * 32 + (32 + 2 * 16) * 32 + 32 * 32 + 3 * 48 * 32
TOTAL = 259 * 32 + 2 * LAYER + 32


def config(**sections: dict) -> RunConfig:
    base = tasks_config([{"kind": "arithmetic"}, {"kind": "extremes"}]).model_dump()
    for name, changes in sections.items():
        base[name] = {**base[name], **changes} if isinstance(base[name], dict) else changes
    return RunConfig.model_validate(base)


def test_parameters_that_learn() -> None:
    assert trained_parameters(MODEL, train_embedding=True) == TOTAL == 23_808
    assert trained_parameters(MODEL, train_embedding=False) == TOTAL - 259 * 32


def test_cache_and_activations_of_one_token() -> None:
    assert kv_bytes_per_token(MODEL) == 2 * 4 * 2 * 16
    assert kv_bytes_per_token(MODEL, width=2) == kv_bytes_per_token(MODEL) // 2
    assert activation_bytes_per_token(MODEL) == 4 * 2 * (4 * 32 + 5 * 32 + 5 * 16 + 4 * 48)


def test_smollm2_needs_what_was_measured_for_it() -> None:
    # 46,080 bytes of float32 keys and values a token, and 1.2 to 1.6 MB of activations.
    smollm2 = replace(
        MODEL, vocab_size=49_152, hidden_size=576, num_layers=30, num_heads=9, num_kv_heads=3,
        head_dim=64, intermediate_size=1536,
    )  # fmt: skip
    assert trained_parameters(smollm2, train_embedding=True) == 134_515_008
    assert kv_bytes_per_token(smollm2) == 46_080
    assert 1.2e6 < activation_bytes_per_token(smollm2) < 1.6e6


class TestCacheTokens:
    def test_training_is_the_larger_shape(self) -> None:
        run = config(
            grpo={"problems_per_step": 4, "group_size": 8}, sampling={"max_tokens": 50},
            eval={"problems_per_task": 2, "samples": 1},
        )  # fmt: skip
        # 32 completions and 4 prompts, each with room for 50 tokens.
        assert cache_tokens(run, prompt_tokens=20) == (32 + 4) * 50
        assert cache_tokens(run, prompt_tokens=70) == (32 + 4) * 70

    def test_slots_limit_both(self) -> None:
        run = config(engine={"slots": 16}, sampling={"max_tokens": 10})
        # Evaluation: 128 prompts at once need 16 slots and 17 prompt slots.
        assert cache_tokens(run, prompt_tokens=5) == (16 + 17) * 10


def test_tokens_of_a_step_share_their_prompts() -> None:
    run = config(grpo={"problems_per_step": 4, "group_size": 8}, sampling={"max_tokens": 50})
    assert step_tokens(run, prompt_tokens=20) == 4 * (20 + 8 * 50)
    sft = RunConfig.model_validate({**run.model_dump(), "algorithm": "sft"})
    assert step_tokens(sft, prompt_tokens=20) == 32 * (20 + 50)


class TestEstimate:
    def test_parts(self) -> None:
        run = config(
            grpo={"problems_per_step": 2, "group_size": 2}, sampling={"max_tokens": 10},
            model={"train_embedding": False},
        )  # fmt: skip
        parts = estimate_memory(MODEL, run, prompt_tokens=6).parts
        trained = TOTAL - 259 * 32
        assert parts["weights"] == 4 * TOTAL
        assert parts["gradients"] == 4 * trained
        assert parts["optimizer"] == 8 * trained
        assert parts["reference"] == 0
        assert parts["activations"] == 2 * (6 + 2 * 10) * activation_bytes_per_token(MODEL)
        assert parts["head"] == 12 * 259 * HEAD_CHUNK_TOKENS
        assert parts["program"] == PROGRAM_BYTES

    def test_a_kl_penalty_costs_a_second_copy(self) -> None:
        run = config(grpo={"loss": {"kind": "grpo", "kl_coef": 0.01}})
        assert estimate_memory(MODEL, run, prompt_tokens=6).parts["reference"] == 4 * TOTAL

    def test_a_micro_batch_bounds_the_activations(self) -> None:
        run = config(grpo={"micro_batch_tokens": 100})
        per_token = activation_bytes_per_token(MODEL)
        estimate = estimate_memory(MODEL, run, prompt_tokens=6)
        assert estimate.parts["activations"] == 100 * per_token
        few = estimate_memory(MODEL, run, prompt_tokens=6, trained_tokens=7)
        assert few.parts["activations"] == 7 * per_token

    def test_the_peak_and_its_interval(self) -> None:
        estimate = estimate_memory(MODEL, config(), prompt_tokens=6)
        assert estimate.peak == sum(estimate.parts.values())
        low, high = estimate.interval
        assert low == round(estimate.peak * 0.75)
        assert high == round(estimate.peak * 1.25)

    def test_bfloat16_halves_weights_but_not_moments(self) -> None:
        wide = estimate_memory(MODEL, config(), prompt_tokens=6).parts
        half = estimate_memory(MODEL, config(model={"dtype": "bfloat16"}), prompt_tokens=6).parts
        assert half["weights"] == wide["weights"] // 2
        assert half["kv_cache"] == wide["kv_cache"] // 2
        assert half["optimizer"] == wide["optimizer"]


def test_a_checkpoint_has_weights_and_two_moments() -> None:
    assert checkpoint_bytes(MODEL, config()) == 12 * TOTAL


class TestThisMachine:
    def write(self, root: Path, name: str, text: str) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_what_the_kernel_says(self, tmp_path: Path) -> None:
        self.write(tmp_path, "proc/meminfo", "MemTotal: 100 kB\nMemAvailable:  64 kB\nX: 1\n")
        assert available_bytes(tmp_path) == 64 * 1024

    def test_a_container_has_less(self, tmp_path: Path) -> None:
        self.write(tmp_path, "proc/meminfo", "MemAvailable: 64 kB\n")
        self.write(tmp_path, "sys/fs/cgroup/memory.max", "30000\n")
        self.write(tmp_path, "sys/fs/cgroup/memory.current", "10000\n")
        assert available_bytes(tmp_path) == 20_000
        self.write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
        assert available_bytes(tmp_path) == 64 * 1024

    def test_nothing_is_known(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert available_bytes(tmp_path) is None

        def refuse(name: str) -> int:
            raise ValueError(name)

        monkeypatch.setattr(memory.os, "sysconf", refuse)
        assert memory._physical_bytes() is None

    @pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux only")
    def test_the_peak_can_be_measured_again(self) -> None:
        big = torch.ones(30_000_000)  # 120 MB
        before = peak_bytes()
        assert before >= resident_bytes() - 1_000_000
        del big
        reset_peak()
        assert peak_bytes() < before - 50_000_000
