"""The work of ``cogitate data show``."""

from collections.abc import Sequence
from typing import Any

from cogitate.config import RunConfig, load_config, tasks_config
from cogitate.display.safe_text import one_line, strip_controls
from cogitate.errors import ConfigError
from cogitate.tasks.mixture import build_mixture
from cogitate.text.templates import get_template


def config_of(source: str) -> RunConfig:
    """The configuration in a TOML file, or default settings on a data file."""
    if source.endswith(".toml"):
        return load_config(source)
    return tasks_config([{"kind": "dataset", "path": source}])


def problem_rows(
    config: RunConfig, *, task: str | None, split: str, count: int, template: str | None
) -> list[dict[str, Any]]:
    """Problems of every task, or of one, as plain values."""
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
    lines: list[str] = []
    for row in rows:
        lines += [*([""] if lines else []), row["id"]]
        lines += [f"  | {line}" for line in strip_controls(row["prompt"]).split("\n")]
        if row["thinking"]:
            lines.append(f"  thinking: {one_line(row['thinking'])}")
        lines.append(f"  answer:   {one_line(str(row['answer']))}")
    return "\n".join(lines) or "no problems in this split"
