"""The loop on the real stack, a second a run: order, files, signals, budgets, faults, resumes."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cogitate.config import RunConfig
from cogitate.errors import CheckpointError, ConfigError, EngineError
from cogitate.filesystem import FileSystem
from cogitate.metrics import read_rows
from cogitate.models.fetch import resolve_model
from cogitate.models.weights import load_model
from cogitate.registry import build_components
from cogitate.rundir import open_run_dir
from cogitate.schema import EvalResult, Metric
from cogitate.text.tokenizer import Tokenizer
from cogitate.train import loop as loop_module
from cogitate.train.components import Components
from cogitate.train.listener import RunInfo, RunResult, SilentListener
from cogitate.train.loop import train
from cogitate.train.stopping import DivergedError
from tiny_run import differences, fingerprint, tiny_config, write_tiny_model


class Events(SilentListener):
    """Remembers every event; ``on_step`` is called with the number of each finished step."""

    def __init__(self, on_step: Callable[[int], None] = lambda step: None) -> None:
        self.log: list[Any] = []
        self.infos: list[RunInfo] = []
        self.results: list[RunResult] = []
        self.sentences: list[str] = []
        self.etas: list[float | None] = []
        self.metrics: list[dict[str, float]] = []
        self.samples: list[int] = []
        self._on_step = on_step

    def started(self, info: RunInfo) -> None:
        self.infos.append(info)
        self.log.append("started")

    def phase(self, name: str) -> None:
        self.log.append(f"phase {name}")

    def step(self, report: Any, sample_rows: Any, eta: float | None) -> None:
        self.log.append(f"step {report.step}")
        self.etas.append(eta)
        self.metrics.append(dict(report.metrics))
        self.samples.append(len(sample_rows))
        self._on_step(report.step)

    def evaluated(self, results: Any) -> None:
        self.log.append(f"evaluated {results[0].step}")

    def checkpointed(self, path: Path) -> None:
        self.log.append(f"checkpointed {path.name}")

    def advice(self, text: str) -> None:
        self.sentences.append(text)

    def finished(self, result: RunResult) -> None:
        self.results.append(result)
        self.log.append("finished")


@pytest.fixture(scope="module", autouse=True)
def _quick_disk() -> Iterator[None]:
    """Whether bytes reach the disk is tested elsewhere; here it only takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def components_of(config: RunConfig) -> Components:
    return build_components(config, model_dir=resolve_model(config.model.source))


def go(config: RunConfig, *, resume: bool = False, **options: Any) -> RunResult:
    """One attempt at a run."""
    with open_run_dir(config.run_dir, resume=resume) as run_dir:
        components = options.pop("components", None) or components_of(config)
        return train(components, config, run_dir, resume=resume, **options)


@pytest.fixture(scope="module")
def straight(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Events]:
    """A run that nothing disturbed."""
    config = tiny_config(model, tmp_path_factory.mktemp("straight"))
    events = Events()
    go(config, listener=events)
    return config.run_dir, events


def test_the_order_of_a_run(straight: tuple[Path, Events]) -> None:
    _, events = straight
    saved = [entry for entry in events.log if not entry.startswith("phase")]
    assert saved == [
        "started",
        "evaluated 0",
        "step 1",
        "step 2",
        "evaluated 2",
        "checkpointed step-000002",
        "step 3",
        "step 4",
        "evaluated 4",
        "checkpointed step-000004",
        "finished",
    ]
    phases = [entry.removeprefix("phase ") for entry in events.log if entry.startswith("phase")]
    assert phases == ["eval", *["step", "step", "eval", "checkpoint"] * 2, "final"]


def test_what_a_listener_is_told(straight: tuple[Path, Events]) -> None:
    run_dir, events = straight
    (info,) = events.infos
    assert (info.name, info.run_dir, info.algorithm) == ("tiny", run_dir, "grpo")
    assert (info.steps, info.first_step, info.eval_every, info.checkpoint_every) == (4, 1, 2, 2)
    assert (info.tasks, info.notices) == (("arithmetic", "extremes"), ())
    assert events.samples == [6] * 4  # 2 problems x 3
    assert events.etas[0] is None  # no step was timed before the first
    assert all(eta is not None and eta > 0 for eta in events.etas[1:])
    assert events.metrics == [
        {k: v for k, v in row.items() if k not in ("step", "policy_version")}
        for row in read_rows(run_dir / "metrics.jsonl")
    ]


