"""The compiled layer operations against the torch expressions, values and gradients."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cogitate.kernels import ops
from cogitate.kernels.build import SOURCES, load, status
from kernel_models import require_kernels

Operation = Callable[..., Tensor]


@pytest.fixture(autouse=True)
def _kernels() -> None:
    require_kernels()


def both(fast: Operation, plain: Operation, *inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    """(fast, plain) pairs of the value and of the gradient of every input."""
    pairs = []
    results = []
    for operation in (fast, plain):
        leaves = [x.clone().requires_grad_() for x in inputs]
        out = operation(*leaves)
        weights = torch.linspace(-1.0, 1.0, out.numel()).view_as(out)
        (out * weights).sum().backward()
        results.append([out.detach(), *(leaf.grad for leaf in leaves)])
    for a, b in zip(*results, strict=True):
        assert a is not None and b is not None
        pairs.append((a, b))
    return pairs


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_rms_norm_matches_torch_in_value_and_both_gradients(rows: int) -> None:
    x, weight = 3.0 * random(rows, 48), random(48, seed=1)
    pairs = both(
        lambda a, w: ops.rms_norm(a, w, 1e-5), lambda a, w: F.rms_norm(a, (48,), w, 1e-5), x, weight
    )
    for fast, plain in pairs:
        torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5)


def test_rms_norm_by_hand() -> None:
    x = torch.zeros(1, 16)
    x[0, 0] = 4.0  # mean square 1: the row is divided by 1
    weight = torch.full((16,), 2.0)
    expected = torch.zeros(1, 16)
    expected[0, 0] = 8.0
    torch.testing.assert_close(ops.rms_norm(x, weight, 0.0), expected)


def test_rms_norm_takes_any_leading_shape() -> None:
    x, weight = random(3, 5, 16), random(16, seed=1)
    expected = F.rms_norm(x, (16,), weight, 1e-6)
    torch.testing.assert_close(ops.rms_norm(x, weight, 1e-6), expected, rtol=1e-5, atol=1e-6)


def test_swiglu_then_linear_matches_torch_also_far_from_zero() -> None:
    def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        gate, up = x.chunk(2, dim=-1)
        return F.linear(F.silu(gate) * up, weight, bias)

    x = random(5, 64) * torch.tensor([0.01, 1.0, 10.0, 60.0, 200.0])[:, None]
    weight, bias = random(48, 32, seed=1), random(48, seed=2)
    for fast, expected in both(ops.swiglu_linear, plain, x, weight, bias):
        assert fast.isfinite().all()
        torch.testing.assert_close(fast, expected, rtol=2e-5, atol=1e-3)


@pytest.mark.parametrize("rows", [3, 200])
def test_linear_of_a_norm_matches_torch_in_all_four_gradients(rows: int) -> None:
    def fast(x: Tensor, weight: Tensor, bias: Tensor, norm: Tensor) -> Tensor:
        return ops.linear(x, weight, bias, norm=norm, eps=1e-5)

    def plain(x: Tensor, weight: Tensor, bias: Tensor, norm: Tensor) -> Tensor:
        return F.linear(F.rms_norm(x, (192,), norm, 1e-5), weight, bias)

    inputs = (random(rows, 192), random(160, 192, seed=1), random(160, seed=2), random(192, seed=3))
    for ours, expected in both(fast, plain, *inputs):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=2e-4)


def test_linear_without_bias_or_norm() -> None:
    inputs = (random(150, 192), random(160, 192, seed=1))
    for ours, expected in both(ops.linear, F.linear, *inputs):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-4)


def test_linear_computes_only_the_gradients_that_are_wanted() -> None:
    x, frozen = random(4, 32).requires_grad_(), random(16, 32, seed=1)
    ops.linear(x, frozen).sum().backward()
    assert x.grad is not None and frozen.grad is None
    weight = random(16, 32, seed=1).requires_grad_()
    ops.linear(x.detach(), weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize("scale", [1, 4])  # small products are torch's, large ones are packed
def test_gradients_in_place_add_to_what_is_there_and_give_the_same_sum(scale: int) -> None:
    x, y = random(50 * scale, 64 * scale), random(50 * scale, 64 * scale, seed=1)
    plain, fast = (random(90 * scale, 64 * scale, seed=2).requires_grad_() for _ in range(2))
    for inputs in (x, y):
        ops.linear(inputs, plain).square().sum().backward()
    for inputs in (x, y):
        with ops.gradients_in_place():
            ops.linear(inputs, fast).square().sum().backward()
    assert plain.grad is not None and fast.grad is not None
    torch.testing.assert_close(fast.grad, plain.grad, rtol=1e-4, atol=1e-3 * scale)
    buffer = fast.grad
    with ops.gradients_in_place():
        ops.linear(x, fast).sum().backward()
    assert fast.grad is buffer


def test_gradients_in_place_leave_weights_that_are_computed_alone() -> None:
    base = random(16, 32).requires_grad_()
    weight = base * 1.0
    weight.retain_grad()
    for _ in range(2):
        with ops.gradients_in_place():
            ops.linear(random(4, 32, seed=1), weight).sum().backward(retain_graph=True)
    once = torch.autograd.grad(F.linear(random(4, 32, seed=1), base).sum(), base)[0]
    assert base.grad is not None
    torch.testing.assert_close(base.grad, 2 * once)


def test_second_derivatives_are_refused_not_wrong() -> None:
    x, weight = random(4, 32).requires_grad_(), random(16, 32).requires_grad_()
    (first,) = torch.autograd.grad(ops.linear(x, weight).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_rotation_matches_torch_and_leaves_the_other_heads_alone() -> None:
    rows, heads, head_dim, width = 6, 3, 8, 40
    angles = torch.arange(rows)[:, None, None] * torch.tensor([1.0, 0.1, 0.01, 0.001])
    cos, sin = angles.cos(), angles.sin()

    def fast(x: Tensor) -> Tensor:
        return ops.rotate_heads(1.0 * x, cos, sin, heads=heads, head_dim=head_dim)

    def plain(x: Tensor) -> Tensor:
        turned = x[:, : heads * head_dim].view(rows, heads, head_dim)
        a, b = turned.chunk(2, dim=-1)
        both = torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
        return torch.cat((both.flatten(1), x[:, heads * head_dim :]), dim=1)

    x = random(rows, width)
    for ours, expected in both(fast, plain, x):
        torch.testing.assert_close(ours, expected)
    assert torch.equal(fast(x)[:, heads * head_dim :], x[:, heads * head_dim :])
    assert torch.equal(fast(x)[0], x[0])  # position 0 is not turned


def test_other_dtypes_and_odd_sizes_take_the_torch_path() -> None:
    assert not ops.native(torch.zeros(2, 16, dtype=torch.float64), 16)
    assert not ops.native(torch.zeros(2, 17), 17)
    assert ops.native(torch.zeros(2, 32), 32)
    x = random(3, 17)
    expected = x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(ops.rms_norm(x, torch.ones(17), 1e-5), expected)


def test_status_says_what_there_is() -> None:
    report = status()
    assert report["available"] is True
    assert report["lanes"] in (4, 8, 16)
    assert str(report["detail"]).endswith(".so")
    assert all(path.is_file() for path in SOURCES)


def test_kernels_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGITATE_KERNELS", "torch")
    library, reason = load.__wrapped__()
    assert library is None
    assert "COGITATE_KERNELS" in reason


def test_a_compiler_that_fails_gives_a_reason_not_an_exception(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("COGITATE_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", "false")
    library, reason = load.__wrapped__()
    assert library is None
    assert "could not build" in reason
