"""Every published loss against worked numbers, values and gradients, to 1e-5."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from cogitate.rewards.length import overlong_penalty
from cogitate.schema import RolloutBatch
from cogitate.train.loss_config import AdvantageConfig, LossConfig
from cogitate.train.objective import (
    aggregate_log_ratio,
    group_advantages,
    kl_estimate,
    token_means,
)

GOLDEN = tomllib.loads(Path(__file__).with_name("objective.toml").read_text())
INPUTS = GOLDEN["inputs"]
LENGTHS = [len(row) for row in INPUTS["old"]]
MASK = torch.tensor([[t < length for t in range(max(LENGTHS))] for length in LENGTHS])


def padded(rows: list[list[float]]) -> Tensor:
    width = max(LENGTHS)
    return torch.tensor([row + [0.0] * (width - len(row)) for row in rows])


def make_batch(advantages: list[float], old: Tensor) -> RolloutBatch:
    return RolloutBatch(
        token_ids=torch.zeros(MASK.shape, dtype=torch.int64),
        attention_mask=MASK,
        completion_mask=MASK,
        advantages=torch.tensor(advantages)[:, None] * MASK,
        sampling_logprobs=padded(INPUTS["sampling"]),
        old_logprobs=old,
        ref_logprobs=padded(INPUTS["reference"]),
        policy_version=torch.zeros(2, dtype=torch.int64),
    )


@pytest.mark.parametrize("case", GOLDEN["loss"], ids=lambda case: case["name"])
def test_loss(case: dict[str, Any]) -> None:
    loss = TypeAdapter(LossConfig).validate_python(case["settings"])
    new = padded(INPUTS["new"]).requires_grad_()
    old = new.detach() if case.get("on_policy") else padded(INPUTS["old"])
    batch = make_batch(case.get("advantages", INPUTS["advantages"]), old)
    out = loss(new, torch.zeros(MASK.shape), batch, denominator=loss.denominator(batch))
    assert out.loss.item() == pytest.approx(case["value"], abs=1e-5)
    if "gradient" in case:
        out.loss.backward()
        assert new.grad is not None
        torch.testing.assert_close(new.grad, padded(case["gradient"]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("estimator", GOLDEN["kl_token_mean"])
def test_kl_token_mean(estimator: Any) -> None:
    log_ref_ratio = padded(INPUTS["reference"]) - padded(INPUTS["new"])
    ratio = (padded(INPUTS["new"]) - padded(INPUTS["old"])).exp()
    kl = kl_estimate(log_ref_ratio, estimator=estimator, ratio=ratio)
    mean = token_means({"kl": kl}, MASK)["kl"]
    assert mean.weight == 6.0
    assert mean.total / 6.0 == pytest.approx(GOLDEN["kl_token_mean"][estimator], abs=1e-5)


@pytest.mark.parametrize("estimator", GOLDEN["kl_gradient"])
def test_kl_gradient(estimator: Any) -> None:
    logprobs = torch.tensor([[-0.9]], requires_grad=True)
    kl_estimate(torch.tensor([[-1.1]]) - logprobs, estimator=estimator).sum().backward()
    assert logprobs.grad is not None
    assert float(logprobs.grad) == pytest.approx(GOLDEN["kl_gradient"][estimator], abs=1e-5)


@pytest.mark.parametrize(
    ("level", "table"), [("sequence_mean", "gspo"), ("sequence", "r1_equation_1")]
)
def test_sequence_ratios(level: Any, table: str) -> None:
    log_ratio = padded(INPUTS["new"]) - padded(INPUTS["old"])
    ratio = aggregate_log_ratio(log_ratio, MASK, level=level).exp()
    assert ratio[:, 0].tolist() == pytest.approx(GOLDEN[table]["ratio"], abs=1e-5)


@pytest.mark.parametrize("case", GOLDEN["advantages"], ids=lambda case: str(case["rewards"]))
def test_advantages(case: dict[str, Any]) -> None:
    rewards = torch.tensor(case["rewards"], dtype=torch.float64)
    settings = {
        "population": {"ddof": 0, "eps": 0.0},
        "sample": {"ddof": 1, "eps": 0.0},
        "centred": {"scale": "none"},
        "leave_one_out": {"scale": "none", "baseline": "leave_one_out"},
    }
    for column, kwargs in settings.items():
        expected = pytest.approx(case[column], abs=1e-6)
        assert group_advantages(rewards, **kwargs).tolist() == expected, column
        assert AdvantageConfig(**kwargs)(rewards).tolist() == expected, column


@pytest.mark.parametrize("eps", GOLDEN["guards"])
def test_guards_of_other_libraries(eps: str) -> None:
    rewards = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    first = float(group_advantages(rewards, ddof=1, eps=float(eps))[0])
    assert first == pytest.approx(GOLDEN["guards"][eps], abs=1e-6)


def test_soft_overlong_penalty() -> None:
    table = GOLDEN["overlong"]
    for length, penalty in zip(table["length"], table["penalty"], strict=True):
        assert overlong_penalty(length, max_tokens=20480, cache=4096) == penalty
