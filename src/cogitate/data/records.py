"""The files a run writes about problems and rollouts, and how to read them back.

``rollouts/000012.jsonl`` holds one JSON object a line, one line a rollout, in the order problem,
sample. Every field is in ``ROLLOUT_FIELDS``. Reading never fails on a torn last line, as a kill
leaves one: the line is skipped and reported. ``problems.jsonl`` files use ``PROBLEM_FIELDS``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cogitate.errors import DataError
from cogitate.schema import Message, Problem
from cogitate.tasks.loading import BadRow, RawRow, read_jsonl

MAX_RECORD_BYTES = 64 * 2**20
"""Longest line that is read back, bytes."""

ROLLOUT_FIELDS: Mapping[str, str] = MappingProxyType({
    "step": "training step, from 1; in evaluation files the step evaluated, from 0",
    "problem_id": "<task>/<split>/<content hash>",
    "task": "name of the task",
    "sample": "number of the rollout within its group, from 0",
    "question": "last user turn of the problem",
    "prompt": "rendered text the policy continued",
    "completion": "text the policy sampled, without the stop token",
    "prompt_ids": "token ids of the prompt",
    "completion_ids": "token ids of the completion, the stop token included",
    "logprobs": "sampling log-probability of each completion token, nats, 6 decimals",
    "reward": "value trained on; means nothing when error is set",
    "parts": "unweighted reward parts by name",
    "error": "what went wrong in the verifier, or null",
    "cause": "short word for what went wrong, to count by; empty if nothing did",
    "verdict": "the verifier's verdict on the answer: correct, wrong, unparseable, or masked",
    "parsed_answer": "answer that was found in the completion, or null",
    "gold": "gold answer, or null",
    "format_ok": "whether the completion has the template's form",
    "difficulty": "difficulty of the problem, or null",
    "finish_reason": "stop, length or abort",
    "advantage": "advantage within the group, or null when it was not trained on",
    "policy_version": "optimiser steps in the weights that sampled",
    "mode": "evaluation files only: greedy or sampled",
})  # fmt: skip
"""Fields of a rollout line and what they mean."""

PROBLEM_FIELDS: Mapping[str, str] = MappingProxyType({
    "id": "<task>/<split>/<content hash>",
    "task": "name of the task",
    "messages": "turns of the problem: objects with role and content",
    "answer": "gold answer, or null",
    "metadata": "what the task's verifier needs, and difficulty",
})  # fmt: skip
"""Fields of a problem line and what they mean."""

OPTIONAL_ROLLOUT_FIELDS = frozenset({"mode"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The rows of a file that could be read, and the lines that could not."""

    rows: tuple[Mapping[str, Any], ...]
    skipped: tuple[BadRow, ...]

    def note(self, path: Path) -> str | None:
        """One sentence about the skipped lines, or None."""
        if not self.skipped:
            return None
        first = self.skipped[0]
        return (
            f"{path}: skipped {len(self.skipped)} of {len(self.rows) + len(self.skipped)} lines, "
            f"first line {first.number}: {first.reason}"
        )


def read_rollouts(path: Path) -> Records:
    """The rollouts of one file; lines that are torn or lack a field are skipped and reported.

    Raises:
        DataError: there is no such file.
    """
    required = ROLLOUT_FIELDS.keys() - OPTIONAL_ROLLOUT_FIELDS
    return _read(path, required)


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write problems one a line, so that a task with ``kind = "dataset"`` can read them too."""
    lines = [_dumps(problem_to_row(problem)) + "\n" for problem in problems]
    path.write_text("".join(lines), encoding="utf-8")


def read_problems(path: Path) -> tuple[list[Problem], tuple[BadRow, ...]]:
    """The problems of a file that ``write_problems`` wrote, and the lines that are none.

    Raises:
        DataError: there is no such file.
    """
    problems: list[Problem] = []
    skipped: list[BadRow] = []
    for row in _rows(path):
        try:
            problems.append(problem_from_row(_checked(row, PROBLEM_FIELDS.keys()).values))
        except DataError as error:
            skipped.append(BadRow(number=row.number, reason=str(error)))
    return problems, tuple(skipped)


def problem_to_row(problem: Problem) -> dict[str, Any]:
    """A problem as the JSON object of ``PROBLEM_FIELDS``."""
    return {
        "id": problem.id,
        "task": problem.task,
        "messages": [asdict(message) for message in problem.messages],
        "answer": problem.answer,
        "metadata": dict(problem.metadata),
    }


def problem_from_row(row: Mapping[str, Any]) -> Problem:
    """The problem of a JSON object.

    Raises:
        DataError: a field has the wrong shape.
    """
    try:
        return Problem(
            id=row["id"],
            task=row["task"],
            messages=tuple(Message(role=m["role"], content=m["content"]) for m in row["messages"]),
            answer=row["answer"],
            metadata=row["metadata"],
        )
    except (KeyError, TypeError) as error:
        raise DataError(
            f"not a problem: {error!r}. Expected {', '.join(PROBLEM_FIELDS)}."
        ) from error


def _read(path: Path, required: Iterable[str]) -> Records:
    rows: list[Mapping[str, Any]] = []
    skipped: list[BadRow] = []
    for row in _rows(path):
        try:
            rows.append(_checked(row, required).values)
        except DataError as error:
            skipped.append(BadRow(number=row.number, reason=str(error)))
    return Records(rows=tuple(rows), skipped=tuple(skipped))


def _rows(path: Path) -> Iterable[RawRow | BadRow]:
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    return read_jsonl(path, max_row_bytes=MAX_RECORD_BYTES)


def _checked(row: RawRow | BadRow, required: Iterable[str]) -> RawRow:
    if isinstance(row, BadRow):
        raise DataError(row.reason)
    missing = [name for name in required if name not in row.values]
    if missing:
        raise DataError(f"no {', '.join(sorted(missing))}")
    return row


def _dumps(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)
