"""Users' reward functions in processes of their own, which may hang, leak, crash or exit.

The function is loaded there and never here. A call that takes longer than ``timeout`` is killed
with its process, one that wants more than ``memory_mb`` fails or dies, and one that ends the
process ends only that; a new process takes over. The completions of such a call are masked, with
cause "timeout" or "crashed".
"""

import json
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cogitate.errors import ConfigError
from cogitate.rewards.calling import Failure, Score, to_score
from cogitate.rewards.config import CustomRewardConfig
from cogitate.rewards.guard import content_seed
from cogitate.schema import Completion, Problem
from cogitate.verifiers.pool import WorkerDied, WorkerLimits, WorkerPool, WorkerTimeout

START_SECONDS = 120.0
"""For loading the user's file, which may import a lot."""


class IsolatedCalls:
    """A function in worker processes.

    Raises:
        ConfigError: the file cannot be loaded there, or its function is not understood.
        SandboxError: there is no way to isolate programs on this machine.
    """

    def __init__(self, config: CustomRewardConfig, *, name: str) -> None:
        self.name = name
        self.each = config.each
        self._settings = {
            "path": _absolute(config.path), "signature": config.signature,
            "messages": config.messages,
        }  # fmt: skip
        self._timeout = config.call_seconds
        self._pool = _pool(config)
        self._threads = ThreadPoolExecutor(config.workers, thread_name_prefix=f"reward {name}")
        self._finalizer = weakref.finalize(self, _end, self._pool, self._threads)
        self.signature = self._describe()

    def scores(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        """One score or one failure for each completion."""
        whole = self.signature != "verl" and not self.each
        batches = [completions] if whole else [[completion] for completion in completions]
        if len(batches) == 1:
            return self._call(problem, batches[0])
        results = self._threads.map(lambda batch: self._call(problem, batch), batches)
        return [score for scores in results for score in scores]

    def close(self) -> None:
        """End the processes."""
        self._finalizer()

    def _call(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        try:
            request = {**self._settings, **_plain(problem, completions)}
            found = self._pool.call(request, timeout=self._timeout)
        except WorkerTimeout:
            reason = f"gave no result within {self._timeout:g} s, and its process was killed"
            return [Failure(cause="timeout", reason=reason)] * len(completions)
        except WorkerDied as error:
            reason = f"ended its process: {error}"
            return [Failure(cause="crashed", reason=reason)] * len(completions)
        return _scores(found, len(completions))

    def _describe(self) -> str:
        """Load the function in a worker, and say how it is called."""
        try:
            found = self._pool.call(
                {**self._settings, "describe": True}, timeout=max(START_SECONDS, self._timeout)
            )
        except (WorkerTimeout, WorkerDied) as error:
            self.close()
            raise ConfigError(
                f"reward.custom {self._settings['path']}: its process ended while the file was "
                f"loaded: {error}. Run the file by itself (python FILE), and give it more "
                "memory_mb if it imports something large."
            ) from error
        if "error" in found:
            self.close()
            raise ConfigError(str(found["error"]))
        return str(found["signature"])


def _pool(config: CustomRewardConfig) -> WorkerPool:
    sandbox = None
    if config.sandbox:
        from cogitate.verifiers.shared import sandbox as shared_sandbox

        sandbox = shared_sandbox()
    limits = WorkerLimits(
        wall_seconds=config.call_seconds, memory_bytes=config.memory_mb * 2**20
    )  # fmt: skip
    folder = str(Path(_absolute(config.path).rpartition(":")[0]).parent)
    return WorkerPool(
        "cogitate.rewards.isolated_worker:answer",
        workers=config.workers, limits=limits, sandbox=sandbox, read_only=(folder,),
    )  # fmt: skip


def _absolute(path: str) -> str:
    file, _, function = path.rpartition(":")
    return f"{Path(file).expanduser().resolve()}:{function}"


def _plain(problem: Problem, completions: Sequence[Completion]) -> dict[str, Any]:
    """Problem and completions as JSON. Metadata that is none becomes text."""
    texts = [completion.text for completion in completions]
    return {
        "problem": {
            "id": problem.id,
            "task": problem.task,
            "messages": [[message.role, message.content] for message in problem.messages],
            "answer": problem.answer,
            "metadata": json.loads(json.dumps(dict(problem.metadata), default=str)),
        },
        "completions": [
            {
                "text": completion.text,
                "token_ids": list(completion.token_ids),
                "finish_reason": str(completion.finish_reason),
                "policy_version": completion.policy_version,
            }
            for completion in completions
        ],
        "seed": content_seed(problem.id, *texts),
    }


def _scores(found: Mapping[str, Any], count: int) -> list[Score]:
    """What a worker sent, checked again: the user's code has been in that process."""
    sent = found.get("scores")
    if not isinstance(sent, list) or len(sent) != count:
        reason = f"sent no list of {count} scores from its process"
        return [Failure(cause="crashed", reason=reason)] * count
    return [
        Failure(cause=str(item[0])[:40], reason=str(item[1])[:600])
        if isinstance(item, list) and len(item) == 2
        else to_score(item)
        for item in sent
    ]


def _end(pool: WorkerPool, threads: ThreadPoolExecutor) -> None:
    pool.close()
    threads.shutdown(wait=False, cancel_futures=True)
