"""Means that add up, and line files that survive a crash at any byte."""

import json
import math
import os
from pathlib import Path

import pytest
import torch

from cogitate.errors import CogitateError
from cogitate.metrics import (
    JsonlWriter,
    Stopwatch,
    encode_row,
    keep_rows,
    merge,
    percentile,
    read_rows,
    reduce,
    summarize_groups,
    write_rows,
)
from cogitate.schema import (
    Completion,
    FinishReason,
    Group,
    Message,
    Metric,
    Problem,
    Reward,
    Rollout,
)

# ------------------------------------------------------------------------------ partial means


def test_a_merged_mean_is_the_mean_over_all_and_not_of_means() -> None:
    sums: dict[str, Metric] = {}
    merge(sums, {"policy/entropy": Metric(total=10.0, weight=2.0)})  # mean 5 of 2 tokens
    merge(sums, {"policy/entropy": Metric(total=8.0, weight=8.0)})  # mean 1 of 8 tokens
    assert reduce(sums) == {"policy/entropy": 1.8}


def test_merging_changes_only_its_first_argument_and_returns_it() -> None:
    left = {"a": Metric(total=1.0, weight=1.0)}
    right = {"b": Metric(total=2.0, weight=4.0)}
    assert merge(left, right) is left
    assert reduce(left) == {"a": 1.0, "b": 0.5}
    assert right == {"b": Metric(total=2.0, weight=4.0)}


def test_a_metric_that_saw_nothing_is_left_out() -> None:
    assert reduce({"policy/kl_ref": Metric(total=0.0, weight=0.0)}) == {}


def test_the_stopwatch_adds_up_phases_and_counts_a_failing_one() -> None:
    ticks = iter([0.0, 2.0, 10.0, 10.5, 20.0, 23.0])
    clock = Stopwatch(now=lambda: next(ticks))
    with clock("rollout"):
        pass
    with clock("rollout"):
        pass
    with pytest.raises(ZeroDivisionError), clock("update"):
        1 / 0  # noqa: B018
    assert clock.seconds == {"rollout": 2.5, "update": 3.0}


@pytest.mark.parametrize(
    ("values", "fraction", "expected"),
    [([7], 0.95, 7.0), (list(range(1, 21)), 0.95, 19.0), ([3, 1, 2], 0.5, 2.0), ([1, 2], 0.0, 1.0)],
)
def test_percentiles_are_values_that_occur(
    values: list[float], fraction: float, expected: float
) -> None:
    assert percentile(values, fraction) == expected


# -------------------------------------------------------------------------------- summaries


def group(task: str, rewards: list[Reward], lengths: list[int], *, cut: int = 0) -> Group:
    """A group with a prompt of 3 tokens; the first ``cut`` completions are truncated."""
    problem = Problem(
        id=f"{task}/train/0", task=task, messages=(Message(role="user", content="?"),), answer="1"
    )
    rollouts = []
    for number, length in enumerate(lengths):
        completion = Completion(
            token_ids=(5,) * length,
            logprobs=(-1.0,) * length,
            text="x" * length,
            finish_reason=FinishReason.LENGTH if number < cut else FinishReason.STOP,
        )
        rollouts.append(
            Rollout(
                problem_id=problem.id,
                token_ids=torch.full((3 + length,), 5),
                completion_mask=torch.arange(3 + length) >= 3,
                sampling_logprobs=torch.zeros(3 + length),
                completion=completion,
            )
        )
    return Group(problem=problem, rollouts=tuple(rollouts), rewards=tuple(rewards))


def reward(accuracy: float, form: float = 0.0, error: str | None = None) -> Reward:
    parts = {"accuracy": accuracy, "format": form}
    return Reward(value=accuracy + 0.5 * form, parts=parts, error=error)


def test_a_summary_worked_by_hand() -> None:
    groups = [
        group("sums", [reward(1.0, 1.0), reward(0.0, 1.0)], [2, 4], cut=1),
        group("words", [reward(0.0), reward(0.5), reward(1.0, error="timeout")], [6, 8, 10]),
    ]
    summary = summarize_groups(groups)
    # valid rewards: 1.5, 0.5, 0, 0.5
    assert summary["reward/mean"] == 0.625
    assert summary["reward/std"] == pytest.approx(math.sqrt(1.1875 / 4))
    assert summary["reward/accuracy"] == pytest.approx(1.5 / 4)
    assert summary["reward/format"] == 0.5
    assert summary["reward/verifier_error"] == pytest.approx(1 / 5)
    assert summary["completion/length_mean"] == 6.0
    assert summary["completion/length_p95"] == 10.0
    assert summary["completion/truncated_fraction"] == pytest.approx(1 / 5)
    assert summary["task/sums/accuracy"] == 0.5
    assert summary["task/words/accuracy"] == 0.0  # half right is not right; an error is neither
    assert (summary["tokens/prompt"], summary["tokens/completion"]) == (15.0, 30.0)


def test_a_step_whose_verifier_always_failed_has_no_reward_instead_of_zero() -> None:
    summary = summarize_groups([group("sums", [reward(0.0, error="dead")] * 2, [1, 1])])
    assert "reward/mean" not in summary
    assert "task/sums/accuracy" not in summary
    assert summary["reward/verifier_error"] == 1.0


