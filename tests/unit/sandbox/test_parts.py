"""The small parts: bytes for other processes, limits of the kernel, users, threads, bait."""

import os
import resource
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from cogitate.sandbox import identity, rlimits, view
from cogitate.sandbox.bait import Bait
from cogitate.sandbox.feeds import feed, readable
from cogitate.sandbox.identity import command_as, first_user, leased_user, view_for
from cogitate.sandbox.program import MIB, Limits
from cogitate.sandbox.rlimits import command_with, kernel_limits
from cogitate.sandbox.starter import in_lasting_thread

IS_ROOT = os.geteuid() == 0


class TestFeeds:
    @pytest.mark.parametrize("data", [b"", b"abc", b"x" * 3_000_000])
    def test_they_read_as_what_was_put_in(self, data: bytes) -> None:
        descriptor = feed("test", data)
        child = subprocess.run(["/bin/cat"], stdin=descriptor, capture_output=True)
        os.close(descriptor)
        assert child.stdout == data

    def test_nobody_can_write_to_them(self) -> None:
        descriptor = feed("test", b"abc")
        for change in (
            lambda: os.write(descriptor, b"x"),
            lambda: os.ftruncate(descriptor, 0),
            lambda: os.write(os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY), b"x"),
        ):
            with pytest.raises(PermissionError):
                change()
        os.close(descriptor)

    def test_readable_has_no_limit_of_1024_files(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 1200:
            pytest.skip("this system allows too few files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
        reader, writer = os.pipe()
        os.dup2(reader, 1100)
        assert not readable(1100, 0.0)
        os.write(writer, b"x")
        assert readable(1100, 0.0)
        os.close(writer)
        for descriptor in (reader, 1100):
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class TestKernelLimits:
    def test_they_follow_from_ours(self) -> None:
        limits = Limits(
            cpu_seconds=2.5, memory_bytes=100 * MIB, file_bytes=5 * MIB, processes=7, open_files=20
        )
        found = kernel_limits(limits, extra_processes=2)
        assert found[resource.RLIMIT_CPU] == (4, 5), "behind the watcher, which is exact"
        assert found[resource.RLIMIT_FSIZE] == (5 * MIB, 5 * MIB)
        assert found[resource.RLIMIT_NPROC] == (9, 9)
        assert found[resource.RLIMIT_NOFILE] == (20, 20)
        assert found[resource.RLIMIT_CORE] == (0, 0)
        assert found[resource.RLIMIT_AS][0] >= 2 * 100 * MIB

    def test_the_sandbox_may_write_the_files_of_the_program(self) -> None:
        found = kernel_limits(Limits(file_bytes=MIB), largest_file=3 * MIB)
        assert found[resource.RLIMIT_FSIZE] == (3 * MIB, 3 * MIB)

    def test_what_is_already_lower_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rlimits.resource, "getrlimit", lambda number: (10, 10))
        assert set(kernel_limits(Limits()).values()) <= {(10, 10), (0, 0)}

    def test_as_a_command(self) -> None:
        script = (
            "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE))"
        )
        command = [
            *command_with(kernel_limits(Limits(open_files=21))),
            sys.executable,
            "-I",
            "-S",
            "-c",
            script,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout == "(21, 21) (0, 0)\n", done.stderr


class TestUsers:
    def test_numbers_that_are_mapped_here(self) -> None:
        assert first_user("0 0 4294967295\n") == 1_990_000_000
        assert first_user("0 100000 65536\n") == 64_000
        assert first_user("0 1000 1\n1 100000 65535\n") == 64_000
        assert first_user("0 1000 1\n") is None
        assert first_user("") is None

    def test_a_lease_is_exclusive_and_ends(self) -> None:
        with ExitStack() as stack:
            users = [stack.enter_context(leased_user(1_990_000_000)) for _ in range(20)]
            assert len(set(users)) == 20
        with leased_user(1_990_000_000) as one:
            pass
        with leased_user(1_990_000_000) as other:
            assert other != one, "they take turns"

    def test_other_processes_see_a_lease(self) -> None:
        with leased_user(1_990_000_000) as user:
            code = (
                "import socket, sys\n"
                f"try: socket.socket(socket.AF_UNIX).bind('\\0cogitate-sandbox-user-{user}')\n"
                "except OSError: print('taken')"
            )
            done = subprocess.run([sys.executable, "-c", code], capture_output=True)
            assert done.stdout == b"taken\n"
        with socket.socket(socket.AF_UNIX) as free:
            free.bind(f"\0cogitate-sandbox-user-{user}")

    def test_users_can_run_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(identity, "_RANGE", 1)
        with leased_user(1_990_005_000), pytest.raises(RuntimeError, match="taken"):
            leased_user(1_990_005_000).__enter__()

    @pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")
    def test_a_command_as_somebody(self, tmp_path: Path) -> None:
        script = f"id -u; id -G; ls {tmp_path}/closed"
        tmp_path.chmod(0o700)
        (tmp_path / "closed").mkdir(mode=0o755)
        (tmp_path / "closed" / "file").write_text("")
        done = subprocess.run(
            [*command_as(64_123, None), "/bin/sh", "-c", script], capture_output=True
        )
        assert done.stdout == b"64123\n64123\n" and b"denied" in done.stderr
        seen = view_for((str(tmp_path / "closed"),))
        assert seen is not None
        done = subprocess.run(
            [*command_as(64_123, seen), "/bin/sh", "-c", script], capture_output=True
        )
        assert done.stdout == b"64123\n64123\nfile\n", done.stderr
        assert os.stat(tmp_path).st_mode & 0o777 == 0o700, "only the view has changed"

    @pytest.mark.skipif(not IS_ROOT, reason="only root can mount")
    def test_views_are_made_once_and_refused_for_what_is_not_there(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        paths = (str(tmp_path),)
        (tmp_path / "x").mkdir()
        inner = (str(tmp_path / "x"),)
        assert view.view_with(inner) == view.view_with(inner)
        with pytest.raises(OSError, match="No such file"):
            view.view_with((str(tmp_path / "missing" / "x"),))
        assert view_for(("/usr", "/usr/bin")) is None, "everybody can reach them anyway"
        assert view.closed_ancestor(inner[0]) is not None and paths

    def test_the_outermost_closed_directory(self, tmp_path: Path) -> None:
        base = tmp_path / "open"
        (base / "closed" / "closed too" / "x").mkdir(parents=True)
        (base / "closed").chmod(0o700)
        (base / "closed" / "closed too").chmod(0o700)
        found = view.closed_ancestor(str(base / "closed" / "closed too" / "x"))
        assert found is not None and (base / "closed").is_relative_to(found)
        assert view.closed_ancestor("/usr/bin/env") is None


class TestLastingThread:
    def test_results_and_errors_come_back(self) -> None:
        assert in_lasting_thread(lambda: 41 + 1) == 42
        with pytest.raises(KeyError, match="x"):
            in_lasting_thread(lambda: {}["x"])

    def test_it_is_one_thread_that_stays(self) -> None:
        names: list[threading.Thread] = []
        for _ in range(2):
            asker = threading.Thread(
                target=lambda: names.append(in_lasting_thread(threading.current_thread))
            )
            asker.start()
            asker.join()
        assert names[0] is names[1] and names[0].is_alive() and names[0].daemon

    def test_after_a_fork_there_is_a_new_one(self) -> None:
        code = (
            "import os\n"
            "from cogitate.sandbox.starter import in_lasting_thread\n"
            "in_lasting_thread(int)\n"
            "child = os.fork()\n"
            "if child == 0: os._exit(in_lasting_thread(lambda: 7))\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
        assert done.stdout == b"7\n", done.stderr


class TestBait:
    def test_untouched(self) -> None:
        with Bait() as bait:
            assert bait.touched(b"some output") == ""
        assert not bait.file.exists()

    def test_every_touch_is_noticed(self) -> None:
        with Bait() as bait:
            assert "read" in bait.touched(bait.file.read_bytes())
            environment = bait.environment
            with socket.create_connection(("127.0.0.1", int(environment["BAIT_TCP"]))):
                assert "tcp" in bait.touched()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", ("127.0.0.1", int(environment["BAIT_UDP"])))
            assert "udp" in bait.touched()
            for name in ("stream", "abstract"):
                address = environment[f"BAIT_{name.upper()}"]
                with socket.socket(socket.AF_UNIX) as sender:
                    sender.connect(address if name == "stream" else f"\0{address}")
                    assert name in bait.touched()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", environment["BAIT_DATAGRAM"])
            assert "datagram" in bait.touched()
            assert bait.touched() == ""

    @pytest.mark.parametrize("change", ["write", "mode", "new", "delete", "time"])
    def test_every_change_is_noticed(self, change: str) -> None:
        with Bait() as bait:
            if change == "write":
                time.sleep(0.01)
                bait.file.write_text("mine")
            elif change == "mode":
                bait.file.chmod(0o600)
            elif change == "new":
                bait.file.with_name("new").touch()
            elif change == "time":
                os.utime(bait.file, (1, 1))
            if change == "delete":
                bait.file.unlink()
            assert "changed" in bait.touched()

    def test_everybody_can_get_at_it(self) -> None:
        with Bait() as bait:
            assert stat.S_IMODE(bait.file.stat().st_mode) == 0o666
            assert stat.S_IMODE(bait.file.parent.stat().st_mode) == 0o777
