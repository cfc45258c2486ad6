"""``cogitate reward``: is this reward right, and what gets past it?"""

import argparse

from cogitate.cli.common import FOUND, OK, Commands, Parser, add_command
from cogitate.cli.grade import SANDBOXES

_REWARD = (
    "a kind of our verifiers (math, mcq, code_stdio, ...), file.py:function, or a run's TOML file"
)
_TEST = """\
Tries a reward on right, corrupted and senseless completions: gold answers earn the maximum,
corrupted ones less, nothing makes it raise or return None or NaN, the same completion earns the
same twice, and alone as in a group. REWARD is a kind of our verifiers (math, mcq, code_stdio, ...),
a function of yours in the TRL, verl or native signature, or the configuration of a run. A function
runs in a process of its own. Exit code 1 when a check fails.
"""
_ATTACK = """\
Tries completions that earn a reward without a right answer: hedging, answers in the wrong place,
restated questions, near values, hostile input, forged results. The distractors are made from the
gold answers. REWARD is a kind of our verifiers, a function of yours, or the configuration of a run;
a function gets the mathematics rows, in the layout that it reads, unless --kind says otherwise.
Exit code 1 when something gets through.
"""


def add(commands: Commands) -> None:
    """Register ``reward`` and its subcommands."""
    group = commands.add_parser("reward", help="test a reward, or attack it")
    group.set_defaults(json=False, debug=False, command=lambda args: group.print_help() or OK)
    own = group.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    parser = add_command(
        own, "test", _test, help="check that a reward does what rewards must do", description=_TEST
    )
    _add_target(parser)
    parser.add_argument("--row", type=int, metavar="N", help="only this row, with everything said")
    parser = add_command(
        own, "attack", _attack, help="try to earn a reward without a right answer",
        description=_ATTACK,
    )  # fmt: skip
    _add_target(parser)
    parser.add_argument(
        "--show", type=int, default=20, metavar="N", help="completions that are printed"
    )


def _add_target(parser: Parser) -> None:
    parser.add_argument("reward", metavar="REWARD", help=_REWARD)
    parser.add_argument(
        "--data", metavar="FILE", help="questions and gold answers of your own, in any column style"
    )
    parser.add_argument(
        "--problems", type=int, default=8, metavar="N",
        help="with --data or a configuration: how many problems of each",
    )  # fmt: skip
    parser.add_argument(
        "--kind", metavar="KIND", help="for a function: which rows it understands (default: math)"
    )
    parser.add_argument(
        "--layout", default="auto", metavar="LAYOUT",
        choices=("auto", "boxed", "answer_tag", "hash4", "plain", "line"),
        help="for a function: how completions give their answer",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S",
        help="for a function: seconds that a call may take",
    )  # fmt: skip
    parser.add_argument(
        "--messages", action="store_true", help="for a TRL function: give lists of messages"
    )
    parser.add_argument(
        "--sandboxed", action="store_true",
        help="for a function: no network and no files but its own folder; asked of those that run "
        "programs",
    )  # fmt: skip
    parser.add_argument(
        "--sandbox", default="auto", metavar="NAME", choices=SANDBOXES,
        help=f"for a kind: what programs run in: {', '.join(SANDBOXES)}",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, metavar="N", help="rows at once (default: one a core)"
    )


def _test(args: argparse.Namespace) -> int:
    from cogitate.cli.reward_checks import check_row, check_text, row_text, run_checks
    from cogitate.cli.reward_targets import open_target

    with open_target(args) as target:
        if args.row is not None:
            _show(args, row := check_row(target, args.row), row_text(row))
            return OK
        report = run_checks(target)
    _show(args, report.to_dict(), check_text(report))
    return OK if report.ok else FOUND


def _attack(args: argparse.Namespace) -> int:
    from cogitate.cli.reward_attack import attack_target, attack_text
    from cogitate.cli.reward_targets import open_target

    with open_target(args) as target:
        report = attack_target(target, progress=not args.json)
    _show(args, report.to_dict(), attack_text(report, shown=args.show))
    return OK if report.ok else FOUND


def _show(args: argparse.Namespace, data: object, text: str) -> None:
    """As ``common.show``, which imports torch for its JSON."""
    import json

    from cogitate.display.stream import print_line

    print_line(json.dumps(data, indent=2) if args.json else text)
