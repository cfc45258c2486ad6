"""Both losses with numbers that a reader can check by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogitate.reward_models.losses import pairwise_losses, pointwise_losses

SIGMOID_1 = 1.0 / (1.0 + math.exp(-1.0))  # 0.731059


class TestPairwise:
    def test_numbers(self) -> None:
        losses = pairwise_losses(torch.tensor([2.0, 0.0, 3.0]), torch.tensor([1.0, 1.0, 3.0]))
        # -log sigmoid(1), -log sigmoid(-1), -log sigmoid(0)
        assert losses.tolist() == pytest.approx([0.3132617, 1.3132617, 0.6931472], abs=1e-6)

    def test_gradient(self) -> None:
        chosen = torch.tensor([2.0, 0.0], requires_grad=True)
        rejected = torch.tensor([1.0, 1.0], requires_grad=True)
        (pairwise_losses(chosen, rejected).sum() / 2).backward()
        # dL/dr_c = -sigmoid(-gap) / 2: the pair that is wrong pulls harder
        expected = [-(1 - SIGMOID_1) / 2, -SIGMOID_1 / 2]
        assert chosen.grad is not None
        assert rejected.grad is not None
        assert chosen.grad.tolist() == pytest.approx(expected, abs=1e-6)
        assert rejected.grad.tolist() == pytest.approx([-g for g in expected], abs=1e-6)

    def test_offset_is_added_to_the_gap(self) -> None:
        loss = pairwise_losses(torch.tensor([0.5]), torch.tensor([1.0]), torch.tensor([0.5]))
        assert loss.item() == pytest.approx(math.log(2))

    def test_large_gaps_are_finite(self) -> None:
        gaps = torch.tensor([1e4, -1e4])
        assert pairwise_losses(gaps, torch.zeros(2)).tolist() == pytest.approx([0.0, 1e4])

    @given(st.floats(-20, 20), st.floats(-20, 20), st.floats(-5, 5))
    def test_only_the_difference_counts(self, chosen: float, rejected: float, shift: float) -> None:
        def loss(c: float, r: float) -> float:
            tensors = (torch.tensor([x], dtype=torch.float64) for x in (c, r))
            return pairwise_losses(*tensors).item()

        shifted = loss(chosen + shift, rejected + shift)
        assert shifted == pytest.approx(loss(chosen, rejected), abs=1e-9)
        assert loss(chosen, rejected) - loss(rejected, chosen) == pytest.approx(
            rejected - chosen, abs=1e-9
        )


class TestPointwise:
    def test_numbers(self) -> None:
        scores = torch.tensor([math.log(3), math.log(3), 0.0])
        losses = pointwise_losses(scores, torch.tensor([True, False, True]))
        # P(safe) = 3/4: -log 3/4, -log 1/4; and -log 1/2
        assert losses.tolist() == pytest.approx([0.2876821, 1.3862944, 0.6931472], abs=1e-6)

    def test_gradient_is_probability_minus_label(self) -> None:
        scores = torch.tensor([math.log(3), math.log(3)], requires_grad=True)
        pointwise_losses(scores, torch.tensor([True, False])).sum().backward()
        assert scores.grad is not None
        assert scores.grad.tolist() == pytest.approx([-0.25, 0.75], abs=1e-6)
