"""``cogitate sample``: completions of a prompt, or of a task's problems with their gold answers."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cogitate.cli.common import OK, Parser, add_command, show

if TYPE_CHECKING:
    from cogitate.config import RunConfig
    from cogitate.inference import OpenModel
    from cogitate.protocols import Task
    from cogitate.schema import Completion, Problem


def add_sampling(parser: Parser, *, temperature: float, max_tokens: int) -> None:
    """How to sample, and how to load the model."""
    parser.add_argument("--template", help="prompt template (default: the run's, or the model's)")
    parser.add_argument("--max-tokens", type=int, default=max_tokens, metavar="N")
    parser.add_argument(
        "--temperature", type=float, default=temperature, metavar="T", help="0 is greedy"
    )
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P")
    parser.add_argument("--top-k", type=int, default=0, metavar="K")
    parser.add_argument("--seed", type=int, default=0)
    add_device(parser)


def add_device(parser: Parser) -> None:
    """Where to compute."""
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--kernels", default="auto", choices=("auto", "native", "torch"))


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register the command."""
    parser = add_command(
        commands, "sample", _sample, help="print completions of a prompt or of a task",
        description="MODEL is a preset, a directory, a hub id or a run directory.",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", metavar="TEXT", help='a question; "-" reads standard input')
    what.add_argument("--task", metavar="KIND", help="problems of a task, such as arithmetic")
    what.add_argument("--config", metavar="FILE", help="held-out problems of a run's tasks")
    parser.add_argument(
        "--raw", action="store_true", help="continue the text of --prompt as it is, no template"
    )
    parser.add_argument("-n", "--samples", type=int, default=1, metavar="N", help="per problem")
    parser.add_argument("--count", type=int, default=3, metavar="N", help="problems of each task")
    add_sampling(parser, temperature=1.0, max_tokens=256)


def _sample(args: argparse.Namespace) -> int:
    from cogitate.inference import open_model, question

    if args.prompt is not None:
        text = sys.stdin.read() if args.prompt == "-" else args.prompt
        model = open_model(
            args.model, template=args.template, device=args.device, kernels=args.kernels
        )
        rows = _rows(args, model, [question(text)], {}, raw=args.raw)
    else:
        config = _config(args)
        problems, tasks = _problems(config, args.count)
        template = args.template or (config.template.name if args.config else None)
        model = open_model(
            args.model, template=template, device=args.device, kernels=args.kernels
        )
        rows = _rows(args, model, problems, tasks)
    show(args, rows, sample_text(rows))
    return OK


def _config(args: argparse.Namespace) -> "RunConfig":
    from cogitate.config import load_config, tasks_config

    return load_config(args.config) if args.config else tasks_config([{"kind": args.task}])


def _problems(config: "RunConfig", count: int) -> tuple[list["Problem"], dict[str, "Task"]]:
    from cogitate.tasks.mixture import build_mixture

    mixture = build_mixture(config.tasks, config.seed)
    problems = [p for name in mixture.tasks for p in mixture.held_out(name, count)]
    return problems, dict(mixture.tasks)


def _rows(
    args: argparse.Namespace,
    model: "OpenModel",
    problems: Sequence["Problem"],
    tasks: "dict[str, Task]",
    *,
    raw: bool = False,
) -> list[dict[str, Any]]:
    from cogitate.inference import raw_prompt, sample

    params = model.params(
        max_tokens=args.max_tokens, temperature=args.temperature, top_p=args.top_p,
        top_k=args.top_k, seed=args.seed,
    )  # fmt: skip
    prompts = [raw_prompt(model, p.question) for p in problems] if raw else None
    completions = sample(model, problems, params, samples=args.samples, prompts=prompts)
    return [
        _row(model, problem, completion, tasks.get(problem.task))
        for problem, of_problem in zip(problems, completions, strict=True)
        for completion in of_problem
    ]


def _row(
    model: "OpenModel", problem: "Problem", completion: "Completion", task: "Task | None"
) -> dict[str, Any]:
    parsed = model.chat.parse(completion)
    row: dict[str, Any] = {
        "question": problem.question,
        "completion": completion.text,
        "finish_reason": str(completion.finish_reason),
        "tokens": len(completion.token_ids),
        "mean_logprob": sum(completion.logprobs) / max(1, len(completion.logprobs)),
        "format_ok": parsed.format_ok,
        "answer": parsed.answer,
    }
    if task is not None:
        row |= {"gold": problem.answer, "score": task.verify(problem, parsed.answer)}
    return row


def sample_text(rows: Sequence[dict[str, Any]]) -> str:
    """Completions for a reader; the question stands once above its samples."""
    from cogitate.display.safe_text import one_line, strip_controls

    lines: list[str] = []
    previous = None
    for row in rows:
        if row["question"] != previous:
            previous = row["question"]
            lines += [*([""] if lines else []), f"Q  {strip_controls(row['question'])}"]
        lines.append(f"A  {strip_controls(row['completion']).strip()}")
        remarks = [f"{row['tokens']} tokens"]
        if row["finish_reason"] == "length":
            remarks.append("truncated")
        if "gold" in row:
            remarks.append(f"answer {one_line(str(row['answer']), 40)}")
            remarks.append(f"gold {one_line(str(row['gold']), 40)}")
            remarks.append({1.0: "right", None: "not verified"}.get(row["score"], "wrong"))
        lines.append(f"   ({', '.join(remarks)})")
    return "\n".join(lines)
