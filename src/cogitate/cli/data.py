"""``cogitate data``: what is in a data file, and what a task asks."""

import argparse

from cogitate.cli.common import DATA, OK, Commands, Parser, add_command, show

_CHECK = """\
Recognises the column style (TRL, verl, open-r1, open-instruct, GSM8K, plain), shows prompts,
counts gold answers that cannot be graded, duplicates, and overlap with evaluation files.
Exit code 4 when the file cannot be trained on as it is.
"""


# Those of tasks.config, which takes too long to import for a list of names; a test compares them.
ANSWER_KINDS = (
    "auto", "number", "text", "choice", "none", "math", "code", "exact_text", "matrix_text",
    "code_output", "logic", "instructions", "json_schema", "tool_call",
)  # fmt: skip


def add(commands: Commands) -> None:
    """Register ``data`` and its subcommands."""
    group = commands.add_parser("data", help="check a data file, show the problems of a task")
    group.set_defaults(json=False, debug=False, command=lambda args: group.print_help() or OK)
    own = group.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    parser = add_command(
        own, "check", _check, help="say what is in a data file", description=_CHECK
    )
    parser.add_argument("file", metavar="FILE", help=".jsonl, .json, .csv, .parquet, or directory")
    parser.add_argument(
        "--against", action="append", default=[], metavar="FILE",
        help="evaluation file whose questions must not be in FILE; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--model", metavar="MODEL", help="count prompt tokens with this model's tokenizer"
    )
    parser.add_argument("--template", metavar="NAME", help="show prompts in this template")
    parser.add_argument(
        "--answers", default="auto", metavar="KIND",
        choices=ANSWER_KINDS,
        help="how gold answers will be compared (default: decided for each)",
    )  # fmt: skip
    parser = add_command(
        own, "show", _show, help="print problems, prompts and worked solutions",
        description="SOURCE is a configuration (its tasks and template) or a data file.",
    )  # fmt: skip
    parser.add_argument("source", metavar="SOURCE", help="a run's TOML file, or a data file")
    parser.add_argument("--task", metavar="NAME", help="only this task")
    parser.add_argument(
        "--split",
        choices=("train", "heldout"),
        default="train",
        metavar="SPLIT",
        help="problems that are trained on, or held out",
    )
    parser.add_argument("--count", type=int, default=3, metavar="N", help="problems of each task")
    parser.add_argument(
        "--template", metavar="NAME", help="another template than the configuration's"
    )


def _check(args: argparse.Namespace) -> int:
    from cogitate.data.check import check_file

    tokenizer, template = None, None
    if args.model:
        from cogitate.models.fetch import resolve_model
        from cogitate.text.tokenizer import Tokenizer

        tokenizer = Tokenizer.from_directory(resolve_model(args.model, offline=True))
    if args.template:
        from cogitate.text.templates import ChatTemplate, get_template

        template = get_template(args.template)
        if tokenizer is not None and isinstance(template, ChatTemplate):
            template = template.bind(tokenizer)
    report = check_file(
        args.file, tokenizer=tokenizer, against=args.against, template=template,
        answer_kind=args.answers,
    )  # fmt: skip
    show(args, report.to_dict(), report.render().rstrip("\n"))
    return OK if report.ok else DATA


def _show(args: argparse.Namespace) -> int:
    from cogitate.cli.problems import config_of, problem_rows, problem_text

    rows = problem_rows(
        config_of(args.source), task=args.task, split=args.split, count=args.count,
        template=args.template,
    )  # fmt: skip
    show(args, rows, problem_text(rows))
    return OK
