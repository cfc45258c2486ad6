"""A model directory made ready to answer: sampling, evaluation and chat outside of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from cogitate.config import EvalSection, RunConfig, TemplateSection
from cogitate.config_toml import read_toml
from cogitate.engines.local import LocalEngine
from cogitate.errors import DataError
from cogitate.models.fetch import Progress, resolve_model
from cogitate.models.weights import load_model
from cogitate.registry import build_chat, build_rubric, resolve_device
from cogitate.schema import Completion, EvalResult, Message, Problem, Prompt, SamplingParams
from cogitate.tasks.mixture import Mixture, build_mixture
from cogitate.text.chat import Chat, problem_key
from cogitate.text.tokenizer import Tokenizer
from cogitate.train.evaluate import evaluate as evaluate_problems
from cogitate.train.evaluate import evaluation_seed

QUESTION_TASK = "question"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenModel:
    """Weights, tokenizer and template of one model, and an engine on them."""

    directory: Path
    template: str
    chat: Chat
    engine: LocalEngine

    def params(
        self, *, max_tokens: int, temperature: float, top_p: float = 1.0, top_k: int = 0,
        seed: int = 0,
    ) -> SamplingParams:  # fmt: skip
        """Sampling parameters with this model's stop tokens and this template's stop strings."""
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            seed=seed,
            stop_token_ids=tuple(self.chat.stop_token_ids),
            stop_strings=tuple(self.chat.stop_strings),
        )


def open_model(
    source: str | Path,
    *,
    template: str | TemplateSection | None = None,
    device: str = "auto",
    dtype: str = "float32",
    slots: int = 64,
    kernels: str = "auto",
    progress: Progress | None = None,
) -> OpenModel:
    """Load a model for sampling.

    Args:
        source: a preset, a directory, a hub id, or a run directory (its final model).
        template: how questions are put. Default: see :func:`default_template`.
        progress: told in one line what is being fetched.

    Raises:
        DataError: there is no such model.
        ConfigError: there is no such template.
    """
    directory = resolve_model(final_of_run(Path(source)) or source, progress=progress)
    section = template or default_template(directory)
    if isinstance(section, str):
        section = TemplateSection(name=section)
    chat = build_chat(Tokenizer.from_directory(directory), section)
    model = load_model(directory, dtype=getattr(torch, dtype), device=resolve_device(device))
    model.requires_grad_(False)
    engine = LocalEngine(model, chat.decode, slots=slots, kernels=kernels)
    return OpenModel(directory=directory, template=section.name, chat=chat, engine=engine)


def final_of_run(path: Path) -> Path | None:
    """The final model inside a run directory, or None when ``path`` is not a run directory.

    Raises:
        DataError: the run is not complete.
    """
    if not (path / "config.toml").is_file() or (path / "config.json").is_file():
        return None
    if not (path / "final" / "config.json").is_file():
        raise DataError(
            f"{path}: this run has no final model yet; it is written when the run is complete. "
            f"Continue the run with --resume first."
        )
    return path / "final"


def run_config_of(path: Path) -> Path | None:
    """The recorded configuration of the run that a directory is, or is the final model of."""
    candidates = (path / "config.toml", path.absolute().parent / "config.toml")
    is_model = (path / "config.json").is_file()
    return next((c for c in candidates[: 2 if is_model else 1] if c.is_file()), None)


def default_template(directory: Path) -> TemplateSection:
    """The template that a run trained with, else the model's own chat template, else "qa"."""
    recorded = run_config_of(directory)
    if recorded is not None:
        table, _ = read_toml(recorded)
        return TemplateSection.model_validate(table.get("template", {}))
    has_own = bool(Tokenizer.from_directory(directory).chat_templates)
    return TemplateSection(name="chat" if has_own else "qa")


def question(text: str, history: Sequence[Message] = ()) -> Problem:
    """A problem without a gold answer: the next user turn after a conversation."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # input may hold half characters
    messages = (*history, Message(role="user", content=text))
    identity = "\x1e".join(f"{m.role}\x1f{m.content}" for m in messages)
    return Problem(id=f"{QUESTION_TASK}/{identity}", task=QUESTION_TASK, messages=messages,
                   answer=None)  # fmt: skip


def sample(
    model: OpenModel,
    problems: Sequence[Problem],
    params: SamplingParams,
    *,
    samples: int = 1,
    prompts: Sequence[Prompt] | None = None,
) -> list[list[Completion]]:
    """``samples`` completions for each problem, or for prompts made in another way."""
    prompts = prompts or [model.chat.render_prompt(problem) for problem in problems]
    return model.engine.generate(prompts, params, n=samples)


def raw_prompt(model: OpenModel, text: str) -> Prompt:
    """A text to continue as it is, without a template."""
    tokenizer = model.chat.tokenizer
    token_ids = (*tokenizer.prefix_ids, *tokenizer.encode(text))
    return Prompt(token_ids=token_ids, text=text, key=problem_key(text))


def evaluate(
    model: OpenModel,
    config: RunConfig,
    *,
    eval_config: EvalSection | None = None,
    mixture: Mixture | None = None,
) -> tuple[list[EvalResult], list[dict[str, Any]]]:
    """Held-out accuracy by task, greedy and sampled, with the rollouts it was computed from.

    The problems are those that a run of this configuration evaluates on.
    """
    mixture = mixture or build_mixture(config.tasks, config.seed)
    settings = eval_config or config.eval
    problems: Mapping[str, Sequence[Problem]] = {
        name: mixture.held_out(name, settings.problems_per_task) for name in mixture.tasks
    }
    return evaluate_problems(
        problems,
        rubric=build_rubric(config, mixture, model.chat),
        chat=model.chat,
        engine=model.engine,
        step=0,
        config=settings,
        max_tokens=config.sampling.max_tokens,
        seed=evaluation_seed(config.seed),
    )


def shortened(params: SamplingParams, prompt_tokens: int, limit: int) -> SamplingParams:
    """Parameters whose completion still fits the model's context."""
    return replace(params, max_tokens=max(1, min(params.max_tokens, limit - prompt_tokens)))
