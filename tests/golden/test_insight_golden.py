"""Behaviour metrics against counts made by hand (see insight.toml for the reasoning)."""

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cogitate.insight.behaviours import count_behaviours
from cogitate.insight.changepoint import change_point
from cogitate.insight.language import mixing_stats, word_counts
from cogitate.insight.steps import arithmetic_steps
from cogitate.insight.words import REFLECTIVE_WORDS, reflection_counts

GOLDEN = tomllib.loads(Path(__file__).with_name("insight.toml").read_text(encoding="utf-8"))


def named(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("row", named(GOLDEN["text"]))
def test_reflective_words(row: dict[str, Any]) -> None:
    stats = reflection_counts([row["text"]], num_tokens=50)
    assert dict(stats.by_word) == {word: row["words"].get(word, 0) for word in REFLECTIVE_WORDS}
    assert {w: n for w, n in stats.inflected_by_word.items() if n} == row["inflected"]
    assert stats.reflective.count == row["reflective"]
    assert stats.strong.count == row["strong"]
    assert stats.chinese.count == row["chinese_words"]
    assert stats.reflective.per_1k_tokens == row["reflective"] * 20


@pytest.mark.parametrize("row", named(GOLDEN["text"]))
def test_language(row: dict[str, Any]) -> None:
    counts = word_counts(row["text"])
    seen = (counts.latin, counts.chinese, counts.switches)
    assert seen == (row["latin"], row["chinese"], row["switches"])
    assert counts.consistency("en") == pytest.approx(row["consistency"])
    assert mixing_stats([row["text"]]).mix_rate == float(row["mixed"])


@pytest.mark.parametrize("row", named(GOLDEN["trace"]))
def test_behaviours(row: dict[str, Any]) -> None:
    counts = count_behaviours(row["text"], row["numbers"], row["target"])
    names = ("verification", "backtracking", "subgoal", "backward", "steps")
    assert {name: getattr(counts, name) for name in names} == {name: row[name] for name in names}
    assert counts.correct_steps == row["correct"]


@pytest.mark.parametrize(("text", "expected"), GOLDEN["arithmetic"]["lines"])
def test_arithmetic_lines(text: str, expected: list[tuple[str, bool]]) -> None:
    found = [(step.stated, step.correct) for step in arithmetic_steps(text)]
    assert found == [(Fraction(stated), correct) for stated, correct in expected]


@pytest.mark.parametrize("row", GOLDEN["change"])
def test_change_point(row: dict[str, Any]) -> None:
    exposure = [float(value) for value in row["exposure"]] if "exposure" in row else None
    point = change_point(row["counts"], exposure)
    assert point is not None
    assert (point.index, point.rate_before, point.rate_after) == pytest.approx(
        (row["index"], row["before"], row["after"])
    )
    assert point.llr == pytest.approx(row["llr"], abs=1e-9)
