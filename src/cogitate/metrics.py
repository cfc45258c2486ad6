"""Numbers about a run: partial means that add up, a stopwatch, and line files that survive a crash.

Everything in ``metrics.jsonl``, ``evals.jsonl`` and ``rollouts/`` is deterministic, so a resumed
run writes the same bytes as one that was never interrupted. Wall-clock goes to ``timing.jsonl``.
"""

import json
import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cogitate.errors import CogitateError
from cogitate.filesystem import DISK, FileSystem, crash_point, write_atomic
from cogitate.schema import FinishReason, Group, Metric, Reward

ACCURACY_PART = "accuracy"
MASKED = "masked: "
"""Beginning of ``Reward.error`` when a rollout is left out on purpose and nothing failed."""


# ------------------------------------------------------------------------------ partial means


def merge(into: dict[str, Metric], metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Add ``metrics`` to ``into`` by name, and return ``into``.

    Totals and weights are added, so the mean over micro-batches or ranks is the mean over their
    tokens, never a mean of means.

    >>> sums = merge({}, {"policy/loss": Metric(total=6.0, weight=2.0)})
    >>> reduce(merge(sums, {"policy/loss": Metric(total=0.0, weight=1.0)}))
    {'policy/loss': 2.0}
    """
    for name, metric in metrics.items():
        if name in into:
            total, weight = into[name].total + metric.total, into[name].weight + metric.weight
            into[name] = Metric(total=total, weight=weight)
        else:
            into[name] = metric
    return into


def reduce(metrics: Mapping[str, Metric]) -> dict[str, float]:
    """Means ``total / weight`` by name; a metric without weight saw nothing and is left out."""
    return {name: m.total / m.weight for name, m in metrics.items() if m.weight != 0}


class Stopwatch:
    """Seconds per phase, from the monotonic clock; a phase entered twice adds up.

    >>> clock = Stopwatch()
    >>> with clock("rollout"):
    ...     pass
    >>> list(clock.seconds)
    ['rollout']
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._now = now

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = self._now()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + self._now() - start


# ------------------------------------------------------------------------- what a step sampled


def percentile(values: Sequence[float], fraction: float) -> float:
    """Nearest-rank percentile: the smallest value with at least ``fraction`` of all at or below.

    >>> percentile([1, 2, 3, 4], 0.95), percentile([1, 2, 3, 4], 0.5)
    (4.0, 2.0)
    """
    return float(sorted(values)[max(0, math.ceil(fraction * len(values)) - 1)])


def summarize_groups(groups: Sequence[Group]) -> dict[str, float]:
    """What a step sampled: rewards and their parts, lengths, accuracy by task, tokens.

    Rewards with an error count only in ``reward/verifier_error`` or, where a rollout was left out
    on purpose, in ``reward/masked``, and by cause in ``masked/<cause>`` (fractions of rollouts);
    means of rewards are over the rest. ``verdict/<status>`` are fractions of rollouts too.
    ``reward/std`` is the population standard deviation.
    """
    completions = [rollout.completion for group in groups for rollout in group.rollouts]
    if not completions:
        return {}
    lengths = [len(completion.token_ids) for completion in completions]
    truncated = sum(c.finish_reason is FinishReason.LENGTH for c in completions)
    rewards = [reward for group in groups for reward in group.rewards]
    valid = [reward for reward in rewards if reward.error is None]
    masked = sum((reward.error or "").startswith(MASKED) for reward in rewards)
    return {
        **_reward_metrics(valid),
        "reward/verifier_error": (len(rewards) - len(valid) - masked) / len(rewards),
        "reward/masked": masked / len(rewards),
        **_fractions("masked", [r.cause or "unknown" for r in rewards if r.error], len(rewards)),
        **_fractions("verdict", [r.status.value for r in rewards if r.status], len(rewards)),
        "completion/length_mean": math.fsum(lengths) / len(lengths),
        "completion/length_p95": percentile(lengths, 0.95),
        "completion/truncated_fraction": truncated / len(completions),
        **_task_accuracies(groups),
        "tokens/prompt": float(sum(_prompt_tokens(group) for group in groups)),
        "tokens/completion": float(sum(lengths)),
    }


def _fractions(prefix: str, words: Sequence[str], total: int) -> dict[str, float]:
    return {f"{prefix}/{word}": n / total for word, n in sorted(Counter(words).items())}


def _prompt_tokens(group: Group) -> int:
    return sum(len(r.token_ids) - len(r.completion.token_ids) for r in group.rollouts)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _reward_metrics(rewards: Sequence[Reward]) -> dict[str, float]:
    if not rewards:
        return {}
    values = [reward.value for reward in rewards]
    mean = _mean(values)
    parts: dict[str, list[float]] = defaultdict(list)
    for reward in rewards:
        for name, value in reward.parts.items():
            parts[name].append(value)
    return {
        "reward/mean": mean,
        "reward/std": math.sqrt(_mean([(value - mean) ** 2 for value in values])),
        **{f"reward/{name}": _mean(part) for name, part in sorted(parts.items())},
    }


def _task_accuracies(groups: Sequence[Group]) -> dict[str, float]:
    correct: dict[str, list[float]] = defaultdict(list)
    for group in groups:
        for reward in group.rewards:
            if reward.error is None and ACCURACY_PART in reward.parts:
                correct[group.problem.task].append(float(reward.parts[ACCURACY_PART] == 1.0))
    return {f"task/{name}/accuracy": _mean(values) for name, values in sorted(correct.items())}


# ------------------------------------------------------------------------------- line files


def encode_row(row: Mapping[str, Any]) -> bytes:
    r"""One JSON line. Non-finite numbers become null, lone surrogates stay escaped.

    >>> encode_row({"step": 1, "policy/kl_ref": float("nan"), "text": "é\ud800"})
    b'{"step": 1, "policy/kl_ref": null, "text": "\xc3\xa9\\ud800"}\n'
    """
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(row), ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", errors="backslashreplace")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


class JsonlWriter:
    """Appends JSON rows, each with one write, so that a crash tears at most the last line.

    A row that could not be written whole (disk full) is taken back before the error is raised.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; another process can read it when this returns."""
        line = encode_row(row)
        size = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")
        except OSError as error:
            os.ftruncate(self._descriptor, size)
            raise CogitateError(
                f"could not append a row to {self.path}: {error}. "
                "Free some disk space, then continue the run with --resume."
            ) from error
        crash_point("metrics.write")

    def sync(self) -> None:
        """Force all rows to the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All whole rows of a line file; a torn or damaged line is skipped, a missing file is empty."""
    return [row for row, _ in _parse_lines(path)]


def keep_rows(
    path: Path, keep: Callable[[Mapping[str, Any]], bool], *, files: FileSystem = DISK
) -> int:
    """Drop torn lines and the rows that ``keep`` refuses; return how many lines went.

    What stays keeps its bytes. The file is replaced atomically, and not touched when all stays.
    """
    if not path.exists():
        return 0
    before = path.read_bytes()
    lines = [line for row, line in _parse_lines(path) if keep(row)]
    after = b"".join(lines)
    if after != before:
        write_atomic(path, after, files=files)
    return sum(bool(line) for line in before.split(b"\n")) - len(lines)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], *, files: FileSystem = DISK) -> None:
    """Write a whole line file atomically and durably."""
    write_atomic(path, b"".join(encode_row(row) for row in rows), files=files)


def _parse_lines(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    data = path.read_bytes() if path.exists() else b""
    for line in data.split(b"\n"):
        # The end of a torn row never parses as an object. A whole row that lost only its newline
        # does: it is kept, and gets its newline back when the file is next rewritten.
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row, line + b"\n"