def test_the_result_of_a_complete_run(straight: tuple[Path, Events]) -> None:
    run_dir, events = straight
    (result,) = events.results
    assert (result.status, result.exit_code, result.step, result.steps) == ("completed", 0, 4, 4)
    assert result.resume_command is None
    assert result.checkpoint == run_dir / "checkpoints" / "step-000004"
    assert result.final_dir == run_dir / "final"
    assert {r.step for r in result.first_evals} == {0}
    assert {r.step for r in result.last_evals} == {4}
    keys = [(r.task, r.mode) for r in result.last_evals]
    tasks = ("arithmetic", "extremes", "all")
    assert keys == [(task, mode) for mode in ("greedy", "sampled") for task in tasks]
    assert all(
        isinstance(r, EvalResult) and r.ci95[0] <= r.value <= r.ci95[1] for r in result.last_evals
    )
    assert result.seconds > 0
    assert set(result.best) == {"accuracy", "step"}


def test_metrics_have_the_documented_names(straight: tuple[Path, Events]) -> None:
    rows = read_rows(straight[0] / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert [row["policy_version"] for row in rows] == [1, 2, 3, 4]
    documented = {
        "reward/mean", "reward/std", "reward/accuracy", "reward/verifier_error",
        "completion/length_mean", "completion/length_p95", "completion/truncated_fraction",
        "group/uninformative_fraction", "group/all_wrong_fraction", "group/all_right_fraction",
        "policy/entropy", "policy/grad_norm", "policy/ratio_outside_clip", "policy/loss",
        "policy/learning_rate", "policy/skipped_nonfinite", "insight/reflection_per_1k",
        "tokens/prompt", "tokens/completion", "tokens/trained",
    }  # fmt: skip
    for row in rows:
        assert documented <= set(row)
        assert 1 <= row["completion/length_mean"] <= 4
        assert [name for name in row if name.startswith("task/")]


def test_timing_is_apart_and_complete(straight: tuple[Path, Events]) -> None:
    rows = read_rows(straight[0] / "timing.jsonl")
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4]
    assert set(rows[0]["seconds"]) == {"eval", "total"}
    assert {"rollout", "reward", "update", "total"} <= set(rows[1]["seconds"])
    assert {"eval", "checkpoint"} <= set(rows[2]["seconds"])
    for row in rows:
        parts = [value for name, value in row["seconds"].items() if name != "total"]
        assert sum(parts) <= row["seconds"]["total"] + 0.01
        assert row["peak_memory_mb"] > 10
    assert rows[1]["tokens_per_second"] > 0


def test_evaluations_are_rows_of_results_with_details(straight: tuple[Path, Events]) -> None:
    rows = read_rows(straight[0] / "evals.jsonl")
    keys = [(row["step"], row["task"], row["mode"]) for row in rows]
    assert len(keys) == len(set(keys)) == 3 * 3 * 2
    for row in rows:
        assert row["metric"] == "accuracy"
        assert row["samples_per_problem"] == (1 if row["mode"] == "greedy" else 2)
        assert {"format", "truncated", "length_mean", "reflection_per_1k"} <= set(row)
    assert {row["num_problems"] for row in rows if row["task"] == "all"} == {4}


