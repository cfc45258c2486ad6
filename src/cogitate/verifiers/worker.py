"""The program of one worker process of ``pool``: standard library only, started by its path.

It moves the protocol away from the standard streams before anything foreign is imported: what
foreign code prints goes to stderr, what it reads is empty. A message is four bytes of length and
JSON. When its parent is gone, the request pipe ends and the process kills its own group.
"""

import importlib
import json
import os
import queue
import resource
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

HEADER = struct.Struct("!I")
"""Length of a message, bytes, big end first."""


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message, or None at the end of the stream."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = stream.read(length)
    return json.loads(body) if len(body) == length else None


def encode_message(message: Mapping[str, Any]) -> bytes:
    """A message as bytes; NaN and lone surrogates survive."""
    body = json.dumps(message).encode("ascii")
    return HEADER.pack(len(body)) + body


def load_target(target: str) -> Callable[[dict[str, Any]], Any]:
    """The function that ``package.module:function`` names."""
    module, _, name = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{target} is no function")
    return found


def _main() -> None:
    requests, replies = _move_protocol()
    hello = read_message(requests)
    if hello is None:
        return
    try:
        _limit(hello["limits"])
        sys.path[:0] = [p for p in hello["path"] if p not in sys.path]
        function = load_target(hello["target"])
    except BaseException as problem:  # noqa: BLE001  importing runs foreign code
        _reply(replies, {"failed": _describe(problem)})
        return
    _reply(replies, {"ready": os.getpid()})
    _serve(function, requests, replies, hello["limits"]["cpu_seconds"])


def _move_protocol() -> tuple[BinaryIO, int]:
    requests, replies = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def _limit(limits: Mapping[str, Any]) -> None:
    memory = limits["memory_bytes"]
    _set_limit(resource.RLIMIT_CORE, 0)
    if memory:
        _set_limit(resource.RLIMIT_AS, memory)


def _set_limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _allow_cpu(seconds: float) -> None:
    """Let this process use ``seconds`` of CPU time from here on, rounded up."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard != resource.RLIM_INFINITY:
        allowed = min(allowed, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, hard))


def _serve(
    function: Callable[[dict[str, Any]], Any], requests: BinaryIO, replies: int, cpu: float
) -> None:
    pending: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, pending), daemon=True).start()
    while True:
        message = pending.get()
        if cpu:
            _allow_cpu(cpu)
        _reply(replies, {"id": message["id"], **_call(function, message["payload"])})


def _receive(requests: BinaryIO, pending: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Pass requests on; end everything when the parent has closed its side or is gone."""
    while (message := read_message(requests)) is not None:
        pending.put(message)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _call(function: Callable[[dict[str, Any]], Any], payload: dict[str, Any]) -> dict[str, Any]:
    try:
        result = function(payload)
        json.dumps(result)
    except MemoryError:
        return {"died": "out of memory"}
    except BaseException as problem:  # noqa: BLE001  foreign code
        return {"raised": _describe(problem)}
    return {"result": result}


def _describe(problem: BaseException) -> str:
    """The exception in one line, and where it came from, in at most 2,000 characters."""
    try:
        line = f"{type(problem).__name__}: {problem}"
        where = "".join(traceback.format_tb(problem.__traceback__, limit=-3))
    except BaseException:  # noqa: BLE001  a foreign __str__ may do anything
        return type(problem).__name__
    return f"{line[:1000]}\n{where[-1000:]}".rstrip()


def _reply(replies: int, message: Mapping[str, Any]) -> None:
    data = memoryview(encode_message(message))
    while data:
        data = data[os.write(replies, data) :]


if __name__ == "__main__":
    _main()
