"""The metadata and tensors of a GGUF file, read with every length checked against the file.

The reader of the ``gguf`` package trusts the counts in the header: a file that declares 2**60
array elements keeps it busy for ever. Here nothing is read or allocated beyond the file's end.
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from cogitate.errors import DataError

_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MAX_RANK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """One tensor of the file: its row-major ``shape`` and where its bytes are."""

    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    start: int
    num_bytes: int


class GGUFFile:
    """A GGUF version 2 or 3 file, little-endian.

    ``metadata`` maps keys to Python values, ``entries`` tensor names to `TensorEntry`; tensor
    data is read from the mapped file only when `tensor` is called.

    Raises:
        DataError: the file is not GGUF, or a length in it points outside it.
    """

    metadata: Mapping[str, Any]
    entries: Mapping[str, TensorEntry]

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            if path.stat().st_size < 24:
                raise DataError(f"{path}: too short for a GGUF file. Download it again.")
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        cursor = _Cursor(self._bytes, path)
        num_tensors, num_keys = cursor.header()
        self.metadata = {cursor.string(): cursor.value() for _ in range(num_keys)}
        self.entries = self._read_entries(cursor, num_tensors)

    def tensor(self, name: str) -> np.ndarray:
        """The named tensor, dequantised to float32, with the shape that PyTorch would give it."""
        entry = self.entries.get(name)
        if entry is None:
            raise DataError(f'{self.path}: no tensor "{name}". The file is incomplete.')
        raw = np.frombuffer(self._bytes, np.uint8, entry.num_bytes, entry.start)
        if entry.kind is GGMLQuantizationType.F32:
            return raw.view(np.float32).reshape(entry.shape).copy()
        if entry.kind is GGMLQuantizationType.F16:
            return raw.view(np.float16).reshape(entry.shape).astype(np.float32)
        try:
            values = dequantize(raw.reshape(*entry.shape[:-1], -1), entry.kind)
        except NotImplementedError as error:
            raise DataError(
                f'{self.path}: tensor "{name}" is stored as {entry.kind.name}, which package '
                f"gguf cannot dequantise. Use a file in F16, Q8_0 or another common type."
            ) from error
        return values.reshape(entry.shape).astype(np.float32, copy=False)

    def _read_entries(self, cursor: "_Cursor", count: int) -> dict[str, TensorEntry]:
        raw = [cursor.tensor_info() for _ in range(count)]
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise DataError(f"{self.path}: general.alignment = {alignment!r} is not a size.")
        data_start = -(-cursor.position // alignment) * alignment
        entries: dict[str, TensorEntry] = {}
        for name, shape, kind, offset in raw:
            start, num_bytes = data_start + offset, _num_bytes(name, shape, kind)
            if name in entries:
                raise DataError(f'{self.path}: tensor "{name}" occurs twice.')
            if start + num_bytes > len(self._bytes):
                raise DataError(
                    f'{self.path}: tensor "{name}" ends at byte {start + num_bytes}, but the file '
                    f"has {len(self._bytes)}. It was cut short; download it again."
                )
            entries[name] = TensorEntry(
                name=name, shape=shape, kind=kind, start=start, num_bytes=num_bytes
            )
        return entries


class _Cursor:
    """A position in the file's bytes that refuses to move past the end."""

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self.data, self.path, self.position = data, path, 0

    def header(self) -> tuple[int, int]:
        """The numbers of tensors and of metadata keys."""
        if self.take(4) != b"GGUF":
            raise DataError(f'{self.path}: not a GGUF file (it does not start with "GGUF").')
        version = self.number("<I")
        if version not in (2, 3):
            raise DataError(
                f"{self.path}: GGUF version {version}; little-endian versions 2 and 3 can be read."
            )
        return self.count(24), self.count(12)

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise DataError(
                f"{self.path}: a length at byte {self.position} points to byte {end}, but the file "
                f"has {len(self.data)}. It is damaged; download it again."
            )
        start, self.position = self.position, end
        return self.data[start:end]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self, smallest: int) -> int:
        """A number of items of at least ``smallest`` bytes each, which must fit into the file."""
        value = self.number("<Q")
        if value * smallest > len(self.data):
            raise DataError(
                f"{self.path}: byte {self.position - 8} declares {value} items, more than the file "
                f"can hold. It is damaged; download it again."
            )
        return int(value)

    def string(self) -> str:
        return self.take(self.count(1)).decode("utf-8", errors="replace")

    def value(self) -> Any:
        kind = self.number("<I")
        return self._array() if kind == _ARRAY else self._single(kind)

    def _single(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        return self.number(self._form(kind))

    def _array(self) -> list[Any]:
        kind = self.number("<I")
        if kind == _ARRAY:
            raise DataError(f"{self.path}: nested arrays in the metadata are not supported.")
        if kind == _STRING:
            return [self.string() for _ in range(self.count(8))]
        form = self._form(kind)
        size = struct.calcsize(form)
        count = self.count(size)
        return list(struct.unpack(f"<{count}{form[1:]}", self.take(count * size)))

    def _form(self, kind: int) -> str:
        if kind not in _SCALARS:
            raise DataError(f"{self.path}: unknown metadata type {kind} at byte {self.position}.")
        return _SCALARS[kind]

    def tensor_info(self) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
        name = self.string()
        rank = self.number("<I")
        if not 1 <= rank <= _MAX_RANK:
            raise DataError(f'{self.path}: tensor "{name}" has {rank} dimensions, expected 1 to 4.')
        # GGUF lists the fastest-running dimension first; PyTorch lists it last.
        shape = tuple(int(self.number("<Q")) for _ in range(rank))[::-1]
        kind = self.number("<I")
        try:
            return name, shape, GGMLQuantizationType(kind), self.number("<Q")
        except ValueError as error:
            raise DataError(
                f'{self.path}: tensor "{name}" has the unknown type {kind}. A newer package gguf '
                f"may know it: pip install -U gguf."
            ) from error


def _num_bytes(name: str, shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    block, block_bytes = GGML_QUANT_SIZES[kind]
    if shape[-1] % block:
        raise DataError(
            f'tensor "{name}" has rows of {shape[-1]}, not a multiple of the {block} values in a '
            f"{kind.name} block."
        )
    total = 1
    for size in shape:
        total *= size
    return total // block * block_bytes
