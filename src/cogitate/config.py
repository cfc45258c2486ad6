"""One run as one value: a TOML file plus ``--set`` overrides, checked and frozen.

Each component owns its own section's fields; this module owns the sections that no component
owns, composes them into :class:`RunConfig`, and turns every fault of a file into one sentence.

Paths: a value that begins with ``./`` or ``../`` in a file is relative to that file. Any other
relative path is relative to the directory the command is started in, like a path on a command line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cogitate.config_errors import converted, sentences
from cogitate.config_toml import (
    Key,
    apply_override,
    dotted,
    key_lines,
    parse_override,
    read_toml,
    write_toml,
)
from cogitate.errors import ConfigError
from cogitate.rewards.config import RewardConfig
from cogitate.tasks.config import TaskConfig
from cogitate.train.config import GRPOConfig, OptimizerConfig, SFTConfig


class Section(BaseModel):
    """Base of the sections below: frozen, unknown keys refused, docstrings kept for ``explain``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelSection(Section):
    """Which weights to start from and how to hold them."""

    source: str = "smollm2-135m"
    """A preset name, a directory in Hugging Face layout, or a hub id (``org/name``)."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the trained weights. float32 is exact and fastest on most CPUs."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """Where to compute: "cpu", "cuda", "cuda:1", or "auto" (a GPU when there is one)."""

    train_embedding: bool = True
    """Whether the token embedding (and a head tied to it) learns. Off saves memory and time."""


class TemplateSection(Section):
    """How a problem becomes a prompt and how the answer is read back."""

    name: str = "qa"
    """qa, r1_zero, r1_zero_prefill, r1_zero_steps, boxed, chat (the model's own), chat_boxed."""

    stop_strings: tuple[str, ...] | None = None
    """Texts that end a completion. Not set: the template's own."""

    instruction: str | None = None
    """For chat and chat_boxed: text added to the last user turn. Not set: the template's own."""

    variables: dict[str, str | int | float | bool] | None = None
    """For chat and chat_boxed: variables of the model's template, such as enable_thinking."""

    def options(self) -> dict[str, Any]:
        """What differs from the template of this name."""
        given = self.model_dump(exclude={"name"})
        return {name: value for name, value in given.items() if value is not None}


class SamplingSection(Section):
    """How rollouts are sampled during training."""

    max_tokens: int = Field(default=256, ge=1)
    """Longest completion in tokens, the stop token included. Longer ones are truncated."""

    temperature: float = Field(default=1.0, gt=0.0, le=5.0)
    """Softmax temperature. 1.0 samples the policy itself, which is what GRPO assumes."""

    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Nucleus sampling: keep the likeliest tokens that sum to this share. 1.0 is off."""

    top_k: int = Field(default=0, ge=0)
    """Keep this many likeliest tokens. 0 is off."""


class EngineSection(Section):
    """The rollout engine: speed and memory, never results."""

    slots: int = Field(default=64, ge=1, le=65_536)
    """Completions decoded at once. More slots are faster until memory or the caches are full."""

    kernels: Literal["auto", "native", "torch"] = "auto"
    """Compiled CPU kernels: "native" requires them, "torch" avoids them, "auto" takes them."""


class EvalSection(Section):
    """Held-out evaluation, always also before the first and after the last step."""

    every: int = Field(default=10, ge=0)
    """Steps between evaluations. 0 evaluates only before and after training."""

    problems_per_task: int = Field(default=64, ge=1)
    """Held-out problems of each task."""

    samples: int = Field(default=1, ge=0)
    """Samples per problem at temperature 1. 0 leaves sampled accuracy out."""

    greedy: bool = True
    """Whether to evaluate greedy decoding too."""


class CheckpointSection(Section):
    """When to save and how many to keep."""

    every: int = Field(default=10, ge=0)
    """Steps between checkpoints. 0 saves only at the end and on Ctrl-C."""

    keep: int = Field(default=2, ge=1)
    """Newest checkpoints kept; older ones are deleted."""


class TrackersSection(Section):
    """Copies of the metrics elsewhere. metrics.jsonl is always written."""

    tensorboard: bool = False
    """Write TensorBoard event files into the run directory (needs ``cogitate[tensorboard]``)."""

    wandb: bool = False
    """Log to Weights & Biases (needs ``cogitate[wandb]``; honours WANDB_MODE=offline)."""

    trackio: bool = False
    """Log to trackio, a local dashboard (needs ``cogitate[trackio]``)."""

    project: str = Field(default="cogitate", min_length=1)
    """Project name given to wandb and trackio."""


class RunConfig(Section):
    """One complete run. ``load_config`` makes it from a file; from Python, call it directly."""

    name: str = Field(default="run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the run directory inside ``output_dir``: letters, digits, dots and dashes."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Fixes every random draw: problems, sampling, shuffling."""

    output_dir: str = "runs"
    """Where run directories are made."""

    algorithm: Literal["grpo", "sft"] = "grpo"
    """grpo: reinforcement learning from verifiable rewards. sft: imitate worked solutions."""

    model: ModelSection = ModelSection()
    template: TemplateSection = TemplateSection()
    tasks: tuple[TaskConfig, ...] = Field(min_length=1)
    """What to train on: one ``[[tasks]]`` section each, drawn in proportion to ``weight``."""

    reward: RewardConfig = RewardConfig()
    sampling: SamplingSection = SamplingSection()
    grpo: GRPOConfig = GRPOConfig()
    sft: SFTConfig = SFTConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    engine: EngineSection = EngineSection()
    eval: EvalSection = EvalSection()
    checkpoint: CheckpointSection = CheckpointSection()
    trackers: TrackersSection = TrackersSection()

    @model_validator(mode="after")
    def _check_tasks(self) -> "RunConfig":
        names = [task.name for task in self.tasks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f'two [[tasks]] are called "{twice[0]}": metrics are kept by name. '
                'Give each its own name = "...".'
            )
        return self

    @property
    def steps(self) -> int:
        """Steps of the chosen algorithm."""
        return self.grpo.steps if self.algorithm == "grpo" else self.sft.steps

    @property
    def run_dir(self) -> Path:
        """The run directory: ``output_dir/name``."""
        return Path(self.output_dir).expanduser() / self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSource:
    """The raw settings of one run before validation, and where each was written.

    ``lines`` has the line of every key of the file; ``overrides`` the key of every ``--set``.
    """

    label: str
    table: dict[str, Any]
    lines: Mapping[Key, int]
    overrides: Mapping[Key, str]

    def origin(self, key: Key) -> str:
        """Where a key was set: ``--set``, ``line 12`` (of the file), ``file`` or ``default``."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.overrides:
                return "--set"
        if not _contains(self.table, key):
            return "default"
        return f"line {self.lines[key]}" if key in self.lines else "file"

    def place(self, key: Key) -> str:
        """How a message names the place of a fault: the override, or the nearest line."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.overrides:
                return f"--set {self.overrides[key[:length]]}"
        line = self.line(key)
        return f"{self.label}:{line}" if line else self.label

    def line(self, key: Key) -> int:
        """The line of a key, or of the nearest section around it; 0 if none is known."""
        places = (self.lines.get(key[:length], 0) for length in range(len(key), 0, -1))
        return next((line for line in places if line), 0)


def read_source(path: Path | str, overrides: Sequence[str] = ()) -> ConfigSource:
    """A TOML file with overrides applied, not yet validated."""
    path = Path(path)
    table, text = read_toml(path)
    table = _anchor(table, path.parent)
    applied: dict[Key, str] = {}
    for override in overrides:
        key, value = parse_override(override)
        apply_override(table, key, value)
        applied[key] = override
    return ConfigSource(label=str(path), table=table, lines=key_lines(text), overrides=applied)


def validate(source: ConfigSource) -> RunConfig:
    """The frozen configuration of a source.

    Raises:
        ConfigError: one message with a sentence for every fault in the file.
    """
    table = with_default_kinds(source.table, RunConfig)
    try:
        config = RunConfig.model_validate(table)
        faults = converted(table, config)
        if not faults:
            return config
    except ValidationError as error:
        faults = sentences(error, table, RunConfig)
    faults = sorted(faults, key=lambda fault: source.line(fault[0]))
    lines = [f"{source.place(key)}: {sentence}" for key, sentence in faults]
    if len(lines) == 1:
        raise ConfigError(lines[0])
    listing = "\n".join(f"  {line}" for line in dict.fromkeys(lines))
    raise ConfigError(f"{source.label}: {len(lines)} settings need attention:\n{listing}")


def with_default_kinds(table: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """A copy of a table where a section of several kinds that names none has its default kind.

    So ``[grpo.loss]`` with ``clip_high = 0.28`` alone changes the default loss.
    """
    filled = dict(table)
    for name, field in model.model_fields.items():
        value, default = table.get(name), field.get_default(call_default_factory=True)
        if not isinstance(value, Mapping) or not isinstance(default, BaseModel):
            continue
        tag = field.discriminator
        if isinstance(tag, str) and tag not in value:
            value = {tag: getattr(default, tag), **value}
        filled[name] = with_default_kinds(value, type(default))
    return filled


def load_config(path: Path | str, overrides: Sequence[str] = ()) -> RunConfig:
    """The configuration of one run.

    Args:
        overrides: ``key=value`` texts as given to ``--set``, e.g. ``"grpo.group_size=8"`` or
            ``"tasks.0.digits=3"``; the value has TOML syntax, quotes around text are optional.

    Raises:
        ConfigError: the file cannot be read, or any of its settings is wrong.
    """
    return validate(read_source(path, overrides))


def tasks_config(tables: Sequence[Mapping[str, Any]]) -> RunConfig:
    """Default settings on some tasks, each given as a ``[[tasks]]`` table.

    Raises:
        ConfigError: a kind or a setting is unknown.
    """
    table = {"tasks": [dict(entry) for entry in tables]}
    return validate(ConfigSource(label="tasks", table=table, lines={}, overrides={}))


def config_to_toml(config: RunConfig) -> str:
    """Every resolved setting as TOML; loading the text gives an equal configuration.

    Raises:
        ConfigError: a setting was made None from Python although its default is not None, which
            a TOML file cannot say.
    """
    import tomllib

    text = write_toml(config.model_dump())
    if RunConfig.model_validate(tomllib.loads(text)) != config:
        raise ConfigError(
            "the configuration cannot be written as TOML: a setting is None where the default is "
            "not. Give that setting a value."
        )
    return text


def _anchor(value: Any, folder: Path) -> Any:
    """Make texts that begin with ./ or ../ relative to the file's folder."""
    if isinstance(value, dict):
        return {key: _anchor(entry, folder) for key, entry in value.items()}
    if isinstance(value, list):
        return [_anchor(entry, folder) for entry in value]
    if isinstance(value, str) and value.startswith(("./", "../")):
        return str((folder / value).resolve())
    return value


def _contains(table: Any, key: Key) -> bool:
    for part in key:
        is_key = isinstance(table, dict) and part in table
        is_index = isinstance(table, list) and isinstance(part, int) and part < len(table)
        if not (is_key or is_index):
            return False
        table = table[part]  # type: ignore[index]
    return True


def flatten(config: BaseModel, prefix: Key = ()) -> list[tuple[Key, Any, str]]:
    """Every leaf setting as ``(key, value, docstring)``, in declaration order."""
    rows: list[tuple[Key, Any, str]] = []
    for name, field in type(config).model_fields.items():
        value, key = getattr(config, name), (*prefix, name)
        entries = list(value) if isinstance(value, tuple) else []
        if isinstance(value, BaseModel):
            rows += flatten(value, key)
        elif entries and all(isinstance(entry, BaseModel) for entry in entries):
            for index, entry in enumerate(entries):
                rows += flatten(entry, (*key, index))
        else:
            rows.append((key, value, " ".join((field.description or "").split())))
    return rows


def explain(source: ConfigSource, config: RunConfig) -> list[dict[str, Any]]:
    """One row per resolved setting: ``key``, ``value``, ``origin`` and ``doc``."""
    return [
        {"key": dotted(key), "value": value, "origin": source.origin(key), "doc": doc}
        for key, value, doc in flatten(config)
    ]
