"""The benchmarks on one CUDA device, in one run of at most nine minutes.

Rollouts at batch 64, 256 and 1024, trained tokens per second with MFU, and a GRPO step, against
transformers and TRL where this interpreter's environment has them (no virtual environment is made).
Rows are written after every comparison, so that a run that is cut off still counts.

    python bench/gpu.py --json gpu.json                         on the GPU machine
    python bench/run_all.py --add gpu.json                      afterwards, in the checkout
    python bench/gpu.py --device cpu --quick --model random-tiny --json /tmp/x.json    try it out
"""

import argparse
import importlib.util
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import contestants
import grpo_step
import rollout
import train
from cogitate.bench.contest import report_to_stderr
from cogitate.bench.quick import training_flops
from cogitate.bench.rows import Row, markdown_table
from cogitate.errors import CogitateError
from cogitate.models.info import model_info

# Dense bfloat16, without sparsity, from the makers' data sheets (TFLOP/s).
NOMINAL_TFLOPS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0}


def main() -> int:
    parser = argparse.ArgumentParser(description="benchmarks on one CUDA device")
    parser.add_argument("--model", default="smollm2-135m", help="or random-135m: same speed")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=540.0, help="start nothing after this")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"))
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        print("no CUDA device here; --device cpu --quick tries the script out", file=sys.stderr)
        return 3
    deadline = time.monotonic() + options.seconds
    facts = {"gemm_tflops": gemm_tflops(options.device, options.dtype, options.quick)}
    report_to_stderr(f"matrix products in {options.dtype}: {facts['gemm_tflops']:.1f} TFLOP/s")
    rows: list[Row] = []
    for name, arguments in sections(options):
        if time.monotonic() > deadline:
            report_to_stderr(f"{name}: left out, {options.seconds:.0f} s are over")
            continue
        script = {"rollout": rollout, "train": train, "grpo_step": grpo_step}[name]
        chosen = script.options_of(common(options) + arguments)
        try:
            rows += script.measure(chosen, deadline=deadline)
        except CogitateError as error:
            # What the other sections measure is still worth having.
            report_to_stderr(f"{name} failed: {error}")
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    facts |= utilisation(rows, options, facts["gemm_tflops"])
    print(markdown_table(rows))
    print(json.dumps(facts, indent=1))
    return 0 if rows else 1


def common(options: argparse.Namespace) -> list[str]:
    """Arguments of every section."""
    shared = ["--model", options.model, "--device", options.device, "--dtype", options.dtype]
    return [*shared, "--repeats", str(options.repeats), "--here"] + ["--quick"] * options.quick


def sections(options: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """What to run, most important first; only peers that can be imported here."""
    chosen = []
    if _installed("transformers"):
        chosen += [
            ("rollout", ["--peers", "transformers", "--new-tokens", "128", "--batches", "64"]),
            ("train", ["--batches", "256", "--micro-batches", "32", "128", "--new-tokens", "128"]),
            ("rollout", ["--peers", "transformers", "--new-tokens", "128", "--batches", "256"]),
            ("rollout", ["--peers", "transformers", "--new-tokens", "128", "--batches", "1024"]),
        ]
    if _installed("trl") and _installed("datasets"):
        grpo = ["--problems", "8", "--group-size", "8", "--new-tokens", "128"]
        chosen.append(("grpo_step", ["--peers", "trl-32", *grpo]))
    else:
        report_to_stderr("TRL or datasets is not installed here: no GRPO step to compare with")
    if _installed("vllm"):
        chosen.append(("rollout", ["--peers", "vllm", "--new-tokens", "128", "--batches", "256"]))
    return chosen


def gemm_tflops(device: str, dtype: str, quick: bool) -> float:
    """Measured rate of a large matrix product: what utilisation is a fraction of."""
    size = 512 if quick else 8192
    left, right = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)),) * 2
    torch.mm(left, right)
    best = float("inf")
    for _ in range(5):
        _synchronize(device)
        start = time.perf_counter()
        torch.mm(left, right)
        _synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e12


def utilisation(rows: list[Row], options: argparse.Namespace, measured: float) -> dict[str, Any]:
    """Model FLOPs utilisation of training, 6N a token as everybody counts it, ours and the peer's.

    Ours computes shared prompts once, so its figure may exceed what the device really does.
    """
    directory = contestants.model_directory(options.model)
    info = model_info(directory)
    per_token = training_flops(info, computed=1, scored=1)
    nominal = next(
        (v for k, v in NOMINAL_TFLOPS.items() if options.device != "cpu" and k in _device_name()),
        None,
    )
    found = {}
    for row in rows:
        if not row.work.startswith("training"):
            continue
        for who, value in (("ours", row.ours), (row.peer, row.peer_value)):
            tflops = value * per_token / 1e12
            found[f"{row.work}, {who}"] = {
                "tokens_per_second": value,
                "tflops": tflops,
                "fraction_of_measured_gemm": tflops / measured,
                "mfu_of_data_sheet": tflops / nominal if nominal else None,
            }
    return {"utilisation": found}


def _device_name() -> str:
    return torch.cuda.get_device_name()


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
