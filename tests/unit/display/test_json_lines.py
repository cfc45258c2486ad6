import io
import json
import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from cogitate.display.json_lines import JsonLinesDisplay, json_text, jsonable
from imaginary_runs import ending, evaluation, info, report, row


class Colour(StrEnum):
    RED = "red"


@dataclass
class Point:
    x: float
    place: Path


def test_values_become_json() -> None:
    assert jsonable(Point(x=math.nan, place=Path("a/b"))) == {"x": None, "place": "a/b"}
    assert jsonable({1: (True, None, 2, 0.5), "c": Colour.RED}) == {
        "1": [True, None, 2, 0.5], "c": "red",
    }  # fmt: skip
    assert json.loads(json_text([math.inf, {3}])) == [None, [3]]


def test_text_of_a_model_stays_escaped() -> None:
    assert json_text("a\x1b[31m é \u202e") == '"a\\u001b[31m \\u00e9 \\u202e"'


def test_every_event_is_one_line() -> None:
    stream = io.StringIO()
    with JsonLinesDisplay(stream) as display:
        display.started(info())
        display.phase("eval")
        display.evaluated(evaluation(0, 0.2))
        display.step(report(1, reward=math.nan), [row()], 12.5)
        display.checkpointed(Path("c"))
        display.advice("look")
        display.finished(ending())
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == [
        "started", "evaluated", "step", "checkpointed", "advice", "finished",
    ]  # fmt: skip
    assert events[0]["tasks"] == ["extremes", "arithmetic"]
    assert events[1]["results"][0]["ci95"] == pytest.approx([0.12, 0.27])
    assert events[2]["metrics"]["reward/mean"] is None
    assert events[2]["eta_seconds"] == 12.5
    assert "question" not in events[2]
    assert events[5]["status"] == "completed"
    assert events[5]["before_after"][0]["gain"] == 0.9 - 0.2
