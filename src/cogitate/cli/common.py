"""What all commands share: options, output as text or JSON, errors as one line, exit codes."""

import argparse
import difflib
import json
import logging
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from cogitate import errors

OK = 0
FOUND = 1
USAGE = 2
ENVIRONMENT = 3
DATA = 4
DIVERGED = 5
INTERRUPTED = 130

EXIT_CODES = (
    "exit codes: 0 ok, 1 a check found something (grade --check, reward), 2 usage or "
    "configuration, 3 environment, 4 data, 5 training diverged, 130 interrupted (a run is "
    "saved first)"
)

Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and suggest the word that was meant."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse an unknown option where its command is known, not at the top."""
        found, rest = super().parse_known_args(args, namespace)
        has_commands = any(isinstance(a, argparse._SubParsersAction) for a in self._actions)
        if rest and not has_commands:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with the code for wrong usage."""
        hint = self._suggestion(message)
        self.exit(USAGE, f"{self.prog}: {message}{hint}\n(see {self.prog} --help)\n")

    def _suggestion(self, message: str) -> str:
        """The known word nearest to the first word in the message that is not known."""
        if "invalid choice: " in message:
            seen = message.split("invalid choice: ")[1].split("'")[1]
            actions = (a for a in self._actions if a.choices)
            return _did_you_mean(seen, [str(c) for a in actions for c in a.choices or ()])
        if "unrecognized arguments: " in message:
            seen = message.split("unrecognized arguments: ")[1].split()[0].split("=")[0]
            return _did_you_mean(seen, [o for a in self._actions for o in a.option_strings])
        return ""


def _did_you_mean(seen: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(seen, list(known), n=1, cutoff=0.5)
    return f'. Did you mean "{close[0]}"?' if close else ""


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Parser]
else:  # not subscriptable when run
    Commands = argparse._SubParsersAction


def at_least_one(text: str) -> int:
    """A whole number above 0, as the type of an option."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def add_command(
    commands: Commands,
    name: str,
    command: Command,
    *,
    help: str,
    description: str = "",
) -> Parser:
    """A subcommand with the options that every command has.

    The first paragraph of ``description`` follows ``help``, which always comes first.
    """
    text = f"{help[0].upper()}{help[1:]}." + (f"\n\n{description}" if description else "")
    parser = commands.add_parser(name, help=help, description=text)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(command=command)
    return parser


def add_config(parser: Parser) -> None:
    """CONFIG and ``--set``, as every command that reads a run's configuration has them."""
    parser.add_argument("config", metavar="CONFIG", help="TOML file of one run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="change one setting, e.g. --set grpo.group_size=16 --set tasks.0.digits=3; repeatable",
    )  # fmt: skip


def show(args: argparse.Namespace, data: Any, text: str) -> None:
    """Print the result of a command: ``data`` with ``--json``, else ``text``."""
    if args.json:
        from cogitate.display.json_lines import json_text

        print(json_text(data, indent=2))
    elif text:
        from cogitate.display.stream import print_line

        print_line(text)


def warn(message: str) -> None:
    """One line to the person, not into the output."""
    from cogitate.display.safe_text import one_line

    print(one_line(message), file=sys.stderr, flush=True)


class WarningHandler(logging.Handler):
    """What the package logs, as one line on standard error as it is at that moment: a live display
    replaces it, so that lines appear above the picture."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        warn(f"{record.levelname.lower()}: {record.getMessage()}")


def start_logging() -> None:
    """Show warnings of the package to the person; once per process."""
    logger = logging.getLogger("cogitate")
    if not any(isinstance(handler, WarningHandler) for handler in logger.handlers):
        handler = WarningHandler(level=logging.WARNING)
        logger.addHandler(handler)


def exit_code(error: errors.CogitateError) -> int:
    """The exit code that stands for a kind of error."""
    if isinstance(error, errors.ConfigError):
        return USAGE
    if isinstance(error, errors.DataError | errors.RewardError):
        return DATA
    if isinstance(error, ArithmeticError):  # train.stopping.DivergedError, without importing torch
        return DIVERGED
    return ENVIRONMENT


def explain_error(error: BaseException) -> tuple[str, int] | None:
    """The message and exit code of an error that needs no traceback; None for a fault of ours."""
    if isinstance(error, errors.CogitateError):
        return str(error), exit_code(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}. Check the path, its rights and the disk.", (
            ENVIRONMENT
        )
    text = str(error)
    if isinstance(error, MemoryError) or any(sign in text for sign in _OUT_OF_MEMORY):
        return _NO_MEMORY, ENVIRONMENT
    return None


_OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
_NO_MEMORY = (
    "out of memory. Lower grpo.micro_batch_tokens (or sft.micro_batch_tokens) or engine.slots, and "
    "see what a run needs with: cogitate plan CONFIG"
)


def report_error(message: str, code: int, *, kind: str, as_json: bool) -> int:
    """Tell a person on stderr, and a program on stdout as well; returns the exit code."""
    from cogitate.display.safe_text import strip_controls

    text = strip_controls(message).strip()
    if as_json:
        print(json.dumps({"error": {"kind": kind, "message": text, "exit_code": code}}))
    print(f"cogitate: {text}", file=sys.stderr)
    return code
