"""What keeps a user's function from disturbing the trainer it is called in.

Nothing here is a wall: a function in our process can do anything to it. It is what can be put back
cheaply, so that ordinary carelessness (a seed, a chdir, a print, an alarm) changes no result.
What must not be trusted runs in a process of its own: ``rewards/isolated.py``.
"""

import hashlib
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, TextIO, TypeVar, cast

import torch

T = TypeVar("T")
MAX_PRINTED_CHARS = 4_000
"""Of what one call prints, so much goes to the log."""
_GUARDED_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD")
    if hasattr(signal, name)
)
# One user's function at a time: two that put back each other's state would put back the wrong one.
_LOCK = threading.RLock()
_logger = logging.getLogger(__name__)


class CallTimeout(Exception):
    """A call did not come back in time; its thread is abandoned and may still be running."""

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__("no result in time")
        self.thread = thread


def content_seed(*texts: str) -> int:
    """A 32-bit seed fixed by these texts alone.

    >>> content_seed("a", "b") == content_seed("a", "b") != content_seed("ab", "")
    True
    """
    digest = hashlib.blake2b(digest_size=4)
    for text in texts:
        encoded = text.encode("utf-8", errors="surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return int.from_bytes(digest.digest(), "little")


@contextmanager
def undisturbed(name: str, seed: int) -> Generator[None, None, None]:
    """Run what is inside with random states of its own, and put the process back as it was.

    Inside, the global generators of ``random``, numpy and torch are seeded with ``seed``, so that
    a function that draws numbers gives the same ones in a resumed run. Afterwards they, the
    working directory, the environment, signal handlers and alarms, the recursion limit and
    torch's default dtype and threads are what they were. What is printed goes to the log.
    """
    with _LOCK:
        restore = [_random_states(seed), _directory(), _environment(), _signals(), _settings()]
        try:
            with _printing_to_log(name):
                yield
        finally:
            for put_back in restore:
                put_back()


def call_with_limit(work: Callable[[], T], seconds: float | None, *, name: str) -> T:
    """``work()``, here without a limit, else in a daemon thread that is waited for so long.

    Raises:
        CallTimeout: it did not come back in time.
    """
    if seconds is None:
        return work()
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        _ThreadOutput.captured.add(threading.get_ident())
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  carried over to the waiting thread
            errors.append(error)
        finally:
            _ThreadOutput.captured.discard(threading.get_ident())
            done.set()

    thread = threading.Thread(target=run, name=f"reward {name}", daemon=True)
    thread.start()
    if not done.wait(seconds):
        raise CallTimeout(thread)
    if errors:
        raise errors[0]
    return results[0]


def _random_states(seed: int) -> Callable[[], None]:
    python_state = random.getstate()
    torch_state = torch.get_rng_state()
    cuda = torch.cuda.is_initialized()
    cuda_states = torch.cuda.get_rng_state_all() if cuda else []
    numpy: Any = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    random.seed(seed)
    # torch.manual_seed would seed devices too, and queue that where none has been used.
    torch.default_generator.manual_seed(seed)
    if numpy is not None:
        numpy.random.seed(seed)

    def put_back() -> None:
        random.setstate(python_state)
        torch.set_rng_state(torch_state)
        if cuda:
            torch.cuda.set_rng_state_all(cuda_states)
        if numpy is not None:
            numpy.random.set_state(numpy_state)

    return put_back


def _directory() -> Callable[[], None]:
    try:
        before = os.getcwd()
    except OSError:  # it has been deleted
        return lambda: None

    def put_back() -> None:
        with suppress(OSError):
            if os.getcwd() == before:
                return
        with suppress(OSError):
            os.chdir(before)

    return put_back


def _environment() -> Callable[[], None]:
    before = dict(os.environ)

    def put_back() -> None:
        if dict(os.environ) == before:
            return
        for key in set(os.environ) - set(before):
            del os.environ[key]
        os.environ.update(before)

    return put_back


def _signals() -> Callable[[], None]:
    """Handlers can only be changed, and put back, in the main thread; an alarm anywhere."""
    in_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _GUARDED_SIGNALS}
    alarm = signal.getitimer(signal.ITIMER_REAL)[0] if hasattr(signal, "getitimer") else 1.0

    def put_back() -> None:
        if not alarm and signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            if in_main and handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)

    return put_back


def _settings() -> Callable[[], None]:
    limit, dtype, threads = (
        sys.getrecursionlimit(), torch.get_default_dtype(), torch.get_num_threads()
    )  # fmt: skip
    gradients = torch.is_grad_enabled()

    def put_back() -> None:
        sys.setrecursionlimit(limit)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

    return put_back


class _ThreadOutput:
    """A text stream that keeps what captured threads write and passes on the rest.

    The display's own thread may draw while a user's function runs, so replacing the stream for
    everybody is not an option.
    """

    captured: ClassVar[set[int]] = set()

    def __init__(self, stream: Any, kept: list[str]) -> None:
        self._stream = stream
        self._kept = kept

    def write(self, text: str) -> int:
        """Keep it or pass it on."""
        if threading.get_ident() not in self.captured:
            return self._stream.write(text)
        if sum(map(len, self._kept)) < MAX_PRINTED_CHARS:
            self._kept.append(str(text)[:MAX_PRINTED_CHARS])
        return len(text)

    def writelines(self, lines: Sequence[str]) -> None:
        """Each of them through ``write``."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _printing_to_log(name: str) -> Generator[None, None, None]:
    kept: list[str] = []
    before = sys.stdout, sys.stderr
    mine = threading.get_ident()
    nested = mine in _ThreadOutput.captured
    sys.stdout = cast(TextIO, _ThreadOutput(before[0], kept))
    sys.stderr = cast(TextIO, _ThreadOutput(before[1], kept))
    _ThreadOutput.captured.add(mine)
    try:
        yield
    finally:
        if not nested:
            _ThreadOutput.captured.discard(mine)
        sys.stdout, sys.stderr = before
        printed = "".join(kept)[:MAX_PRINTED_CHARS].strip()
        if printed:
            _logger.info("reward %s printed: %s", name, printed)
