"""Copies of a run's numbers elsewhere: TensorBoard, Weights & Biases, trackio.

A tracker is somebody else's code and often a network away, so it runs in a thread of its own behind
a bounded queue: when it hangs, rows are dropped and counted; when it raises, that is logged once.
Training never waits for it. ``metrics.jsonl`` is the record; these are copies.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cogitate.errors import MissingExtra

logger = logging.getLogger(__name__)

MAX_FAILURES_IN_A_ROW = 10


@runtime_checkable
class Tracker(Protocol):
    """Something that takes named numbers by step."""

    def log(self, step: int, values: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class TrackerSettings(Protocol):
    """The ``[trackers]`` section of a configuration."""

    @property
    def tensorboard(self) -> bool: ...
    @property
    def wandb(self) -> bool: ...
    @property
    def trackio(self) -> bool: ...
    @property
    def project(self) -> str: ...


class TensorBoardTracker:
    """Event files in ``directory``."""

    def __init__(self, directory: Path) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(log_dir=str(directory))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, global_step=step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is buffered."""
        self._writer.close()


class WandbTracker:
    """Any module with wandb's ``init`` / ``log`` / ``finish``: wandb itself, trackio.

    A run that is resumed continues the same curves: its id is made from the directory's path.
    """

    def __init__(
        self, module: str, *, project: str, name: str, directory: Path, config: Mapping[str, Any]
    ) -> None:
        library = importlib.import_module(module)
        settings: dict[str, Any] = {"project": project, "name": name, "config": dict(config)}
        settings["resume"] = "allow"
        if module == "wandb":
            settings["dir"] = str(directory)
            settings["id"] = hashlib.blake2b(
                str(directory.resolve()).encode(), digest_size=8
            ).hexdigest()
        self._library = library
        library.init(**settings)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send one row."""
        self._library.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the run."""
        self._library.finish()


class BackgroundTracker:
    """Runs a tracker in its own thread; ``log`` returns at once, whatever the tracker does.

    ``make`` is called in the thread, because starting a tracker can hang too. ``dropped`` counts
    rows that found the queue full, ``failed`` rows on which the tracker raised.
    """

    def __init__(self, name: str, make: Callable[[], Tracker], *, capacity: int = 256) -> None:
        self.name = name
        self.dropped = 0
        self.failed = 0
        self._rows: queue.Queue[tuple[int, Mapping[str, float]] | None] = queue.Queue(capacity)
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._work, args=(make,), name=f"tracker-{name}", daemon=True
        )
        self._thread.start()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Hand one row over, or drop it when the tracker is too far behind."""
        try:
            self._rows.put_nowait((step, values))
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1:
                logger.warning("tracker %s does not keep up: rows are dropped", self.name)

    def close(self, timeout: float = 10.0) -> None:
        """Give the tracker ``timeout`` seconds to finish, then leave it behind."""
        self._closing.set()
        with contextlib.suppress(queue.Full):  # then the worker sees ``_closing`` once it is empty
            self._rows.put_nowait(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.warning("tracker %s did not finish within %.0f s", self.name, timeout)
        if self.dropped or self.failed:
            logger.warning(
                "tracker %s: %d rows dropped, %d failed; metrics.jsonl has all of them",
                self.name, self.dropped, self.failed,
            )  # fmt: skip

    def _work(self, make: Callable[[], Tracker]) -> None:
        try:
            tracker = make()
        except Exception as error:  # noqa: BLE001  not our code: it may not stop training
            self._fail("start", error)
            return
        failures_in_a_row = 0
        while (row := self._next_row()) is not None:
            try:
                tracker.log(*row)
                failures_in_a_row = 0
            except Exception as error:  # noqa: BLE001
                self._fail("log", error)
                failures_in_a_row += 1
                if failures_in_a_row == MAX_FAILURES_IN_A_ROW:
                    break
        try:
            tracker.close()
        except Exception as error:  # noqa: BLE001
            self._fail("close", error)

    def _next_row(self) -> tuple[int, Mapping[str, float]] | None:
        """The next row, or None when the tracker is to be closed."""
        while True:
            try:
                return self._rows.get(timeout=0.2)
            except queue.Empty:
                if self._closing.is_set():
                    return None

    def _fail(self, action: str, error: Exception) -> None:
        self.failed += action == "log"
        if self.failed <= 1:
            logger.warning(
                "tracker %s could not %s (%s: %s); training goes on without it",
                self.name, action, type(error).__name__, error,
            )  # fmt: skip


class TrackerSet:
    """All trackers of a run behind one ``log``."""

    def __init__(self, trackers: list[BackgroundTracker]) -> None:
        self.trackers = trackers

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Give the row to every tracker."""
        for tracker in self.trackers:
            tracker.log(step, values)

    def close(self) -> None:
        """Close every tracker."""
        for tracker in self.trackers:
            tracker.close()


def open_trackers(
    settings: TrackerSettings, *, name: str, directory: Path, config: Mapping[str, Any]
) -> TrackerSet:
    """Start the trackers that the configuration asks for.

    Raises:
        MissingExtra: one of them is not installed; said before training, not after an hour of it.
    """
    trackers = []
    if settings.tensorboard:
        _require("tensorboard")
        events = directory / "tensorboard"
        trackers.append(BackgroundTracker("tensorboard", lambda: TensorBoardTracker(events)))
    for module in ("wandb", "trackio"):
        if getattr(settings, module):
            _require(module)
            trackers.append(
                BackgroundTracker(module, _wandb_like(module, settings, name, directory, config))
            )
    return TrackerSet(trackers)


def _wandb_like(
    module: str, settings: TrackerSettings, name: str, directory: Path, config: Mapping[str, Any]
) -> Callable[[], Tracker]:
    return lambda: WandbTracker(
        module, project=settings.project, name=name, directory=directory, config=config
    )


def _require(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MissingExtra(
            f"trackers.{package} = true needs the package {package}, which is not installed. "
            f'Install it with: pip install "cogitate[{package}]", '
            f"or set trackers.{package} = false."
        )
