"""Estimates of the time left."""

import pytest

from cogitate.train.pace import Pace, is_due, times_due


def test_nothing_is_known_before_the_first_step() -> None:
    pace = Pace()
    pace.record("eval", 30.0)
    assert pace.eta(steps=10, evals=1, saves=1) is None
    assert pace.typical("step") == 0.0


def test_evaluations_and_checkpoints_are_folded_in() -> None:
    pace = Pace()
    for name, seconds in (("step", 2.0), ("eval", 30.0), ("save", 5.0)):
        pace.record(name, seconds)
    assert pace.eta(steps=10, evals=2, saves=3) == 20.0 + 60.0 + 15.0
    assert pace.eta(steps=0, evals=0, saves=0) == 0.0


def test_one_slow_step_does_not_move_the_estimate() -> None:
    pace = Pace()
    for seconds in (2.0, 2.0, 200.0, 2.0, 2.0):
        pace.record("step", seconds)
    assert pace.eta(steps=10, evals=0, saves=0) == 20.0


def test_earlier_attempts_are_remembered_from_their_timing_rows() -> None:
    pace = Pace()
    pace.remember(
        [
            {"step": 0, "seconds": {"eval": 30.0, "total": 30.0}},
            {"step": 1, "seconds": {"rollout": 1.5, "update": 0.4, "total": 2.0}},
            {"step": 2, "seconds": {"eval": 40.0, "checkpoint": 3.0, "total": 47.0}},
        ]
    )
    assert (pace.typical("step"), pace.typical("eval"), pace.typical("save")) == (3.0, 35.0, 3.0)


def test_only_recent_steps_count() -> None:
    pace = Pace()
    for seconds in [10.0] * 50 + [1.0] * 20:
        pace.record("step", seconds)
    assert pace.typical("step") == 1.0


@pytest.mark.parametrize(
    ("every", "step", "last", "due"),
    [
        (10, 10, 35, True),
        (10, 11, 35, False),
        (10, 35, 35, True),
        (0, 10, 35, False),
        (0, 35, 35, True),
    ],
)
def test_when_something_is_due(every: int, step: int, last: int, due: bool) -> None:
    assert is_due(every, step, last=last) is due


@pytest.mark.parametrize(
    ("every", "after", "last", "times"),
    [(10, 0, 35, 4), (10, 30, 35, 1), (10, 35, 35, 0), (10, 0, 30, 3), (0, 0, 35, 1), (1, 0, 3, 3)],
)
def test_how_often_something_is_due(every: int, after: int, last: int, times: int) -> None:
    assert times_due(every, after=after, last=last) == times
