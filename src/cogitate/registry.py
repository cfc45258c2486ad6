"""The composition root: from names in a configuration to the objects that do the work.

Every table of names lives with its owner (``text.templates.TEMPLATES``, the loss union of
``train.config``, the task union of ``tasks.config``), where an unknown name is an error that lists
the known ones.
This module only puts the pieces together, and nothing below it imports it.
"""

from pathlib import Path
from typing import cast

import torch

from cogitate.config import RunConfig, TemplateSection
from cogitate.engines.local import LocalEngine
from cogitate.errors import ConfigError
from cogitate.models.weights import load_model
from cogitate.placement.local import LocalPlacement
from cogitate.policies.local import LocalPolicy
from cogitate.protocols import Placement, Scoring
from cogitate.rewards.rubric import build_rubric as rubric_of
from cogitate.tasks.mixture import Mixture, build_mixture
from cogitate.text.chat import Chat
from cogitate.text.templates import get_template
from cogitate.text.tokenizer import Tokenizer
from cogitate.train.components import Components, ExampleSource, solution_examples


def build_components(config: RunConfig, *, model_dir: Path) -> Components:
    """All parts of a run.

    Args:
        model_dir: a Hugging Face directory, as ``models.fetch.resolve_model`` gives it.

    Raises:
        ConfigError: a name is unknown, or settings do not fit this machine.
        DataError: the model directory or a data set cannot be used.
    """
    chat = build_chat(Tokenizer.from_directory(model_dir), config.template)
    mixture = build_mixture(config.tasks, config.seed)
    return Components(
        mixture=mixture,
        rubric=build_rubric(config, mixture, chat),
        chat=chat,
        placement=build_placement(config, chat, model_dir=model_dir),
        examples=build_examples(config, mixture, chat) if config.algorithm == "sft" else None,
        source=model_dir,
    )


def build_chat(tokenizer: Tokenizer, section: TemplateSection) -> Chat:
    """Tokenizer and template together.

    Raises:
        ConfigError: there is no such template, or it has no such option.
    """
    return Chat(tokenizer, get_template(section.name, **section.options()))


def build_rubric(config: RunConfig, mixture: Mixture, chat: Chat) -> Scoring:
    """The rewards of a configuration."""
    return rubric_of(config.reward, tasks=mixture.tasks, chat=chat)


def build_placement(config: RunConfig, chat: Chat, *, model_dir: Path) -> Placement:
    """Policy, engine and reference in this process, on one set of weights."""
    is_rl = config.algorithm == "grpo"
    model = load_model(
        model_dir, dtype=getattr(torch, config.model.dtype),
        device=resolve_device(config.model.device),
    )  # fmt: skip
    policy = LocalPolicy(
        model,
        config.optimizer,
        total_updates=config.steps * (config.grpo.updates_per_step if is_rl else 1),
        train_embedding=config.model.train_embedding,
        temperature=config.sampling.temperature if is_rl else 1.0,
        micro_batch_tokens=(config.grpo if is_rl else config.sft).micro_batch_tokens,
    )
    engine = LocalEngine(
        model, chat.decode, slots=config.engine.slots, kernels=config.engine.kernels
    )
    has_reference = is_rl and config.grpo.loss.kl_coef > 0
    return cast(Placement, LocalPlacement(policy, engine, reference=has_reference))


def build_examples(config: RunConfig, mixture: Mixture, chat: Chat) -> ExampleSource:
    """What supervised fine-tuning imitates: worked solutions of the tasks, or a file's examples."""
    if config.sft.source == "solutions":
        return solution_examples(mixture, chat)
    from cogitate.data.examples import file_examples

    return file_examples(Path(config.sft.source), chat, seed=config.seed)


def resolve_device(name: str) -> str:
    """A device of this machine; "auto" is a GPU when there is one.

    Raises:
        ConfigError: a GPU was asked for and this machine, or this build of torch, has none.
    """
    has_gpu = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if has_gpu else "cpu"
    if name.startswith("cuda"):
        number = int(name.partition(":")[2] or 0)
        count = torch.cuda.device_count() if has_gpu else 0
        if number >= count:
            raise ConfigError(
                f'model.device = "{name}": this machine has {count} CUDA devices that torch '
                f'{torch.__version__} can use. Set model.device = "cpu", or "auto".'
            )
    return name
