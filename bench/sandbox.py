"""Programs per second through the sandbox, from several threads, as JSON.

The program is the shortest there is, so that what is measured is the price of a sandbox and of
starting Python in it.

    python bench/sandbox.py --seconds 10 --threads 2
"""

import argparse
import json
import os
import statistics
import threading
import time

from cogitate.errors import SandboxError
from cogitate.sandbox import Outcome, Program, Sandbox, get_sandbox, python_argv


def measure(sandbox: Sandbox, *, seconds: float, threads: int) -> dict[str, object]:
    """Run for so long; how many a second, and how long one takes."""
    program = Program(argv=(*python_argv(), "-c", "print(input())"), stdin=b"hello\n")
    durations: list[float] = []
    deadline = time.perf_counter() + seconds

    def work() -> None:
        while (began := time.perf_counter()) < deadline:
            result = sandbox.run(program)
            if result.outcome is not Outcome.EXITED or result.stdout != b"hello\n":
                raise RuntimeError(f"the program did not end as it should: {result}")
            durations.append(time.perf_counter() - began)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    own, began = time.process_time(), time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - began
    ranked = statistics.quantiles(durations, n=100)
    return {
        "backend": sandbox.name,
        "programs": len(durations),
        "programs_per_second": round(len(durations) / elapsed, 1),
        "milliseconds_median": round(1000 * statistics.median(durations), 1),
        "milliseconds_p99": round(1000 * ranked[98], 1),
        "own_milliseconds_per_program": round(
            1000 * (time.process_time() - own) / len(durations), 2
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Programs per second through the sandbox.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for name in ("bubblewrap", "landlock"):
        try:
            sandbox = get_sandbox(name)
        except SandboxError as error:
            rows.append({"backend": name, "error": str(error)})
            continue
        sandbox.run(Program(argv=(*python_argv(), "-c", "pass")))
        rows.append(measure(sandbox, seconds=options.seconds, threads=options.threads))
    machine = {"processors": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    print(json.dumps({"machine": machine, "threads": options.threads, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
