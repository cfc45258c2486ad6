"""Sentences say what the numbers allow and no more."""

from pathlib import Path
from typing import Any

import pytest

from cogitate.report import narrative, summary
from cogitate.report.load import RunData, load_run
from cogitate.report.samples import collect
from synthetic_run import make_run


def result(**values: Any) -> dict[str, Any]:
    return {
        "task": "all", "mode": "greedy", "num_problems": 200, "samples_per_problem": 1,
        "before": 0.2, "before_ci95": [0.15, 0.26], "after": 0.8, "after_ci95": [0.74, 0.85],
        "gain": 0.6, "gain_ci95": [0.52, 0.68], **values,
    }  # fmt: skip


def found(*results: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "results": list(results), "steps": 40, "planned_steps": 40, "algorithm": "grpo",
        "cost": {"seconds": 370.0}, **values,
    }  # fmt: skip


def test_a_gain_is_called_a_rise() -> None:
    words = narrative.headline(found(result()))
    assert words.title == "Held-out accuracy rose from 20 % to 80 %"
    assert "+60.0 points (95 % interval +52.0 to +68.0, same 200 problems)" in words.subtitle
    assert words.subtitle.endswith("40 steps of reinforcement learning in 6 min 10 s.")


def test_a_gain_within_noise_is_not() -> None:
    words = narrative.headline(found(result(after=0.22, gain=0.02, gain_ci95=[-0.03, 0.07])))
    assert words.title == "Held-out accuracy did not change measurably: from 20 % to 22 %"


def test_a_loss_is_called_a_fall() -> None:
    words = narrative.headline(found(result(after=0.1, gain=-0.1, gain_ci95=[-0.15, -0.05])))
    assert "fell from 20 % to 10 %" in words.title


def test_without_paired_data_the_intervals_must_not_overlap() -> None:
    apart = found(result(gain_ci95=None))
    assert "rose" in narrative.headline(apart).title
    overlap = found(result(gain_ci95=None, after=0.25, after_ci95=[0.2, 0.3], gain=0.05))
    assert "did not change measurably" in narrative.headline(overlap).title


def test_an_unfinished_run_says_so() -> None:
    words = narrative.headline(found(result(), steps=7))
    assert words.title.endswith("so far")
    assert "stands at step 7 of 40" in words.subtitle


def test_greedy_over_all_tasks_leads() -> None:
    rows = [result(task="x"), result(mode="sampled", after=0.5), result()]
    assert narrative.main_result(found(*rows)) is rows[2]
    assert narrative.main_result(found(rows[1])) is rows[1]
    assert narrative.main_result(found()) is None


def test_one_evaluation_or_none() -> None:
    only = result(after=None, after_ci95=None, gain=None, gain_ci95=None)
    title = narrative.headline(found(only)).title
    assert title == "Before training: 20 % of held-out problems right"
    assert narrative.headline(found()).title == "No held-out evaluation yet"


@pytest.mark.parametrize(("value", "text"), [(0.825, "83 %"), (0.824, "82 %"), (1.0, "100 %")])
def test_halves_round_up(value: float, text: str) -> None:
    assert narrative.whole_points(value) == text


def test_where_the_signal_came_from(run_dir: Path) -> None:
    said = narrative.how_it_learned(load_run(run_dir))
    assert "shown no worked solution" in said
    assert "reward (accuracy, format)" in said
    assert "control" not in said


def with_config(tmp_path: Path, text: str) -> RunData:
    (tmp_path / "config.toml").write_text(text)
    return load_run(tmp_path)


def test_reward_parts_by_name(tmp_path: Path) -> None:
    run = with_config(
        tmp_path,
        "[reward]\naccuracy = 1.0\nformat = 0.0\nrandom_seed = 7\n"
        "[reward.overlong]\nmax_tokens = 9\ncache = 3\n"
        '[[reward.custom]]\npath = "mine.py:brevity"\n[[reward.custom]]\nname = "b"\npath = "x"\n',
    )
    assert narrative.reward_parts(run) == ["accuracy", "overlong", "brevity", "b"]


