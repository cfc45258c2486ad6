"""Mixtures and builders."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from cogitate.errors import ConfigError, DataError
from cogitate.schema import Problem
from cogitate.tasks.config import CustomConfig, DatasetConfig, TaskConfig
from cogitate.tasks.mixture import PROCEDURAL, Mixture, build_mixture, build_task

TABLES: TypeAdapter[list[TaskConfig]] = TypeAdapter(list[TaskConfig])
THREE = [
    {"kind": "arithmetic", "weight": 2},
    {"kind": "extremes"},
    {"kind": "selection", "name": "places"},
]

FACTORY = '''
from cogitate.schema import Message, Problem


class Parrot:
    """Repeat a word."""

    def __init__(self, name, seed, word):
        self.name, self.seed, self.word = name, seed, word

    def size(self, split):
        return None

    def problem(self, split, index):
        message = Message(role="user", content=f"Say {self.word} {index}")
        return Problem(id=f"{self.name}/{split}/{index}", task=self.name, messages=(message,),
                       answer=f"{self.word} {index}")

    def verify(self, problem, answer):
        return float(answer == problem.answer)

    def solution(self, problem):
        return "", problem.answer


def make(name, seed, run_seed, word="hello"):
    return Parrot(name, (seed, run_seed), word)


def wrong_name(name, seed, run_seed):
    return Parrot("other", seed, "x")


def no_task(name, seed, run_seed):
    return object()


NUMBER = 3
'''


def mixture(tables: list[dict[str, Any]] | None = None, seed: int = 0) -> Mixture:
    return build_mixture(TABLES.validate_python(tables or THREE), seed)


def stream(mixed: Mixture, count: int, split: str = "train") -> list[Problem]:
    return [mixed.problem(split, i) for i in range(count)]


def test_tasks_are_drawn_by_weight():
    counts = Counter(problem.task for problem in stream(mixture(), 1000))
    # 500, 250, 250 expected; standard deviations 16 and 14.
    assert abs(counts["arithmetic"] - 500) < 70
    assert abs(counts["extremes"] - 250) < 60
    assert counts.total() == 1000


def test_a_problem_is_a_pure_function_of_seed_split_and_index():
    mixed = mixture()
    forwards = [problem.id for problem in stream(mixed, 60)]
    fresh = mixture()
    assert fresh.problem("train", 59).id == forwards[59]
    assert [fresh.problem("train", i).id for i in reversed(range(60))][::-1] == forwards
    assert [problem.id for problem in stream(mixture(seed=1), 60)] != forwards


def test_each_task_sees_its_own_indices_without_gaps():
    mixed = mixture()
    seen: dict[str, list[str]] = {}
    for problem in stream(mixed, 200):
        seen.setdefault(problem.task, []).append(problem.id)
    for name, ids in seen.items():
        assert ids == [mixed.tasks[name].problem("train", i).id for i in range(len(ids))]


def test_a_data_set_in_a_mixture_is_each_row_once_an_epoch(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    rows = [{"prompt": f"q{i}", "answer": str(i)} for i in range(30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    mixed = mixture([{"kind": "dataset", "path": str(path)}, {"kind": "extremes", "weight": 3}])
    size = mixed.tasks["dataset"].size("train")
    assert size is not None
    drawn = [p.question for p in stream(mixed, 1000) if p.task == "dataset"]
    assert len(drawn) >= 3 * size
    assert all(count == 3 for count in Counter(drawn[: 3 * size]).values())


def test_splits_have_streams_of_their_own():
    mixed = mixture()
    held_out = stream(mixed, 50, "heldout")
    assert all("/heldout/" in problem.id for problem in held_out)
    assert [p.task for p in held_out] != [p.task for p in stream(mixed, 50)]


def test_held_out_problems_are_different_and_the_same_for_every_run():
    one, two = mixture(seed=1), mixture(seed=2)
    problems = one.held_out("places", 40)
    assert len({problem.id for problem in problems}) == 40
    assert [p.id for p in problems] == [p.id for p in two.held_out("places", 40)]
    # More problems begin with the same ones.
    assert [p.id for p in one.held_out("places", 60)][:40] == [p.id for p in problems]


def test_held_out_is_what_exists_when_there_is_less(caplog: pytest.LogCaptureFixture):
    mixed = mixture([{"kind": "arithmetic", "digits": 1}])
    problems = mixed.held_out("arithmetic", 100)
    questions = {problem.question for problem in problems}
    # 45 multisets of two digits, 15 % of them held out, each asked in up to two orders.
    assert 4 <= len(problems) == len(questions) <= 26
    assert f"only {len(problems)} different held-out problems, 100 were asked for" in caplog.text


def test_an_unknown_name_and_a_negative_index():
    with pytest.raises(
        ConfigError, match=r'unknown task "x"\. Known: arithmetic, extremes, places'
    ):
        mixture().held_out("x", 1)
    with pytest.raises(IndexError, match="-1 is negative"):
        mixture().problem("train", -1)
    with pytest.raises(ConfigError, match="unknown split"):
        mixture().problem("test", 0)


def test_two_tasks_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two tasks are named arithmetic"):
        mixture([{"kind": "arithmetic"}, {"kind": "arithmetic", "digits": 3}])
    named = mixture([{"kind": "arithmetic"}, {"kind": "arithmetic", "name": "hard", "digits": 3}])
    assert [*named.tasks] == ["arithmetic", "hard"]


@pytest.mark.parametrize("weights", [[], [1.0, 2.0], [0.0], [-1.0]])
def test_a_mixture_needs_tasks_and_positive_weights(weights: list[float]):
    task = build_task(TABLES.validate_python([{"kind": "extremes"}])[0])
    with pytest.raises(ConfigError, match="at least one task and a positive weight"):
        Mixture([task], weights)


def test_no_table_is_refused():
    with pytest.raises(ConfigError, match=r"mixture of 0 tasks .* Add a \[\[tasks\]\] table"):
        build_mixture([], 0)


@pytest.mark.parametrize("kind", PROCEDURAL)
def test_every_procedural_kind_is_built(kind: str):
    config = TABLES.validate_python([{"kind": kind}])[0]
    task = build_task(config)
    assert type(task) is PROCEDURAL[kind]
    assert task.name == kind


def test_settings_without_problems_fail_when_built():
    config = TABLES.validate_python(
        [{"kind": "countdown", "num_values": 2, "values": [1, 3], "target": [5000, 9999]}]
    )[0]
    with pytest.raises(ConfigError, match='task "countdown": drawing a train problem found none'):
        build_task(config)


def test_a_missing_data_set_fails_when_built():
    with pytest.raises(DataError, match="no such file or directory"):
        build_task(DatasetConfig(path="/nowhere/a.jsonl"))


# --- custom tasks -----------------------------------------------------------------------------


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    path = tmp_path / "my task.py"
    path.write_text(FACTORY, encoding="utf-8")
    return path


def test_a_custom_task_gets_its_name_seeds_and_settings(factory: Path):
    config = CustomConfig(
        name="parrot", seed=3, factory=f"{factory}:make", settings={"word": "bye"}
    )
    task = build_task(config, run_seed=5)
    assert (task.name, task.seed) == ("parrot", (3, 5))  # type: ignore[attr-defined]
    problem = task.problem("train", 7)
    assert problem.question == "Say bye 7"
    assert task.verify(problem, "bye 7") == 1.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", 'has no function "missing"'),
        ("NUMBER", 'has no function "NUMBER"'),
        ("wrong_name", r"not a task named \"custom\" \(missing: the right name\)"),
        ("no_task", r"missing: size, problem, verify, solution"),
    ],
)
def test_a_custom_factory_that_cannot_be_used(factory: Path, name: str, message: str):
    with pytest.raises(ConfigError, match=message):
        build_task(CustomConfig(factory=f"{factory}:{name}"))


def test_a_custom_file_that_is_not_there():
    with pytest.raises(ConfigError, match=r"no file /nowhere/x\.py"):
        build_task(CustomConfig(factory="/nowhere/x.py:make"))


def test_a_custom_file_that_is_not_python(tmp_path: Path):
    (tmp_path / "x.txt").write_text("make = 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a Python file"):
        build_task(CustomConfig(factory=f"{tmp_path / 'x.txt'}:make"))
