"""The command reference, written from the parser: ``python -m cogitate.cli.reference``.

``docs/cli.md`` is this text; a test compares the two, so the document cannot lag behind.
"""

import argparse
from collections.abc import Iterator

from cogitate.cli.common import EXIT_CODES
from cogitate.cli.parser import build_parser

_HEAD = """\
# Commands

Written from the parser, and kept current by a test: do not edit by hand. Every command takes
`--json` (results for programs on standard output) and `--debug` (the traceback of an error), and
each is a thin layer over functions that Python code can call as well.
"""


def commands_of(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that does something, with its full name, in the order of the help."""
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not inner:
        yield parser.prog, parser
    for action in inner:
        for command in action.choices.values():
            yield from commands_of(command)


def reference() -> str:
    """The whole reference as Markdown."""
    parts = [_HEAD, f"{EXIT_CODES[0].upper()}{EXIT_CODES[1:]}.\n"]
    for name, parser in commands_of(build_parser()):
        parts.append(f"## {name}\n\n{(parser.description or '').strip()}\n")
        parts.append(f"```\n{usage(name, parser)}\n```\n")
        if rows := [row(action) for action in parser._actions if is_shown(action)]:
            parts.append("\n".join(["| | |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def is_shown(action: argparse.Action) -> bool:
    """All but the options that every command has."""
    return action.dest not in ("help", "json", "debug")


def usage(name: str, parser: argparse.ArgumentParser) -> str:
    """``cogitate run CONFIG [options]``"""
    positional = [a for a in parser._actions if not a.option_strings]
    words = [f"[{_word(a)}]" if a.nargs == "?" else _word(a) for a in positional]
    has_options = any(a.option_strings and is_shown(a) for a in parser._actions)
    return " ".join([name, *words, *(["[options]"] if has_options else [])])


def row(action: argparse.Action) -> str:
    """One line of the table of arguments."""
    value = "" if action.nargs == 0 else f" {_word(action)}"
    name = f"{', '.join(action.option_strings)}{value}" if action.option_strings else _word(action)
    notes = [action.help or "", _choices(action), _default(action)]
    return f"| `{name}` | {'; '.join(note for note in notes if note)} |"


def _word(action: argparse.Action) -> str:
    word = action.metavar or action.dest.upper().replace("_", "-")
    return f"{word} ..." if action.nargs == "+" else str(word)


def _choices(action: argparse.Action) -> str:
    return f"one of {', '.join(map(str, action.choices))}" if action.choices else ""


def _default(action: argparse.Action) -> str:
    is_said = "default" in (action.help or "")
    if is_said or action.default in (None, False, argparse.SUPPRESS) or action.default == []:
        return ""
    return f"default {action.default}"


if __name__ == "__main__":
    print(reference(), end="")
