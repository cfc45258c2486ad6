"""``make bench``: every comparison on this machine, into docs/benchmarks.json and benchmarks.md.

Takes about 75 minutes on two cores with the peers installed, and a few more to install them. Rows
of other machines stay in the files. Let nothing else run meanwhile; the table says how busy other
processes were.

    python bench/run_all.py                      everything
    python bench/run_all.py --only rollout       one script; the other rows stay
    python bench/run_all.py --quick              does everything run? docs/ stays as it is
    python bench/run_all.py --add gpu.json       take in the rows of bench/gpu.py
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import grpo_step
import rollout
import train
from cogitate.bench.contest import report_to_stderr
from cogitate.bench.rows import Row, markdown_document, merge_rows, read_rows, write_rows
from cogitate.errors import CogitateError

DOCS = Path(__file__).parent.parent / "docs"
SCRIPTS: dict[str, tuple[Callable[[list[str]], argparse.Namespace], Callable[..., list[Row]]]] = {
    "rollout": (rollout.options_of, rollout.measure),
    "train": (train.options_of, train.measure),
    "grpo_step": (grpo_step.options_of, grpo_step.measure),
}
INTRODUCTION = """\
# Benchmarks

Written by `make bench` (`bench/run_all.py`) from [benchmarks.json](benchmarks.json). Do not edit.

What is compared: rollouts with log-probabilities, a training step, and a whole GRPO step, all with
SmolLM2-135M, the same prompts, the same numbers of tokens and the same precision, on all cores of
the machine. On a CPU everything is float32.

How: each system runs in its own process and virtual environment (pinned in `bench/peers/*.txt`) and
stays loaded. One driver lets them take turns, A B A B, after a warm-up; whoever is not measured is
stopped (SIGSTOP). A turn is two runs, of which the first does not count, since a machine may take
the memory of stopped processes away. Times are taken inside the process with the monotonic clock. A
figure is the median of the runs, a ratio the median of the ratios of neighbouring runs, with its
quartiles; above 1, ours is better. Memory is the high-water mark of resident memory during the
measurement. Where a peer has several ways to do the same, the fastest is measured.

Training tokens count the prompt and completion of every rollout. We compute a prompt that a group
shares once; the peers compute it once per rollout. In the GRPO step the completions differ by
chance, so seconds per 1,000 tokens stand beside seconds per step. It rewards length, so that every
group has an advantage and all rollouts are trained on; in the rows that say so, ours is rewarded
for the right answer instead and leaves out what has no gradient, as it does by default.

To repeat: `make bench`, or one script such as `python bench/grpo_step.py --repeats 5`. Each has
`--help`. `bench/gpu.py` is the same on a CUDA device, in less than ten minutes.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="all benchmarks of this machine")
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--docs", type=Path, help="default: docs/, a new folder with --quick")
    parser.add_argument("--add", type=Path, help="measure nothing; add the rows of this file")
    options = parser.parse_args()
    docs = options.docs or (Path(tempfile.mkdtemp(prefix="bench-")) if options.quick else DOCS)
    if options.add is not None:
        update(docs, read_rows(options.add))
        return 0
    arguments = ["--repeats", str(options.repeats)] + ["--quick"] * options.quick
    failed = []
    for number, name in enumerate(options.only, start=1):
        options_of, measure = SCRIPTS[name]
        report_to_stderr(f"== {name} ({number} of {len(options.only)}) ==")
        start = time.monotonic()
        try:
            rows = measure(options_of(arguments))
        except CogitateError as error:
            # The other scripts can still be measured; the exit code tells.
            report_to_stderr(f"{name} failed: {error}")
            rows = []
        update(docs, rows)
        failed += [] if rows else [name]
        report_to_stderr(f"== {name}: {(time.monotonic() - start) / 60:.1f} minutes ==")
    print(f"{docs / 'benchmarks.md'}\n{docs / 'benchmarks.json'}")
    return 1 if failed else 0


def update(docs: Path, rows: list[Row]) -> None:
    """Merge rows into the two files."""
    path = docs / "benchmarks.json"
    merged = merge_rows(read_rows(path), rows)
    write_rows(path, merged)
    text = markdown_document(merged, introduction=INTRODUCTION)
    (docs / "benchmarks.md").write_text(text, encoding="utf-8")
    for row in rows:
        report_to_stderr(f"{row.work}, batch {row.batch}: {row.ratio:.2f}x {row.peer} ({row.unit})")


if __name__ == "__main__":
    sys.exit(main())
