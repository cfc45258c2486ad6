"""The examples run as they are; those that need a model get a tiny random one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tiny_run import write_tiny_model

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def run(name: str, *arguments: object, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)],
        capture_output=True, text=True, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_how_to_run_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert f"python examples/{path.name}" in text


def test_training_from_python(model: Path, tmp_path: Path) -> None:
    out = run("train_from_python.py", model, tmp_path, folder=tmp_path)
    assert "step 10: reward " in out
    assert "comparison greedy: " in out
    assert "completed after" in out
    assert (tmp_path / "from_python" / "final" / "model.safetensors").is_file()


def test_sampling_and_scoring(model: Path, tmp_path: Path) -> None:
    out = run("sample_and_score.py", model, folder=tmp_path)
    assert out.count("(gold ") == 3
    assert out.count(" nats)") == 12


def test_comparing_runs(model: Path, tmp_path: Path) -> None:
    out = run(
        "compare_runs.py", ROOT / "configs" / "tiny_cpu_test.toml", f"model.source={model}",
        "grpo.steps=2", "sampling.max_tokens=4", "output_dir=.", folder=tmp_path,
    )  # fmt: skip
    assert "tiny-coin minus tiny-answer, same held-out problems" in out
    assert (tmp_path / "compare.html").is_file()
    assert (tmp_path / "tiny-coin" / "report.html").is_file()
