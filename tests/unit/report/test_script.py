"""The page's script, run in node against a stand-in for the browser."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cogitate.report.document import asset

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node")

CHART = {
    "x": [0, 10],
    "box": [40, 426, 8, 186],
    "name": "step",
    "lines": [
        {"label": "greedy", "tone": "greedy", "points": [[0, 150, "20 %"], [10, 30, "90 %"]]},
        {"label": "rare", "tone": "1", "points": [[0, 100, "1"]]},
    ],
}


def entry(text: list[str], correct: bool | None, mode: str, sample: int = 0) -> dict[str, Any]:
    return {
        "mode": mode, "sample": sample, "text": text, "answer": "7" if text[0] else None,
        "correct": correct, "reward": 1.2, "parts": {"accuracy": 1, "format": 0},
        "finish": "length" if sample else "stop", "tokens": 5,
        "advantage": 0.5 if mode == "train" else None,
        "error": "timeout" if correct is None else None,
    }  # fmt: skip


def problem(name: str, task: str, steps: dict[str, Any], gold: str | None = "7") -> dict[str, Any]:
    return {"id": name, "task": task, "question": f"What is {name}?", "prompt": f"Q: {name}",
            "gold": gold, "steps": steps}  # fmt: skip


ROLLOUTS = {
    "heldout": [
        problem(
            "a1",
            "add",
            {
                "0": [entry(["6"], False, "greedy"), entry([""], None, "sampled", 1)],
                "5": [entry(["So ", "wait", " 7"], True, "greedy")],
                "10": [entry(["7"], True, "greedy"), entry(["8"], False, "sampled", 1)],
            },
        ),
        problem("a2", "add", {"0": [entry(["<b>x</b>"], False, "greedy")]}, gold=None),
        problem("m1", "mul", {"0": [entry(["1"], True, "greedy")]}),
    ],
    "train": [problem("t1", "add", {"3": [entry(["7"], True, "train")] * 2})],
}


def run_page(
    tmp_path: Path, *actions: tuple[str, Any], rollouts: Any = ROLLOUTS, dark: bool = False
) -> list[dict[str, Any]]:
    """What the page shows at first and after each action."""
    script, data = tmp_path / "page.js", tmp_path / "data.json"
    script.write_text(asset("page.js"), encoding="utf-8")
    data.write_text(json.dumps({"chart": CHART, "rollouts": rollouts, "dark": dark}))
    fake = Path(__file__).with_name("fake_browser.js")
    assert NODE is not None
    done = subprocess.run(
        [NODE, str(fake), str(script), str(data)],
        input=json.dumps(actions),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_theme_follows_the_system_until_it_is_chosen(tmp_path: Path) -> None:
    light, dark, again = (s["theme"] for s in run_page(tmp_path, ("theme", 0), ("theme", 0)))
    assert light == [False, "Dark", None]
    assert dark == [False, "Light", "dark"]
    assert again == [False, "Dark", "light"]
    assert run_page(tmp_path, dark=True)[0]["theme"] == [False, "Light", None]


def test_values_under_the_pointer(tmp_path: Path) -> None:
    states = run_page(tmp_path, ("hover", 400), ("hover", 50), ("leave", 0), ("hover", 5))
    assert states[0]["tip"] is None
    assert states[1]["tip"] == ["step 10", "greedy 90 %"]
    assert states[2]["tip"] == ["step 0", "greedy 20 %", "rare 1"]
    assert states[3]["tip"] is None
    assert states[4]["tip"] is None  # left of the plot


def test_the_browser_opens_on_the_last_step_beside_the_first(tmp_path: Path) -> None:
    (state,) = run_page(tmp_path)
    assert state["browser"] is True
    assert state["about"].startswith("What is a1?a1gold answer 7")
    before, after = state["columns"]
    assert before.startswith("Before training (step 0)")
    assert "✗ wrongparsed answer 7, gold 7" in before
    assert "not verifiedparsed answer none" in before
    assert "(empty completion)" in before
    assert "verifier error: timeout" in before
    assert after.startswith("At step 10")
    assert "✓ right" in after
    assert "reward 1.2accuracy 1format 05 tokens" in after
    assert "cut at the token limit" in after


def test_the_strip_shows_every_verdict(tmp_path: Path) -> None:
    (state,) = run_page(tmp_path)
    assert state["cells"] == ["cell wrong", "cell right", "cell right now", "cell", "cell",
                              "cell wrong now"]  # fmt: skip


def test_slider_and_strip_change_the_step(tmp_path: Path) -> None:
    _, slid, clicked = run_page(tmp_path, ("slide", 1), ("cell", 0))
    assert slid["columns"][1].startswith("At step 5")
    assert slid["marks"] == ["wait"]
    assert "cell right now" in slid["cells"]
    (only,) = clicked["columns"]  # the first step beside itself would be no comparison
    assert only.startswith("At step 0")


def test_moving_between_problems_and_tasks(tmp_path: Path) -> None:
    first, second, back, other, chosen = run_page(
        tmp_path, ("next", 0), ("previous", 0), ("task", "mul"), ("task", "add")
    )
    assert first["problems"] == ["1. What is a1?", "2. What is a2?"]
    assert first["ends"] == [True, False]
    assert second["about"].startswith("What is a2?a2no gold answer")
    assert second["ends"] == [False, True]
    assert back["about"].startswith("What is a1?")
    assert other["about"].startswith("What is m1?")
    assert other["ends"] == [True, True]
    assert chosen["about"].startswith("What is a1?")


def test_choosing_a_problem(tmp_path: Path) -> None:
    assert run_page(tmp_path, ("problem", "1"))[1]["about"].startswith("What is a2?")


def test_training_groups(tmp_path: Path) -> None:
    heldout, train = run_page(tmp_path, ("source", "train"))
    assert heldout["sources"] == [["true", False], ["false", False]]
    assert train["sources"] == [["false", False], ["true", False]]
    assert train["problems"] == ["1. step 3: What is t1?"]
    (group,) = train["columns"]
    assert group.startswith("Training step 3: one groupsample 1✓ right")
    assert "advantage +0.5" in group


def test_without_held_out_rollouts_training_is_shown(tmp_path: Path) -> None:
    (state,) = run_page(tmp_path, rollouts={**ROLLOUTS, "heldout": []})
    assert state["columns"][0].startswith("Training step 3")
    assert state["sources"][0] == ["false", True]


def test_a_page_without_rollouts(tmp_path: Path) -> None:
    states = run_page(tmp_path, ("theme", 0), ("hover", 400), rollouts=None)
    assert states[2]["tip"] is not None


def test_markup_in_completions_stays_text(tmp_path: Path) -> None:
    _, state = run_page(tmp_path, ("next", 0))
    assert "<b>x</b>" in state["columns"][0]
    assert "b" in state["tags"]  # the page's own emphasis
    assert not {"img", "iframe", "a"} & set(state["tags"])
