"""What makes a resumed run the same run: settings, counters, generators, files."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from cogitate.checkpoint import Checkpoint
from cogitate.errors import CheckpointError
from cogitate.metrics import read_rows, write_rows
from cogitate.rundir import RunDir, open_run_dir
from cogitate.train.resume import (
    MAY_CHANGE,
    LoopState,
    config_differences,
    discard_after,
    random_state,
    require_same_config,
    restore_random_state,
    seed_everything,
)

# ---------------------------------------------------------------------------------- settings

CONFIG: dict[str, Any] = {
    "name": "a",
    "seed": 1,
    "model": {"source": "smollm2-135m", "device": "cpu"},
    "tasks": [{"kind": "arithmetic", "digits": [1, 2]}, {"kind": "extremes"}],
    "grpo": {"steps": 20, "loss": {"kind": "grpo", "kl_coef": 0.0}},
    "optimizer": {"learning_rate": 1e-5},
    "eval": {"every": 10},
}


def changed(**changes: Any) -> dict[str, Any]:
    """``CONFIG`` with values replaced by dotted name ("__" for ".")."""
    copy = json.loads(json.dumps(CONFIG))
    for name, value in changes.items():
        *path, last = name.split("__")
        target = copy
        for part in path:
            target = target[int(part) if part.isdigit() else part]
        target[last] = value
    return copy


def checkpoint() -> Checkpoint:
    path = Path("runs/a/checkpoints/step-000010")
    return Checkpoint(path=path, step=10, policy_version=10, config=CONFIG, state={})


def test_differences_are_listed_by_dotted_name() -> None:
    assert config_differences(CONFIG, CONFIG) == {}
    assert config_differences(CONFIG, changed(grpo__loss__kl_coef=0.1)) == {
        "grpo.loss.kl_coef": (0.0, 0.1)
    }
    longer = changed()
    longer["tasks"].append({"kind": "countdown"})
    del longer["eval"]
    assert config_differences(CONFIG, longer) == {
        "eval.every": (10, None),
        "tasks.2.kind": (None, "countdown"),
    }


def test_a_list_and_a_tuple_are_the_same_setting() -> None:
    assert config_differences({"digits": [1, 2]}, {"digits": (1, 2)}) == {}


@pytest.mark.parametrize(
    "allowed",
    [
        changed(name="b"),
        changed(grpo__steps=40),
        changed(eval__every=5),
        changed(model__device="cuda"),
        {**CONFIG, "engine": {"slots": 8}, "checkpoint": {"keep": 1}, "trackers": {"wandb": True}},
    ],
)
def test_what_does_not_decide_what_is_learnt_may_change(allowed: dict[str, Any]) -> None:
    found = require_same_config(checkpoint(), allowed, may_change=MAY_CHANGE)
    assert found == config_differences(CONFIG, allowed)
    assert found


@pytest.mark.parametrize(
    "name", ["seed", "model__source", "grpo__loss__kl_coef", "optimizer__learning_rate"]
)
def test_everything_else_may_not(name: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        require_same_config(checkpoint(), changed(**{name: "other"}), may_change=MAY_CHANGE)
    message = str(caught.value)
    assert f"{name.replace('__', '.')}: " in message
    assert "-> 'other'" in message
    assert "step-000010" in message
    assert "another name" in message


def test_all_refused_differences_are_listed_and_allowed_ones_are_not() -> None:
    other = changed(seed=2, tasks__0__digits=[3, 3], grpo__steps=40)
    with pytest.raises(CheckpointError) as caught:
        require_same_config(checkpoint(), other, may_change=MAY_CHANGE)
    message = str(caught.value)
    assert "  seed: 1 -> 2\n" in message
    assert "  tasks.0.digits: [1, 2] -> [3, 3]\n" in message
    assert "steps" not in message


def test_a_rate_that_decays_fixes_the_number_of_steps() -> None:
    saved = replace(checkpoint(), config=changed(optimizer={"schedule": "linear"}))
    other = changed(optimizer={"schedule": "linear"}, grpo__steps=40)
    with pytest.raises(CheckpointError, match=r"grpo\.steps: \d+ -> 40"):
        require_same_config(saved, other, may_change=MAY_CHANGE)


def test_a_name_that_only_begins_like_an_allowed_one_is_not_allowed() -> None:
    with pytest.raises(CheckpointError, match=r"grpo\.steps_per_day"):
        require_same_config(
            checkpoint(), changed(grpo__steps_per_day=3), may_change=("grpo.steps", "eval.")
        )


# ----------------------------------------------------------------------------------- state


def draws() -> tuple[Any, ...]:
    return (
        random.random(),
        random.gauss(0, 1),
        torch.randn(3).tolist(),
        numpy.random.random(),
        numpy.random.standard_normal(),
    )


def test_generators_continue_where_they_were_through_json() -> None:
    seed_everything(9)
    draws()
    saved = json.loads(json.dumps(random_state()))
    expected = [draws(), draws()]
    seed_everything(10)
    draws()
    restore_random_state(saved)
    assert [draws(), draws()] == expected


def test_a_seed_fixes_every_generator() -> None:
    seed_everything(2**40)
    first = draws()
    seed_everything(2**40)
    assert draws() == first
    seed_everything(3)
    assert draws() != first


def test_the_loops_state_comes_back_from_json() -> None:
    state = LoopState(
        step=7, cursor=60, last_eval_step=5, skipped_updates=2, skipped_in_a_row=1, seconds=12.5,
        best={"accuracy": 0.5, "step": 5},
    )  # fmt: skip
    saved = json.loads(json.dumps(state.to_json()))
    expected = random.random()
    random.seed(0)
    assert LoopState.from_json(saved) == state
    assert random.random() == expected


def test_a_state_of_an_older_version_gets_defaults_for_what_it_lacks() -> None:
    saved = LoopState(step=3).to_json()
    del saved["skipped_updates"]
    assert LoopState.from_json(saved) == LoopState(step=3)


# ------------------------------------------------------------------------------------ files


def fill(run_dir: RunDir, steps: int) -> None:
    """Files of a run of ``steps`` steps that is evaluated at every even step."""
    run_dir.rollouts.mkdir(exist_ok=True)
    every = range(1, steps + 1)
    even = range(0, steps + 1, 2)
    write_rows(run_dir.metrics, [{"step": step} for step in every])
    write_rows(run_dir.timing, [{"step": step} for step in (0, *every)])
    write_rows(run_dir.evals, [{"step": step, "task": t} for step in even for t in "ab"])
    for step in every:
        write_rows(run_dir.rollout_file(step), [{"step": step}])
    for step in even:
        write_rows(run_dir.rollout_file(step, evaluation=True), [{"step": step}])


def remaining(run_dir: RunDir) -> dict[str, Any]:
    return {
        "metrics": [row["step"] for row in read_rows(run_dir.metrics)],
        "timing": [row["step"] for row in read_rows(run_dir.timing)],
        "evals": [row["step"] for row in read_rows(run_dir.evals)],
        "rollouts": sorted(path.name for path in run_dir.rollouts.iterdir()),
    }


@pytest.fixture
def run_dir(tmp_path: Path):
    with open_run_dir(tmp_path / "r") as opened:
        yield opened


def test_files_are_cut_back_to_the_checkpoint(run_dir: RunDir) -> None:
    fill(run_dir, 6)
    (run_dir.rollouts / "000003.jsonl.tmp").write_text("{")
    (run_dir.rollouts / "my-notes.jsonl").write_text("{}")
    run_dir.metrics.write_bytes(run_dir.metrics.read_bytes() + b'{"step": 7, "rew')
    discard_after(run_dir, step=3, eval_step=2)
    assert remaining(run_dir) == {
        "metrics": [1, 2, 3],
        "timing": [0, 1, 2, 3],
        "evals": [0, 0, 2, 2],
        "rollouts": [
            "000001.jsonl",
            "000002.jsonl",
            "000003.jsonl",
            "eval-000000.jsonl",
            "eval-000002.jsonl",
            "my-notes.jsonl",
        ],
    }


def test_an_evaluation_after_the_save_goes_although_its_step_stays(run_dir: RunDir) -> None:
    fill(run_dir, 4)
    discard_after(run_dir, step=4, eval_step=2)
    found = remaining(run_dir)
    assert found["metrics"] == [1, 2, 3, 4]
    assert found["evals"] == [0, 0, 2, 2]
    assert "eval-000004.jsonl" not in found["rollouts"]


def test_without_a_checkpoint_everything_goes(run_dir: RunDir) -> None:
    fill(run_dir, 3)
    discard_after(run_dir, step=-1, eval_step=-1)
    assert remaining(run_dir) == {"metrics": [], "timing": [], "evals": [], "rollouts": []}


def test_cutting_twice_is_cutting_once(run_dir: RunDir) -> None:
    fill(run_dir, 5)
    discard_after(run_dir, step=2, eval_step=2)
    before = remaining(run_dir)
    discard_after(run_dir, step=2, eval_step=2)
    assert remaining(run_dir) == before
