"""A quick probe: what this machine can do, and how close rollouts and training come to it.

    roofline of decoding   B / max(B * (F + A * c) / R, (W + B * c * K) / M) tokens per second
    fraction in training   3 * (F_body * computed + F_head * scored) / seconds / R

with batch B, mean context c, F forward FLOPs a token, A attention FLOPs a token pair, W bytes of
weights, K bytes of keys and values a token, R the measured GEMM rate and M the measured read
bandwidth. The backward pass counts twice the forward. These are limits of this machine, measured
a moment earlier, not of its data sheet.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cogitate.bench.machine import describe_cpu
from cogitate.bench.summary import summarize
from cogitate.bench.training import computed_tokens, training_batch
from cogitate.engines.local import LocalEngine
from cogitate.models.info import ModelInfo, model_info
from cogitate.models.transformer import Transformer
from cogitate.models.weights import load_model
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.local import LocalPolicy
from cogitate.schema import Prompt, SamplingParams
from cogitate.train.losses import GRPOLoss

BATCH = 32
GROUP_SIZE = 8
PROMPT_TOKENS = 32
NEW_TOKENS = 32


def run(model_dir: Path, *, seconds: float = 20.0) -> dict[str, Any]:
    """Measure this machine and the model in ``model_dir`` on it, in about ``seconds``.

    Rates are medians of as many repetitions as fit; there is always at least one, so a large
    model on a slow machine takes longer.
    """
    start = time.perf_counter()
    model_dir = Path(model_dir)
    threads = torch.get_num_threads()
    try:
        gflops = {str(n): gemm_gflops(n, seconds=seconds * 0.05) for n in sorted({1, threads})}
    finally:
        torch.set_num_threads(threads)
    bandwidth = read_bandwidth(seconds=seconds * 0.05)
    info = model_info(model_dir)
    model = load_model(model_dir)
    peak = gflops[str(threads)]
    rollout = probe_rollout(model, info, gflops=peak, bandwidth=bandwidth, seconds=seconds * 0.4)
    training = probe_training(model, info, gflops=peak, seconds=seconds * 0.4)
    return {
        "machine": describe_cpu(),
        "torch": torch.__version__,
        "threads": threads,
        "parameters": info.parameters,
        "gemm_gflops": gflops,
        "read_gb_per_second": bandwidth,
        "rollout": rollout,
        "training": training,
        "seconds": time.perf_counter() - start,
    }


def gemm_gflops(threads: int, *, seconds: float, size: int = 1536) -> float:
    """Best rate of a float32 matrix product of ``size`` cubed on ``threads`` threads, GFLOP/s."""
    torch.set_num_threads(threads)
    left, right = torch.randn(size, size), torch.randn(size, size)
    out = torch.empty(size, size)
    best = min(_repeat(lambda: torch.mm(left, right, out=out), seconds))
    return 2 * size**3 / best / 1e9


def read_bandwidth(*, seconds: float, megabytes: int = 512) -> float:
    """Best rate of reading ``megabytes`` once, GB/s; about the size of a small model's weights."""
    data = torch.ones(megabytes * 2**20 // 4)
    best = min(_repeat(data.sum, seconds))
    return data.numel() * 4 / best / 1e9


def decode_roofline(
    info: ModelInfo, *, batch: int, context: float, gflops: float, bandwidth: float
) -> float:
    """Tokens per second that no decoder in float32 can exceed at this batch and mean context."""
    flops = batch * (info.flops_per_token + info.attention_flops_per_token_pair * context)
    read = 4 * info.parameters + batch * context * info.kv_bytes_per_token
    return batch / max(flops / (gflops * 1e9), read / (bandwidth * 1e9))


def training_flops(info: ModelInfo, *, computed: int, scored: int) -> float:
    """FLOPs that a forward and backward pass cannot do without; attention is left out (small)."""
    head = 2 * info.vocab_size * info.hidden_size
    return 3.0 * ((info.flops_per_token - head) * computed + head * scored)


def probe_rollout(
    model: Transformer, info: ModelInfo, *, gflops: float, bandwidth: float, seconds: float
) -> dict[str, Any]:
    """Sampled tokens per second with log-probs, prefill included, against the roofline."""
    engine = LocalEngine(model, lambda ids: "", slots=BATCH)
    prompts = [
        Prompt(token_ids=tuple(ids), text="", key=key)
        for key, ids in enumerate(_token_rows(BATCH // GROUP_SIZE, PROMPT_TOKENS, info.vocab_size))
    ]
    params = SamplingParams(max_tokens=NEW_TOKENS)
    times = _repeat(lambda: engine.generate(prompts, params, n=GROUP_SIZE), seconds)
    rate = BATCH * NEW_TOKENS / summarize(times).median
    roof = decode_roofline(
        info,
        batch=BATCH,
        context=PROMPT_TOKENS + NEW_TOKENS / 2,
        gflops=gflops,
        bandwidth=bandwidth,
    )
    kernels = type(engine.decoder).__name__.removesuffix("Decoder").lower()
    engine.close()
    return {
        "batch": BATCH,
        "kernels": kernels,
        "tokens_per_second": rate,
        "roofline_tokens_per_second": roof,
        "fraction_of_roofline": rate / roof,
        "runs": len(times),
    }


def probe_training(
    model: Transformer, info: ModelInfo, *, gflops: float, seconds: float
) -> dict[str, Any]:
    """Trained tokens per second (prompts and completions of all rollouts, AdamW included)."""
    completions = _token_rows(BATCH, NEW_TOKENS, info.vocab_size)
    prompts = _token_rows(BATCH // GROUP_SIZE, PROMPT_TOKENS, info.vocab_size)
    rows = [(prompts[i // GROUP_SIZE], ids) for i, ids in enumerate(completions)]
    batch, loss = training_batch(rows), GRPOLoss()
    # The rate is nearly 0, so that the probe may run on a model that someone goes on using.
    policy = LocalPolicy(model, OptimizerConfig(learning_rate=1e-12), total_updates=1_000_000)

    def step() -> None:
        policy.forward_backward(batch, loss, denominator=loss.denominator(batch))
        policy.optim_step()

    times = _repeat(step, seconds)
    median = summarize(times).median
    computed, scored = computed_tokens(rows)
    done = training_flops(info, computed=computed, scored=scored) / median / 1e9
    return {
        "batch": BATCH,
        "tokens_per_second": BATCH * (PROMPT_TOKENS + NEW_TOKENS) / median,
        "useful_gflops": done,
        "fraction_of_gemm": done / gflops,
        "runs": len(times),
    }


def _token_rows(count: int, length: int, vocabulary: int) -> list[list[int]]:
    draw = random.Random(f"{count}x{length}")
    return [[draw.randrange(vocabulary) for _ in range(length)] for _ in range(count)]


def _repeat(work: Callable[[], object], seconds: float) -> list[float]:
    """Wall times of repetitions within about ``seconds``: at least one, after one to warm up."""
    end = time.perf_counter() + seconds
    work()
    times: list[float] = []
    while not times or time.perf_counter() + times[-1] < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times
