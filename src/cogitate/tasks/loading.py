"""Rows of a file, a directory or a Hugging Face data set, one bad row never losing the rest.

Every reader yields ``RawRow`` and ``BadRow`` in order, numbered from 1 as a person counts them.
Only a source that cannot be read at all is an error.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cogitate.errors import DataError
from cogitate.extras import require

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
COMPRESSED = (".gz", ".zst")
HUB_PREFIX = "hf://"
MAX_JSON_FILE_BYTES = 256 * 2**20
"""Largest .json file, bytes; it must be held in memory whole. JSON lines have no such limit."""
_SAVED_DATASET_FILES = ("dataset_info.json", "dataset_dict.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row as the source has it. ``number`` is the line or record number, from 1."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that was skipped, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What a source needs besides its path; see ``DatasetConfig``."""

    subset: str | None = None
    source_split: str = "train"
    max_row_bytes: int = 1_048_576


def read_rows(source: str, options: SourceOptions) -> Iterator[RawRow | BadRow]:
    """The rows of a source, whatever its format.

    Raises:
        DataError: nothing is there, the format is unknown, or the file is not what it says.
        MissingExtra: the format needs a package that is not installed.
    """
    if source.startswith(HUB_PREFIX):
        return _read_hub(source.removeprefix(HUB_PREFIX), options)
    path = Path(source).expanduser()
    if path.is_dir():
        return _read_directory(path, options)
    if not path.is_file():
        raise DataError(
            f"{source}: no such file or directory. Expected one of {', '.join(SUFFIXES)} "
            f"(also with {' or '.join(COMPRESSED)}), a directory, or {HUB_PREFIX}owner/name."
        )
    return _read_file(path, options)


def read_jsonl(path: Path, *, max_row_bytes: int) -> Iterator[RawRow | BadRow]:
    """The objects of a JSON-lines file, compressed or not; a torn last line is one bad row."""
    with _open(path) as stream:
        yield from _json_lines(stream, max_row_bytes)


def _read_file(path: Path, options: SourceOptions) -> Iterator[RawRow | BadRow]:
    kind = format_of(path)
    if kind == ".parquet":
        return _read_parquet(path)
    if kind == ".csv":
        return _read_csv(path)
    if kind == ".json":
        return _read_json(path, options)
    return read_jsonl(path, max_row_bytes=options.max_row_bytes)


def format_of(path: Path) -> str:
    """The suffix that says the format, compression aside.

    Raises:
        DataError: no reader knows the suffix.
    """
    name = path.with_suffix("") if path.suffix in COMPRESSED else path
    if name.suffix not in SUFFIXES or (name.suffix == ".parquet" and name is not path):
        raise DataError(
            f'{path}: unknown format "{"".join(path.suffixes)}". Known: {", ".join(SUFFIXES)}; '
            f"all but .parquet also with {' or '.join(COMPRESSED)}."
        )
    return name.suffix


def _open(path: Path) -> io.BufferedIOBase:
    try:
        if path.suffix == ".gz":
            return gzip.GzipFile(path, "rb")
        if path.suffix == ".zst":
            return _open_zst(path)
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error}).") from error


def _open_zst(path: Path) -> io.BufferedIOBase:
    zstandard = require("zstandard", purpose=f"{path}: reading .zst")
    return io.BufferedReader(zstandard.open(path, "rb"))


def _json_lines(stream: io.BufferedIOBase, limit: int) -> Iterator[RawRow | BadRow]:
    for number, line in _lines(stream, limit):
        if isinstance(line, BadRow):
            yield line
        elif line.strip():
            yield _json_row(number, line)


def _lines(stream: io.BufferedIOBase, limit: int) -> Iterator[tuple[int, bytes | BadRow]]:
    """Lines without ever holding more than ``limit`` bytes of one."""
    number = 0
    while True:
        number += 1
        try:
            line = stream.readline(limit + 1)
            if len(line) > limit and not line.endswith(b"\n"):
                _skip_line(stream, limit)
                yield number, BadRow(number=number, reason=f"longer than {limit} bytes")
                continue
        except _broken_stream_errors() as error:
            # gzip reports a cut file as EOFError; everything before it has been read.
            reason = f"the file ends or breaks here, later rows are lost: {error}"
            yield number, BadRow(number=number, reason=reason)
            return
        if not line:
            return
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _broken_stream_errors() -> tuple[type[Exception], ...]:
    """What reading a cut or damaged compressed file raises."""
    zstandard = sys.modules.get("zstandard")
    errors = (EOFError, OSError, zlib.error)
    return errors if zstandard is None else (*errors, zstandard.ZstdError)


def _skip_line(stream: io.BufferedIOBase, limit: int) -> None:
    while (piece := stream.readline(limit)) and not piece.endswith(b"\n"):
        pass


def _json_row(number: int, line: bytes) -> RawRow | BadRow:
    try:
        values = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return BadRow(number=number, reason=f"not UTF-8 at byte {error.start}")
    except RecursionError:
        return BadRow(number=number, reason="nested too deeply")
    except ValueError as error:
        torn = "" if line.endswith(b"\n") else "torn last line, "
        return BadRow(number=number, reason=f"{torn}not JSON: {error}")
    return _object(number, values)


