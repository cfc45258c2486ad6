"""What all procedural tasks share: drawing until an instance falls into the wanted split.

A task draws *instances*. Each has a canonical text (its key): the operands without the surface
of the question, so that ``47 + 38`` and ``38 + 47``, or one story with two names, are the same
instance. The hash of the key alone decides the split, hence no training problem is ever equal to
a held-out one, whatever the seeds and settings.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args

from cogitate.errors import ConfigError, DataError, RewardError
from cogitate.schema import Message, Problem
from cogitate.tasks.config import TaskConfigBase
from cogitate.tasks.hashing import Draw, content_id, hash64, is_held_out
from cogitate.verifiers.exact import last_number, parse_number

Split = Literal["train", "heldout"]
SPLITS: tuple[str, ...] = get_args(Split)
MAX_DRAWS = 4096
"""Draws before a split counts as empty. A split that holds 0.5 % of the draws is missed with
probability 0.995 ** 4096 = 1e-9."""

ConfigT = TypeVar("ConfigT", bound=TaskConfigBase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One drawn question. ``metadata`` is JSON-serialisable and includes ``difficulty``."""

    key: str
    question: str
    answer: str
    metadata: Mapping[str, Any]


class ProceduralTask(ABC, Generic[ConfigT]):
    """An endless task: a subclass says how to draw an instance and how to work it out.

    Training problems depend on the task's seed and the run's seed; held-out problems on the
    task's seed only, so that different runs are evaluated on the same questions.
    """

    def __init__(self, config: ConfigT, *, run_seed: int = 0) -> None:
        self.name: str = config.name
        self.config = config
        self.run_seed = run_seed

    @abstractmethod
    def draw_instance(self, draw: Draw) -> Instance | None:
        """A random instance, or None when this draw breaks a constraint and is to be repeated."""

    @abstractmethod
    def working(self, problem: Problem) -> str:
        """The worked steps that lead to the gold answer, as text."""

    def size(self, split: str) -> int | None:
        """None: problems are drawn, not listed."""
        check_split(split)
        return None

    def problem(self, split: str, index: int) -> Problem:
        """Problem number ``index`` of a split; a pure function of its arguments and the settings.

        Raises:
            ConfigError: the settings leave no instance in this split.
        """
        check_split(split)
        draw = self._stream(split, index)
        for _ in range(MAX_DRAWS):
            instance = self.draw_instance(draw)
            if instance is not None and is_held_out(instance.key) == (split == "heldout"):
                return self._problem(split, instance)
        raise ConfigError(
            f'task "{self.name}": drawing a {split} problem found none in {MAX_DRAWS} draws with '
            f"{describe(self.config)}. These settings allow too few different problems "
            "to hold some out. Raise digits, terms or the number of values, or relax a constraint."
        )

    def verify(self, problem: Problem, answer: str | None) -> float | None:
        """1.0 if the last number in the answer equals the gold answer exactly, else 0.0."""
        return verify_number(problem, answer)

    def solution(self, problem: Problem) -> tuple[str, str]:
        """The worked steps and the gold answer."""
        return self.working(problem), gold_answer(problem)

    def _stream(self, split: str, index: int) -> Draw:
        run_seed = self.run_seed if split == "train" else 0
        return Draw(self.name, split, hash64(self.config.seed, run_seed), index)

    def _problem(self, split: str, instance: Instance) -> Problem:
        return Problem(
            id=f"{self.name}/{split}/{content_id(instance.key, instance.question)}",
            task=self.name,
            messages=(Message(role="user", content=instance.question),),
            answer=instance.answer,
            metadata=instance.metadata,
        )


def verify_number(problem: Problem, answer: str | None) -> float:
    """1.0 if the last number in ``answer`` equals the gold number as an exact rational, else 0.0.

    Raises:
        RewardError: the gold answer itself is not a number.
    """
    gold = None if problem.answer is None else parse_number(problem.answer)
    if gold is None:
        raise RewardError(
            f"problem {problem.id}: its gold answer {problem.answer!r} is not a number. "
            "Drop the problem, or use a task that compares text."
        )
    return float(answer is not None and last_number(answer) == gold)


def gold_answer(problem: Problem) -> str:
    """The gold answer, which must exist.

    Raises:
        DataError: the problem has none.
    """
    if problem.answer is None:
        raise DataError(f"problem {problem.id} has no gold answer, so it cannot be worked out.")
    return problem.answer


def check_split(split: str) -> None:
    """Reject a split that does not exist.

    Raises:
        ConfigError: the name is unknown.
    """
    if split not in SPLITS:
        raise ConfigError(f'unknown split "{split}". Known: {", ".join(SPLITS)}.')


def describe(config: TaskConfigBase) -> str:
    """The settings that differ from nothing but the name, as one line."""
    hidden = {"name", "kind", "weight", "seed"}
    values = config.model_dump(mode="json", exclude=hidden)
    return ", ".join(f"{key} = {value}" for key, value in values.items())


def number_with_digits(draw: Draw, digits: tuple[int, int]) -> int:
    """A number whose digit count is drawn first; no leading zero, so one digit means 1 to 9."""
    count = draw.between(*digits)
    return draw.between(10 ** (count - 1), 10**count - 1)


def different_numbers(draw: Draw, count: int, digits: tuple[int, int]) -> list[int]:
    """``count`` different numbers, each with its own drawn digit count."""
    values: list[int] = []
    while len(values) < count:
        value = number_with_digits(draw, digits)
        if value not in values:
            values.append(value)
    return values


def values_key(values: list[int]) -> str:
    """The key of a question about a list: the numbers in any order, whatever is asked of them."""
    return "values:" + ",".join(str(value) for value in sorted(values))
