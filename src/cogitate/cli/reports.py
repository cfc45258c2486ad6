"""``cogitate report`` and ``cogitate compare``."""

import argparse
from pathlib import Path

from cogitate.cli.common import OK, Commands, add_command, show


def add(commands: Commands) -> None:
    """Register both commands."""
    parser = add_command(
        commands, "report", _report, help="write one HTML file about a run",
        description="Self-contained: it loads nothing from a network. --json prints the figures.",
    )  # fmt: skip
    parser.add_argument("run", metavar="RUN", type=Path, help="run directory")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: report.html inside RUN"
    )
    parser = add_command(
        commands, "compare", _compare, help="compare runs, with paired tests on shared problems"
    )
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="run directories")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="also write an HTML page here"
    )


def _report(args: argparse.Namespace) -> int:
    from cogitate.report import summary, write_report
    from cogitate.report.summary import render

    path = write_report(args.run, args.output)
    found = summary(args.run)
    show(args, {"report": path, **found}, f"{render(found)}\n\nReport: {path}")
    return OK


def _compare(args: argparse.Namespace) -> int:
    from cogitate.report import compare

    found = compare(args.runs, args.output)
    show(args, found.to_dict(), found.render())
    return OK
