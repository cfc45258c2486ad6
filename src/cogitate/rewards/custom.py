"""Reward functions that users bring: loaded from a file, called their way, never trusted.

How a function is called stands in ``rewards/calling.py``. It runs in the trainer's process, whose
state is put back afterwards (``rewards/guard.py``), or on request in processes of its own
(``rewards/isolated.py``), where it may hang, leak or exit without harm. Either way, what goes
wrong is masked and counted by its cause; nothing is ever turned into 0.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from cogitate.rewards.calling import Caller, Failure, Score
from cogitate.rewards.config import CustomRewardConfig
from cogitate.rewards.guard import CallTimeout, call_with_limit, content_seed, undisturbed
from cogitate.schema import Completion, Problem

_logger = logging.getLogger(__name__)


class CustomReward:
    """A user's function as a part of the reward.

    Raises:
        ConfigError: the file or the function is not there, its parameters are not understood, or
            with ``isolate`` its process cannot be started.
        SandboxError: ``sandbox = true`` and this machine has no way to isolate programs.
    """

    def __init__(self, config: CustomRewardConfig) -> None:
        self.name = config.name or config.path.rpartition(":")[2]
        self.weight = config.weight
        self._warned: set[str] = set()
        self._isolate = config.isolate
        if config.isolate:
            from cogitate.rewards.isolated import IsolatedCalls

            self._calls: InProcessCalls | IsolatedCalls = IsolatedCalls(config, name=self.name)
        else:
            self._calls = InProcessCalls(config, name=self.name)

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself, where it was loaded into this process."""
        assert isinstance(self._calls, InProcessCalls), "an isolated function is not loaded here"
        return self._calls.caller.function

    def scores(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        """One score or one failure for each completion; never raises for what the function does."""
        scores = self._calls.scores(problem, completions)
        for score in scores:
            if isinstance(score, Failure):
                self._say_once(score)
        return scores

    def close(self) -> None:
        """End its processes, if it has any."""
        self._calls.close()

    def _say_once(self, failure: Failure) -> None:
        """The first failure of each cause is said; all are counted in the metrics."""
        if failure.cause in self._warned:
            return
        self._warned.add(failure.cause)
        advice = ""
        if failure.cause == "timeout" and not self._isolate:
            advice = " Set isolate = true in its [[reward.custom]] table, so that it can be killed."
        _logger.warning(
            "reward %s %s. Completions that it cannot score are left out of their groups and "
            "counted in masked/%s; this is said once.%s",
            self.name, failure.reason, failure.cause, advice,
        )  # fmt: skip


class InProcessCalls:
    """A function called in this process.

    With ``timeout`` it is called in a thread that is left alone when time is up: it cannot be
    killed. Until it comes back, the function is not called again and everything is masked.
    """

    def __init__(self, config: CustomRewardConfig, *, name: str) -> None:
        self.caller = Caller(config.path, signature=config.signature, messages=config.messages)
        self.name = name
        self.timeout = config.timeout
        self.each = config.each
        self._abandoned: CallTimeout | None = None

    def scores(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        """One score or one failure for each completion."""
        if not self.each:
            return self._call(problem, completions)
        return [score for c in completions for score in self._call(problem, [c])]

    def close(self) -> None:
        """Nothing to end: an abandoned thread is a daemon."""

    def _call(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        if self._abandoned is not None and self._abandoned.thread.is_alive():
            reason = "is still busy with an earlier call that was given up"
            return [Failure(cause="timeout", reason=reason)] * len(completions)
        self._abandoned = None
        seed = content_seed(problem.id, *(completion.text for completion in completions))
        try:
            with undisturbed(self.name, seed):
                return call_with_limit(
                    lambda: self.caller.scores(problem, completions), self.timeout, name=self.name
                )
        except CallTimeout as expired:
            self._abandoned = expired
            reason = f"gave no result within {self.timeout:g} s"
            return [Failure(cause="timeout", reason=reason)] * len(completions)
