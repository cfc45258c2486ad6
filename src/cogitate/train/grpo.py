"""One GRPO step, top to bottom. Read schema.py first; then this; then batch.py and objective.py.

problems -> rollouts -> rewards -> advantages -> batch -> update -> new weights
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from cogitate.errors import EngineError
from cogitate.filesystem import crash_point
from cogitate.metrics import Stopwatch, merge, reduce, summarize_groups
from cogitate.models.packing import select_rows
from cogitate.protocols import Placement, Scoring
from cogitate.schema import Completion, Group, Metric, Problem, Prompt, SamplingParams, StepReport
from cogitate.text.chat import Chat
from cogitate.train.batch import collate_rollouts, minibatches, to_rollout, to_rollout_batch
from cogitate.train.config import GRPOConfig
from cogitate.train.groups import backward_rows, select_groups

ENGINE_MISMATCH = "engine/mismatch_nats"
Draw = Callable[[int], Sequence[Problem]]


def grpo_step(
    step: int,
    draw: Draw,
    *,
    rubric: Scoring,
    chat: Chat,
    placement: Placement,
    config: GRPOConfig,
    sampling: SamplingParams,
) -> StepReport:
    """Run one GRPO iteration and say what happened.

    Paper: DeepSeekMath (arXiv:2402.03300), Algorithm 1, inner loop, outcome supervision; with
    ``uninformative_groups = "resample"``, DAPO (arXiv:2503.14476), Algorithm 1.

    Args:
        draw: the next ``n`` problems of the training stream. A step takes
            ``config.problems_per_step``, and more of them when it resamples.
        sampling: its ``seed`` must differ from step to step.

    Raises:
        EngineError: an engine returned fewer than ``group_size`` completions for a prompt.
    """
    clock = Stopwatch()
    groups: list[Group] = []
    kept, selection = select_groups(groups, config.uninformative_groups)
    for _ in range(config.max_draws_per_step):
        problems = draw(config.problems_per_step)
        prompts = render_prompts(problems, chat, earlier=groups)
        groups += sample_groups(problems, prompts, rubric, placement, config, sampling, clock)
        kept, selection = select_groups(
            groups, config.uninformative_groups, wanted=config.problems_per_step
        )
        if not selection.missing:
            break

    update: dict[str, Metric] = {}
    if kept:
        update = update_policy(step, kept, chat, placement, config, clock)
    crash_point("update")
    with clock("sync"):
        version = placement.sync_weights()
    return StepReport(
        step=step,
        policy_version=version,
        metrics={**summarize_groups(groups), **selection.metrics(), **reduce(update)},
        seconds=clock.seconds,
        groups=tuple(groups),
    )


def render_prompts(
    problems: Sequence[Problem], chat: Chat, *, earlier: Sequence[Group]
) -> list[Prompt]:
    """A prompt for each problem; one that a step draws again gets other random numbers."""
    seen = Counter(group.problem.id for group in earlier)
    prompts: list[Prompt] = []
    for problem in problems:
        prompt = chat.render_prompt(problem)
        prompts.append(replace(prompt, key=(prompt.key + seen[problem.id]) % 2**64))
        seen[problem.id] += 1
    return prompts


def sample_groups(
    problems: Sequence[Problem],
    prompts: Sequence[Prompt],
    rubric: Scoring,
    placement: Placement,
    config: GRPOConfig,
    sampling: SamplingParams,
    clock: Stopwatch,
) -> list[Group]:
    """Sample ``group_size`` completions of every problem and score them: P problems -> P groups.

    Verifiers that take time begin with a completion as soon as it ends; the "reward" phase is what
    is left to wait for.
    """

    def begin(prompt: int, _sample: int, completion: Completion) -> None:
        rubric.begin(problems[prompt], completion)

    with clock("rollout"):
        completions = placement.engine.generate(
            prompts, sampling, n=config.group_size, on_finish=begin
        )
    crash_point("rollout")
    groups: list[Group] = []
    with clock("reward"):
        for problem, prompt, samples in zip(problems, prompts, completions, strict=True):
            if len(samples) != config.group_size:
                raise EngineError(
                    f"sampling {problem.id}: the engine returned {len(samples)} completions, "
                    f"expected grpo.group_size = {config.group_size}. Check the engine's limits."
                )
            rollouts = tuple(to_rollout(problem.id, prompt, c) for c in samples)
            rewards = tuple(rubric.score(problem, samples))
            groups.append(Group(problem=problem, rollouts=rollouts, rewards=rewards))
    crash_point("reward")
    return groups


def update_policy(
    step: int,
    groups: Sequence[Group],
    chat: Chat,
    placement: Placement,
    config: GRPOConfig,
    clock: Stopwatch,
) -> dict[str, Metric]:
    """Advantages, batch, and ``updates_per_step`` optimizer updates on it."""
    policy, reference, metrics = placement.policy, placement.reference, dict[str, Metric]()
    advantages = config.advantage.for_groups([group.reward_values() for group in groups])
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    tokens = collate_rollouts(rollouts, pad_id=chat.pad_id)

    with clock("logprobs"):  # pi_theta_old and pi_ref, before any update
        recompute = config.old_logprobs == "recompute"
        old_logprobs = policy.logprobs(tokens) if recompute else None
        ref_logprobs = reference.logprobs(tokens) if reference is not None else None
    batch = to_rollout_batch(
        tokens, groups, advantages, old_logprobs=old_logprobs, ref_logprobs=ref_logprobs
    )

    trained = 0.0
    with clock("update"):
        for number, minibatch in enumerate(minibatches(batch, config.updates_per_step, seed=step)):
            denominator = config.loss.denominator(minibatch)
            rows = backward_rows(minibatch, config.loss, config.uninformative_groups)
            if rows.any():
                active = select_rows(minibatch, rows)
                out = policy.forward_backward(active, config.loss, denominator=denominator)
                # After the first update the policy has moved: what differs is no longer the engine.
                merge(
                    metrics,
                    {n: m for n, m in out.metrics.items() if not number or n != ENGINE_MISMATCH},
                )
                merge(metrics, {"policy/loss": Metric(total=float(out.loss), weight=1.0)})
                trained += float(active.completion_mask.sum())
            crash_point("backward")
            merge(metrics, policy.optim_step())
    return merge(metrics, {"tokens/trained": Metric(total=trained, weight=1.0)})
