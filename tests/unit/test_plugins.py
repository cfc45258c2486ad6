"""Functions from a user's file: found, named apart, and refused in words."""

from pathlib import Path

import pytest

from cogitate.errors import ConfigError
from cogitate.plugins import load_function


def test_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    functions = []
    for folder, value in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "mine.py"
        file.write_text(f"def f():\n    return {value}")
        functions.append(load_function(f"{file}:f", setting="here"))
    assert [f() for f in functions] == [1, 2]


@pytest.mark.parametrize("reference", ["file.py", "file.py:", ":f"])
def test_a_reference_without_file_or_function_is_refused(reference: str) -> None:
    with pytest.raises(ConfigError, match=r"here = .*expected path/to/file\.py:function"):
        load_function(reference, setting="here")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="here: there is no file"):
        load_function(f"{tmp_path}:f", setting="here")
