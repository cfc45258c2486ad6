"""Checkpoints: whole or absent, whatever fails, whenever it fails."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cogitate.checkpoint import (
    Saveable,
    find_checkpoint,
    read_checkpoint,
    remove_leftovers,
    require_space,
    save_checkpoint,
    step_directory,
    verify,
)
from cogitate.errors import CheckpointError
from cogitate.filesystem import DISK, FileSystem


class Weights:
    """Two tensors that know how to save themselves."""

    def __init__(self, value: float, directory_names: tuple[str, ...] = ()) -> None:
        self.tensors = {"w": torch.full((4, 3), value), "b": torch.full((3,), -value)}

    def save(self, directory: Path) -> None:
        save_file(self.tensors, directory / "model.safetensors")
        (directory / "state.json").write_text('{"version": 1}')

    def load(self, directory: Path) -> None:
        self.tensors = load_file(directory / "model.safetensors")


def save(root: Path, step: int, *, keep: int = 2, value: float | None = None, **more: Any) -> Path:
    parts: dict[str, Saveable] = {"policy": Weights(float(step) if value is None else value)}
    return save_checkpoint(
        root,
        step=step,
        policy_version=step,
        state={"cursor": 8 * step},
        config={"seed": 3, "grpo": {"steps": 20}},
        parts=parts,
        keep=keep,
        **more,
    )


def newest_value(root: Path) -> float:
    """The number in the weights of the checkpoint that a resume would load."""
    checkpoint, _ = find_checkpoint(root)
    assert checkpoint is not None
    weights = Weights(0.0)
    checkpoint.load({"policy": weights})
    assert weights.tensors["w"].unique().numel() == 1
    return float(weights.tensors["w"][0, 0])


# ------------------------------------------------------------------------------- round trip


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = save(tmp_path, 10)
    assert path == tmp_path / "step-000010"
    assert sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()) == [
        "config.json",
        "manifest.json",
        "policy/model.safetensors",
        "policy/state.json",
        "state.json",
    ]
    checkpoint = read_checkpoint(path)
    assert (checkpoint.step, checkpoint.policy_version) == (10, 10)
    assert checkpoint.state == {"cursor": 80}
    assert checkpoint.config == {"seed": 3, "grpo": {"steps": 20}}
    assert newest_value(tmp_path) == 10.0
    assert (tmp_path / "LATEST").read_text() == "step-000010\n"


def test_the_manifest_names_every_file_with_its_size(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    files = json.loads((path / "manifest.json").read_text())["files"]
    assert set(files) == {
        "config.json",
        "policy/model.safetensors",
        "policy/state.json",
        "state.json",
    }
    assert files["policy/state.json"]["bytes"] == len('{"version": 1}')
    assert all(len(entry["blake2b"]) == 64 for entry in files.values())


def test_equal_runs_save_equal_bytes(tmp_path: Path) -> None:
    one, two = save(tmp_path / "one", 4), save(tmp_path / "two", 4)
    for file in one.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (two / file.relative_to(one)).read_bytes()


def test_nothing_saved_is_a_pickle(tmp_path: Path) -> None:
    for file in save(tmp_path, 1).rglob("*"):
        assert file.is_dir() or file.suffix in (".safetensors", ".json")


def test_the_newest_of_several_is_found_by_step_not_by_file_time(tmp_path: Path) -> None:
    for step in (2, 10, 9):
        save(tmp_path, step, keep=5)
    # Saving step 9 after 10 means a resume walked past 10: it goes.
    assert newest_value(tmp_path) == 9.0
    save(tmp_path, 10, keep=5)
    os.utime(tmp_path / "step-000002")
    assert newest_value(tmp_path) == 10.0


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path / "absent") == (None, [])


def test_a_part_that_was_not_saved_cannot_be_loaded(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(save(tmp_path, 1))
    with pytest.raises(CheckpointError, match="holds no reference/"):
        checkpoint.load({"reference": Weights(0.0)})


# ---------------------------------------------------------------------------------- pruning


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        save(tmp_path, step, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["LATEST", "step-000004", "step-000005"]


def test_an_older_one_stays_until_the_newer_has_been_read_back(tmp_path: Path) -> None:
    save(tmp_path, 1, keep=1)

    class Rot(FileSystem):
        """The disk returns other bytes than were written, from the moment of the rename."""

        def rename(self, source: Path, target: Path) -> None:
            super().rename(source, target)
            if target.name == "step-000002":
                flip_byte(target / "policy" / "model.safetensors", 100)

    with pytest.raises(CheckpointError, match=r"model.safetensors is damaged"):
        save(tmp_path, 2, keep=1, files=Rot())
    assert newest_value(tmp_path) == 1.0


def test_a_crash_while_pruning_leaves_no_half_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, 1, keep=1)

    class Stuck(FileSystem):
        def remove_tree(self, path: Path) -> None:
            raise OSError(errno.EIO, "Input/output error", str(path))

    with pytest.raises(CheckpointError, match=r"step 2 is complete, but .*could not be deleted"):
        save(tmp_path, 2, keep=1, files=Stuck())
    checkpoint, refusals = find_checkpoint(tmp_path)
    assert checkpoint is not None
    assert (checkpoint.step, refusals) == (2, [])
    assert [p.name for p in remove_leftovers(tmp_path)] == ["step-000001.tmp-pruned"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["LATEST", "step-000002"]


# ---------------------------------------------------------------------------------- damage


def flip_byte(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset % len(data)] ^= 0xFF
    path.write_bytes(data)


def damages(path: Path) -> Iterator[tuple[str, Any]]:
    """(what the refusal must name, a function that damages a checkpoint)."""
    weights = Path("policy/model.safetensors")
    size = (path / weights).stat().st_size
    for sixteenth in range(16):
        length = size * sixteenth // 16
        yield "model.safetensors has", lambda p, n=length: os.truncate(p / weights, n)
    for offset in range(0, size, 3):
        yield "model.safetensors is damaged", lambda p, n=offset: flip_byte(p / weights, n)
    yield "state.json is missing", lambda p: (p / "state.json").unlink()
    yield "manifest.json is missing", lambda p: (p / "manifest.json").unlink()
    yield "manifest.json is damaged", lambda p: (p / "manifest.json").write_bytes(b"")
    yield "manifest.json is damaged", lambda p: (p / "manifest.json").write_text("[1]")
    yield "extra.bin is not in the manifest", lambda p: (p / "extra.bin").write_bytes(b"x")


def test_every_damage_is_refused_by_name_and_the_previous_one_is_used(tmp_path: Path) -> None:
    save(tmp_path, 1)
    newest = save(tmp_path, 2)
    backup = tmp_path / "backup"
    shutil.copytree(newest, backup)
    count = 0
    for named, damage in damages(newest):
        damage(newest)
        checkpoint, refusals = find_checkpoint(tmp_path)
        assert checkpoint is not None
        assert checkpoint.step == 1
        assert [refusal.path for refusal in refusals] == [newest]
        assert named in refusals[0].reason
        shutil.rmtree(newest)
        shutil.copytree(backup, newest)
        count += 1
    assert count > 80


def test_every_byte_of_the_manifest_counts(tmp_path: Path) -> None:
    path = save(tmp_path, 3)
    data = (path / "manifest.json").read_bytes()
    for offset in range(0, len(data), 3):
        if data[offset : offset + 1].isspace():
            continue
        flip_byte(path / "manifest.json", offset)
        with pytest.raises(CheckpointError):
            verify(path)
        (path / "manifest.json").write_bytes(data)
    verify(path)


def test_files_of_two_checkpoints_cannot_be_swapped(tmp_path: Path) -> None:
    one, two = save(tmp_path, 1), save(tmp_path, 2)
    name = "policy/model.safetensors"
    first, second = (one / name).read_bytes(), (two / name).read_bytes()
    assert len(first) == len(second)
    (one / name).write_bytes(second)
    (two / name).write_bytes(first)
    checkpoint, refusals = find_checkpoint(tmp_path)
    assert checkpoint is None
    assert len(refusals) == 2


def test_a_checkpoint_of_a_newer_format_is_refused_with_the_reason(tmp_path: Path) -> None:
    from cogitate import checkpoint as module

    path = save(tmp_path, 1)
    manifest = json.loads((path / "manifest.json").read_text()) | {"format": 99}
    del manifest["digest"]
    manifest["digest"] = module._digest_of(manifest)
    (path / "manifest.json").write_bytes(module.to_json_bytes(manifest))
    with pytest.raises(CheckpointError, match=r"format 99.*Upgrade cogitate"):
        verify(path)


def test_a_damaged_checkpoint_is_replaced_when_the_run_reaches_its_step_again(
    tmp_path: Path,
) -> None:
    save(tmp_path, 1, keep=3)
    flip_byte(save(tmp_path, 2, keep=3) / "state.json", 5)
    flip_byte(save(tmp_path, 3, keep=3) / "state.json", 5)
    assert newest_value(tmp_path) == 1.0
    save(tmp_path, 2, keep=3, value=22.0)  # as a resumed run would
    assert newest_value(tmp_path) == 22.0
    remove_leftovers(tmp_path)
    names = ["LATEST", "step-000001", "step-000002"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


# ------------------------------------------------------------------- failing file operations


class FailAt(FileSystem):
    """Fails the k-th operation, counted over all kinds; writes can be torn or out of space."""

    def __init__(self, k: int, *, torn: bool) -> None:
        self.k, self.torn, self.count = k, torn, 0

    def _next(self, path: Path) -> None:
        self.count += 1
        if self.count == self.k:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def make_dir(self, path: Path) -> None:
        self._next(path)
        super().make_dir(path)

    def write(self, path: Path, data: bytes) -> None:
        if self.torn and self.count + 1 == self.k:
            super().write(path, data[: len(data) // 2])
        self._next(path)
        super().write(path, data)

    def sync_file(self, path: Path) -> None:
        self._next(path)
        super().sync_file(path)

    def sync_dir(self, path: Path) -> None:
        self._next(path)
        super().sync_dir(path)

    def rename(self, source: Path, target: Path) -> None:
        self._next(target)
        super().rename(source, target)

    def remove_tree(self, path: Path) -> None:
        self._next(path)
        super().remove_tree(path)


def count_operations(tmp_path: Path) -> int:
    files = FailAt(0, torn=False)
    save(tmp_path / "count", 1, keep=1)
    save(tmp_path / "count", 2, keep=1, files=files)
    return files.count


@pytest.mark.parametrize("torn", [False, True])
def test_whatever_operation_fails_one_whole_checkpoint_remains(tmp_path: Path, torn: bool) -> None:
    operations = count_operations(tmp_path)
    assert operations > 15
    survivors = []
    for k in range(1, operations + 1):
        root = tmp_path / f"{k}"
        save(root, 1, keep=1)
        with pytest.raises(CheckpointError) as caught:
            save(root, 2, keep=1, files=FailAt(k, torn=torn))
        value = newest_value(root)
        survivors.append(value)
        message = str(caught.value)
        assert "No space left on device" in message
        assert ("is complete" in message) == (value == 2.0)
        remove_leftovers(root)
        assert not [p for p in root.iterdir() if "tmp" in p.name]
        save(root, 3, keep=1)  # the next save works, and needs no repair
        assert newest_value(root) == 3.0
    assert survivors == sorted(survivors)  # first the old one, then the new one
    assert set(survivors) == {1.0, 2.0}


def test_the_operation_after_the_last_is_not_reached(tmp_path: Path) -> None:
    operations = count_operations(tmp_path)
    save(tmp_path / "r", 1, keep=1)
    save(tmp_path / "r", 2, keep=1, files=FailAt(operations + 1, torn=False))
    assert newest_value(tmp_path / "r") == 2.0


def test_a_policy_that_cannot_write_its_weights_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, 1)

    class Full(Weights):
        def save(self, directory: Path) -> None:
            (directory / "model.safetensors").write_bytes(b"half")
            raise OSError(errno.EDQUOT, "Disk quota exceeded", str(directory))

    with pytest.raises(CheckpointError, match=r"nothing was saved: .*Disk quota exceeded"):
        save_checkpoint(
            tmp_path, step=2, policy_version=2, state={}, config={}, parts={"policy": Full(1.0)},
            keep=2,
        )  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["LATEST", "step-000001"]


class Recorder(FileSystem):
    """Keeps every operation, and what is certainly on the disk after a power loss."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.snapshots: list[dict[str, bytes]] = []
        self._synced: dict[int, bytes] = {}  # by inode: the bytes that fsync promised

    def _snapshot(self) -> None:
        """Directory entries as they are, contents as last synced (empty if never)."""
        durable = {}
        for path in self.root.rglob("*"):
            if path.is_file():
                data = self._synced.get(path.stat().st_ino, b"")
                durable[path.relative_to(self.root).as_posix()] = data
        self.snapshots.append(durable)

    def sync_file(self, path: Path) -> None:
        super().sync_file(path)
        self._synced[path.stat().st_ino] = path.read_bytes()
        self._snapshot()

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        self._snapshot()

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._snapshot()

    def remove_tree(self, path: Path) -> None:
        super().remove_tree(path)
        self._snapshot()


