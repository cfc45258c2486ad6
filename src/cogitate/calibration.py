"""A few real decoding and training passes, to know how long and how large a run will be.

The passes are ordinary steps of the run on a few of its problems, with completions cut short, on
weights that are thrown away. What they measure is scaled to the whole run:

    rollout  seconds per sampled token at about the run's batch size
    update   a fixed time (the optimizer) and a time per token that is computed: prompts, each
             once for its group, and completions; a step of few tokens gives the fixed part
    length   tokens a completion of the untrained model takes; the upper end assumes that
             completions cut short would have gone on to sampling.max_tokens
    memory   peak of the passes, plus what the formulae say a full step needs beyond them
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from cogitate.config import RunConfig
from cogitate.memory import peak_bytes, reset_peak
from cogitate.schema import Problem, SamplingParams, StepReport
from cogitate.train.components import Components
from cogitate.train.grpo import grpo_step
from cogitate.train.sft import sft_step

MAX_TOKENS = 64
"""Completions of the passes are cut at this many tokens."""
SAMPLED_TOKENS = 2048
"""Tokens that the passes sample at most, but a group in any case: enough for a full batch, and soon
done."""
EXAMPLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the passes measured. Lengths are tokens, ``peak_bytes`` is 0 where not measurable.

    ``config`` is the shortened configuration that was run, ``trained_tokens`` what its update
    computed: prompts once for each group, and completions.
    """

    config: RunConfig
    rollout_tokens_per_second: float
    update_tokens_per_second: float
    update_fixed_seconds: float
    prompt_mean: float
    length_mean: float
    length_high: float
    accuracy: float | None
    uninformative: float | None
    trained_tokens: int
    peak_bytes: int
    seconds: float


def calibrate(components: Components, config: RunConfig) -> Calibration:
    """Run the passes of a configuration's algorithm; its weights in memory change."""
    started = time.monotonic()
    if config.algorithm == "sft":
        return _calibrate_sft(components, config, started)
    return _calibrate_grpo(components, config, started)


def shortened(config: RunConfig) -> RunConfig:
    """The configuration of the passes: few problems, short completions, nothing skipped."""
    limit = min(MAX_TOKENS, config.sampling.max_tokens)
    wanted = SAMPLED_TOKENS // (config.grpo.group_size * limit)
    problems = max(1, min(config.grpo.problems_per_step, wanted))
    grpo = config.grpo.model_copy(
        update={
            "problems_per_step": problems,
            "uninformative_groups": "keep",
            "updates_per_step": 1,
        }
    )
    return config.model_copy(
        update={
            "grpo": grpo,
            "sft": config.sft.model_copy(update={"batch_size": min(EXAMPLES,
                                                                   config.sft.batch_size)}),
            "sampling": config.sampling.model_copy(update={"max_tokens": limit}),
            "eval": config.eval.model_copy(update={"problems_per_task": 1}),
        }
    )  # fmt: skip


def _step(components: Components, config: RunConfig, step: int, max_tokens: int) -> StepReport:
    def draw(count: int) -> Sequence[Problem]:
        start = (step - 1) * count
        return [components.mixture.problem("train", start + index) for index in range(count)]

    sampling = SamplingParams(
        max_tokens=max_tokens,
        temperature=config.sampling.temperature,
        top_p=config.sampling.top_p,
        top_k=config.sampling.top_k,
        stop_token_ids=tuple(components.chat.stop_token_ids),
        stop_strings=tuple(components.chat.stop_strings),
        seed=step,
    )
    return grpo_step(
        step,
        draw,
        rubric=components.rubric,
        chat=components.chat,
        placement=components.placement,
        config=config.grpo,
        sampling=sampling,
    )


