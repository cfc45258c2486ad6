"""One worker process as its parent sees it: a request, a reply, a deadline, an end."""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any

from cogitate.verifiers.worker import HEADER, encode_message

MAX_REPLY_BYTES = 64 * 1024 * 1024


class WorkerFailure(RuntimeError):
    """A call has no result. The message says why."""


class WorkerTimeout(WorkerFailure):
    """The call used up its wall-clock or CPU time; its worker was killed."""


class WorkerDied(WorkerFailure):
    """The worker could not start, ended, ran out of memory or spoke nonsense."""


class WorkerRaised(WorkerFailure):
    """The function raised; the message is the exception and its last frames. The worker lives."""


@dataclass(eq=False, slots=True)
class Worker:
    """A process, the calls it has done, and what it has said so far."""

    process: "subprocess.Popen[bytes]"
    calls: int = 0
    buffer: bytearray = field(default_factory=bytearray)


def exchange(found: Worker, payload: str, deadline: float) -> dict[str, Any]:
    """Send one request and wait for its reply."""
    number = found.calls
    body = f'{{"id": {number}, "payload": {payload}}}'.encode("ascii")
    reply = _converse(found, HEADER.pack(len(body)) + body, deadline)
    if reply.get("id") != number or not {"result", "raised", "died"} & set(reply):
        raise WorkerDied("the worker answered something else than what it was asked")
    return reply


def greet(found: Worker, hello: dict[str, Any], deadline: float) -> None:
    try:
        reply = _converse(found, encode_message(hello), deadline)
    except WorkerTimeout:
        raise WorkerDied(f"{hello['target']}: a worker took too long to start") from None
    if "ready" not in reply:
        raise WorkerDied(f"{hello['target']}: a worker does not start: {reply.get('failed')}")


def _converse(found: Worker, data: bytes, deadline: float) -> dict[str, Any]:
    """Write ``data`` and read one message, without ever waiting beyond ``deadline``."""
    process = found.process
    assert process.stdin is not None and process.stdout is not None
    output, source = process.stdin.fileno(), process.stdout.fileno()
    os.set_blocking(output, False)
    poll = select.poll()
    poll.register(source, select.POLLIN)
    poll.register(output, select.POLLOUT)
    view = memoryview(data)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise WorkerTimeout("the call took too long")
        ready = dict(poll.poll(left * 1000))
        if output in ready and view:
            try:
                view = view[os.write(output, view) :]
            except BlockingIOError:
                pass
            except BrokenPipeError:
                raise _ended(process) from None
            if not view:
                poll.unregister(output)
        if source in ready:
            part = os.read(source, 1 << 16)
            if not part:
                raise _ended(process)
            found.buffer += part
            message = _first_message(found.buffer)
            if message is not None:
                return message


def _first_message(buffer: bytearray) -> dict[str, Any] | None:
    """Take the first whole message out of a buffer."""
    if len(buffer) < HEADER.size:
        return None
    (length,) = HEADER.unpack_from(buffer)
    if length > MAX_REPLY_BYTES:
        raise WorkerDied(f"a reply of {length} bytes, at most {MAX_REPLY_BYTES} are allowed")
    if len(buffer) < HEADER.size + length:
        return None
    body = bytes(buffer[HEADER.size : HEADER.size + length])
    del buffer[: HEADER.size + length]
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise WorkerDied("the worker's reply is no JSON") from None
    if not isinstance(message, dict):
        raise WorkerDied("the worker's reply is no JSON object")
    return message


def _ended(process: "subprocess.Popen[bytes]") -> WorkerFailure:
    """What to raise for a worker whose pipe has ended."""
    try:
        code = process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return WorkerDied("the worker closed its pipe")
    if code == -signal.SIGXCPU:
        return WorkerTimeout("the call used up its CPU time")
    if code < 0:
        return WorkerDied(f"the worker was killed by {signal.Signals(-code).name}")
    return WorkerDied(f"the worker ended with exit code {code}")


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a worker with its process group, and leave no zombie and no pipe."""
    strike(process)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def strike(process: "subprocess.Popen[bytes]") -> None:
    """Send the signal that ends a worker and its process group."""
    if process.returncode is not None:
        return
    with contextlib.suppress(OSError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
