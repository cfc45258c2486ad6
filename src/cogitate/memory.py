"""How much memory a run needs, from its configuration and the architecture alone.

With N parameters of which N_t are trained, w bytes a weight, L layers, d hidden size, q and k the
widths of all query and all key-value heads, f the MLP's width, V the vocabulary:

    weights       w * N
    gradients     4 * N_t                           float32
    optimizer     8 * N_t                           two float32 moments
    reference     w * N                             only if the loss has kl_coef > 0
    KV cache      2 * w * L * k * S * C             S slots and prompt slots of C tokens each
    activations   w * L * (4d + 5q + 5k + 4f) * T   T tokens in a micro-batch, nothing recomputed
    head          3 * 4 * V * H                     logits, their exponentials and gradients for
                                                    a chunk of H tokens; never for all tokens
    program       0.45 GB                           Python, torch and its libraries

The activation formula counts what autograd keeps of one layer: two norms' inputs and outputs, the
queries, keys and values as projected, rotated and gathered, the attention output, the gated MLP.
It was derived from the code, so calibration on the real model (``cogitate plan``) corrects it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cogitate.models.info import count_parameters

if TYPE_CHECKING:
    from cogitate.config import RunConfig
    from cogitate.models.config import ModelConfig

PROGRAM_BYTES = 450_000_000
HEAD_CHUNK_TOKENS = 512
UNCERTAINTY = 0.25
"""Relative error allowed for an estimate that was not calibrated."""

_WIDTH = {"float32": 4, "bfloat16": 2}


def trained_parameters(model: "ModelConfig", *, train_embedding: bool) -> int:
    """Parameters that learn: all, or all but the embedding (and the head tied to it)."""
    total, _ = count_parameters(model)
    return total if train_embedding else total - model.vocab_size * model.hidden_size


def kv_bytes_per_token(model: "ModelConfig", width: int = 4) -> int:
    """Keys and values of one token in all layers, in bytes."""
    return 2 * width * model.num_layers * model.num_kv_heads * model.head_dim


def activation_bytes_per_token(model: "ModelConfig", width: int = 4) -> int:
    """What autograd keeps of one trained token, in bytes; see the module's formula."""
    queries, keys = model.num_heads * model.head_dim, model.num_kv_heads * model.head_dim
    floats = 4 * model.hidden_size + 5 * queries + 5 * keys + 4 * model.intermediate_size
    return width * model.num_layers * floats


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Bytes by purpose; sampling and training do not overlap, so the peak takes the larger."""

    parts: Mapping[str, int]
    uncertainty: float = UNCERTAINTY

    @property
    def peak(self) -> int:
        """The predicted peak in bytes."""
        both = {"kv_cache", "activations", "head"}
        resident = sum(value for name, value in self.parts.items() if name not in both)
        training = self.parts["activations"] + self.parts["head"]
        # Sampling keeps its cache between calls, so it is still there while training.
        return resident + self.parts["kv_cache"] + training

    @property
    def interval(self) -> tuple[int, int]:
        """The range in which the peak is expected."""
        slack = self.peak * self.uncertainty
        return round(self.peak - slack), round(self.peak + slack)


def estimate_memory(
    model: "ModelConfig",
    config: "RunConfig",
    *,
    prompt_tokens: int,
    trained_tokens: int | None = None,
) -> MemoryEstimate:
    """Predicted memory of a run.

    Args:
        prompt_tokens: tokens of the longest prompt.
        trained_tokens: tokens that a step trains on; as many as it can when left out.
    """
    width = _WIDTH[config.model.dtype]
    total, _ = count_parameters(model)
    trained = trained_parameters(model, train_embedding=config.model.train_embedding)
    is_rl = config.algorithm == "grpo"
    tokens = trained_tokens or step_tokens(config, prompt_tokens)
    budget = config.grpo.micro_batch_tokens if is_rl else config.sft.micro_batch_tokens
    has_reference = is_rl and config.grpo.loss.kl_coef > 0
    return MemoryEstimate(
        parts={
            "program": PROGRAM_BYTES,
            "weights": width * total,
            "gradients": 4 * trained,
            "optimizer": 8 * trained,
            "reference": width * total if has_reference else 0,
            "kv_cache": cache_tokens(config, prompt_tokens) * kv_bytes_per_token(model, width),
            "activations": activation_bytes_per_token(model, width) * min(budget, tokens),
            "head": 3 * 4 * model.vocab_size * HEAD_CHUNK_TOKENS,
        }
    )


def cache_tokens(config: "RunConfig", prompt_tokens: int) -> int:
    """Token places of the largest KV cache: slots and prompt slots, in training or evaluation."""
    capacity = max(prompt_tokens, config.sampling.max_tokens)
    shapes = [(config.eval.problems_per_task * len(config.tasks), max(1, config.eval.samples))]
    if config.algorithm == "grpo":
        shapes.append((config.grpo.problems_per_step, config.grpo.group_size))
    sizes = []
    for prompts, samples in shapes:
        slots = min(config.engine.slots, prompts * samples)
        sizes.append(slots + min(prompts, slots + 1))
    return max(sizes) * capacity


def step_tokens(config: "RunConfig", prompt_tokens: int) -> int:
    """The most tokens that one step can train on; prompts of a group are shared."""
    longest = config.sampling.max_tokens
    if config.algorithm == "sft":
        return config.sft.batch_size * (prompt_tokens + longest)
    return config.grpo.problems_per_step * (prompt_tokens + config.grpo.group_size * longest)


def checkpoint_bytes(model: "ModelConfig", config: "RunConfig") -> int:
    """One checkpoint: weights and, of what learns, two moments."""
    total, _ = count_parameters(model)
    trained = trained_parameters(model, train_embedding=config.model.train_embedding)
    return _WIDTH[config.model.dtype] * total + 8 * trained


# ----------------------------------------------------------------------------- this machine


def available_bytes(root: Path = Path("/")) -> int | None:
    """Memory that a new process may use: the kernel's estimate, or less inside a container.

    None where the system does not say.
    """
    free = _meminfo(root / "proc/meminfo").get("MemAvailable")
    if free is None:
        return _physical_bytes() if root == Path("/") else None
    limit, used = (_number(root / f"sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if limit is not None and used is not None:
        free = min(free, max(0, limit - used))
    return free


def _meminfo(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if len(words) == 3}


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _physical_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def resident_bytes() -> int:
    """Memory of this process now, in bytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def reset_peak() -> None:
    """Forget this process's peak, so that :func:`peak_bytes` measures from here (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_bytes() -> int:
    """Largest memory of this process since :func:`reset_peak`, in bytes; 0 if not known."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    row = next((line for line in lines.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(row.split()[1]) * 1024
