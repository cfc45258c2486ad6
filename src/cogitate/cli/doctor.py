"""``cogitate doctor``."""

import argparse

from cogitate.cli.common import ENVIRONMENT, OK, Commands, add_command, show


def add(commands: Commands) -> None:
    """Register the command."""
    parser = add_command(
        commands, "doctor", _doctor, help="check this machine and say what to do",
        description="Every line is ok, warn or fail. Exit code 3 when something failed.",
    )  # fmt: skip
    parser.add_argument("--online", action="store_true", help="also try the network")
    parser.add_argument(
        "--runs", default="runs", metavar="DIR", help="where runs are written (default: runs)"
    )


def _doctor(args: argparse.Namespace) -> int:
    from cogitate.checks import all_ok, check_lines
    from cogitate.doctor import diagnose

    checks = diagnose(runs_dir=args.runs, online=args.online)
    ready = all_ok(checks)
    verdict = "Ready." if ready else "Not ready: fix the lines marked fail."
    show(args, {"ok": ready, "checks": checks}, "\n".join([*check_lines(checks), "", verdict]))
    return OK if ready else ENVIRONMENT
