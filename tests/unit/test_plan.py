from pathlib import Path
from typing import Any

import pytest

from cogitate import plan as plan_module
from cogitate.plan import Plan, plan_run, plan_text
from tiny_run import tiny_config, write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def planned(model: Path, folder: Path, /, *, calibrate: bool = False, **changes: Any) -> Plan:
    return plan_run(tiny_config(model, folder, **changes), calibrate=calibrate)


def status_of(plan: Plan) -> dict[str, str]:
    return {check.name: check.status for check in plan.checks}


def seen(plan: Plan, name: str) -> str:
    return next(f"{c.seen} {c.advice}" for c in plan.checks if c.name == name)


def test_a_run_that_can_start(model: Path, tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_run(tiny_config(model, tmp_path), progress=said.append)
    assert plan.ok
    assert set(status_of(plan).values()) <= {"ok", "warn"}
    assert said == ["timing a few passes on the real model"]
    assert plan.seconds["total"][0] > 0
    assert plan.seconds["total"][0] < plan.seconds["total"][1]
    assert plan.calibration["rollout_tokens_per_second"]
    assert plan.peak_bytes is not None
    assert plan.peak_bytes[0] < plan.peak_bytes[1]
    assert list(tmp_path.iterdir()) == []  # nothing was started or written


def test_without_calibration_there_is_no_time(model: Path, tmp_path: Path) -> None:
    plan = planned(model, tmp_path)
    assert plan.ok
    assert plan.seconds == {}
    assert plan.calibration == {}
    assert plan.sampled_tokens is not None
    assert "calibration" not in status_of(plan)


def test_calibration_narrows_the_memory_estimate(model: Path, tmp_path: Path) -> None:
    def width(plan: Plan) -> float:
        assert plan.peak_bytes is not None
        low, high = plan.peak_bytes
        return (high - low) / (high + low)

    assert width(planned(model, tmp_path)) == pytest.approx(0.25, abs=1e-6)
    assert width(planned(model, tmp_path, calibrate=True)) == pytest.approx(0.10, abs=1e-6)


def test_a_missing_model_says_how_to_get_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGITATE_CACHE", str(tmp_path / "empty"))
    plan = planned(model, tmp_path, calibrate=True, model={"source": "smollm2-135m"})
    assert not plan.ok
    assert status_of(plan)["model"] == "fail"
    assert "cogitate model fetch smollm2-135m" in seen(plan, "model")
    # The other parts are checked nevertheless; what needs the model is left out.
    assert status_of(plan)["tasks"] == "ok"
    assert "memory" not in status_of(plan)
    assert plan.disk_bytes is None


def test_all_faults_are_found_at_once(model: Path, tmp_path: Path) -> None:
    tasks = [{"kind": "dataset", "path": str(tmp_path / "none.jsonl")}]
    plan = planned(model, tmp_path, tasks=tasks, model={"source": str(tmp_path / "nowhere")})
    assert status_of(plan)["model"] == "fail"
    assert status_of(plan)["tasks"] == "fail"
    assert "no such file" in seen(plan, "tasks")


def test_prompts_must_fit_the_context(model: Path, tmp_path: Path) -> None:
    plan = planned(model, tmp_path, calibrate=True, sampling={"max_tokens": 120})
    assert status_of(plan)["prompts"] == "fail"
    assert "the model has 128. Lower sampling.max_tokens." in seen(plan, "prompts")
    assert "calibration" not in status_of(plan)


def test_an_unknown_template(model: Path, tmp_path: Path) -> None:
    plan = planned(model, tmp_path, template={"name": "r1_zeroo"})
    assert status_of(plan)["prompts"] == "fail"
    assert 'Did you mean "r1_zero"' in seen(plan, "prompts")


def test_examples_that_do_not_fit_the_template(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "sft.jsonl"
    path.write_text('{"a": 1}\n')
    plan = planned(model, tmp_path, algorithm="sft", sft={"source": str(path)})
    assert status_of(plan)["prompts"] == "fail"
    assert "none of 1 rows is a supervised example" in seen(plan, "prompts")


def test_a_used_run_directory_is_a_warning(model: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "metrics.jsonl").write_text("")
    plan = planned(model, tmp_path)
    assert plan.ok
    assert status_of(plan)["run directory"] == "warn"
    assert "--resume" in seen(plan, "run directory")


@pytest.mark.parametrize(("free", "status"), [(10**6, "fail"), (10**13, "ok"), (None, "ok")])
def test_memory_is_compared_with_what_is_free(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int | None, status: str
) -> None:
    monkeypatch.setattr(plan_module, "available_bytes", lambda: free)
    assert status_of(planned(model, tmp_path))["memory"] == status


def test_little_more_than_enough_memory_is_a_warning(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    low, high = planned(model, tmp_path).peak_bytes or (0, 0)
    monkeypatch.setattr(plan_module, "available_bytes", lambda: int(low + high) // 2)
    plan = planned(model, tmp_path)
    assert status_of(plan)["memory"] == "warn"
    assert "grpo.micro_batch_tokens" in seen(plan, "memory")


def test_a_full_disk(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        plan_module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})()
    )
    plan = planned(model, tmp_path)
    assert status_of(plan)["disk"] == "fail"
    assert "checkpoint.keep" in seen(plan, "disk")


def test_hopeless_tasks_are_noticed(model: Path, tmp_path: Path) -> None:
    # A random model never adds right, and without the random reward nothing varies.
    plan = planned(
        model, tmp_path, calibrate=True, reward={"random": 0.0}, tasks=[{"kind": "arithmetic"}]
    )
    assert status_of(plan)["calibration"] == "warn"
    assert "All 2 groups had equal rewards (accuracy 0.0%)" in seen(plan, "calibration")


def test_the_text(model: Path, tmp_path: Path) -> None:
    text = plan_text(planned(model, tmp_path, calibrate=True))
    lines = text.splitlines()
    assert lines[0] == "Plan of tiny (grpo)"
    assert "Memory at the peak" in lines
    assert any(line.startswith("Tokens sampled: ") for line in lines)
    assert any(line.startswith("  total  ") for line in lines)
    assert lines[-1] == "Ready."
    text = plan_text(planned(model, tmp_path))
    assert "Time: not estimated without calibration." in text
    failed = plan_text(planned(model, tmp_path, sampling={"max_tokens": 500}))
    assert failed.endswith("Not ready: fix the lines marked fail.")


@pytest.mark.parametrize(("free", "status"), [(10**3, "fail"), (10**12, "ok")])
def test_on_a_gpu_its_own_memory_counts(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    monkeypatch.setattr(plan_module, "resolve_device", lambda name: "cuda")
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (free, 10**12))
    plan = planned(model, tmp_path)
    assert status_of(plan)["memory"] == status
    assert "free on the GPU (1.0 TB)" in seen(plan, "memory")


def test_data_sets_say_how_many_problems_they_have(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    rows = [f'{{"question": "What is {i}?", "answer": "{i}"}}\n' for i in range(40)]
    path.write_text("".join(rows))
    plan = planned(model, tmp_path, tasks=[{"kind": "dataset", "path": str(path)}])
    assert status_of(plan)["tasks"] == "ok"
    assert " problems)" in seen(plan, "tasks")
    assert "dataset (3" in seen(plan, "tasks")  # 34 of 40 or so: 15 % are held out


def test_a_task_that_does_not_accept_its_own_gold_answers(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cogitate.tasks.extremes.ExtremesTask.verify", lambda self, problem, answer: 0.0
    )
    plan = planned(model, tmp_path)
    assert status_of(plan)["tasks"] == "fail"
    assert "do not accept their own gold answer" in seen(plan, "tasks")


def test_supervised_runs_are_planned_too(model: Path, tmp_path: Path) -> None:
    plan = planned(model, tmp_path, calibrate=True, algorithm="sft")
    assert plan.ok
    assert plan.algorithm == "sft"
    assert plan.seconds["step"][0] > 0
    assert plan.calibration["uninformative_fraction"] is None
    # Only evaluations sample: at steps 0, 2 and 4, of 2 tasks, 2 problems, 1 greedy + 2 samples.
    assert plan.sampled_tokens is not None
    assert plan.sampled_tokens[0] == pytest.approx(
        36 * float(plan.calibration["length_mean"] or 0.0)
    )


REWARD = """
def fails(completions, **columns):
    raise ValueError("no such column")
"""


def test_a_reward_that_fails_is_noticed_before_training(model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(REWARD)
    custom = {"path": f"{tmp_path}/mine.py:fails"}
    plan = planned(model, tmp_path, reward={"custom": [custom]})
    assert status_of(plan)["rewards"] == "warn"
    assert "no such column" in seen(plan, "rewards")


def test_a_reward_that_is_not_there_fails_the_plan(model: Path, tmp_path: Path) -> None:
    custom = {"path": f"{tmp_path}/nothing.py:fails"}
    plan = planned(model, tmp_path, reward={"custom": [custom]})
    assert status_of(plan)["rewards"] == "fail"
