"""The work of ``cogitate eval``."""

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cogitate.config import RunConfig, load_config, tasks_config
from cogitate.config_errors import sentences
from cogitate.display.shapes import aligned, interval, percent
from cogitate.display.summary import without_copies
from cogitate.errors import ConfigError
from cogitate.eval.estimators import pass_at_k
from cogitate.inference import run_config_of
from cogitate.metrics import encode_row
from cogitate.schema import EvalResult
from cogitate.tasks.mixture import Mixture, build_mixture


def eval_config(args: argparse.Namespace) -> RunConfig:
    """The tasks and settings that the arguments ask for.

    Raises:
        ConfigError: nothing says what to evaluate on.
    """
    recorded = run_config_of(Path(args.model))
    if args.config:
        config = load_config(args.config, args.overrides)
    elif args.overrides:
        raise ConfigError("--set changes settings of --config FILE, which is not given. Add it.")
    elif args.tasks:
        config = tasks_config([{"kind": kind} for kind in args.tasks])
    elif args.data:
        table = {"kind": "dataset", "path": args.data, "held_out_path": args.data}
        config = tasks_config([table])
    elif recorded is not None:
        config = load_config(recorded)
    else:
        raise ConfigError(
            f"{args.model} is not part of a run, so nothing says what to evaluate it on. Give "
            "--tasks KIND, --config FILE or --data FILE."
        )
    return _with_settings(config, args)


def _with_settings(config: RunConfig, args: argparse.Namespace) -> RunConfig:
    settings = {
        "problems_per_task": args.problems,
        "samples": args.samples,
        "greedy": False if args.no_greedy else None,
    }
    table = config.model_dump()
    table["eval"] |= {name: value for name, value in settings.items() if value is not None}
    if args.max_tokens is not None:
        table["sampling"]["max_tokens"] = args.max_tokens
    try:
        return type(config).model_validate(table)
    except ValidationError as error:
        wrong = " ".join(sentence for _, sentence in sentences(error, table, type(config)))
        raise ConfigError(f"the options of eval: {wrong}") from error


def eval_setup(args: argparse.Namespace) -> tuple[RunConfig, Mixture]:
    """What to evaluate and the tasks it is made of; of a data file all rows, unless
    ``--problems`` asks for fewer.

    Raises:
        ConfigError: nothing says what to evaluate on.
        DataError: the data file cannot be read.
    """
    config = eval_config(args)
    if not args.data:
        return config, build_mixture(config.tasks, config.seed)
    logger = logging.getLogger("cogitate.tasks")
    before = logger.level
    logger.setLevel(logging.ERROR)  # that no row is left to train on is what we want
    try:
        mixture = build_mixture(config.tasks, config.seed)
    finally:
        logger.setLevel(before)
    rows = mixture.tasks[config.tasks[0].name].size("heldout") or 1
    problems = rows if args.problems is None else min(rows, args.problems)
    section = config.eval.model_copy(update={"problems_per_task": problems})
    return config.model_copy(update={"eval": section}), mixture


def pass_rates(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """pass@k of sampled rollouts by task, for k = 1 and the number of samples; k > 1 only."""
    correct: dict[str, dict[str, list[bool]]] = {}
    for row in rows:
        if row["mode"] == "sampled" and row["error"] is None:
            problem = correct.setdefault(row["task"], {}).setdefault(row["problem_id"], [])
            problem.append(row["parts"].get("accuracy") == 1.0)
    rates: dict[str, dict[str, float]] = {}
    for task, problems in correct.items():
        k = min(len(samples) for samples in problems.values())
        if k > 1:
            values = [pass_at_k(len(s), sum(s), k) for s in problems.values()]
            rates[task] = {f"pass@{k}": sum(values) / len(values)}
    return rates


def eval_text(results: Sequence[EvalResult], passes: Mapping[str, Mapping[str, float]]) -> str:
    """A table: one line per task and mode."""
    cells = [("task", "mode", "accuracy", "[95 % CI]", "problems", "samples")]
    for result in without_copies(results):
        cells.append((
            result.task, result.mode, percent(result.value), interval(*result.ci95),
            str(result.num_problems), str(result.samples_per_problem),
        ))  # fmt: skip
    lines = aligned(cells)
    for task, rates in passes.items():
        lines += [f"{task}: {name} {percent(value)}" for name, value in rates.items()]
    return "\n".join(lines)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rollout rows as a JSON-lines file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(encode_row(row) for row in rows))
