"""``cogitate eval``: held-out accuracy of a model with 95 % intervals."""

import argparse
from pathlib import Path

from cogitate.cli.common import OK, Commands, add_command, at_least_one, show, warn
from cogitate.cli.sample import add_device

_DESCRIPTION = """\
The problems come from --tasks, --config or --data; for a model inside a run directory they are
by default those that the run itself was evaluated on. Greedy accuracy has Wilson's interval,
sampled accuracy (temperature 1) a bootstrap over problems.
"""


def add(commands: Commands) -> None:
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
    parser.add_argument(
        "--problems", type=at_least_one, metavar="N", help="held-out problems of each task"
    )
    parser.add_argument("--samples", type=int, metavar="K", help="samples per problem; 0 for none")
    parser.add_argument("--no-greedy", action="store_true", help="leave greedy decoding out")
    parser.add_argument("--template", metavar="NAME", help="another prompt template")
    parser.add_argument("--max-tokens", type=at_least_one, metavar="N", help="longest completion")
    parser.add_argument(
        "--slots", type=at_least_one, default=64, metavar="N", help="completions decoded at once"
    )
    parser.add_argument("--rollouts", type=Path, metavar="FILE", help="write every rollout here")
    add_device(parser)


def _eval(args: argparse.Namespace) -> int:
    from cogitate.cli.evaluation import eval_setup, eval_text, pass_rates, write_rows
    from cogitate.inference import evaluate, open_model

    config, mixture = eval_setup(args)
    given = args.template or (config.template if args.config else None)
    model = open_model(
        args.model, template=given, device=args.device, slots=args.slots, kernels=args.kernels,
        progress=warn,
    )  # fmt: skip
    if not args.json:
        warn(f"template {model.template}, tasks {', '.join(t.name for t in config.tasks)}")
    results, rows = evaluate(model, config, mixture=mixture)
    if args.rollouts is not None:
        write_rows(args.rollouts, rows)
    passes = pass_rates(rows)
    data = {"template": model.template, "results": results, "pass_at_k": passes}
    show(args, data, eval_text(results, passes))
    return OK
