"""A run from its configuration alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from cogitate import runner
from cogitate.config import load_config
from cogitate.errors import CheckpointError, CogitateError
from cogitate.train.listener import SilentListener
from tiny_run import tiny_config, write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def test_a_run_directory_is_self_contained(model: Path, tmp_path: Path) -> None:
    config = tiny_config(model, tmp_path, grpo={"steps": 1})
    result = runner.run(config)
    run_dir = tmp_path / "tiny"
    assert result.run_dir == run_dir
    assert sorted(path.name for path in run_dir.iterdir()) == [
        "checkpoints",
        "config.toml",
        "environment.json",
        "evals.jsonl",
        "final",
        "metrics.jsonl",
        "rollouts",
        "timing.jsonl",
        "train.log",
    ]
    assert load_config(run_dir / "config.toml") == config
    environment = json.loads((run_dir / "environment.json").read_text())
    assert environment["seed"] == 5
    assert environment["earlier_attempts"] == []
    assert "expected here" in (run_dir / "train.log").read_text()


def test_a_second_run_in_the_same_directory_is_refused_and_a_resume_is_not(
    model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path, grpo={"steps": 1})
    place = tmp_path / "another place"
    runner.run(config, run_dir=place)
    with pytest.raises(CheckpointError, match="--resume"):
        runner.run(config, run_dir=place)
    longer = tiny_config(model, tmp_path, grpo={"steps": 2})
    assert runner.run(longer, run_dir=place, resume=True).step == 2
    assert len(json.loads((place / "environment.json").read_text())["earlier_attempts"]) == 1
    assert not (tmp_path / "tiny").exists()


def test_a_run_that_fails_gives_the_directory_and_the_engine_back(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    build = runner.build_components

    def watched(*arguments: Any, **options: Any) -> Any:
        components = build(*arguments, **options)
        close = components.placement.close
        monkeypatch.setattr(
            type(components.placement), "close", lambda self: (close(), closed.append(True))
        )
        return components

    monkeypatch.setattr(runner, "build_components", watched)

    class Fails(SilentListener):
        def step(self, report: Any, sample_rows: Any, eta: float | None) -> None:
            raise RuntimeError("the screen is gone")

    config = tiny_config(model, tmp_path, grpo={"steps": 1})
    with pytest.raises(RuntimeError, match="the screen is gone"):
        runner.run(config, listener=Fails())
    assert closed == [True]
    assert not (tmp_path / "tiny" / "run.lock").exists()


def test_a_model_that_does_not_exist_leaves_a_directory_that_can_be_used(
    model: Path, tmp_path: Path
) -> None:
    with pytest.raises(CogitateError):
        runner.run(tiny_config(tmp_path / "no-such-model", tmp_path))
    assert runner.run(tiny_config(model, tmp_path, grpo={"steps": 1})).status == "completed"


def test_the_time_budget_is_handed_on(model: Path, tmp_path: Path) -> None:
    result = runner.run(tiny_config(model, tmp_path), max_seconds=1e-6)
    assert (result.status, result.step) == ("time_budget", 0)
    assert result.final_dir is not None
