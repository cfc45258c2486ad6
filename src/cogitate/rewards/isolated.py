"""Users' reward functions in processes of their own, which may hang, leak, crash or exit.

The function is loaded there and never here. A call that takes longer than ``timeout`` is killed
with its process, one that wants more than ``memory_mb`` fails or dies, and one that ends the
process ends only that; a new process takes over. The completions of such a call are masked, with
cause "timeout" or "crashed".
"""

import json
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from cogitate.errors import ConfigError
from cogitate.rewards.calling import CAUSES, Failure, Score, to_score
from cogitate.rewards.config import CustomRewardConfig
from cogitate.rewards.guard import content_seed
from cogitate.rewards.isolated_worker import SETTINGS
from cogitate.schema import Completion, Problem
from cogitate.verifiers.pool import WorkerFailure, WorkerLimits, WorkerPool, WorkerTimeout

TARGET = "cogitate.rewards.isolated_worker:answer"
START_SECONDS = 120.0
"""For loading the user's file, which may import a lot."""
MAX_COPY_BYTES = 64 * 2**20
CORES = 64
"""The limit of CPU time is that of wall-clock time on so many cores."""


class IsolatedCalls:
    """A function in worker processes.

    Raises:
        ConfigError: the file cannot be loaded there, or its function is not understood.
        SandboxError: there is no way to isolate programs on this machine.
    """

    def __init__(self, config: CustomRewardConfig, *, name: str) -> None:
        self.name = name
        self.each = config.each
        self._path = config.path
        self._timeout = config.call_seconds
        path, self._copy = _absolute(config.path), None
        if config.sandbox:
            path, self._copy = _readable(path)
        self._pool = _pool(config, path)
        self._threads = ThreadPoolExecutor(config.workers, thread_name_prefix=f"reward {name}")
        self._finalizer = weakref.finalize(self, _end, self._pool, self._threads)
        self.signature = self._describe()

    def scores(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        """One score or one failure for each completion."""
        whole = self.signature != "verl" and not self.each
        batches: list[Sequence[Completion]] = (
            [completions] if whole else [[completion] for completion in completions]
        )
        if len(batches) == 1:
            return self._call(problem, batches[0])
        results = self._threads.map(self._call, [problem] * len(batches), batches)
        return [score for scores in results for score in scores]

    def close(self) -> None:
        """End the processes."""
        self._finalizer()
        if self._copy is not None:
            self._copy.cleanup()

    def _call(self, problem: Problem, completions: Sequence[Completion]) -> list[Score]:
        try:
            found = self._pool.call(_plain(problem, completions))
        except WorkerTimeout:
            reason = f"gave no result within {self._timeout:g} s, and its process was killed"
            return [Failure(cause="timeout", reason=reason)] * len(completions)
        except WorkerFailure as error:
            said = _said(error)
            cause = "memory" if said == "out of memory" else "crashed"
            reason = f"ended its process: {said}"
            return [Failure(cause=cause, reason=reason)] * len(completions)
        return _scores(found, len(completions))

    def _describe(self) -> str:
        """Start a worker, which loads the function, and say how it is called."""
        try:
            found = self._pool.call({"describe": True})
        except WorkerFailure as error:
            self.close()
            raise ConfigError(
                f"reward.custom {self._path}: its process ended while the file was "
                f"loaded: {_said(error)}. Run the file by itself (python FILE), and give it more "
                "memory_mb if it imports something large."
            ) from error
        if "error" in found:
            self.close()
            raise ConfigError(str(found["error"]))
        return str(found["signature"])


def _pool(config: CustomRewardConfig, path: str) -> WorkerPool:
    limits = WorkerLimits(
        wall_seconds=config.call_seconds,
        cpu_seconds=CORES * config.call_seconds,
        memory_bytes=config.memory_mb * 2**20,
        start_seconds=START_SECONDS,
    )
    own = json.dumps(
        {"path": path, "signature": config.signature, "messages": config.messages}
    )  # fmt: skip
    if not config.sandbox:
        # The user's own code on the user's own machine: it may need its keys, caches and devices.
        environment = {**os.environ, SETTINGS: own}
        return WorkerPool(TARGET, config.workers, limits=limits, environment=environment)
    from cogitate.verifiers.shared import shared_sandbox

    return WorkerPool(
        TARGET, config.workers, limits=limits, sandbox=shared_sandbox(),
        path=(*library_path(), str(Path(path.rpartition(":")[0]).parent)),
        environment={SETTINGS: own},
    )  # fmt: skip


def _readable(path: str) -> tuple[str, "tempfile.TemporaryDirectory[str] | None"]:
    """The file where a sandbox can read it, and the directory of a copy if one was needed.

    Programs in a sandbox may run as somebody else, who cannot look into private folders.

    Raises:
        ConfigError: the folder is private and too large to be copied.
    """
    file, _, function = path.rpartition(":")
    folder, name = Path(file).parent, Path(file).name
    try:
        modes = folder.stat().st_mode & 0o005, Path(file).stat().st_mode & 0o004
        if modes == (0o005, 0o004):
            return path, None
        size = sum(item.stat().st_size for item in folder.rglob("*") if item.is_file())
        if size > MAX_COPY_BYTES:
            raise ConfigError(
                f"reward.custom: the folder of {file} is private, and with {size >> 20} MiB too "
                "large to be copied for the sandbox. Put the file into a folder of its own."
            )
        copy = tempfile.TemporaryDirectory(prefix="cogitate-reward-")
        shutil.copytree(folder, copy.name, dirs_exist_ok=True)
        for item in (Path(copy.name), *Path(copy.name).rglob("*")):
            item.chmod(0o755 if item.is_dir() else 0o644)
    except OSError as error:
        raise ConfigError(f"reward.custom: {file} cannot be read: {error}.") from error
    return f"{Path(copy.name) / name}:{function}", copy


def library_path() -> tuple[str, ...]:
    """The directories of installed packages and of this one: what a sandboxed worker may read.

    The working directory and whatever else is on the path stay out: they hold the run.
    """
    own = str(Path(__file__).resolve().parents[2])
    installed = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    return tuple(dict.fromkeys([own, *(str(Path(p).resolve()) for p in installed)]))


def _said(error: WorkerFailure) -> str:
    return str(error).removeprefix(f"{TARGET}: ")


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
    sent: Any = found.get("scores")
    if not isinstance(sent, list) or len(cast(list[Any], sent)) != count:
        reason = f"sent no list of {count} scores from its process"
        return [Failure(cause="crashed", reason=reason)] * count
    return [_score(item) for item in cast(list[Any], sent)]


def _score(sent: Any) -> Score:
    if isinstance(sent, list):
        cause, reason = (*(str(word) for word in cast(list[Any], sent)), "", "")[:2]
        return Failure(cause=cause if cause in CAUSES else "crashed", reason=reason[:600])
    return to_score(sent)


def _end(pool: WorkerPool, threads: ThreadPoolExecutor) -> None:
    pool.close()
    threads.shutdown(wait=False, cancel_futures=True)
