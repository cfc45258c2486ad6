"""Settings of every kind of task: ``[[tasks]]`` tables, told apart by ``kind``.

A *span* is ``[low, high]``, both ends included; a bare number means exactly that number, so
``digits = 2`` and ``digits = [2, 2]`` say the same.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

POSITIONS = (
    "first", "second", "third", "fourth", "fifth",
    "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip

Operation = Literal["+", "-", "*", "/"]
Position = Literal[
    "first", "second", "third", "fourth", "fifth",
    "sixth", "seventh", "eighth", "ninth", "tenth", "last",
]  # fmt: skip
AnswerKind = Literal[
    "auto", "number", "text", "choice", "none", "math", "code", "exact_text", "matrix_text",
    "code_output", "logic", "instructions", "json_schema", "tool_call",
]  # fmt: skip


def _as_span(value: Any) -> Any:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return (value, value) if is_number else value


def _within(low: int, high: int) -> AfterValidator:
    """A check that both ends of a span lie in [low, high]."""

    def check(value: tuple[int, int]) -> tuple[int, int]:
        if not low <= value[0] <= value[1] <= high:
            raise ValueError(
                f"{list(value)} is not a span within [{low}, {high}]: "
                "write one number, or [low, high] with low <= high"
            )
        return value

    return AfterValidator(check)


Span = Annotated[tuple[int, int], BeforeValidator(_as_span)]
"""``[low, high]`` with both ends included, or one number for both."""
Digits = Annotated[Span, _within(1, 12)]
"""Numbers of decimal digits; numbers do not start with 0, so one digit means 1 to 9."""


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values or len(set(values)) != len(values):
        raise ValueError(f"{list(values)} must be a non-empty list without repetitions")
    return values


class TaskConfigBase(BaseModel):
    """What every task has. ``name`` defaults to ``kind``; names are unique within a mixture."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")
    """Name in metrics, problem ids and reports. Empty means: the kind."""
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Share of training problems from this task, relative to the other tasks' weights."""
    seed: int = 0
    """Seed of this task's problems. Held-out problems depend on this seed and not on the run's
    seed, so that runs with different seeds are evaluated on the same questions."""

    @model_validator(mode="before")
    @classmethod
    def _name_after_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("name"):
            kind = values.get("kind", cls.model_fields["kind"].default)
            return {**values, "name": kind}
        return values


class ArithmeticConfig(TaskConfigBase):
    """Expressions such as ``47 + 38``, with the usual precedence."""

    kind: Literal["arithmetic"] = "arithmetic"
    operations: Annotated[tuple[Operation, ...], AfterValidator(_unique)] = ("+",)
    """Operations to draw from. Division is always exact."""
    digits: Digits = (2, 2)
    """Digits of each operand; of the divisor and the quotient where there is a division."""
    terms: Annotated[Span, _within(2, 8)] = (2, 2)
    """Number of operands."""
    allow_negative: bool = False
    """Whether the value may be below zero. Operands never are."""


class ChainSumConfig(TaskConfigBase):
    """A sum of several numbers, optionally modulo ``modulus``."""

    kind: Literal["chain_sum"] = "chain_sum"
    terms: Annotated[Span, _within(2, 32)] = (3, 4)
    """Number of terms: the length of the working."""
    digits: Digits = (1, 1)
    """Digits of each term."""
    modulus: int | None = Field(default=None, ge=2, le=1_000_000)
    """Ask for the remainder of the sum; 10 asks for its last digit."""


class CountdownConfig(TaskConfigBase):
    """Combine numbers with + - * / to reach a target; every problem has a solution."""

    kind: Literal["countdown"] = "countdown"
    num_values: Annotated[Span, _within(2, 6)] = (3, 3)
    """How many numbers are given."""
    values: Annotated[Span, _within(1, 999)] = (1, 20)
    """Smallest and largest number that may be given."""
    target: Annotated[Span, _within(1, 9999)] = (1, 60)
    """Smallest and largest target."""
    operations: Annotated[tuple[Operation, ...], AfterValidator(_unique)] = ("+", "-", "*", "/")
    """Operations the solution may use."""
    use_all: bool = True
    """Every number exactly once; if false, at most once."""