def test_what_is_masked_on_purpose_is_no_verifier_error() -> None:
    from cogitate.metrics import MASKED
    from cogitate.rewards import rubric

    assert MASKED == rubric.MASKED
    rewards = [reward(1.0), reward(1.0, error="masked: truncated"), reward(0.0, error="timeout")]
    summary = summarize_groups([group("sums", [*rewards, reward(0.0)], [1, 1, 1, 1])])
    assert (summary["reward/masked"], summary["reward/verifier_error"]) == (0.25, 0.25)
    assert summary["reward/mean"] == 0.5
    assert summary["task/sums/accuracy"] == 0.5


def test_no_groups_no_summary() -> None:
    assert summarize_groups([]) == {}


def test_rewards_without_an_accuracy_part_have_no_task_accuracy() -> None:
    custom = Reward(value=0.25, parts={"politeness": 0.25})
    summary = summarize_groups([group("sums", [custom, custom], [1, 1])])
    assert summary["reward/politeness"] == 0.25
    assert not [name for name in summary if name.startswith("task/")]


# ------------------------------------------------------------------------------- line files


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [{"step": 1, "x": 0.1 + 0.2, "text": 'a "b"\n\u2028é😀'}, {"step": 2, "list": [1, None]}]
    writer = JsonlWriter(tmp_path / "m.jsonl")
    for row in rows:
        writer.append(row)
        assert read_rows(tmp_path / "m.jsonl")[-1] == row  # readable at once, before close
    writer.sync()
    writer.close()
    writer.close()
    assert (tmp_path / "m.jsonl").read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "\x00\x1b[31m"])
def test_text_that_is_not_valid_unicode_is_still_a_row(tmp_path: Path, text: str) -> None:
    write_rows(tmp_path / "r.jsonl", [{"completion": text}])
    assert read_rows(tmp_path / "r.jsonl") == [{"completion": text}]


def test_numbers_that_json_does_not_know_become_null() -> None:
    row = {"a": math.nan, "b": [math.inf, 1.0, (-math.inf,)], "c": {"d": math.nan}}
    assert json.loads(encode_row(row)) == {"a": None, "b": [None, 1.0, [None]], "c": {"d": None}}


def test_a_second_writer_appends(tmp_path: Path) -> None:
    for step in (1, 2):
        writer = JsonlWriter(tmp_path / "m.jsonl")
        writer.append({"step": step})
        writer.close()
    assert [row["step"] for row in read_rows(tmp_path / "m.jsonl")] == [1, 2]


def test_a_file_cut_at_any_byte_of_its_last_row_loses_only_that_row(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    rows = [{"step": step, "text": "été", "value": 1 / 3} for step in (1, 2, 3)]
    write_rows(path, rows)
    whole = path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for length in range(start, len(whole)):
        path.write_bytes(whole[:length])
        complete = length == len(whole) - 1  # only the newline is missing: the row is whole
        assert read_rows(path) == (rows if complete else rows[:2])
        keep_rows(path, lambda row: True)
        assert path.read_bytes() == (whole if complete else whole[:start])
        writer = JsonlWriter(path)  # what a resumed run then appends starts on a line of its own
        writer.append({"step": 4})
        writer.close()
        assert read_rows(path)[-1] == {"step": 4}


def test_a_damaged_line_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"step": 1}\n{"st\xff\n[1, 2]\n7\n\n{"step": 3}\n')
    assert [row["step"] for row in read_rows(path)] == [1, 3]
    assert keep_rows(path, lambda row: True) == 3
    assert path.read_bytes() == b'{"step": 1}\n{"step": 3}\n'


def test_rows_that_stay_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    # Not how this package writes JSON: the spacing must survive.
    path.write_bytes(b'{"step":1,  "x":1e0}\n{"step":2}\n{"step":3}\n')
    assert keep_rows(path, lambda row: row["step"] <= 2) == 1
    assert path.read_bytes() == b'{"step":1,  "x":1e0}\n{"step":2}\n'


def test_a_file_with_nothing_to_drop_is_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    write_rows(path, [{"step": 1}])
    before = path.stat().st_ino
    assert keep_rows(path, lambda row: True) == 0
    assert path.stat().st_ino == before
    assert keep_rows(tmp_path / "absent.jsonl", lambda row: True) == 0


def test_a_row_that_does_not_fit_on_the_disk_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.jsonl"
    writer = JsonlWriter(path)
    writer.append({"step": 1})
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:4]))
    with pytest.raises(CogitateError, match=r"m\.jsonl: only 4 of 12 bytes.*--resume"):
        writer.append({"step": 2})
    monkeypatch.undo()
    writer.append({"step": 3})
    writer.close()
    assert path.read_bytes() == b'{"step": 1}\n{"step": 3}\n'


def test_whole_files_are_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "000001.jsonl"
    write_rows(path, [{"sample": 0}, {"sample": 1}])
    write_rows(path, [{"sample": 2}])
    assert path.read_bytes() == b'{"sample": 2}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["000001.jsonl"]
