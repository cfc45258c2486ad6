"""``cogitate sample``: completions of a prompt, or of a task's problems with their gold answers."""

import argparse

from cogitate.cli.common import OK, Commands, Parser, add_command, show


def add_sampling(parser: Parser, *, temperature: float, max_tokens: int) -> None:
    """How to sample, and how to load the model."""
    parser.add_argument(
        "--template", metavar="NAME", help="prompt template (default: the run's, or the model's)"
    )
    parser.add_argument(
        "--max-tokens", type=int, default=max_tokens, metavar="N", help="longest completion"
    )
    parser.add_argument(
        "--temperature", type=float, default=temperature, metavar="T", help="0 is greedy"
    )
    parser.add_argument(
        "--top-p", type=float, default=1.0, metavar="P",
        help="keep the likeliest tokens that sum to this share; 1 is off",
    )  # fmt: skip
    parser.add_argument(
        "--top-k", type=int, default=0, metavar="K", help="keep this many tokens; 0 is off"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="the same seed, the same samples"
    )
    add_device(parser)


def add_device(parser: Parser) -> None:
    """Where to compute."""
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu or cuda")
    parser.add_argument(
        "--kernels", default="auto", choices=("auto", "native", "torch"), metavar="KIND",
        help="compiled CPU kernels, or plain torch",
    )  # fmt: skip


def add(commands: Commands) -> None:
    """Register the command."""
    parser = add_command(
        commands, "sample", _sample, help="print completions of a prompt or of a task"
    )
    parser.add_argument("model", metavar="MODEL", help="preset, directory, hub id or run directory")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", metavar="TEXT", help='a question; "-" reads standard input')
    what.add_argument("--task", metavar="KIND", help="problems of a task, such as arithmetic")
    what.add_argument("--config", metavar="FILE", help="held-out problems of a run's tasks")
    parser.add_argument(
        "--raw", action="store_true", help="continue the text of --prompt as it is, no template"
    )
    parser.add_argument("-n", "--samples", type=int, default=1, metavar="N", help="per problem")
    parser.add_argument("--count", type=int, default=3, metavar="N", help="problems of each task")
    add_sampling(parser, temperature=1.0, max_tokens=256)


def _sample(args: argparse.Namespace) -> int:
    from cogitate.cli.sampling import sample_rows, sample_text

    rows = sample_rows(args)
    show(args, rows, sample_text(rows))
    return OK
