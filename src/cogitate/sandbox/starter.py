"""A thread that outlives all others, to start what is to live as long as this process.

Linux sends the parent-death signal when the *thread* that started a process ends. A worker started
from a short-lived thread would die with that thread.
"""

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Callable[[], Any], "Future[Any]"]

_jobs: "queue.SimpleQueue[_Job]" = queue.SimpleQueue()
_thread: threading.Thread | None = None
_lock = threading.Lock()


def in_lasting_thread(action: Callable[[], T]) -> T:
    """The result of an action, or its exception, from a thread that ends with the process."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_serve, args=(_jobs,), name="spawn", daemon=True)
            _thread.start()
    future: Future[T] = Future()
    _jobs.put((action, future))
    return future.result()


def _serve(jobs: "queue.SimpleQueue[_Job]") -> None:
    while True:
        action, future = jobs.get()
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001  it is raised in the thread that asked
            future.set_exception(error)


def _forget() -> None:
    """After a fork: threads are not inherited."""
    global _thread, _jobs, _lock
    _thread, _jobs, _lock = None, queue.SimpleQueue(), threading.Lock()


os.register_at_fork(after_in_child=_forget)
