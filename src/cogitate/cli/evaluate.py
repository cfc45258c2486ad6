"""``cogitate eval``: held-out accuracy of a model with 95 % intervals."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogitate.cli.common import OK, Parser, add_command, show, warn
from cogitate.cli.sample import add_device

if TYPE_CHECKING:
    from cogitate.config import RunConfig
    from cogitate.schema import EvalResult

_DESCRIPTION = """\
The problems come from --tasks, --config or --data; for a model inside a run directory they are
by default those that the run itself was evaluated on. Greedy accuracy has Wilson's interval,
sampled accuracy (temperature 1) a bootstrap over problems.
"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register the command."""
    parser = add_command(
        commands, "eval", _eval, help="measure accuracy, greedy and sampled, by task",
        description=_DESCRIPTION,
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="preset, directory, hub id or run directory")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--tasks", nargs="+", metavar="KIND", help="task kinds, default difficulty")
    what.add_argument("--config", metavar="FILE", help="the tasks and template of a run")
    what.add_argument("--data", metavar="FILE", help="all rows of a data file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="with --config: change one setting",
    )  # fmt: skip
    parser.add_argument("--problems", type=int, metavar="N", help="held-out problems of each task")
    parser.add_argument("--samples", type=int, metavar="K", help="samples per problem; 0 for none")
    parser.add_argument("--no-greedy", action="store_true", help="leave greedy decoding out")
    parser.add_argument("--template", help="another prompt template")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest completion")
    parser.add_argument("--slots", type=int, default=64, help="completions decoded at once")
    parser.add_argument("--rollouts", type=Path, metavar="FILE", help="write every rollout here")
    add_device(parser)


def _eval(args: argparse.Namespace) -> int:
    from cogitate.inference import evaluate, open_model

    config = eval_config(args)
    given = args.template or (config.template.name if args.config else None)
    model = open_model(
        args.model, template=given, device=args.device, slots=args.slots, kernels=args.kernels
    )
    if not args.json:
        warn(f"template {model.template}, tasks {', '.join(t.name for t in config.tasks)}")
    results, rows = evaluate(model, config)
    if args.rollouts is not None:
        _write_rows(args.rollouts, rows)
    passes = pass_rates(rows)
    data = {"template": model.template, "results": results, "pass_at_k": passes}
    show(args, data, eval_text(results, passes))
    return OK


def eval_config(args: argparse.Namespace) -> "RunConfig":
    """The tasks and settings that the arguments ask for.

    Raises:
        ConfigError: nothing says what to evaluate on.
    """
    from cogitate.config import load_config, tasks_config
    from cogitate.errors import ConfigError
    from cogitate.inference import run_config_of

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


def _with_settings(config: "RunConfig", args: argparse.Namespace) -> "RunConfig":
    settings = {
        "problems_per_task": args.problems,
        "samples": args.samples,
        "greedy": False if args.no_greedy else None,
    }
    if args.data and args.problems is None:
        settings["problems_per_task"] = 1_000_000  # all rows of the file
    table = config.model_dump()
    table["eval"] |= {name: value for name, value in settings.items() if value is not None}
    if args.max_tokens is not None:
        table["sampling"]["max_tokens"] = args.max_tokens
    return type(config).model_validate(table)


def pass_rates(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """pass@k of sampled rollouts by task, for k = 1 and the number of samples; k > 1 only."""
    from cogitate.eval.estimators import pass_at_k

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


def eval_text(
    results: Sequence["EvalResult"], passes: Mapping[str, Mapping[str, float]]
) -> str:
    """A table: one line per task and mode."""
    from cogitate.display.shapes import interval, percent
    from cogitate.display.summary import aligned

    cells = [("task", "mode", "accuracy", "[95 % CI]", "problems", "samples")]
    for result in results:
        cells.append((
            result.task, result.mode, percent(result.value), interval(*result.ci95),
            str(result.num_problems), str(result.samples_per_problem),
        ))  # fmt: skip
    lines = aligned(cells)
    for task, rates in passes.items():
        lines += [f"{task}: {name} {percent(value)}" for name, value in rates.items()]
    return "\n".join(lines)


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    from cogitate.metrics import encode_row

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(encode_row(row) for row in rows))
