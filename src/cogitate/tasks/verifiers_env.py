"""Single-turn environments of ``verifiers`` as tasks: their rows, scored by their rubrics.

The environment is loaded in worker processes and never here. Only what a single answer can be
scored by works: no tools, no several turns, no rewards that compare the rollouts of a group. A
rubric that asks a model needs the network and its key, which the processes have.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

from cogitate.errors import ConfigError, DataError, RewardError
from cogitate.rewards.adapters import ForeignScorer
from cogitate.schema import Message, Problem
from cogitate.tasks.config import VerifiersConfig
from cogitate.tasks.hashing import content_id, hash64, is_held_out, permute
from cogitate.tasks.procedural import check_split, gold_answer
from cogitate.verdict import Verdict
from cogitate.verifiers.pool import WorkerFailure

_logger = logging.getLogger(__name__)


class VerifiersTask:
    """Problems of one environment.

    Its evaluation set is the held-out split; where it has none of its own, 15 % of its rows are
    held out by a hash of the question.

    Raises:
        ConfigError: the environment cannot be loaded, or needs more than single answers.
    """

    verifies_elsewhere = True

    def __init__(
        self, config: VerifiersConfig, *, run_seed: int = 0, scorer: ForeignScorer | None = None
    ) -> None:
        self.name: str = config.name
        self.config = config
        self.run_seed = run_seed
        self._scorer = scorer or ForeignScorer(
            "ask_environment",
            {"environment": config.environment, "arguments": config.arguments},
            engine=f"verifiers/{config.environment}", seconds=config.timeout,
            memory_mb=config.memory_mb, environment=dict(os.environ),
        )  # fmt: skip
        train, held_out = self._rows("train"), self._rows("heldout")
        self._problems = _split(train, held_out)

    def size(self, split: str) -> int | None:
        """Number of problems in the split."""
        check_split(split)
        return len(self._problems[split])

    def problem(self, split: str, index: int) -> Problem:
        """Problem ``index`` of the endless sequence of epochs; each is a new permutation.

        Raises:
            DataError: the split is empty.
        """
        check_split(split)
        problems = self._problems[split]
        if not problems:
            raise DataError(f'task "{self.name}": {self.config.environment} has no {split} rows.')
        epoch, position = divmod(index, len(problems))
        run_seed, epoch = (self.run_seed, epoch) if split == "train" else (0, 0)
        key = hash64("epoch", self.config.seed, run_seed, epoch)
        return problems[permute(position, len(problems), key)]

    def verify(self, problem: Problem, answer: str | None) -> Verdict:
        """The verdict of the environment's rubric.

        Raises:
            RewardError: the problem is not one of this task's.
        """
        if "row" not in problem.metadata:
            raise RewardError(f"problem {problem.id} is no row of {self.config.environment}.")
        entry = {"split": problem.metadata["set"], "row": problem.metadata["row"]}
        shown = self.config.wrap.replace("{answer}", answer) if answer and answer.strip() else None
        gold = problem.answer
        return self._scorer.verify(
            entry, None if gold is None else self.config.wrap.replace("{answer}", gold), shown,
            partial_credit=self.config.partial_credit, same_text=False,
            full_marks=self.config.full_marks,
        )  # fmt: skip

    def solution(self, problem: Problem) -> tuple[str, str]:
        """No working, and the gold answer.

        Raises:
            DataError: the row has no gold answer.
        """
        return "", gold_answer(problem)

    def close(self) -> None:
        """End the processes."""
        self._scorer.close()

    def _rows(self, split: str) -> list[Problem]:
        try:
            rows = self._scorer.request({"rows": split, "limit": self.config.max_rows})
        except WorkerFailure as error:
            self._scorer.close()
            raise ConfigError(
                f'task "{self.name}": the environment {self.config.environment} cannot be used: '
                f"{str(error)[:600]}"
            ) from error
        return [self._problem(split, number, row) for number, row in enumerate(rows)]

    def _problem(self, split: str, number: int, row: dict[str, Any]) -> Problem:
        messages = tuple(Message(role=role, content=text) for role, text in row["messages"])
        asked = "\n".join(message.content for message in messages)
        return Problem(
            id=f"{self.name}/{split}/{content_id(asked, row['answer'])}",
            task=self.name,
            messages=messages,
            answer=row["answer"] or None,
            metadata={"set": split, "row": number},
        )


def _split(train: Sequence[Problem], held_out: Sequence[Problem]) -> dict[str, list[Problem]]:
    """No question in both splits."""
    evaluated = {problem.messages for problem in held_out}
    rest = [problem for problem in train if problem.messages not in evaluated]
    if rest:
        return {"train": rest, "heldout": list(held_out)}
    _logger.info("the environment has no evaluation set of its own: 15 %% of its rows are held out")
    return {
        split: [p for p in train if is_held_out(_asked(p)) == (split == "heldout")]
        for split in ("train", "heldout")
    }


def _asked(problem: Problem) -> str:
    return "\n".join(message.content for message in problem.messages)
