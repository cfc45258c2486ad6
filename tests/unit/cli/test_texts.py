"""What commands print, from plain values: no model is loaded here."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from cogitate.cli.bench import bench_lines
from cogitate.cli.common import Parser, show, warn
from cogitate.cli.config import explain_text
from cogitate.cli.evaluation import eval_config, eval_setup, eval_text, pass_rates, write_rows
from cogitate.cli.model import info_text
from cogitate.cli.problems import config_of, problem_rows, problem_text
from cogitate.cli.sampling import sample_text
from cogitate.config import config_to_toml, tasks_config
from cogitate.errors import ConfigError
from cogitate.models.info import ModelInfo
from imaginary_runs import result


class TestShow:
    def test_text_or_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        show(argparse.Namespace(json=False), {"a": 1}, "one")
        assert capsys.readouterr().out == "one\n"
        show(argparse.Namespace(json=True), {"a": float("nan"), "b": Path("x")}, "one")
        assert json.loads(capsys.readouterr().out) == {"a": None, "b": "x"}

    def test_nothing_to_say(self, capsys: pytest.CaptureFixture[str]) -> None:
        show(argparse.Namespace(json=False), {}, "")
        assert capsys.readouterr().out == ""

    def test_warnings_are_one_harmless_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        warn("two\nlines \x1b[31mred\x1b[0m")
        out, err = capsys.readouterr()
        assert (out, err) == ("", "two lines red\n")


def test_an_unknown_option_is_refused_by_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="top")
    inner = parser.add_subparsers(parser_class=Parser).add_parser("go")
    inner.add_argument("--fast", action="store_true")
    with pytest.raises(SystemExit):
        parser.parse_args(["go", "--fats"])
    assert capsys.readouterr().err.splitlines()[0] == (
        'top go: unrecognized arguments: --fats. Did you mean "--fast"?'
    )


class TestExplainText:
    ROWS = (
        {"key": "seed", "value": 3, "origin": "line 2", "doc": "Fixes the draws."},
        {"key": "grpo.loss.kl_coef", "value": 0.5, "origin": "default", "doc": "word " * 30},
        {"key": "grpo.loss.dual_clip", "value": None, "origin": "default", "doc": ""},
        {"key": "tasks.0.settings", "value": {}, "origin": "--set", "doc": "Anything."},
    )

    def test_sections_values_origins_and_docstrings(self) -> None:
        lines = explain_text(self.ROWS, 60).splitlines()
        assert lines[:3] == [
            "top of the file", "  seed = 3   <- line 2", "      Fixes the draws.",
        ]  # fmt: skip
        assert "[grpo.loss]" in lines
        assert "  kl_coef = 0.5" in lines
        assert "  dual_clip = (not set)" in lines
        assert "  settings = {}   <- --set" in lines
        assert max(map(len, lines)) <= 60

    def test_a_narrow_terminal(self) -> None:
        assert max(map(len, explain_text(self.ROWS, 10).splitlines())) <= 36


class TestSampleText:
    ROW = {
        "question": "1 + 1?", "completion": " 2\n", "finish_reason": "stop", "tokens": 3,
        "answer": "2", "format_ok": True, "mean_logprob": -0.5,
    }  # fmt: skip

    def test_a_question_stands_once_above_its_samples(self) -> None:
        other = {**self.ROW, "question": "2 + 2?", "completion": "4"}
        assert sample_text([self.ROW, self.ROW, other]).splitlines() == [
            "Q  1 + 1?", "A  2", "   (3 tokens)", "A  2", "   (3 tokens)", "",
            "Q  2 + 2?", "A  4", "   (3 tokens)",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("score", "verdict"), [(1.0, "right"), (0.0, "wrong"), (0.5, "wrong"), (None, "not veri")]
    )
    def test_gold_answers(self, score: float | None, verdict: str) -> None:
        row = {**self.ROW, "gold": "2", "score": score, "finish_reason": "length"}
        text = sample_text([row])
        assert "(3 tokens, truncated, answer 2, gold 2, " in text
        assert verdict in text

    def test_control_characters(self) -> None:
        assert "\x1b" not in sample_text(
            [{**self.ROW, "completion": "\x1b[2J", "question": "\x1b"}]
        )


def rollout(task: str, problem: str, score: float | None, mode: str = "sampled") -> dict[str, Any]:
    error = "died" if score is None else None
    parts = {} if score is None else {"accuracy": score}
    return {"task": task, "problem_id": problem, "mode": mode, "error": error, "parts": parts}


class TestEvaluation:
    def test_pass_at_k(self) -> None:
        rows = [
            rollout("a", "1", 1.0), rollout("a", "1", 0.0),
            rollout("a", "2", 0.0), rollout("a", "2", 0.0),
            rollout("a", "1", 1.0, mode="greedy"),
            rollout("b", "3", 1.0),
        ]  # fmt: skip
        assert pass_rates(rows) == {"a": {"pass@2": 0.5}}  # b has a single sample

    def test_samples_that_could_not_be_verified_do_not_count(self) -> None:
        rows = [rollout("a", "1", score) for score in (1.0, 0.0, None)]
        assert pass_rates(rows) == {"a": {"pass@2": 1.0}}
        assert pass_rates([]) == {}

    def test_the_table(self) -> None:
        results = [result(0, "a", "greedy", 0.5), result(0, "all", "greedy", 0.5)]
        lines = eval_text(results, {"a": {"pass@4": 0.75}}).splitlines()
        assert lines[0].split() == ["task", "mode", "accuracy", "[95", "%", "CI]", "problems",
                                    "samples"]  # fmt: skip
        assert lines[1].split() == ["a", "greedy", "50.0%", "[42.0,", "57.0]", "64", "1"]
        assert lines[2:] == ["a: pass@4 75.0%"]

    def test_rollouts_are_written_as_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "r.jsonl"
        write_rows(path, [{"a": 1}, {"b": "é"}])
        assert [json.loads(line) for line in path.read_text().splitlines()] == [
            {"a": 1}, {"b": "é"},
        ]  # fmt: skip

    def arguments(self, **changes: Any) -> argparse.Namespace:
        settings = {
            "model": "nowhere", "tasks": None, "config": None, "data": None, "overrides": [],
            "problems": None, "samples": None, "no_greedy": False, "max_tokens": None,
        }  # fmt: skip
        return argparse.Namespace(**{**settings, **changes})

    def test_settings_from_the_command_line(self) -> None:
        config = eval_config(
            self.arguments(tasks=["extremes"], problems=7, samples=3, no_greedy=True, max_tokens=9)
        )
        assert [task.kind for task in config.tasks] == ["extremes"]
        section = config.eval
        assert (section.problems_per_task, section.samples, section.greedy) == (7, 3, False)
        assert config.sampling.max_tokens == 9

    def test_a_configuration_with_overrides(self, tmp_path: Path) -> None:
        path = tmp_path / "x.toml"
        path.write_text(config_to_toml(tasks_config([{"kind": "arithmetic"}])))
        config = eval_config(self.arguments(config=str(path), overrides=["tasks.0.digits=4"]))
        assert config.tasks[0].model_dump()["digits"] == (4, 4)

    def test_the_run_a_model_came_from(self, tmp_path: Path) -> None:
        config = tasks_config([{"kind": "selection"}])
        (tmp_path / "config.toml").write_text(config_to_toml(config))
        final = tmp_path / "final"
        final.mkdir()
        (final / "config.json").write_text("{}")
        for path in (tmp_path, final):
            found = eval_config(self.arguments(model=str(path)))
            assert [task.kind for task in found.tasks] == ["selection"]

    def test_some_rows_of_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "d.jsonl"
        rows = [{"question": f"What is {i} + 0?", "answer": str(i)} for i in range(9)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config, mixture = eval_setup(self.arguments(data=str(path)))
        assert config.eval.problems_per_task == 9
        assert len(mixture.held_out("dataset", 9)) == 9
        config, _ = eval_setup(self.arguments(data=str(path), problems=4))
        assert config.eval.problems_per_task == 4

    def test_overrides_need_a_configuration(self) -> None:
        with pytest.raises(ConfigError, match="--config FILE"):
            eval_config(self.arguments(tasks=["extremes"], overrides=["seed=1"]))


class TestProblems:
    def test_worked_solutions_are_shown(self) -> None:
        config = tasks_config([{"kind": "word_problems"}, {"kind": "extremes"}])
        rows = problem_rows(config, task=None, split="train", count=2, template="r1_zero")
        assert [row["task"] for row in rows] == ["word_problems"] * 2 + ["extremes"] * 2
        assert all(row["answer"] == row["solution_answer"] for row in rows)
        text = problem_text(rows)
        assert "  thinking: " in text
        assert "<think> reasoning process here </think>" in text
        assert problem_text([]) == "no problems in this split"

    def test_a_chat_template_shows_the_bare_question(self) -> None:
        config = tasks_config([{"kind": "extremes"}])
        [row] = problem_rows(config, task="extremes", split="heldout", count=1, template="chat")
        assert row["prompt"] == row["question"]

    def test_files_and_configurations(self, tmp_path: Path) -> None:
        assert config_of("some/file.jsonl").tasks[0].kind == "dataset"
        path = tmp_path / "x.toml"
        path.write_text('[[tasks]]\nkind = "countdown"\n')
        assert config_of(str(path)).tasks[0].kind == "countdown"


def test_model_figures() -> None:
    info = ModelInfo(
        directory="/m", family="llama", parameters=134_515_008, embedding_parameters=28_311_552,
        non_embedding_parameters=106_203_456, weight_dtypes=("F32",), weight_bytes=538_000_000,
        num_layers=30, hidden_size=576, num_heads=9, num_kv_heads=3, head_dim=64,
        intermediate_size=1536, vocab_size=49_152, context_length=8192, rope="default",
        tie_embeddings=True, kv_bytes_per_token=46_080, flops_per_token=269_000_000,
        attention_flops_per_token_pair=69_120, inference_bytes=538_000_000,
        training_bytes=2_152_000_000, tokenizer_size=49_152, has_chat_template=False,
        provenance=None,
    )  # fmt: skip
    lines = dict(line.split("  ", 1) for line in info_text(info).splitlines())
    shown = {name: value.strip() for name, value in lines.items()}
    assert shown["parameters"] == "134.5M, 28.3M of them embedding (also the head)"
    assert shown["KV cache"] == "46.1 kB a token"
    assert shown["on disk"] == "538 MB F32"
    assert shown["origin"] == "not recorded"
    assert shown["chat template"] == "no"
    assert shown["memory"].startswith("538 MB to sample, 2.2 GB to train")


def test_bench_figures() -> None:
    lines = bench_lines({"threads": 2, "rollout": {"tokens_per_second": 312.345, "batch": 32}})
    assert lines[0].split() == ["threads", "2"]
    assert lines[1].split() == ["rollout.tokens_per_second", "312.3"]
    assert len({line.rindex(" ") for line in lines}) == 1  # one column of values


def test_the_kinds_of_answers_are_those_of_the_settings() -> None:
    from typing import get_args

    from cogitate.cli.data import ANSWER_KINDS
    from cogitate.tasks.config import AnswerKind

    assert get_args(AnswerKind) == ANSWER_KINDS
