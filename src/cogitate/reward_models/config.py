"""Settings of reward model training: each field with its unit, its range and its source."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cogitate.policies.config import OptimizerConfig

Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RewardBackboneSection(_Section):
    """Which language model gets the head. Its weights are held in float32: at a learning rate of
    6e-6 most updates are smaller than a bfloat16 weight can show."""

    source: str = "smollm2-135m"
    """A preset name, a directory in Hugging Face layout, or a hub id. Paper: the policy's own
    architecture."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """Where to compute: "cpu", "cuda", "cuda:1", or "auto" (a GPU when there is one)."""

    freeze: bool = False
    """Train the head alone. The model then reads every text once, which a laptop can do; it learns
    less. Needs a higher learning rate, such as 1e-3."""

    template: str = "auto"
    """How prompts are written; "auto" is the model's chat template if it has one, else qa."""


class PreferenceDataSection(_Section):
    """The file of pairs or labels; see docs/reward-models.md for its columns."""

    path: str = Field(min_length=1)
    """A file, a directory or hf://owner/name."""

    held_out_path: str | None = None
    """Figures are measured on this file. Not set: on the rows of ``path`` whose prompts a hash puts
    into the held-out split (15 %)."""

    max_rows: Count | None = None
    """Use at most so many training rows, chosen by the seed."""


class LengthSection(_Section):
    """Controls against length bias, for pairs. See reward_models/lengths.py."""

    data: Literal["balanced", "matched", "all"] = "balanced"
    """balanced: the longer answer wins as often as the shorter, at every size of the difference
    (our reading of the paper's "comparable lengths"); matched: nearly equal lengths only; all: no
    control."""

    tolerance: Annotated[float, Field(ge=0.0)] = 0.2
    """For matched: the longer answer may be longer by this fraction."""

    offset: bool = False
    """Let a frozen length-only model explain what length explains; the reward learns the rest."""


class RewardModelConfig(_Section):
    """One reward model."""

    name: str = Field(default="reward_model", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the directory inside ``output_dir``."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Fixes the order of the data and which rows the length control drops."""

    output_dir: str = "runs"
    """Where run directories are made."""

    kind: Literal["helpfulness", "safety"]
    """helpfulness: pairs, L = -log sigmoid(r_chosen - r_rejected). safety: labels, binary
    cross-entropy."""

    scores: Literal["summary", "whole"] | None = None
    """Which text is scored. Not set: the final summary for helpfulness, the whole completion for
    safety (DeepSeek-R1 section 2.3.4)."""

    model: RewardBackboneSection = RewardBackboneSection()
    data: PreferenceDataSection
    length: LengthSection = LengthSection()

    epochs: Count = 1
    """Passes over the data. Paper: 1."""

    batch_size: Count = 256
    """Pairs or labels in an update. Paper: 256."""

    max_tokens: Count = 8192
    """Longest prompt and completion; rows with longer ones are left out and counted. Paper: 8,192
    in training, no limit in use."""

    micro_batch_tokens: Count = 4096
    """Tokens in one forward and backward pass: memory and speed, never the result."""

    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=6e-6)
    """AdamW. Paper: learning rate 6e-6; the rest is not published."""

    eval_every: Annotated[int, Field(ge=0)] = 0
    """Updates between measurements on held-out rows. 0 measures only at the end."""

    checkpoint_every: Annotated[int, Field(ge=0)] = 20
    """Updates between checkpoints. 0 saves only at the end and on Ctrl-C."""

    @model_validator(mode="after")
    def _check_length(self) -> "RewardModelConfig":
        given = "length" in self.model_fields_set
        if self.kind == "safety" and given and (self.length.offset or self.length.data != "all"):
            raise ValueError(
                "length: the controls compare the two completions of a pair, and safety data have "
                "none. Leave the section out."
            )
        return self

    @property
    def scored(self) -> Literal["summary", "whole"]:
        """Which text is scored, with the default of the kind filled in."""
        return self.scores or ("summary" if self.kind == "helpfulness" else "whole")
