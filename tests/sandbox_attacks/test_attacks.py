"""Malicious programs in every sandbox of this machine.

Fast: each that only tries something, once. With ``-m slow``: all of them, three times, eight at a
time. The same as a table: ``python tests/sandbox_attacks/run_all.py --times 3 --parallel 8``.
"""

import pytest

from cogitate.errors import SandboxError
from cogitate.sandbox import Sandbox, get_sandbox
from sandbox_attacks.harness import ATTACKS, QUICK, Finding, run_many, traces


@pytest.fixture(params=["bubblewrap", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    try:
        return get_sandbox(request.param)
    except SandboxError as error:
        pytest.skip(f"no {request.param} on this machine: {error}")


def faults(findings: list[Finding]) -> list[str]:
    return [f"{found.attack}: {'; '.join(found.faults)}" for found in findings if found.faults]


def test_the_corpus_is_large_and_every_program_has_a_name_of_its_own() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 80
    assert len(QUICK) >= 30


def test_quick_attacks(sandbox: Sandbox) -> None:
    before = traces()
    findings = list(run_many(sandbox, QUICK, times=1, parallel=4))
    assert faults(findings) == []
    after = traces()
    assert {k: v for k, v in after.items() if k != "files"} == {
        k: v for k, v in before.items() if k != "files"
    }


@pytest.mark.slow
def test_all_attacks_three_times_eight_at_a_time(sandbox: Sandbox) -> None:
    before = traces()
    findings = list(run_many(sandbox, ATTACKS, times=3, parallel=8))
    assert len(findings) == 3 * len(ATTACKS)
    assert faults(findings) == []
    assert traces() == before
