"""Any sequence of saves, failing saves, crashes, damage and restarts leaves a run resumable."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cogitate.checkpoint import find_checkpoint, remove_leftovers, save_checkpoint, step_directory
from cogitate.errors import CheckpointError
from cogitate.filesystem import FileSystem

KEEP = 2


class Power(BaseException):
    """The process ends here: no handler runs."""


class Fragile(FileSystem):
    """Ends the process, or fails, at the k-th operation."""

    def __init__(self, k: int, error: type[BaseException]) -> None:
        self.left, self.error = k, error

    def _tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.error

    def make_dir(self, path: Path) -> None:
        self._tick()
        super().make_dir(path)

    def write(self, path: Path, data: bytes) -> None:
        self._tick()
        super().write(path, data)

    def sync_file(self, path: Path) -> None:
        self._tick()

    def sync_dir(self, path: Path) -> None:
        self._tick()

    def rename(self, source: Path, target: Path) -> None:
        self._tick()
        super().rename(source, target)

    def remove_tree(self, path: Path) -> None:
        self._tick()
        super().remove_tree(path)


class Number:
    """Weights that are one number: the step they were saved at."""

    def __init__(self, value: int = -1) -> None:
        self.value = value

    def save(self, directory: Path) -> None:
        (directory / "number.json").write_text(str(self.value))

    def load(self, directory: Path) -> None:
        self.value = int((directory / "number.json").read_text())


class Run(RuleBasedStateMachine):
    """A run that only counts steps; ``good`` are the steps whose checkpoints must be whole."""

    @initialize()
    def start(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.step = 0
        self.good: set[int] = set()
        self.restarted = True

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def save(self, files: FileSystem) -> None:
        save_checkpoint(
            self.root, step=self.step, policy_version=self.step, state={"cursor": self.step},
            config={}, parts={"policy": Number(self.step)}, keep=KEEP, files=files,
        )  # fmt: skip

    def note_what_is_left(self) -> None:
        """After a failure the old checkpoints, the new one, or both are there, whole."""
        checkpoint, _ = find_checkpoint(self.root)
        found = checkpoint.step if checkpoint else 0
        assert found == self.step or found == max(self.good, default=0)
        if found == self.step:
            self.good.add(found)
        self.good = {s for s in self.good if step_directory(self.root, s).is_dir()}

    @rule(steps=st.integers(1, 3))
    def train_and_save(self, steps: int) -> None:
        self.step += steps
        self.save(FileSystem())
        self.good = set(sorted(self.good | {self.step})[-KEEP:])
        left = {int(path.name.removeprefix("step-")) for path in self.root.glob("step-??????")}
        assert len(left) <= KEEP
        assert self.good <= left

    @rule(k=st.integers(1, 20))
    def save_on_a_failing_disk(self, k: int) -> None:
        self.step += 1
        try:
            self.save(Fragile(k, OSError))
        except CheckpointError:
            self.note_what_is_left()
        else:
            self.good = set(sorted(self.good | {self.step})[-KEEP:])

    @rule(k=st.integers(1, 20))
    def die_while_saving(self, k: int) -> None:
        self.step += 1
        try:
            self.save(Fragile(k, Power))
        except Power:
            self.note_what_is_left()
            self.resume()
        else:
            self.good = set(sorted(self.good | {self.step})[-KEEP:])

    @precondition(lambda self: len(self.good) > 1)
    @rule(offset=st.integers(0, 10_000), name=st.sampled_from(["manifest.json", "state.json"]))
    def damage_the_newest(self, offset: int, name: str) -> None:
        newest = max(self.good)
        path = step_directory(self.root, newest) / name
        os.truncate(path, offset % path.stat().st_size)
        self.good.remove(newest)
        self.resume()

    @rule()
    def resume(self) -> None:
        """A new process: leftovers go, the newest good checkpoint is loaded."""
        remove_leftovers(self.root)
        assert not [path for path in self.root.iterdir() if ".tmp" in path.name]
        checkpoint, _ = find_checkpoint(self.root)
        self.step = 0
        if checkpoint is not None:
            weights = Number()
            checkpoint.load({"policy": weights})
            assert weights.value == checkpoint.step == checkpoint.state["cursor"]
            self.step = checkpoint.step

    @invariant()
    def the_newest_good_one_is_found(self) -> None:
        if not hasattr(self, "good"):
            return
        checkpoint, _ = find_checkpoint(self.root)
        assert (checkpoint.step if checkpoint else 0) == max(self.good, default=0)


TestRun = Run.TestCase
TestRun.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