def test_every_rollout_is_kept(straight: tuple[Path, Events]) -> None:
    run_dir, _ = straight
    names = sorted(path.name for path in (run_dir / "rollouts").iterdir())
    evals = [f"eval-{step:06d}.jsonl" for step in (0, 2, 4)]
    assert names == [f"{step:06d}.jsonl" for step in range(1, 5)] + evals
    rows = read_rows(run_dir / "rollouts" / "000003.jsonl")
    assert [row["sample"] for row in rows] == [0, 1, 2, 0, 1, 2]
    for row in rows:
        assert row["step"] == 3
        assert row["policy_version"] == 2
        assert len(row["logprobs"]) == len(row["completion_ids"]) <= 4
        assert row["prompt"].endswith("A:")
        assert row["parts"].keys() == {"accuracy", "format", "random"}
    for group in (rows[:3], rows[3:]):
        assert len({row["problem_id"] for row in group}) == 1
        assert sum(row["advantage"] for row in group) == pytest.approx(0.0, abs=1e-5)
    assert len(read_rows(run_dir / "rollouts" / "eval-000002.jsonl")) == 4 * (1 + 2)


def test_the_final_model_is_the_trained_one_with_a_card(
    straight: tuple[Path, Events], model: Path
) -> None:
    final = straight[0] / "final"
    trained, start = load_model(final), load_model(model)
    assert not torch.equal(trained.embedding.weight, start.embedding.weight)
    saved = straight[0] / "checkpoints" / "step-000004" / "policy" / "model.safetensors"
    from safetensors.torch import load_file

    assert torch.equal(load_file(saved)["embedding.weight"], trained.embedding.weight)
    assert Tokenizer.from_directory(final).encode("7 + 1") == list(b"7 + 1")
    card = (final / "README.md").read_text()
    for fact in ("GRPO", "arithmetic, extremes", "| all | sampled |", "95 % interval"):
        assert fact in card


def test_the_same_run_twice_is_the_same_bytes(
    straight: tuple[Path, Events], model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path)
    go(config)
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []
    other = tiny_config(model, tmp_path / "other", seed=6)
    go(other)
    assert "metrics.jsonl" in differences(fingerprint(straight[0]), fingerprint(other.run_dir))


# ---------------------------------------------------------------------------------- signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(
    straight: tuple[Path, Events], model: Path, tmp_path: Path, number: int, code: int
) -> None:
    config = tiny_config(model, tmp_path)
    events = Events(lambda step: os.kill(os.getpid(), number) if step == 3 else None)
    result = go(config, listener=events)
    assert (result.status, result.exit_code, result.step) == ("interrupted", code, 3)
    assert result.checkpoint == config.run_dir / "checkpoints" / "step-000003"
    assert result.final_dir is None
    assert result.resume_command == f"cogitate run {config.run_dir / 'config.toml'} --resume"
    assert events.log[-3:] == ["phase checkpoint", "checkpointed step-000003", "finished"]

    events = Events()
    result = go(config, resume=True, listener=events)
    assert result.status == "completed"
    assert events.infos[0].first_step == 4
    assert any("Resuming from" in notice for notice in events.infos[0].notices)
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


def test_a_signal_before_the_first_step_keeps_the_first_evaluation(
    straight: tuple[Path, Events], model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path)

    class Early(Events):
        def evaluated(self, results: Any) -> None:
            super().evaluated(results)
            os.kill(os.getpid(), signal.SIGINT)

    assert go(config, listener=Early()).step == 0
    events = Events()
    go(config, resume=True, listener=events)
    assert "evaluated 0" not in events.log
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


def test_a_second_signal_stops_at_once_and_the_run_can_still_be_resumed(
    straight: tuple[Path, Events], model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path)

    def twice(step: int) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        go(config, listener=Events(twice))
    go(config, resume=True)
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


def test_usr1_saves_after_the_step_and_goes_on(model: Path, tmp_path: Path) -> None:
    config = tiny_config(model, tmp_path, checkpoint={"every": 0, "keep": 9})
    events = Events(lambda step: os.kill(os.getpid(), signal.SIGUSR1) if step == 3 else None)
    assert go(config, listener=events).status == "completed"
    saved = [entry for entry in events.log if entry.startswith("checkpointed")]
    assert saved == ["checkpointed step-000003", "checkpointed step-000004"]


