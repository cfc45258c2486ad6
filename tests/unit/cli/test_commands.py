"""Every command once for real, on a model of a few thousand weights."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cogitate.cli import main
from cogitate.config import config_to_toml
from tiny_run import tiny_config, write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def config(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    path = folder / "tiny.toml"
    settings = tiny_config(model, folder, grpo={"steps": 2}, eval={"every": 0})
    path.write_text(config_to_toml(settings))
    return path


@pytest.fixture(scope="module")
def run_dir(config: Path) -> Path:
    """A finished run."""
    assert main(["run", str(config), "--display", "plain", "--report"]) == 0
    return config.parent / "tiny"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


class TestRun:
    def test_a_run_leaves_everything_behind(self, run_dir: Path) -> None:
        for name in ("config.toml", "metrics.jsonl", "evals.jsonl", "report.html"):
            assert (run_dir / name).is_file(), name
        assert (run_dir / "final" / "model.safetensors").is_file()

    def test_events_as_json_lines(self, call: Any, config: Path, tmp_path: Path) -> None:
        code, out, _ = call("run", config, "--json", "--run-dir", tmp_path / "r")
        events = [json.loads(line)["event"] for line in out.splitlines()]
        assert code == 0
        assert events[0] == "started"
        assert events[-1] == "finished"
        assert events.count("step") == 2

    def test_plain_lines(self, call: Any, config: Path, tmp_path: Path) -> None:
        code, out, _ = call("run", config, "--run-dir", tmp_path / "r")
        assert code == 0
        lines = out.splitlines()
        assert lines[0].startswith("run tiny: grpo, 2 steps, tasks arithmetic, extremes")
        assert any(line.startswith("step 1/2  reward ") for line in lines)
        assert lines[-1] == f"Report:        cogitate report {tmp_path / 'r'}"

    def test_a_used_directory_is_refused(self, call: Any, config: Path, run_dir: Path) -> None:
        code, _, err = call("run", config, "--run-dir", run_dir)
        assert code == 3
        assert "--resume" in err

    def test_a_finished_run_can_be_resumed_into_more_steps(
        self, call: Any, config: Path, tmp_path: Path
    ) -> None:
        assert call("run", config, "--run-dir", tmp_path / "r")[0] == 0
        code, out, _ = call(
            "run", config, "--resume", "--set", "grpo.steps=3", "--run-dir", tmp_path / "r"
        )
        assert code == 0
        assert "continuing at step 3" in out

    def test_a_time_budget_stops_and_says_how_to_go_on(
        self, call: Any, config: Path, tmp_path: Path
    ) -> None:
        code, out, _ = call("run", config, "--max-minutes", "0", "--run-dir", tmp_path / "r")
        assert code == 0
        assert "Time budget used up" in out
        assert "--resume" in out

    def test_a_dry_run_starts_nothing(self, call: Any, config: Path) -> None:
        code, out, _ = call("run", config, "--dry-run", "--set", "name=other")
        assert code == 0
        assert "Time: not estimated without calibration." in out
        assert 'name = "other"' in out
        assert not (config.parent / "other").exists()


class TestPlanAndExplain:
    def test_plan(self, call: Any, config: Path) -> None:
        code, out, err = call("plan", config, "--set", "name=planned")
        assert code == 0
        for expected in ("ok    model", "  calibration  ", "Memory at the peak", "total"):
            assert expected in out
        assert out.endswith("Ready.\n")
        assert err == "timing a few passes on the real model\n"
        assert not (config.parent / "planned").exists()

    def test_plan_as_json(self, call: Any, config: Path) -> None:
        code, out, _ = call("plan", config, "--json", "--no-calibration")
        plan = json.loads(out)
        assert code == 0
        assert plan["ok"] is True
        assert plan["seconds"] == {}
        assert plan["memory"]["optimizer"] == 2 * plan["memory"]["gradients"]

    def test_a_plan_that_fails(self, call: Any, config: Path) -> None:
        code, out, _ = call("plan", config, "--set", "model.source=/no/such/model")
        assert code == 3
        assert "fail  model" in out
        assert out.endswith("Not ready: fix the lines marked fail.\n")

    def test_explain(self, call: Any, config: Path) -> None:
        code, out, _ = call("explain", config, "--set", "grpo.group_size=4")
        assert code == 0
        assert "[grpo]\n" in out
        assert "  group_size = 4   <- --set\n      Completions per problem" in out
        assert "  dual_clip = (not set)" in out

    def test_explain_only_what_was_changed(self, call: Any, config: Path) -> None:
        code, out, _ = call("explain", config, "--changed", "--json", "--set", "seed=9")
        rows = {row["key"]: row for row in json.loads(out)}
        assert code == 0
        assert rows["seed"] == {
            "key": "seed", "value": 9, "origin": "--set",
            "doc": "Fixes every random draw: problems, sampling, shuffling.",
        }  # fmt: skip
        assert all(row["origin"] != "default" for row in rows.values())

    def test_the_resolved_file(self, call: Any, config: Path) -> None:
        assert call("explain", config, "--toml")[1] == config.read_text()


class TestModels:
    def test_sampling_a_question(self, call: Any, model: Path) -> None:
        code, out, _ = call(
            "sample", model, "--prompt", "What is 1 + 1?", "-n", "2", "--max-tokens", "3",
            "--template", "qa", "--json",
        )  # fmt: skip
        rows = json.loads(out)
        assert code == 0
        assert len(rows) == 2
        assert all(1 <= row["tokens"] <= 3 and row["mean_logprob"] < 0 for row in rows)
        assert "gold" not in rows[0]

    def test_greedy_samples_are_equal(self, call: Any, model: Path) -> None:
        arguments = ("sample", model, "--prompt", "x", "-n", "2", "--max-tokens", "4",
                     "--temperature", "0", "--template", "qa", "--json")  # fmt: skip
        first, second = json.loads(call(*arguments)[1])
        assert first["completion"] == second["completion"]

    def test_sampling_the_problems_of_a_task(self, call: Any, model: Path) -> None:
        code, out, _ = call(
            "sample", model, "--task", "extremes", "--count", "2", "--max-tokens", "4",
            "--template", "qa",
        )  # fmt: skip
        assert code == 0
        assert out.count("Q  ") == 2
        assert "gold" in out
        assert "\x1b" not in out

    def test_a_raw_prompt_has_no_template(
        self, call: Any, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("abc"))
        code, out, _ = call(
            "sample", model, "--prompt", "-", "--raw", "--max-tokens", "2", "--json"
        )
        assert code == 0
        assert json.loads(out)[0]["question"] == "abc"

    def test_evaluating_a_run(self, call: Any, run_dir: Path, tmp_path: Path) -> None:
        code, out, _ = call(
            "eval", run_dir, "--json", "--samples", "2", "--rollouts", tmp_path / "r.jsonl"
        )
        found = json.loads(out)
        assert code == 0
        assert found["template"] == "qa"
        tasks = {(result["task"], result["mode"]) for result in found["results"]}
        assert ("extremes", "greedy") in tasks
        assert ("all", "sampled") in tasks
        assert "pass@2" in found["pass_at_k"]["arithmetic"]
        # 2 tasks x 2 problems x (1 greedy + 2 samples)
        assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 12

    def test_evaluating_on_a_file(self, call: Any, model: Path, tmp_path: Path) -> None:
        data = tmp_path / "d.jsonl"
        rows = [{"question": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(5)]
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        code, out, err = call(
            "eval", model, "--data", data, "--samples", "0", "--max-tokens", "3",
            "--template", "qa",
        )  # fmt: skip
        assert code == 0
        assert out.splitlines()[1].split()[:2] == ["dataset", "greedy"]
        assert out.splitlines()[1].split()[-2:] == ["5", "1"]
        assert err == "template qa, tasks dataset\n"

    def test_something_must_say_what_to_evaluate_on(self, call: Any, model: Path) -> None:
        code, _, err = call("eval", model)
        assert code == 2
        assert "--tasks KIND, --config FILE or --data FILE" in err
        assert call("eval", model, "--tasks", "extremes", "--set", "seed=1")[0] == 2

    def test_an_unknown_task_is_a_plain_sentence(self, call: Any, model: Path) -> None:
        code, _, err = call("eval", model, "--tasks", "extreme")
        assert code == 2
        assert 'Did you mean "extremes"?' in err

    def test_model_info(self, call: Any, model: Path) -> None:
        code, out, _ = call("model", "info", model)
        assert code == 0
        assert "llama" in out
        assert "2 layers, 32 hidden, 48 MLP" in out
        assert json.loads(call("model", "info", model, "--json")[1])["vocab_size"] == 259

    def test_model_list_and_fetch(self, call: Any, model: Path) -> None:
        code, out, _ = call("model", "list")
        assert code == 0
        assert "smollm2-135m" in out
        assert call("model", "fetch", model)[1].strip() == str(model)
        assert call("model", "fetch", "smollm-135m", "--offline")[0] == 4


class TestData:
    def test_check(self, call: Any, tmp_path: Path) -> None:
        good = tmp_path / "good.jsonl"
        good.write_text('{"question": "1 + 1?", "answer": "2"}\n')
        code, out, _ = call("data", "check", good)
        assert code == 0
        assert "question-answer" in out
        bad = tmp_path / "bad.jsonl"
        bad.write_text('{"a": 1}\n')
        code, out, _ = call("data", "check", bad, "--json")
        assert code == 4
        assert json.loads(out)["ok"] is False

    def test_check_with_tokenizer_and_template(
        self, call: Any, model: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "d.jsonl"
        path.write_text('{"question": "1 + 1?", "answer": "2"}\n')
        code, out, _ = call("data", "check", path, "--model", model, "--template", "chat")
        assert code == 0
        assert "<|im_start|>user" in out
        assert "longest prompt" in out

    def test_show_a_configuration(self, call: Any, config: Path) -> None:
        code, out, _ = call("data", "show", config, "--count", "1", "--task", "arithmetic")
        assert code == 0
        assert out.splitlines()[0].startswith("arithmetic/train/")
        assert "  | Q: What is " in out
        rows = json.loads(call("data", "show", config, "--json", "--split", "heldout")[1])
        assert len(rows) == 6
        assert all(row["answer"] == row["solution_answer"] for row in rows)

    def test_show_a_file(self, call: Any, tmp_path: Path) -> None:
        path = tmp_path / "d.jsonl"
        lines = [f'{{"question": "What is {i}?", "answer": "{i}"}}\n' for i in range(20)]
        path.write_text("".join(lines))
        code, out, _ = call("data", "show", path, "--count", "2", "--template", "boxed")
        assert code == 0
        assert out.count("Question: What is") == 2

    def test_show_an_unknown_task(self, call: Any, config: Path) -> None:
        code, _, err = call("data", "show", config, "--task", "sums")
        assert code == 2
        assert "Known: arithmetic, extremes" in err


class TestReports:
    def test_report(self, call: Any, run_dir: Path, tmp_path: Path) -> None:
        code, out, _ = call("report", run_dir, "-o", tmp_path / "x.html")
        assert code == 0
        assert out.splitlines()[-1] == f"Report: {tmp_path / 'x.html'}"
        assert (tmp_path / "x.html").read_text().startswith("<!doctype html>")

    def test_compare(self, call: Any, run_dir: Path, tmp_path: Path) -> None:
        code, out, _ = call("compare", run_dir, run_dir, "-o", tmp_path / "c.html", "--json")
        assert code == 0
        assert json.loads(out)["settings"] == {}
        assert (tmp_path / "c.html").is_file()
        code, _, err = call("compare", run_dir)
        assert code == 4
        assert "at least two" in err


def test_doctor(call: Any, tmp_path: Path) -> None:
    code, out, _ = call("doctor", "--runs", tmp_path)
    assert code in (0, 3)
    assert out.startswith("ok    python")
    found = json.loads(call("doctor", "--json")[1])
    assert {check["name"] for check in found["checks"]} >= {"python", "torch", "memory", "kernels"}


def test_version(call: Any) -> None:
    found = json.loads(call("version", "--json")[1])
    assert found["python"].startswith("3.")


def test_bench(call: Any, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, float]] = []

    def run(model_dir: Path, *, seconds: float) -> dict[str, Any]:
        asked.append((model_dir, seconds))
        return {"threads": 2, "rollout": {"tokens_per_second": 312.3}}

    monkeypatch.setattr("cogitate.bench.quick.run", run)
    code, out, _ = call("bench", model, "--seconds", "3")
    assert code == 0
    assert asked == [(model, 3.0)]
    assert "rollout.tokens_per_second" in out
    assert json.loads(call("bench", model, "--json")[1])["threads"] == 2


def test_a_diverged_run_has_its_own_exit_code(
    call: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogitate.train.stopping import DivergedError

    def diverge(*arguments: object, **settings: object) -> None:
        raise DivergedError("the gradients of 5 steps in a row are not finite")

    monkeypatch.setattr("cogitate.runner.train", diverge)
    code, _, err = call("run", config, "--run-dir", tmp_path / "r")
    assert code == 5
    assert err == "cogitate: the gradients of 5 steps in a row are not finite\n"


def test_a_model_that_must_be_fetched_says_so_first(
    call: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogitate.models import fetch

    found = fetch.resolve_model

    def slow(source: str, **settings: Any) -> Path:
        if settings.get("progress"):
            settings["progress"]("fetching 90 MB")
        return found(source, **settings)

    monkeypatch.setattr(fetch, "resolve_model", slow)
    code, _, err = call("run", config, "--run-dir", tmp_path / "r")
    assert code == 0
    assert err.startswith("fetching 90 MB\n")
