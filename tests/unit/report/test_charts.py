"""Which charts a run gets, and what is in them."""

import json
from pathlib import Path

import pytest

from cogitate.report import charts
from cogitate.report.figures import Chart
from cogitate.report.load import RunData, load_run
from cogitate.report.samples import collect
from synthetic_run import make_run


def labels(chart: Chart) -> list[str]:
    return [series.label for series in chart.series if not series.faint]


def with_metrics(tmp_path: Path, rows: list[dict[str, float]]) -> RunData:
    lines = [json.dumps({"step": i, **row}) for i, row in enumerate(rows, start=1)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    return load_run(tmp_path)


def test_accuracy_over_all_tasks_then_each(run_dir: Path) -> None:
    found = charts.accuracy_charts(load_run(run_dir))
    assert [chart.title for chart in found] == ["All tasks", "largest", "addition", "word_problem"]
    greedy, sampled = found[0].series
    assert (greedy.label, sampled.label) == ("greedy", "sampled")
    assert [x for x, _ in greedy.points] == [0, 5, 10, 15, 20]
    evals = load_run(run_dir).evals
    rows = {row.step: row for row in evals if (row.task, row.mode) == ("all", "greedy")}
    assert list(greedy.points) == [(step, row.value) for step, row in rows.items()]
    assert list(greedy.band) == [row.ci95 for row in rows.values()]
    assert (found[0].low, found[0].high) == (0.0, 1.0)


def test_reward_and_the_parts_that_differ_from_it(tmp_path: Path) -> None:
    run = with_metrics(
        tmp_path,
        [{"reward/mean": 0.5, "reward/std": 0.1, "reward/accuracy": 0.5, "reward/format": 0.2}] * 3,
    )
    (chart,) = charts.learning_charts(run)
    assert chart.title == "Training reward and its parts"
    assert labels(chart) == ["reward", "format"]
    single = with_metrics(tmp_path, [{"reward/mean": 0.5, "reward/accuracy": 0.5}] * 3)
    assert charts.learning_charts(single)[0].title == "Training reward"


def test_accuracy_by_task_needs_two_tasks(tmp_path: Path) -> None:
    one = with_metrics(tmp_path, [{"task/a/accuracy": 0.5}] * 2)
    assert len(charts.learning_charts(one)) == 1
    two = with_metrics(tmp_path, [{"task/a/accuracy": 0.5, "task/b/c/accuracy": 0.1}] * 2)
    assert labels(charts.learning_charts(two)[1]) == ["a", "b/c"]


def test_supervised_runs_show_their_loss(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "s", steps=3, planned=3, problems=2, algorithm="sft"))
    last = charts.learning_charts(run)[-1]
    assert last.title == "Training loss"
    assert [x for x, _ in last.series[0].points] == [1, 2, 3]


def test_noise_around_zero_looks_flat(tmp_path: Path) -> None:
    def mismatch(value: float) -> Chart:
        run = with_metrics(tmp_path, [{"engine/mismatch_nats": value}] * 3)
        return next(c for c in charts.health_charts(run) if c.title == "Sampler against trainer")

    assert mismatch(2e-6).high == 0.01
    assert mismatch(0.3).high is None


def test_clipping_is_shown_only_when_it_happens(tmp_path: Path) -> None:
    def titles(value: float) -> list[str]:
        run = with_metrics(tmp_path, [{"policy/ratio_outside_clip": value}] * 2)
        return [chart.title for chart in charts.health_charts(run)]

    assert "Tokens outside the clip range" not in titles(0.0)
    assert "Tokens outside the clip range" in titles(0.01)


def test_reflection_in_three_normalisations_with_its_control(run_dir: Path) -> None:
    samples = collect(load_run(run_dir))
    found = charts.reflection_charts(samples, change=7)
    assert [chart.title for chart in found] == [
        "Reflective words per 1,000 tokens",
        "Reflective words per completion",
        "Completions with a reflective word",
    ]
    assert found[0].marks == [(7, "change point")]
    assert list(found[1].marks) == []
    for chart in found:
        assert labels(chart) == ["ten words", '"wait" alone', "held-out"]
        assert "untouched model" in chart.caption
    held_out = found[0].series[-1]
    assert held_out.points[0] == (0, samples.heldout[0].reflection.reflective.per_1k_tokens)


def test_no_reflection_no_chart(tmp_path: Path) -> None:
    run = make_run(tmp_path / "x", steps=1, planned=1, problems=1, evals=False, rollouts=False)
    assert charts.reflection_charts(collect(load_run(run))) == []


def test_lengths_by_verdict(run_dir: Path) -> None:
    run = load_run(run_dir)
    samples = collect(run)
    by_verdict = charts.length_charts(run, samples)[2]
    assert labels(by_verdict) == ["right", "wrong"]
    first = samples.train[0]
    assert first.length_wrong is not None
    faint_wrong = by_verdict.series[-1]
    assert faint_wrong.points[0][0] == 1
    assert faint_wrong.points[0][1] == pytest.approx(first.length_wrong.mean)


def test_language_mixing_only_when_there_is_some(run_dir: Path) -> None:
    samples = collect(load_run(run_dir))
    assert charts.language_charts(samples) == []
    row = samples.train[0]
    mixing = type(row.mixing)(
        num_completions=4, num_words=9, consistency=0.6, mix_rate=0.25, switches_per_100_words=9.0
    )
    step = type(row)(
        step=1, reflection=row.reflection, mixing=mixing, length_right=None, length_wrong=None
    )
    mixed = type(samples)(
        train=(step,), heldout=(), first=(), last=(), heldout_rows=(), train_rows=(), notes=()
    )
    (chart,) = charts.language_charts(mixed)
    assert labels(chart) == ["mixed", "in English"]
    assert chart.series[0].points == [(1, 0.25)]


def test_speed_leaves_out_the_first_evaluation(run_dir: Path) -> None:
    rate, seconds = charts.speed_charts(load_run(run_dir))
    strong = rate.series[-1]
    assert strong.points[0][0] == 1
    assert seconds.series[-1].points[0][0] == 0
