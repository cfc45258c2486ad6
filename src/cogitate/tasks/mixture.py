"""Several tasks as one stream of problems, and the builders that turn settings into tasks."""

import logging
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from cogitate.errors import ConfigError
from cogitate.plugins import load_function
from cogitate.protocols import Task
from cogitate.schema import Problem
from cogitate.tasks.arithmetic import ArithmeticTask
from cogitate.tasks.chain_sum import ChainSumTask
from cogitate.tasks.comparison import ComparisonTask
from cogitate.tasks.config import (
    CustomConfig,
    DatasetConfig,
    ReasoningGymConfig,
    TaskConfig,
    VerifiersConfig,
)
from cogitate.tasks.countdown import CountdownTask
from cogitate.tasks.dataset import load_dataset_task
from cogitate.tasks.extremes import ExtremesTask
from cogitate.tasks.hashing import hash64
from cogitate.tasks.procedural import ProceduralTask, check_split
from cogitate.tasks.selection import SelectionTask
from cogitate.tasks.word_problems import WordProblemsTask

PROCEDURAL: Mapping[str, type[ProceduralTask[Any]]] = MappingProxyType({
    "arithmetic": ArithmeticTask,
    "chain_sum": ChainSumTask,
    "countdown": CountdownTask,
    "extremes": ExtremesTask,
    "selection": SelectionTask,
    "comparison": ComparisonTask,
    "word_problems": WordProblemsTask,
})  # fmt: skip
"""The class of each procedural kind: the one line that a new task adds here."""

_logger = logging.getLogger(__name__)


class Mixture:
    """Tasks drawn from with weights; itself a pure function of (seed, split, index).

    The hash of (seed, split, index) chooses the task. The chosen task is asked for its own next
    index, so every task sees 0, 1, 2, ... without gaps: an epoch of a data set is each row once,
    whatever the weights.
    """

    def __init__(self, tasks: Sequence[Task], weights: Sequence[float], seed: int = 0) -> None:
        if not tasks or len(tasks) != len(weights) or not all(w > 0 for w in weights):
            raise ConfigError(
                f"a mixture of {len(tasks)} tasks with weights {list(weights)}: expected at least "
                "one task and a positive weight for each. Add a [[tasks]] table or fix a weight."
            )
        self.tasks: Mapping[str, Task] = MappingProxyType({task.name: task for task in tasks})
        if len(self.tasks) < len(tasks):
            names = [task.name for task in tasks]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ConfigError(
                f"two tasks are named {', '.join(twice)}. Problem ids and metrics go by name: "
                "give each [[tasks]] table its own name."
            )
        self.weights = tuple(weights)
        self.seed = seed
        self._cumulative = tuple(accumulate(weights))
        # Per split: the task of each index so far, and how often that task came before it.
        self._plans: dict[str, tuple[array[int], array[int], list[int]]] = {}

    def problem(self, split: str, index: int) -> Problem:
        """Problem ``index`` of the mixed stream."""
        if index < 0:
            raise IndexError(f"problem index {index} is negative")
        task_number, task_index = self._locate(split, index)
        return tuple(self.tasks.values())[task_number].problem(split, task_index)

    def held_out(self, task_name: str, count: int) -> list[Problem]:
        """The first ``count`` different held-out problems of a task: the same in every run.

        Fewer when the task has fewer, which is logged.

        Raises:
            ConfigError: no task has this name.
        """
        if task_name not in self.tasks:
            raise ConfigError(f'unknown task "{task_name}". Known: {", ".join(self.tasks)}.')
        problems = _first_different(self.tasks[task_name], count)
        if len(problems) < count:
            _logger.warning(
                'task "%s" has only %d different held-out problems, %d were asked for',
                task_name, len(problems), count,
            )  # fmt: skip
        return problems

    def _locate(self, split: str, index: int) -> tuple[int, int]:
        check_split(split)
        empty = (array("H"), array("L"), [0] * len(self.tasks))
        chosen, ranks, counts = self._plans.setdefault(split, empty)
        # Ranks need every earlier choice once; kept, the whole run costs one hash per problem.
        for i in range(len(chosen), index + 1):
            task_number = self._choose(split, i)
            chosen.append(task_number)
            ranks.append(counts[task_number])
            counts[task_number] += 1
        return chosen[index], ranks[index]

    def _choose(self, split: str, index: int) -> int:
        point = hash64("mixture", self.seed, split, index) / 2**64 * self._cumulative[-1]
        for number, upper in enumerate(self._cumulative):
            if point < upper:
                return number
        return len(self._cumulative) - 1


def _first_different(task: Task, count: int) -> list[Problem]:
    """The first different held-out problems, until so many repeats that there are no more.

    Of n equally likely problems, one is not seen in 10 n draws with probability exp(-10).
    """
    size = task.size("heldout")
    problems: dict[str, Problem] = {}
    index = repeats = 0
    while len(problems) < count and index != size and repeats < 50 + 10 * len(problems):
        problem = task.problem("heldout", index)
        repeats = repeats + 1 if problem.id in problems else 0
        problems.setdefault(problem.id, problem)
        index += 1
    return list(problems.values())


def build_task(config: TaskConfig, *, run_seed: int = 0) -> Task:
    """The task of one ``[[tasks]]`` table, checked by drawing one problem of each split.

    Raises:
        ConfigError: the settings allow no problems, or a custom factory cannot be used.
        DataError: a data set cannot be read.
    """
    if isinstance(config, DatasetConfig):
        return load_dataset_task(config, run_seed=run_seed)
    if isinstance(config, ReasoningGymConfig):
        from cogitate.tasks.reasoning_gym import ReasoningGymTask

        return ReasoningGymTask(config, run_seed=run_seed)
    if isinstance(config, VerifiersConfig):
        from cogitate.tasks.verifiers_env import VerifiersTask

        return VerifiersTask(config, run_seed=run_seed)
    if isinstance(config, CustomConfig):
        return _custom_task(config, run_seed)
    task = PROCEDURAL[config.kind](config, run_seed=run_seed)
    for split in ("train", "heldout"):
        task.problem(split, 0)
    return task


def build_mixture(configs: Sequence[TaskConfig], seed: int) -> Mixture:
    """All ``[[tasks]]`` tables as one mixture. ``seed`` is the run's seed.

    Raises:
        ConfigError: no table, two tasks of one name, or settings that allow no problems.
        DataError: a data set cannot be read.
    """
    tasks = [build_task(config, run_seed=seed) for config in configs]
    return Mixture(tasks, [config.weight for config in configs], seed)


def _custom_task(config: CustomConfig, run_seed: int) -> Task:
    factory = load_function(config.factory, setting="tasks.factory")
    try:
        made: Any = factory(
            name=config.name, seed=config.seed, run_seed=run_seed, **config.settings
        )
    except Exception as error:  # the boundary to code that is not ours
        raise ConfigError(
            f"tasks.factory: {config.factory} raised {type(error).__name__}: {error}. It is called "
            "with name, seed, run_seed and the settings of the task, as keywords."
        ) from error
    missing = [n for n in ("size", "problem", "verify", "solution") if not hasattr(made, n)]
    if missing or getattr(made, "name", None) != config.name:
        raise ConfigError(
            f"{config.factory} returned a {type(made).__name__} that is not a task named "
            f'"{config.name}" (missing: {", ".join(missing) or "the right name"}). '
            "Expected cogitate.protocols.Task."
        )
    task: Task = made
    return task
