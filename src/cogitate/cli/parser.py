"""``cogitate``: the parser and the one place where errors become messages and exit codes."""

import argparse
import os
import sys
from collections.abc import Sequence

from cogitate import __version__
from cogitate.cli import (
    bench,
    chat,
    config,
    data,
    doctor,
    evaluate,
    grade,
    model,
    reports,
    reward,
    reward_model,
    run,
    sample,
)
from cogitate.cli.common import (
    EXIT_CODES,
    OK,
    Parser,
    add_command,
    explain_error,
    report_error,
    show,
    start_logging,
)
from cogitate.errors import CogitateError

_DESCRIPTION = """\
Teach a language model to reason with verifiable rewards, as DeepSeek-R1 does.

  cogitate plan configs/demo.toml      check everything, estimate memory and time
  cogitate run configs/demo.toml       train; Ctrl-C saves, --resume continues
  cogitate report runs/demo            one HTML file: curves, samples, settings
  cogitate chat runs/demo/final        talk to what was trained
"""


def build_parser() -> Parser:
    """The whole command line. Importing and building it loads nothing heavy."""
    parser = Parser(prog="cogitate", description=_DESCRIPTION, epilog=EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"cogitate {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    groups = (
        run, config, evaluate, sample, chat, model, data, grade, reward, reward_model, reports,
        doctor, bench,
    )  # fmt: skip
    for group in groups:
        group.add(commands)
    add_command(commands, "version", _version, help="print versions of cogitate, Python and torch")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if not hasattr(args, "command"):
        parser.print_help()
        return OK
    start_logging()
    try:
        return args.command(args)
    except BrokenPipeError:
        # The reader went away, as in "cogitate ... | head". Nothing is wrong; say nothing, also
        # not when Python flushes stdout on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (CogitateError, KeyboardInterrupt, OSError, MemoryError, RuntimeError) as error:
        known = None if args.debug else explain_error(error)
        if known is None:
            raise
        message, code = known
        return report_error(message, code, kind=type(error).__name__, as_json=args.json)


def _version(args: argparse.Namespace) -> int:
    from cogitate.doctor import package_version

    versions = {
        "cogitate": __version__,
        "python": sys.version.split()[0],
        "torch": package_version("torch"),
    }
    show(args, versions, "\n".join(f"{name:<9} {value}" for name, value in versions.items()))
    return OK
