"""A run's whole reward as a target: its tasks, its template and its weights."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cogitate.cli.reward_targets import Fault, Score, completion_of
from cogitate.config import RunConfig, load_config
from cogitate.errors import CogitateError
from cogitate.protocols import Task
from cogitate.rewards.rubric import Rubric, build_rubric
from cogitate.schema import Completion, Problem
from cogitate.tasks.mixture import build_mixture
from cogitate.text.chat import Chat
from cogitate.text.templates import ChatTemplate, Template, get_template
from cogitate.text.think import THINK_OPEN, Parsed, ParseMode
from cogitate.verifiers.attacks import Attack, from_problems
from cogitate.verifiers.attacks.distractors import distractors


class Reader(Chat):
    """What a rubric needs of a Chat where no prompt is rendered: a template, no tokenizer."""

    def __init__(self, template: Template) -> None:
        self.template = template

    def parse(self, completion: Completion, mode: ParseMode = "strict") -> Parsed:
        """Thinking, answer and format verdict of a completion."""
        return self.template.parse(completion.text, False, mode)


class RunTarget:
    """The reward of a run's configuration, on the first problems of each of its tasks."""

    fixed_scale = False

    def __init__(self, path: str, args: argparse.Namespace) -> None:
        config = _isolated(load_config(path))
        self.name = path
        self._mixture = build_mixture(config.tasks, config.seed)
        self._reader = _reader(config)
        self._problems: dict[str, Problem] = {}
        self._count = args.problems
        self._rubric: Rubric = build_rubric(
            config.reward, tasks=self._mixture.tasks, chat=self._reader
        )  # fmt: skip

    def rows(self) -> tuple[Attack, ...]:
        """For each problem its worked solution, and attacks in the layout of the template."""
        rows: list[Attack] = []
        for task in self._mixture.tasks.values():
            for number, problem in self._first_problems(task):
                rows += self._rows_of(task, problem, number)
        return tuple(rows)

    def score(self, rows: Sequence[Attack]) -> list[Score]:
        """What the rubric gives; the parts of a reward that cannot be judged are faults."""
        problem = self._problems[str(rows[0].columns["problem"])]
        rewards = self._rubric.score(problem, [completion_of(row) for row in rows])
        return [
            r.value if r.error is None else Fault(cause=r.cause or "no_score", reason=r.error)
            for r in rewards
        ]

    def close(self) -> None:
        """End what the rubric started."""
        self._rubric.close()

    def __enter__(self) -> "RunTarget":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _first_problems(self, task: Task) -> Iterator[tuple[int, Problem]]:
        available = task.size("train")
        for index in range(self._count if available is None else min(self._count, available)):
            problem = task.problem("train", index)
            self._problems[problem.id] = problem
            yield index, problem

    def _rows_of(self, task: Task, problem: Problem, number: int) -> list[Attack]:
        thinking, answer = task.solution(problem)
        template = self._reader.template
        thinking = thinking.strip() or "I work it out step by step."
        parts = {
            "plain": (answer, True, "the worked solution of the task"),
            "off-by-one": (distractors(answer)["wrong"], False, "another answer"),
        }
        honest = [
            Attack(
                id=f"{task.name}/{'styling' if right else 'false-positive'}/{name}/{number}",
                kind=task.name, family="styling" if right else "false-positive", gold=answer,
                completion=template.format_solution(thinking, text), correct=right, why=why,
                question=problem.question, plain=right, columns={"problem": problem.id},
            )
            for name, (text, right, why) in parts.items()
        ]  # fmt: skip
        attacks = from_problems([(problem.question, answer)], layout=_layout(template))
        return honest + [
            replace(
                row, kind=task.name, columns={"problem": problem.id},
                id=f"{task.name}/{row.id.split('/', 1)[1].rpartition('/')[0]}/{number}",
                completion=row.completion.removeprefix(f"{THINK_OPEN}\n")
                if template.prefilled else row.completion,
            )
            for row in attacks
            if not row.plain
            and row.id.split("/")[2] != "off-by-one"
            and row.prefilled <= template.prefilled
        ]  # fmt: skip


def _layout(template: Template) -> str:
    style = getattr(template, "style", "line")
    return {"tags": "answer_tag", "boxed": "boxed", "remainder": "boxed"}.get(style, "line")


def _reader(config: RunConfig) -> Chat:
    """The template; with the model's tokenizer where the template comes from there."""
    template = get_template(config.template.name, **config.template.options())
    if not isinstance(template, ChatTemplate):
        return Reader(template)
    try:
        from cogitate.models.fetch import resolve_model
        from cogitate.text.tokenizer import Tokenizer

        tokenizer = Tokenizer.from_directory(resolve_model(config.model.source, offline=True))
        return Chat(tokenizer, template)
    except CogitateError:  # parsing does not need it, unless the template opens the thinking
        return Reader(template)


def _isolated(config: RunConfig) -> RunConfig:
    """The configuration with its custom rewards in processes of their own, which may hang."""
    custom = tuple(c.model_copy(update={"isolate": True}) for c in config.reward.custom)
    return config.model_copy(update={"reward": config.reward.model_copy(update={"custom": custom})})
