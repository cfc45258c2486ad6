"""A run directory as plain values, read so that a damaged file costs rows and not the report.

Works on runs that are still going, were killed, never evaluated, or hold rollouts of an SFT run.
Whatever had to be skipped is said in ``notes``; nothing is repaired or written.
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cogitate.errors import DataError

ACCURACY = "accuracy"
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRow:
    """One held-out figure of ``evals.jsonl``; ``value`` and ``ci95`` are fractions in [0, 1].

    ``details`` are further numbers of the row, such as ``truncated`` or ``length_mean``.
    """

    step: int
    task: str
    mode: str
    metric: str
    value: float
    ci95: tuple[float, float]
    num_problems: int
    samples_per_problem: int
    details: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRow:
    """One completion of ``rollouts/*.jsonl`` without its token ids and log-probabilities.

    ``correct`` is the verifier's verdict, None when it failed; ``mode`` is "train", "greedy" or
    "sampled"; ``difficulty`` is None unless the row carries one.
    """

    step: int
    problem_id: str
    task: str
    sample: int
    mode: str
    question: str
    prompt: str
    completion: str
    num_tokens: int
    reward: float
    parts: Mapping[str, float]
    correct: bool | None
    error: str | None
    parsed_answer: str | None
    gold: str | None
    finish_reason: str
    advantage: float | None
    format_ok: bool | None
    difficulty: str | None

    @property
    def truncated(self) -> bool:
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """Everything but the rollouts of one run; rows are sorted by step, one per step."""

    path: Path
    config: Mapping[str, Any]
    config_text: str
    environment: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...]
    timing: tuple[Mapping[str, Any], ...]
    evals: tuple[EvalRow, ...]
    log: tuple[str, ...]
    rollout_files: Mapping[int, Path]
    eval_files: Mapping[int, Path]
    is_complete: bool
    notes: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return str(self.config.get("name") or self.path.name)

    @property
    def algorithm(self) -> str:
        return str(self.config.get("algorithm", "grpo"))

    @property
    def planned_steps(self) -> int | None:
        section = self.config.get(self.algorithm)
        steps = section.get("steps") if isinstance(section, Mapping) else None
        return steps if isinstance(steps, int) else None

    @property
    def last_step(self) -> int:
        steps = [int(row["step"]) for row in self.metrics] + [row.step for row in self.evals]
        return max(steps, default=0)

    @property
    def model_source(self) -> str | None:
        model = self.config.get("model")
        source = model.get("source") if isinstance(model, Mapping) else None
        return str(source) if source else None

    def series(self, name: str) -> list[tuple[int, float]]:
        """(step, value) of one metric, finite values only."""
        return [
            (int(row["step"]), float(row[name])) for row in self.metrics if is_number(row.get(name))
        ]

    def metric_names(self, prefix: str) -> list[str]:
        """Names with ``prefix`` that occur in any row, sorted."""
        return sorted({name for row in self.metrics for name in row if name.startswith(prefix)})

    def eval_results(self, step: int, metric: str = ACCURACY) -> dict[tuple[str, str], EvalRow]:
        """``{(task, mode): row}`` of the evaluation at ``step``."""
        rows = (row for row in self.evals if row.step == step and row.metric == metric)
        return {(row.task, row.mode): row for row in rows}

    @property
    def eval_steps(self) -> list[int]:
        return sorted({row.step for row in self.evals if row.metric == ACCURACY})

    @property
    def tasks(self) -> list[str]:
        """Task names in the order of the configuration, then of the evaluations; not "all"."""
        configured = self.config.get("tasks")
        sections = configured if isinstance(configured, Sequence) else ()
        names = [
            str(section.get("name") or section.get("kind"))
            for section in sections
            if isinstance(section, Mapping)
        ]
        seen = [row.task for row in self.evals if row.task != ALL]
        return list(dict.fromkeys([name for name in names if name in seen] + seen))

    @property
    def modes(self) -> list[str]:
        """Evaluation modes that occur, greedy first."""
        seen = {row.mode for row in self.evals}
        return [mode for mode in ("greedy", "sampled") if mode in seen]


def is_number(value: object) -> bool:
    """A finite int or float, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_jsonl(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """All whole rows of a JSONL file, and a note for what had to be skipped.

    A missing file is empty. A last line that was torn by a crash is skipped and named as such.
    """
    rows: list[dict[str, Any]] = []
    damaged: list[int] = []
    try:
        lines = path.read_bytes().split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        return [], [f"{path.name} could not be read ({error.strerror}) and was left out."]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            damaged.append(number)
    return rows, _damage_note(path.name, damaged, len(lines), bool(lines[-1].strip()))


def _damage_note(name: str, damaged: list[int], last: int, torn: bool) -> list[str]:
    if not damaged:
        return []
    if damaged == [last] and torn:
        return [f"{name}: the last line is incomplete (the run was cut off there) and was skipped."]
    shown = ", ".join(map(str, damaged[:5])) + (", ..." if len(damaged) > 5 else "")
    return [f"{name}: {len(damaged)} unreadable line(s) skipped (line {shown})."]


def _by_step(rows: list[dict[str, Any]], name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows with a whole-number step, sorted, the last of each step; and notes on the others."""
    valid = [row for row in rows if type(row.get("step")) is int]
    kept = {row["step"]: row for row in valid}
    notes: list[str] = []
    if len(valid) < len(rows):
        notes.append(f"{name}: {len(rows) - len(valid)} row(s) without a step were skipped.")
    if len(kept) < len(valid):
        notes.append(f"{name}: {len(valid) - len(kept)} repeated step(s); the last row counts.")
    return [kept[step] for step in sorted(kept)], notes


def _eval_row(row: Mapping[str, Any]) -> EvalRow | None:
    interval = row.get("ci95")
    if type(row.get("step")) is not int or not is_number(row.get("value")):
        return None
    if not isinstance(interval, list) or len(interval) != 2 or not all(map(is_number, interval)):
        return None
    return EvalRow(
        step=row["step"],
        task=str(row.get("task", ALL)),
        mode=str(row.get("mode", "sampled")),
        metric=str(row.get("metric", ACCURACY)),
        value=float(row["value"]),
        ci95=(float(interval[0]), float(interval[1])),
        num_problems=_whole(row.get("num_problems")),
        samples_per_problem=_whole(row.get("samples_per_problem"), 1),
        details={
            str(name): float(value)
            for name, value in row.items()
            if name not in EvalRow.__slots__ and is_number(value)
        },
    )


def _whole(value: object, default: int = 0) -> int:
    return int(value) if isinstance(value, int | float) and is_number(value) else default


def _read_evals(path: Path) -> tuple[tuple[EvalRow, ...], list[str]]:
    raw, notes = read_jsonl(path)
    parsed = [_eval_row(row) for row in raw]
    valid = [row for row in parsed if row is not None]
    if len(valid) < len(raw):
        notes.append(f"{path.name}: {len(raw) - len(valid)} row(s) lack a value or an interval.")
    last = {(row.step, row.task, row.mode, row.metric): row for row in valid}
    return tuple(sorted(last.values(), key=lambda row: row.step)), notes


def _read_config(path: Path) -> tuple[dict[str, Any], str, list[str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        return tomllib.loads(text), text, []
    except FileNotFoundError:
        return {}, "", ["config.toml is missing: settings are not shown."]
    except (OSError, tomllib.TOMLDecodeError) as error:
        return {}, "", [f"config.toml could not be read ({error}): settings are not shown."]


def _read_environment(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError):
        return {}, ["environment.json could not be read and is not shown."]
    return (found, []) if isinstance(found, dict) else ({}, [])


def _step_files(folder: Path, prefix: str) -> dict[int, Path]:
    names = ((path, path.stem.removeprefix(prefix)) for path in folder.glob(f"{prefix}*.jsonl"))
    found = {int(number): path for path, number in names if number.isascii() and number.isdigit()}
    return dict(sorted(found.items()))


def _log_lines(path: Path, limit: int = 2_000_000) -> tuple[str, ...]:
    """The end of ``train.log``, at most ``limit`` bytes."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - limit))
            return tuple(file.read().decode("utf-8", errors="replace").splitlines())
    except OSError:
        return ()


def load_run(run_dir: Path | str) -> RunData:
    """The run in ``run_dir``.

    Raises:
        DataError: it is no directory, or holds none of the files a run writes.
    """
    path = Path(run_dir)
    known = ("config.toml", "metrics.jsonl", "evals.jsonl", "rollouts")
    if not path.is_dir() or not any((path / name).exists() for name in known):
        seen = "it does not exist" if not path.exists() else "it holds none of the files of a run"
        raise DataError(
            f"cannot report on {path}: {seen}. Expected a run directory with {', '.join(known)}; "
            "give the directory that `cogitate run` printed, such as runs/NAME."
        )
    config, config_text, notes = _read_config(path / "config.toml")
    environment, more = _read_environment(path / "environment.json")
    notes += more
    tables: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for name in ("metrics", "timing"):
        raw, damage = read_jsonl(path / f"{name}.jsonl")
        rows, odd = _by_step(raw, f"{name}.jsonl")
        tables[name], notes = tuple(rows), notes + damage + odd
    evals, more = _read_evals(path / "evals.jsonl")
    folder = path / "rollouts"
    return RunData(
        path=path,
        config=config,
        config_text=config_text,
        environment=environment,
        metrics=tables["metrics"],
        timing=tables["timing"],
        evals=evals,
        log=_log_lines(path / "train.log"),
        rollout_files=_step_files(folder, ""),
        eval_files=_step_files(folder, "eval-"),
        is_complete=(path / "final").is_dir(),
        notes=tuple(notes + more),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def rollout_row(row: Mapping[str, Any]) -> RolloutRow | None:
    """A rollout row from its JSON object; None when it has no step or no problem."""
    if type(row.get("step")) is not int or not isinstance(row.get("problem_id"), str):
        return None
    raw = row.get("parts")
    parts = {
        str(name): float(value)
        for name, value in (raw.items() if isinstance(raw, Mapping) else ())
        if is_number(value)
    }
    error = _optional_text(row.get("error"))
    reward = float(row["reward"]) if is_number(row.get("reward")) else 0.0
    ids, advantage = row.get("completion_ids"), row.get("advantage")
    return RolloutRow(
        step=row["step"],
        problem_id=row["problem_id"],
        task=_text(row.get("task")) or row["problem_id"].split("/", 1)[0],
        sample=_whole(row.get("sample")),
        mode=_text(row.get("mode")) or "train",
        question=_text(row.get("question")),
        prompt=_text(row.get("prompt")),
        completion=_text(row.get("completion")),
        num_tokens=len(ids) if isinstance(ids, list) else 0,
        reward=reward,
        parts=parts,
        correct=None if error is not None else parts.get(ACCURACY, reward) >= 1.0,
        error=error,
        parsed_answer=_optional_text(row.get("parsed_answer")),
        gold=_optional_text(row.get("gold")),
        finish_reason=_text(row.get("finish_reason")),
        advantage=float(advantage) if is_number(advantage) and advantage is not None else None,
        format_ok=row["format_ok"] if isinstance(row.get("format_ok"), bool) else None,
        difficulty=_optional_text(row.get("difficulty")),
    )


def read_rollouts(path: Path) -> tuple[list[RolloutRow], list[str]]:
    """The rollouts of one file, and notes on rows that were skipped."""
    raw, notes = read_jsonl(path)
    rows = [rollout_row(row) for row in raw]
    return [row for row in rows if row is not None], notes


def evenly(steps: Sequence[int], limit: int) -> list[int]:
    """At most ``limit`` of ``steps``, evenly spread, the first and the last always among them.

    >>> evenly([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    if len(steps) <= limit or limit < 2:
        return list(steps[:limit]) if limit < 2 else list(steps)
    last = len(steps) - 1
    return [steps[round(i * last / (limit - 1))] for i in range(limit)]


def iterate_rollouts(
    files: Mapping[int, Path], steps: Sequence[int], notes: list[str]
) -> Iterator[tuple[int, list[RolloutRow]]]:
    """(step, rollouts) of the chosen ``steps``, one file in memory at a time."""
    for step in steps:
        rows, found = read_rollouts(files[step])
        notes.extend(found)
        yield step, rows
