"""The command in a real (pseudo) terminal: drawing, dumb terminals, Ctrl-C, narrow windows."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from cogitate.config import config_to_toml
from tiny_run import tiny_config, write_tiny_model

DEADLINE = 240.0  # seconds; the machine may be busy


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    model = write_tiny_model(folder / "model")
    path = folder / "tiny.toml"
    path.write_text(config_to_toml(tiny_config(model, folder, grpo={"steps": 3})))
    return path


class Terminal:
    """A process whose standard input and output are a terminal of a given size."""

    def __init__(self, *arguments: object, columns: int = 80, lines: int = 40, **environ: str):
        self.master, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        settings = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ}
        for name in ("CI", "NO_COLOR", "COLUMNS", "LINES"):
            settings.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cogitate", *map(str, arguments)],
            stdin=inner, stdout=inner, stderr=inner, env=settings, start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        self.text = ""

    def read_until(self, wanted: str | None) -> str:
        """What was written until a text appears, or until the process ends."""
        end = time.monotonic() + DEADLINE
        while wanted is None or wanted not in self.text:
            assert time.monotonic() < end, self.text[-2000:]
            ready, _, _ = select.select([self.master], [], [], 0.2)
            if not ready:
                if self.process.poll() is not None:
                    break
                continue
            try:
                piece = os.read(self.master, 65_536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            self.text += piece.decode("utf-8", "replace")
        return self.text

    def write(self, text: str) -> None:
        os.write(self.master, text.encode())

    def finish(self) -> int:
        self.read_until(None)
        code = self.process.wait(timeout=DEADLINE)
        os.close(self.master)
        return code


def plain(text: str) -> str:
    """Text without escape sequences."""
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text).replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("columns", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_a_terminal_gets_a_picture_and_then_the_summary(
    config: Path, tmp_path: Path, columns: int
) -> None:
    screen = Terminal("run", config, "--run-dir", tmp_path / "r", columns=columns, lines=20)
    assert screen.finish() == 0
    assert "\x1b[?25l" in screen.text  # the cursor was hidden
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")
    text = plain(screen.text)
    drawn = text.partition("eval step 0")[0]
    assert "elapsed" in drawn
    assert max(map(len, drawn.splitlines())) <= columns
    assert "Held-out accuracy" in text
    assert "Finished at step 3 of 3" in text


def test_a_dumb_terminal_without_unicode_gets_plain_lines(config: Path, tmp_path: Path) -> None:
    screen = Terminal(
        "run", config, "--run-dir", tmp_path / "r", TERM="dumb", LANG="C", LC_ALL="C",
        PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii",
    )  # fmt: skip
    assert screen.finish() == 0
    assert "\x1b" not in screen.text
    assert screen.text.isascii()
    assert "step 3/3  reward " in screen.text
    assert "Finished at step 3 of 3" in screen.text


def test_ctrl_c_saves_and_says_how_to_continue(config: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "r"
    arguments = ("run", config, "--run-dir", run_dir, "--set", "grpo.steps=100000")
    screen = Terminal(*arguments, "--display", "plain")
    screen.read_until("step 1/100000")
    screen.process.send_signal(signal.SIGINT)
    assert screen.finish() == 130
    text = plain(screen.text)
    assert "Interrupted and saved at step" in text
    assert "Traceback" not in text
    assert re.search(r"Continue: .*--resume", text)
    assert list((run_dir / "checkpoints").glob("step-*"))


def test_chatting(config: Path) -> None:
    model = config.parent / "model"
    screen = Terminal("chat", model, "--max-tokens", "4", "--kernels", "torch")
    screen.read_until("> ")
    screen.write("Hello\n")
    screen.read_until("> ")
    screen.write("/system Be brief.\n")
    screen.read_until("(system message set)")
    screen.write("/exit\n")
    assert screen.finish() == 0
    assert "template chat. /help lists commands." in screen.text
