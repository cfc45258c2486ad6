"""Tasks of other packages, with small stand-ins for them that misbehave in the same ways."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cogitate.errors import ConfigError, DataError, MissingExtra
from cogitate.rewards.adapters import ForeignScorer
from cogitate.rewards.packing import pack, unpack
from cogitate.tasks.config import ReasoningGymConfig, VerifiersConfig
from cogitate.tasks.reasoning_gym import ReasoningGymTask
from cogitate.tasks.verifiers_env import VerifiersTask
from cogitate.verdict import Status

GYM = """
import os, time
class Sums:
    def __init__(self, seed, size, top=9, gold="right"):
        self.seed, self.size, self.top, self.gold = seed, size, top, gold
    def __getitem__(self, index):
        a, b = (self.seed + index) % 997, index % self.top
        return {"question": f"What is {a} + {b}?", "answer": str(a + b) if self.gold else None,
                "metadata": {"pair": (a, b), "range": {1: "one"}}}
    def score_answer(self, answer, entry):
        assert entry["metadata"]["pair"].__class__ is tuple
        if answer == "hang": time.sleep(100)
        if answer == "exit": os._exit(1)
        if answer == "raise": raise ValueError(answer)
        if answer == "nan": return float("nan")
        if self.gold == "generous": return 1.0
        if self.gold == "broken": return 0.0
        a, b = entry["metadata"]["pair"]
        return 1.0 if answer.strip() == str(a + b) else 0.25 if answer == "nearly" else 0.01
class factory:
    DATASETS = {"sums": 1}
def create_dataset(name, seed, size, **settings):
    if settings.get("bad"): raise ValueError("bad setting")
    return Sums(seed, size, **settings)
"""
VERIFIERS = """
import logging
class State(dict):
    def __getitem__(self, key):
        inner = dict.get(self, "input", {})
        return inner[key] if key in inner else dict.__getitem__(self, key)
class Rubric:
    logger = logging.getLogger("verifiers.rubric")
    async def score_rollout(self, state):
        answer = state["completion"][-1]["content"]
        if answer == "raise": self.logger.error("Error calling reward function f: no")
        state["reward"] = 2.0 * (answer == state["answer"]) + 1.0 * (answer == "half")
class Environment:
    rubric = Rubric()
    def __init__(self, own=True, max_turns=1): self.own, self.max_turns = own, max_turns
    def get_dataset(self):
        return [{"prompt": [{"role": "user", "content": f"What is {n}?"}], "answer": f"<{n}>", "info": "{}"} for n in range(60)]
    def get_eval_dataset(self):
        return self.get_dataset()[:10] if self.own else self.get_dataset()
def load_environment(name, **arguments):
    if name != "numbers": raise ImportError(name)
    return Environment(**arguments)