def _object(number: int, values: Any) -> RawRow | BadRow:
    if isinstance(values, dict):
        return RawRow(number=number, values=values)
    found = type(values).__name__
    return BadRow(number=number, reason=f"a JSON object was expected, this is a {found}")


def _read_json(path: Path, options: SourceOptions) -> Iterator[RawRow | BadRow]:
    """A JSON array of objects; a .json file that holds JSON lines is read as such."""
    with _open(path) as stream:
        body = stream.read(MAX_JSON_FILE_BYTES + 1)
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        yield from _json_lines(io.BytesIO(body), options.max_row_bytes)
        return
    if len(body) > MAX_JSON_FILE_BYTES:
        raise DataError(
            f"{path}: larger than {MAX_JSON_FILE_BYTES} bytes as one JSON array. "
            "Write one object a line (.jsonl) instead."
        )
    try:
        rows = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not a JSON array ({error}). Write one object a line (.jsonl) so that a "
            "fault costs one row only."
        ) from error
    yield from (_object(number, row) for number, row in enumerate(rows, start=1))


def _read_csv(path: Path) -> Iterator[RawRow | BadRow]:
    # A byte that is not UTF-8 becomes a surrogate, which is refused with its row later on.
    with _open(path) as raw:
        buffer: Any = raw
        text = io.TextIOWrapper(buffer, "utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(text)
        header = next(reader, [])
        if not header:
            raise DataError(f"{path}: empty. Expected a first line with column names.")
        yield from _csv_rows(reader, header)


def _csv_rows(reader: Any, header: list[str]) -> Iterator[RawRow | BadRow]:
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except (csv.Error, *_broken_stream_errors()) as error:
            yield BadRow(number=number, reason=f"not CSV: {error}")
            if isinstance(error, csv.Error):
                continue
            return
        if cells is None:
            return
        if len(cells) == len(header):
            yield RawRow(number=number, values=dict(zip(header, cells, strict=True)))
        elif cells:
            reason = f"{len(cells)} cells, but the header names {len(header)} columns"
            yield BadRow(number=number, reason=reason)


def _read_parquet(path: Path) -> Iterator[RawRow | BadRow]:
    require("pyarrow", purpose=f"{path}: reading Parquet")
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=256)
            yield from _numbered(row for batch in batches for row in batch.to_pylist())
    except (arrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet ({error}). If the copy was interrupted, "
            "copy or download the file again."
        ) from error


def _numbered(rows: Iterable[Mapping[str, Any]]) -> Iterator[RawRow]:
    return (RawRow(number=i, values=row) for i, row in enumerate(rows, start=1))


def _read_directory(path: Path, options: SourceOptions) -> Iterator[RawRow | BadRow]:
    if any((path / name).is_file() for name in _SAVED_DATASET_FILES):
        return _read_saved(path, options)
    files = data_files(path, options.source_split)
    return _renumbered(row for file in files for row in _read_file(file, options))


def data_files(path: Path, source_split: str) -> list[Path]:
    """The data files of a directory; only those named after the split, where some are.

    Raises:
        DataError: there is none.
    """
    ends = tuple(s + c for s in SUFFIXES for c in ("", *COMPRESSED))
    files = sorted(file for file in path.rglob("*") if file.name.endswith(ends) and file.is_file())
    named = [file for file in files if file.name.startswith(source_split)]
    if not files:
        raise DataError(
            f"{path}: a directory without data files. Expected {', '.join(SUFFIXES)}, or what "
            "datasets.save_to_disk writes."
        )
    return named or files


def _renumbered(rows: Iterable[RawRow | BadRow]) -> Iterator[RawRow | BadRow]:
    for number, row in enumerate(rows, start=1):
        if isinstance(row, RawRow):
            yield RawRow(number=number, values=row.values)
        else:
            yield BadRow(number=number, reason=row.reason)


def _import_datasets(source: object) -> Any:
    require("datasets", purpose=f"{source}: reading it")
    import datasets

    return datasets


def _read_saved(path: Path, options: SourceOptions) -> Iterator[RawRow | BadRow]:
    datasets = _import_datasets(path)
    try:
        loaded = datasets.load_from_disk(str(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: datasets cannot load this directory ({error}).") from error
    if isinstance(loaded, datasets.DatasetDict):
        if options.source_split not in loaded:
            raise DataError(
                f'{path}: no split "{options.source_split}". It has: {", ".join(loaded)}. '
                "Set source_split."
            )
        loaded = loaded[options.source_split]
    return _numbered(loaded)


def _read_hub(name: str, options: SourceOptions) -> Iterator[RawRow | BadRow]:
    datasets = _import_datasets(HUB_PREFIX + name)
    try:
        loaded = datasets.load_dataset(name, options.subset, split=options.source_split)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{HUB_PREFIX}{name}: loading split {options.source_split!r} of subset "
            f"{options.subset!r} failed ({error}). Check the name and the connection, or give "
            "the path of a local copy."
        ) from error
    return _numbered(loaded)
