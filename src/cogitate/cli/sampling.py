"""The work of ``cogitate sample``."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.cli.common import warn
from cogitate.config import RunConfig, TemplateSection, load_config, tasks_config
from cogitate.display.safe_text import one_line, strip_controls
from cogitate.inference import OpenModel, open_model, question, raw_prompt, sample
from cogitate.protocols import Task
from cogitate.rewards.verification import verify
from cogitate.schema import Completion, Problem
from cogitate.tasks.mixture import build_mixture


def sample_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """One row per completion: what was asked, what came, and how it compares with the gold."""
    if args.prompt is not None:
        text = sys.stdin.read() if args.prompt == "-" else args.prompt
        model = _open(args, args.template)
        return _rows(args, model, [question(text)], {}, raw=args.raw)
    config = load_config(args.config) if args.config else tasks_config([{"kind": args.task}])
    problems, tasks = _problems(config, args.count)
    template = args.template or (config.template if args.config else None)
    model = _open(args, template)
    return _rows(args, model, problems, tasks)


def _open(args: argparse.Namespace, template: str | TemplateSection | None) -> OpenModel:
    return open_model(
        args.model, template=template, device=args.device, kernels=args.kernels, progress=warn
    )


def _problems(config: RunConfig, count: int) -> tuple[list[Problem], dict[str, Task]]:
    mixture = build_mixture(config.tasks, config.seed)
    problems = [p for name in mixture.tasks for p in mixture.held_out(name, count)]
    return problems, dict(mixture.tasks)


def _rows(
    args: argparse.Namespace,
    model: OpenModel,
    problems: Sequence[Problem],
    tasks: Mapping[str, Task],
    *,
    raw: bool = False,
) -> list[dict[str, Any]]:
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
    model: OpenModel, problem: Problem, completion: Completion, task: Task | None
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
        verdict = verify(task, problem, parsed.answer)
        row |= {
            "gold": problem.answer,
            "verdict": verdict.status.value,
            "score": verdict.score if verdict.status.trains else None,
        }
    return row


def sample_text(rows: Sequence[dict[str, Any]]) -> str:
    """Completions for a reader; the question stands once above its samples."""
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