"""


@pytest.fixture(scope="module", autouse=True)
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("packages")
    (folder / "reasoning_gym.py").write_text(GYM)
    (folder / "verifiers.py").write_text(VERIFIERS)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in ("reasoning_gym", "verifiers"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def scorer() -> Iterator[ForeignScorer]:
    settings = {"dataset": "sums", "settings": {"seed": 4, "size": 1000}}
    scorer = ForeignScorer(
        "score_gym", settings, engine="reasoning-gym/sums", seconds=1.5, workers=1
    )
    yield scorer
    scorer.close()


def gym(scorer: ForeignScorer, **options: Any) -> ReasoningGymTask:
    config = ReasoningGymConfig(dataset="sums", seed=4, pool=1000, **options)
    return ReasoningGymTask(config, scorer=scorer)


def unchecked(**settings: Any) -> ReasoningGymTask:
    options = {"dataset": "sums", "settings": {"seed": 0, "size": 1000, **settings}}
    scorer = ForeignScorer("score_gym", options, engine="test", workers=1)
    return ReasoningGymTask(
        ReasoningGymConfig(dataset="sums", pool=1000, settings=settings), scorer=scorer
    )


class TestPacking:
    def test_there_and_back(self):
        value = {
            "a": (1, [2.5, {3}, frozenset({"x"})]),
            (1, 2): None,
            7: b"\0",
            "z": 1 + 2j,
            True: False,
        }
        assert unpack(pack(value)) == value
        assert isinstance(unpack(pack((1,))), tuple)

    def test_objects_are_refused(self):
        with pytest.raises(DataError, match="a object in a problem"):
            pack([object()])


class TestReasoningGym:
    def test_verdicts(self, scorer: ForeignScorer):
        task = gym(scorer)
        problem = task.problem("train", 3)
        assert problem.answer is not None
        assert task.solution(problem) == ("", problem.answer)
        for answer, status, score in (
            (problem.answer, Status.CORRECT, 1.0),
            (f"  {problem.answer}\n", Status.CORRECT, 1.0),
            ("nearly", Status.WRONG, 0.0),
            ("12345678", Status.WRONG, 0.0),
            ("", Status.UNPARSEABLE, 0.0),
            (None, Status.UNPARSEABLE, 0.0),
            ("9" * 30_000, Status.WRONG, 0.0),
        ):
            verdict = task.verify(problem, answer)
            assert (verdict.status, verdict.score) == (status, score), answer

    def test_partial_credit_is_declared(self, scorer: ForeignScorer):
        task = gym(scorer, partial_credit=True)
        assert task.verify(task.problem("train", 0), "nearly").score == 0.25

    @pytest.mark.parametrize(
        ("answer", "cause"),
        [
            ("hang", "slow_to_score"),
            ("exit", "breaks_scorer"),
            ("raise", "breaks_scorer"),
            ("nan", "breaks_scorer"),
        ],
    )
    def test_an_answer_cannot_make_itself_ungradable(
        self, scorer: ForeignScorer, answer: str, cause: str
    ):
        task = gym(scorer)
        problem = task.problem("train", 5)
        task._scorer._healthy.clear()
        # The control call scores the gold answer in a new process, which takes its time to start.
        verdict = task.verify(problem, answer)
        assert (verdict.status, verdict.cause) == (Status.WRONG, cause)

    def test_a_scorer_that_is_down_is_masked(self):
        scorer = ForeignScorer("no_such_function", {}, engine="test", workers=1)
        verdict = scorer.verify({}, "4", "5")
        assert (verdict.status, verdict.cause) == (Status.CRASHED, "crashed")
        scorer.close()

    def test_splits_are_disjoint_and_problems_pure(self, scorer: ForeignScorer):
        task, again = gym(scorer), gym(scorer)
        train = [task.problem("train", i) for i in range(60)]
        held_out = [task.problem("heldout", i) for i in range(20)]
        assert not {p.question for p in train} & {p.question for p in held_out}
        assert [again.problem("train", i) for i in range(60)] == train
        assert task.size("train") is None
        other = ReasoningGymTask(task.config, run_seed=1, scorer=scorer)
        assert [other.problem("train", i) for i in range(60)] != train
        assert [other.problem("heldout", i) for i in range(20)] == held_out

    @pytest.mark.parametrize(
        ("gold", "match"),
        [("generous", "full marks to 'no idea"), ("broken", "its own gold answer less")],
    )
    def test_a_scorer_that_is_no_verifier_is_refused(self, gold: str, match: str):
        with pytest.raises(ConfigError, match=match):
            unchecked(gold=gold)

    def test_without_gold_answers(self):
        task = unchecked(gold="")
        problem = task.problem("train", 0)
        assert problem.answer is None
        with pytest.raises(DataError, match="no gold answer"):
            task.solution(problem)
        task.close()

    def test_settings_that_are_refused(self):
        with pytest.raises(ConfigError, match="no such data set. It has: sums"):
            ReasoningGymTask(ReasoningGymConfig(dataset="sum"))
        with pytest.raises(ConfigError, match="refuses them: ValueError: bad setting"):
            ReasoningGymTask(ReasoningGymConfig(dataset="sums", settings={"bad": 1}))
        with pytest.raises(ValueError, match="seed cannot be set there"):
            ReasoningGymConfig(dataset="sums", settings={"seed": 1})

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(sys.modules, "reasoning_gym", None)
        with pytest.raises(MissingExtra, match=r"pip install 'cogitate\[gym\]'"):
            ReasoningGymTask(ReasoningGymConfig(dataset="sums"))


def environment(**options: Any) -> VerifiersTask:
    settings = {
        "environment": "numbers",
        "full_marks": 2.0,
        "timeout": 20.0,
        "memory_mb": 1024,
        **options,
    }
    return VerifiersTask(VerifiersConfig(**settings))


class TestVerifiers:
    def test_rows_and_verdicts(self):
        task = environment(wrap="<{answer}>", partial_credit=False)
        assert (task.size("train"), task.size("heldout")) == (50, 10)
        problem = task.problem("train", 0)
        number = problem.question.removeprefix("What is ").removesuffix("?")
        assert problem.answer == f"<{number}>"
        assert task.verify(problem, number).status is Status.CORRECT
        assert task.verify(problem, "x").status is Status.WRONG
        assert task.verify(problem, None).status is Status.UNPARSEABLE
        seen = {task.problem("train", i).id for i in range(50)}
        assert len(seen) == 50
        task.close()

    def test_marks_and_errors(self):
        task = environment(partial_credit=True)
        problem = task.problem("heldout", 0)
        assert task.verify(problem, "half").score == 0.5
        assert task.verify(problem, "raise").cause == "breaks_scorer"
        task.close()

    def test_without_an_evaluation_set(self):
        task = environment(arguments={"own": False})
        train, held_out = task.size("train"), task.size("heldout")
        assert train is not None and held_out is not None
        assert train + held_out == 60 and 2 <= held_out <= 20
        task.close()

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"arguments": {"max_turns": 5}}, "needs several turns or tools"),
            ({"environment": "none"}, "ImportError"),
        ],
    )
    def test_what_cannot_be_used(self, options: dict[str, Any], match: str):
        with pytest.raises(ConfigError, match=match):
            environment(**options)