class _ListConfig(TaskConfigBase):
    """A list of different numbers."""

    num_values: Annotated[Span, _within(2, 50)] = (5, 5)
    """How many numbers are listed."""
    digits: Digits = (2, 2)
    """Digits of each number, drawn for each number on its own."""

    @model_validator(mode="after")
    def _enough_numbers(self) -> "_ListConfig":
        available = 10 ** self.digits[1] - 10 ** (self.digits[0] - 1)
        if self.num_values[1] > available:
            raise ValueError(
                f"num_values = {list(self.num_values)}: only {available} different numbers have "
                f"digits = {list(self.digits)}. Lower num_values, or raise digits"
            )
        return self


class ExtremesConfig(_ListConfig):
    """The largest or the smallest of several different numbers."""

    kind: Literal["extremes"] = "extremes"
    kinds: Annotated[tuple[Literal["largest", "smallest"], ...], AfterValidator(_unique)] = (
        "largest",
        "smallest",
    )
    """What is asked. Training on one alone unlearns the other."""


class SelectionConfig(_ListConfig):
    """Which number stands at a given place of a list."""

    kind: Literal["selection"] = "selection"
    positions: Annotated[tuple[Position, ...], AfterValidator(_unique)] = (
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "last",
    )
    """Places that may be asked for; those beyond the end of a list are never asked."""

    @model_validator(mode="after")
    def _some_position_fits(self) -> "SelectionConfig":
        shortest = self.num_values[0]
        if not any(p == "last" or POSITIONS.index(p) < shortest for p in self.positions):
            raise ValueError(
                f"positions = {list(self.positions)}: none exists in a list of {shortest} "
                "numbers. Add an earlier position, or raise num_values"
            )
        return self


class ComparisonConfig(TaskConfigBase):
    """Which of two different numbers is larger, or smaller."""

    kind: Literal["comparison"] = "comparison"
    digits: Digits = (2, 2)
    """Digits before the decimal point."""
    decimals: Annotated[Span, _within(0, 6)] = (0, 0)
    """Digits after the decimal point, drawn for each number on its own: [1, 2] asks about
    9.9 and 9.11."""
    kinds: Annotated[tuple[Literal["larger", "smaller"], ...], AfterValidator(_unique)] = (
        "larger",
        "smaller",
    )
    """What is asked."""


class WordProblemsConfig(TaskConfigBase):
    """Short stories with one or two calculations."""

    kind: Literal["word_problems"] = "word_problems"
    steps: Annotated[Span, _within(1, 2)] = (1, 1)
    """Number of calculations."""
    operations: Annotated[tuple[Literal["+", "-", "*"], ...], AfterValidator(_unique)] = ("+", "-")
    """Operations to draw from."""
    digits: Annotated[Span, _within(1, 4)] = (1, 2)
    """Digits of the numbers that are added and subtracted."""
    max_factor: int = Field(default=9, ge=2, le=99)
    """Largest factor of a multiplication; the smallest is 2."""


class DatasetConfig(TaskConfigBase):
    """Problems from a file, a directory or a Hugging Face data set."""

    kind: Literal["dataset"] = "dataset"
    path: str = Field(min_length=1)
    """A .jsonl, .json, .csv or .parquet file (.gz and .zst too), a directory of them, a directory
    written by ``datasets``, or ``hf://owner/name``."""
    held_out_path: str | None = None
    """A second source for the held-out split. Without it, 15 % of the rows of ``path`` are held
    out by content hash."""
    subset: str | None = None
    """Configuration name of an ``hf://`` data set, such as "main"."""
    source_split: str = "train"
    """Split to read from an ``hf://`` data set or a ``datasets`` directory."""
    question_column: str | None = None
    """Column that holds the question or the messages. Default: recognised from the columns."""
    answer_column: str | None = None
    """Column that holds the gold answer. Default: recognised from the columns."""
    answer_kind: AnswerKind = "auto"
    """How answers are compared. number: exactly, as rationals. text: after normalisation.
    choice: by letter. math: as mathematics. code: a program against tests, in a sandbox.
    exact_text and the others: the rule of that name, see docs/rules.md.
    auto: decided for each gold answer. none: there is no gold answer, accuracy is always 0, and
    the reward must come from elsewhere."""
    code_score: Literal["all", "fraction"] = "all"
    """Programs: 1 if all tests pass, else 0; or the share of tests that pass."""
    code_seconds: float = Field(default=10.0, gt=0.0, le=600.0)
    """Programs: processor time of one test case, seconds."""
    sandbox: Literal["auto", "bubblewrap", "landlock", "none-i-accept-the-risk"] = "auto"
    """Programs: how they are isolated. auto takes the strongest that works on this machine."""
    max_rows: int = Field(default=1_000_000, ge=1)
    """Rows kept in memory; reading stops there, and says so."""
    max_row_bytes: int = Field(default=1_048_576, ge=256)
    """Longer rows are skipped and counted, bytes."""


