"""Layer operations with their gradients: compiled kernels for float32 on the CPU, torch otherwise.

Each kernel does in one pass over memory what eager torch does in several, and keeps less for the
backward pass. They agree with the torch expressions beside them to float32 rounding (tested).
"""

import contextlib
import ctypes
import functools
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from cogitate.kernels.build import load


@functools.cache
def _library() -> ctypes.CDLL | None:
    return load()[0]


def native(x: Tensor, *sizes: int) -> bool:
    """Whether the kernels can run on ``x``, for rows of these sizes."""
    library = _library() if x.device.type == "cpu" and x.dtype == torch.float32 else None
    return library is not None and all(size % int(library.cg_lanes()) == 0 for size in sizes)


def _call(name: str, *arguments: Tensor | int | float) -> None:
    converted: list[Any] = []
    for argument in arguments:
        if isinstance(argument, Tensor):
            converted.append(ctypes.c_void_p(argument.data_ptr()))
        elif isinstance(argument, float):
            converted.append(ctypes.c_float(argument))
        else:
            converted.append(ctypes.c_long(argument))
    getattr(_library(), name)(*converted)


# Below this many multiplications, packing for the matrix unit costs more than it saves.
_WORTH_PACKING = 1 << 22


def has_matrix_unit() -> bool:
    """Whether float32 products run on a matrix unit here (kernels/matmul.c)."""
    library = _library()
    return library is not None and bool(library.cg_matrix_unit())


def matmul(
    a: Float[Tensor, "m k"],
    b: Float[Tensor, "k n"],
    *,
    out: Float[Tensor, "m n"] | None = None,
    add: bool = False,
) -> Float[Tensor, "m n"]:
    """a @ b, into ``out`` or added to it, no gradient. Transposed views are read in place."""
    (m, k), n = a.shape, b.shape[1]
    operands = (a, b) if out is None else (a, b, out)
    packed = (
        m * n * k >= _WORTH_PACKING
        and b.shape[0] == k
        and (out is None or out.shape == (m, n))
        and all(t.device.type == "cpu" and t.dtype == torch.float32 for t in operands)
        and all(1 in t.stride() for t in (a, b))
        and (out is None or out.stride(1) == 1)
        and has_matrix_unit()
    )
    if not packed:
        if out is None:
            return a @ b
        return out.addmm_(a, b) if add else torch.mm(a, b, out=out)
    if out is None:
        out = a.new_empty(m, n)
    strides = (out.stride(0), *a.stride(), b.stride(1), b.stride(0))
    _call("cg_matmul", out, a, b, m, n, k, *strides, int(add))
    return out


_in_place: ContextVar[bool] = ContextVar("gradients_in_place", default=False)


@contextlib.contextmanager
def gradients_in_place() -> Iterator[None]:
    """Backward passes inside add weight gradients straight to ``weight.grad`` where it exists.

    Saves a matrix as large as the weight and a pass over it. Only for weights that are leaves,
    and not with ``torch.autograd.grad``, which would be handed nothing.
    """
    token = _in_place.set(True)
    try:
        yield
    finally:
        _in_place.reset(token)


