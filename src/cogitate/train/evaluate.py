"""Held-out accuracy: the same problems every time, greedy and sampled, always with an interval."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from cogitate.errors import DataError
from cogitate.eval.estimators import bootstrap_interval, wilson_interval
from cogitate.insight.words import reflection_counts
from cogitate.metrics import ACCURACY_PART
from cogitate.protocols import RolloutEngine, Scoring
from cogitate.rewards.config import RewardConfig
from cogitate.rewards.rubric import Rubric
from cogitate.schema import Completion, EvalResult, FinishReason, Problem, SamplingParams
from cogitate.tasks.hashing import hash64
from cogitate.tasks.mixture import Mixture
from cogitate.text.chat import Chat
from cogitate.train.rollout_rows import rollout_row

Mode = Literal["greedy", "sampled"]
ALL = "all"


def evaluation_seed(run_seed: int) -> int:
    """The sampling seed of all evaluations of a run, in it and after it: figures repeat."""
    return hash64("evaluation", run_seed)


@runtime_checkable
class EvalSettings(Protocol):
    """The ``[eval]`` section of a configuration."""

    @property
    def problems_per_task(self) -> int:
        """Held-out problems of each task."""
        ...

    @property
    def samples(self) -> int:
        """Samples per problem at temperature 1; 0 leaves this mode out."""
        ...

    @property
    def greedy(self) -> bool:
        """Whether to decode greedily too."""
        ...


def held_out_problems(mixture: Mixture, per_task: int) -> dict[str, list[Problem]]:
    """The first ``per_task`` held-out problems of every task; they never change during a run.

    Raises:
        DataError: a task has none: 0 of 0 is not a result.
    """
    problems = {name: mixture.held_out(name, per_task) for name in mixture.tasks}
    without = [name for name, found in problems.items() if not found]
    if without and per_task > 0:
        raise DataError(
            f"evaluating: the tasks {', '.join(without)} have no held-out problems. Give them more "
            "rows (15 % are held out) or a held_out_path."
        )
    return problems


def evaluate(
    problems: Mapping[str, Sequence[Problem]],
    *,
    rubric: Scoring,
    chat: Chat,
    engine: RolloutEngine,
    step: int,
    config: EvalSettings,
    max_tokens: int,
    seed: int = 0,
) -> tuple[list[EvalResult], list[dict[str, Any]]]:
    """Accuracy by task and over all problems, and the rollouts it was computed from.

    accuracy = fraction of completions whose parsed answer the task's verifier scores 1.0

    It is not the training reward: format and length do not count (``accuracy_rubric`` says what of
    the training rubric stays). Greedy decoding gives one completion a problem, Wilson's interval;
    sampling is at temperature 1, without truncation of the distribution, ``config.samples`` a
    problem, with a bootstrap over problems (Wilson's for one sample). Completions that could not be
    verified are left out of both.

    Args:
        problems: by task name, as ``held_out_problems``.
        seed: fixes the samples. The same seed at every step makes the curve smoother: what changes
            between two evaluations is the policy and not the luck of the draw.
    """
    results: list[EvalResult] = []
    rows: list[dict[str, Any]] = []
    rubric = accuracy_rubric(rubric)
    every = [problem for of_task in problems.values() for problem in of_task]

    def begin(prompt: int, _sample: int, completion: Completion) -> None:
        rubric.begin(every[prompt], completion)

    for mode, samples in _modes(config):
        params = SamplingParams(
            max_tokens=max_tokens,
            temperature=0.0 if mode == "greedy" else 1.0,
            stop_token_ids=tuple(chat.stop_token_ids),
            stop_strings=tuple(chat.stop_strings),
            seed=seed,
        )
        completions = engine.generate(
            [chat.render_prompt(p) for p in every],
            params,
            n=samples,
            on_finish=begin,
        )
        sampled = [
            row
            for problem, of_problem in zip(every, completions, strict=True)
            for row in _problem_rows(step, problem, of_problem, mode=mode, rubric=rubric, chat=chat)
        ]
        rows += sampled
        results += accuracies(sampled, step=step, mode=mode, samples=samples, tasks=list(problems))
    return results, rows


def accuracy_rubric(rubric: Scoring) -> Scoring:
    """A rubric that scores what the verifier says of the parsed answer and little else.

    A training rubric may refuse right answers in a wrong format; accuracy does not. Completions
    that were cut off count as wrong wherever training does not reward them either: the last number
    of a text that never ends is often right by chance. They are never masked, which would flatter
    a policy that never ends.
    """
    if not isinstance(rubric, Rubric):
        return rubric
    truncated = "score" if rubric.config.truncated == "score" else "zero"
    settings = RewardConfig(format_mode=rubric.config.format_mode, truncated=truncated)
    accuracy = Rubric(rubric.tasks, rubric.chat, settings)
    accuracy.verification = rubric.verification  # its threads, which end with the training rubric
    return accuracy


def _modes(config: EvalSettings) -> list[tuple[Mode, int]]:
    modes: list[tuple[Mode, int]] = [("greedy", 1)] if config.greedy else []
    return [*modes, ("sampled", config.samples)] if config.samples else modes


def _problem_rows(
    step: int,
    problem: Problem,
    completions: Sequence[Completion],
    *,
    mode: Mode,
    rubric: Scoring,
    chat: Chat,
) -> list[dict[str, Any]]:
    prompt = chat.render_prompt(problem)
    scored = zip(completions, rubric.score(problem, completions), strict=True)
    return [
        rollout_row(
            step=step,
            problem=problem,
            sample=sample,
            prompt=prompt,
            completion=completion,
            reward=reward,
            advantage=None,
            format_ok=chat.parse(completion).format_ok,
            mode=mode,
        )
        for sample, (completion, reward) in enumerate(scored)
    ]


def accuracies(
    rows: Sequence[Mapping[str, Any]], *, step: int, mode: Mode, samples: int, tasks: Sequence[str]
) -> list[EvalResult]:
    """Accuracy with its 95 % interval from the rollout rows of one mode, by task and for all."""
    by_task: dict[str, dict[str, list[float]]] = {task: defaultdict(list) for task in tasks}
    for row in rows:
        if row["error"] is None:
            score = float(row["parts"].get(ACCURACY_PART) == 1.0)
            by_task[row["task"]][row["problem_id"]].append(score)
    pooled = {
        problem: scores for of_task in by_task.values() for problem, scores in of_task.items()
    }
    return [
        _accuracy(scores, step=step, mode=mode, samples=samples, task=task)
        for task, scores in [*by_task.items(), (ALL, pooled)]
    ]


def _accuracy(
    scores: Mapping[str, Sequence[float]], *, step: int, mode: Mode, samples: int, task: str
) -> EvalResult:
    means = [math.fsum(values) / len(values) for values in scores.values()]
    if samples == 1 or not means:
        interval = wilson_interval(math.fsum(means), len(means))
    else:
        interval = bootstrap_interval(means, seed=0)
    return EvalResult(
        step=step,
        task=task,
        mode=mode,
        metric="accuracy",
        value=math.fsum(means) / len(means) if means else 0.0,
        ci95=interval,
        num_problems=len(means),
        samples_per_problem=samples,
    )


def details(rows: Sequence[Mapping[str, Any]], *, task: str, mode: Mode) -> dict[str, float]:
    """What else the rollouts of one task (or "all") and mode show.

    ``format``, ``truncated`` and ``verifier_error`` are fractions of completions; ``length_mean``
    is in tokens; ``reflection_per_1k`` is reflective words per 1,000 tokens.
    """
    chosen = [row for row in rows if row["mode"] == mode and task in (ALL, row["task"])]
    if not chosen:
        return {}
    lengths = [len(row["completion_ids"]) for row in chosen]
    texts = [row["completion"] for row in chosen]
    number = len(chosen)
    return {
        "format": sum(row["format_ok"] for row in chosen) / number,
        "truncated": sum(row["finish_reason"] == FinishReason.LENGTH for row in chosen) / number,
        "verifier_error": sum(row["error"] is not None for row in chosen) / number,
        "length_mean": sum(lengths) / number,
        "reflection_per_1k": reflection_counts(texts, lengths).reflective.per_1k_tokens,
    }
