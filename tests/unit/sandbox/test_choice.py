"""Which sandbox is taken, what is said where none works, and the self-test."""

import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cogitate import doctor
from cogitate.errors import SandboxError
from cogitate.sandbox import (
    NAMES,
    AttackResult,
    Limits,
    Outcome,
    Program,
    RunResult,
    Sandbox,
    attacks,
    choice,
    get_sandbox,
    landlock,
    python_argv,
    self_test,
)
from cogitate.sandbox.bubblewrap import Bubblewrap, Setup, mounts
from cogitate.sandbox.choice import bwrap_candidates, trial
from cogitate.sandbox.unconfined import NAME, Unconfined


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    choice._bubblewrap.cache_clear()
    choice._landlock.cache_clear()


def works(name: str) -> bool:
    try:
        get_sandbox(name)
    except SandboxError:
        return False
    return True


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def only(monkeypatch: pytest.MonkeyPatch, *candidates: str) -> None:
    monkeypatch.setattr(choice, "bwrap_candidates", lambda: iter(candidates))


def test_names() -> None:
    assert NAMES == ("auto", "bubblewrap", "landlock", "none-i-accept-the-risk")
    with pytest.raises(SandboxError, match='"docker": unknown. Choose one of auto, bubblewrap'):
        get_sandbox("docker")
    assert isinstance(get_sandbox(NAME), Unconfined)


def test_bubblewrap_comes_first() -> None:
    if not works("bubblewrap"):
        pytest.skip("bubblewrap does not work here")
    sandbox = get_sandbox()
    assert sandbox.name == "bubblewrap" and isinstance(sandbox, Sandbox)
    assert get_sandbox() is sandbox, "it is tried once"


def test_landlock_where_there_is_no_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    if not works("landlock"):
        pytest.skip("Landlock does not work here")
    only(monkeypatch)
    assert get_sandbox("auto").name == "landlock"
    with pytest.raises(SandboxError, match="bwrap is not installed"):
        get_sandbox("bubblewrap")


def test_where_nothing_works_it_says_why_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refuses = script(
        tmp_path / "bwrap",
        'case "$1" in --help) echo --json-status-fd --block-fd --seccomp --perms --size;; '
        '*) echo "bwrap: No permissions to create new namespace" >&2; exit 1;; esac',
    )
    only(monkeypatch, refuses)
    monkeypatch.setattr(choice, "landlock_abi", lambda: 0)
    with pytest.raises(SandboxError) as caught:
        get_sandbox()
    message = str(caught.value)
    assert "bubblewrap: " in message and "No permissions to create new namespace" in message
    assert "landlock: the kernel has no Landlock" in message
    assert "pip install 'cogitate[code]'" in message and "docs/sandbox.md" in message
    assert NAME in message


def test_a_bwrap_that_is_too_old_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = script(tmp_path / "bwrap", "echo --json-status-fd --block-fd --seccomp")
    only(monkeypatch, old)
    with pytest.raises(SandboxError, match="too old, it lacks --perms, --size"):
        get_sandbox("bubblewrap")


def test_a_bwrap_that_does_not_confine_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Leaky(Unconfined):
        pass

    assert "does not confine" in trial(Leaky())


def test_old_kernels_have_too_little_landlock_for_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "landlock_abi", lambda: 2)
    monkeypatch.setattr(choice, "is_root", lambda: False)
    with pytest.raises(SandboxError, match=r"version 2; version 3 \(Linux 6.2\) is needed"):
        get_sandbox("landlock")


def test_other_processors_have_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "this_architecture", lambda: None)
    with pytest.raises(SandboxError, match="neither x86_64 nor aarch64"):
        get_sandbox()


