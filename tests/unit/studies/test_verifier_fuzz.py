"""The fuzzer: what it does to rows, and what it counts as a failure."""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cogitate.verdict import Status, Verdict, correct, wrong

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "studies"))

import verifier_fuzz  # noqa: E402  # pyright: ignore[reportMissingImports]

ROWS: list[dict[str, Any]] = [
    {
        "id": "a", "task_kind": "math", "ground_truth": "12", "should_be_correct": False,
        "completion": "<think>\nSix times two.\n</think>\n\nSo $\\boxed{13}$, I think.",
    },
    {
        "id": "b", "task_kind": "code_stdio", "ground_truth": "", "should_be_correct": True,
        "completion": "```python\nprint(12)\n```",
    },
]  # fmt: skip


@pytest.mark.parametrize("mutation", verifier_fuzz.DRESSING, ids=lambda m: m.__name__)
def test_dressing_keeps_words_and_digits(mutation: verifier_fuzz.Mutation):
    for seed in range(30):
        text = mutation(ROWS[0]["completion"], random.Random(seed), ROWS)
        assert "13" in text
        assert "six times two" in " ".join(text.casefold().split())
        assert "</think>" in text
        assert "\\boxed{" in text


@pytest.mark.parametrize("mutation", verifier_fuzz.MANGLING, ids=lambda m: m.__name__)
def test_mangling_gives_text_and_is_repeatable(mutation: verifier_fuzz.Mutation):
    for seed in range(10):
        once, again = (
            mutation(ROWS[0]["completion"], random.Random(seed), ROWS) for _ in range(2)
        )  # fmt: skip
        assert once == again
        assert isinstance(once, str)


def fuzzer(grade: Any, rows: list[dict[str, Any]] = ROWS) -> verifier_fuzz.Fuzzer:
    made = verifier_fuzz.Fuzzer(rows, grade, seed=0)
    for _ in range(40):
        made.step(code_share=0.25)
    return made


def test_an_honest_verifier_has_no_failures():
    made = fuzzer(lambda row: wrong(engine="stub"))
    assert made.failures == []
    assert made.statuses == {"wrong": 40}
    assert made.kinds["code_stdio"] > 0
    assert made.kinds["math"] > made.kinds["code_stdio"]


def test_exceptions_masks_and_flips_are_failures():
    def raises(row: dict[str, Any]) -> Verdict:
        raise RuntimeError("no")

    assert {f["why_failed"] for f in fuzzer(raises).failures} == {"raised"}
    own = {row["completion"] for row in ROWS}

    def masks(row: dict[str, Any]) -> Verdict:
        if row["completion"] in own:
            return wrong(engine="stub")
        return Verdict(status=Status.CRASHED)

    assert {f["why_failed"] for f in fuzzer(masks).failures} == {"masked"}
    flips = fuzzer(lambda row: correct(engine="stub")).failures
    assert {f["why_failed"] for f in flips} == {"flipped"}
    names = {m.__name__ for m in verifier_fuzz.DRESSING}
    assert all(set(f["mutations"]) <= names and f["id"] == "a" for f in flips)


def test_a_mask_that_the_row_has_by_itself_is_none():
    assert fuzzer(lambda row: Verdict(status=Status.BAD_GOLD)).failures == []


def test_slow_and_hanging_rows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verifier_fuzz, "SECONDS", 0.0)
    made = verifier_fuzz.Fuzzer(ROWS[:1], lambda row: wrong(engine="stub"), seed=0)
    made.step(code_share=0.0)
    assert [f["why_failed"] for f in made.failures] == ["slow"]
    monkeypatch.setattr(verifier_fuzz, "GIVE_UP", 0.01)

    def hangs(row: dict[str, Any]) -> Verdict:
        time.sleep(0.2)
        return wrong(engine="stub")

    made = verifier_fuzz.Fuzzer(ROWS[:1], hangs, seed=0)
    made.step(code_share=0.0)
    assert [f["why_failed"] for f in made.failures] == ["hangs"]


def test_limits():
    assert verifier_fuzz.limit_of({"task_kind": "math"}) == 5.0
    assert verifier_fuzz.limit_of({"task_kind": "math", "must_finish_s": 10}) == 10.0
    assert verifier_fuzz.limit_of({"task_kind": "code_function"}) == 60.0


def test_absent_rows_are_a_clear_message(tmp_path: Path):
    with pytest.raises(SystemExit, match="there is no such file"):
        verifier_fuzz.main([str(tmp_path / "rows.jsonl")])
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n")
    with pytest.raises(SystemExit, match="no rows of these kinds"):
        verifier_fuzz.main([str(path), "--kinds", "judge"])
