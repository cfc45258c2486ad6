"""Reading files: every format, and faults that cost one row and no more."""

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cogitate.errors import DataError, MissingExtra
from cogitate.tasks.loading import (
    BadRow,
    RawRow,
    SourceOptions,
    data_files,
    format_of,
    read_rows,
)

needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)
needs_datasets = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="datasets is not installed"
)
ROWS = [{"question": f"q{i}", "answer": str(i)} for i in range(4)]


def read(path: Path | str, **options: Any) -> list[RawRow | BadRow]:
    return list(read_rows(str(path), SourceOptions(**options)))


def values(rows: list[RawRow | BadRow]) -> list[dict[str, Any]]:
    return [dict(row.values) for row in rows if isinstance(row, RawRow)]


def faults(rows: list[RawRow | BadRow]) -> dict[int, str]:
    return {row.number: row.reason for row in rows if isinstance(row, BadRow)}


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_json_lines(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(*ROWS))
    assert values(read(path)) == ROWS
    assert [row.number for row in read(path)] == [1, 2, 3, 4]


def test_json_lines_with_a_byte_order_mark_blank_lines_and_crlf(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + lines(ROWS[0]) + b"\n  \r\n" + lines(ROWS[1])[:-1] + b"\r\n")
    rows = read(path)
    assert values(rows) == ROWS[:2]
    assert [row.number for row in rows] == [1, 4]


