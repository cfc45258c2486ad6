"""Lines to and from a process."""

import subprocess
import sys
import time

import pytest

from cogitate.verifiers.programs.channel import Channel, Silence


def start(program: str) -> Channel:
    argv = [sys.executable, "-I", "-S", "-c", program]
    return Channel(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))


def soon() -> float:
    return time.monotonic() + 60


ECHO = "import sys\nfor line in sys.stdin.buffer:\n    sys.stdout.buffer.write(line)\n    sys.stdout.flush()"


def test_lines_go_through_whole() -> None:
    with start(ECHO) as channel:
        for size in (0, 1, 1000, 300_000):
            channel.send(b"x" * size, soon())
            assert channel.receive(soon(), 1_000_000) == b"x" * size


def test_several_lines_at_once_are_several() -> None:
    with start("print('a\\nb\\nc')") as channel:
        assert [channel.receive(soon(), 100) for _ in range(3)] == [b"a", b"b", b"c"]
        with pytest.raises(Silence, match="ended") as silence:
            channel.receive(soon(), 100)
    assert not silence.value.late


def test_time_is_bounded() -> None:
    with start("import time\ntime.sleep(600)") as channel:
        with pytest.raises(Silence, match="time") as silence:
            channel.receive(time.monotonic() + 0.05, 100)
        assert silence.value.late
        with pytest.raises(Silence, match="time"):
            channel.send(b"x" * 10_000_000, time.monotonic() + 0.05)
    assert channel.process.poll() is not None


def test_length_is_bounded() -> None:
    flood = start("import sys\nwhile True: sys.stdout.write('x' * 1000)")
    with flood as channel, pytest.raises(Silence, match="more than 10,000 bytes"):
        channel.receive(soon(), 10_000)


def test_an_unfinished_line_is_no_line() -> None:
    half = start("import sys\nsys.stdout.write('yes')")
    with half as channel, pytest.raises(Silence, match="ended"):
        channel.receive(soon(), 100)


def test_writing_to_who_has_ended() -> None:
    with start("") as channel:
        channel.process.wait()
        with pytest.raises(Silence, match="ended"):
            channel.send(b"x", soon())


def test_processor_time_is_seen() -> None:
    spin = "import time\nwhile time.process_time() < 0.2: pass\nprint(1, flush=True)\ninput()"
    with start(spin) as channel:
        channel.receive(soon(), 100)
        assert channel.cpu_seconds() >= 0.1
    assert channel.cpu_seconds() == 0.0
