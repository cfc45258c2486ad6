import pytest

from cogitate.calibration import Calibration, calibrate, shortened, split_cost
from cogitate.config import RunConfig
from cogitate.estimates import (
    completion_length,
    completions_per_step,
    disk_bytes,
    evaluated_completions,
    run_seconds,
    sampled_tokens,
)
from cogitate.memory import checkpoint_bytes
from cogitate.registry import build_components
from tiny_run import MODEL, tiny_config, write_tiny_model


@pytest.fixture
def config(tmp_path) -> RunConfig:
    return tiny_config(
        tmp_path / "model", tmp_path, grpo={"steps": 10, "problems_per_step": 4, "group_size": 8},
        eval={"every": 5, "problems_per_task": 6, "samples": 2},
        checkpoint={"every": 5, "keep": 2}, sampling={"max_tokens": 20},
    )  # fmt: skip


def measured(config: RunConfig, **changes: float | None) -> Calibration:
    settings = {
        "config": config, "rollout_tokens_per_second": 100.0, "update_tokens_per_second": 200.0,
        "update_fixed_seconds": 0.5, "prompt_mean": 10.0, "length_mean": 5.0, "length_high": 8.0,
        "accuracy": 0.1, "uninformative": 0.25, "trained_tokens": 100, "peak_bytes": 0,
        "seconds": 1.0,
    }  # fmt: skip
    return Calibration(**{**settings, **changes})


def test_completions(config: RunConfig) -> None:
    assert completions_per_step(config) == 32
    # Evaluations at steps 0, 5 and 10; 2 tasks of 6 problems; greedy and two samples.
    assert evaluated_completions(config) == 3 * 2 * 6 * 3
    sft = config.model_copy(update={"algorithm": "sft"})
    assert completions_per_step(sft) == 0


def test_tokens_sampled(config: RunConfig) -> None:
    total = 10 * 32 + 108
    assert sampled_tokens(config, None) == (total * 1.0, total * 20.0)
    assert sampled_tokens(config, measured(config)) == (total * 5.0, total * 8.0)
    assert completion_length(config, None) == (1.0, 20.0)


def test_seconds_of_a_reinforcement_run(config: RunConfig) -> None:
    seconds = run_seconds(config, MODEL, measured(config))
    # Low: 32 * 5 sampled tokens; 4 * (10 + 8 * 5) trained, three quarters of them informative.
    low = 0.75 * (160 / 100 + 0.5 + 0.75 * 200 / 200)
    high = 1.25 * (256 / 100 + 0.5 + 4 * (10 + 64) / 200)
    assert seconds["step"] == pytest.approx((low, high))
    assert seconds["steps"] == pytest.approx((10 * low, 10 * high))
    assert seconds["evaluations"] == pytest.approx((0.75 * 108 * 5 / 100, 1.25 * 108 * 8 / 100))
    parts = [seconds[name] for name in ("steps", "evaluations", "checkpoints")]
    assert seconds["total"] == pytest.approx(tuple(map(sum, zip(*parts, strict=True))))


def test_nothing_is_left_out_when_all_groups_are_kept(config: RunConfig) -> None:
    grpo = config.grpo.model_copy(update={"uninformative_groups": "keep"})
    kept = config.model_copy(update={"grpo": grpo})
    assert run_seconds(kept, MODEL, measured(kept))["step"][0] == pytest.approx(
        0.75 * (160 / 100 + 0.5 + 200 / 200)
    )


def test_every_update_costs_its_fixed_part(config: RunConfig) -> None:
    grpo = config.grpo.model_copy(update={"updates_per_step": 4})
    more = config.model_copy(update={"grpo": grpo})
    once, often = (run_seconds(c, MODEL, measured(c))["step"][0] for c in (config, more))
    assert often - once == pytest.approx(0.75 * 3 * 0.5)


def test_seconds_of_a_supervised_run(config: RunConfig) -> None:
    sft = config.model_copy(update={"algorithm": "sft"})
    low, _ = run_seconds(sft, MODEL, measured(sft, uninformative=None))["step"]
    assert low == pytest.approx(0.75 * (0.5 + 4 * (10 + 5) / 200))


def test_disk(config: RunConfig) -> None:
    need = disk_bytes(config, MODEL, measured(config), prompt_tokens=12)
    rows = 10 * 32 + 108
    assert need == 4 * checkpoint_bytes(MODEL, config) + rows * (900 + 25 * (12 + 8))


class TestSplitCost:
    def test_two_points_make_a_line(self) -> None:
        fixed, rate = split_cost((100, 1.0), (300, 2.0))
        assert (fixed, rate) == pytest.approx((0.5, 200.0))

    def test_noise_is_called_proportional(self) -> None:
        assert split_cost((10, 2.0), (100, 1.0)) == (0.0, 100.0)
        assert split_cost((10, 1.0), (10, 1.0)) == (0.0, 10.0)

    def test_a_fixed_part_is_never_negative(self) -> None:
        assert split_cost((100, 0.1), (200, 10.0))[0] == 0.0


class TestCalibration:
    def test_the_passes_are_short(self, config: RunConfig) -> None:
        long = config.model_copy(
            update={"sampling": config.sampling.model_copy(update={"max_tokens": 4096})}
        )
        short = shortened(long)
        assert short.sampling.max_tokens == 64
        assert short.grpo.problems_per_step == 4  # 2,048 tokens are 4 groups of 8 times 64
        assert short.grpo.uninformative_groups == "keep"
        large = config.grpo.model_copy(update={"group_size": 64})
        assert shortened(config.model_copy(update={"grpo": large})).grpo.problems_per_step == 1

    def test_reinforcement_learning(self, config: RunConfig, tmp_path) -> None:
        model = write_tiny_model(tmp_path / "model")
        components = build_components(config, model_dir=model)
        found = calibrate(components, config)
        assert found.rollout_tokens_per_second > 0
        assert found.update_tokens_per_second > 0
        assert 1 <= found.length_mean <= 20 == config.sampling.max_tokens
        assert found.length_high == found.length_mean  # nothing was cut short for the passes
        assert found.trained_tokens > 4 * 10
        assert found.accuracy is not None
        assert 10 < found.prompt_mean < 100

    def test_completions_that_were_cut_may_be_longer(self, config: RunConfig, tmp_path) -> None:
        model = write_tiny_model(tmp_path / "model")
        sampling = config.sampling.model_copy(update={"max_tokens": 90})
        settings = config.model_copy(update={"sampling": sampling})
        found = calibrate(build_components(settings, model_dir=model), settings)
        assert found.length_mean <= 64
        assert found.length_high > found.length_mean

    def test_supervised_learning(self, config: RunConfig, tmp_path) -> None:
        model = write_tiny_model(tmp_path / "model")
        sft = config.model_copy(update={"algorithm": "sft"})
        found = calibrate(build_components(sft, model_dir=model), sft)
        assert found.uninformative is None
        assert 1 <= found.length_mean <= 8
        assert found.update_tokens_per_second > 0
