"""Things a program would reach if its sandbox leaked: files, sockets and processes of this machine.

Everybody may read and write them, so that only the sandbox stands between.
"""

import os
import secrets
import shutil
import socket
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType


class Bait:
    """A context in which the bait lies out; ``touched`` says what got hold of it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._directory = Path(tempfile.mkdtemp(prefix="cogitate-bait-"))
        self._stack.callback(shutil.rmtree, self._directory, ignore_errors=True)
        self._directory.chmod(0o777)
        self._secret = secrets.token_hex(16)
        self.file = self._directory / "secret.txt"
        self.file.write_text(self._secret)
        self.file.chmod(0o666)
        self._sockets = {
            "tcp": self._socket(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": self._socket(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "stream": self._socket(socket.AF_UNIX, socket.SOCK_STREAM, self._path("stream")),
            "datagram": self._socket(socket.AF_UNIX, socket.SOCK_DGRAM, self._path("datagram")),
            "abstract": self._socket(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self._secret[:8]}"),
        }
        self._listing = self._look()

    def __enter__(self) -> "Bait":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _path(self, name: str) -> str:
        return str(self._directory / name)

    def _socket(self, family: int, kind: int, address: object) -> socket.socket:
        made = self._stack.enter_context(socket.socket(family, kind))
        made.bind(address)  # type: ignore[arg-type]
        if isinstance(address, str) and address.startswith("/"):
            os.chmod(address, 0o777)
        if kind == socket.SOCK_STREAM:
            made.listen()
        made.setblocking(False)
        return made

    def _look(self) -> list[tuple[str, int, int]]:
        entries = sorted(self._directory.iterdir())
        found = [(entry.name, entry.lstat()) for entry in entries]
        return [(name, status.st_mode, status.st_mtime_ns) for name, status in found]

    @property
    def environment(self) -> dict[str, str]:
        """Where everything lies, for the environment of a program that tries to get it."""
        return {
            "BAIT_FILE": str(self.file),
            "BAIT_PID": str(os.getpid()),
            "BAIT_TCP": str(self._sockets["tcp"].getsockname()[1]),
            "BAIT_UDP": str(self._sockets["udp"].getsockname()[1]),
            "BAIT_STREAM": self._path("stream"),
            "BAIT_DATAGRAM": self._path("datagram"),
            "BAIT_ABSTRACT": self._secret[:8],
        }

    def touched(self, output: bytes = b"") -> str:
        """What a program that wrote this ``output`` got hold of; empty if nothing."""
        if self._secret.encode() in output:
            return "it read a file outside"
        if self._look() != self._listing or self.file.read_text() != self._secret:
            return "it changed files outside"
        for name, made in self._sockets.items():
            with suppress(BlockingIOError):
                if made.type == socket.SOCK_STREAM:
                    made.accept()[0].close()
                else:
                    made.recv(1)
                return f"it reached a socket outside ({name})"
        return ""
