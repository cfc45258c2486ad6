"""``cogitate run`` and ``cogitate plan``."""

import argparse
import math
from pathlib import Path

from cogitate.cli.common import ENVIRONMENT, OK, Commands, add_command, add_config, show, warn

_RUN = """\
Writes a self-contained run directory (output_dir/name): resolved config, metrics, every rollout,
checkpoints, and the final model in Hugging Face layout. Ctrl-C saves before it stops.
"""
_PLAN = """\
Checks configuration, model, data, disk and memory, then times a few real decoding and training
passes and prints what the run will take. Starts nothing and writes nothing.
"""


def minutes_of(text: str) -> float:
    """A number of minutes, 0 or more, for argparse."""
    minutes = float(text)
    if not 0.0 <= minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 minutes or more")
    return minutes


def add(commands: Commands) -> None:
    """Register both commands."""
    parser = add_command(commands, "run", _run, help="train as a TOML file says", description=_RUN)
    add_config(parser)
    parser.add_argument(
        "--resume", action="store_true", help="continue the run from its newest good checkpoint"
    )
    parser.add_argument(
        "--run-dir", type=Path, metavar="DIR", help="run directory (default: output_dir/name)"
    )
    parser.add_argument(
        "--max-minutes", type=minutes_of, metavar="M",
        help="stop in time, saved, after this long in all attempts together",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true",
        help="check everything but the speed, print the resolved settings, start nothing",
    )  # fmt: skip
    parser.add_argument(
        "--display", choices=("auto", "live", "plain"), default="auto", metavar="KIND",
        help="live: a picture that redraws; plain: lines; auto: live in a terminal",
    )  # fmt: skip
    parser.add_argument(
        "--report", action="store_true", help="write report.html when the run has ended"
    )
    parser = add_command(
        commands, "plan", _plan, help="check everything and estimate memory, time and tokens",
        description=_PLAN,
    )  # fmt: skip
    add_config(parser)
    parser.add_argument(
        "--no-calibration", action="store_true", help="skip the timed passes on the real model"
    )
    parser.add_argument(
        "--fetch", action="store_true", help="fetch the model first if it is not there yet"
    )


def _run(args: argparse.Namespace) -> int:
    from cogitate.config import config_to_toml, load_config

    config = load_config(args.config, args.overrides)
    if args.dry_run:
        code = _print_plan(args, calibrate=False)
        if not args.json:
            print("\n" + config_to_toml(config), end="")
        return code
    from cogitate.display.choose import make_display
    from cogitate.models.fetch import resolve_model
    from cogitate.runner import run

    resolve_model(config.model.source, progress=warn)  # fetching takes a while: say so
    with make_display("json" if args.json else args.display) as display:
        result = run(
            config,
            run_dir=args.run_dir,
            resume=args.resume,
            listener=display,
            max_seconds=None if args.max_minutes is None else 60.0 * args.max_minutes,
        )
    if args.report:
        from cogitate.report import write_report

        report = f"{write_report(result.run_dir)}"
    else:
        report = f"cogitate report {result.run_dir}"
    if not args.json:
        print(f"Report:        {report}")
    return result.exit_code


def _plan(args: argparse.Namespace) -> int:
    return _print_plan(args, calibrate=not args.no_calibration, fetch=args.fetch)


def _print_plan(args: argparse.Namespace, *, calibrate: bool, fetch: bool = False) -> int:
    from cogitate.config import load_config
    from cogitate.plan import plan_run, plan_text

    config = load_config(args.config, args.overrides)
    run_dir = getattr(args, "run_dir", None)
    plan = plan_run(config, calibrate=calibrate, fetch=fetch, run_dir=run_dir, progress=warn)
    show(args, plan, plan_text(plan))
    return OK if plan.ok else ENVIRONMENT