def test_the_resume_command_names_a_directory_of_its_own(model: Path, tmp_path: Path) -> None:
    config = tiny_config(model, tmp_path)
    with open_run_dir(tmp_path / "else where") as run_dir:
        events = Events(lambda step: os.kill(os.getpid(), signal.SIGINT))
        result = train(components_of(config), config, run_dir, listener=events)
    place = tmp_path / "else where"
    assert result.resume_command == (
        f"cogitate run '{place / 'config.toml'}' --resume --run-dir '{place}'"
    )


# ----------------------------------------------------------------------------------- faults


def model_of(components: Components) -> Any:
    policy: Any = components.placement.policy
    return policy.model


class Boom(Exception):
    pass


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_run_that_died_in_any_step_ends_as_if_it_had_not(
    straight: tuple[Path, Events], model: Path, tmp_path: Path, step: int
) -> None:
    config = tiny_config(model, tmp_path)

    def die(done: int) -> None:
        if done == step:
            raise Boom

    with pytest.raises(Boom):
        go(config, listener=Events(die))
    with (config.run_dir / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 99, "torn')
    events = Events()
    go(config, resume=True, listener=events)
    assert events.infos[0].first_step == (step - 1) // 2 * 2 + 1
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    straight: tuple[Path, Events], model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path)
    events = Events(lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 3 else None)
    go(config, listener=events)
    weights = config.run_dir / "checkpoints" / "step-000003" / "policy" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    events = Events()
    go(config, resume=True, listener=events)
    assert events.infos[0].first_step == 3
    assert any("model.safetensors is damaged" in notice for notice in events.infos[0].notices)
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


def test_when_no_checkpoint_can_be_used_nothing_is_deleted(model: Path, tmp_path: Path) -> None:
    config = tiny_config(model, tmp_path)
    go(config)
    for manifest in config.run_dir.glob("checkpoints/*/manifest.json"):
        manifest.unlink()
    before = (config.run_dir / "metrics.jsonl").read_bytes()
    with pytest.raises(CheckpointError, match=r"no checkpoint of .* can be used") as caught:
        go(config, resume=True)
    assert str(caught.value).count("manifest.json is missing") == 2
    assert (config.run_dir / "metrics.jsonl").read_bytes() == before


def test_a_checkpoint_of_other_settings_is_refused_before_anything_is_touched(
    model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path)
    go(config)
    before = fingerprint(config.run_dir)
    resolved = (config.run_dir / "config.toml").read_text()
    other = tiny_config(model, tmp_path, seed=6, optimizer={"learning_rate": 2e-3})
    with pytest.raises(CheckpointError) as caught:
        go(other, resume=True)
    assert "seed: 5 -> 6" in str(caught.value)
    assert "optimizer.learning_rate: 0.001 -> 0.002" in str(caught.value)
    assert fingerprint(config.run_dir) == before
    assert (config.run_dir / "config.toml").read_text() == resolved


def test_a_complete_run_resumed_has_nothing_to_do(
    straight: tuple[Path, Events], model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path)
    first = go(config)
    events = Events()
    second = go(config, resume=True, listener=events)
    assert not [entry for entry in events.log if entry.startswith(("step", "evaluated"))]
    assert (second.status, second.step, second.last_evals) == ("completed", 4, first.last_evals)
    assert second.seconds > 0.5 * first.seconds  # what the first attempt took is part of it
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


def test_a_run_made_longer_is_the_longer_run(
    straight: tuple[Path, Events], model: Path, tmp_path: Path
) -> None:
    go(tiny_config(model, tmp_path, grpo={"steps": 2}))
    config = tiny_config(model, tmp_path)
    events = Events()
    go(config, resume=True, listener=events)
    notices = events.infos[0].notices
    assert any("grpo.steps is 4 and was 2" in notice for notice in notices)
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


class FailingSaves(FileSystem):
    """A disk that is full whenever the checkpoint of a given step is written."""

    def __init__(self, step: int) -> None:
        self.name = f"step-{step:06d}"

    def make_dir(self, path: Path) -> None:
        if self.name in str(path):
            raise OSError(28, "No space left on device", str(path))
        super().make_dir(path)


