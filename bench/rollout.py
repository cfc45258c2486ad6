"""Rollouts per second with log-probabilities: ours against transformers and vLLM.

The same prompts, temperature 1, top_p 1, exactly --new-tokens new tokens for every sample (the end
token is ignored), in groups of --group-size samples per prompt as GRPO draws them. Every system
runs its variants once and is measured with the fastest. transformers' fastest may be the one that
returns no log-probabilities; then the row says so.

    python bench/rollout.py --batches 1 32 128 --repeats 5 --json rollout.json
"""

import argparse
import sys
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
    TOKENS_PER_SECOND,
    Contestant,
    alternate,
    compare,
    fastest,
    report_to_stderr,
)
from cogitate.bench.rows import Row
from cogitate.bench.workers import Worker

# Continuous batching gets a worker of its own: its cache (8 GB here) slows whatever follows it.
VARIANTS = {
    "transformers": ("logprobs", "plain"),
    "transformers-continuous": ("continuous",),
    "vllm": ("logprobs0", "logprobs1"),
}
DEFAULT_PEERS = ("transformers", "vllm")
NOTES = {
    "plain": "the peer returned no log-probabilities here; with them it was slower",
    "logprobs": "generate(output_logits=True), then log-softmax",
    "continuous": "generate_batch (continuous batching) with log-probabilities",
    "logprobs0": "with the sampled token's log-probability",
    "logprobs1": "with the sampled and the most likely token's log-probability",
}


def measure(options: argparse.Namespace, *, deadline: float = float("inf")) -> list[Row]:
    """A row for each batch and peer."""
    if options.quick:
        options.batches, options.new_tokens, options.repeats = [1, 8], 8, 1
    setup = load_options(options)
    rows: list[Row] = []
    with contestants.start("cogitate", options) as ours:
        version = ours_version(ours.call("setup", **setup, **our_options(options)))
        for name in options.peers:
            if expired(deadline):
                break
            rows += attempt(name, partial(_against, name, ours, version, setup, options, deadline))
    return rows


def _against(
    name: str,
    ours: Worker,
    version: str,
    setup: dict[str, Any],
    options: argparse.Namespace,
    deadline: float,
) -> list[Row]:
    report_to_stderr(f"rollouts against {name}: loading it")
    rows = []
    with contestants.start(name, options) as theirs:
        peer_version = theirs.call("setup", **setup)["version"]
        for batch in options.batches:
            if expired(deadline):
                break
            report_to_stderr(f"rollouts against {name}, batch {batch}")
            best = (
                fastest(_contestants("cogitate", version, ours, batch, options)),
                fastest(_contestants(name, peer_version, theirs, batch, options)),
            )
            runs = alternate(best, repeats=options.repeats)
            rows.append(
                compare(
                    (best[0], runs[0]),
                    (best[1], runs[1]),
                    work=f"rollouts with log-probs, {options.new_tokens} new tokens"
                    + contestants.dtype_suffix(options.dtype),
                    batch=batch,
                    unit=TOKENS_PER_SECOND,
                    machine=describe_machine(options.device),
                )
            )
    return rows


def _contestants(
    name: str, version: str, worker: Worker, batch: int, options: argparse.Namespace
) -> list[Contestant]:
    group_size = min(batch, options.group_size)
    work = {
        "prompts": [workloads.prompt(i) for i in range(batch // group_size)],
        "group_size": group_size,
        "new_tokens": options.new_tokens,
    }
    if name == "cogitate":
        return [
            Contestant(
                name=name, version=version, call=worker.call, operation="rollout", arguments=work
            )
        ]
    return [
        Contestant(
            name="vllm-cpu" if (name, options.device) == ("vllm", "cpu") else name,
            version=version,
            call=worker.call,
            operation="rollout",
            arguments={**work, "variant": variant},
            note=NOTES[variant],
        )
        for variant in VARIANTS[name]
    ]


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = contestants.parser(__doc__, peers=tuple(VARIANTS), default=DEFAULT_PEERS)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32, 128])
    parser.add_argument("--new-tokens", type=int, default=workloads.NEW_TOKENS)
    parser.add_argument("--group-size", type=int, default=8)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = options_of()
    finish(measure(chosen), chosen)
