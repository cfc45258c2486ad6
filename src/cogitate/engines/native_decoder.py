"""The same decoder on compiled kernels: float32, CPU, weights read in place.

See kernels/native.c for the layout. Results do not depend on the number of lanes, bit for bit.
"""

import ctypes
from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from cogitate.engines.decoder import Ints, Lanes
from cogitate.engines.sampler import sample_tokens
from cogitate.errors import EngineError
from cogitate.kernels.build import load
from cogitate.models.layers import DecoderLayer
from cogitate.models.transformer import Transformer
from cogitate.schema import SamplingParams

_POINTER, _LONG, _FLOAT = ctypes.c_void_p, ctypes.c_long, ctypes.c_float
_LAYER_FIELDS = (
    *("attention_norm", "qkv", "qkv_bias", "q_norm", "k_norm", "out", "out_bias"),
    *("mlp_norm", "gate_up", "gate_up_bias", "down", "down_bias"),
)
_SPAN = 128


class _Layer(ctypes.Structure):
    _fields_ = [(name, _POINTER) for name in _LAYER_FIELDS]


class _Decoder(ctypes.Structure):
    _fields_ = [
        *[
            (name, _LONG)
            for name in (
                *("hidden", "layers", "heads", "kv_heads", "head_dim"),
                *("intermediate", "vocab"),
            )
        ],
        ("norm_eps", _FLOAT),
        *[
            (name, _POINTER)
            for name in (
                *("embedding", "final_norm", "head", "cos_table", "sin_table", "layer"),
                *("keys", "values"),
            )
        ],
        ("slots", _LONG),
        ("capacity", _LONG),
        ("scratch", _POINTER),
    ]


class _Lanes(ctypes.Structure):
    _fields_ = [
        *[(n, _POINTER) for n in ("token", "position", "slot", "prefix_slot", "prefix_length")],
        ("count", _LONG),
        ("lanes", _LONG),
    ]


def _address(tensor: Tensor | None) -> int | None:
    if tensor is None:
        return None
    assert tensor.is_contiguous() and tensor.dtype == torch.float32
    return tensor.data_ptr()


def _array(values: NDArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)


