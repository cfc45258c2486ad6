"""How a user's reward function is called, and what its results mean. Imports no torch.

Three ways of calling are understood, recognised by parameter names:

    TRL     def f(completions, prompts, answer, **kwargs) -> list[float | None]
    verl    def compute_score(data_source, solution_str, ground_truth, extra_info) -> float | dict
    native  def f(problem, completions) -> list[float | None]

Each may be ``async``. Whatever goes wrong inside (an exception, None, NaN, a list of the wrong
length) is an error of the reward, not a wrong answer, and becomes a ``Failure``. The same code
runs in the trainer and in worker processes; there, problems and completions are plain copies.
"""

import asyncio
import inspect
import math
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast, runtime_checkable

from cogitate.errors import ConfigError
from cogitate.plugins import load_function

MAX_REASON_CHARS = 300
Signature = Literal["auto", "trl", "verl", "native"]
CAUSES = (
    "raised", "exited", "memory", "timeout", "crashed", "no_score", "not_finite", "wrong_length",
)  # fmt: skip
"""What can be wrong with a call of a user's function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no score. The completion is left out of its group and counted.

    ``cause`` is a short word to count by: one of ``CAUSES``, or one of a judge's, which begin with
    "judge". ``reason`` is for people, and goes on after the name of the reward.
    """

    cause: str
    reason: str


Score = float | Failure
"""A finite score, or why there is none."""


@runtime_checkable
class AskedMessage(Protocol):
    """What is read of a message."""

    @property
    def role(self) -> str: ...  # noqa: D102
    @property
    def content(self) -> str: ...  # noqa: D102