class ReasoningGymConfig(TaskConfigBase):
    """A data set of reasoning-gym (``pip install 'cogitate[gym]'``), scored in the sandbox."""

    kind: Literal["reasoning_gym"] = "reasoning_gym"
    dataset: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the data set, such as "leg_counting"."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Its own settings, such as ``{ max_animals = 5 }``. Not its seed and size."""
    pool: int = Field(default=1_000_000, ge=100)
    """Number of its problems to draw from."""
    partial_credit: bool = False
    """Whether less than full marks counts as such. Its scorers give a little for anything, which
    is farmed; otherwise it is wrong."""
    timeout: float = Field(default=5.0, gt=0.0, allow_inf_nan=False)
    """Seconds that scoring one answer may take."""
    memory_mb: int = Field(default=2048, ge=256)
    """Address space of a scoring process, MiB."""
    sandbox: str = "auto"
    """Where its scorers run: "auto", or a backend as in ``cogitate doctor``."""

    @model_validator(mode="after")
    def _own_settings(self) -> "ReasoningGymConfig":
        taken = {"seed", "size"} & self.settings.keys()
        if taken:
            raise ValueError(
                f"settings: {', '.join(sorted(taken))} cannot be set there. Use the task's seed "
                "and pool"
            )
        return self


class VerifiersConfig(TaskConfigBase):
    """A single-turn environment of ``verifiers`` (``pip install 'cogitate[verifiers]'``).

    It is loaded in processes of its own, which may use the network if the environment does.
    """

    kind: Literal["verifiers"] = "verifiers"
    environment: str = Field(min_length=1)
    """Name of the installed environment, as for ``verifiers.load_environment``."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Its own arguments."""
    max_rows: int = Field(default=10_000, ge=1)
    """Rows that are kept."""
    wrap: str = Field(default="{answer}", pattern=r"\{answer\}")
    """What its rubric is shown, with the answer that the template read put in place of
    ``{answer}``. An environment that looks for a box wants "\\boxed{{answer}}"."""
    full_marks: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    """The reward of its rubric that counts as correct."""
    partial_credit: bool = False
    """Whether a part of ``full_marks`` counts as such; otherwise it is wrong."""
    timeout: float = Field(default=30.0, gt=0.0, allow_inf_nan=False)
    """Seconds that scoring one answer may take."""
    memory_mb: int = Field(default=8192, ge=256)
    """Address space of a process, MiB."""


class CustomConfig(TaskConfigBase):
    """A task of your own: any object that satisfies ``cogitate.protocols.Task``."""

    kind: Literal["custom"] = "custom"
    factory: str = Field(pattern=r"^.+:[A-Za-z_][A-Za-z0-9_]*$")
    """``path/to/file.py:function``; called as
    ``function(name=..., seed=..., run_seed=..., **settings)``."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments for the factory."""


TaskConfig = Annotated[
    ArithmeticConfig
    | ChainSumConfig
    | CountdownConfig
    | ExtremesConfig
    | SelectionConfig
    | ComparisonConfig
    | WordProblemsConfig
    | DatasetConfig
    | ReasoningGymConfig
    | VerifiersConfig
    | CustomConfig,
    Field(discriminator="kind"),
]
"""One ``[[tasks]]`` table."""
