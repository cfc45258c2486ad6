"""The worker processes and sandboxes that all verifiers of this process share.

They are started when first needed and ended when the interpreter exits.
"""

import atexit
import threading
from typing import TYPE_CHECKING

from cogitate.sandbox.program import Sandbox

if TYPE_CHECKING:
    from cogitate.verifiers.maths import MathsPool

_lock = threading.Lock()
_pools: "list[MathsPool]" = []
_sandboxes: dict[str, Sandbox] = {}


def maths_pool() -> "MathsPool":
    """The pool of math-verify workers."""
    from cogitate.verifiers.maths import MathsPool

    with _lock:
        if not _pools:
            _pools.append(MathsPool())
            atexit.register(_pools[0].close)
        return _pools[0]


def sandbox(name: str = "auto") -> Sandbox:
    """A sandbox by name, probed once.

    Raises:
        SandboxError: there is no safe way to run programs on this machine.
    """
    from cogitate.sandbox import get_sandbox

    with _lock:
        if name not in _sandboxes:
            _sandboxes[name] = get_sandbox(name)
        return _sandboxes[name]
