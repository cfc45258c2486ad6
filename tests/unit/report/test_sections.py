"""The sections of the report, one by one."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from cogitate.report import first_screen, sections, summary
from cogitate.report.load import RolloutRow, RunData, load_run, rollout_row
from cogitate.report.safe import unbroken
from cogitate.report.samples import Samples, collect, hash_order


def make(problem: str, step: int, text: str, **values: object) -> RolloutRow:
    found = rollout_row(
        {
            "step": step, "problem_id": problem, "task": problem.split("/")[0], "mode": "greedy",
            "completion": text, "question": f"ask {problem}", "gold": "7",
            "parts": {"accuracy": 1.0}, **values,
        }
    )  # fmt: skip
    assert found is not None
    return found


def samples_of(first: Sequence[RolloutRow], last: Sequence[RolloutRow]) -> Samples:
    return Samples(
        train=(),
        heldout=(),
        first=tuple(first),
        last=tuple(last),
        heldout_rows=(),
        train_rows=(),
        notes=(),
    )


@pytest.fixture(scope="module")
def run(run_dir: Path) -> RunData:
    return load_run(run_dir)


def test_an_empty_section_is_not_there() -> None:
    assert sections.section("x", "Title", "") == ""
    text = sections.section("x", "A & B", "<p>body</p>", "intro")
    assert text == (
        '<section id="x"><h2>A &amp; B</h2><p class="quiet">intro</p><p>body</p></section>'
    )


def test_pairs_are_the_first_problems_in_hash_order() -> None:
    names = [f"{task}/{i}" for task in ("a", "b") for i in range(9)]
    first = [make(name, 0, f"old {name}") for name in names]
    last = [make(name, 8, f"new {name}") for name in names]
    text = sections.side_by_side(samples_of(first, last))
    shown = re.findall(r'class="question" dir="auto">ask ([^<]+)<', text)
    assert shown == [hash_order(n for n in names if n[0] == task)[0] for task in "ab"]
    for name in shown:
        assert f"old {name}" in text
        assert f"new {name}" in text
    assert text.count("step 0") == text.count("step 8") == 2


def test_pairs_need_two_evaluations() -> None:
    rows = [make("a/1", 0, "x")]
    assert sections.side_by_side(samples_of(rows, rows)) == ""
    assert sections.side_by_side(samples_of([], [])) == ""


def test_pairs_fall_back_to_sampled_answers() -> None:
    first, last = ([make("a/1", step, "x", mode="sampled")] for step in (0, 4))
    assert "a · sampled · gold answer 7" in sections.side_by_side(samples_of(first, last))


def test_verdicts_and_odd_completions() -> None:
    first = [make("a/1", 0, "", parts={"accuracy": 0.0}, finish_reason="length")]
    last = [make("a/1", 4, "so <b> wait", error="sandbox died", parsed_answer="<i>")]
    text = sections.side_by_side(samples_of(first, last))
    assert "✗ wrong" in text
    assert "(empty completion)" in text
    assert "cut at the token limit" in text
    assert "not verified" in text
    assert "so &lt;b&gt; <mark>wait</mark>" in text
    assert "<code>&lt;i&gt;</code>" in text
    assert "<code>none</code>" in text


def test_marked_words_are_escaped_around() -> None:
    assert sections.marked("<wait>") == "&lt;<mark>wait</mark>&gt;"


def test_the_results_table_has_a_row_per_task_and_mode(run_dir: Path) -> None:
    text = first_screen.results_table(summary(run_dir))
    assert text.count("<tr class=") == 8
    assert re.findall(r'<td class="task">([^<]*)</td>', text) == [
        "largest", "", "addition", "", "word_problem", "", "all tasks", "",
    ]  # fmt: skip
    assert text.count('class="dumbbell"') == 8
    assert "12 of each task" in text
    assert "4 samples each when sampled" in text


def test_no_results_no_table() -> None:
    assert first_screen.results_table({"results": []}) == ""


def test_sizes_are_stated_as_a_span() -> None:
    base = {
        "mode": "greedy", "samples_per_problem": 1, "before": 0.5, "before_ci95": [0.4, 0.6],
        "after": None, "after_ci95": None, "gain": None, "gain_ci95": None,
    }  # fmt: skip
    rows = [{"task": t, "num_problems": n, **base} for t, n in (("a", 30), ("b", 50), ("all", 80))]
    text = first_screen.results_table({"results": rows})
    assert "never used: 30 to 50 of each task, the same at every evaluation</dd>" in text


def test_cost_says_what_was_spent(run: RunData, run_dir: Path) -> None:
    found = summary(run_dir)
    text = sections.costs(run, found)
    assert "wall-clock" in text
    assert f"<b>{found['cost']['tokens']['completion']:,}</b><span>completion tokens" in text
    assert "<b>3.4 GB</b><span>peak memory" in text
    keys = re.findall(r'<i class="tone-\d"></i>([a-z]+) ', text)
    amounts = [found["cost"]["phases"][name] for name in keys]
    assert amounts == sorted(amounts, reverse=True)


def test_phases_that_took_no_time_are_left_out(run: RunData) -> None:
    spent = {"seconds": 10.0, "phases": {"update": 10.0, "sync": 0.0}, "tokens": {}}
    text = sections.costs(run, {"cost": {**spent, "peak_memory_mb": None}})
    assert "update 10 s" in text
    assert "sync" not in text


def test_no_timing_no_cost(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    empty = load_run(tmp_path)
    assert sections.costs(empty, summary(tmp_path)) == ""


def test_the_browser_needs_rollouts() -> None:
    assert sections.browser({"heldout": [], "train": []}, []) == ""
    text = sections.browser({"heldout": [], "train": [{"id": "</script>"}]}, ["A note.", ""])
    assert "A note." in text
    assert text.count("</script>") == 1
    assert "same held-out problems" not in text
    assert "<noscript>" in text


def test_advice_is_bounded(tmp_path: Path) -> None:
    rows = [f'{{"step": {i}, "reward/verifier_error": 0.5}}' for i in range(1, 1202)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(rows))
    text = sections.advice(load_run(tmp_path))
    assert text.count("<li>") == 40
    assert "9 more are in train.log" in text  # every 25 steps: 49 in all
    assert "50 % of rewards are verifier errors" in text


def test_no_advice_no_section(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    assert sections.advice(load_run(tmp_path)) == ""


def test_the_host_is_left_out_of_earlier_attempts_too(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("seed = 3\n")
    (tmp_path / "environment.json").write_text(
        '{"host": "first-host", "cores": 2, "earlier_attempts": [{"host": "second-host", "cores": 4}, 5]}'
    )
    text = sections.settings(load_run(tmp_path))
    assert "seed = 3" in text
    assert "first-host" not in text
    assert "second-host" not in text
    assert "&quot;cores&quot;: 4" in text


def test_notes_are_listed() -> None:
    assert sections.reading_notes([]) == ""
    assert "<li>a &lt; b</li>" in sections.reading_notes(["a < b"])


def test_behaviour_says_in_words_what_the_curves_show(run: RunData) -> None:
    text = sections.behaviour(run, collect(run))
    assert text.count("<figure") == 6
    for said in ("Completion", "&quot;wait&quot;", "untouched model", "pass@4", "reflective word"):
        assert said in text
    assert "Sampled accuracy by difficulty" in text


def test_tables_escape_their_cells() -> None:
    text = sections.table(("<h>", "n"), [("a&b", "1")], 1)
    assert '<th class="name">&lt;h&gt;</th><th class="figure">n</th>' in text
    assert '<td class="name">a&amp;b</td><td class="figure">1</td>' in text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("from 23 % to 8 points", "from 23\u00a0% to 8\u00a0points"),
        ("in 4 min 24 s.", "in 4\u00a0min 24\u00a0s."),
        ("40 steps", "40 steps"),
        ("2 h 05 min", "2\u00a0h 05\u00a0min"),
    ],
)
def test_numbers_stay_with_their_units(text: str, kept: str) -> None:
    assert unbroken(text) == kept