class NativeDecoder:
    """``Decoder`` on kernels/native.c.

    Raises:
        EngineError: no compiled kernels here, or the model is not float32 on the CPU, or its head
            dimension is not a multiple of the vector width.
    """

    def __init__(self, model: Transformer) -> None:
        self.library, reason = load()
        if self.library is None:
            raise EngineError(f"native kernels are not available: {reason}. Use kernels = 'torch'.")
        self.lanes = int(self.library.cg_lanes())
        problem = unsupported(model, self.lanes)
        if problem:
            raise EngineError(f"native kernels cannot run this model: {problem}.")
        self.model = model
        self.slots = self.capacity = self.tables = 0
        self.keys = self.values = self.scratch = self._logits = torch.empty(0)
        self.cos_table = self.sin_table = torch.empty(0)

    def allocate(self, slots: int, capacity: int) -> None:
        """Make room for ``slots`` sequences of ``capacity`` own tokens each."""
        capacity = -(-capacity // self.lanes) * self.lanes
        if (slots, capacity) == (self.slots, self.capacity):
            return
        c = self.model.config
        shape = (c.num_layers, slots, c.num_kv_heads, capacity, c.head_dim)
        # Zeros, not empty: a vector of keys may reach past the live ones, and must be finite.
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        self.slots, self.capacity = slots, capacity

    def _rotary_tables(self, positions: int) -> None:
        if positions > self.tables:
            # Never past the model's length for nothing: dynamic scaling changes every angle there.
            grown = min(max(2 * self.tables, 256), self.model.config.max_position)
            self.tables = max(positions, grown)
            cos, sin = self.model.rotary(torch.arange(self.tables))
            self.cos_table, self.sin_table = cos[:, 0].contiguous(), sin[:, 0].contiguous()

    def _structure(self, padded: int) -> tuple[_Decoder, ctypes.Array]:
        """Pointers to the parameters as they are at this moment (an update may replace tensors)."""
        c, model = self.model.config, self.model
        layers = (_Layer * c.num_layers)()
        blocks = cast(Iterable[DecoderLayer], model.layers)
        for target, layer in zip(layers, blocks, strict=True):
            a, m = layer.attention, layer.mlp
            norms = (a.q_norm.weight, a.k_norm.weight) if c.query_key_norm else (None, None)
            tensors = (
                *(layer.attention_norm.weight, a.qkv.weight, a.qkv.bias, *norms),
                *(a.out.weight, a.out.bias, layer.mlp_norm.weight, m.gate_up.weight),
                *(m.gate_up.bias, m.down.weight, m.down.bias),
            )
            for name, tensor in zip(_LAYER_FIELDS, tensors, strict=True):
                setattr(target, name, _address(tensor))
        decoder = _Decoder(
            hidden=c.hidden_size,
            layers=c.num_layers,
            heads=c.num_heads,
            kv_heads=c.num_kv_heads,
            head_dim=c.head_dim,
            intermediate=c.intermediate_size,
            vocab=c.vocab_size,
            norm_eps=c.norm_eps,
            embedding=_address(model.embedding.weight),
            final_norm=_address(model.norm.weight),
            head=_address(model.head_weight),
            cos_table=_address(self.cos_table),
            sin_table=_address(self.sin_table),
            layer=ctypes.addressof(layers),
            keys=_address(self.keys),
            values=_address(self.values),
            slots=self.slots,
            capacity=self.capacity,
        )
        assert self.library is not None
        threads = int(self.library.cg_threads())
        size = self.library.cg_scratch_floats(ctypes.byref(decoder), _LONG(padded), _LONG(threads))
        if self.scratch.numel() < size + 16:
            self.scratch = torch.empty(size + 16)
        decoder.scratch = _aligned(self.scratch)
        return decoder, layers

    def forward(self, lanes: Lanes) -> Float[Tensor, "d n"]:
        """Final-normed hidden states of all lanes; their keys and values are stored."""
        count = len(lanes.tokens)
        padded = -(-count // self.lanes) * self.lanes
        self._rotary_tables(int(lanes.positions.max()) + 1)
        decoder, _layers = self._structure(padded)
        arrays = [np.ascontiguousarray(getattr(lanes, name)) for name in Lanes.__slots__]
        batch = _Lanes(*[a.ctypes.data for a in arrays], count, padded)
        out = torch.empty(self.model.config.hidden_size, padded)
        assert self.library is not None
        self.library.cg_forward(
            ctypes.byref(decoder), ctypes.byref(batch), ctypes.c_void_p(out.data_ptr())
        )
        return out[:, :count]

    def logits(self, hidden: Float[Tensor, "d r"]) -> Float[Tensor, "V r_padded"]:
        """Logits, feature-major, columns padded to the vector width; valid until the next call."""
        weight, count = self.model.head_weight.detach(), hidden.shape[1]
        padded = -(-count // self.lanes) * self.lanes
        wide = torch.zeros(hidden.shape[0], padded)
        wide[:, :count] = hidden
        if self._logits.numel() < weight.shape[0] * padded:
            self._logits = torch.empty(weight.shape[0] * padded)
        out = self._logits[: weight.shape[0] * padded].view(weight.shape[0], padded)
        pointers = [ctypes.c_void_p(t.data_ptr()) for t in (out, wide, weight)]
        sizes = [_LONG(n) for n in (weight.shape[0], weight.shape[1], padded)]
        assert self.library is not None
        self.library.cg_linear(*pointers, None, *sizes, ctypes.c_int(0))
        return out

    def sample(
        self, hidden: Float[Tensor, "d r"], uniform: NDArray[np.float64], params: SamplingParams
    ) -> tuple[Ints, NDArray[np.float32]]:
        """One token and its log-prob per column of ``hidden``."""
        count = hidden.shape[1]
        logits = self.logits(hidden)
        if params.top_k or params.top_p < 1.0:
            rows = logits[:, :count].T.contiguous()
            tokens, logprobs = sample_tokens(rows, torch.from_numpy(uniform), params)
            return tokens.numpy(), logprobs.numpy()
        vocab, padded = logits.shape
        tokens, logprobs = np.zeros(count, np.int64), np.zeros(count, np.float32)
        masses = torch.empty((-(-vocab // _SPAN) + 2) * padded + 16)
        beta = 0.0 if params.temperature == 0.0 else 1.0 / params.temperature
        base = _aligned(masses)
        assert self.library is not None
        self.library.cg_sample(
            ctypes.c_void_p(logits.data_ptr()),
            *(_LONG(n) for n in (vocab, padded, count)),
            _FLOAT(beta),
            *(_array(a) for a in (np.ascontiguousarray(uniform), tokens, logprobs)),
            ctypes.c_void_p(base + 4 * 2 * padded),
            ctypes.c_void_p(base),
        )
        return tokens, logprobs


def _aligned(buffer: Tensor) -> int:
    """The first 64-byte boundary in a float32 buffer that has 16 floats to spare."""
    return -(-buffer.data_ptr() // 64) * 64


def unsupported(model: Transformer, lanes: int) -> str | None:
    """Why the kernels cannot run ``model``, or None."""
    weight = model.embedding.weight
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return f"its weights are {weight.dtype} on {weight.device}, float32 on the CPU is needed"
    if model.config.head_dim % lanes:
        return f"head_dim {model.config.head_dim} is not a multiple of {lanes}"
    return None