def test_a_power_loss_that_drops_unsynced_bytes_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    root = tmp_path / "run"
    files = Recorder(root)
    save(root, 1, keep=1, files=files)
    start = len(files.snapshots)
    save(root, 2, keep=1, files=files)
    seen = set()
    for number, snapshot in enumerate(files.snapshots[start:]):
        after = tmp_path / f"after-{number}"
        for name, data in snapshot.items():
            (after / name).parent.mkdir(parents=True, exist_ok=True)
            (after / name).write_bytes(data)
        seen.add(newest_value(after))
    assert seen == {1.0, 2.0}


# --------------------------------------------------------------------------- refusals to save


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"NaN or infinite.*learning_rate"):
        save(tmp_path, 2, finite=False)
    assert newest_value(tmp_path) == 1.0


class SmallDisk(FileSystem):
    def free_bytes(self, path: Path) -> int:
        return 3_000_000


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"needs 12\.0 MB, but only 3\.0 MB are free"):
        save(tmp_path, 2, files=SmallDisk(), expected_bytes=12_000_000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["LATEST", "step-000001"]


def test_space_is_looked_up_where_the_directory_will_be(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "yet", 3_000_000, files=SmallDisk())
    with pytest.raises(CheckpointError, match=r"only 3.0 MB"):
        require_space(tmp_path / "not" / "yet", 3_000_001, files=SmallDisk())
    assert DISK.free_bytes(tmp_path) > 0


# ---------------------------------------------------------------------------------- leftovers


def test_leftovers_of_interrupted_saves_are_removed_and_nothing_else(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "step-000002.tmp-1a2b3c4d").mkdir()
    (tmp_path / "step-000002.tmp-1a2b3c4d" / "model.safetensors").write_bytes(b"half")
    (tmp_path / "LATEST.tmp").write_text("step-0000")
    (tmp_path / "notes.tmp").write_text("mine")
    removed = {path.name for path in remove_leftovers(tmp_path)}
    assert removed == {"step-000002.tmp-1a2b3c4d", "LATEST.tmp"}
    assert (tmp_path / "notes.tmp").exists()
    assert step_directory(tmp_path, 1).is_dir()
    assert remove_leftovers(tmp_path / "absent") == []
