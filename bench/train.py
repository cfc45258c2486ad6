"""Trained tokens per second: forward, GRPO loss, backward and AdamW on the same rollouts.

Tokens count prompts and completions of every rollout, padding not. "ragged" draws completion
lengths between 1/8 and all of --new-tokens, as rollouts that end by themselves have them.

    python bench/train.py --batches 32 --repeats 5 --json train.json
"""

import argparse
import sys
from pathlib import Path

import contestants
from contestants import (
    describe_machine,
    expired,
    finish,
    load_options,
    our_options,
    ours_version,
)

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import workloads

from cogitate.bench.contest import (
    TOKENS_PER_SECOND,
    Contestant,
    alternate,
    compare,
    fastest,
    report_to_stderr,
)
from cogitate.bench.rows import Row
from cogitate.bench.workers import Worker


def measure(options: argparse.Namespace, *, deadline: float = float("inf")) -> list[Row]:
    """A row for each batch, full and ragged."""
    if options.quick:
        options.batches, options.new_tokens, options.repeats = [8], 16, 1
    machine = describe_machine(options.device)
    setup = load_options(options)
    rows = []
    with (
        contestants.start("cogitate", options) as ours,
        contestants.start("transformers", options) as theirs,
    ):
        version = ours_version(ours.call("setup", **setup, **our_options(options)))
        peer_version = theirs.call("setup", **setup)["version"]
        for batch in options.batches:
            for ragged in (False, True):
                if expired(deadline):
                    return rows
                report_to_stderr(f"training, batch {batch}, ragged {ragged}")
                best = (
                    fastest([_ours(version, ours, batch, ragged, options)]),
                    fastest(_peers(peer_version, theirs, batch, ragged, options)),
                )
                runs = alternate(best, repeats=options.repeats)
                rows.append(
                    compare(
                        (best[0], runs[0]),
                        (best[1], runs[1]),
                        work=_name(ragged, options),
                        batch=batch,
                        unit=TOKENS_PER_SECOND,
                        machine=machine,
                    )
                )
    return rows


def _name(ragged: bool, options: argparse.Namespace) -> str:
    most = options.new_tokens
    sizes = f"{max(1, most // 8)} to {most}" if ragged else str(most)
    return f"training, completions of {sizes} tokens{contestants.dtype_suffix(options.dtype)}"


def _work(batch: int, ragged: bool, options: argparse.Namespace) -> dict[str, object]:
    return {
        "rollouts": batch,
        "group_size": min(batch, options.group_size),
        "completion_tokens": options.new_tokens,
        "ragged": ragged,
    }


def _ours(
    version: str, worker: Worker, batch: int, ragged: bool, options: argparse.Namespace
) -> Contestant:
    return Contestant(
        name="cogitate",
        version=version,
        call=worker.call,
        operation="train",
        arguments=_work(batch, ragged, options),
    )


def _peers(
    version: str, worker: Worker, batch: int, ragged: bool, options: argparse.Namespace
) -> list[Contestant]:
    return [
        Contestant(
            name="transformers",
            version=version,
            call=worker.call,
            operation="train",
            arguments={**_work(batch, ragged, options), "micro_batch": size},
            note=f"micro-batch {size}, no activation checkpointing, fused AdamW",
        )
        for size in sorted({min(size, batch) for size in options.micro_batches})
    ]


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = contestants.parser(__doc__, peers=("transformers",))
    parser.add_argument("--batches", type=int, nargs="+", default=[32])
    parser.add_argument("--micro-batches", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--new-tokens", type=int, default=workloads.NEW_TOKENS)
    parser.add_argument("--group-size", type=int, default=8)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = options_of()
    finish(measure(chosen), chosen)
