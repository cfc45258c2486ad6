"""``cogitate reward``: rewards of every kind under test and under attack."""

import argparse
import json
import textwrap
from pathlib import Path

import pytest

from cogitate.cli import main
from cogitate.cli.common import DATA, FOUND, OK, USAGE
from cogitate.cli.reward_attack import attack_text
from cogitate.cli.reward_checks import GARBAGE, check_row, number, run_checks, said
from cogitate.cli.reward_targets import (
    Fault,
    FunctionTarget,
    KindTarget,
    open_target,
    read_problems,
)
from cogitate.errors import ConfigError
from cogitate.verdict import Status, Verdict

REWARDS = '''
import math
import random
import re
import time

BOX = re.compile(r"\\\\boxed\\{([^{}]*)\\}")


def careful(completions, answer, **columns):
    """One distinct box after the thinking, and it is the answer."""
    scores = []
    for text, gold in zip(completions, answer):
        text = re.split(r"<\\|im_end\\||<\\|eot_id\\||<\\|endoftext\\||</s>|<\\uff5c", text)[0]
        closed = "</think>" in text or "<think>" not in text
        boxes = set(BOX.findall(text.rpartition("</think>")[2])) if closed else set()
        depth = [0]
        for c in text:
            depth.append(depth[-1] + (c == "{") - (c == "}"))
        scores.append(float(boxes == {gold} and text.count("boxed") == len(BOX.findall(text))))
    return scores


def substring(completions, answer, **columns):
    return [float(gold in text) for text, gold in zip(completions, answer)]


def tagged(solution_str, ground_truth, data_source=None, extra_info=None):
    found = re.findall("<answer>(.*?)</answer>", solution_str, re.DOTALL)
    return {"score": float(found[-1:] == [ground_truth])}


def broken(completions, answer, **columns):
    return [1.0 if gold in text else float("nan") for text, gold in zip(completions, answer)]


def raises(problem, completions):
    return [1.0 / len(c.text.strip()) for c in completions]


def restless(completions, **columns):
    return [time.time_ns() % 1000003 for _ in completions]


def relative(problem, completions):
    right = [float(problem.answer in c.text) for c in completions]
    return [r - sum(right) / len(right) + len(right) * 10 * (r > 0) for r in right]


def hangs(completions, answer, **columns):
    if "__subclasses__" in completions[0]:
        time.sleep(60)
    return [float(gold in text) for text, gold in zip(completions, answer)]


def never(completions, **columns):
    time.sleep(60)


def wants_columns(completions, answer, level, **columns):
    return [float(gold in text) if kept == "easy" else None
            for text, gold, kept in zip(completions, answer, level)]
'''


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may be busy."""
    monkeypatch.setattr("cogitate.verifiers.attacks.run.PATIENCE", 100.0)


@pytest.fixture(scope="module")
def rewards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rewards") / "rewards.py"
    path.write_text(textwrap.dedent(REWARDS))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    rows = [
        {"question": "20 + 3?", "answer": "23", "level": "easy"},
        {"question": "half of three?", "answer": "3/2", "level": "hard"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def arguments(reward: str, **changes: object) -> argparse.Namespace:
    settings = {
        "reward": reward, "data": None, "problems": 4, "kind": None, "layout": "boxed",
        "timeout": 10.0, "messages": False, "sandboxed": False, "sandbox": "auto", "workers": 1,
    }  # fmt: skip
    return argparse.Namespace(**{**settings, **changes})


class TestKinds:
    @pytest.mark.parametrize("kind", ["mcq", "gsm8k"])
    def test_our_verifiers_pass_both(self, kind: str, capsys) -> None:
        assert main(["reward", "test", kind, "--workers", "1"]) == OK
        assert "all checks passed" in capsys.readouterr().out
        assert main(["reward", "attack", kind, "--workers", "1"]) == OK
        assert "nothing got through" in capsys.readouterr().out

    def test_problems_of_ones_own(self, data: Path, capsys) -> None:
        argv = ["reward", "attack", "gsm8k", "--data", str(data), "--problems", "1", "--json"]
        assert main(argv) == OK
        report = json.loads(capsys.readouterr().out)
        assert report["ok"] is True
        assert report["rows"] > 30

    def test_words_that_name_nothing(self, capsys) -> None:
        assert main(["reward", "test", "maths_"]) == USAGE
        assert 'Did you mean "maths"?' in capsys.readouterr().err
        assert main(["reward"]) == OK

    def test_no_problems(self, tmp_path: Path, capsys) -> None:
        path = tmp_path / "none.jsonl"
        path.write_text('{"question": "?"}\n')
        assert main(["reward", "test", "math", "--data", str(path)]) == DATA
        assert "Expected questions with gold answers" in capsys.readouterr().err


class TestFunctions:
    def test_a_substring_match_is_caught(self, rewards: Path, data: Path, capsys) -> None:
        argv = ["reward", "attack", f"{rewards}:substring", "--workers", "1", "--layout", "boxed"]
        assert main([*argv, "--data", str(data), "--problems", "1"]) == FOUND
        text = capsys.readouterr().out
        assert "got through: wrong, and earned what a right answer earns:" in text
        assert "math/hedging/box-spray-gold-last/row 1  score 1" in text
        assert "…" in text
        assert "rows show a fault" in text

    def test_one_that_never_comes_back(self, rewards: Path, data: Path, capsys) -> None:
        argv = [
            "reward", "attack", f"{rewards}:hangs", "--timeout", "2", "--json",
            "--layout", "boxed", "--data", str(data), "--problems", "1", "--workers", "1",
        ]  # fmt: skip
        assert main(argv) == FOUND
        trials = json.loads(capsys.readouterr().out)["trials"]
        slow = {trial["id"] for trial in trials if trial["finding"] == "slow"}
        assert slow == {"math/hostile/subclasses/row 1"}

    def test_the_layout_is_found(self, rewards: Path, data: Path) -> None:
        with open_target(arguments(f"{rewards}:tagged", layout="auto")) as target:
            assert isinstance(target, FunctionTarget)
            assert target.layout == "answer_tag"
            assert "verl signature" in target.name
            assert all("<answer>" in row.completion for row in target.rows())

    def test_a_good_one_passes_the_test(self, rewards: Path, capsys) -> None:
        assert main(["reward", "test", f"{rewards}:careful", "--layout", "boxed"]) == FOUND
        # It compares texts, so 57 passes and "x^2 + x - 6" does, but nested braces do not.
        out = capsys.readouterr().out
        assert "corrupted gold earns less  ok" in out

    @pytest.mark.parametrize(
        ("name", "failed"),
        [
            ("broken", {"corrupted gold earns less", "garbage does not break it"}),
            ("raises", {"gold earns the maximum", "garbage does not break it"}),
            ("restless", {"gold earns the maximum", "the same twice"}),
        ],
    )
    def test_faults_are_found(self, rewards: Path, name: str, failed: set[str]) -> None:
        with open_target(arguments(f"{rewards}:{name}")) as target:
            report = run_checks(target)
        assert not report.ok
        assert failed <= {check.name for check in report.checks if check.ok is False}
        assert all(check.examples for check in report.checks if check.ok is False)

    def test_a_reward_that_compares_its_group_is_told(self, rewards: Path, data: Path) -> None:
        with open_target(arguments(f"{rewards}:relative", data=str(data))) as target:
            report = run_checks(target)
        [grouped] = [check for check in report.checks if check.name == "alone as in a group"]
        assert grouped.ok is None
        assert grouped.examples

    def test_columns_of_the_data_are_given(self, rewards: Path, data: Path, capsys) -> None:
        reward = f"{rewards}:wants_columns"
        argv = ["reward", "test", reward, "--data", str(data), "--layout", "boxed"]
        assert main([*argv, "--row", "1", "--json"]) == OK
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert {row["id"].rpartition("/")[2] for row in rows} == {"row 1"}
        assert [row["score"] for row in rows if row["should_be_correct"]] == [1.0]
        assert main([*argv, "--row", "2"]) == OK
        text = capsys.readouterr().out
        assert "none: returned None" in text
        assert "columns     answer, level, question" in text
        assert main([*argv, "--row", "3"]) == DATA
        assert "--row 3: the last row of the file is 2" in capsys.readouterr().err

    def test_hostile_programs_need_the_sandbox(self, rewards: Path) -> None:
        with pytest.raises(ConfigError, match="Add --sandboxed"):
            open_target(arguments(f"{rewards}:substring", kind="code_stdio"))
        with pytest.raises(ConfigError, match="unknown kind"):
            open_target(arguments(f"{rewards}:substring", kind="codes"))

    def test_rows_of_another_kind(self, rewards: Path) -> None:
        with open_target(arguments(f"{rewards}:substring", kind="countdown")) as target:
            rows = target.rows()
            assert {row.kind for row in rows} == {"countdown"}
            [score] = target.score(rows[:1])
            assert score == 0.0  # the gold is an object, given as JSON

    def test_one_that_never_comes_back_is_given_up(self, rewards: Path, data: Path) -> None:
        with open_target(arguments(f"{rewards}:never", data=str(data), timeout=0.5)) as target:
            report = run_checks(target)
        assert not report.ok
        found = {check.name: check for check in report.checks}
        assert "3 calls in a row timed out" in found["comes back"].detail
        assert found["gold earns the maximum"].ok is None
        assert found["the same twice"].detail.startswith("not tested")

    def test_gold_answers_that_cannot_be_used_are_left_out(self, tmp_path: Path, capsys) -> None:
        path = tmp_path / "gold.jsonl"
        rows = [{"question": "?", "answer": "this is a whole sentence without any value in it"},
                {"question": "20 + 3?", "answer": "23"}]  # fmt: skip
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = read_problems(arguments("math", data=str(path)))
        assert [problem.gold for problem in found or []] == ["23"]
        assert "row 1: the gold answer cannot be used" in capsys.readouterr().err

    def test_a_file_without_a_function(self, tmp_path: Path, capsys) -> None:
        path = tmp_path / "mine.py"
        path.write_text("raise SystemExit\ndef first(): ...\nasync def second(): ...\n")
        assert main(["reward", "test", str(path)]) == USAGE
        err = capsys.readouterr().err
        assert "mine.py:first. It has: first, second." in err

    def test_a_function_that_is_not_there(self, rewards: Path, capsys) -> None:
        assert main(["reward", "test", f"{rewards}:substrin"]) == USAGE
        assert "substring" in capsys.readouterr().err


class TestRuns:
    CONFIG = '[template]\nname = "%s"\n[[tasks]]\nkind = "countdown"\n'

    @pytest.mark.parametrize("template", ["r1_zero_prefill", "qa"])
    def test_the_whole_reward(self, tmp_path: Path, capsys, template: str) -> None:
        path = tmp_path / "run.toml"
        path.write_text(self.CONFIG % template)
        assert main(["reward", "test", str(path), "--problems", "2"]) == OK
        assert "all checks passed" in capsys.readouterr().out
        code = main(["reward", "attack", str(path), "--problems", "2", "--json"])
        report = json.loads(capsys.readouterr().out)
        assert [trial["id"] for trial in report["trials"] if trial["finding"] == "through"] == []
        assert code == OK
        assert report["right_score"] > report["wrong_score"]


class TestTexts:
    def test_scores_in_words(self) -> None:
        assert said(0.5) == "0.5"
        assert said(Fault(cause="raised", reason="raised X")) == "none: raised X"
        assert said(Verdict(status=Status.WRONG, cause="hedged")) == "0 (wrong, hedged)"
        assert number(Verdict(status=Status.TIMEOUT)) != number(Verdict(status=Status.TIMEOUT))

    def test_garbage_holds_what_breaks_things(self) -> None:
        assert "" in GARBAGE
        assert any("\ud800" in text for text in GARBAGE)
        assert len(set(GARBAGE)) == len(GARBAGE)

    def test_a_row_by_its_number(self) -> None:
        with open_target(arguments("mcq")) as target:
            assert isinstance(target, KindTarget)
            found = check_row(target, 0)
            assert found["rows"][0]["said"].startswith(("1 (correct", "0 (wrong"))
            with pytest.raises(ConfigError, match="rows 0 to"):
                check_row(target, 999)

    def test_what_the_attack_says(self) -> None:
        from cogitate.verifiers.attacks import attack, corpus

        rows = [row for row in corpus(["math"]) if row.family in ("styling", "hedging")][:60]
        text = attack_text(attack(lambda row: 0.0, rows=rows), shown=3)
        assert "does not tell them apart" in text
        assert "more (--show" in text
        ungraded = attack(lambda row: None if row.family == "hedging" else 1.0, rows=rows)
        assert "no score, so a policy can hide there" in attack_text(ungraded)
