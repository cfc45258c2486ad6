"""The file operations that everything durable goes through."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cogitate.filesystem import DISK, FileSystem, crash_point, to_json_bytes, write_atomic


def test_a_crash_point_is_silent_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COGITATE_CRASH_AT", raising=False)
    crash_point("rollout")
    monkeypatch.setenv("COGITATE_CRASH_AT", "update:1")
    crash_point("rollout")


@pytest.mark.parametrize(("wanted", "expected"), [("b:2", "abaab"), ("a", "a"), ("c:1", "abaab")])
def test_a_crash_point_stops_the_process_when_it_is_passed_that_often(
    wanted: str, expected: str
) -> None:
    script = (
        "from cogitate.filesystem import crash_point\n"
        "for name in 'abaab':\n"
        "    print(name, end='', flush=True)\n"
        "    crash_point(name)\n"
    )
    environment = {**os.environ, "COGITATE_CRASH_AT": wanted}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout == expected
    assert done.returncode == (0 if wanted == "c:1" else 137)


def test_an_atomic_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_an_atomic_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")

    class NoSync(FileSystem):
        def sync_file(self, path: Path) -> None:
            raise OSError("fsync failed")

    with pytest.raises(OSError, match="fsync failed"):
        write_atomic(path, b"new", files=NoSync())
    assert path.read_bytes() == b"old"


def test_equal_values_give_equal_json_bytes() -> None:
    assert to_json_bytes({"b": 1, "a": [1.5]}) == to_json_bytes({"a": [1.5], "b": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json_bytes({"a": float("nan")})


def test_a_forgotten_file_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"x" * 10_000)
    DISK.sync_file(path)
    DISK.forget(path)
    DISK.forget(tmp_path)
    assert path.read_bytes() == b"x" * 10_000


def test_free_space_and_directories_are_the_real_ones(tmp_path: Path) -> None:
    assert DISK.free_bytes(tmp_path) > 1_000_000
    DISK.make_dir(tmp_path / "a" / "b")
    with pytest.raises(FileExistsError):
        DISK.make_dir(tmp_path / "a" / "b")
    DISK.sync_dir(tmp_path / "a")
    DISK.remove_tree(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
