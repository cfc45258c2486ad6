import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.sandbox import layout
from cogitate.sandbox.layout import (
    WORK,
    checked_files,
    interpreter,
    interpreter_roots,
    is_within,
    linked_roots,
    missing_program,
    others_can_reach,
    package_roots,
    packages_environment,
    python_argv,
    real_roots,
)


def test_the_interpreter_is_the_real_file_of_this_one() -> None:
    assert python_argv() == (os.path.realpath(sys.executable), "-I", "-S")
    assert python_argv(packages=True)[1:] == ("-s", "-S", "-P")
    assert Path(interpreter()).is_file() and not Path(interpreter()).is_symlink()


def test_roots_hold_the_interpreter_its_library_and_the_system() -> None:
    roots = [*real_roots(()), *(root for root, _ in linked_roots())]
    for needed in (interpreter(), os.__file__, "/usr/bin", "/bin/sh"):
        path = os.path.realpath(needed)
        assert any(is_within(path, os.path.realpath(root)) for root in roots), needed
    assert not any(is_within(home, root) for root in roots for home in ("/home", "/etc", "/tmp"))
    assert set(interpreter_roots()) <= set(real_roots(()))


def test_packages_are_left_out_unless_asked_for() -> None:
    import numpy

    place = os.path.realpath(os.path.dirname(numpy.__file__))
    assert not any(is_within(place, root) for root in real_roots(()))
    assert any(is_within(place, root) for root in real_roots(package_roots()))
    assert place in {
        os.path.join(p, "numpy") for p in packages_environment()["PYTHONPATH"].split(":")
    }


def test_no_root_hides_the_working_directory() -> None:
    assert not os.path.exists(WORK)
    assert list(real_roots(("/usr/share", "/srv/data")))[-1] == "/srv/data", "/usr is there already"


@given(st.text(min_size=1, max_size=20))
def test_no_file_name_leads_out_of_the_directory(name: str) -> None:
    try:
        (kept,) = checked_files({name: b""})
    except ValueError:
        assert (
            name.startswith("/") or "\0" in name or ".." in name.split("/") or not name.strip("./")
        )
        return
    joined = os.path.normpath(os.path.join("/top", kept))
    assert joined.startswith("/top/")


def test_names_are_tidied() -> None:
    assert checked_files({"./a//b": b"1", "c": b"2"}) == {"a/b": b"1", "c": b"2"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (python_argv()[0], ""),
        ("/bin/sh", ""),
        (f"{WORK}/whatever", ""),
        ("./program", ""),
        ("python", "no path"),
        ("/usr/bin/no-such-thing", "no program"),
    ],
)
def test_programs_of_the_system_must_exist(path: str, said: str) -> None:
    found = missing_program(path, ())
    assert (said in found) if said else (found == "")


def test_programs_must_be_visible(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("")
    program.chmod(0o755)
    assert "not visible" in missing_program(str(program), ())
    assert missing_program(str(program), (str(tmp_path),)) == ""


def test_who_can_reach(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "file"
    inside.write_text("")
    assert not others_can_reach(str(inside))
    assert not others_can_reach(str(closed))
    assert not others_can_reach(str(tmp_path / "missing"))
    assert others_can_reach("/usr/bin")


def test_links_are_kept_as_links() -> None:
    for root, target in linked_roots():
        assert root in layout.SYSTEM_ROOTS and os.readlink(root) == target