def with_disk(monkeypatch: pytest.MonkeyPatch, files: FileSystem) -> None:
    class Saver(loop_module.Saver):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, files=files)

    monkeypatch.setattr(loop_module, "Saver", Saver)


def test_a_periodic_save_that_fails_costs_the_checkpoint_and_not_the_run(
    straight: tuple[Path, Events], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_disk(monkeypatch, FailingSaves(2))
    config = tiny_config(model, tmp_path)
    events = Events()
    assert go(config, listener=events).status == "completed"
    assert any("No space left on device" in sentence for sentence in events.sentences)
    saved = sorted(path.name for path in (config.run_dir / "checkpoints").glob("step*"))
    assert saved == ["step-000004"]
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


def test_a_last_save_that_fails_is_an_error(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_disk(monkeypatch, FailingSaves(4))
    with pytest.raises(CheckpointError, match="No space left on device"):
        go(tiny_config(model, tmp_path))


def test_a_disk_that_is_too_small_is_noticed_before_the_first_step(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(FileSystem):
        def free_bytes(self, path: Path) -> int:
            return 100_000

    with_disk(monkeypatch, Small())
    events = Events()
    with pytest.raises(CheckpointError, match=r"needs \d\.\d MB, but only 0\.1 MB are free"):
        go(tiny_config(model, tmp_path), listener=events)
    assert events.log == []


def skip_updates(components: Components, fraction: float) -> None:
    policy: Any = components.placement.policy

    def optim_step() -> dict[str, Metric]:
        policy.model.zero_grad()
        return {"policy/skipped_nonfinite": Metric(total=fraction, weight=1.0)}

    policy.optim_step = optim_step


def test_a_run_without_finite_gradients_gives_up_and_says_why(model: Path, tmp_path: Path) -> None:
    config = tiny_config(model, tmp_path, grpo={"steps": 20})
    components = components_of(config)
    skip_updates(components, 1.0)
    events = Events()
    with pytest.raises(DivergedError, match=r"5 steps in a row, up to step 5.*learning_rate"):
        go(config, components=components, listener=events)
    assert any("an update was skipped" in sentence for sentence in events.sentences)


def test_skipped_updates_are_counted_and_do_not_end_a_run_that_also_learns(
    model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path, grpo={"steps": 7, "updates_per_step": 2})
    components = components_of(config)
    skip_updates(components, 0.5)
    assert go(config, components=components).skipped_updates == 7


def test_weights_that_are_not_finite_end_the_run_and_are_not_saved(
    model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path)
    components = components_of(config)

    def poison(step: int) -> None:
        if step == 3:
            with torch.no_grad():
                model_of(components).norm.weight[0] = float("nan")

    with pytest.raises(EngineError, match="not finite"):
        go(config, components=components, listener=Events(poison), resume=False)
    saved = sorted(path.name for path in (config.run_dir / "checkpoints").glob("step*"))
    assert saved == ["step-000002"]


# ----------------------------------------------------------------------------------- budgets


def test_a_time_budget_ends_with_an_evaluation_and_a_model_and_can_be_continued(
    straight: tuple[Path, Events], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(model, tmp_path)
    clock = {"now": 1000.0}
    monkeypatch.setattr(loop_module.time, "monotonic", lambda: clock["now"])
    events = Events(lambda step: clock.update(now=clock["now"] + 100.0))
    result = go(config, listener=events, max_seconds=350.0)
    # each step takes 100 s on this clock: after three of them a fourth does not fit
    assert (result.status, result.exit_code, result.step) == ("time_budget", 0, 3)
    assert {r.step for r in result.last_evals} == {3}
    assert result.final_dir is not None
    assert result.resume_command is not None
    assert result.seconds == pytest.approx(300.0)
    assert events.etas[1] == pytest.approx(200.0)

    events = Events(lambda step: clock.update(now=clock["now"] + 100.0))
    assert go(config, resume=True, listener=events, max_seconds=350.0).step == 3
    go(config, resume=True)
    assert differences(fingerprint(straight[0]), fingerprint(config.run_dir)) == []


# ----------------------------------------------------------------------- other kinds of runs

VARIANTS = {
    "several updates": {"grpo": {"updates_per_step": 2, "old_logprobs": "recompute"}},
    "resample": {"grpo": {"uninformative_groups": "resample", "max_draws_per_step": 3}},
    "reference": {"grpo": {"loss": {"kind": "grpo", "kl_coef": 0.1}, "reference_refresh_steps": 2}},
    "sft": {"algorithm": "sft"},
    "rare": {"eval": {"every": 0}, "checkpoint": {"every": 0}},
    "cosine, frozen embedding": {
        "optimizer": {"schedule": "cosine"},
        "model": {"train_embedding": False},
    },
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_run_resumes_to_the_same_bytes(
    model: Path, tmp_path: Path, name: str
) -> None:
    one = tiny_config(model, tmp_path / "one", **VARIANTS[name])
    two = tiny_config(model, tmp_path / "two", **VARIANTS[name])
    assert go(one).status == "completed"
    events = Events(lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == 3 else None)
    assert go(two, listener=events).step == 3
    go(two, resume=True)
    assert differences(fingerprint(one.run_dir), fingerprint(two.run_dir)) == []


def test_resampling_moves_the_cursor_by_what_was_drawn(model: Path, tmp_path: Path) -> None:
    grpo = {"uninformative_groups": "resample", "max_draws_per_step": 3, "steps": 2}
    # rewards are all zero, so every group is uninformative and every draw is used
    config = tiny_config(model, tmp_path, grpo=grpo, reward={"random": 0.0})
    result = go(config)
    assert result.checkpoint is not None
    state = json.loads((result.checkpoint / "state.json").read_text())["state"]
    assert state["cursor"] == 2 * 3 * 2
    rows = read_rows(config.run_dir / "rollouts" / "000001.jsonl")
    assert len(rows) == 3 * 2 * 3
    assert {row["advantage"] for row in rows} == {None}


def test_supervised_steps_go_through_the_examples_in_order(model: Path, tmp_path: Path) -> None:
    config = tiny_config(model, tmp_path, algorithm="sft")
    components = components_of(config)
    seen: list[int] = []

    def examples(index: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        seen.append(index)
        return (81, 58), (55, 10)

    result = go(config, components=replace(components, examples=examples))
    assert seen == list(range(4 * 4))
    rows = read_rows(config.run_dir / "metrics.jsonl")
    assert rows[-1]["policy/loss"] < rows[0]["policy/loss"]
    assert not list((config.run_dir / "rollouts").glob("0*.jsonl"))
    assert result.final_dir is not None
    assert "supervised fine-tuning" in (result.final_dir / "README.md").read_text()


def test_supervised_training_without_examples_is_an_error_with_the_way_out(
    model: Path, tmp_path: Path
) -> None:
    config = tiny_config(model, tmp_path, algorithm="sft")
    components = replace(components_of(config), examples=None)
    with pytest.raises(ConfigError, match=r"registry\.build_components"):
        go(config, components=components)


def test_evaluation_and_saving_only_at_the_ends(model: Path, tmp_path: Path) -> None:
    config = tiny_config(model, tmp_path, eval={"every": 0}, checkpoint={"every": 0})
    events = Events()
    go(config, listener=events)
    kept = [e for e in events.log if e.startswith(("evaluated", "checkpointed"))]
    assert kept == ["evaluated 0", "evaluated 4", "checkpointed step-000004"]


def test_trackers_get_every_row_and_are_closed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    class Spy:
        def log(self, step: int, values: dict[str, float]) -> None:
            calls.append((step, sorted(values)))

        def close(self) -> None:
            calls.append("closed")

    monkeypatch.setattr("cogitate.train.loop.open_trackers", lambda settings, **options: Spy())
    go(tiny_config(model, tmp_path, grpo={"steps": 1}))
    assert [entry[0] for entry in calls[:-1]] == [0, 1, 1]
    assert "eval/all/greedy" in calls[0][1]
    assert "reward/mean" in calls[1][1]
    assert calls[-1] == "closed"
