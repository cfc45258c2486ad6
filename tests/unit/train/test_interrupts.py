"""Signals: the first asks, the second stops."""

import contextlib
import os
import signal
import threading
import time

import pytest

from cogitate.train.interrupts import StopRequest, stop_requests


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)  # delivered between two bytecodes


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_a_request_and_the_second_an_end(
    number: signal.Signals, code: int
) -> None:
    with stop_requests() as stop:
        assert (stop.signal, stop.exit_code) == (None, 0)
        send(number)
        assert (stop.signal, stop.exit_code) == (number, code)
        with pytest.raises(KeyboardInterrupt):
            send(number)


def test_a_request_to_save_is_not_a_request_to_stop() -> None:
    with stop_requests() as stop:
        send(signal.SIGUSR1)
        assert stop.save
        assert stop.signal is None


def test_the_handlers_of_before_come_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    with contextlib.suppress(ValueError), stop_requests():
        assert signal.getsignal(signal.SIGTERM) != before[1]
        raise ValueError("the step failed")
    assert [signal.getsignal(number) for number in numbers] == before


def test_other_threads_get_a_request_that_never_comes() -> None:
    seen: list[StopRequest] = []

    def work() -> None:
        with stop_requests() as stop:
            seen.append(stop)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen[0].signal is None
    assert signal.getsignal(signal.SIGINT) is before
