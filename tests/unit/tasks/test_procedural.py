"""What all procedural tasks share: splits, seeds, ids, the numeric verifier, clear errors."""

import pytest

from cogitate.errors import ConfigError, DataError, RewardError
from cogitate.schema import Message, Problem
from cogitate.tasks.arithmetic import ArithmeticTask
from cogitate.tasks.config import ArithmeticConfig, TaskConfigBase
from cogitate.tasks.hashing import Draw, is_held_out
from cogitate.tasks.procedural import (
    Instance,
    ProceduralTask,
    check_split,
    describe,
    gold_answer,
    verify_number,
)


class OneInstance(ProceduralTask[TaskConfigBase]):
    """A task with a single possible instance, so one of its splits is empty."""

    def draw_instance(self, draw: Draw) -> Instance:
        return Instance(key="only", question="?", answer="1", metadata={"difficulty": 1})

    def working(self, problem: Problem) -> str:
        return ""


def made(answer: str | None) -> Problem:
    return Problem(
        id="t/train/1", task="t", messages=(Message(role="user", content="?"),), answer=answer
    )


def questions(split: str, *, seed: int = 0, run_seed: int = 0, name: str = "arithmetic"):
    task = ArithmeticTask(ArithmeticConfig(seed=seed, name=name), run_seed=run_seed)
    return [task.problem(split, i).question for i in range(20)]


def test_an_empty_split_is_a_clear_error():
    task = OneInstance(TaskConfigBase(name="one"))
    full, empty = ("heldout", "train") if is_held_out("only") else ("train", "heldout")
    assert task.problem(full, 5).answer == "1"
    with pytest.raises(ConfigError) as caught:
        task.problem(empty, 0)
    message = str(caught.value)
    assert 'task "one"' in message
    assert f"drawing a {empty} problem found none in 4096 draws" in message
    assert "Raise digits" in message


def test_the_run_seed_changes_training_and_never_evaluation():
    assert questions("train", run_seed=1) != questions("train", run_seed=2)
    assert questions("heldout", run_seed=1) == questions("heldout", run_seed=2)
    assert questions("heldout", seed=1) != questions("heldout", seed=2)


def test_two_tasks_of_one_kind_draw_different_problems():
    assert questions("train", name="a") != questions("train", name="b")


def test_problems_do_not_depend_on_the_order_they_are_asked_for():
    task = ArithmeticTask(ArithmeticConfig())
    backwards = [task.problem("train", i).question for i in reversed(range(20))]
    assert backwards[::-1] == questions("train")


def test_an_id_names_task_split_and_content():
    task = ArithmeticTask(ArithmeticConfig(name="sums"))
    problem = task.problem("heldout", 0)
    name, split, content = problem.id.split("/")
    assert (name, split, len(content)) == ("sums", "heldout", 16)
    assert problem.task == "sums"
    ids = {task.problem("train", i).id: task.problem("train", i).question for i in range(300)}
    assert len(set(ids.values())) == len(ids)


@pytest.mark.parametrize("split", ["test", "held_out", "", "Train"])
def test_an_unknown_split_is_named(split: str):
    with pytest.raises(ConfigError, match="Known: train, heldout"):
        check_split(split)
    with pytest.raises(ConfigError, match=f'unknown split "{split}"'):
        ArithmeticTask(ArithmeticConfig()).size(split)


@pytest.mark.parametrize(
    ("gold", "answer", "reward"),
    [
        ("85", "85", 1.0),
        ("85", " 85 ", 1.0),
        ("85", "47 + 38 = 85", 1.0),
        ("85", "The answer is 85 apples.", 1.0),
        ("85", "85, not 84", 0.0),
        ("85", "85 or 84", 0.0),
        ("85", "84", 0.0),
        ("85", "-85", 0.0),
        ("85", "850", 0.0),
        ("85", "eighty-five", 0.0),
        ("85", "", 0.0),
        ("85", None, 0.0),
        ("-12", "-12", 1.0),
        ("-12", "\u221212", 1.0),
        ("9.9", "9.90", 1.0),
        ("9.9", "9.11", 0.0),
        ("1024", "1,024", 1.0),
    ],
)
def test_the_last_number_counts_and_counts_exactly(gold: str, answer: str | None, reward: float):
    assert verify_number(made(gold), answer) == reward


@pytest.mark.parametrize("gold", [None, "", "many"])
def test_a_bad_gold_answer_is_not_a_wrong_answer(gold: str | None):
    with pytest.raises(RewardError, match="t/train/1: its gold answer"):
        verify_number(made(gold), "1")


def test_gold_answer():
    assert gold_answer(made("7")) == "7"
    with pytest.raises(DataError, match="t/train/1 has no gold answer"):
        gold_answer(made(None))


def test_describe_lists_the_difficulty_settings():
    text = describe(ArithmeticConfig(digits=(1, 2), name="x", weight=2, seed=3))
    assert text == ("operations = ['+'], digits = [1, 2], terms = [2, 2], allow_negative = False")
