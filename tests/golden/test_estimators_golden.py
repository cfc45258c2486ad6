"""Estimators against worked numbers."""

import tomllib
from pathlib import Path

import pytest

from cogitate.eval.estimators import pass_at_k, wilson_interval

GOLDEN = tomllib.loads(Path(__file__).with_name("estimators.toml").read_text())


@pytest.mark.parametrize(("samples", "correct", "k", "value"), GOLDEN["pass_at_k"])
def test_pass_at_k(samples: int, correct: int, k: int, value: float) -> None:
    assert pass_at_k(samples, correct, k) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("correct", "total", "low", "high"), GOLDEN["wilson"])
def test_wilson(correct: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=1e-6)
