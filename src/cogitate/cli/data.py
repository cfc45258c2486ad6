"""``cogitate data``: what is in a data file, and what a task asks."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cogitate.cli.common import DATA, OK, Parser, add_command, show

if TYPE_CHECKING:
    from cogitate.config import RunConfig

_CHECK = """\
Recognises the column style (TRL, verl, open-r1, open-instruct, GSM8K, plain), shows prompts,
counts gold answers that cannot be graded, duplicates, and overlap with evaluation files.
Exit code 4 when the file cannot be trained on as it is.
"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
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
    parser.add_argument("--template", help="show prompts in this template")
    parser.add_argument(
        "--answers", default="auto", choices=("auto", "number", "text", "choice", "none"),
        help="how gold answers will be compared (default: decided for each)",
    )  # fmt: skip
    parser = add_command(
        own, "show", _show, help="print problems, prompts and worked solutions",
        description="SOURCE is a configuration (its tasks and template) or a data file.",
    )  # fmt: skip
    parser.add_argument("source", metavar="SOURCE", help="a run's TOML file, or a data file")
    parser.add_argument("--task", help="only this task")
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    parser.add_argument("--count", type=int, default=3, metavar="N", help="problems of each task")
    parser.add_argument("--template", help="another template than the configuration's")


def _check(args: argparse.Namespace) -> int:
    from cogitate.data.check import check_file

    tokenizer, template = None, None
    if args.model:
        from cogitate.models.fetch import resolve_model
        from cogitate.text.tokenizer import Tokenizer

        tokenizer = Tokenizer.from_directory(resolve_model(args.model, offline=True))
    if args.template:
        from cogitate.text.templates import get_template

        template = get_template(args.template)
        if tokenizer is not None and hasattr(template, "bind"):
            template = template.bind(tokenizer)
    report = check_file(
        args.file, tokenizer=tokenizer, against=args.against, template=template,
        answer_kind=args.answers,
    )  # fmt: skip
    show(args, report.to_dict(), report.render().rstrip("\n"))
    return OK if report.ok else DATA


def _show(args: argparse.Namespace) -> int:
    config = _config_of(args.source)
    rows = problem_rows(
        config, task=args.task, split=args.split, count=args.count, template=args.template
    )
    show(args, rows, problem_text(rows))
    return OK


def _config_of(source: str) -> "RunConfig":
    from cogitate.config import RunConfig, load_config

    if source.endswith(".toml"):
        return load_config(source)
    return RunConfig.model_validate({"tasks": [{"kind": "dataset", "path": source}]})


def problem_rows(
    config: "RunConfig", *, task: str | None, split: str, count: int, template: str | None
) -> list[dict[str, Any]]:
    """Problems of every task, or of one, as plain values."""
    from cogitate.errors import ConfigError
    from cogitate.tasks.mixture import build_mixture
    from cogitate.text.templates import get_template

    style = get_template(template) if template else get_template(
        config.template.name, **config.template.options()
    )  # fmt: skip
    mixture = build_mixture(config.tasks, config.seed)
    if task is not None and task not in mixture.tasks:
        raise ConfigError(f'unknown task "{task}". Known: {", ".join(mixture.tasks)}.')
    names = [task] if task else list(mixture.tasks)
    # A chat template lies in the model directory; without one the bare question is shown.
    render = None if hasattr(style, "bind") else style.render
    rows = []
    for name in names:
        source = mixture.tasks[name]
        available = source.size(split)
        for index in range(count if available is None else min(count, available)):
            problem = source.problem(split, index)
            thinking, answer = source.solution(problem)
            prompt = render(problem) if render else problem.question
            rows.append({
                "id": problem.id, "task": name, "question": problem.question, "prompt": prompt,
                "answer": problem.answer, "thinking": thinking, "solution_answer": answer,
                "metadata": dict(problem.metadata),
            })  # fmt: skip
    return rows


def problem_text(rows: Sequence[dict[str, Any]]) -> str:
    """Problems for a reader: the prompt marked line by line, then the worked solution."""
    from cogitate.display.safe_text import one_line, strip_controls

    lines: list[str] = []
    for row in rows:
        lines += [*([""] if lines else []), row["id"]]
        lines += [f"  | {line}" for line in strip_controls(row["prompt"]).split("\n")]
        if row["thinking"]:
            lines.append(f"  thinking: {one_line(row['thinking'])}")
        lines.append(f"  answer:   {one_line(str(row['answer']))}")
    return "\n".join(lines) or "no problems in this split"
