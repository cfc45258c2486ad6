"""The bounded, unbiased sample of rollouts."""

import json
from pathlib import Path

import pytest

from cogitate.report.load import RolloutRow, load_run, rollout_row
from cogitate.report.samples import (
    Limits,
    behaviour,
    browser_data,
    chosen_problems,
    collect,
    hash_order,
    segments,
)


def make(**values: object) -> RolloutRow:
    base = {"step": 1, "problem_id": "t/1", "parts": {"accuracy": 1.0}, "completion_ids": [1, 2]}
    found = rollout_row({**base, **values})
    assert found is not None
    return found


def test_hash_order_is_a_fixed_shuffle() -> None:
    names = [f"task/heldout/{i:05d}" for i in range(50)]
    order = hash_order(names)
    assert sorted(order) == names
    assert order != names
    assert hash_order(reversed(names)) == order
    assert hash_order(["a", "a"]) == ["a"]
    assert len(hash_order(["\ud800"])) == 1


def test_problems_are_chosen_without_looking_at_results() -> None:
    rows = [make(problem_id=f"t/{i}", task="t") for i in range(30)]
    wrong = [make(problem_id=f"t/{i}", task="t", parts={"accuracy": 0.0}) for i in range(30)]
    assert chosen_problems(rows, 5) == chosen_problems(wrong, 5)


def test_tasks_share_the_places() -> None:
    rows = [make(problem_id=f"{task}/{i}", task=task) for task in "abc" for i in range(9)]
    chosen = chosen_problems(rows, 7)
    assert {task: len(ids) for task, ids in chosen.items()} == {"a": 2, "b": 2, "c": 2}


def test_behaviour_of_a_step() -> None:
    rows = [
        make(completion="wait 答案", completion_ids=[1] * 6),
        make(completion="7", completion_ids=[1] * 2, parts={"accuracy": 0.0}),
        make(completion="8", completion_ids=[1] * 2, error="timeout"),
    ]
    found = behaviour(3, rows)
    assert found.step == 3
    assert found.reflection.wait.per_1k_tokens == 100.0
    assert found.mixing.mix_rate == pytest.approx(1 / 3)
    assert found.length_right is not None
    assert found.length_right.mean == 6.0
    assert found.length_wrong is not None
    assert found.length_wrong.number == 1  # the verifier error is neither


def test_everything_is_read_once_and_said(run_dir: Path) -> None:
    samples = collect(load_run(run_dir))
    assert [row.step for row in samples.train] == list(range(1, 21))
    assert [row.step for row in samples.heldout] == [0, 5, 10, 15, 20]
    assert {row.step for row in samples.first} == {0}
    assert {row.step for row in samples.last} == {20}
    assert len(samples.first) == len(samples.last) == 3 * 12 * 5
    assert len({row.problem_id for row in samples.heldout_rows}) == 24
    assert "24 of 36" in samples.notes[0]
    assert "not picked by hand" in samples.notes[0]
    assert "12 of 20 steps" in samples.notes[1]


def test_the_same_problems_are_shown_at_every_evaluation(run_dir: Path) -> None:
    samples = collect(load_run(run_dir))
    by_step: dict[int, set[str]] = {}
    for row in samples.heldout_rows:
        by_step.setdefault(row.step, set()).add(row.problem_id)
    assert len(by_step) == 5
    assert len({frozenset(ids) for ids in by_step.values()}) == 1


def test_limits_hold(run_dir: Path) -> None:
    limits = Limits(
        behaviour_steps=5, heldout_problems=3, heldout_steps=2, sampled_per_problem=1,
        train_steps=2, groups_per_step=1, rollouts_per_group=3,
    )  # fmt: skip
    samples = collect(load_run(run_dir), limits)
    assert [row.step for row in samples.train] == [1, 6, 11, 15, 20]
    assert [row.step for row in samples.heldout] == [0, 20]
    assert len(samples.heldout_rows) == 2 * 3 * 2  # steps, problems, greedy and one sample
    assert len(samples.train_rows) == 2 * 3
    assert any("from 5 of 20 steps" in note for note in samples.notes)


def test_the_byte_budget_limits_what_is_read(run_dir: Path) -> None:
    samples = collect(load_run(run_dir), Limits(read_bytes=200_000))
    assert 2 <= len(samples.train) < 20
    assert samples.train[-1].step == 20


def test_segments_alternate_plain_and_marked() -> None:
    assert segments("wait") == ["", "wait", ""]
    assert segments("no words") == ["no words"]
    assert segments("but\x1b check") == ["", "but", "\u241b ", "check", ""]
    assert "".join(segments("So, wait: 错了 <b>")) == "So, wait: 错了 <b>"


def test_browser_data_is_plain_json(run_dir: Path) -> None:
    data, note = browser_data(collect(load_run(run_dir)))
    assert json.loads(json.dumps(data)) == data
    assert note == ""
    tasks = [problem["task"] for problem in data["heldout"]]
    assert tasks == ["largest"] * 8 + ["addition"] * 8 + ["word_problem"] * 8
    problem = data["heldout"][0]
    assert list(problem["steps"]) == ["0", "5", "10", "15", "20"]
    entry = problem["steps"]["0"][0]
    assert entry["mode"] == "greedy"
    assert set(entry["parts"]) == {"accuracy", "format"}
    assert [e["mode"] for e in problem["steps"]["5"]] == ["greedy", "sampled", "sampled"]


def test_long_texts_are_cut_until_they_fit(run_dir: Path) -> None:
    samples = collect(load_run(run_dir))
    long = [
        make(problem_id=f"t/{i}", task="t", mode="greedy", completion="x" * 9_000)
        for i in range(20)
    ]
    bounded = type(samples)(
        train=(), heldout=(), first=(), last=(), heldout_rows=tuple(long), train_rows=(), notes=()
    )
    data, note = browser_data(bounded, Limits(characters=30_000))
    texts = ["".join(e["text"]) for p in data["heldout"] for es in p["steps"].values() for e in es]
    assert len(texts) == 20
    assert all("characters left out" in text for text in texts)
    assert sum(map(len, texts)) < 35_000
    assert note == "20 long completions are shown with their middle left out."


def test_when_short_texts_do_not_fit_problems_are_dropped() -> None:
    rows = [make(problem_id=f"t/{i}", mode="greedy", completion="x" * 300) for i in range(50)]
    samples = collect_of(rows)
    data, note = browser_data(samples, Limits(characters=4_000))
    assert len(data["heldout"]) == 20  # 200 characters each
    assert "30 more completions were left out" in note


def collect_of(rows: list[RolloutRow]):  # type: ignore[no-untyped-def]
    from cogitate.report.samples import Samples

    return Samples(
        train=(), heldout=(), first=(), last=(), heldout_rows=tuple(rows), train_rows=(), notes=()
    )
