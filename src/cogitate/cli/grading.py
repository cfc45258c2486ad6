"""The work of ``cogitate grade``: read, verify, write, count. Imports no torch."""

import gzip
import io
import json
import os
import time
import zlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from cogitate.cli.grading_progress import Progress
from cogitate.errors import ConfigError, DataError
from cogitate.verdict import Verdict
from cogitate.verifiers.grade import BAD_ROW, CODE_KINDS, RowFault, RowVerifier, fields

MAX_LINE_BYTES = 64 * 2**20
"""Longest line that is read as a row, bytes."""
WRONG_WORDS = (
    "wrong", "unparseable", "truncated", "runtime_error", "resource_limit", "output_limit",
    "compile_error",
)  # fmt: skip
"""Values of expected_status that mean a wrong answer."""
MASKED_WORDS = ("bad_gold", "crashed", "timeout")
"""Values of expected_status that mean no verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """What to grade and how."""

    source: Path
    out: Path | None = None
    workers: int | None = None
    sandbox: str = "auto"
    check: bool = False
    resume: bool = False
    progress: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A row whose verdict is not the one it says it should have."""

    line: int
    id: str
    kind: str
    expected: str
    found: str
    cause: str
    why: str
    completion: str


@dataclass(slots=True, kw_only=True)
class Summary:
    """Counts of one file. ``statuses`` and ``causes`` are per kind."""

    source: str
    out: str | None
    rows: int = 0
    resumed: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    checked: int = 0
    statuses: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    causes: Counter[str] = field(default_factory=Counter[str])
    mismatches: list[Mismatch] = field(default_factory=list[Mismatch])

    def count(self, kind: str, added: Mapping[str, Any]) -> None:
        """One more row."""
        self.rows += 1
        self.statuses.setdefault(kind, Counter())[added["verdict"]] += 1
        if added["cause"] and added["correct"] is not True:
            self.causes[f"{added['verdict']}/{added['cause']}"] += 1

    @property
    def bad_rows(self) -> int:
        """Lines that could not be verified."""
        return sum(counts[BAD_ROW] for counts in self.statuses.values())

    @property
    def rows_per_second(self) -> float:
        """Of the rows verified now, those that were resumed aside."""
        return (self.rows - self.resumed) / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The summary for programs."""
        found: dict[str, Any] = {
            "file": self.source, "out": self.out, "rows": self.rows, "resumed": self.resumed,
            "bad_rows": self.bad_rows, "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rows_per_second, 2), "interrupted": self.interrupted,
            "kinds": {kind: dict(counts) for kind, counts in sorted(self.statuses.items())},
            "causes": dict(self.causes.most_common()), "checked": self.checked,
        }  # fmt: skip
        found["mismatches"] = [
            {name: getattr(m, name) for name in Mismatch.__slots__} for m in self.mismatches
        ]
        return found


def grade_file(settings: Grading) -> Summary:
    """Verify all rows of a file and write them with their verdicts.

    Ctrl-C ends it early: what is done stays in ``OUT.partial``, and the summary says so.

    Raises:
        ConfigError: the settings do not fit together.
        DataError: there is no such file, or it is not text of one object a line.
        SandboxError: the file holds programs and there is no safe way to run them here.
    """
    source, out = settings.source, settings.out
    partial = _partial_path(settings)
    total, has_code = survey(source)
    done = _resumed_lines(settings, partial)
    summary = Summary(source=str(source), out=None if out is None else str(out))
    started = time.monotonic()
    with RowVerifier(workers=settings.workers, sandbox=settings.sandbox) as verifier:
        if has_code:
            verifier.use_sandbox()  # says at once what is missing, not after an hour
        stream = None if partial is None else partial.open("ab" if done else "wb")
        progress = Progress(total, enabled=settings.progress)
        try:
            for _ in _skip(source, partial, done, summary, settings):
                progress.resumed()
            for line in _verified(source, verifier, summary, settings):
                if stream is not None:
                    stream.write(line)
                progress.advance()
        except KeyboardInterrupt:
            summary.interrupted = True
        finally:
            progress.end()
            if stream is not None:
                _finish(stream)
    summary.seconds = time.monotonic() - started
    if partial is not None and out is not None and not summary.interrupted:
        os.replace(partial, out)
    return summary


def survey(path: Path) -> tuple[int, bool]:
    """How many lines a file has, and whether any mentions a kind that holds a program."""
    total, has_code = 0, False
    marks = [f'"{kind}"'.encode() for kind in CODE_KINDS]
    for line in raw_lines(path):
        total += 1
        has_code = has_code or any(mark in line for mark in marks)
    return total, has_code


def raw_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that hold something, compressed or not.

    Raises:
        DataError: there is no such file, or it is damaged.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a directory. Give a file of JSON lines, .jsonl or .jsonl.gz.")
    if not path.is_file():
        raise DataError(f"{path}: no such file. Expected JSON lines, as .jsonl or .jsonl.gz.")
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            yield from (line for line in stream if line.strip())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged ({error}). Make the file again.") from error


def read_row(line: bytes) -> tuple[dict[str, Any], RowFault | None]:
    """The object of a line, or what is kept of the line and what is wrong with it."""
    if len(line) > MAX_LINE_BYTES:
        fault = RowFault("too_long", f"the line has {len(line):,} bytes")
        return {"line": line[:200].decode("utf-8", "replace")}, fault
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        fault = RowFault("bad_json", f"no JSON: {error}")
        return {"line": line.decode("utf-8", "replace").rstrip("\n")}, fault
    if not isinstance(row, dict):
        return {"line": row}, RowFault("bad_json", f"expected an object, not {type(row).__name__}")
    return row, None


def expectation(row: Mapping[str, Any]) -> tuple[bool, bool | None]:
    """(whether the row says what it expects, True or False or None for no verdict)."""
    if "should_be_correct" in row:
        value = row["should_be_correct"]
        return (True, value) if value is None or isinstance(value, bool) else (False, None)
    status = row.get("expected_status")
    if status == "correct":
        return True, True
    if status in WRONG_WORDS:
        return True, False
    return status in MASKED_WORDS, None


def unreadable(row: Mapping[str, Any]) -> str | None:
    """What the row says about its verdict, where that means nothing."""
    name = "should_be_correct" if "should_be_correct" in row else "expected_status"
    value = row.get(name)
    return None if value is None or expectation(row)[0] else f"{name} {value!r:.40}?"


def _verified(
    source: Path, verifier: RowVerifier, summary: Summary, settings: Grading
) -> Iterator[bytes]:
    """Output lines of all rows from where the summary stands."""
    waiting: deque[tuple[dict[str, Any], RowFault | None]] = deque()

    def rows() -> Iterator[Mapping[str, Any]]:
        for line in islice(raw_lines(source), summary.rows, None):
            row, fault = read_row(line)
            waiting.append((row, fault))
            yield row if fault is None else {}

    for outcome in verifier.verify_all(rows()):
        row, fault = waiting.popleft()
        yield _output_line(row, fault or outcome, summary, settings)


def _output_line(
    row: dict[str, Any], outcome: Verdict | RowFault, summary: Summary, settings: Grading
) -> bytes:
    added = fields(outcome)
    _count(row, added, summary, settings)
    text = {**row, **added}
    try:
        return json.dumps(text, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair has no UTF-8
        return json.dumps(text).encode() + b"\n"


def _count(
    row: Mapping[str, Any], added: Mapping[str, Any], summary: Summary, settings: Grading
) -> None:
    kind = row.get("task_kind", row.get("kind"))
    summary.count(kind if isinstance(kind, str) else "(none)", added)
    if not settings.check:
        return
    says, expected = expectation(row)
    late = _seconds(row.get("must_finish_s"))
    odd = unreadable(row)
    summary.checked += says or odd is not None
    if odd is not None:
        summary.mismatches.append(_mismatch(row, added, summary.rows, odd))
    elif (says and added["correct"] is not expected) or added["verdict"] == BAD_ROW:
        summary.mismatches.append(_mismatch(row, added, summary.rows, str(expected)))
    elif says and late is not None and added["milliseconds"] > 1000.0 * late:
        summary.mismatches.append(_mismatch(row, added, summary.rows, f"within {late:g} s"))


def _mismatch(
    row: Mapping[str, Any], added: Mapping[str, Any], line: int, expected: str
) -> Mismatch:
    return Mismatch(
        line=line,
        id=str(row.get("id", "")),
        kind=str(row.get("task_kind", row.get("kind", ""))),
        expected=expected.lower() if expected in ("True", "False", "None") else expected,
        found=f"{added['verdict']} after {added['milliseconds'] / 1000.0:.1f} s"
        if expected.startswith("within")
        else str(added["verdict"]),
        cause=str(added["cause"] or added["engine"]),
        why=str(row.get("why", "")),
        completion=str(row.get("completion", row.get("line", ""))),
    )


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _partial_path(settings: Grading) -> Path | None:
    if settings.workers is not None and settings.workers < 1:
        raise ConfigError(f"--workers {settings.workers}: expected at least 1.")
    if settings.out is None:
        if settings.resume:
            raise ConfigError("--resume goes on from OUT.partial. Give --out OUT.")
        return None
    if settings.out.is_dir():
        raise ConfigError(f"--out {settings.out}: is a directory. Give the name of a file.")
    if settings.out.exists() and settings.out.resolve() == settings.source.resolve():
        raise ConfigError(f"--out {settings.out}: is FILE itself. Give another name.")
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    return settings.out.with_name(settings.out.name + ".partial")


def _resumed_lines(settings: Grading, partial: Path | None) -> int:
    """How many whole lines OUT.partial has; what follows the last of them is cut off."""
    if partial is None or not settings.resume or not partial.is_file():
        return 0
    whole, size = 0, 0
    with partial.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            whole, size = whole + 1, size + len(line)
    os.truncate(partial, size)
    return whole


def _skip(
    source: Path, partial: Path | None, done: int, summary: Summary, settings: Grading
) -> Iterator[None]:
    """Count the rows that OUT.partial has, each of which must belong to its line of FILE."""
    if partial is None or not done:
        return
    with partial.open("rb") as stream:
        for before, line in zip(stream, islice(raw_lines(source), done), strict=False):
            row, _ = read_row(line)
            graded: dict[str, Any] = json.loads(before)
            if any(graded.get(key) != row[key] for key in row if key not in _ADDED):
                raise DataError(
                    f"{partial}: line {summary.rows + 1} is not that of {source}. The file has "
                    "changed since; delete the partial file and start again."
                )
            _count(row, graded, summary, settings)
            summary.resumed += 1
            yield


_ADDED = frozenset(fields(RowFault("", ""))) | {"cases"}


def _finish(stream: io.BufferedWriter) -> None:
    stream.flush()
    os.fsync(stream.fileno())
    stream.close()
