"""How many maths verdicts a second: exact rules in this process, and the worker pool.

The answers are made by rule: integers, fractions, decimals, surds, polynomials, tuples, sets,
intervals, matrices and texts in several writings, right and wrong in turn, boxed behind a thinking
section. The pool gets identities that the exact rules leave open, all different. Rates are of wall
time with nothing else running; the best of the rounds counts, and all of them are printed.

    python bench/verify.py                    JSON on stdout
    python bench/verify.py --seconds 10 --workers 2
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence

from cogitate.bench.machine import describe_cpu, usable_cores
from cogitate.verifiers.maths import MathsPool, verify_maths
from cogitate.verifiers.pool import WorkerLimits

Pair = tuple[str, str, bool]
"""Gold, completion, whether it is right."""


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seconds", type=float, default=4.0, help="of each round (4)")
    options.add_argument("--rounds", type=int, default=3, help="rounds of each kind (3)")
    options.add_argument("--workers", type=int, default=2, help="processes of the pool (2)")
    given = options.parse_args()
    fast = [rate(fast_pairs(), given.seconds) for _ in range(given.rounds)]
    limits = WorkerLimits(wall_seconds=30.0)
    with MathsPool(given.workers, limits=limits) as pool:
        pool.pool.start()
        numeric = [
            threaded_rate(open_pairs(k), pool, given.workers, given.seconds)
            for k in range(given.rounds)
        ]
        both = [
            threaded_rate(sympy_pairs(k), pool, given.workers, given.seconds)
            for k in range(given.rounds)
        ]
    report = {
        "cpu": describe_cpu(),
        "cores": usable_cores(),
        "workers": given.workers,
        "fast_verdicts_per_second": round(max(fast)),
        "pool_verdicts_per_second": round(max(numeric)),
        "math_verify_verdicts_per_second": round(max(both)),
        "rounds": {
            "fast": [round(r) for r in fast],
            "pool": [round(r) for r in numeric],
            "math_verify": [round(r) for r in both],
        },
    }
    print(json.dumps(report, indent=2))
    return 0


def rate(pairs: Sequence[Pair], seconds: float) -> float:
    """Verdicts a second in one thread; every verdict is checked."""
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        for gold, completion, right in pairs:
            if verify_maths(gold, completion).correct is not right:
                raise SystemExit(f"{gold!r} and {completion!r}: expected {right}")
        done += len(pairs)
    return done / (time.perf_counter() - start)


def threaded_rate(
    jobs: Sequence[Callable[[MathsPool], bool]], pool: MathsPool, threads: int, seconds: float
) -> float:
    """Verdicts a second of a pool that ``threads`` threads keep busy. No job is done twice."""
    start, done, failures = time.perf_counter(), [0] * threads, []

    def work(which: int) -> None:
        for job in jobs[which::threads]:
            if time.perf_counter() - start > seconds:
                break
            if not job(pool):
                failures.append(job)
            done[which] += 1

    running = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise SystemExit(f"{len(failures)} verdicts of the pool are wrong")
    return sum(done) / (time.perf_counter() - start)


def fast_pairs() -> list[Pair]:
    """Some 300 answers of the kinds that benchmarks have, half of them wrong."""
    writings: list[tuple[str, str, str]] = []
    for k in range(2, 22):
        writings += [
            (str(k * 37), f"{k * 37}", f"{k * 37 + 1}"),
            (
                rf"\frac{{{k}}}{{{k + 1}}}",
                rf"\dfrac{{{2 * k}}}{{{2 * k + 2}}}",
                rf"\frac{{{k + 1}}}{{{k}}}",
            ),
            (f"{k}.25", rf"\frac{{{4 * k + 1}}}{{4}}", f"{k}.35"),
            (rf"{k}\sqrt{{3}}", rf"\sqrt{{{3 * k * k}}}", rf"{k}\sqrt{{2}}"),
            (rf"x^2-{k * k}", rf"(x-{k})(x+{k})", rf"x^2+{k * k}"),
            (rf"({k}, -1)", rf"\left( {k}, -1 \right)", rf"(-1, {k})"),
            (rf"\{{{k}, 0\}}", rf"0, {k}", rf"0, {k}, 1"),
            (rf"[0, {k})", rf"x \in \left[0, {k}\right)", rf"(0, {k}]"),
        ]
    writings += [
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}", "(2,1)"),
        (r"\text{Tuesday}", "Tuesday", "Monday"),
        (r"\text{(B)}", "B", "C"),
        (r"28\%", "0.28", "28"),
    ]
    wrapped = r"<think>Let me see.</think> The answer is $\boxed{%s}$."
    return [
        (gold, wrapped % answer, right)
        for gold, good, bad in writings
        for answer, right in ((good, True), (bad, False))
    ]


def open_pairs(seed: int) -> list[Callable[[MathsPool], bool]]:
    """Identities and near misses that need numbers."""
    jobs: list[Callable[[MathsPool], bool]] = []
    for k in range(3000):
        a, b = 2 + k % 50, 3 + k // 50 + 100 * seed
        gold = rf"{b}\sin({a}x)+\ln({b}+x)"
        same = rf"\ln(x+{b})+{2 * b}\sin(\frac{{{a}x}}{{2}})\cos(\frac{{{a}x}}{{2}})"
        answer, right = (same, True) if k % 2 else (same.replace(str(2 * b), str(2 * b + 1)), False)
        jobs.append(_verdict(gold, rf"\boxed{{{answer}}}", right))
    return jobs


def _verdict(gold: str, completion: str, right: bool) -> Callable[[MathsPool], bool]:
    return lambda pool: verify_maths(gold, completion, pool=pool).correct is right


def sympy_pairs(seed: int) -> list[Callable[[MathsPool], bool]]:
    """Pairs for math-verify itself, as the audit asks it."""

    def job(k: int) -> Callable[[MathsPool], bool]:
        gold = rf"\frac{{{k}x+1}}{{{seed + 2}}}"
        answer = rf"\frac{{{k}}}{{{seed + 2}}}x+\frac{{1}}{{{seed + 2}}}"
        return lambda pool: pool.pool.call({"bare": [gold, answer]})["equal"] is True

    return [job(k) for k in range(2, 3000)]


if __name__ == "__main__":
    sys.exit(main())