def _calibrate_grpo(components: Components, config: RunConfig, started: float) -> Calibration:
    short = shortened(config)
    warm = short.model_copy(update={"grpo": short.grpo.model_copy(update={"problems_per_step": 1})})
    _step(components, warm, 1, max_tokens=2)  # first calls allocate and compile
    small = _step(components, warm, 2, max_tokens=2)
    reset_peak()
    report = _step(components, short, 3, max_tokens=short.sampling.max_tokens)
    metrics, seconds = report.metrics, report.seconds
    mean = metrics["completion/length_mean"]
    cut = metrics["completion/truncated_fraction"]
    fixed, rate = split_cost(
        (_computed(small), _update_seconds(small)), (_computed(report), _update_seconds(report))
    )
    return Calibration(
        config=short,
        rollout_tokens_per_second=metrics["tokens/completion"] / max(seconds["rollout"], 1e-9),
        update_tokens_per_second=rate,
        update_fixed_seconds=fixed,
        prompt_mean=metrics["tokens/prompt"] / sum(len(g.rollouts) for g in report.groups),
        length_mean=mean,
        length_high=mean + cut * (config.sampling.max_tokens - short.sampling.max_tokens),
        accuracy=metrics.get("reward/accuracy"),
        uninformative=metrics.get("group/uninformative_fraction"),
        trained_tokens=_computed(report),
        peak_bytes=peak_bytes(),
        seconds=time.monotonic() - started,
    )


def split_cost(small: tuple[int, float], large: tuple[int, float]) -> tuple[float, float]:
    """Fixed seconds and tokens per second from two measurements of (tokens, seconds).

    >>> split_cost((10, 1.5), (110, 2.5))
    (1.4, 100.0)
    """
    (few, quick), (many, long) = small, large
    slope = (long - quick) / (many - few) if many > few else 0.0
    if slope <= 0.0:  # noise: call all of it proportional
        return 0.0, many / max(long, 1e-9)
    return max(0.0, quick - slope * few), 1.0 / slope


def _computed(report: StepReport) -> int:
    """Tokens in the update's forward pass: the prompt once for each group, and completions."""
    prompts = sum(
        len(group.rollouts[0].token_ids) - len(group.rollouts[0].completion.token_ids)
        for group in report.groups
    )
    return int(report.metrics["tokens/completion"]) + prompts


def _update_seconds(report: StepReport) -> float:
    return report.seconds.get("update", 0.0) + report.seconds.get("logprobs", 0.0)


def _calibrate_sft(components: Components, config: RunConfig, started: float) -> Calibration:
    assert components.examples is not None
    short = shortened(config)
    count = short.sft.batch_size
    examples = [components.examples(index) for index in range(2 * count)]
    pad_id = components.chat.pad_id
    sft_step(1, examples[:1], placement=components.placement, pad_id=pad_id)
    small = sft_step(2, examples[:1], placement=components.placement, pad_id=pad_id)
    reset_peak()
    report = sft_step(3, examples[count:], placement=components.placement, pad_id=pad_id)
    mean = sum(len(completion) for _, completion in examples) / len(examples)
    few, many = (
        int(r.metrics["tokens/completion"] + r.metrics["tokens/prompt"]) for r in (small, report)
    )
    fixed, rate = split_cost((few, _update_seconds(small)), (many, _update_seconds(report)))
    return Calibration(
        config=short,
        rollout_tokens_per_second=_decoding_speed(components),
        update_tokens_per_second=rate,
        update_fixed_seconds=fixed,
        prompt_mean=sum(len(prompt) for prompt, _ in examples) / len(examples),
        length_mean=mean,
        length_high=mean,
        accuracy=None,
        uninformative=None,
        trained_tokens=many,
        peak_bytes=peak_bytes(),
        seconds=time.monotonic() - started,
    )


def _decoding_speed(components: Components) -> float:
    """Tokens per second of evaluation, which is all that supervised training decodes."""
    chat = components.chat
    prompts = [
        chat.render_prompt(components.mixture.problem("heldout", i)) for i in range(EXAMPLES)
    ]
    params = SamplingParams(max_tokens=16, seed=1)
    started = time.monotonic()
    rows = components.placement.engine.generate(prompts, params, n=1)
    tokens = sum(len(completion.token_ids) for row in rows for completion in row)
    return tokens / max(time.monotonic() - started, 1e-9)
