"""What ``cogitate reward`` can be pointed at, behind one way of asking for scores."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from cogitate.cli.common import warn
from cogitate.errors import ConfigError, DataError
from cogitate.verdict import Verdict
from cogitate.verifiers.attacks import Attack, corpus, from_problems
from cogitate.verifiers.attacks.corpus import in_layout
from cogitate.verifiers.grade import (
    CODE_KINDS,
    MATHS_KINDS,
    RowFault,
    RowVerifier,
    known_kinds,
    unknown_kind,
)

LAYOUTS = ("boxed", "answer_tag", "hash4", "plain", "line")
HOSTILE = (
    "hostile", "resource", "escape", "reading-answers", "equality", "early-exit", "fake-result",
    "input-mutation",
)  # fmt: skip
"""Families that are about attacks and not about right and wrong answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a completion has no score. ``cause`` is "timeout", "raised", "no_score", ..."""

    cause: str
    reason: str


Score = Verdict | float | Fault


@runtime_checkable
class Target(Protocol):
    """A reward with the rows to try on it."""

    @property
    def name(self) -> str: ...
    @property
    def fixed_scale(self) -> bool:
        """Whether right answers earn exactly 1."""
        ...

    def rows(self) -> tuple[Attack, ...]:
        """All rows of an attack."""
        ...

    def score(self, rows: Sequence[Attack]) -> list[Score]:
        """The scores of completions of one problem, as one group."""
        ...

    def close(self) -> None: ...
    def __enter__(self) -> "Target": ...
    def __exit__(self, *exception: object) -> None: ...


class KindTarget:
    """One kind of our own verifiers."""

    fixed_scale = True

    def __init__(self, kind: str, args: argparse.Namespace) -> None:
        self.name = kind
        self._problems = read_problems(args)
        self._workers = args.workers
        self.verifier = RowVerifier(workers=args.workers, sandbox=args.sandbox)

    def rows(self) -> tuple[Attack, ...]:
        """The corpus rows of the kind, or those made from the user's problems."""
        if self._problems is None:
            return corpus([self.name])
        layout = "hash4" if self.name == "gsm8k" else "boxed"
        return _from_data(self._problems, layout, self.name)

    def score(self, rows: Sequence[Attack]) -> list[Score]:
        """Verdicts; a row that cannot be verified is a fault."""
        return [
            Fault(cause=outcome.cause, reason=str(outcome))
            if isinstance(outcome, RowFault)
            else outcome
            for outcome in self.verifier.verify_all(row.row() for row in rows)
        ]

    def close(self) -> None:
        """End its processes."""
        self.verifier.close()

    def __enter__(self) -> "KindTarget":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class FunctionTarget:
    """A function of the user, in a process of its own that is killed when it hangs."""

    fixed_scale = False

    def __init__(self, path: str, args: argparse.Namespace) -> None:
        from cogitate.rewards.config import CustomRewardConfig
        from cogitate.rewards.isolated import IsolatedCalls

        self.kind = args.kind or "math"
        if self.kind not in known_kinds():
            raise ConfigError(f"--kind: {unknown_kind(self.kind)}")
        if self.kind in CODE_KINDS and not args.sandboxed:
            raise ConfigError(
                f"--kind {self.kind}: the rows are hostile programs, and {path} might run them. "
                "Add --sandboxed, so that it can only do so in the sandbox."
            )
        workers = args.workers or 2
        config = CustomRewardConfig(
            path=path, isolate=True, timeout=args.timeout, messages=args.messages,
            sandbox=args.sandboxed, workers=workers,
        )  # fmt: skip
        self._problems = read_problems(args)
        self._calls = IsolatedCalls(config, name=path.rpartition(":")[2])
        self._threads = ThreadPoolExecutor(workers)
        self.layout = args.layout if args.layout != "auto" else self._find_layout()
        self.name = f"{path} ({self._calls.signature} signature, layout {self.layout})"

    def rows(self) -> tuple[Attack, ...]:
        """Mathematics in the layout that the function reads, or the rows of another kind."""
        return self._rows(self.layout)

    def score(self, rows: Sequence[Attack]) -> list[Score]:
        """What the function gives for these completions of one problem."""
        from cogitate.rewards.calling import Failure

        found = self._calls.scores(problem_of(rows[0]), [completion_of(row) for row in rows])
        return [
            Fault(cause=score.cause, reason=score.reason) if isinstance(score, Failure) else score
            for score in found
        ]

    def close(self) -> None:
        """End its processes."""
        self._threads.shutdown(cancel_futures=True)
        self._calls.close()

    def __enter__(self) -> "FunctionTarget":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _rows(self, layout: str) -> tuple[Attack, ...]:
        if self._problems is not None:
            return _from_data(self._problems, layout, self.kind)
        rows = corpus([self.kind])
        if self.kind != "math" or layout == "boxed":
            return tuple(row for row in rows if row.correct is not None)
        return tuple(row for row in in_layout(rows, layout) if row.correct is not None)

    def _find_layout(self) -> str:
        """The layout in which right and wrong answers differ most."""
        if self.kind != "math":
            return "boxed"
        gaps: dict[str, float] = {}
        for layout in LAYOUTS:
            rows = self._rows(layout)
            right = [row for row in rows if row.plain][:3]
            pairs = [(row, _mistake(rows, row)) for row in right]
            gaps[layout] = sum(
                _number(self.score([row])[0]) - _number(self.score([wrong])[0])
                for row, wrong in pairs
                if wrong is not None
            )
        best = max(gaps, key=lambda name: gaps[name])
        return best if gaps[best] > 0 else "boxed"


