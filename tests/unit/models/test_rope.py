"""Rotary frequencies: every variant on a head of four dimensions, worked by hand."""

import math
from dataclasses import replace
from typing import Any

import pytest

from cogitate.errors import DataError
from cogitate.models.config import ModelConfig, RopeConfig
from cogitate.models.rope import rotary_frequencies
from tiny_models import TINY


def with_rope(scaling: Any, **parameters: object) -> ModelConfig:
    rope = RopeConfig(theta=10_000.0, scaling=scaling, parameters=parameters)
    return replace(TINY, rope=rope, max_position=64)


def frequencies(config: ModelConfig, length: int | None = None) -> list[float]:
    return rotary_frequencies(config, sequence_length=length)[0].tolist()


def test_default_is_theta_to_the_minus_two_j_over_d() -> None:
    # 10000 ** (-0/4) = 1 and 10000 ** (-2/4) = 1/100.
    assert frequencies(with_rope("default")) == pytest.approx([1.0, 0.01])
    assert rotary_frequencies(with_rope("default"))[1] == 1.0


def test_default_does_not_depend_on_the_length() -> None:
    assert frequencies(with_rope("default"), 10_000) == frequencies(with_rope("default"))


def test_linear_divides_every_frequency() -> None:
    assert frequencies(with_rope("linear", factor=4.0)) == pytest.approx([0.25, 0.0025])


@pytest.mark.parametrize("length", [None, 1, 64])
def test_dynamic_is_the_default_up_to_the_trained_length(length: int | None) -> None:
    assert frequencies(with_rope("dynamic", factor=2.0), length) == pytest.approx([1.0, 0.01])


def test_dynamic_stretches_the_base_beyond_it() -> None:
    # Twice the trained 64: bracket 2 * 2 - 1 = 3, theta' = 10000 * 3 ** (4/2) = 90000, root 300.
    assert frequencies(with_rope("dynamic", factor=2.0), 128) == pytest.approx([1.0, 1 / 300])


def test_llama3_keeps_short_waves_and_slows_long_ones() -> None:
    # Wavelengths 6.28 and 628.3; trained 100: short below 25, long above 100.
    config = with_rope(
        "llama3",
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=100,
    )
    assert frequencies(config) == pytest.approx([1.0, 0.01 / 8])


def test_llama3_ramps_between() -> None:
    # Trained 1000: 628.3 lies between 250 and 1000; s = (1000 / 628.3185 - 1) / 3 = 0.1971831.
    config = with_rope(
        "llama3",
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=1000,
    )
    smooth = (1000 / (200 * math.pi) - 1) / 3
    assert smooth == pytest.approx(0.1971831, abs=1e-6)
    assert frequencies(config)[1] == pytest.approx((1 - smooth) * 0.00125 + smooth * 0.01)


def test_yarn_by_hand() -> None:
    # Trained 32: the ramp starts at floor(-0.40) -> 0 and ends at ceil(0.35) = 1, so dimension 0
    # is kept and dimension 1 is interpolated. Attention scaling 0.1 ln 4 + 1.
    config = with_rope("yarn", factor=4.0, original_max_position_embeddings=32)
    inv_freq, scaling = rotary_frequencies(config)
    assert inv_freq.tolist() == pytest.approx([1.0, 0.0025])
    assert scaling == pytest.approx(1.1386294)


def test_yarn_without_factor_uses_the_ratio_of_the_lengths() -> None:
    implied = with_rope("yarn", original_max_position_embeddings=16)
    stated = with_rope("yarn", original_max_position_embeddings=16, factor=4.0)
    assert frequencies(implied) == frequencies(stated)
    assert rotary_frequencies(implied)[1] == rotary_frequencies(stated)[1]


def test_yarn_attention_factor_wins_over_the_formula() -> None:
    config = with_rope("yarn", factor=4.0, attention_factor=0.5)
    assert rotary_frequencies(config)[1] == 0.5


def test_yarn_mscale_is_a_quotient() -> None:
    config = with_rope("yarn", factor=math.e**10, mscale=2.0, mscale_all_dim=1.0)
    # (0.1 * 2 * 10 + 1) / (0.1 * 1 * 10 + 1) = 3 / 2
    assert rotary_frequencies(config)[1] == pytest.approx(1.5)


def test_yarn_does_not_scale_attention_when_it_does_not_stretch() -> None:
    assert rotary_frequencies(with_rope("yarn", factor=1.0))[1] == 1.0


def test_an_empty_yarn_ramp_gives_no_nan() -> None:
    config = with_rope(
        "yarn", factor=2.0, beta_fast=1.0, beta_slow=1.0, truncate=False,
        original_max_position_embeddings=64,
    )  # fmt: skip
    assert all(math.isfinite(value) for value in frequencies(config))


def test_a_missing_number_is_named() -> None:
    with pytest.raises(DataError, match=r'"linear" needs "factor"'):
        rotary_frequencies(with_rope("linear"))


@pytest.mark.parametrize("value", [True, "4", math.nan, math.inf])
def test_a_number_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(DataError, match=r"factor = .* expected a finite number"):
        rotary_frequencies(with_rope("linear", factor=value))
