"""The rubric: all reward parts of a completion, their weighted sum, and what cannot be judged.

    value = sum over parts of weight * part

A failure to judge is not a judgement. When the verifier or a custom reward fails, the reward
carries ``error`` and the rollout leaves its group before the mean is taken; no failure becomes 0.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cogitate.errors import ConfigError, RewardError
from cogitate.protocols import Task
from cogitate.rewards.calling import Failure, Score
from cogitate.rewards.config import (
    CosineLengthConfig,
    RelativeLengthConfig,
    RewardConfig,
    TokenCostConfig,
)
from cogitate.rewards.control import coin_flip
from cogitate.rewards.custom import CustomReward
from cogitate.rewards.format import format_reward
from cogitate.rewards.language import language_reward
from cogitate.rewards.length import (
    cosine_reward,
    overlong_penalty,
    relative_rewards,
    repetition_penalty,
    token_cost,
)
from cogitate.rewards.verification import Verification
from cogitate.schema import Completion, FinishReason, Problem, Reward
from cogitate.text.chat import Chat
from cogitate.text.think import Parsed
from cogitate.verdict import Verdict

BUILT_IN_PARTS = ("accuracy", "format", "overlong", "length", "repetition", "language", "random")
MASKED = "masked: "
"""Beginning of ``Reward.error`` when a rollout is left out on purpose and nothing failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPart:
    """A part that a model gives: a reward model or a judge, built by the registry.

    ``tasks`` are those whose completions it scores (none named: all); elsewhere it is 0.
    ``last_steps``: it counts only in so many last steps of a run (DeepSeek-R1 section 3.2.2 adds
    preference rewards for the last 400 of 1,700 steps, since longer use is hacked); 0: always.
    """

    name: str
    weight: float
    reward: Callable[[Problem, Sequence[Completion]], Sequence[Score | None]]
    tasks: tuple[str, ...] = ()
    last_steps: int = 0
    meaning: str = ""
    close: Callable[[], None] = lambda: None


@dataclass(slots=True)
class _Sheet:
    """The marks of one completion while they are being collected."""

    completion: Completion
    parsed: Parsed
    parts: dict[str, float] = field(default_factory=dict[str, float])
    error: str | None = None
    cause: str = ""
    verdict: Verdict | None = None

    @property
    def length(self) -> int:
        return len(self.completion.token_ids)

    @property
    def truncated(self) -> bool:
        return self.completion.finish_reason is FinishReason.LENGTH

    def fail(self, cause: str, reason: str) -> None:
        """Remember why this completion cannot be judged; the first reason stays."""
        if self.error is None:
            self.error, self.cause = reason, cause