def open_target(args: argparse.Namespace) -> Target:
    """The target that REWARD names.

    Raises:
        ConfigError: it names nothing, or cannot be loaded.
    """
    reward: str = args.reward
    if reward.endswith(".toml"):
        from cogitate.cli.reward_runs import RunTarget

        return RunTarget(reward, args)
    if ".py:" in reward:
        return FunctionTarget(reward, args)
    if reward in known_kinds():
        return KindTarget(reward, args)
    if reward.endswith(".py"):
        raise ConfigError(_no_function(reward))
    raise ConfigError(
        f"REWARD: {unknown_kind(reward)} file.py:function and a run's TOML file are understood too."
    )


def _no_function(file: str) -> str:
    """What to say about a file without the name of a function. Nothing of the file is run."""
    import ast
    from pathlib import Path

    path = Path(file).expanduser()
    if not path.is_file():
        return f"REWARD: there is no file {file}, and it needs a function: {file}:FUNCTION."
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError, RecursionError) as error:
        return f"REWARD: {file} is no Python that can be read: {error}."
    names = [n.name for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    has = f"It has: {', '.join(names)}." if names else "It has no functions."
    return f"REWARD: add the function, as in {file}:{names[0] if names else 'FUNCTION'}. {has}"


def problem_of(row: Attack) -> Any:
    """The row's problem as a reward function gets it; a gold that is no text is JSON, and its
    fields are columns."""
    from cogitate.schema import Message, Problem

    own = dict(row.gold) if isinstance(row.gold, Mapping) else {}
    return Problem(
        id=f"{row.kind}/attack/{row.id}",
        task=row.kind,
        messages=(Message(role="user", content=row.question or f"A problem of {row.kind}."),),
        answer=row.gold if isinstance(row.gold, str) else json.dumps(row.gold),
        metadata={**own, **row.columns},
    )


def completion_of(row: Attack) -> Any:
    """The row's completion as an engine would give it, with made-up token ids."""
    from cogitate.schema import Completion, FinishReason

    ids = tuple(row.completion.encode("utf-8", "replace")[:65_536])
    return Completion(
        token_ids=ids, logprobs=(0.0,) * len(ids), text=row.completion,
        finish_reason=FinishReason.STOP,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DataProblem:
    """A problem of the user's file with the number of its row."""

    number: int
    question: str
    gold: str
    columns: Mapping[str, Any]


def read_problems(args: argparse.Namespace) -> list[DataProblem] | None:
    """The first problems of --data with a gold answer, or the one of --row; None without --data.

    Raises:
        DataError: the file cannot be read, or has no such problem.
    """
    if args.data is None:
        return None
    from cogitate.tasks.columns import RowError, to_record
    from cogitate.tasks.loading import BadRow, SourceOptions, read_rows

    wanted = getattr(args, "row", None)
    check = _gold_check(args)
    found: list[DataProblem] = []
    reason = "no row has a gold answer"
    last: int | None = None
    for row in read_rows(args.data, SourceOptions()):
        last = row.number
        if wanted is not None and row.number != wanted:
            continue
        if isinstance(row, BadRow):
            reason = f"row {row.number}: {row.reason}"
            continue
        try:
            record = to_record(row.values)
        except RowError as error:
            reason = f"row {row.number}: {error}"
            continue
        unusable = check(record.gold) if check and isinstance(record.gold, str) else None
        if unusable is not None:
            reason = f"row {row.number}: the gold answer cannot be used: {unusable}"
            warn(f"{args.data}: {reason}. The row is left out.")
        elif isinstance(record.gold, str):
            columns = json.loads(json.dumps(dict(row.values), default=str))
            found.append(
                DataProblem(
                    number=row.number, question=record.question, gold=record.gold, columns=columns
                )
            )
        if len(found) >= args.problems:
            break
    if wanted is not None and last is not None and wanted not in range(last + 1):
        raise DataError(f"{args.data}: --row {wanted}: the last row of the file is {last}.")
    if not found:
        raise DataError(f"{args.data}: {reason}. Expected questions with gold answers as text.")
    return found


def _gold_check(args: argparse.Namespace) -> Callable[[str], str | None] | None:
    """What says why a gold answer cannot be used, for rows that are mathematics."""
    kind = args.reward if args.reward in known_kinds() else args.kind or "math"
    if kind not in MATHS_KINDS:
        return None
    from cogitate.verifiers.maths.verify import check_gold

    worked = kind == "gsm8k"
    return lambda gold: check_gold(gold.rpartition("####")[2] if worked else gold)


def _from_data(problems: Sequence[DataProblem], layout: str, kind: str) -> tuple[Attack, ...]:
    rows = from_problems([(p.question, p.gold) for p in problems], layout=layout, kind=kind)
    by_index = {str(index): problem for index, problem in enumerate(problems)}
    found = []
    for row in rows:
        head, _, index = row.id.rpartition("/")
        problem = by_index[index]
        found.append(replace(row, id=f"{head}/row {problem.number}", columns=problem.columns))
    return tuple(found)


def _mistake(rows: Sequence[Attack], right: Attack) -> Attack | None:
    return next(
        (r for r in rows if r.gold == right.gold and r.id.split("/")[2] == "off-by-one"), None
    )


def _number(score: Score) -> float:
    if isinstance(score, Verdict):
        return score.score
    return 0.0 if isinstance(score, Fault) else score
