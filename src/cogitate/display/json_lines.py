"""Every event of a run as one JSON line, for programs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from cogitate.display.stream import Stream, print_line
from cogitate.display.summary import before_after
from cogitate.schema import EvalResult, StepReport
from cogitate.train.listener import RunInfo, RunResult


def jsonable(value: Any) -> Any:
    """A value that ``json.dumps`` takes: dataclasses become tables, NaN and infinity null."""
    if is_dataclass(value) and not isinstance(value, type):
        return jsonable(asdict(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(entry) for entry in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """ASCII JSON: control characters and non-ASCII text of a model stay escaped."""
    return json.dumps(jsonable(value), indent=indent)


class JsonLinesDisplay:
    """Listener that prints one JSON object per event, with the event's name under ``event``."""

    def __init__(self, stream: Stream | None = None) -> None:
        self._stream = stream

    def __enter__(self) -> "JsonLinesDisplay":
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing to give back: lines are already out."""

    def started(self, info: RunInfo) -> None:
        """``{"event": "started", ...}`` with the fields of RunInfo."""
        self._emit("started", asdict(info))

    def phase(self, name: str) -> None:
        """Phases are not printed."""

    def step(
        self, report: StepReport, sample_rows: Sequence[Mapping[str, Any]], eta: float | None
    ) -> None:
        """Metrics and seconds of a step; rollouts stay in their files."""
        self._emit(
            "step",
            {
                "step": report.step,
                "policy_version": report.policy_version,
                "metrics": dict(report.metrics),
                "seconds": dict(report.seconds),
                "eta_seconds": eta,
            },
        )

    def evaluated(self, results: Sequence[EvalResult]) -> None:
        """All figures of one evaluation under ``results``."""
        self._emit("evaluated", {"results": [asdict(result) for result in results]})

    def checkpointed(self, path: Path) -> None:
        """The path of a finished checkpoint."""
        self._emit("checkpointed", {"path": path})

    def advice(self, text: str) -> None:
        """One sentence of advice."""
        self._emit("advice", {"text": text})

    def finished(self, result: RunResult) -> None:
        """The fields of RunResult and the before/after table."""
        rows = before_after(result.first_evals, result.last_evals)
        self._emit("finished", {**asdict(result), "before_after": rows})

    def _emit(self, event: str, fields: Mapping[str, Any]) -> None:
        print_line(json_text({"event": event, **fields}), self._stream)
