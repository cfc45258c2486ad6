"""A tiny model, and files of pairs and labels, shared by the tests of reward models."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cogitate.reward_models import training
from cogitate.reward_models.config import RewardModelConfig
from tiny_run import write_tiny_model

Configure = Callable[..., RewardModelConfig]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of two layers with the byte tokenizer."""
    return write_tiny_model(tmp_path_factory.mktemp("language-model"))


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pairs: the chosen completion has an "x" in it; lengths know nothing of it."""
    rows = [
        {"prompt": f"q{n}?", "chosen": "x" + "a" * (n % 4), "rejected": "b" + "a" * (n % 3)}
        for n in range(60)
    ]
    return write_rows(tmp_path_factory.mktemp("data") / "pairs.jsonl", rows)


@pytest.fixture(scope="session")
def labels_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty completions; those with an "x" are unsafe."""
    rows = [
        {"prompt": f"q{n}?", "completion": ("x" if n % 2 else "b") + "a" * (n % 3),
         "label": "unsafe" if n % 2 else "safe"}
        for n in range(60)
    ]  # fmt: skip
    return write_rows(tmp_path_factory.mktemp("data") / "labels.jsonl", rows)


@pytest.fixture(autouse=True)
def fewer_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What machine this is takes several subprocesses to find out, and no test here asks."""
    monkeypatch.setattr(training, "describe_environment", lambda seed: {"seed": seed})


@pytest.fixture
def configure(model_dir: Path, pairs_file: Path, labels_file: Path, tmp_path: Path) -> Configure:
    """Settings of a training that takes a second; ``changes`` replace whole sections."""

    def make(kind: str = "helpfulness", **changes: Any) -> RewardModelConfig:
        table: dict[str, Any] = {
            "kind": kind,
            "output_dir": str(tmp_path / "runs"),
            "model": {"source": str(model_dir), "device": "cpu", "template": "qa"},
            "data": {"path": str(pairs_file if kind == "helpfulness" else labels_file)},
            "batch_size": 16,
            "max_tokens": 64,
            "epochs": 2,
            "optimizer": {"learning_rate": 1e-2, "warmup_steps": 1},
            "checkpoint_every": 3,
        }
        if kind == "helpfulness":
            table["length"] = {"data": "all"}
        return RewardModelConfig.model_validate({**table, **changes})

    return make
