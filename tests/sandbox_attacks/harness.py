"""Run malicious programs in a sandbox and compare what happens with what should."""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cogitate.sandbox import Program, RunResult, Sandbox, python_argv
from cogitate.sandbox.attacks import processes_with
from cogitate.sandbox.bait import Bait
from sandbox_attacks import escapes, exhaustion, leftovers
from sandbox_attacks.corpus import Attack

ATTACKS: tuple[Attack, ...] = (*exhaustion.ATTACKS, *leftovers.ATTACKS, *escapes.ATTACKS)
QUICK = tuple(attack for attack in ATTACKS if attack.quick)

MARK = "COGITATE_MARK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one run of one program showed; ``faults`` is empty if all was right."""

    attack: str
    backend: str
    result: RunResult
    faults: tuple[str, ...]


def run_attack(sandbox: Sandbox, attack: Attack) -> Finding:
    """Run it once, with bait around it, and look for what it did."""
    mark = secrets.token_hex(8)
    with Bait() as bait:
        program = Program(
            argv=attack.argv or (*python_argv(), "-c", attack.code),
            stdin=attack.stdin,
            files=attack.files,
            environment={**bait.environment, MARK: mark},
            limits=attack.limits,
        )
        started = time.monotonic()
        result = sandbox.run(program)
        seconds = time.monotonic() - started
        faults = list(_faults(attack, sandbox.name, result))
        touched = bait.touched(result.stdout + result.stderr)
    if touched:
        faults.append(touched)
    if seconds > attack.limits.wall_seconds + 30:
        faults.append(f"it took {seconds:.1f} s")
    if left := processes_with(mark):
        faults.append(f"processes {left} are left")
    return Finding(attack=attack.name, backend=sandbox.name, result=result, faults=tuple(faults))


def _faults(attack: Attack, backend: str, result: RunResult) -> Iterator[str]:
    expected = attack.outcome(backend)
    if result.outcome is not expected:
        yield f"outcome {result.outcome}, not {expected} ({result.reason})"
    if attack.output is not None and result.stdout != attack.output:
        yield f"it wrote {result.stdout[:300]!r}, not {attack.output[:60]!r}"
    if b"ESCAPED" in result.stdout + result.stderr:
        yield "it got out"
    if attack.exit_code is not None and result.exit_code != attack.exit_code:
        yield f"exit code {result.exit_code}, not {attack.exit_code}: {result.stderr[-300:]!r}"
    if attack.signal is not None and result.signal != attack.signal:
        yield f"signal {result.signal}, not {attack.signal}"
    if attack.reason not in result.reason:
        yield f'reason "{result.reason}" does not say "{attack.reason}"'


def traces() -> dict[str, object]:
    """What programs could leave behind on this machine and in this process."""
    places = ("/tmp", "/var/tmp", "/dev/shm")
    names = ("cogitate-work-", "cogitate-left-behind", "cogitate-bait-")
    return {
        "files": sorted(
            str(path)
            for place in places
            for path in Path(place).iterdir()
            if path.name.startswith(names)
        ),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "children": own_children(),
    }


def own_children() -> list[int]:
    """Processes that this one has started and not waited for."""
    children: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        children += map(int, (task / "children").read_text().split())
    return children


def run_many(
    sandbox: Sandbox, attacks: Iterable[Attack], *, times: int, parallel: int
) -> Iterator[Finding]:
    """Every program so many times, so many at once; the same one side by side with itself."""
    jobs = [attack for attack in attacks for _ in range(times)]
    with ThreadPoolExecutor(parallel) as pool:
        yield from pool.map(lambda attack: run_attack(sandbox, attack), jobs)