def _norm_rows(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    size = x.shape[-1]
    rows = x.numel() // size
    y, rstd = torch.empty_like(x), x.new_empty(rows)
    _call("cg_norm_rows", y, rstd, x, weight, rows, size, eps)
    return y, rstd


def _norm_rows_backward(
    dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor
) -> tuple[Tensor, Tensor]:
    size = x.shape[-1]
    dx, d_weight = torch.empty_like(x), torch.empty_like(weight)
    library = _library()
    assert library is not None
    partial = x.new_zeros(int(library.cg_threads()), size)
    gradients = (dx, d_weight, dy.contiguous(), x, weight, rstd)
    _call("cg_norm_rows_backward", *gradients, x.numel() // size, size, partial)
    return dx, d_weight


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        x = x.contiguous()
        y, rstd = _norm_rows(x, weight, eps)
        ctx.save_for_backward(x, weight, rstd)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        return *_norm_rows_backward(dy, *ctx.saved_tensors), None


def rms_norm(
    x: Float[Tensor, "*batch d"], weight: Float[Tensor, " d"], eps: float
) -> Float[Tensor, "*batch d"]:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis, in float32."""
    if native(x, x.shape[-1]) and weight.dtype == torch.float32:
        return _RMSNorm.apply(x, weight, eps)
    if x.dtype == torch.float32:
        return F.rms_norm(x, (x.shape[-1],), weight, eps)
    return (weight * F.rms_norm(x.float(), (x.shape[-1],), None, eps)).to(x.dtype)


def _weight_gradient(dy: Tensor, x: Tensor, weight: Tensor) -> Tensor | None:
    """dy^T x, or None after adding it to ``weight.grad``."""
    if _in_place.get() and weight.is_leaf and weight.grad is not None:
        matmul(dy.T, x, out=weight.grad, add=True)
        return None
    return matmul(dy.T, x)


class _Linear(torch.autograd.Function):
    """W norm(x) + b, or W x + b where the norm's weight is None. norm(x) is computed again in the
    backward pass instead of kept: one pass over memory against a matrix as large as x."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, norm: Tensor | None, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight, norm)
        ctx.eps = eps
        y = matmul(x if norm is None else _norm_rows(x, norm, eps)[0], weight.T)
        return y if bias is None else y.add_(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, norm = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, needs_norm, _ = ctx.needs_input_grad
        dy = dy.contiguous()
        used, rstd = (x, None) if norm is None else _norm_rows(x, norm, ctx.eps)
        d_weight = _weight_gradient(dy, used, weight) if needs_weight else None
        d_bias = dy.sum(dim=0) if needs_bias else None
        dx = matmul(dy, weight) if needs_x or needs_norm else None
        if norm is None or rstd is None or dx is None:
            return dx, d_weight, d_bias, None, None
        dx, d_norm = _norm_rows_backward(dx, x, norm, rstd)
        return dx, d_weight, d_bias, d_norm, None


def linear(
    x: Float[Tensor, "T k"],
    weight: Float[Tensor, "n k"],
    bias: Float[Tensor, " n"] | None = None,
    *,
    norm: Float[Tensor, " k"] | None = None,
    eps: float = 0.0,
) -> Float[Tensor, "T n"]:
    """x W^T + b, or rms_norm(x) W^T + b where ``norm`` is the norm's weight."""
    if native(x, *([] if norm is None else [x.shape[1]])) and weight.dtype == torch.float32:
        return _Linear.apply(x.contiguous(), weight, bias, norm, eps)
    return F.linear(x if norm is None else rms_norm(x, norm, eps), weight, bias)


def _swiglu_rows(gate_up: Tensor) -> Tensor:
    rows, size = gate_up.shape[0], gate_up.shape[1] // 2
    out = gate_up.new_empty(rows, size)
    _call("cg_swiglu_rows", out, gate_up, rows, size)
    return out


class _SwiGLULinear(torch.autograd.Function):
    """W (silu(gate) * up) + b; the product of gate and up is computed again, not kept."""

    @staticmethod
    def forward(ctx: Any, gate_up: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(gate_up, weight)
        y = matmul(_swiglu_rows(gate_up), weight.T)
        return y if bias is None else y.add_(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        gate_up, weight = ctx.saved_tensors
        needs_input, needs_weight, needs_bias = ctx.needs_input_grad
        dy = dy.contiguous()
        d_weight = _weight_gradient(dy, _swiglu_rows(gate_up), weight) if needs_weight else None
        d_bias = dy.sum(dim=0) if needs_bias else None
        if not needs_input:
            return None, d_weight, d_bias
        d_gate_up, rows = torch.empty_like(gate_up), gate_up.shape[0]
        d_act = matmul(dy, weight)
        _call("cg_swiglu_rows_backward", d_gate_up, d_act, gate_up, rows, gate_up.shape[1] // 2)
        return d_gate_up, d_weight, d_bias


def swiglu_linear(
    gate_up: Float[Tensor, "T two_ff"],
    weight: Float[Tensor, "n ff"],
    bias: Float[Tensor, " n"] | None = None,
) -> Float[Tensor, "T n"]:
    """(silu(gate) * up) W^T + b, where the first half of the columns is the gate.

    Paper: Shazeer (arXiv:2002.05202) eq. 6.
    """
    if native(gate_up, gate_up.shape[-1] // 2) and weight.dtype == torch.float32:
        return _SwiGLULinear.apply(gate_up.contiguous(), weight, bias)
    gate, up = gate_up.chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, weight, bias)


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor, heads: int, head_dim: int) -> Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.heads, ctx.head_dim = heads, head_dim
        out = x.clone() if not x.is_contiguous() else x
        if out is x:
            ctx.mark_dirty(x)
        _call("cg_rotate_rows", out, cos, sin, len(x), x.shape[1], heads, head_dim, 1.0)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        grad = grad.clone(memory_format=torch.contiguous_format)
        sizes = (len(grad), grad.shape[1], ctx.heads, ctx.head_dim)
        _call("cg_rotate_rows", grad, cos, sin, *sizes, -1.0)
        return grad, None, None, None, None


def rotate_heads(
    x: Float[Tensor, "T features"],
    cos: Float[Tensor, "T 1 half"],
    sin: Float[Tensor, "T 1 half"],
    *,
    heads: int,
    head_dim: int,
) -> Float[Tensor, "T features"]:
    """Rotary embedding of the first ``heads`` heads of every row; ``x`` may be overwritten.

    Pairs are (i, i + head_dim / 2), the layout of Hugging Face checkpoints. Paper: RoFormer
    (arXiv:2104.09864) eq. 15, with halves instead of interleaved pairs.
    """
    if native(x):
        return _Rotate.apply(x, cos, sin, heads, head_dim)
    turned, rest = x.split((heads * head_dim, x.shape[1] - heads * head_dim), dim=1)
    first, second = turned.view(len(x), heads, head_dim).chunk(2, dim=-1)
    both = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return torch.cat((both.flatten(1).to(x.dtype), rest), dim=1)
