"""Run every malicious program in every sandbox of this machine and print what happened.

    python tests/sandbox_attacks/run_all.py --times 3 --parallel 8

Exit code 1 if one of them did not end as it should.
"""

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]

from cogitate.errors import SandboxError  # noqa: E402
from cogitate.sandbox import get_sandbox  # noqa: E402
from sandbox_attacks.harness import ATTACKS, Finding, run_many, traces  # noqa: E402


def table(findings: list[Finding], backends: list[str]) -> list[str]:
    """A line for each program, with a column for each backend."""
    by_name: dict[str, dict[str, list[Finding]]] = defaultdict(lambda: defaultdict(list))
    for finding in findings:
        by_name[finding.attack][finding.backend].append(finding)
    width = max(map(len, by_name))
    lines = [f"{'program':<{width}}  " + "  ".join(f"{name:<24}" for name in backends)]
    for name, found in by_name.items():
        cells: list[str] = []
        for backend in backends:
            runs = found[backend]
            good = sum(not run.faults for run in runs)
            outcomes = "/".join(sorted({run.result.outcome.value for run in runs}))
            cells.append(f"{good}/{len(runs)} {outcomes:<18}")
        lines.append(f"{name:<{width}}  " + "  ".join(f"{cell:<24}" for cell in cells))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Run every malicious program.")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--backend", action="append", choices=("bubblewrap", "landlock"))
    parser.add_argument("--only", default="", metavar="PART", help="programs with this in the name")
    options = parser.parse_args()
    attacks = [attack for attack in ATTACKS if options.only in attack.name]
    findings: list[Finding] = []
    backends: list[str] = []
    clean = True
    for name in options.backend or ("bubblewrap", "landlock"):
        try:
            sandbox = get_sandbox(name)
        except SandboxError as error:
            print(f"{name}: left out. {error}")
            continue
        backends.append(name)
        before, began = traces(), time.monotonic()
        findings += run_many(sandbox, attacks, times=options.times, parallel=options.parallel)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        for what, value in traces().items():
            if value != before[what]:
                clean = False
                print(f"{name}: left behind: {what}: {value}, before {before[what]}")
    print("\n".join(table(findings, backends)))
    faulty = [finding for finding in findings if finding.faults]
    for finding in faulty:
        print(f"FAULT {finding.backend} {finding.attack}: {'; '.join(finding.faults)}")
    print(f"{len(attacks)} programs, {len(findings)} runs, {len(faulty)} not as they should be")
    return 1 if faulty or not clean else 0


if __name__ == "__main__":
    raise SystemExit(main())
