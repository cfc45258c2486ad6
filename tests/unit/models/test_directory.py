"""Directories that are replaced whole or not at all."""

import hashlib
import os
from pathlib import Path

import pytest

from cogitate.errors import DataError
from cogitate.models.directory import check_replaceable, replace_directory, sha256_of


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_new_directory_appears_with_its_files(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model"
    with replace_directory(target) as fresh:
        (fresh / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert names(target.parent) == ["model"]


def test_the_old_content_goes_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    with replace_directory(target) as fresh:
        (fresh / "new").touch()
        assert names(target) == ["old"]
    assert names(target) == ["new"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_the_old_content_is_untouched(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()

    def fail_halfway() -> None:
        with replace_directory(target) as fresh:
            (fresh / "half").touch()
            raise error

    with pytest.raises(error):
        fail_halfway()
    assert names(target) == ["old"]
    assert names(tmp_path) == ["model"]


def test_leftovers_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".model.tmp-dead").mkdir()
    (tmp_path / ".model.tmp-dead" / "half").touch()
    (tmp_path / ".other.tmp-alive").mkdir()
    with replace_directory(tmp_path / "model") as fresh:
        (fresh / "a").touch()
    assert names(tmp_path) == [".other.tmp-alive", "model"]


def test_a_writer_killed_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / ".model.tmp-dead-old").mkdir()
    (tmp_path / ".model.tmp-dead-old" / "precious").touch()
    with pytest.raises(OSError, match="disk"), replace_directory(tmp_path / "model"):
        raise OSError("disk full")
    assert names(tmp_path / "model") == ["precious"]


def test_private_files_get_the_ordinary_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replace_directory(tmp_path / "model") as fresh:
            (fresh / "a").touch()
            (fresh / "a").chmod(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "model" / "a").stat().st_mode & 0o777 == 0o640
    assert names(tmp_path / "model") == ["a"]


def test_sha256_of_is_the_digest_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_a_directory_with_strangers_is_not_replaceable(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    check_replaceable(tmp_path, allowed=lambda name: name == "config.json")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataError, match=r"other files \(thesis.tex\)"):
        check_replaceable(tmp_path, allowed=lambda name: name == "config.json")


def test_a_file_is_not_replaceable_and_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match="it is a file"):
        check_replaceable(tmp_path / "a", allowed=lambda name: True)
    check_replaceable(tmp_path / "missing", allowed=lambda name: False)
