"""``cogitate bench``: how fast this machine is with a model, in under a minute."""

import argparse
from collections.abc import Mapping
from typing import Any

from cogitate.cli.common import OK, Commands, add_command, show


def add(commands: Commands) -> None:
    """Register the command."""
    parser = add_command(
        commands, "bench", _bench, help="measure rollout and training speed of this machine",
        description="Comparisons with other libraries are `make bench` in a source checkout.",
    )  # fmt: skip
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        default="smollm2-135m",
        help="preset, directory or hub id",
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, metavar="S", help="time to spend, about"
    )


def _bench(args: argparse.Namespace) -> int:
    from cogitate.bench.quick import run
    from cogitate.models.fetch import resolve_model

    result = run(resolve_model(args.model, offline=True), seconds=args.seconds)
    show(args, result, "\n".join(bench_lines(result)))
    return OK


def bench_lines(result: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Nested figures as ``group.name  value`` lines."""
    lines: list[str] = []
    for name, value in result.items():
        if isinstance(value, Mapping):
            lines += bench_lines(value, f"{prefix}{name}.")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append(f"{prefix}{name:<{max(1, 40 - len(prefix))}} {shown}")
    return lines
