"""The sandboxes that all verifiers of this process share."""

import threading

from cogitate.sandbox import get_sandbox
from cogitate.sandbox.program import Sandbox

_lock = threading.Lock()
_sandboxes: dict[str, Sandbox] = {}


def shared_sandbox(name: str = "auto") -> Sandbox:
    """A sandbox by name, probed once in a process.

    Raises:
        SandboxError: there is no safe way to run programs on this machine.
    """
    with _lock:
        if name not in _sandboxes:
            _sandboxes[name] = get_sandbox(name)
        return _sandboxes[name]
