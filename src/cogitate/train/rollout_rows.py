"""Rows of ``rollouts/*.jsonl``: all that someone may want to look up about one completion."""

from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.schema import Completion, Group, Problem, Prompt, Reward
from cogitate.text.chat import Chat
from cogitate.train.config import GRPOConfig
from cogitate.train.groups import select_groups


def rollout_row(
    *,
    step: int,
    problem: Problem,
    sample: int,
    prompt: Prompt,
    completion: Completion,
    reward: Reward,
    format_ok: bool,
    **extra: Any,
) -> dict[str, Any]:
    """One completion with its question, tokens, reward and gold answer, as plain values.

    Log-probabilities are in nats, rounded to 6 decimals; ``extra`` is put at the end.
    """
    return {
        "step": step,
        "problem_id": problem.id,
        "task": problem.task,
        "sample": sample,
        "question": problem.question,
        "prompt": prompt.text,
        "completion": completion.text,
        "prompt_ids": list(prompt.token_ids),
        "completion_ids": list(completion.token_ids),
        "logprobs": [round(logprob, 6) for logprob in completion.logprobs],
        "reward": reward.value,
        "parts": dict(reward.parts),
        "error": reward.error,
        "cause": reward.cause,
        "verdict": None if reward.status is None else reward.status.value,
        "parsed_answer": reward.parsed_answer,
        "gold": problem.answer,
        "format_ok": format_ok,
        "difficulty": problem.metadata.get("difficulty"),
        "finish_reason": completion.finish_reason.value,
        "policy_version": completion.policy_version,
        **extra,
    }


def step_rows(
    step: int, groups: Sequence[Group], chat: Chat, config: GRPOConfig
) -> list[dict[str, Any]]:
    """Rows of all rollouts of a step, in order of sampling.

    ``advantage`` is None for a rollout that was not trained on: its verifier failed, or its group
    was dropped or replaced.
    """
    advantages = rollout_advantages(groups, config)
    rows: list[dict[str, Any]] = []
    for group in groups:
        prompt = chat.render_prompt(group.problem)
        for sample, (rollout, reward) in enumerate(zip(group.rollouts, group.rewards, strict=True)):
            rows.append(
                rollout_row(
                    step=step,
                    problem=group.problem,
                    sample=sample,
                    prompt=prompt,
                    completion=rollout.completion,
                    reward=reward,
                    format_ok=chat.parse(rollout.completion).format_ok,
                    advantage=advantages.get(id(rollout)),
                )
            )
    return rows


def rollout_advantages(groups: Sequence[Group], config: GRPOConfig) -> Mapping[int, float]:
    """The advantage of every rollout that was trained on, by ``id(rollout)``."""
    kept, _ = select_groups(groups, config.uninformative_groups, wanted=config.problems_per_step)
    advantages = config.advantage.for_groups([group.reward_values() for group in kept])
    return {
        id(rollout): float(advantage)
        for group, values in zip(kept, advantages, strict=True)
        for rollout, advantage in zip(group.rollouts, values, strict=True)
    }
