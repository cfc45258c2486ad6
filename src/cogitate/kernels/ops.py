"""Layer operations with their gradients: compiled kernels for float32 on the CPU, torch otherwise.

Each kernel does in one pass over memory what eager torch does in several, and keeps less for the
backward pass. They agree with the torch expressions beside them to float32 rounding (tested).
"""

import ctypes
import functools
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

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


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        x = x.contiguous()
        size = x.shape[-1]
        rows = x.numel() // size
        y, rstd = torch.empty_like(x), x.new_empty(rows)
        _call("cg_norm_rows", y, rstd, x, weight, rows, size, eps)
        ctx.save_for_backward(x, weight, rstd)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, rstd = ctx.saved_tensors
        size = x.shape[-1]
        dx, d_weight = torch.empty_like(x), torch.empty_like(weight)
        library = _library()
        assert library is not None
        partial = x.new_zeros(int(library.cg_threads()), size)
        gradients = (dx, d_weight, dy.contiguous(), x, weight, rstd)
        _call("cg_norm_rows_backward", *gradients, x.numel() // size, size, partial)
        return dx, d_weight, None


def rms_norm(
    x: Float[Tensor, "*batch d"], weight: Float[Tensor, " d"], eps: float
) -> Float[Tensor, "*batch d"]:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis, in float32."""
    if native(x, x.shape[-1]) and weight.dtype == torch.float32:
        return _RMSNorm.apply(x, weight, eps)
    if x.dtype == torch.float32:
        return F.rms_norm(x, (x.shape[-1],), weight, eps)
    return (weight * F.rms_norm(x.float(), (x.shape[-1],), None, eps)).to(x.dtype)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        gate_up = gate_up.contiguous()
        rows, size = gate_up.shape[0], gate_up.shape[1] // 2
        out = gate_up.new_empty(rows, size)
        _call("cg_swiglu_rows", out, gate_up, rows, size)
        ctx.save_for_backward(gate_up)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> Tensor:
        (gate_up,) = ctx.saved_tensors
        d_gate_up = torch.empty_like(gate_up)
        rows, size = gate_up.shape[0], gate_up.shape[1] // 2
        _call("cg_swiglu_rows_backward", d_gate_up, d_out.contiguous(), gate_up, rows, size)
        return d_gate_up


def swiglu(gate_up: Float[Tensor, "T two_ff"]) -> Float[Tensor, "T ff"]:
    """silu(gate) * up, where the first half of the columns is the gate."""
    if native(gate_up, gate_up.shape[-1] // 2):
        return _SwiGLU.apply(gate_up)
    gate, up = gate_up.chunk(2, dim=-1)
    return F.silu(gate) * up


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
