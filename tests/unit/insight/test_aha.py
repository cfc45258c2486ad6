"""Reflection events, their effect, rescue and harm."""

from fractions import Fraction

import pytest

from cogitate.insight.aha import (
    EventKind,
    event_effect,
    has_real_event,
    reflection_events,
    rescue_and_harm,
)


def kinds(text: str) -> list[EventKind]:
    return [event.kind for event in reflection_events(text)]


def test_a_changed_result_is_an_event() -> None:
    (event,) = reflection_events("3 * 4 = 13. Wait, 3 * 4 = 12.")
    assert event.kind is EventKind.CHANGED
    assert (event.before, event.after) == (13, 12)
    assert event.start == 12


def test_the_same_result_again_is_superficial() -> None:
    (event,) = reflection_events("3 * 4 = 12. Let me verify: 3 * 4 = 12.")
    assert event.kind is EventKind.UNCHANGED
    assert event.after == 12


@pytest.mark.parametrize(
    "text", ["Wait, let me start over.", "wrong, try again", "But 重新 计算", "Mistake: redo this"]
)
def test_an_announced_restart_is_an_event(text: str) -> None:
    assert EventKind.RESTART in kinds(text)


def test_the_window_is_thirty_tokens() -> None:
    near = "1 + 1 = 3. Wait, " + "so " * 24 + "1 + 1 = 2"  # comma, 24 words, 5 tokens: 30
    far = "1 + 1 = 3. Wait, " + "so " * 25 + "1 + 1 = 2"
    assert kinds(near) == [EventKind.CHANGED]
    assert kinds(far) == [EventKind.UNCHANGED]
    assert reflection_events(far, window=31)[0].kind is EventKind.CHANGED


def test_words_before_the_outcome_are_one_event() -> None:
    assert kinds("2 + 2 = 5. Wait, wait. But check: 2 + 2 = 4. However") == [
        EventKind.CHANGED,
        EventKind.UNCHANGED,
    ]


def test_without_a_result_before_nothing_changed() -> None:
    (event,) = reflection_events("Wait: 1 + 1 = 2.")
    assert event.kind is EventKind.UNCHANGED
    assert event.before is None
    assert event.after == 2


def test_no_marker_no_event() -> None:
    assert reflection_events("1 + 1 = 3. 1 + 1 = 2.") == ()
    assert not has_real_event(())
    assert not has_real_event(reflection_events("wait"))
    assert has_real_event(reflection_events("wait, start over"))


def test_effect_compares_within_problems_only() -> None:
    # Problem a: 2/2 with, 1/2 without: +0.5, weight 2*2/4 = 1.
    # Problem b: 0/1 with, 1/1 without: -1.0, weight 1*1/2 = 0.5. Problem c: one kind only.
    ids = ["a"] * 4 + ["b"] * 2 + ["c"] * 2
    event = [True, True, False, False, True, False, True, True]
    right = [True, True, True, False, False, True, True, True]
    effect = event_effect(ids, event, right)
    assert (effect.num_with_event, effect.num_without_event) == (5, 3)
    assert effect.num_problems_compared == 2
    assert effect.difference == pytest.approx((0.5 * 1 - 1.0 * 0.5) / 1.5)
    assert effect.ci95 == pytest.approx((-1.0, 0.5))


def test_effect_is_unknown_without_both_kinds() -> None:
    effect = event_effect(["a", "b"], [True, False], [True, False])
    assert effect.difference is None
    assert effect.ci95 is None


def test_rescue_and_harm_count_a_completion_once() -> None:
    texts = [
        "1 + 1 = 3. Wait, 1 + 1 = 2.",  # wrong before, ends right: rescued
        "1 + 1 = 3. Wait, 1 + 1 = 4.",  # wrong before, ends wrong
        "1 + 1 = 2. But 1 + 1 = 3. Wait, 1 + 1 = 4",  # right before, ends wrong: harmed
        "1 + 1 = 2. Check: 1 + 1 = 2.",  # nothing changed
        "1 + 1 = 3. Wait, 1 + 1 = 2.",  # no gold number
    ]
    golds = [Fraction(2)] * 4 + [None]
    correct = [True, False, False, True, True]
    found = rescue_and_harm([reflection_events(text) for text in texts], golds, correct)
    assert (found.wrong_before, found.rescued) == (2, 1)
    assert (found.right_before, found.harmed) == (1, 1)
    assert found.rescue_rate == 0.5
    assert found.harm_rate == 1.0


def test_rates_are_unknown_without_cases() -> None:
    found = rescue_and_harm([], [], [])
    assert found.rescue_rate is None
    assert found.harm_rate is None
