"""Time, tokens and disk of a whole run, from its configuration and what calibration measured."""

from collections.abc import Mapping

from cogitate.calibration import Calibration
from cogitate.config import RunConfig
from cogitate.memory import checkpoint_bytes
from cogitate.models.config import ModelConfig
from cogitate.train.pace import times_due

Range = tuple[float, float]
"""(low, high): the true value is believed to lie between."""

TIME_UNCERTAINTY = 0.25
"""Relative error allowed for a measured speed: completions change while the policy learns."""
_DISK_BYTES_PER_SECOND = 300e6
_ROW_BYTES = 900
_ROW_BYTES_PER_TOKEN = 25


def completion_length(config: RunConfig, measured: Calibration | None) -> Range:
    """Tokens of a completion: as measured, or anything up to the limit."""
    if measured is not None:
        return measured.length_mean, measured.length_high
    return 1.0, float(config.sampling.max_tokens)


def completions_per_step(config: RunConfig) -> int:
    """Completions that one step samples: none in supervised fine-tuning."""
    is_rl = config.algorithm == "grpo"
    return config.grpo.problems_per_step * config.grpo.group_size if is_rl else 0


def evaluated_completions(config: RunConfig) -> int:
    """Completions of all evaluations of a run, the one before the first step included."""
    settings = config.eval
    times = 1 + times_due(settings.every, after=0, last=config.steps)
    per_problem = settings.samples + int(settings.greedy)
    return times * per_problem * settings.problems_per_task * len(config.tasks)


def sampled_tokens(config: RunConfig, measured: Calibration | None) -> Range:
    """Tokens sampled in the whole run, training and evaluation together."""
    total = config.steps * completions_per_step(config) + evaluated_completions(config)
    low, high = completion_length(config, measured)
    return total * low, total * high


def run_seconds(
    config: RunConfig, model: ModelConfig, measured: Calibration
) -> Mapping[str, Range]:
    """Seconds of one ``step``, of all ``steps``, ``evaluations`` and ``checkpoints``, in ``total``.

    step = sampled tokens / rollout speed + fixed + computed tokens / update speed

    The low end takes the measured length, leaves out the groups that were uninformative when they
    are skipped, and a quarter; the high end takes the high length, all groups, and adds a quarter.
    """
    low, high = completion_length(config, measured)
    decode = measured.rollout_tokens_per_second
    sampled = completions_per_step(config)
    is_skipping = bool(sampled) and config.grpo.uninformative_groups == "skip"
    informative = 1.0 - (measured.uninformative or 0.0) if is_skipping else 1.0
    step = _widened(
        sampled * low / decode + _update_seconds(config, measured, low, informative),
        sampled * high / decode + _update_seconds(config, measured, high, 1.0),
    )
    evaluated = evaluated_completions(config)
    saves = times_due(config.checkpoint.every, after=0, last=config.steps)
    saving = saves * checkpoint_bytes(model, config) / _DISK_BYTES_PER_SECOND
    parts = {
        "steps": (config.steps * step[0], config.steps * step[1]),
        "evaluations": _widened(evaluated * low / decode, evaluated * high / decode),
        "checkpoints": _widened(saving, saving),
    }
    total = (sum(part[0] for part in parts.values()), sum(part[1] for part in parts.values()))
    return {"step": step, **parts, "total": total}


def _update_seconds(config: RunConfig, measured: Calibration, length: float, share: float) -> float:
    """Seconds of one step's updates when a share of its groups is trained on."""
    if config.algorithm == "sft":
        updates, tokens = 1, config.sft.batch_size * (measured.prompt_mean + length)
    else:
        grpo = config.grpo
        updates = grpo.updates_per_step
        tokens = grpo.problems_per_step * (measured.prompt_mean + grpo.group_size * length)
    return updates * measured.update_fixed_seconds + share * tokens / (
        measured.update_tokens_per_second
    )


def disk_bytes(
    config: RunConfig, model: ModelConfig, measured: Calibration | None, *, prompt_tokens: int
) -> int:
    """Checkpoints (one more than is kept, while saving), the final model, and every rollout.

    A rollout row takes about 25 bytes a token (ids, log-probs, text) and 900 bytes beside.
    """
    saved = (config.checkpoint.keep + 1) * checkpoint_bytes(model, config)
    final = checkpoint_bytes(model, config)  # not larger than a checkpoint
    length = round(completion_length(config, measured)[1])
    row = _ROW_BYTES + _ROW_BYTES_PER_TOKEN * (prompt_tokens + length)
    rollouts = config.steps * completions_per_step(config) + evaluated_completions(config)
    return saved + final + rollouts * row


def _widened(low: float, high: float) -> Range:
    return low * (1 - TIME_UNCERTAINTY), high * (1 + TIME_UNCERTAINTY)
