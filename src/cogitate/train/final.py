"""``final/``: the trained model as a Hugging Face directory with a card that says what it is."""

from collections.abc import Sequence
from pathlib import Path

from cogitate.config import RunConfig
from cogitate.models.card import ModelCard
from cogitate.models.transformer import Transformer
from cogitate.models.weights import save_model
from cogitate.schema import EvalResult

METHODS = {
    "grpo": "reinforcement learning from verifiable rewards (GRPO)",
    "sft": "supervised fine-tuning",
}


def save_final(
    target: Path,
    model: Transformer,
    *,
    source: Path | None,
    config: RunConfig,
    step: int,
    first: Sequence[EvalResult],
    last: Sequence[EvalResult],
) -> Path:
    """Write the model, tokenizer and card to ``target``, whole or not at all; return it.

    Args:
        source: the Hugging Face directory that training started from; its tokenizer and templates
            are copied.
    """
    card = model_card(config, step=step, first=first, last=last)
    save_model(model, target, source=source, card=card)
    return target


def model_card(
    config: RunConfig, *, step: int, first: Sequence[EvalResult], last: Sequence[EvalResult]
) -> ModelCard:
    """What the model was made from, how, and how well it does on held-out problems."""
    source = config.model.source
    tasks = ", ".join(task.name for task in config.tasks)
    return ModelCard(
        title=config.name,
        summary=f"{source} after {step} steps of {METHODS[config.algorithm]} on {tasks}, "
        "trained with cogitate.",
        base_model=source if source.count("/") == 1 and not Path(source).exists() else None,
        tags=("cogitate", config.algorithm),
        facts={
            "started from": source,
            "method": METHODS[config.algorithm],
            "steps": str(step),
            "tasks": tasks,
            "template": config.template.name,
            "seed": str(config.seed),
        },
        sections={"Held-out accuracy": _accuracy_table(first, last)} if last else {},
    )


def _accuracy_table(first: Sequence[EvalResult], last: Sequence[EvalResult]) -> str:
    before = {(result.task, result.mode): result for result in first}
    lines = ["| task | decoding | before | after |", "|---|---|---|---|"]
    for result in last:
        start = before.get((result.task, result.mode))
        lines.append(f"| {result.task} | {result.mode} | {_figure(start)} | {_figure(result)} |")
    lines.append("\nFraction of held-out problems answered right, with a 95 % interval.")
    return "\n".join(lines)


def _figure(result: EvalResult | None) -> str:
    if result is None:
        return "-"
    low, high = result.ci95
    return f"{100 * result.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
