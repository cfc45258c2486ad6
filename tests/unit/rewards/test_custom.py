"""Users' reward functions: found, called their way, and kept from turning trouble into zeros."""

import pickle
import sys
from pathlib import Path

import pytest

from cogitate.errors import ConfigError
from cogitate.rewards.calling import Failure
from cogitate.rewards.config import CustomRewardConfig
from cogitate.rewards.custom import CustomReward
from cogitate.schema import Message, Problem
from cogitate.testing import completion_from_text

PROBLEM = Problem(
    id="t/train/1",
    task="sums",
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="2+2?")),
    answer="4",
    metadata={"difficulty": 3, "numbers": [2, 2]},
)
COMPLETIONS = [completion_from_text(text) for text in ("4", "five", "")]


def load(directory: Path, source: str, **options: object) -> CustomReward:
    path = directory / "rewards.py"
    path.write_text(source)
    return CustomReward(CustomRewardConfig(path=f"{path}:f", **options))  # type: ignore[arg-type]


def scores(directory: Path, source: str, **options: object) -> list[float | str]:
    """Scores, and the reasons of failures."""
    found = load(directory, source, **options).scores(PROBLEM, COMPLETIONS)
    return [score.reason if isinstance(score, Failure) else score for score in found]


def causes(directory: Path, source: str, **options: object) -> list[float | str]:
    """Scores, and the causes of failures."""
    found = load(directory, source, **options).scores(PROBLEM, COMPLETIONS)
    return [score.cause if isinstance(score, Failure) else score for score in found]


class TestTRL:
    def test_completions_alone(self, tmp_path: Path):
        source = "def f(completions, **kwargs):\n    return [len(c) for c in completions]"
        assert scores(tmp_path, source) == [1.0, 4.0, 0.0]

    def test_columns_are_parallel_lists(self, tmp_path: Path):
        source = (
            "def f(completions, prompts, answer, difficulty, **kwargs):\n"
            "    assert prompts == ['2+2?'] * 3 and difficulty == [3, 3, 3]\n"
            "    assert kwargs['solution'] == kwargs['ground_truth'] == answer\n"
            "    assert kwargs['task'] == ['sums'] * 3 and kwargs['numbers'][0] == [2, 2]\n"
            "    return [float(c == a) for c, a in zip(completions, answer)]"
        )
        assert scores(tmp_path, source) == [1.0, 0.0, 0.0]

    def test_only_what_it_takes_is_passed(self, tmp_path: Path):
        source = "def f(completion_ids, completions):\n    return [len(i) for i in completion_ids]"
        assert scores(tmp_path, source) == [1.0, 4.0, 0.0]

    def test_a_column_that_is_not_there(self, tmp_path: Path):
        source = "def f(completions, unit):\n    return [1.0] * len(completions)"
        assert all("missing" in str(s) and "unit" in str(s) for s in scores(tmp_path, source))

    def test_conversational(self, tmp_path: Path):
        source = (
            "def f(prompts, completions, **kwargs):\n"
            "    assert prompts[0][-1] == {'role': 'user', 'content': '2+2?'}\n"
            "    assert prompts[0][0]['role'] == 'system'\n"
            "    return [len(c[0]['content']) for c in completions]"
        )
        assert scores(tmp_path, source, messages=True) == [1.0, 4.0, 0.0]

    def test_logging_callbacks_are_there_and_do_nothing(self, tmp_path: Path):
        source = (
            "def f(completions, log_extra=None, log_metric=None, trainer_state=1):\n"
            "    log_extra('length', [1])\n"
            "    log_metric('mean', 1.0)\n"
            "    return [float(trainer_state is None) for c in completions]"
        )
        assert scores(tmp_path, source) == [1.0] * 3

    def test_async(self, tmp_path: Path):
        source = (
            "import asyncio\n"
            "async def f(completions, **kwargs):\n"
            "    await asyncio.sleep(0)\n"
            "    return [2.0 for c in completions]"
        )
        assert scores(tmp_path, source) == [2.0] * 3


class TestVerl:
    def test_one_call_for_each(self, tmp_path: Path):
        source = (
            "def f(data_source, solution_str, ground_truth, extra_info=None):\n"
            "    assert data_source == 'sums' and extra_info['difficulty'] == 3\n"
            "    assert extra_info['index'] == 't/train/1' and extra_info['question'] == '2+2?'\n"
            "    return solution_str == ground_truth"
        )
        assert scores(tmp_path, source) == [1.0, 0.0, 0.0]

    def test_a_dict_with_a_score(self, tmp_path: Path):
        source = (
            "def f(solution_str, ground_truth):\n"
            "    return {'score': 0.5, 'acc': 1} if solution_str else {'acc': 1}"
        )
        assert scores(tmp_path, source) == [0.5, 0.5, "returned a dict without 'score'"]

    def test_one_failure_leaves_the_others(self, tmp_path: Path):
        source = "def f(data_source, solution_str, ground_truth, extra_info):\n    return int(solution_str)"
        first, second, third = scores(tmp_path, source)
        assert first == 4.0
        assert str(second).startswith("raised ValueError: invalid literal for int()")
        assert str(third).startswith("raised ValueError")

    def test_async(self, tmp_path: Path):
        source = "async def f(solution_str, ground_truth):\n    return 1"
        assert scores(tmp_path, source) == [1.0] * 3