@runtime_checkable
class AskedProblem(Protocol):
    """What is read of a problem: ``schema.Problem`` or its plain copy."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def task(self) -> str: ...  # noqa: D102
    @property
    def messages(self) -> Sequence[AskedMessage]: ...  # noqa: D102
    @property
    def answer(self) -> str | None: ...  # noqa: D102
    @property
    def metadata(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def question(self) -> str: ...  # noqa: D102


@runtime_checkable
class AskedCompletion(Protocol):
    """What is read of a completion: ``schema.Completion`` or its plain copy."""

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def token_ids(self) -> Sequence[int]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainMessage:
    """A copy of ``schema.Message`` for processes without torch."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainProblem:
    """A copy of ``schema.Problem`` for processes without torch."""

    id: str
    task: str
    messages: tuple[PlainMessage, ...]
    answer: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def question(self) -> str:
        """The text of the last user turn."""
        return next(m.content for m in reversed(self.messages) if m.role == "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCompletion:
    """A copy of ``schema.Completion`` without log-probabilities, for processes without torch."""

    text: str
    token_ids: tuple[int, ...] = ()
    finish_reason: str = "stop"
    policy_version: int = 0


class Caller:
    """A user's function behind one way of calling.

    Raises:
        ConfigError: the file or the function is not there, or its parameters are not understood.
    """

    def __init__(self, path: str, *, signature: Signature = "auto", messages: bool = False) -> None:
        self.function: Callable[..., Any] = load_function(path, setting="reward.custom")
        self.messages = messages
        self._parameters = inspect.signature(self.function).parameters
        self.signature = signature
        if signature == "auto":
            self.signature = _detect(list(self._parameters), path)

    def scores(self, problem: AskedProblem, completions: Sequence[AskedCompletion]) -> list[Score]:
        """One score or failure for each completion; raises only KeyboardInterrupt."""
        if self.signature == "verl":
            return self._verl_scores(problem, completions)
        try:
            if self.signature == "native":
                made = self.function(problem, completions)
            else:
                made = self.function(**self._trl_arguments(problem, completions))
            values = list(finish(made))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  the boundary to code that is not ours
            return [described(error)] * len(completions)
        if len(values) != len(completions):
            reason = f"returned {len(values)} values for {len(completions)} completions"
            return [Failure(cause="wrong_length", reason=reason)] * len(completions)
        return [to_score(value) for value in values]

    def _verl_scores(
        self, problem: AskedProblem, completions: Sequence[AskedCompletion]
    ) -> list[Score]:
        """One call for each completion; asynchronous ones wait side by side."""
        made: list[Any] = []
        for completion in completions:
            arguments = self._accepted({
                "data_source": problem.task,
                "solution_str": completion.text,
                "ground_truth": problem.answer,
                "extra_info": {
                    **problem.metadata, "index": problem.id, "question": problem.question
                },
            })  # fmt: skip
            made.append(_attempt(lambda arguments=arguments: self.function(**arguments)))
        waiting = [index for index, value in enumerate(made) if inspect.iscoroutine(value)]
        if waiting:
            results = run_coroutine(_gather([made[index] for index in waiting]))
            for index, result in zip(waiting, results, strict=True):
                made[index] = result
        return [_verl_score(value) for value in made]

    def _trl_arguments(
        self, problem: AskedProblem, completions: Sequence[AskedCompletion]
    ) -> dict[str, Any]:
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


def to_score(value: Any) -> Score:
    """A finite number, or why what a function returned is none."""
    if isinstance(value, Failure):
        return value
    if value is None:
        return Failure(cause="no_score", reason="returned None")
    try:
        number = float(value)
    except Exception:  # noqa: BLE001  __float__ of an object that is not ours
        shown = f"{type(value).__name__} {_shown(value)}"
        return Failure(cause="no_score", reason=f"returned {shown}, which is not a number")
    if not math.isfinite(number):
        return Failure(cause="not_finite", reason=f"returned {number}")
    return number


def described(error: BaseException) -> Failure:
    """What an exception of a user's function says, with advice where we know some."""
    causes: tuple[tuple[type[BaseException], str], ...] = (
        (SystemExit, "exited"), (MemoryError, "memory"),
    )  # fmt: skip
    cause = next((word for kind, word in causes if isinstance(error, kind)), "raised")
    reason = f"raised {type(error).__name__}: {_text(error)[:MAX_REASON_CHARS]}"
    if "signal only works in main thread" in reason:
        reason += " (set isolate = true: it then runs in the main thread of its own process)"
    return Failure(cause=cause, reason=reason)


def finish(value: Any) -> Any:
    """The result of a call, awaited if it must be."""
    return run_coroutine(value) if inspect.iscoroutine(value) else value


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine, also where this thread already runs an event loop (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    results: list[Any] = []
    # A daemon: a coroutine that never ends must not keep the interpreter from ending.
    thread = threading.Thread(
        target=lambda: results.append(_attempt(lambda: asyncio.run(coroutine))), daemon=True
    )
    thread.start()
    thread.join()
    if isinstance(results[0], _Raised):
        raise results[0].error
    return results[0]


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


def _attempt(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  the boundary to code that is not ours
        return _Raised(error)


async def _gather(coroutines: Sequence[Awaitable[Any]]) -> list[Any]:
    async def caught(coroutine: Awaitable[Any]) -> Any:
        try:
            return await coroutine
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001  not ours
            return _Raised(error)

    return list(await asyncio.gather(*map(caught, coroutines)))


def _verl_score(value: Any) -> Score:
    if isinstance(value, _Raised):
        return described(value.error)
    if isinstance(value, dict):
        if "score" not in value:
            return Failure(cause="no_score", reason="returned a dict without 'score'")
        return to_score(cast(dict[str, Any], value)["score"])
    return to_score(value)


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


def _shown(value: Any) -> str:
    try:
        return repr(str(value)[:80])
    except Exception as error:  # noqa: BLE001  __str__ of an object that is not ours
        return f"(its text raised {type(error).__name__})"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  __str__ of an exception that is not ours
        return "(no message)"


def _ignore(*args: Any, **kwargs: Any) -> None:
    """TRL's logging callbacks; parts of the reward are logged anyway."""
