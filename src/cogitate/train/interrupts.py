"""Ctrl-C and friends: the first signal finishes the step and saves, the second stops at once."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """What the operating system asked for while a step was running.

    ``signal`` is SIGINT or SIGTERM once one arrived. ``save`` is set by SIGUSR1, which Slurm can
    send ahead of its time limit: the loop saves after the step, clears it and goes on.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.save = False

    @property
    def exit_code(self) -> int:
        """The shell's convention: 128 + the signal's number; 0 without a signal."""
        return 0 if self.signal is None else 128 + self.signal

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Signal handler.

        Raises:
            KeyboardInterrupt: on the second SIGINT or SIGTERM.
        """
        if number == signal.SIGUSR1:
            self.save = True
        elif self.signal is None:
            self.signal = signal.Signals(number)
        else:
            raise KeyboardInterrupt


@contextmanager
def stop_requests() -> Generator[StopRequest]:
    """Listen to SIGINT, SIGTERM and SIGUSR1; the old handlers come back at the end.

    Python delivers signals to the main thread only; in any other (a notebook's worker, a server)
    nothing is installed and nothing is ever requested.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, request.receive) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            # None: installed by something that is not Python; it cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
