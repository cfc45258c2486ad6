"""Products on the matrix unit against float64, and what they promise: exactness and order."""

import ctypes
import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from cogitate.kernels import ops
from cogitate.kernels.build import load
from kernel_models import require_kernels

SHAPES = [
    *((130, 257, 131), (512, 33, 300), (33, 70, 2000), (96, 3072, 64), (1, 40, 120_000)),
    *((33, 700, 577), (5, 12_000, 71)),  # more than one group of columns, more than one pass
]
FLOAT32_STEP = 2.0**-24


@pytest.fixture
def matrix_unit() -> None:
    require_kernels()
    if not ops.has_matrix_unit():
        pytest.skip("no matrix unit here: products are torch's own")


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def operand(rows: int, columns: int, *, transposed: bool, seed: int) -> Tensor:
    if transposed:
        return random(columns, rows, seed=seed).T
    return random(rows, columns, seed=seed)


def relative_error(out: Tensor, a: Tensor, b: Tensor) -> float:
    """max |out - ab| / (|a| |b|), in float64."""
    exact = a.double() @ b.double()
    return float(((out - exact).abs() / (a.abs().double() @ b.abs().double())).max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("left_transposed", [False, True])
@pytest.mark.parametrize("right_transposed", [False, True])
def test_products_are_as_exact_as_float32_sums(
    shape: tuple[int, int, int], left_transposed: bool, right_transposed: bool
) -> None:
    m, n, k = shape
    a = operand(m, k, transposed=left_transposed, seed=1)
    b = operand(k, n, transposed=right_transposed, seed=2)
    error = relative_error(ops.matmul(a, b), a, b)
    assert error < 2.0**-21 + k**0.5 * FLOAT32_STEP
    assert error < 8 * max(relative_error(a @ b, a, b), FLOAT32_STEP)


def test_operands_of_very_different_size_keep_their_relative_precision() -> None:
    sizes = torch.logspace(-15, 15, 160)
    a, b = random(160, 256) * sizes[:, None], random(256, 160, seed=1) * sizes
    assert relative_error(ops.matmul(a, b), a, b) < 2.0**-19


def test_numbers_that_need_all_24_bits_are_not_rounded() -> None:
    a = torch.full((64, 256), 1.0 + 2.0**-23)
    b = torch.zeros(256, 512)
    b[0] = 1.0
    assert torch.equal(ops.matmul(a, b), a[:, :1].expand(64, 512))


def test_adding_to_what_is_there_and_to_nothing_else() -> None:
    a, b = random(130, 200), random(200, 257, seed=1)
    wide = torch.ones(132, 300)
    out = wide[1:131, 7:264]
    result = ops.matmul(a, b, out=out, add=True)
    assert result is out
    torch.testing.assert_close(out, 1.0 + a @ b, rtol=1e-5, atol=1e-4)
    out.fill_(1.0)
    assert torch.equal(wide, torch.ones(132, 300))


def test_writing_over_ignores_what_was_there() -> None:
    a, b = random(130, 200), random(200, 257, seed=1)
    out = torch.full((130, 257), float("nan"))
    assert torch.equal(ops.matmul(a, b, out=out), ops.matmul(a, b))


def test_an_element_does_not_depend_on_its_neighbours(matrix_unit: None) -> None:
    a, b = random(200, 700), random(700, 300, seed=1)
    whole = ops.matmul(a, b)
    assert torch.equal(ops.matmul(a[37:], b), whole[37:])
    assert torch.equal(ops.matmul(a, b[:, 100:]), whole[:, 100:])


def test_what_is_not_a_number_stays_visible() -> None:
    a, b = random(130, 200), random(200, 257, seed=1)
    a[3, 5], a[9, 0] = float("nan"), float("inf")
    finite = ops.matmul(a, b).isfinite()
    assert not finite[3].any() and not finite[9].any()
    assert finite[[0, 1, 2, 4, 8, 10]].all()


def test_small_products_and_other_dtypes_are_left_to_torch() -> None:
    a, b = random(4, 8), random(8, 3, seed=1)
    assert torch.equal(ops.matmul(a, b), a @ b)
    double = ops.matmul(random(200, 200).double(), random(200, 200).double())
    assert double.dtype == torch.float64


def test_shapes_that_do_not_fit_are_an_error_at_any_size() -> None:
    for size in (4, 256):
        with pytest.raises(Exception, match="k=|mat1 and mat2"):
            ops.matmul(torch.ones(size, size), torch.ones(size // 2, size))
        with pytest.raises(Exception, match="n=|shape"):
            ops.matmul(torch.ones(size, size), torch.ones(size, size), out=torch.ones(size, 9))


@pytest.mark.parametrize("shape", [(70, 45), (96, 64), (33, 601)])
@pytest.mark.parametrize("lanes", [16, 32, 48, 304])
@pytest.mark.parametrize("add", [False, True])
def test_weights_times_lanes_for_any_number_of_lanes(
    shape: tuple[int, int], lanes: int, add: bool
) -> None:
    require_kernels()
    library, _ = load()
    assert library is not None
    n, k = shape
    w, x, bias = random(n, k), random(k, lanes, seed=1), random(n, seed=2)
    y, first = torch.ones(n, lanes), torch.ones(n, 16)
    for out, inputs in ((y, x), (first, x[:, :16].contiguous())):
        pointers = [ctypes.c_void_p(t.data_ptr()) for t in (out, inputs, w, bias)]
        sizes = [ctypes.c_long(size) for size in (n, k, out.shape[1])]
        library.cg_linear(*pointers, *sizes, ctypes.c_int(add))
    torch.testing.assert_close(y, w @ x + bias[:, None] + add, rtol=1e-5, atol=1e-4)
    assert torch.equal(y[:, :16], first)


def test_the_matrix_unit_can_be_turned_off() -> None:
    require_kernels()
    script = (
        "import torch; from cogitate.kernels import ops; "
        "print(ops.native(torch.zeros(1)), ops.has_matrix_unit())"
    )
    environment = {**os.environ, "COGITATE_KERNELS": "vector"}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", "False"]