def test_a_random_reward_is_called_a_control(tmp_path: Path) -> None:
    run = with_config(tmp_path, "[reward]\naccuracy = 0.0\nrandom = 1.0\n")
    assert narrative.how_it_learned(run).endswith("this is a control run.")


def test_supervised_runs_imitate(tmp_path: Path) -> None:
    run = with_config(tmp_path, 'algorithm = "sft"\n')
    assert "imitated worked solutions" in narrative.how_it_learned(run)


def test_provenance_of_a_preset_and_of_anything_else(tmp_path: Path, run_dir: Path) -> None:
    said = narrative.provenance(load_run(run_dir))
    assert "SmolLM2-135M-Instruct, dequantised" in said
    assert "not the pre-trained base" in said
    other = with_config(tmp_path, '[model]\nsource = "org/some-model"\n')
    assert narrative.provenance(other).startswith("org/some-model. Check whether it is")
    assert "not recorded" in narrative.provenance(with_config(tmp_path, ""))


def test_trend_of_length(tmp_path: Path) -> None:
    def run_with(values: list[float]) -> RunData:
        rows = [
            f'{{"step": {i}, "completion/length_mean": {v}}}' for i, v in enumerate(values, start=1)
        ]
        (tmp_path / "metrics.jsonl").write_text("\n".join(rows))
        return load_run(tmp_path)

    growing = narrative.length_sentence(run_with([10.0 + i for i in range(20)]))
    assert growing.startswith("Completions grew by 100.0 tokens per 100 steps")
    shrinking = narrative.length_sentence(run_with([40.0 - i for i in range(20)]))
    assert shrinking.startswith("Completions shrank by 100.0 tokens")
    flat = narrative.length_sentence(run_with([10.0, 11.0] * 10))
    assert "no clear trend" in flat
    assert narrative.length_sentence(run_with([10.0])) == ""


def test_control_names_the_untouched_model(run_dir: Path) -> None:
    said = narrative.control_sentence(collect(load_run(run_dir)))
    assert said.startswith("Control on the same held-out problems: the untouched model uses")
    assert "the model at step 20 uses" in said


def test_a_gradual_rise_is_not_marked_as_a_change_point(run_dir: Path) -> None:
    samples = collect(load_run(run_dir))
    point = narrative.wait_change(samples)
    said = narrative.aha_sentence(samples, point)
    marked = narrative.change_step(samples, point)
    assert (marked is None) == ("No change point" in said or "gradual" in said)


def test_nothing_said_means_no_aha(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "none", steps=3, planned=3, problems=2, rollouts=False))
    samples = collect(run)
    assert narrative.wait_change(samples) is None
    assert "never occurred" in narrative.aha_sentence(samples, None)


def test_advice_is_what_the_loop_would_say(tmp_path: Path) -> None:
    rows = [f'{{"step": {i}, "group/all_wrong_fraction": 0.9}}' for i in range(1, 9)]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*rows, '{"step": 9, "x": null}']))
    said = narrative.advice(load_run(tmp_path))
    assert [step for step, _ in said] == [5]
    assert said[0][1].startswith("90 % of groups are all wrong")


def test_caveats_depend_on_the_run(run_dir: Path, tmp_path: Path) -> None:
    run = load_run(run_dir)
    said = " ".join(narrative.caveats(run, summary(run_dir), collect(run)))
    for part in ("one seed", "same generators", "random-reward control", "only 12 held-out"):
        assert part in said
    sft = load_run(make_run(tmp_path / "sft", steps=2, planned=2, problems=2, algorithm="sft"))
    other = " ".join(narrative.caveats(sft, found(), collect(sft)))
    assert "random-reward" not in other
    assert "reflective" not in other


def test_sharpening_is_pointed_out(run_dir: Path) -> None:
    run = load_run(run_dir)
    sampled = result(mode="sampled", gain=0.75)
    said = " ".join(narrative.caveats(run, found(result(), sampled), collect(run)))
    assert "Sampled accuracy gained +75.0 points, greedy +60.0" in said
    level = result(mode="sampled", gain=0.6)
    said = " ".join(narrative.caveats(run, found(result(), level), collect(run)))
    assert "more decided" not in said
