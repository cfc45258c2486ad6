"""``cogitate grade``: verdicts for a file of completions."""

import argparse
from pathlib import Path

from cogitate.cli.common import DATA, FOUND, INTERRUPTED, OK, Commands, add_command, warn

SANDBOXES = ("auto", "bubblewrap", "landlock", "none-i-accept-the-risk")
_DESCRIPTION = """\
FILE holds one JSON object a line (.gz too) with task_kind, ground_truth and completion, and
perhaps template, policy, gold_arity, prefilled_think and question. Every line of FILE becomes one
line of OUT, in the same order: the row with verdict, correct, reward, parsed_answer, milliseconds,
cause, engine and reason added, and with the result of each case where it is a program. verdict is
correct, wrong or unparseable, or, where nothing can be said about the answer, timeout, crashed or
bad_gold with correct null. Rows that cannot be verified are kept with verdict bad_row.

OUT appears when all rows are done. Until then they stand in OUT.partial, from which --resume goes
on after an interruption. Exit code 4 when FILE has no row that can be verified, or --check finds
no expectation.
"""


def add(commands: Commands) -> None:
    """Register the command."""
    parser = add_command(
        commands, "grade", _grade, help="verify a file of completions", description=_DESCRIPTION
    )
    parser.add_argument("file", metavar="FILE", help=".jsonl or .jsonl.gz")
    parser.add_argument("--out", type=Path, metavar="OUT", help="write the rows with verdicts here")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="rows verified at once (default: one a core)"
    )
    parser.add_argument(
        "--sandbox", default="auto", metavar="NAME", choices=SANDBOXES,
        help="what programs run in: auto, bubblewrap, landlock or none-i-accept-the-risk",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true",
        help="compare with the rows' should_be_correct or expected_status; exit code 1 if any "
        "differs",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on from OUT.partial")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _grade(args: argparse.Namespace) -> int:
    import json

    from cogitate.cli.grading import Grading, grade_file
    from cogitate.cli.grading_format import no_rows
    from cogitate.cli.grading_text import mismatch_table, summary_text
    from cogitate.display.stream import print_line

    settings = Grading(
        source=Path(args.file), out=args.out, workers=args.workers, sandbox=args.sandbox,
        check=args.check, resume=args.resume, progress=not (args.quiet or args.json),
    )  # fmt: skip
    summary = grade_file(settings)
    if args.json:
        print(json.dumps(summary.to_dict(), indent=2))
    else:
        print_line(summary_text(summary))
        if args.check:
            print_line(mismatch_table(summary))
    if summary.interrupted:
        return INTERRUPTED
    if summary.rows == summary.bad_rows:
        warn(no_rows(settings.source, summary.rows))
        return DATA
    if args.check and not summary.checked:
        warn(f"--check: no row of {args.file} has should_be_correct or expected_status.")
        return DATA
    return FOUND if args.check and summary.mismatches else OK
