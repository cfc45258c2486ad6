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
from cogitate.models.fetch import resolve_model
from cogitate.models.weights import load_model
from cogitate.placement.local import LocalPlacement
from cogitate.policies.local import LocalPolicy, LocalScorer
from cogitate.protocols import Placement, RolloutEngine
from cogitate.rewards.config import JudgeConfig
from cogitate.rewards.judge import Judge, JudgeReward, build_judge
from cogitate.rewards.rubric import ModelPart, Rubric
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


def build_rubric(config: RunConfig, mixture: Mixture, chat: Chat) -> Rubric:
    """The rewards of a configuration, with their reward models and judges loaded.

    Raises:
        ConfigError: a part names a task that the mixture does not have.
        DataError: the directory of a reward model or judge cannot be used.
    """
    parts = [*_reward_models(config, chat), *_judges(config, chat)]
    for part in parts:
        unknown = set(part.tasks) - set(mixture.tasks)
        if unknown:
            raise ConfigError(
                f"reward part {part.name!r} is for the tasks {', '.join(sorted(unknown))}, which "
                f"are not in the mixture. It has: {', '.join(mixture.tasks)}."
            )
    return rubric_of(config.reward, tasks=mixture.tasks, chat=chat, models=parts)


def _reward_models(config: RunConfig, chat: Chat) -> list[ModelPart]:
    if not config.reward.model:
        return []
    from cogitate.reward_models.reward import RewardModelReward

    device = resolve_device(config.model.device)
    prefilled = chat.template.prefilled
    return [
        ModelPart(
            name=part.name,
            weight=part.weight,
            reward=RewardModelReward.load(
                part.path, scores=part.scores, prefilled=prefilled, device=device
            ),
            tasks=part.tasks,
            last_steps=part.last_steps,
            meaning=f"the reward model {part.path}, which reads the {part.scores}",
        )
        for part in config.reward.model
    ]


def _judges(config: RunConfig, chat: Chat) -> list[ModelPart]:
    parts: list[ModelPart] = []
    for settings in config.reward.judge:
        judge = open_judge(settings, device=config.model.device)
        reward = JudgeReward(settings, judge, prefilled=chat.template.prefilled)
        parts.append(
            ModelPart(
                name=settings.name,
                weight=settings.weight,
                reward=reward.scores,
                tasks=settings.tasks,
                last_steps=settings.last_steps,
                meaning=reward.describe(),
                close=reward.close,
            )
        )
    return parts


def open_judge(settings: JudgeConfig, *, device: str = "auto") -> Judge:
    """The judge of a configuration, with its model loaded unless it is behind an endpoint.

    Raises:
        ConfigError: the endpoint, its key or the device cannot be used.
        DataError: the model cannot be loaded.
    """
    if settings.endpoint:
        return build_judge(settings)
    directory = resolve_model(settings.model)
    model = load_model(directory, dtype=torch.float32, device=resolve_device(device))
    chat = build_chat(Tokenizer.from_directory(directory), TemplateSection(name="chat"))
    engine = cast(RolloutEngine, LocalEngine(model, chat.decode))
    return build_judge(settings, engine=engine, chat=chat, scorer=LocalScorer(model))


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
