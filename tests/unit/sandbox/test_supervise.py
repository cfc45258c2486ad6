"""The outcome of a program, from a child that is played here."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from cogitate.sandbox import supervise as module
from cogitate.sandbox.program import MIB, Limits, Outcome, RunResult
from cogitate.sandbox.supervise import Ending, retry_until, signal_name, supervise
from cogitate.sandbox.usage import Usage

FOREVER = "import time; time.sleep(600)"


class PlayedChild:
    """A real process, about which everything else is made up."""

    def __init__(
        self,
        code: str = FOREVER,
        *,
        ending: Ending | None = None,
        usage: Usage | None = None,
        disk: tuple[int, int] = (0, 0),
        starts: bool = True,
        gone: bool = True,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._ending, self._usage, self._disk = ending, usage, disk
        self._starts, self._gone = starts, gone
        self.kills = 0

    def started(self) -> bool:
        return self._starts

    def kill(self) -> None:
        self.kills += 1
        self.process.kill()

    def wait_until_gone(self, seconds: float) -> bool:
        self.kill()
        self.process.wait()
        return self._gone

    def usage(self) -> Usage | None:
        return self._usage

    def disk(self) -> tuple[int, int]:
        return self._disk

    def end(self, stderr: bytes) -> Ending:
        return self._ending or Ending(exit_code=self.process.returncode)


def play(child: PlayedChild, **limits: object) -> RunResult:
    limits.setdefault("wall_seconds", 60.0)
    return supervise(child, Limits(**limits), backend="played")  # type: ignore[arg-type]


def ended(ending: Ending, stderr: str = "") -> RunResult:
    return play(PlayedChild(f"import sys; sys.stderr.write({stderr!r})", ending=ending))


def test_a_normal_end() -> None:
    result = play(PlayedChild("print('out'); raise SystemExit(3)"))
    assert (result.outcome, result.exit_code, result.signal) == (Outcome.EXITED, 3, None)
    assert result.stdout == b"out\n" and result.backend == "played"


def test_death_by_a_signal_of_its_own() -> None:
    result = ended(Ending(signal=int(signal.SIGSEGV)))
    assert (result.outcome, result.exit_code, result.signal) == (Outcome.SIGNALLED, None, 11)
    assert result.reason == "it was killed by SIGSEGV"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(signal.SIGXCPU, Outcome.TIMEOUT), (signal.SIGXFSZ, Outcome.RESOURCE_LIMIT)],
)
def test_signals_that_only_limits_send(number: signal.Signals, outcome: Outcome) -> None:
    result = ended(Ending(signal=int(number)))
    assert result.outcome is outcome and result.signal is None


@pytest.mark.parametrize(
    "words",
    [
        "Traceback\nMemoryError", "terminate called\n  what():  std::bad_alloc\n",
        "RuntimeError: can't start new thread",
        "BlockingIOError: [Errno 11] Resource temporarily unavailable",
        "OSError: [Errno 28] No space left on device", "OSError: [Errno 27] File too large",
        "OSError: [Errno 24] Too many open files: '/dev/null'", "sh: 1: Cannot fork\n",
        "BlockingIOError: Resource temporarily unavailable\nTraceback (most recent\n  File \"x",
    ],
)  # fmt: skip
def test_last_words_name_the_limit_that_a_failure_came_from(words: str) -> None:
    result = ended(Ending(exit_code=1), words)
    assert result.outcome is Outcome.RESOURCE_LIMIT
    assert result.exit_code is None and "for want of" in result.reason
    assert ended(Ending(signal=6), words).outcome is Outcome.RESOURCE_LIMIT


def test_last_words_never_make_a_failure_of_a_success() -> None:
    assert ended(Ending(exit_code=0), "MemoryError").outcome is Outcome.EXITED
    earlier = "MemoryError\nValueError: no"
    assert ended(Ending(exit_code=1), earlier).outcome is Outcome.EXITED, (
        "only the last line counts"
    )


def test_the_sandbox_that_fails_is_no_fault_of_the_program() -> None:
    result = ended(Ending(failure="no namespaces"))
    assert result.outcome is Outcome.INTERNAL_ERROR and result.reason == "no namespaces"


def test_wall_time() -> None:
    result = play(PlayedChild(usage=Usage(cpu_seconds=0.07)), wall_seconds=0.1)
    assert result.outcome is Outcome.TIMEOUT and result.reason == "it ran for 0.1 s"
    assert result.cpu_seconds == 0.07


def test_what_is_used_too_much() -> None:
    cases: list[tuple[dict[str, object], Outcome, str]] = [
        ({"usage": Usage(cpu_seconds=11.0)}, Outcome.TIMEOUT, "10 s of processor time"),
        ({"usage": Usage(tasks=33)}, Outcome.RESOURCE_LIMIT, "33 processes and threads"),
        ({"disk": (65 * MIB, 1)}, Outcome.RESOURCE_LIMIT, "its files take 65 MiB"),
        ({"disk": (0, 20_001)}, Outcome.RESOURCE_LIMIT, "20,001 files"),
    ]
    for fields, outcome, reason in cases:
        result = play(PlayedChild(**fields))  # type: ignore[arg-type]
        assert result.outcome is outcome and reason in result.reason, result


def test_memory_that_seems_too_much_is_looked_at_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = Usage(memory_bytes=600 * MIB, processes=(1,))
    for exact, outcome in (
        (None, Outcome.RESOURCE_LIMIT),
        (513 * MIB, Outcome.RESOURCE_LIMIT),
        (9, Outcome.TIMEOUT),
    ):
        monkeypatch.setattr(module, "proportional_memory", lambda processes, exact=exact: exact)
        assert play(PlayedChild(usage=usage), wall_seconds=0.3).outcome is outcome


def test_the_first_limit_decides() -> None:
    child = PlayedChild(
        "import os\nwhile True: os.write(1, b'x' * 1000)",
        ending=Ending(signal=9), usage=Usage(cpu_seconds=99.0),
    )  # fmt: skip
    result = play(child, output_bytes=10)
    assert result.outcome in (Outcome.OUTPUT_LIMIT, Outcome.TIMEOUT)
    assert (result.outcome is Outcome.TIMEOUT) == ("processor" in result.reason)


def test_output_is_cut_at_the_limit_on_each_stream() -> None:
    code = "import sys; sys.stdout.write('a' * {}); sys.stderr.write('b' * {})"
    result = play(PlayedChild(code.format(100, 100)), output_bytes=100)
    assert result.outcome is Outcome.EXITED
    assert (result.stdout, result.stderr) == (b"a" * 100, b"b" * 100)
    result = play(PlayedChild(code.format(10, 101)), output_bytes=100)
    assert result.outcome is Outcome.OUTPUT_LIMIT
    assert result.stderr == b"b" * 100


def test_output_after_the_streams_are_closed_one_by_one() -> None:
    code = "import os; os.write(1, b'x'); os.close(1); os.write(2, b'y'); os.close(2)"
    result = play(PlayedChild(code))
    assert (result.stdout, result.stderr, result.exit_code) == (b"x", b"y", 0)


def test_a_sandbox_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETUP_SECONDS", 0.1)
    result = play(PlayedChild(starts=False))
    assert result.outcome is Outcome.INTERNAL_ERROR and "did not start" in result.reason


def test_processes_that_cannot_be_killed() -> None:
    result = play(PlayedChild("pass", gone=False))
    assert result.outcome is Outcome.INTERNAL_ERROR and "are left" in result.reason


def test_an_interrupt_kills_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    child = PlayedChild()

    def interrupted(watch: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_follow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        play(child)
    assert child.kills and child.process.returncode == -9
    for stream in (child.process.stdout, child.process.stderr):
        assert stream is not None
        stream.close()


def test_names_of_signals() -> None:
    assert signal_name(9) == "SIGKILL" and signal_name(63) == "signal 63"


def test_waiting_ends() -> None:
    answers = iter([False, False, True])
    assert retry_until(lambda: next(answers), 30)
    assert not retry_until(lambda: False, 0.01)


def test_descriptors_are_closed() -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    play(PlayedChild("pass"))
    before = count()
    actions: list[Callable[[], RunResult]] = [
        lambda: play(PlayedChild("pass")),
        lambda: play(PlayedChild(), wall_seconds=0.05),
    ]
    for action in actions:
        with suppress(RuntimeError):
            action()
    assert count() == before