class TestNative:
    def test_problem_and_completions(self, tmp_path: Path):
        source = (
            "def f(problem, completions):\n"
            "    return [float(c.text == problem.answer) for c in completions]"
        )
        assert scores(tmp_path, source) == [1.0, 0.0, 0.0]

    def test_a_column_called_problem_is_still_trl(self, tmp_path: Path):
        source = "def f(completions, problem):\n    return [float(p == '2+2?') for p in problem]"
        assert scores(tmp_path, source) == [1.0] * 3

    def test_the_signature_may_be_declared(self, tmp_path: Path):
        source = "def f(*args):\n    return [float(len(args))] * 3"
        assert scores(tmp_path, source, signature="native") == [2.0] * 3


class TestTrouble:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ("[1, None, 2.5]", [1.0, "returned None", 2.5]),
            ("[float('nan'), float('inf'), -1]", ["returned nan", "returned inf", -1.0]),
            ("[True, '0.5', 0]", [1.0, 0.5, 0.0]),
            ("(x for x in (1, 2, 3))", [1.0, 2.0, 3.0]),
            ("[1, 2]", ["returned 2 values for 3 completions"] * 3),
            ("[]", ["returned 0 values for 3 completions"] * 3),
        ],
    )
    def test_values(self, tmp_path: Path, values: str, expected: list[float | str]):
        assert scores(tmp_path, f"def f(completions):\n    return {values}") == expected

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("raise KeyError('x')", "raised KeyError"),
            ("return None", "raised TypeError"),
            ("return 1.0", "raised TypeError"),
            ("raise StopIteration", "raised StopIteration"),
            ("return [object()] * 3", "which is not a number"),
            ("return ['high'] * 3", "returned str 'high', which is not a number"),
            ("return [10 ** 400] * 3", "which is not a number"),
            ("return completions.no_such_thing", "raised AttributeError"),
            ("return (1 / 0 for _ in completions)", "raised ZeroDivisionError"),
        ],
    )
    def test_no_trouble_becomes_a_score(self, tmp_path: Path, body: str, reason: str):
        for score in scores(tmp_path, f"def f(completions):\n    {body}"):
            assert isinstance(score, str)
            assert reason in score

    def test_numbers_of_other_libraries(self, tmp_path: Path):
        source = (
            "import numpy, torch\n"
            "def f(completions):\n"
            "    return [numpy.float32(0.5), torch.tensor(0.25), numpy.bool_(True)]"
        )
        assert scores(tmp_path, source) == [0.5, 0.25, 1.0]


class TestLoading:
    def test_name_and_weight(self, tmp_path: Path):
        source = "def f(completions):\n    return [0.0] * len(completions)"
        assert load(tmp_path, source).name == "f"
        named = load(tmp_path, source, name="brevity", weight=0.25)
        assert (named.name, named.weight) == ("brevity", 0.25)

    def test_relative_paths_start_at_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        (tmp_path / "mine.py").write_text("def f(completions):\n    return [7.0] * 3")
        monkeypatch.chdir(tmp_path)
        reward = CustomReward(CustomRewardConfig(path="mine.py:f"))
        assert reward.scores(PROBLEM, COMPLETIONS) == [7.0] * 3

    def test_one_file_is_run_once(self, tmp_path: Path):
        path = tmp_path / "two.py"
        path.write_text(
            "from pathlib import Path\n"
            "log = Path(__file__).with_suffix('.log')\n"
            "log.write_text(log.read_text() + 'x' if log.exists() else 'x')\n"
            "def f(completions): return [1.0] * 3\n"
            "def g(completions): return [2.0] * 3\n"
        )
        for name in "fgf":
            CustomReward(CustomRewardConfig(path=f"{path}:{name}"))
        assert path.with_suffix(".log").read_text() == "x"

    def test_callables_and_classes_of_the_file_can_be_pickled(self, tmp_path: Path):
        source = (
            "from dataclasses import dataclass\n"
            "@dataclass(frozen=True)\n"
            "class Scorer:\n"
            "    bonus: float\n"
            "    def __call__(self, completions, **kwargs):\n"
            "        return [self.bonus] * len(completions)\n"
            "f = Scorer(0.5)\n"
        )
        reward = load(tmp_path, source)
        assert reward.scores(PROBLEM, COMPLETIONS) == [0.5] * 3
        assert pickle.loads(pickle.dumps(reward.function)) == reward.function

    def test_no_file(self, tmp_path: Path):
        with pytest.raises(
            ConfigError, match="there is no file .*missing.py. Relative paths start"
        ):
            CustomReward(CustomRewardConfig(path=f"{tmp_path}/missing.py:f"))

    def test_no_function(self, tmp_path: Path):
        with pytest.raises(
            ConfigError, match='has no function "brevty".*It has: brevity. Did you mean "b'
        ):
            (tmp_path / "r.py").write_text("def brevity(completions): ...\nx = 3")
            CustomReward(CustomRewardConfig(path=f"{tmp_path}/r.py:brevty"))

    def test_not_a_function(self, tmp_path: Path):
        (tmp_path / "r.py").write_text("f = 3")
        with pytest.raises(ConfigError, match='has no function "f". It has: no functions'):
            CustomReward(CustomRewardConfig(path=f"{tmp_path}/r.py:f"))

    def test_a_file_that_does_not_run_may_be_mended(self, tmp_path: Path):
        before = set(sys.modules)
        with pytest.raises(ConfigError, match="cannot be imported: it raised NameError"):
            load(tmp_path, "undefined_name")
        assert set(sys.modules) == before
        assert load(tmp_path, "def f(completions):\n    return [1.0] * 3").name == "f"

    def test_unknown_parameters(self, tmp_path: Path):
        with pytest.raises(ConfigError, match=r"parameters \(text, gold\) are not understood"):
            load(tmp_path, "def f(text, gold):\n    return 1.0")
