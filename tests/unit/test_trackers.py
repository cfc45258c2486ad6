"""Trackers are guests: they may fail or hang, training does not notice."""

import importlib.machinery
import importlib.util
import logging
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cogitate.errors import MissingExtra
from cogitate.trackers import BackgroundTracker, TensorBoardTracker, open_trackers


@dataclass(frozen=True)
class Settings:
    tensorboard: bool = False
    wandb: bool = False
    trackio: bool = False
    project: str = "cogitate"


class ListTracker:
    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.closed = 0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append((step, dict(values)))

    def close(self) -> None:
        self.closed += 1


def test_rows_arrive_in_order_and_the_tracker_is_closed() -> None:
    tracker = ListTracker()
    background = BackgroundTracker("list", lambda: tracker)
    for step in range(5):
        background.log(step, {"reward/mean": step / 10})
    background.close()
    assert [step for step, _ in tracker.rows] == [0, 1, 2, 3, 4]
    assert tracker.rows[3] == (3, {"reward/mean": 0.3})
    assert (tracker.closed, background.dropped, background.failed) == (1, 0, 0)


def test_a_hanging_tracker_costs_no_time_and_drops_rows(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    class Hanging(ListTracker):
        def log(self, step: int, values: Mapping[str, float]) -> None:
            release.wait(30)

    background = BackgroundTracker("hanging", Hanging, capacity=3)
    started = time.monotonic()
    for step in range(100):
        background.log(step, {"x": 1.0})
    background.close(timeout=0.05)
    assert time.monotonic() - started < 2.0
    # one row is held by the thread (if it got that far), three wait in the queue
    assert 96 <= background.dropped <= 97
    assert caplog.text.count("does not keep up") == 1
    assert "did not finish" in caplog.text
    release.set()


def test_a_tracker_whose_start_hangs_is_left_behind() -> None:
    release = threading.Event()

    def make() -> ListTracker:
        release.wait(30)
        return ListTracker()

    started = time.monotonic()
    background = BackgroundTracker("slow start", make)
    background.log(1, {"x": 1.0})
    background.close(timeout=0.05)
    assert time.monotonic() - started < 2.0
    release.set()


def test_a_tracker_that_raises_is_named_once_and_gets_the_next_row(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Flaky(ListTracker):
        def log(self, step: int, values: Mapping[str, float]) -> None:
            if step < 3:
                raise ConnectionError("HTTP 500")
            super().log(step, values)

    tracker = Flaky()
    background = BackgroundTracker("flaky", lambda: tracker)
    for step in range(5):
        background.log(step, {"x": 1.0})
    background.close()
    assert [step for step, _ in tracker.rows] == [3, 4]
    assert background.failed == 3
    assert caplog.text.count("could not log (ConnectionError: HTTP 500)") == 1
    assert "3 failed; metrics.jsonl has all of them" in caplog.text


def test_a_tracker_that_never_works_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    class Broken(ListTracker):
        def log(self, step: int, values: Mapping[str, float]) -> None:
            calls.append(step)
            raise RuntimeError("no")

    background = BackgroundTracker("broken", Broken)
    for step in range(50):
        background.log(step, {"x": 1.0})
    background.close()
    assert calls == list(range(10))


def test_a_tracker_that_cannot_start_or_close_only_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> ListTracker:
        raise PermissionError("no key")

    class BadEnd(ListTracker):
        def close(self) -> None:
            raise OSError("socket closed")

    first, second = BackgroundTracker("one", fail), BackgroundTracker("two", BadEnd)
    for background in (first, second):
        background.log(1, {"x": 1.0})
        background.close()
    assert "tracker one could not start (PermissionError: no key)" in caplog.text
    assert "tracker two could not close (OSError: socket closed)" in caplog.text


# ------------------------------------------------------------------------------ the trackers


def open_all(settings: Settings, directory: Path) -> Any:
    return open_trackers(settings, name="demo", directory=directory, config={"seed": 1})


def test_nothing_is_imported_or_started_unless_asked_for(tmp_path: Path) -> None:
    trackers = open_all(Settings(), tmp_path)
    assert trackers.trackers == []
    trackers.log(1, {"x": 1.0})
    trackers.close()


def test_a_missing_package_is_named_with_the_extra_that_installs_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("trackio") is not None:
        pytest.skip("trackio is installed")
    with pytest.raises(MissingExtra) as caught:
        open_all(Settings(trackio=True), tmp_path)
    assert 'pip install "cogitate[trackio]"' in str(caught.value)
    assert "trackers.trackio = false" in str(caught.value)


def fake_module(name: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """A module with wandb's interface that remembers its calls."""
    calls: list[tuple[str, Any]] = []
    module = ModuleType(name)
    module.__dict__["init"] = lambda **settings: calls.append(("init", settings))
    module.__dict__["log"] = lambda values, step: calls.append(("log", (step, values)))
    module.__dict__["finish"] = lambda: calls.append(("finish", None))
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_wandb_is_started_logged_to_and_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_module("wandb", monkeypatch)
    for _ in range(2):  # a run and its resumption
        trackers = open_all(Settings(wandb=True, project="p"), tmp_path)
        trackers.log(7, {"reward/mean": 0.5})
        trackers.close()
    names = [name for name, _ in calls]
    assert names == ["init", "log", "finish"] * 2
    settings = calls[0][1]
    assert (settings["project"], settings["name"], settings["config"]) == ("p", "demo", {"seed": 1})
    assert settings["dir"] == str(tmp_path)
    assert settings["resume"] == "allow"
    assert settings["id"] == calls[3][1]["id"]  # the same curves go on
    assert calls[1] == ("log", (7, {"reward/mean": 0.5}))


def test_trackio_has_the_same_interface_without_wandbs_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_module("trackio", monkeypatch)
    trackers = open_all(Settings(trackio=True), tmp_path)
    trackers.close()
    assert [name for name, _ in calls] == ["init", "finish"]
    assert set(calls[0][1]) == {"project", "name", "config", "resume"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_files_hold_the_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    tracker = TensorBoardTracker(tmp_path)
    tracker.log(1, {"reward/mean": 0.25})
    tracker.log(2, {"reward/mean": 0.75})
    tracker.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("reward/mean")] == [(1, 0.25), (2, 0.75)]


def test_asking_for_tensorboard_writes_into_the_run_directory(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    trackers = open_all(Settings(tensorboard=True), tmp_path)
    trackers.log(1, {"x": 1.0})
    trackers.close()
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))
