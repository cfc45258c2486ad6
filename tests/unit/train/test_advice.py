"""Advice: a sentence when something is off, silence when nothing is."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cogitate.train import advice
from cogitate.train.advice import Adviser, Row, Rule

HEALTHY = {
    "reward/mean": 0.5,
    "reward/accuracy": 0.5,
    "reward/format": 0.9,
    "reward/verifier_error": 0.0,
    "group/all_wrong_fraction": 0.2,
    "group/all_right_fraction": 0.2,
    "group/uninformative_fraction": 0.4,
    "completion/truncated_fraction": 0.05,
    "completion/length_mean": 40.0,
    "policy/entropy": 0.6,
    "policy/grad_norm": 1.0,
    "policy/loss": 0.02,
    "policy/skipped_nonfinite": 0.0,
    "engine/mismatch_nats": 1e-6,
}


def rows(count: int = 20, **changes: Any) -> list[Row]:
    """Healthy rows with some metrics replaced; "/" is written as "__"."""
    changed = {name.replace("__", "/"): value for name, value in changes.items()}
    return [{"step": step, **HEALTHY, **changed} for step in range(1, count + 1)]


@pytest.mark.parametrize("rule", advice.RULES)
@pytest.mark.parametrize("count", [1, 4, 5, 20, 300])
def test_a_healthy_run_hears_nothing(rule: Rule, count: int) -> None:
    assert rule(rows(count)) is None


@pytest.mark.parametrize("rule", advice.RULES)
def test_rows_without_the_metric_are_no_reason_to_speak_or_fail(rule: Rule) -> None:
    assert rule([{"step": 1}] * 30) is None


CASES: list[tuple[Rule, Sequence[Row], tuple[str, ...]]] = [
    (
        advice.all_wrong,
        rows(group__all_wrong_fraction=0.87),
        ("87 % of groups are all wrong", "lower the difficulty"),
    ),
    (
        advice.all_right,
        rows(group__all_right_fraction=0.9),
        ("90 % of groups are all right", "these problems are learnt"),
    ),
    (
        advice.uninformative,
        rows(group__uninformative_fraction=0.95),
        ("95 % of groups have equal rewards", "group_size"),
    ),
    (
        advice.zero_loss,
        rows(policy__loss=-3e-9),
        ("loss -3e-09 is expected here", "grad norm 1"),
    ),
    (
        advice.truncated,
        rows(completion__truncated_fraction=0.6),
        ("60 % of completions are cut", "sampling.max_tokens"),
    ),
    (
        advice.entropy_collapse,
        rows(policy__entropy=0.004),
        ("entropy is down to 0.004 nats", "50 % accuracy", "clip_high"),
    ),
    (
        advice.no_format,
        rows(reward__format=0.0),
        ("no completion has followed the template's format in 20 steps", "template.name"),
    ),
    (
        advice.verifier_errors,
        rows(reward__verifier_error=0.125),
        ("12 % of rewards are verifier errors", "not counted as wrong"),
    ),
    (
        advice.skipped_updates,
        rows(policy__skipped_nonfinite=1.0),
        ("not finite", "learning_rate"),
    ),
    (
        advice.length_collapse,
        [*rows(10, completion__length_mean=200.0), *rows(10)],
        ("shrank from 200 to 40 tokens",),
    ),
    (
        advice.gradient_spike,
        [*rows(19), *rows(1, policy__grad_norm=50.0)],
        ("jumped to 50 from a usual 1", "max_grad_norm"),
    ),
    (
        advice.engine_mismatch,
        rows(engine__mismatch_nats=-0.3),
        ("differ by 0.300 nats", "recompute"),
    ),
]


@pytest.mark.parametrize(
    ("rule", "history", "fragments"), CASES, ids=lambda x: getattr(x, "__name__", "")
)
def test_every_rule_says_what_it_saw_and_what_to_do(
    rule: Callable[[Sequence[Row]], str | None], history: Sequence[Row], fragments: tuple[str, ...]
) -> None:
    sentence = rule(history)
    assert sentence is not None
    for fragment in fragments:
        assert fragment in sentence
    assert sentence.endswith(".")
    assert "  " not in sentence


def test_every_rule_has_a_case() -> None:
    assert {rule for rule, _, _ in CASES} == set(advice.RULES)


@pytest.mark.parametrize(
    ("rule", "history"),
    [
        # four of five: an average of the last five is over the threshold only when all are there
        (advice.all_wrong, rows(4, group__all_wrong_fraction=1.0)),
        # entropy is low because the policy is right
        (advice.entropy_collapse, rows(policy__entropy=0.004, reward__accuracy=0.98)),
        # it was earned once
        (advice.no_format, [*rows(1), *rows(30, reward__format=0.0)]),
        # shorter and better
        (
            advice.length_collapse,
            [*rows(10, completion__length_mean=200.0), *rows(10, reward__mean=0.9)],
        ),
        # the loss is zero because nothing was trained on
        (advice.zero_loss, rows(policy__loss=0.0, policy__grad_norm=0.0)),
        # one slow spike among few steps says nothing yet
        (advice.gradient_spike, [*rows(3), *rows(1, policy__grad_norm=50.0)]),
        # said already by the rule about all wrong groups
        (
            advice.uninformative,
            rows(group__uninformative_fraction=0.95, group__all_wrong_fraction=0.95),
        ),
    ],
)
def test_what_is_no_reason_to_speak(rule: Rule, history: Sequence[Row]) -> None:
    assert rule(history) is None


def test_a_metric_that_could_not_be_computed_is_no_number() -> None:
    history: list[Any] = [{**row, "completion/truncated_fraction": None} for row in rows()]
    assert advice.truncated(history) is None
    history = [{**row, "policy/grad_norm": None} for row in rows()]
    assert advice.gradient_spike(history) is None


# ------------------------------------------------------------------------------- the adviser


def test_a_rule_speaks_again_only_after_a_while() -> None:
    adviser = Adviser()
    spoken = [
        row["step"] for row in rows(80, completion__truncated_fraction=0.9) if adviser.feed(row)
    ]
    assert spoken == [5, 30, 55, 80]


def test_the_note_about_the_loss_is_given_once() -> None:
    adviser = Adviser()
    spoken = [row["step"] for row in rows(80, policy__loss=0.0) if adviser.feed(row)]
    assert spoken == [1]


def test_several_things_can_be_off_at_once() -> None:
    adviser = Adviser()
    history = rows(5, completion__truncated_fraction=0.9, group__all_wrong_fraction=1.0)
    sentences = [sentence for row in history for sentence in adviser.feed(row)]
    assert len(sentences) == 2


def test_feeding_the_past_again_says_the_same_things() -> None:
    history = rows(60, completion__truncated_fraction=0.9)
    once, resumed = Adviser(), Adviser()
    for row in history[:40]:
        once.feed(row)
        resumed.feed(row)
    assert [once.feed(row) for row in history[40:]] == [resumed.feed(row) for row in history[40:]]


def test_a_long_run_is_remembered_only_in_part_but_with_its_beginning() -> None:
    adviser = Adviser(rules=[advice.length_collapse])
    for row in rows(10, completion__length_mean=400.0) + rows(5_000, completion__length_mean=390.0):
        assert adviser.feed(row) == []
    assert len(adviser._rows) == advice.MEMORY
    said = [s for row in rows(10) for s in adviser.feed(row)]
    assert len(said) == 1
    assert "from 400 to" in said[0]
