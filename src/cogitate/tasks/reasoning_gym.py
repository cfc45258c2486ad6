"""Data sets of reasoning-gym as tasks: problems made here, answers scored in the sandbox.

Problems come from its generators, offline and by seed. Its scorers run in sandboxed processes,
since some evaluate the answer. Many give a little for anything (0.01 for a wrong answer, the share
of the gold's length for an answer that contains it), which a policy learns to farm, so less than
full marks counts as wrong unless ``partial_credit`` is set.
"""

import json
import logging
import os
from typing import Any

from cogitate.errors import ConfigError, DataError, RewardError
from cogitate.extras import require
from cogitate.rewards.adapters import ForeignScorer
from cogitate.rewards.packing import pack
from cogitate.schema import Message, Problem
from cogitate.tasks.config import ReasoningGymConfig
from cogitate.tasks.hashing import content_id, hash64, is_held_out
from cogitate.tasks.procedural import check_split, gold_answer
from cogitate.verdict import Verdict
from cogitate.verifiers.pool import WorkerFailure
from cogitate.verifiers.shared import shared_sandbox

MAX_DRAWS = 300
"""Draws before a split counts as empty: 15 % are held out, so 0.85 ** 300 = 1e-21."""
UNREPEATABLE = frozenset({
    "isomorphic_strings", "knight_swap", "polynomial_multiplication", "ransom_note",
})  # fmt: skip
"""Data sets whose problems depend on Python's hash seed (reasoning-gym 0.1.25, found by comparing
two processes): a resumed run meets other problems unless PYTHONHASHSEED is set."""
GARBAGE = ("no idea at all", "?", "zzz 0 qqq")


_logger = logging.getLogger(__name__)


class ReasoningGymTask:
    """Problems of one reasoning-gym data set.

    Which split a problem is in is decided by a hash of its question. Training problems depend on
    the task's seed and the run's, held-out problems on the task's only.

    Raises:
        ConfigError: there is no such data set, or its scorer does not work as a verifier.
        MissingExtra: reasoning-gym is not installed.
        SandboxError: there is no way to isolate programs on this machine.
    """

    verifies_elsewhere = True

    def __init__(
        self, config: ReasoningGymConfig, *, run_seed: int = 0, scorer: ForeignScorer | None = None
    ) -> None:
        self.name: str = config.name
        self.config = config
        self.run_seed = run_seed
        if config.dataset in UNREPEATABLE and not os.environ.get("PYTHONHASHSEED", "").isdigit():
            _logger.warning(
                "reasoning-gym's %s makes other problems in every process. Set PYTHONHASHSEED=0 in "
                "the environment, or a resumed run is not the same run.", config.dataset,
            )  # fmt: skip
        settings = {**config.settings, "seed": config.seed, "size": config.pool}
        self._dataset = _create(config.dataset, settings)
        self._scorer = scorer or ForeignScorer(
            "score_gym", {"dataset": config.dataset, "settings": settings},
            engine=f"reasoning-gym/{config.dataset}", seconds=config.timeout,
            memory_mb=config.memory_mb, sandbox=shared_sandbox(config.sandbox),
        )  # fmt: skip
        self._check()

    def size(self, split: str) -> int | None:
        """None: problems are drawn, not listed."""
        check_split(split)
        return None

    def problem(self, split: str, index: int) -> Problem:
        """Problem number ``index`` of a split.

        Raises:
            ConfigError: the settings leave no problem in this split.
        """
        check_split(split)
        run_seed = self.run_seed if split == "train" else 0
        for attempt in range(MAX_DRAWS):
            place = hash64(
                "gym", self.config.dataset, self.config.seed, run_seed, split, index, attempt
            )
            entry = self._dataset[place % self.config.pool]
            if is_held_out(str(entry["question"])) == (split == "heldout"):
                return self._problem(split, entry)
        raise ConfigError(
            f'task "{self.name}": {MAX_DRAWS} problems of {self.config.dataset} hold none for the '
            f"{split} split. Its settings allow too few different problems; relax them."
        )

    def verify(self, problem: Problem, answer: str | None) -> Verdict:
        """The verdict of the data set's own scorer.

        Raises:
            RewardError: the problem is not one of this task's.
        """
        packed = problem.metadata.get("packed")
        if packed is None:
            raise RewardError(f"problem {problem.id} holds no entry of reasoning-gym.")
        return self._scorer.verify(
            {"packed": json.loads(packed)}, problem.answer, answer,
            partial_credit=self.config.partial_credit,
        )  # fmt: skip

    def solution(self, problem: Problem) -> tuple[str, str]:
        """No working, and the gold answer.

        Raises:
            DataError: this data set has no gold answers.
        """
        return "", gold_answer(problem)

    def close(self) -> None:
        """End the scoring processes."""
        self._scorer.close()

    def _problem(self, split: str, entry: dict[str, Any]) -> Problem:
        question, gold = str(entry["question"]), entry["answer"]
        return Problem(
            id=f"{self.name}/{split}/{content_id(question, str(gold))}",
            task=self.name,
            messages=(Message(role="user", content=question),),
            answer=None if gold is None else str(gold),
            metadata={"packed": json.dumps(pack(entry))},
        )

    def _check(self) -> None:
        """A scorer must give its own gold answer full marks, and garbage less."""
        try:
            for index in range(2):
                self._check_problem(self.problem("train", index))
        except (WorkerFailure, DataError) as error:
            self.close()
            raise self._refusal(f"its scorer does not work: {str(error)[:300]}") from error
        except ConfigError:
            self.close()
            raise

    def _check_problem(self, problem: Problem) -> None:
        entry = {"packed": json.loads(problem.metadata["packed"])}
        if problem.answer is not None and self._scorer.score(entry, problem.answer) < 1.0:
            raise self._refusal("its scorer gives its own gold answer less than full marks")
        for garbage in GARBAGE:
            verdict = self._scorer.verify(entry, problem.answer, garbage, partial_credit=True)
            if verdict.correct:
                raise self._refusal(f"its scorer gives full marks to {garbage!r}")
            if verdict.correct is None:
                raise self._refusal(verdict.reason)

    def _refusal(self, reason: str) -> ConfigError:
        return ConfigError(
            f'task "{self.name}": reasoning-gym\'s {self.config.dataset} cannot be trained on: '
            f"{reason}. Choose another data set or other settings."
        )


def _create(name: str, settings: dict[str, Any]) -> Any:
    gym: Any = require("reasoning_gym", purpose='a task of kind "reasoning_gym"')
    known = getattr(getattr(gym, "factory", None), "DATASETS", {})
    if known and name not in known:
        raise ConfigError(
            f'tasks.dataset = "{name}": reasoning-gym has no such data set. It has: '
            f"{', '.join(sorted(known))}."
        )
    try:
        return gym.create_dataset(name, **settings)
    except Exception as error:
        raise ConfigError(
            f"tasks.settings: reasoning-gym's {name} refuses them: {type(error).__name__}: {error}"
        ) from error
