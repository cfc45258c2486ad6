"""Packages that a task allows."""

import sys
from pathlib import Path

import pytest

from cogitate.sandbox import Sandbox
from cogitate.verdict import Status
from cogitate.verifiers.programs import check_code_gold, verify_code
from cogitate.verifiers.programs.packages import package_files, wanted_files


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "tiny_package_of_a_test"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("from .inner.numbers import ANSWER\n")
    (folder / "inner" / "numbers.py").write_text("ANSWER = 42\n")
    (folder / "data.txt").write_text("not source")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    package_files.cache_clear()
    return folder.name


def test_only_source_is_supplied(package: str) -> None:
    names = {f"packages/{package}/__init__.py", f"packages/{package}/inner/numbers.py"}
    assert package_files(package).keys() == names


def test_only_what_a_program_mentions_is_supplied(package: str) -> None:
    assert wanted_files([package], "print(4)") == {}
    assert wanted_files([package], f"from {package} import ANSWER") == package_files(package)


def test_programs_and_functions_may_import_it(package: str, sandbox: Sandbox) -> None:
    stdio = {"type": "stdio", "tests": [{"input": "", "output": "42"}]}
    program = f"```python\nfrom {package} import ANSWER\nprint(ANSWER)\n```"
    assert verify_code(stdio, program, sandbox=sandbox).cause == "runtime_error"
    allowed = verify_code({**stdio, "packages": [package]}, program, sandbox=sandbox)
    assert allowed.status is Status.CORRECT, allowed.reason
    function = {"type": "function", "entry_point": "f", "tests": ["assert f() == 42"]}
    program = f"```python\nimport {package}\ndef f(): return {package}.ANSWER\n```"
    assert verify_code(function, program, sandbox=sandbox).cause == "runtime_error"
    allowed = verify_code({**function, "packages": [package]}, program, sandbox=sandbox)
    assert allowed.status is Status.CORRECT, allowed.reason


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        (["no_such_package_here"], "not installed"),
        (["../x"], "not installed"),
        (["bisect"], "single module"),
        (["numpy"], "machine code"),
        (["torch"], "machine code"),
        ("numpy", "no list"),
        ([5], "no list"),
    ],
)
def test_what_cannot_be_supplied(packages: object, words: str) -> None:
    gold = {"type": "stdio", "tests": [{"input": "", "output": "1"}], "packages": packages}
    assert words in str(check_code_gold(gold))
