"""Counting what a step could not do, and giving up in time."""

import pytest

from cogitate.errors import RewardError
from cogitate.train.resume import LoopState
from cogitate.train.stopping import (
    MAX_SKIPPED_STEPS,
    MAX_UNVERIFIED_STEPS,
    DivergedError,
    count_failures,
)

SKIPPED = {"policy/skipped_nonfinite": 1.0}
UNVERIFIED = {"reward/verifier_error": 1.0, "masked/raised": 1.0}


def test_skipped_updates_are_counted():
    state = LoopState(step=1)
    count_failures(state, {"policy/skipped_nonfinite": 0.25}, updates=4)
    assert (state.skipped_updates, state.skipped_in_a_row) == (1, 0)


def test_the_gradients_of_too_many_steps_end_a_run():
    state = LoopState(step=7)
    for _ in range(MAX_SKIPPED_STEPS - 1):
        count_failures(state, SKIPPED, updates=1)
    with pytest.raises(DivergedError, match="up to step 7"):
        count_failures(state, SKIPPED, updates=1)


def test_rewards_that_always_fail_end_a_run():
    state = LoopState(step=9)
    for _ in range(MAX_UNVERIFIED_STEPS - 1):
        count_failures(state, UNVERIFIED, updates=1)
    with pytest.raises(RewardError, match=r"up to step 9.*masked/raised"):
        count_failures(state, UNVERIFIED, updates=1)


@pytest.mark.parametrize("bad", [SKIPPED, UNVERIFIED])
def test_one_good_step_starts_the_count_again(bad: dict[str, float]):
    state = LoopState(step=1)
    for _ in range(3):
        for _ in range(MAX_SKIPPED_STEPS - 1):
            count_failures(state, bad, updates=1)
        count_failures(state, {"reward/verifier_error": 0.5}, updates=1)
    assert (state.skipped_in_a_row, state.unverified_in_a_row) == (0, 0)
    assert state.unverified_steps == (3 * (MAX_SKIPPED_STEPS - 1) if bad is UNVERIFIED else 0)


def test_rewards_that_sometimes_fail_do_not_end_it():
    state = LoopState(step=1)
    for _ in range(20):
        count_failures(state, {"reward/verifier_error": 0.99}, updates=1)
    assert state.unverified_in_a_row == 0