def test_bad_lines_cost_themselves_only(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    bad = [
        b"{broken\n",
        b"[1, 2]\n",
        b"null\n",
        b'"text"\n',
        b'{"question": "\xff"}\n',
        b"[" * 100_000 + b"\n",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"\n",
        b"\0\0\0\n",
        b'{"question": "' + b"x" * 5000 + b'"}\n',
    ]
    path.write_bytes(b"".join(lines(ROWS[0]) + line for line in bad) + lines(ROWS[1]))
    rows = read(path, max_row_bytes=4000) + read(path)
    assert len(values(rows)) == 2 * (len(bad) + 1) + 1  # without the limit the long row is fine
    reasons = faults(read(path, max_row_bytes=4000))
    assert [*reasons] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    for number, expected in (
        (2, "not JSON"), (4, "this is a list"), (6, "this is a NoneType"), (8, "this is a str"),
        (10, "not UTF-8 at byte 14"), (12, "longer than 4000"), (14, "longer than 4000"),
        (16, "not JSON"), (18, "longer than 4000 bytes"),
    ):  # fmt: skip
        assert expected in reasons[number]
    deep = faults(read(path))
    assert deep[12] == deep[14] == "nested too deeply"


def test_a_row_at_the_limit_is_kept(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    body = b'{"a": "' + b"x" * 300 + b'"}'
    for ending in (b"\n", b""):
        path.write_bytes(body + ending)
        assert len(values(read(path, max_row_bytes=len(body) + 1))) == 1
        assert len(values(read(path, max_row_bytes=len(body)))) == 1
        assert len(faults(read(path, max_row_bytes=len(body) - 2))) == 1


def test_a_torn_last_line_is_reported_at_every_cut(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    whole = lines(*ROWS[:2])
    last = lines(ROWS[1])
    for cut in range(2, len(last)):
        path.write_bytes(whole[:-cut])
        rows = read(path)
        assert values(rows) == ROWS[:1]
        assert faults(rows)[2].startswith("torn last line, not JSON")
    path.write_bytes(whole[:-1])  # only the newline is missing: nothing is lost
    assert values(read(path)) == ROWS[:2]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.ndjson.gz", "a.json.gz"])
def test_gzip(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(gzip.compress(lines(*ROWS)))
    assert values(read(path)) == ROWS


def test_a_cut_gzip_keeps_what_came_before(tmp_path: Path):
    path = tmp_path / "a.jsonl.gz"
    many = [{"question": f"question {i * 7919 % 10007}", "answer": str(i)} for i in range(2000)]
    packed = gzip.compress(lines(*many))
    path.write_bytes(packed[: len(packed) // 2])
    rows = read(path)
    good = values(rows)
    assert 500 < len(good) < 1500
    assert good == many[: len(good)]
    assert "later rows are lost" in [*faults(rows).values()][-1]


def test_zstandard(tmp_path: Path):
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(lines(*ROWS)))
    assert values(read(path)) == ROWS
    path.write_bytes(b"not zstandard at all")
    assert [*faults(read(path))] == [1]


def test_something_that_is_not_gzip_is_one_fault(tmp_path: Path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(lines(*ROWS))
    assert [*faults(read(path))] == [1]


def test_json_array_and_json_lines_under_one_suffix(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text("\n " + json.dumps([*ROWS, 7]), encoding="utf-8")
    assert values(read(path)) == ROWS
    assert "this is a int" in faults(read(path))[5]
    path.write_bytes(lines(*ROWS))
    assert values(read(path)) == ROWS


@pytest.mark.parametrize("body", ['[{"a": 1}', "[" * 100_000])
def test_a_broken_json_array_is_an_error_that_names_the_way_out(tmp_path: Path, body: str):
    path = tmp_path / "a.json"
    path.write_text(body, encoding="utf-8")
    with pytest.raises(DataError, match=r"not a JSON array .* one object a line"):
        read(path)


def test_csv(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'\xef\xbb\xbfquestion,answer\n"two, lines\nof text",1\nshort\nb,2,3\n\nc,4\nd\xff,5\n'
    )
    rows = read(path)
    assert values(rows)[:2] == [
        {"question": "two, lines\nof text", "answer": "1"},
        {"question": "c", "answer": "4"},
    ]
    assert faults(rows) == {
        2: "1 cells, but the header names 2 columns",
        3: "3 cells, but the header names 2 columns",
    }
    # Bytes that are not UTF-8 stay visible as a surrogate, which no problem may hold.
    assert values(rows)[2]["question"] == "d\udcff"


def test_a_csv_cell_beyond_the_limit_costs_its_row(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("question,answer\n" + "x" * 200_000 + ",1\nb,2\n", encoding="utf-8")
    rows = read(path)
    assert "field larger than field limit" in faults(rows)[1]
    assert {"question": "b", "answer": "2"} in values(rows)


def test_an_empty_csv_is_an_error(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="Expected a first line with column names"):
        read(path)


@needs_pyarrow
def test_parquet(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    rows = [
        {
            "prompt": [{"role": "user", "content": f"q{i}"}],
            "reward_model": {"style": "rule", "ground_truth": str(i)},
        }
        for i in range(600)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert values(read(path)) == rows
    assert read(path)[599].number == 600
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(path)


@needs_pyarrow
def test_a_directory_of_files_reads_those_of_the_split(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = tmp_path / "data"
    data.mkdir()
    for name, part in (("train-00000", ROWS[:2]), ("train-00001", ROWS[2:]), ("test-0", ROWS[:1])):
        pq.write_table(pa.Table.from_pylist(part), data / f"{name}.parquet")
    rows = read(tmp_path)
    assert values(rows) == ROWS
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert values(read(tmp_path, source_split="test")) == ROWS[:1]


def test_a_directory_of_unnamed_parts_reads_all(tmp_path: Path):
    (tmp_path / "a.jsonl").write_bytes(lines(*ROWS[:2]))
    (tmp_path / "b.jsonl").write_bytes(b"{torn\n" + lines(*ROWS[2:]))
    (tmp_path / "README.md").write_text("notes", encoding="utf-8")
    rows = read(tmp_path)
    assert values(rows) == ROWS
    assert [*faults(rows)] == [3]
    assert [file.name for file in data_files(tmp_path, "train")] == ["a.jsonl", "b.jsonl"]


def test_an_empty_directory_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="a directory without data files"):
        read(tmp_path)


@needs_datasets
def test_what_datasets_saves(tmp_path: Path):
    import datasets

    split = datasets.Dataset.from_list(ROWS)
    split.save_to_disk(str(tmp_path / "one"))
    assert values(read(tmp_path / "one")) == ROWS
    both = datasets.DatasetDict({"train": split, "test": split.select([0])})
    both.save_to_disk(str(tmp_path / "both"))
    assert values(read(tmp_path / "both")) == ROWS
    assert values(read(tmp_path / "both", source_split="test")) == ROWS[:1]
    with pytest.raises(DataError, match=r'no split "dev"\. It has: train, test'):
        read(tmp_path / "both", source_split="dev")


@needs_datasets
def test_a_hub_name_without_a_connection_says_what_to_do():
    with pytest.raises(DataError, match=r"hf://nobody/nothing: .* give the path of a local copy"):
        read("hf://nobody/nothing")


def test_missing_packages_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for package in ("pyarrow", "datasets", "zstandard"):
        monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "a.parquet").write_bytes(b"x")
    (tmp_path / "a.jsonl.zst").write_bytes(b"x")
    for source in (tmp_path / "a.parquet", "hf://owner/name"):
        with pytest.raises(MissingExtra, match=r"pip install 'cogitate\[data\]'"):
            read(source)
    with pytest.raises(MissingExtra, match=r"a\.jsonl\.zst: .* pip install zstandard"):
        read(tmp_path / "a.jsonl.zst")


def test_a_missing_file_and_an_unknown_format(tmp_path: Path):
    with pytest.raises(DataError, match=r"no such file or directory. Expected one of .jsonl"):
        read(tmp_path / "none.jsonl")
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(DataError, match=r'unknown format ".xlsx". Known: .jsonl'):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.jsonl", ".jsonl"), ("a.b.jsonl.gz", ".jsonl"), ("a.csv.zst", ".csv"), ("x.json", ".json")],
)
def test_format_of(name: str, suffix: str):
    assert format_of(Path(name)) == suffix


@pytest.mark.parametrize("name", ["a.parquet.gz", "a.gz", "a", "a.txt", "a.jsonl.bz2"])
def test_format_of_unknown_names(name: str):
    with pytest.raises(DataError, match="unknown format"):
        format_of(Path(name))
