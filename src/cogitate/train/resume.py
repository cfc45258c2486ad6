"""What makes a resumed run the same run: settings, counters, random generators, files.

Bit-identity needs all four: the same settings, the counters and generators of the checkpoint, and
files that hold nothing of the steps after it.
"""

import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

import torch

from cogitate.checkpoint import Checkpoint
from cogitate.errors import CheckpointError
from cogitate.metrics import keep_rows
from cogitate.rundir import RunDir

MAY_CHANGE = (
    "name", "output_dir", "model.device", "grpo.steps", "sft.steps", "grpo.micro_batch_tokens",
    "sft.micro_batch_tokens",
    "engine.", "eval.", "checkpoint.", "trackers.",
)  # fmt: skip
"""Settings that a resumed run may change: how long (with a constant learning rate), where, how
often, how fast. All others decide what is learnt. Engine settings and micro-batch sizes change it
by rounding alone."""

CONTENTS = "contents"
"""Where a checkpoint's settings keep hashes of the files that they name (train/inputs.py)."""

_ROLLOUT_FILE = re.compile(r"(?P<eval>eval-)?(?P<step>\d+)\.jsonl(?P<tmp>\.tmp)?")


@dataclass(slots=True, kw_only=True)
class LoopState:
    """The loop's own counters, all that a checkpoint holds beside weights and generators.

    ``cursor`` is the number of the next training problem (or supervised example).
    ``last_eval_step`` is -1 before the first evaluation. ``seconds`` is wall-clock spent so far,
    earlier attempts included. ``best`` is the best held-out accuracy with its step.
    """

    step: int = 0
    cursor: int = 0
    last_eval_step: int = -1
    skipped_updates: int = 0
    skipped_in_a_row: int = 0
    unverified_in_a_row: int = 0
    unverified_steps: int = 0
    seconds: float = 0.0
    best: dict[str, float] = field(default_factory=dict[str, float])

    def to_json(self) -> dict[str, Any]:
        """Plain values, the random generators included."""
        return {**asdict(self), "random": random_state()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "LoopState":
        """The state that ``to_json`` gave; also puts the random generators back."""
        restore_random_state(saved["random"])
        return cls(**{f.name: saved[f.name] for f in fields(cls) if f.name in saved})


# -------------------------------------------------------------------------------- generators
# The loop itself draws nothing from global generators: problems and samples come from counters.
# A custom reward or task may, so their states are part of a checkpoint.


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, torch and, if it is loaded, NumPy."""
    random.seed(seed)
    torch.default_generator.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed % 2**32)


def random_state() -> dict[str, Any]:
    """The states of the global generators as JSON values."""
    state: dict[str, Any] = {
        "python": random.getstate(),
        "torch": _hex(torch.get_rng_state()),
    }
    if (numpy := sys.modules.get("numpy")) is not None:
        kind, keys, *rest = numpy.random.get_state()
        state["numpy"] = [kind, keys.tolist(), *rest]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = [_hex(state) for state in torch.cuda.get_rng_state_all()]
    return state


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Put the global generators back to what ``random_state`` saw."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(_unhex(state["torch"]))
    if "numpy" in state:
        import numpy

        kind, keys, *rest = state["numpy"]
        numpy.random.set_state((kind, numpy.array(keys, dtype=numpy.uint32), *rest))
    saved = state.get("cuda", [])
    if saved and torch.cuda.is_available() and torch.cuda.device_count() == len(saved):
        torch.cuda.set_rng_state_all([_unhex(text) for text in saved])


def _hex(state: torch.Tensor) -> str:
    return state.numpy().tobytes().hex()


def _unhex(text: str) -> torch.Tensor:
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)


# ------------------------------------------------------------------------------------- files


def discard_after(run_dir: RunDir, *, step: int, eval_step: int) -> None:
    """Cut the files of a run back to what was there when the checkpoint of ``step`` was saved.

    ``eval_step`` is the newest evaluation at that time. -1 and -1 empty the run. Rows that stay
    keep their bytes; torn last lines go.
    """
    for path in (run_dir.metrics, run_dir.timing):
        keep_rows(path, lambda row: row["step"] <= step)
    keep_rows(run_dir.evals, lambda row: row["step"] <= eval_step)
    for path in run_dir.rollouts.glob("*.jsonl*"):
        named = _ROLLOUT_FILE.fullmatch(path.name)
        if named and (named["tmp"] or int(named["step"]) > (eval_step if named["eval"] else step)):
            path.unlink()


# ---------------------------------------------------------------------------------- settings


def config_differences(
    saved: Mapping[str, Any], current: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Settings that differ, by dotted name, as (saved, current); one that is absent is None.

    >>> config_differences({"grpo": {"steps": 20}}, {"grpo": {"steps": 40}})
    {'grpo.steps': (20, 40)}
    """
    before, after = dict(_leaves(saved)), dict(_leaves(current))
    names = [*before, *(name for name in after if name not in before)]
    return {
        name: (before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    }


def require_same_config(
    checkpoint: Checkpoint, current: Mapping[str, Any], *, may_change: Sequence[str]
) -> dict[str, tuple[Any, Any]]:
    """Refuse to continue a run under settings that would make it another run.

    Args:
        may_change: dotted names, or sections ending in a dot, that do not decide what is learnt.

    Returns:
        the differences that are allowed, as ``config_differences``.

    Raises:
        CheckpointError: lists every difference that is not allowed.
    """
    differences = config_differences(checkpoint.config, current)
    if current.get("optimizer", {}).get("schedule", "constant") != "constant":
        # The number of steps is then part of every learning rate.
        may_change = [name for name in may_change if name not in ("grpo.steps", "sft.steps")]
    refused = {
        name: values
        for name, values in differences.items()
        if not any(name == a or (a.endswith(".") and name.startswith(a)) for a in may_change)
    }
    prefix = f"{CONTENTS}."
    changed = [name.removeprefix(prefix) for name in refused if name.startswith(prefix)]
    if changed and len(changed) == len(refused):
        raise CheckpointError(
            f"{checkpoint.path} was saved with other contents of what {', '.join(changed)} names: "
            "the file has changed since. Restore it to continue this run, or start a new run under "
            "another name."
        )
    if refused:
        listing = "\n".join(f"  {n}: {old!r} -> {new!r}" for n, (old, new) in refused.items())
        raise CheckpointError(
            f"{checkpoint.path} was saved under other settings:\n{listing}\n"
            "Set them back to continue this run, or start a new run under another name."
        )
    return differences


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in cast(Mapping[str, Any], value).items():
            yield from _leaves(item, f"{name}.{key}" if name else key)
        return
    items = list(cast(Sequence[Any], value)) if isinstance(value, list | tuple) else []
    if any(isinstance(item, Mapping) for item in items):
        for index, item in enumerate(items):
            yield from _leaves(item, f"{name}.{index}")
    else:
        yield name, items if isinstance(value, tuple) else value
