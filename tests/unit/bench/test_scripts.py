"""The scripts in bench/: their inputs, and one whole comparison in small."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cogitate.errors import EngineError

ROOT = Path(__file__).parents[3]
BENCH = ROOT / "bench"
sys.path[:0] = [str(BENCH), str(BENCH / "peers")]

import workloads  # noqa: E402  # pyright: ignore[reportMissingImports]

import contestants  # noqa: E402  # pyright: ignore[reportMissingImports]
import venvs  # noqa: E402  # pyright: ignore[reportMissingImports]


def test_problems_alternate_and_their_gold_answer_is_right():
    for index in range(20):
        question = workloads.question(index)
        numbers = [int(n) for n in question.split(": ")[1].rstrip("?").split(", ")]
        assert len(numbers) == 5
        extreme = max if "largest" in question else min
        assert workloads.gold_answer(index) == str(extreme(numbers))
    assert "largest" in workloads.question(0)
    assert "smallest" in workloads.question(1)
    assert workloads.prompt(3) == f"Q: {workloads.question(3)}\nA:"


def test_prompts_are_the_same_in_every_process():
    script = "import workloads; print(workloads.prompt(7), end='')"
    other = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(BENCH / "peers"), "PYTHONHASHSEED": "123"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == workloads.prompt(7)


def test_full_rows_have_equal_completions_and_prompts_shared_by_the_group():
    rows = workloads.training_rows(8, 4, 16, ragged=False, vocabulary=100)
    assert [len(completion) for _, completion in rows] == [16] * 8
    assert rows[0][0] == rows[3][0] != rows[4][0] == rows[7][0]
    assert all(20 <= token < 100 for prompt, ids in rows for token in [*prompt, *ids])


def test_ragged_rows_differ_but_keep_the_full_width():
    lengths = [
        len(ids) for _, ids in workloads.training_rows(32, 8, 64, ragged=True, vocabulary=99)
    ]
    assert lengths[0] == max(lengths) == 64
    assert min(lengths) >= 8
    assert len(set(lengths)) > 10
    again = [len(ids) for _, ids in workloads.training_rows(32, 8, 64, ragged=True, vocabulary=99)]
    assert again == lengths


def test_length_reward_tells_texts_of_unequal_length_apart():
    assert workloads.length_reward("") == 0.0
    assert workloads.length_reward("x" * 250) == 2.5


def test_environments_go_where_they_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COGITATE_BENCH_VENVS", str(tmp_path))
    assert venvs.home() == tmp_path
    monkeypatch.delenv("COGITATE_BENCH_VENVS")
    assert venvs.home().parts[-3:] == (".cache", "cogitate", "bench-venvs")


def test_a_peer_that_cannot_take_part_leaves_the_others_their_rows(
    capsys: pytest.CaptureFixture[str],
):
    def fail() -> Any:
        raise EngineError("pip install failed")

    assert contestants.attempt("vllm", fail) == []
    assert "vllm is left out: pip install failed" in capsys.readouterr().err
    rows: Any = ["a row"]
    assert contestants.attempt("trl", lambda: rows) == ["a row"]


def test_a_failure_of_our_own_making_is_not_swallowed():
    def fail() -> Any:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        contestants.attempt("vllm", fail)


def test_vllm_gets_its_threads_and_an_openmp_library_preloaded(tmp_path: Path):
    library = tmp_path / "lib" / "libiomp5.so"
    library.parent.mkdir()
    library.touch()
    variables = contestants._vllm_variables(tmp_path / "bin" / "python", threads=4)
    assert variables["VLLM_CPU_OMP_THREADS_BIND"] == "0-3"
    assert variables["LD_PRELOAD"] == str(library)


def test_nothing_new_is_started_after_the_deadline():
    assert not contestants.expired(float("inf"))
    assert contestants.expired(0.0)


def test_requirements_are_pinned_and_say_what_to_remove():
    assert venvs.NAMES == ("trl", "vllm")
    for name in venvs.NAMES:
        lines = (BENCH / "peers" / f"{name}.txt").read_text().splitlines()
        packages = [line for line in lines if line and not line.startswith("#")]
        assert packages
        assert all("==" in package for package in packages)
    assert venvs._to_remove(BENCH / "peers" / "vllm.txt") == [
        "torchvision",
        "torchaudio",
        "torchcodec",
    ]
    assert venvs._to_remove(BENCH / "peers" / "trl.txt") == []


def test_an_up_to_date_environment_is_not_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COGITATE_BENCH_VENVS", str(tmp_path))
    python = tmp_path / "trl" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    digest = hashlib.sha256((BENCH / "peers" / "trl.txt").read_bytes()).hexdigest()
    (tmp_path / "trl" / "requirements.sha256").write_text(digest)
    assert venvs.ensure("trl") == python


@pytest.mark.parametrize(
    "script",
    [
        "rollout",
        "train",
        "grpo_step",
        "run_all",
        "venvs",
        pytest.param("gpu", marks=pytest.mark.slow),
    ],
)
def test_every_script_explains_itself(script: str):
    done = subprocess.run(
        [sys.executable, str(BENCH / f"{script}.py"), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = "NAME" if script == "venvs" else "--quick"
    assert wanted in done.stdout


def test_rows_of_another_machine_are_taken_into_the_documents(tmp_path: Path):
    row = {
        "work": "training", "batch": 256, "unit": "tokens/s", "ours": 90.0,
        "peer": "transformers", "peer_version": "5.0", "peer_value": 30.0, "ratio": 3.0,
        "runs": 5, "peak_memory_mb": 10.0, "machine": "a GPU", "date": "2026-01-02",
        "peer_peak_memory_mb": 20.0, "ours_spread": [89.0, 91.0], "peer_spread": [29.0, 31.0],
        "ratio_spread": [2.9, 3.1], "ours_version": "cogitate 0.1.0",
    }  # fmt: skip
    source, docs = tmp_path / "gpu.json", tmp_path / "docs"
    for ratio in (3.0, 4.0):  # the second measurement replaces the first
        source.write_text(json.dumps([{**row, "ratio": ratio}]))
        subprocess.run(
            [sys.executable, str(BENCH / "run_all.py"), "--add", str(source), "--docs", str(docs)],
            check=True,
            capture_output=True,
        )
    text = (docs / "benchmarks.md").read_text()
    assert text.startswith("# Benchmarks\n")
    assert "## a GPU\n\nMeasured 2026-01-02 with cogitate 0.1.0." in text
    assert text.count("| training | 256 |") == 1
    assert "**4.00x** (2.90 to 3.10)" in text
    assert [entry["ratio"] for entry in json.loads((docs / "benchmarks.json").read_text())] == [4.0]


@pytest.mark.slow
def test_a_whole_comparison_in_small(tmp_path: Path):
    """Ours beside transformers in one environment, from the command line to the row."""
    pytest.importorskip("transformers")
    out = tmp_path / "rows.json"
    done = subprocess.run(
        [sys.executable, str(BENCH / "rollout.py"), "--quick", "--here", "--model", "random-tiny",
         "--peers", "transformers", "--threads", "1", "--json", str(out)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "COGITATE_BENCH_VENVS": str(tmp_path / "venvs")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    assert [(row["batch"], row["peer"], row["runs"]) for row in rows] == [
        (1, "transformers", 1),
        (8, "transformers", 1),
    ]
    assert all(row["ratio"] > 0 and row["peak_memory_mb"] > 50 for row in rows)
    assert "| rollouts with log-probs, 8 new tokens | 8 | tokens/s |" in done.stdout
