"""``cogitate grade``: every line comes out again, in order, with its verdict."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cogitate.cli import main
from cogitate.cli.common import DATA, FOUND, INTERRUPTED, OK, USAGE
from cogitate.cli.grade import SANDBOXES
from cogitate.cli.grading import Grading, expectation, grade_file, read_row, survey
from cogitate.cli.grading_progress import Progress
from cogitate.cli.grading_text import ending, mismatch_table, summary_text
from cogitate.errors import ConfigError, DataError
from cogitate.verifiers.grade import RowVerifier

RIGHT = {"id": "r", "task_kind": "mcq", "ground_truth": "B", "completion": "Answer: B"}
WRONG = {**RIGHT, "id": "w", "completion": "<think>B</think>Answer: C"}
MATHS = {"id": "m", "task_kind": "math", "ground_truth": "1/2", "completion": "\\boxed{0.5}"}
NEW = {"verdict", "correct", "reward", "parsed_answer", "milliseconds", "cause", "engine", "reason"}


def write(path: Path, *rows: Any) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    text = "".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass")
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestCommand:
    def test_rows_get_their_verdicts_in_order(self, tmp_path: Path, capsys) -> None:
        source = write(tmp_path / "in.jsonl", RIGHT, WRONG, MATHS)
        out = tmp_path / "new" / "out.jsonl"
        assert main(["grade", str(source), "--out", str(out), "--workers", "2"]) == OK
        rows = read(out)
        assert [row["id"] for row in rows] == ["r", "w", "m"]
        assert [row["verdict"] for row in rows] == ["correct", "wrong", "correct"]
        assert [row["correct"] for row in rows] == [True, False, True]
        assert [row["reward"] for row in rows] == [1.0, 0.0, 1.0]
        assert rows[1]["parsed_answer"] == "C"
        assert all(row.keys() >= NEW for row in rows)
        assert rows[0]["completion"] == "Answer: B"
        assert [path.name for path in out.parent.iterdir()] == ["out.jsonl"]
        text = capsys.readouterr().out
        assert "mcq   2     1        1" in text
        assert "3 rows in" in text
        assert f"written to {out}" in text

    def test_lines_that_are_no_rows_are_kept(self, tmp_path: Path) -> None:
        source = write(
            tmp_path / "in.jsonl", RIGHT, "{torn", "[1]", {"task_kind": "mcq"},
            {**RIGHT, "task_kind": "mqc"}, "", RIGHT,
        )  # fmt: skip
        out = tmp_path / "out.jsonl"
        assert main(["grade", str(source), "--out", str(out), "--json"]) == OK
        rows = read(out)
        assert [row["verdict"] for row in rows] == ["correct", *["bad_row"] * 4, "correct"]
        assert rows[1]["line"] == "{torn"
        assert [row["cause"] for row in rows[1:5]] == [
            "bad_json", "bad_json", "missing_field", "unknown_kind",
        ]  # fmt: skip
        assert 'Did you mean "mcq"?' in rows[4]["reason"]

    def test_the_summary_for_programs(self, tmp_path: Path, capsys) -> None:
        source = write(tmp_path / "in.jsonl.gz", RIGHT, WRONG, "no row")
        assert main(["grade", str(source), "--json"]) == OK
        out, err = capsys.readouterr()
        summary = json.loads(out)
        assert err == ""
        assert summary["rows"] == 3
        assert summary["bad_rows"] == 1
        assert summary["kinds"] == {"(none)": {"bad_row": 1}, "mcq": {"correct": 1, "wrong": 1}}
        assert summary["causes"] == {"wrong/other_option": 1, "bad_row/bad_json": 1}
        assert summary["rows_per_second"] > 0
        assert summary["mismatches"] == []

    def test_odd_text_survives(self, tmp_path: Path) -> None:
        odd = {**RIGHT, "completion": "Answer: B \u0000 \u202e é 🎉"}
        half = {**RIGHT, "completion": "\ud800 Answer: B"}
        source = write(tmp_path / "in.jsonl", odd, half)
        out = tmp_path / "out.jsonl"
        assert main(["grade", str(source), "--out", str(out)]) == OK
        assert [row["completion"] for row in read(out)] == [odd["completion"], half["completion"]]
        assert "é 🎉" in out.read_text()

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["missing.jsonl"], DATA, "no such file"),
            (["."], DATA, "is a directory"),
            (["in.jsonl", "--resume"], USAGE, "Give --out OUT"),
            (["in.jsonl", "--out", "in.jsonl"], USAGE, "is FILE itself"),
            (["in.jsonl", "--out", "."], USAGE, "is a directory"),
            (["in.jsonl", "--workers", "0"], USAGE, "at least 1"),
            (["damaged.jsonl.gz"], DATA, "damaged"),
        ],
    )
    def test_what_is_refused(
        self, tmp_path: Path, monkeypatch, capsys, arguments: list[str], code: int, says: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "in.jsonl", RIGHT)
        (tmp_path / "damaged.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 99)[:-9])
        assert main(["grade", *arguments]) == code
        assert says in capsys.readouterr().err

    def test_programs_without_a_sandbox_are_refused_at_once(self, tmp_path: Path, capsys) -> None:
        row = {"task_kind": "code_stdio", "ground_truth": {}, "completion": "x"}
        source = write(tmp_path / "in.jsonl", RIGHT, row)
        with pytest.raises(SystemExit) as left:
            main(["grade", str(source), "--sandbox", "gaol"])
        assert left.value.code == USAGE
        assert "gaol" in capsys.readouterr().err

    def test_an_empty_file(self, tmp_path: Path, capsys) -> None:
        source = write(tmp_path / "in.jsonl")
        out = tmp_path / "out.jsonl"
        assert main(["grade", str(source), "--out", str(out), "--check"]) == DATA
        assert out.read_text() == ""
        shown = capsys.readouterr()
        assert "no rows" in shown.out
        assert "Expected JSON lines" in shown.err

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (json.dumps([RIGHT, WRONG]).encode(), "a JSON array"),
            (json.dumps(RIGHT, indent=2).encode(), "JSON over several lines"),
            (b"task_kind,ground_truth,completion\nmcq,B,B\n", "CSV"),
            (json.dumps(RIGHT).encode("utf-16"), "UTF-16"),
            (gzip.compress(json.dumps(RIGHT).encode(), mtime=0), "compressed"),
            (b'{"task_kind": "mcq"}\n', "none of its 1 rows can be verified. Expected JSON lines"),
        ],
    )
    def test_files_without_a_row_that_can_be_verified(
        self, tmp_path: Path, capsys, content: bytes, says: str
    ) -> None:
        source = tmp_path / "in.jsonl"
        source.write_bytes(content)
        assert main(["grade", str(source)]) == DATA
        assert says in capsys.readouterr().err

    def test_the_names_of_sandboxes(self) -> None:
        from cogitate.sandbox.choice import NAMES

        assert SANDBOXES == NAMES


class TestCheck:
    def test_verdicts_as_expected(self, tmp_path: Path, capsys) -> None:
        rows = [
            {**RIGHT, "should_be_correct": True},
            {**WRONG, "should_be_correct": False},
            {**WRONG, "expected_status": "truncated"},
            RIGHT,
        ]
        source = write(tmp_path / "in.jsonl", *rows)
        assert main(["grade", str(source), "--check"]) == OK
        assert "all 3 expectations are met" in capsys.readouterr().out

    def test_others_are_a_table_without_control_characters(self, tmp_path: Path, capsys) -> None:
        bad = {**RIGHT, "completion": "\x1b[31m\x07No.\nAnswer: C", "should_be_correct": True}
        source = write(tmp_path / "in.jsonl", {**RIGHT, "should_be_correct": True}, bad)
        assert main(["grade", str(source), "--check"]) == FOUND
        text = capsys.readouterr().out
        assert "1 of 2 expectations are not met" in text
        assert "2     r   mcq   true      wrong  other_option  No. Answer: C" in text
        assert "\x1b" not in text
        assert main(["grade", str(source), "--check", "--json"]) == FOUND
        [mismatch] = json.loads(capsys.readouterr().out)["mismatches"]
        assert (mismatch["line"], mismatch["expected"], mismatch["found"]) == (2, "true", "wrong")

    def test_bad_rows_and_late_ones_are_mismatches(self, tmp_path: Path, capsys) -> None:
        late = {**RIGHT, "should_be_correct": True, "must_finish_s": 1e-9}
        source = write(tmp_path / "in.jsonl", late, "no row")
        assert main(["grade", str(source), "--check"]) == FOUND
        text = capsys.readouterr().out
        assert "within 1e-09 s" in text
        assert "bad_json" in text

    def test_no_expectations(self, tmp_path: Path, capsys) -> None:
        source = write(tmp_path / "in.jsonl", RIGHT)
        assert main(["grade", str(source), "--check"]) == DATA
        shown = capsys.readouterr()
        assert "no row has an expectation" in shown.out
        assert "has should_be_correct or expected_status" in shown.err

    @pytest.mark.parametrize(
        "odd", [{"should_be_correct": "yes"}, {"expected_status": "corect"}, {"expected_status": 1}]
    )
    def test_expectations_that_mean_nothing(self, tmp_path: Path, capsys, odd: Any) -> None:
        source = write(tmp_path / "in.jsonl", {**RIGHT, **odd}, {**RIGHT, "expected_status": None})
        assert main(["grade", str(source), "--check"]) == FOUND
        text = capsys.readouterr().out
        assert "1 of 1 expectations are not met" in text
        assert f"{next(iter(odd))} {next(iter(odd.values()))!r}?" in text

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ({}, (False, None)),
            ({"should_be_correct": None}, (True, None)),
            ({"should_be_correct": "yes"}, (False, None)),
            ({"expected_status": "correct"}, (True, True)),
            ({"expected_status": "runtime_error"}, (True, False)),
            ({"expected_status": "bad_gold"}, (True, None)),
            ({"expected_status": "??"}, (False, None)),
        ],
    )
    def test_what_rows_expect(
        self, row: dict[str, Any], expected: tuple[bool, bool | None]
    ) -> None:
        assert expectation(row) == expected


class TestResume:
    def interrupted(self, tmp_path: Path, monkeypatch, after: int) -> tuple[Path, Path]:
        rows = [{**RIGHT, "id": str(i)} for i in range(40)]
        source, out = write(tmp_path / "in.jsonl", *rows), tmp_path / "out.jsonl"
        real = RowVerifier.verify_all

        def cut(self: RowVerifier, rows: Any) -> Any:
            for number, outcome in enumerate(real(self, rows)):
                if number == after:
                    raise KeyboardInterrupt
                yield outcome

        with monkeypatch.context() as patch:
            patch.setattr(RowVerifier, "verify_all", cut)
            assert main(["grade", str(source), "--out", str(out)]) == INTERRUPTED
        return source, out

    def test_goes_on_where_it_stopped(self, tmp_path: Path, monkeypatch, capsys) -> None:
        source, out = self.interrupted(tmp_path, monkeypatch, after=17)
        partial = tmp_path / "out.jsonl.partial"
        assert len(read(partial)) == 17
        assert not out.exists()
        assert "--resume" in capsys.readouterr().out
        with partial.open("ab") as stream:
            stream.write(b'{"id": "17", "tor')
        assert main(["grade", str(source), "--out", str(out), "--resume"]) == OK
        assert [row["id"] for row in read(out)] == [str(i) for i in range(40)]
        assert "17 of them earlier" in capsys.readouterr().out
        assert not partial.exists()

    def test_another_file_is_refused(self, tmp_path: Path, monkeypatch) -> None:
        source, out = self.interrupted(tmp_path, monkeypatch, after=3)
        write(source, *[{**RIGHT, "id": f"other {i}"} for i in range(40)])
        with pytest.raises(DataError, match="not that of"):
            grade_file(Grading(source=source, out=out, resume=True))

    def test_without_resume_it_starts_again(self, tmp_path: Path, monkeypatch) -> None:
        source, out = self.interrupted(tmp_path, monkeypatch, after=3)
        assert grade_file(Grading(source=source, out=out)).resumed == 0
        assert len(read(out)) == 40

    def test_nothing_to_resume(self, tmp_path: Path) -> None:
        source = write(tmp_path / "in.jsonl", RIGHT)
        summary = grade_file(Grading(source=source, out=tmp_path / "o.jsonl", resume=True))
        assert (summary.rows, summary.resumed) == (1, 0)
        with pytest.raises(ConfigError):
            grade_file(Grading(source=source, resume=True))


class TestReading:
    def test_lines(self) -> None:
        assert read_row(b'\xef\xbb\xbf{"a": 1}') == ({"a": 1}, None)
        row, fault = read_row(b"\xff{")
        assert (row["line"], fault is not None and fault.cause) == ("\ufffd{", "bad_json")
        _, fault = read_row(b"[" * 100_000)
        assert fault is not None

    def test_long_lines(self, monkeypatch) -> None:
        monkeypatch.setattr("cogitate.cli.grading.MAX_LINE_BYTES", 10)
        row, fault = read_row(b'{"completion": "long"}')
        assert fault is not None
        assert fault.cause == "too_long"
        assert row["line"].startswith('{"comp')

    def test_survey(self, tmp_path: Path) -> None:
        assert survey(write(tmp_path / "a.jsonl", RIGHT, "", MATHS)) == (2, False)
        assert survey(write(tmp_path / "b.jsonl", {"task_kind": "code_function"})) == (1, True)


class TestProgress:
    def test_speed_and_time_left(self) -> None:
        clock = iter([0.0, 10.0])
        progress = Progress(100, now=lambda: next(clock))
        progress.done = 20
        assert progress.line() == "20 of 100 rows  2 rows/s  40s left"

    def test_rows_done_before_do_not_count_as_speed(self) -> None:
        clock = iter([0.0, 10.0])
        progress = Progress(100, now=lambda: next(clock))
        for _ in range(50):
            progress.resumed()
        progress.done += 10
        assert progress.line() == "60 of 100 rows  1 rows/s  40s left"

    def test_lines_now_and_then(self, capsys) -> None:
        time = [0.0]
        progress = Progress(3, now=lambda: time[0])
        progress.advance()
        time[0] = 20.0
        progress.advance()
        progress.advance()
        progress.end()
        assert capsys.readouterr().err == "2 of 3 rows  0.1 rows/s  10s left\n"

    def test_silence(self, capsys) -> None:
        progress = Progress(1, enabled=False, now=lambda: 1e9)
        progress.advance()
        progress.end()
        assert capsys.readouterr().err == ""

    def test_a_terminal_is_rewritten(self, capsys, monkeypatch) -> None:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        time = [0.0]
        progress = Progress(2, now=lambda: time[0])
        time[0] = 1.0
        progress.advance()
        progress.end()
        assert capsys.readouterr().err == "\r\x1b[K1 of 2 rows  1 rows/s  1.0s left\r\x1b[K"


def test_texts(tmp_path: Path) -> None:
    rows = [{**WRONG, "should_be_correct": True, "id": str(i)} for i in range(50)]
    summary = grade_file(Grading(source=write(tmp_path / "in.jsonl", *rows), check=True))
    table = mismatch_table(summary).splitlines()
    assert table[0] == "check: 50 of 50 expectations are not met"
    assert table[-1] == "and 10 more; --json has all"
    assert "causes: wrong/other_option 50" in summary_text(summary)
    assert ending("x" * 500, 10) == "…xxxxxxxxx"
    assert ending("short", 10) == "short"


def test_no_torch_is_imported(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", RIGHT, MATHS)
    program = (
        "import sys; from cogitate.cli import main; code = main(sys.argv[1:]);"
        "print('torch' in sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", program, "grade", str(source), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