@pytest.mark.parametrize("abi", [3, 4, 5])
def test_older_landlock_works_with_less(abi: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kernel before 6.12 would do: no fence, so orphans are found in other ways."""
    if not works("landlock"):
        pytest.skip("Landlock does not work here")
    choice._landlock.cache_clear()
    monkeypatch.setattr(choice, "landlock_abi", lambda: abi)
    sandbox = get_sandbox("landlock")
    assert isinstance(sandbox, landlock.Landlock)
    mark = f"old-{abi}-{os.getpid()}"
    code = (
        "import os, signal, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)\n"
        "try: os.kill(int(os.environ['PARENT']), 0)\n"
        "except PermissionError: print('held')\n"
    )
    program = Program(
        argv=(*python_argv(), "-c", code), environment={"MARK": mark, "PARENT": str(os.getpid())},
        limits=Limits(wall_seconds=60.0),
    )  # fmt: skip
    result = sandbox.run(program)
    assert result.stdout == b"held\n" and result.exit_code == 0, result
    assert attacks.processes_with(mark) == []


def test_the_system_comes_before_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = script(tmp_path / "bwrap", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert next(bwrap_candidates()) == mine
    monkeypatch.setenv("PATH", "")
    assert all(os.access(path, os.X_OK) for path in bwrap_candidates())


def test_mounts_show_the_system_read_only_and_nothing_writable_without_a_size() -> None:
    options = mounts(
        Setup(bwrap="bwrap", filter=b""),
        Limits(file_bytes=12345),
        extra_bytes=5,
        read_only=("/srv/x",),
    )
    text = " ".join(options)
    assert "--ro-bind /usr /usr" in text and "--ro-bind /srv/x /srv/x" in text
    assert " --bind " not in text and "--dev-bind / " not in text
    assert "--size 12350 --tmpfs /sandbox" in text and "--size 12345 --tmpfs /tmp" in text
    writable = {options[i + 1] for i, option in enumerate(options) if option == "--tmpfs"}
    sized = {
        options[i + 3]
        for i, option in enumerate(options)
        if option == "--size" and options[i + 2] == "--tmpfs"
    }
    closed = {options[i + 1] for i, option in enumerate(options) if option == "--remount-ro"}
    assert writable - sized - closed == set()
    without_proc = mounts(
        Setup(bwrap="", filter=b"", proc=False), Limits(), extra_bytes=0, read_only=()
    )
    assert "--proc" not in without_proc


def test_a_bwrap_that_fails_says_so(tmp_path: Path) -> None:
    broken = script(tmp_path / "bwrap", 'echo "bwrap: broken" >&2; exit 1')
    sandbox = Bubblewrap(Setup(bwrap=broken, filter=b"x" * 8))
    result = sandbox.run(Program(argv=("/bin/true",)))
    assert result.outcome is Outcome.INTERNAL_ERROR and "bwrap: broken" in result.reason
    with pytest.raises(SandboxError, match="could not be started"):
        sandbox.spawn(Program(argv=("/bin/true",)))
    missing = Bubblewrap(Setup(bwrap=str(tmp_path / "missing"), filter=b""))
    result = missing.run(Program(argv=("/bin/true",)))
    assert result.outcome is Outcome.INTERNAL_ERROR and "could not be started" in result.reason


def test_the_program_without_a_sandbox(tmp_path: Path) -> None:
    sandbox = get_sandbox(NAME)
    program = Program(
        argv=(*python_argv(), "-c", "print(input(), open('f').read())"),
        stdin=b"in",
        files={"f": b"file"},
    )
    assert sandbox.run(program).stdout == b"in file\n"
    bomb = Program(argv=(*python_argv(), "-c", "while True: pass"), limits=Limits(wall_seconds=0.2))
    assert sandbox.run(bomb).outcome is Outcome.TIMEOUT
    assert sandbox.run(Program(argv=("/no/such",))).outcome is Outcome.INTERNAL_ERROR
    worker = sandbox.spawn(Program(argv=("/bin/cat",)))
    out, _ = worker.communicate(b"through")
    assert out == b"through"


@pytest.mark.skipif(os.geteuid() != 0, reason="for root alone")
def test_root_without_a_user_to_lend_still_holds(sandbox: Sandbox) -> None:
    """As in a container that allows no other users: root without privileges, and without /proc."""
    assert isinstance(sandbox, Bubblewrap | landlock.Landlock)
    weaker = type(sandbox)(replace(sandbox._setup, first_user=None))  # type: ignore[arg-type]
    assert [result for result in self_test(weaker) if not result.held] == []


def test_no_sandbox_is_not_attacked() -> None:
    (only_result,) = self_test(Unconfined())
    assert not only_result.held and "no sandbox" in only_result.seen


class Played:
    """A sandbox that answers every program with the same result."""

    name = "played"

    def __init__(self, result: RunResult) -> None:
        self._result = result

    def run(self, program: Program) -> RunResult:
        return self._result

    def spawn(
        self, program: Program, *, read_only: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        raise NotImplementedError


def test_a_self_test_fails_what_leaks_and_what_does_not_end_as_it_should() -> None:
    leaking = Played(
        RunResult(outcome=Outcome.EXITED, exit_code=0, stdout=b"could open /etc/shadow\ncould x\n")
    )
    by_name = {result.name: result for result in self_test(leaking)}
    assert not any(result.held for result in by_name.values())
    assert by_name["reach the network"].seen == "could open /etc/shadow, could x"
    assert "exited instead of timeout" in by_name["run for ever"].seen
    broken = Played(RunResult(outcome=Outcome.INTERNAL_ERROR, reason="broken", stderr=b"why\n"))
    assert all("broken: why" in result.seen and not result.held for result in self_test(broken))
    early = Played(RunResult(outcome=Outcome.EXITED, exit_code=1))
    assert {r.seen for r in self_test(early) if "exit code" in r.seen} >= {
        "exit code 1 instead of 0",
        "exit code 1 instead of 7",
    }


def test_the_sandboxes_of_this_machine_hold(sandbox: Sandbox) -> None:
    results = self_test(sandbox)
    assert len(results) >= 12
    assert [result for result in results if not result.held] == []
    assert all(result.seen and result.seconds > 0 for result in results)


def test_the_doctor_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def held(sandbox: Sandbox) -> list[AttackResult]:
        return [AttackResult(name="a", held=True, seen="nothing")]

    def leaks(sandbox: Sandbox) -> list[AttackResult]:
        return [*held(sandbox), AttackResult(name="b", held=False, seen="could read")]

    monkeypatch.setattr("cogitate.sandbox.get_sandbox", lambda name: Unconfined())
    monkeypatch.setattr("cogitate.sandbox.self_test", held)
    assert doctor.check_sandbox().status == "ok"
    monkeypatch.setattr("cogitate.sandbox.self_test", leaks)
    check = doctor.check_sandbox()
    assert check.status == "fail" and "b: could read" in check.seen and check.advice

    def none(name: str) -> Sandbox:
        raise SandboxError("nothing works here")

    monkeypatch.setattr("cogitate.sandbox.get_sandbox", none)
    check = doctor.check_sandbox()
    assert check.status == "warn" and check.seen == "nothing works here" and check.advice


def test_scripts_of_these_tests_are_private(tmp_path: Path) -> None:
    assert stat.S_IMODE(os.stat(script(tmp_path / "x", "true")).st_mode) == 0o755
