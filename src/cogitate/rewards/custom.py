"""Reward functions that users bring: loaded from a file, called their way, never trusted.

Three ways of calling are understood, recognised by parameter names:

    TRL     def f(completions, prompts, answer, **kwargs) -> list[float | None]
    verl    def compute_score(data_source, solution_str, ground_truth, extra_info) -> float | dict
    native  def f(problem, completions) -> list[float | None]

Each may be ``async``. Whatever goes wrong inside (an exception, None, NaN, a list of the wrong
length) is an error of the reward, not a wrong answer: the completions it concerns are left out of
their group and counted. Nothing is ever turned into 0.
"""

import asyncio
import inspect
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from cogitate.errors import ConfigError
from cogitate.plugins import load_function
from cogitate.rewards.config import CustomRewardConfig, Signature
from cogitate.schema import Completion, Problem

Score = float | str
"""A score, or in words why there is none."""


class CustomReward:
    """A user's function behind one way of calling.

    Raises:
        ConfigError: the file or the function is not there, or its parameters are not understood.
    """

    def __init__(self, config: CustomRewardConfig) -> None:
        self.function = load_function(config.path, setting="reward.custom")
        self.name = config.name or config.path.rpartition(":")[2]
        self.weight = config.weight
        self.messages = config.messages
        self._parameters = inspect.signature(self.function).parameters
        self.signature = config.signature
        if config.signature == "auto":
            self.signature = _detect(list(self._parameters), config.path)

    def scores(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        """One score or one reason for each completion; never raises."""
        if self.signature == "verl":
            return [self._verl_score(problem, completion) for completion in completions]
        try:
            if self.signature == "native":
                values = _finish(self.function(problem, completions))
            else:
                values = _finish(self.function(**self._trl_arguments(problem, completions)))
            values = list(values)
        except Exception as error:  # noqa: BLE001  the boundary to code that is not ours
            return [_describe(error)] * len(completions)
        if len(values) != len(completions):
            reason = f"returned {len(values)} values for {len(completions)} completions"
            return [reason] * len(completions)
        return [_score(value) for value in values]

    def _verl_score(self, problem: Problem, completion: Completion) -> Score:
        arguments = {
            "data_source": problem.task,
            "solution_str": completion.text,
            "ground_truth": problem.answer,
            "extra_info": {**problem.metadata, "index": problem.id, "question": problem.question},
        }
        try:
            value = _finish(self.function(**self._accepted(arguments)))
        except Exception as error:  # noqa: BLE001  the boundary to code that is not ours
            return _describe(error)
        if isinstance(value, dict):
            if "score" not in value:
                return "returned a dict without 'score'"
            return _score(cast(dict[str, Any], value)["score"])
        return _score(value)

    def _trl_arguments(self, problem: Problem, completions: Sequence[Completion]) -> dict[str, Any]:
        """What TRL passes: parallel lists, with the data set's columns as further lists."""
        columns: dict[str, Any] = {
            **problem.metadata,
            "answer": problem.answer,
            "solution": problem.answer,
            "ground_truth": problem.answer,
            "problem": problem.question,
            "question": problem.question,
            "task": problem.task,
            "problem_id": problem.id,
        }
        arguments: dict[str, Any] = {k: [v] * len(completions) for k, v in columns.items()}
        texts = [completion.text for completion in completions]
        asked = [{"role": m.role, "content": m.content} for m in problem.messages]
        arguments |= {
            "prompts": [list(asked) if self.messages else problem.question for _ in texts],
            "completions": [
                [{"role": "assistant", "content": text}] if self.messages else text
                for text in texts
            ],
            "completion_ids": [list(completion.token_ids) for completion in completions],
            "trainer_state": None,
            "log_extra": _ignore,
            "log_metric": _ignore,
        }
        return self._accepted(arguments)

    def _accepted(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Those arguments that the function takes."""
        kinds = [parameter.kind for parameter in self._parameters.values()]
        if inspect.Parameter.VAR_KEYWORD in kinds:
            return dict(arguments)
        return {name: value for name, value in arguments.items() if name in self._parameters}


def _detect(names: Sequence[str], path: str) -> Signature:
    if list(names[:2]) == ["problem", "completions"]:
        return "native"
    if "completions" in names:
        return "trl"
    if "solution_str" in names and "ground_truth" in names:
        return "verl"
    raise ConfigError(
        f"reward.custom {path}: parameters ({', '.join(names)}) are not understood. Expected "
        "(completions, prompts, ..., **kwargs) as in TRL, (data_source, solution_str, "
        "ground_truth, extra_info) as in verl, or (problem, completions)."
    )


def _finish(value: Any) -> Any:
    """The result of a call, awaited if it must be. A thread has no event loop of its own yet."""
    if not inspect.iscoroutine(value):
        return value
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, value).result()


def _score(value: Any) -> Score:
    if value is None:
        return "returned None"
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return f"returned {type(value).__name__} {str(value)[:80]!r}, which is not a number"
    return number if math.isfinite(number) else f"returned {number}"


def _describe(error: Exception) -> str:
    return f"raised {type(error).__name__}: {str(error)[:200]}"


def _ignore(*args: Any, **kwargs: Any) -> None:
    """TRL's logging callbacks; parts of the reward are logged anyway."""
