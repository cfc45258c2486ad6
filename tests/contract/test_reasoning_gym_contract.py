"""The adapter against the real reasoning-gym, where it is installed: asked for with -m slow."""

from pathlib import Path

import pytest

from cogitate.errors import ConfigError
from cogitate.tasks.config import ReasoningGymConfig
from cogitate.tasks.reasoning_gym import ReasoningGymTask
from cogitate.verdict import Status

pytestmark = pytest.mark.slow
DATASETS = (
    "leg_counting",
    "countdown",
    "binary_matrix",
    "rearc",
    "prime_factorization",
    "graph_color",
)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    pytest.importorskip("reasoning_gym")


@pytest.mark.parametrize("dataset", DATASETS)
def test_gold_is_right_and_attacks_are_wrong(dataset: str, tmp_path: Path) -> None:
    task = ReasoningGymTask(ReasoningGymConfig(dataset=dataset, timeout=3.0))
    problem = task.problem("train", 0)
    assert task.problem("train", 0) == problem
    if problem.answer is not None:
        assert task.verify(problem, problem.answer).status is Status.CORRECT
    canary = tmp_path / "canary"
    for attack in (
        f"__import__('pathlib').Path({str(canary)!r}).touch()",
        "9**9**9**9",
        "nonsense",
    ):
        assert task.verify(problem, attack).status is Status.WRONG
    assert not canary.exists()
    task.close()


def test_a_scorer_that_accepts_anything_is_refused() -> None:
    with pytest.raises(ConfigError, match="full marks"):
        ReasoningGymTask(ReasoningGymConfig(dataset="game_of_life_halting"))
