"""The launcher of Landlock, as far as it works without confining the test itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.sandbox import landlock, launcher
from cogitate.sandbox.landlock import Setup, disk_usage, relocated, work_directory
from cogitate.sandbox.launcher import (
    all_rights,
    decode_job,
    encode_job,
    is_fenced,
    landlock_abi,
)
from cogitate.sandbox.layout import WORK
from cogitate.sandbox.removal import remove_tree, suppress
from cogitate.sandbox.seccomp import OWN_METADATA, own_signals_only
from cogitate.sandbox.syscalls import X86_64


def test_rights_by_version() -> None:
    # 13 rights in the first version; REFER, TRUNCATE and IOCTL_DEV came in 2, 3 and 5.
    assert [all_rights(abi).bit_length() for abi in (1, 2, 3, 4, 5, 6, 9)] == [
        13,
        14,
        15,
        15,
        16,
        16,
        16,
    ]
    assert landlock_abi() >= 0


def test_the_launcher_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import launcher, removal; "
        "print(sorted(m for m in sys.modules if m.startswith('cogitate')))"
    )
    folder = os.path.dirname(launcher.__file__)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, folder], capture_output=True)
    assert done.stdout == b"[]\n", done.stderr


def test_killing_everybody_is_safe_only_behind_a_fence() -> None:
    assert not is_fenced(os.getpid()), "this process can signal itself"
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    assert not is_fenced(ended.pid), "who is gone proves nothing"


class TestRemoveTree:
    def test_everything(self, tmp_path: Path) -> None:
        top = tmp_path / "top"
        (top / "a" / "b").mkdir(parents=True)
        (top / "a" / "b" / "file").write_text("x")
        (top / "a" / "empty").mkdir()
        (top / "link").symlink_to("/")
        (top / "a" / "dangling").symlink_to("nowhere")
        os.mkfifo(top / "queue")
        remove_tree(str(top))
        assert not top.exists()

    def test_directories_that_are_too_deep_for_a_path(self, tmp_path: Path) -> None:
        top = tmp_path / "top"
        top.mkdir()
        code = "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(100): os.mkdir('d' * 99); os.chdir('d' * 99)"
        subprocess.run([sys.executable, "-I", "-S", "-c", code, str(top)], check=True)
        with pytest.raises(OSError, match="too long"):
            os.stat(f"{top}/" + ("d" * 99 + "/") * 100)
        remove_tree(str(top))
        assert not top.exists()

    def test_directories_without_rights(self, tmp_path: Path) -> None:
        top = tmp_path / "top"
        (top / "a" / "b" / "c").mkdir(parents=True)
        for path in (top / "a" / "b" / "c", top / "a" / "b", top / "a"):
            path.chmod(0)
        remove_tree(str(top))
        assert not top.exists()

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "precious").write_text("x")
        (outside / "precious").chmod(0o640)
        top = tmp_path / "top"
        (top / "d").mkdir(parents=True)
        (top / "to directory").symlink_to(outside)
        (top / "d" / "to file").symlink_to(outside / "precious")
        remove_tree(str(top))
        assert not top.exists()
        assert (outside / "precious").stat().st_mode & 0o777 == 0o640
        link = tmp_path / "link"
        link.symlink_to(outside)
        remove_tree(str(link))
        assert (outside / "precious").exists(), "a link in the place of the directory itself"

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        remove_tree(str(tmp_path / "missing"))


class TestWorkDirectory:
    def test_it_holds_the_files_and_is_deleted(self) -> None:
        with work_directory({"a": b"1", "b/c/d": b"2"}, None) as path:
            assert Path(path, "a").read_bytes() == b"1"
            assert Path(path, "b/c/d").read_bytes() == b"2"
            assert os.access(Path(path, "a"), os.X_OK), "a file may be a program"
            assert os.stat(path).st_mode & 0o777 == 0o700
        assert not os.path.exists(path)

    def test_after_an_error_too(self) -> None:
        with pytest.raises(ValueError, match="relative"), work_directory({"../a": b""}, None):
            pass
        with pytest.raises(KeyError), work_directory({}, None) as path:
            raise KeyError
        assert not os.path.exists(path)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_all_of_it_belongs_to_the_user(self) -> None:
        with work_directory({"a": b"1", "b/c/d": b"2", "b/e": b"3"}, 64_321) as path:
            entries = [path, *(os.path.join(path, e) for e in ("a", "b", "b/c", "b/c/d", "b/e"))]
            assert {os.stat(entry).st_uid for entry in entries} == {64_321}

    def test_a_base_that_others_cannot_reach_is_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.chmod(0o700)
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
        landlock._work_base.cache_clear()
        base = landlock._work_base()
        landlock._work_base.cache_clear()
        assert base in ("/tmp", "/var/tmp", "/dev/shm")


def test_paths_below_the_working_directory_are_moved() -> None:
    assert relocated(f"{WORK}/x/y", "/tmp/w") == "/tmp/w/x/y"
    assert relocated(WORK, "/tmp/w") == "/tmp/w"
    for text in (f"{WORK}s/x", f"see {WORK}/x", "", "/usr"):
        assert relocated(text, "/tmp/w") == text


def test_disk_usage(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "hole").touch()
    os.truncate(tmp_path / "hole", 2**40)
    size, count = disk_usage(str(tmp_path))
    assert count == 5
    assert 100_000 <= size < 200_000, "a hole takes no room"
    assert disk_usage(str(tmp_path / "missing")) == (0, 0)


def test_a_path_without_end_is_noticed(tmp_path: Path) -> None:
    code = "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(30): os.mkdir('d' * 99); os.chdir('d' * 99)"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(tmp_path)], check=True)
    assert disk_usage(str(tmp_path))[1] == 1_000_000
    for entry in tmp_path.iterdir():
        remove_tree(str(entry))


def test_rules_by_what_the_kernel_and_the_user_can_do() -> None:
    as_user_of_its_own = Setup(abi=7, architecture=X86_64, first_user=64_000).rules
    as_user = Setup(abi=7, architecture=X86_64).rules
    as_user_of_old = Setup(abi=4, architecture=X86_64).rules
    names = [
        {rule.name for rule in rules} for rules in (as_user_of_its_own, as_user, as_user_of_old)
    ]
    assert "chmod" not in names[0], "it owns nothing but its own files"
    assert {rule.name for rule in OWN_METADATA} <= names[1]
    assert not {rule.name for rule in own_signals_only(1)} & names[1], "Landlock sees to it"
    assert {rule.name for rule in own_signals_only(1)} <= names[2]
    assert all("setxattr" in found and "socket" in found for found in names)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\0", codec="utf-8")),
        st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"))),
    )
)
def test_jobs_are_read_as_they_were_written(job: launcher.Job) -> None:
    assert decode_job(encode_job(job)) == job


def test_no_text_of_a_job_can_pass_for_two() -> None:
    with pytest.raises(ValueError, match="NUL"):
        encode_job({"argv": ["a\0user\x000\0"]})


def test_the_stand_in_for_suppress() -> None:
    with suppress(KeyError, OSError):
        raise FileNotFoundError
    with pytest.raises(ValueError, match="x"), suppress(KeyError):
        raise ValueError("x")


def start(job: launcher.Job) -> "subprocess.CompletedProcess[bytes]":
    reader, writer = os.pipe()
    os.write(writer, encode_job(job))
    os.close(writer)
    argv = [sys.executable, "-I", "-S", launcher.__file__, str(reader)]
    done = subprocess.run(argv, pass_fds=[reader], capture_output=True, timeout=60)
    os.close(reader)
    return done


def test_a_launcher_whose_parent_is_gone_starts_nothing() -> None:
    done = start({"parent": ["1"], "status": ["2"], "view": []})
    assert done.returncode == 0 and done.stdout == b""