class Rubric:
    """Scores all completions of one problem.

    ``parts`` of a reward always hold "accuracy" and "format", also with weight 0, so that both
    are logged; the other parts appear when they are configured.

    Raises:
        ConfigError: a custom reward cannot be loaded, or two parts have one name.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        chat: Chat,
        config: RewardConfig | None = None,
        *,
        models: Sequence[ModelPart] = (),
    ) -> None:
        self.tasks = tasks
        self.chat = chat
        self.config = config or RewardConfig()
        self.custom = tuple(CustomReward(custom) for custom in self.config.custom)
        self.models = tuple(models)
        self.weights = self._weights()
        self.verification = Verification(tasks)
        self._steps_left: int | None = None

    def at_step(self, step: int, *, last: int) -> None:
        """Say which step comes next; parts with ``last_steps`` count only near the last one."""
        self._steps_left = last - step + 1

    def begin(self, problem: Problem, completion: Completion) -> None:
        """Start to verify a completion that has just ended, if its verifier takes time."""
        answer = self.chat.parse(completion, self._parse_mode).answer
        self.verification.begin(problem, answer)

    def close(self) -> None:
        """End what works beside this process."""
        self.verification.close()
        for part in (*self.custom, *self.models):
            part.close()

    def score(self, problem: Problem, completions: Sequence[Completion]) -> tuple[Reward, ...]:
        """One reward for each completion, in order.

        Raises:
            RewardError: no task of the rubric has the problem's name.
        """
        if problem.task not in self.tasks:
            raise RewardError(
                f"problem {problem.id}: its task {problem.task!r} is not in the rubric, which has "
                f"{', '.join(self.tasks) or 'none'}. Give the rubric all tasks of the mixture."
            )
        sheets = [_Sheet(c, self.chat.parse(c, self._parse_mode)) for c in completions]
        self._verify_all(problem, sheets)
        correct = [sheet.parts["accuracy"] >= 1.0 for sheet in sheets]
        self._gate(sheets)
        self._measure(sheets, correct)
        if self.config.random:
            for index, sheet in enumerate(sheets):
                sheet.parts["random"] = coin_flip(
                    problem.id, index, sheet.completion.text, seed=self.config.random_seed
                )
        self._ask_custom(problem, sheets)
        self._ask_models(problem, sheets)
        self._mask(sheets)
        return tuple(self._reward(sheet) for sheet in sheets)

    def describe(self) -> str:
        """The rubric in words, for reports."""
        config, lines = self.config, list[str]()
        for name, weight in self.weights.items():
            if weight:
                lines.append(f"{weight:+g} x {name}: {self._meaning(name)}")
        if config.correct_needs_format:
            lines.append("A right answer counts only in a well-formed completion.")
        lines.append(
            {
                "score": "Truncated completions are scored like any other.",
                "zero": "Truncated completions have accuracy and format 0.",
                "mask": "Truncated completions are left out of their group.",
            }[config.truncated]
        )
        lines.append("What cannot be verified is left out of its group, never counted as wrong.")
        return "\n".join(lines)

    @property
    def _parse_mode(self) -> Literal["strict", "lenient"]:
        return "lenient" if self.config.format_mode == "lenient" else "strict"

    def _verify_all(self, problem: Problem, sheets: Sequence[_Sheet]) -> None:
        """Accuracy, format and language of the thinking."""
        answers = [sheet.parsed.answer for sheet in sheets]
        verdicts = self.verification.verdicts(problem, answers)
        for sheet, verdict in zip(sheets, verdicts, strict=True):
            sheet.verdict, sheet.parts["accuracy"] = verdict, verdict.score
            if not verdict.status.trains:
                sheet.fail(verdict.cause or verdict.status, verdict.reason or verdict.status)
            sheet.parts["format"] = format_reward(
                sheet.parsed,
                sheet.completion.text,
                mode=self.config.format_mode,
                prefilled=self.chat.template.prefilled,
            )
            if self.config.language is not None:
                sheet.parts["language"] = language_reward(
                    sheet.parsed.think, problem.question, self.config.language
                )

    def _gate(self, sheets: Sequence[_Sheet]) -> None:
        for sheet in sheets:
            if self.config.correct_needs_format and not sheet.parsed.format_ok:
                sheet.parts["accuracy"] = 0.0
            if self.config.truncated == "zero" and sheet.truncated:
                sheet.parts["accuracy"] = sheet.parts["format"] = 0.0

    def _measure(self, sheets: Sequence[_Sheet], correct: Sequence[bool]) -> None:
        """The parts that look at tokens only, and at correctness before any gate."""
        overlong, length = self.config.overlong, self.config.length
        relative = relative_rewards([sheet.length for sheet in sheets], correct)
        for sheet, right, rank in zip(sheets, correct, relative, strict=True):
            if overlong is not None:
                sheet.parts["overlong"] = overlong_penalty(
                    sheet.length, max_tokens=overlong.max_tokens, cache=overlong.cache
                )
            if isinstance(length, CosineLengthConfig):
                sheet.parts["length"] = cosine_reward(sheet.length, correct=right, config=length)
            elif isinstance(length, TokenCostConfig):
                sheet.parts["length"] = token_cost(sheet.length, cost=length.cost)
            elif isinstance(length, RelativeLengthConfig):
                sheet.parts["length"] = rank
            if self.config.repetition is not None:
                sheet.parts["repetition"] = repetition_penalty(
                    sheet.completion.token_ids, ngram=self.config.repetition.ngram
                )

    def _ask_custom(self, problem: Problem, sheets: Sequence[_Sheet]) -> None:
        for reward in self.custom:
            scores = reward.scores(problem, [sheet.completion for sheet in sheets])
            for sheet, score in zip(sheets, scores, strict=True):
                if isinstance(score, Failure):
                    sheet.fail(score.cause, f"reward {reward.name} {score.reason}")
                else:
                    sheet.parts[reward.name] = score

    def _ask_models(self, problem: Problem, sheets: Sequence[_Sheet]) -> None:
        for part in self.models:
            if not self._counts(part, problem):
                for sheet in sheets:
                    sheet.parts[part.name] = 0.0
                continue
            scores = part.reward(problem, [sheet.completion for sheet in sheets])
            for sheet, score in zip(sheets, scores, strict=True):
                if isinstance(score, Failure):
                    sheet.fail(score.cause, f"{part.name}: {score.reason}")
                elif score is None or not math.isfinite(score):
                    sheet.fail(part.name, f"{part.name} gave no score")
                else:
                    sheet.parts[part.name] = score

    def _counts(self, part: ModelPart, problem: Problem) -> bool:
        if part.tasks and problem.task not in part.tasks:
            return False
        left = self._steps_left
        return not part.last_steps or left is None or left <= part.last_steps

    def _mask(self, sheets: Sequence[_Sheet]) -> None:
        for sheet in sheets:
            if sheet.completion.finish_reason is FinishReason.ABORT:
                sheet.fail("aborted", f"{MASKED}aborted by the engine")
            elif self.config.truncated == "mask" and sheet.truncated:
                sheet.fail("truncated", f"{MASKED}truncated")

    def _reward(self, sheet: _Sheet) -> Reward:
        value = math.fsum(self.weights[name] * part for name, part in sheet.parts.items())
        return Reward(
            value=value if sheet.error is None else 0.0,
            parts=sheet.parts,
            parsed_answer=sheet.parsed.answer,
            error=sheet.error,
            cause=sheet.cause,
            status=sheet.verdict.status if sheet.verdict is not None else None,
        )

    def _weights(self) -> dict[str, float]:
        config = self.config
        weights = {"accuracy": config.accuracy, "format": config.format}
        for name in ("overlong", "length", "repetition", "language"):
            part = getattr(config, name)
            if part is not None:
                weights[name] = part.weight
        if config.random:
            weights["random"] = config.random
        for part in (*self.custom, *self.models):
            if part.name in weights or part.name in BUILT_IN_PARTS:
                raise ConfigError(
                    f"reward: two parts are called {part.name!r}. Give one of them another 'name'."
                )
            weights[part.name] = part.weight
        return weights

    def _meaning(self, name: str) -> str:
        config = self.config
        meanings = {
            "accuracy": "1 if the task's verifier accepts the final answer",
            "format": {
                "strict": "1 if the completion is exactly in the layout of template ",
                "lenient": "1 if the completion has the sections of template ",
                "tags": "a quarter for each tag in its place, template ",
            }[config.format_mode]
            + self.chat.template.name,
            "random": f"a coin that knows nothing of the completion, seed {config.random_seed}",
        }
        if config.overlong is not None:
            first = config.overlong.max_tokens - config.overlong.cache
            meanings["overlong"] = (
                f"from 0 at {first} tokens down to -1 at {config.overlong.max_tokens}"
            )
        if config.repetition is not None:
            meanings["repetition"] = (
                f"minus the share of repeated {config.repetition.ngram}-grams of tokens"
            )
        length = config.length
        if isinstance(length, CosineLengthConfig):
            meanings["length"] = (
                f"right {length.correct_short:g} to {length.correct_long:g}, wrong "
                f"{length.wrong_short:g} to {length.wrong_long:g}, over {length.max_tokens} tokens"
            )
        elif isinstance(length, TokenCostConfig):
            meanings["length"] = f"-{length.cost:g} for every token"
        elif isinstance(length, RelativeLengthConfig):
            meanings["length"] = "+0.5 for the shortest of the group to -0.5 for the longest"
        if config.language is not None:
            meanings["language"] = "share of the words of the thinking in the question's language"
        meanings |= {part.name: part.meaning for part in self.models if part.meaning}
        return meanings.get(name, "a custom reward function")


def build_rubric(
    config: RewardConfig,
    *,
    tasks: Mapping[str, Task],
    chat: Chat,
    models: Sequence[ModelPart] = (),
) -> Rubric:
    """The rubric of a configuration."""
    return Rubric(tasks, chat, config, models=models)
