"""A full GRPO step: ours against TRL's GRPOTrainer, at equal work.

Rollouts, rewards, loss, backward and AdamW; the same problems in the same order, 4 problems x 8
rollouts of at most 64 new tokens, fp32, learning rate 1e-6, no KL term, one update per step. The
reward is the length of the text, so that every group differs and none can be left out. TRL is
measured as it comes (activation checkpointing) and tuned (micro-batch 8 and 32, none). Sampling
makes the completions differ, so tokens per step are reported and a second row normalises by them.
Ours with uninformative groups skipped, rewarded for the exact answer, is printed beside it.

    python bench/grpo_step.py --repeats 5 --json grpo_step.json
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import contestants
from contestants import (
    attempt,
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
    SECONDS,
    SECONDS_PER_1K,
    Contestant,
    alternate,
    compare,
    report_to_stderr,
)
from cogitate.bench.rows import Row
from cogitate.bench.summary import summarize
from cogitate.bench.workers import Worker

LEARNING_RATE = 1e-6
PEERS = {
    "trl-default": ("TRL (default)", 8, True, "micro-batch 8, activation checkpointing"),
    "trl-8": ("TRL (micro-batch 8)", 8, False, "tuned: no activation checkpointing"),
    "trl-32": ("TRL (micro-batch 32)", 32, False, "tuned: no activation checkpointing"),
}


def measure(options: argparse.Namespace, *, deadline: float = float("inf")) -> list[Row]:
    """Three rows for each peer: seconds, seconds per 1,000 tokens, seconds with skipping."""
    if options.quick:
        options.problems, options.group_size, options.new_tokens = 2, 4, 8
        options.repeats = 1
    rows: list[Row] = []
    setup = load_options(options) | {
        "problems": options.problems,
        "group_size": options.group_size,
        "new_tokens": options.new_tokens,
        "learning_rate": LEARNING_RATE,
    }
    for name in options.peers:
        if expired(deadline):
            return rows
        rows += attempt(name, partial(_against, name, setup, options))
    return rows


def _against(name: str, setup: dict[str, Any], options: argparse.Namespace) -> list[Row]:
    # A fresh pair for each peer: every worker sees the same problems from the first on, and two
    # trainers of 5 and 12 GB need not fit beside each other.
    with (
        contestants.start("cogitate", options) as ours,
        contestants.start("trl", options) as theirs,
    ):
        report_to_stderr(f"GRPO step against {name}: loading")
        version = ours_version(ours.call("setup", **setup, **our_options(options)))
        return _pair(name, version, ours, theirs, setup, options)


def _pair(
    name: str,
    version: str,
    ours: Worker,
    theirs: Worker,
    setup: dict[str, Any],
    options: argparse.Namespace,
) -> list[Row]:
    shown, micro_batch, checkpointing, note = PEERS[name]
    rollouts = options.problems * options.group_size
    peer_version = theirs.call(
        "setup", **setup, micro_batch=min(micro_batch, rollouts), checkpointing=checkpointing
    )["version"]
    step = {"version": version, "call": ours.call, "operation": "step"}
    keep = Contestant(name="cogitate", arguments={"variant": "keep"}, **step)
    skip = Contestant(name="cogitate, skipping", arguments={"variant": "skip"}, **step)
    peer = Contestant(
        name=shown, version=peer_version, call=theirs.call, operation="step", note=note
    )
    for contestant in (keep, skip, peer):
        report_to_stderr(f"  warm-up {contestant.name}: {contestant.run()['seconds']:.2f} s")
    kept, skipped, trl = alternate((keep, skip, peer), repeats=options.repeats)
    _report_tokens(name, kept, trl)
    machine = describe_machine(options.device)
    size = f"{options.problems} x {options.group_size} rollouts, {options.new_tokens} new tokens"
    size += contestants.dtype_suffix(options.dtype)
    pairs = (
        (keep, kept, SECONDS, f"GRPO step, {size}"),
        (keep, kept, SECONDS_PER_1K, f"GRPO step, {size}"),
        (skip, skipped, SECONDS, f"GRPO step, {size}, ours skips uninformative groups"),
    )
    return [
        compare((us, runs), (peer, trl), work=work, batch=rollouts, unit=unit, machine=machine)
        for us, runs, unit, work in pairs
    ]


def _report_tokens(
    name: str, ours: Sequence[dict[str, Any]], peer: Sequence[dict[str, Any]]
) -> None:
    mine = summarize([m["tokens"] for m in ours]).median
    theirs = summarize([m["tokens"] for m in peer]).median
    report_to_stderr(f"  tokens a step: ours {mine:.0f}, {name} {theirs:.0f}")
    for runs, who in ((ours, "ours"), (peer, name)):
        informative = [m["informative_groups"] for m in runs]
        report_to_stderr(f"  groups with an advantage, {who}: {informative}")


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = contestants.parser(__doc__, peers=tuple(PEERS))
    parser.add_argument("--problems", type=int, default=4)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--new-tokens", type=int, default=workloads.NEW_TOKENS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = options_of()
    finish(measure(chosen), chosen)
