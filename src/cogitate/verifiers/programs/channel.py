"""Lines to and from a process in the sandbox, with a deadline and a largest length."""

import os
import select
import subprocess
import time
from contextlib import suppress

from cogitate.sandbox.usage import measure

_CHUNK = 65536


class Silence(Exception):
    """No line came. ``late`` says that the time was up, else the other end has closed."""

    def __init__(self, reason: str, *, late: bool = False) -> None:
        super().__init__(reason)
        self.late = late


class Channel:
    """A process that answers in lines. Use it as a context: at its end the process is killed."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process = process
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._buffer = bytearray()
        self._searched = 0

    def __enter__(self) -> "Channel":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def cpu_seconds(self) -> float:
        """Processor time of everything inside, up to now."""
        return measure(self.process.pid, itself=True).cpu_seconds

    def close(self) -> None:
        """Kill the process and everything inside."""
        with suppress(ProcessLookupError):
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.process.wait()

    def send(self, line: bytes, deadline: float) -> None:
        """Write a line; ``deadline`` is of the monotonic clock.

        Raises:
            Silence: the other end does not read.
        """
        data = memoryview(line + b"\n")
        while data:
            self._wait(self._in, select.POLLOUT, deadline)
            try:
                data = data[os.write(self._in, data[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Silence("it ended") from error

    def receive(self, deadline: float, max_bytes: int) -> bytes:
        """The next line, without its end.

        Raises:
            Silence: it did not come in time, is too long, or the other end has closed.
        """
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._searched = 0
                return line
            self._searched = len(self._buffer)
            if self._searched > max_bytes:
                raise Silence(f"it wrote more than {max_bytes:,} bytes")
            self._wait(self._out, select.POLLIN, deadline)
            try:
                data = os.read(self._out, _CHUNK)
            except BlockingIOError:
                continue
            if not data:
                raise Silence("it ended")
            self._buffer += data

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        poller = select.poll()
        poller.register(descriptor, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise Silence("its time was up", late=True)
