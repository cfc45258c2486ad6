"""Runs side by side."""

import json
from pathlib import Path

import pytest

from cogitate.errors import DataError
from cogitate.report import compare
from cogitate.report.compare import flat, setting_differences, verdict
from cogitate.report.compare_page import comparison_title
from cogitate.report.load import read_rollouts
from cogitate.report.paired import PairedDifference, problem_scores
from synthetic_run import make_run


def test_differences_are_problem_by_problem(run_dir: Path, weak_dir: Path) -> None:
    found = compare([run_dir, weak_dir])
    assert found.names == ("full", "weak")
    row = next(r for r in found.results if (r.task, r.mode) == ("all", "greedy"))
    a, b = (
        problem_scores(read_rollouts(path / "rollouts" / "eval-000020.jsonl")[0], mode="greedy")
        for path in (run_dir, weak_dir)
    )
    wins, losses = (sum(b[p] > a[p] for p in a), sum(b[p] < a[p] for p in a))
    assert (row.paired.num_problems, row.paired.wins, row.paired.losses) == (36, wins, losses)
    assert row.paired.difference == pytest.approx((wins - losses) / 36)
    assert row.paired.difference < 0
    assert row.paired.mcnemar_p is not None


def test_every_task_and_mode_is_compared(run_dir: Path, weak_dir: Path) -> None:
    found = compare([run_dir, weak_dir])
    assert [(r.task, r.mode) for r in found.results] == [
        (task, mode)
        for task in ("largest", "addition", "word_problem", "all")
        for mode in ("greedy", "sampled")
    ]


def test_a_run_against_itself(run_dir: Path) -> None:
    found = compare([run_dir, run_dir])
    assert found.names[0].startswith("full (")
    assert found.settings == {}
    assert all(verdict(r.paired) == "no clear difference" for r in found.results)
    assert all(r.paired.ci95[0] < 0 < r.paired.ci95[1] for r in found.results)
    assert comparison_title(found).startswith("No clear difference between")


def test_it_is_json(run_dir: Path, weak_dir: Path) -> None:
    found = compare([run_dir, weak_dir]).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["baseline"] == "full"
    assert found["settings"] == {"grpo.loss.kind": ["grpo", "dapo"]}
    assert set(found["results"][0]) >= {"run", "task", "mode", "difference", "ci95", "mcnemar_p"}


def test_plain_text(run_dir: Path, weak_dir: Path) -> None:
    text = compare([run_dir, weak_dir]).render()
    assert "weak minus full, same held-out problems" in text
    assert "McNemar p" in text
    assert "Settings that differ" in text
    line = next(line for line in text.splitlines() if line.startswith("grpo.loss.kind"))
    assert line.split() == ["grpo.loss.kind", "grpo", "dapo"]


def test_the_page(run_dir: Path, weak_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.html"
    compare([run_dir, weak_dir], out=out)
    text = out.read_text(encoding="utf-8")
    assert "points worse than full</h1>" in text
    assert "Content-Security-Policy" in text
    assert text.count("<figure") > 8
    assert "All tasks, greedy decoding: -" in text
    for name in ("result", "pairs", "outcomes", "curves", "cost", "settings"):
        assert f'id="{name}"' in text
        assert f'href="#{name}"' in text


def test_runs_of_other_problems_are_not_paired(run_dir: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", steps=5, planned=5, problems=3)
    for path in (other / "rollouts").glob("eval-*"):
        path.write_text(path.read_text().replace("/heldout/", "/elsewhere/"))
    found = compare([run_dir, other])
    assert found.results == ()
    assert "share no held-out problem" in found.notes[0]
    assert "share no held-out problem" in found.render()
    assert "share no held-out problem" in found.to_html()


def test_runs_without_evaluations(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / n, steps=2, planned=2, evals=False) for n in ("a", "b")]
    found = compare(runs)
    assert found.results == ()
    assert "a: grpo, step 2" in found.render()
    assert "<h1>b and a</h1>" in found.to_html()


def test_three_runs_are_each_compared_with_the_first(run_dir: Path, weak_dir: Path) -> None:
    found = compare([weak_dir, run_dir, weak_dir])
    assert {r.run for r in found.results} == {found.names[1], found.names[2]}
    assert len(set(found.names)) == 2  # the same directory twice keeps one name
    better = [r for r in found.results if r.run == "full" and r.task == "all"]
    assert [verdict(r.paired) for r in better] == ["better", "better"]


def test_one_run_cannot_be_compared(run_dir: Path) -> None:
    with pytest.raises(DataError, match="at least two run directories"):
        compare([run_dir])


def test_names_are_escaped_on_the_page(tmp_path: Path, run_dir: Path) -> None:
    run = make_run(tmp_path / "x", steps=5, planned=5, problems=2)
    config = run / "config.toml"
    config.write_text(config.read_text().replace('name = "x"', 'name = "<script>\\u001b"'))
    found = compare([run, run_dir])
    assert "<script>\x1b" not in found.to_html()
    assert "\x1b" not in found.render()


def test_settings_are_flattened() -> None:
    table = {"a": {"b": 1}, "tasks": [{"kind": "x"}, {"kind": "y"}], "c": [1, 2], "d": []}
    expected = {"a.b": 1, "tasks.0.kind": "x", "tasks.1.kind": "y", "c": [1, 2], "d": []}
    assert flat(table) == expected


def test_settings_that_differ() -> None:
    configs = [{"name": "a", "x": 1, "y": 2}, {"name": "b", "x": 1, "y": 3, "z": 4}]
    assert setting_differences(configs) == {"y": (2, 3), "z": (None, 4)}


@pytest.mark.parametrize(
    ("ci95", "said"),
    [((0.01, 0.2), "better"), ((-0.2, -0.01), "worse"), ((0.0, 0.2), "no clear difference")],
)
def test_a_difference_needs_an_interval_off_zero(ci95: tuple[float, float], said: str) -> None:
    paired = PairedDifference(
        num_problems=9, a=0.5, b=0.6, difference=0.1, ci95=ci95, wins=2, losses=1, mcnemar_p=None
    )
    assert verdict(paired) == said
