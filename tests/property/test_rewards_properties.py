"""Rewards of arbitrary completions: no exception, no NaN, sums that add up, exact numbers."""

import math
from fractions import Fraction

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cogitate.rewards.config import CosineLengthConfig, RewardConfig
from cogitate.rewards.length import (
    cosine_reward,
    overlong_penalty,
    relative_rewards,
    repetition_penalty,
)
from cogitate.rewards.rubric import Rubric
from cogitate.testing import ToyTask, byte_chat, completion_from_text
from cogitate.text.think import TAGS
from cogitate.verifiers.exact import last_number, numbers_equal, parse_number

integers = st.integers(-(10**30), 10**30)
fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=10**6)
numeric_soup = st.lists(
    st.sampled_from(
        (*"0123456789", ",", ".", "/", "-", "+", "e", "%", "$", "{", "}", "^", "*", " ", "\\frac")
    ),
    max_size=30,
).map("".join)


@given(value=integers)
def test_integers_in_every_spelling(value: int):
    for text in (
        str(value),
        f"{value:,}",
        f" {value}. ",
        f"${value}$",
        f"{value}.000",
        f"{value}/1",
        str(value).replace("-", "\u2212"),
        f"\\text{{{value}}}",
    ):
        assert parse_number(text) == value, text
        assert last_number(f"so x is {text.strip()}") == value or "\\" in text


@given(value=fractions)
def test_fractions_in_every_spelling(value: Fraction):
    sign, top = ("-" if value < 0 else ""), abs(value.numerator)
    for text in (
        f"{sign}{top}/{value.denominator}",
        f"{sign}\\frac{{{top}}}{{{value.denominator}}}",
        f"{sign}{2 * top}/{2 * value.denominator}",
    ):
        assert parse_number(text) == value
        assert last_number(f"it is {text} of it") == value


@given(
    value=st.decimals(
        allow_nan=False, allow_infinity=False, places=6, min_value=-1e9, max_value=1e9
    )
)
def test_decimals_are_exact(value):
    text = format(value, "f")
    assert parse_number(text) == Fraction(text) == last_number(f"= {text}")


@settings(max_examples=300)
@given(text=numeric_soup | st.text(max_size=40), percent=st.booleans(), currency=st.booleans())
@example(text="2**9**9**9", percent=False, currency=False)
@example(text="5^(5^(5^5))", percent=False, currency=False)
def test_reading_numbers_never_raises(text: str, percent: bool, currency: bool):
    value = parse_number(text, percent=percent, currency=currency)
    assert value is None or isinstance(value, Fraction)
    found = last_number(text, percent=percent)
    assert found is None or isinstance(found, Fraction)
    assert numbers_equal(text, text, percent=percent, currency=currency) == (value is not None)


@settings(max_examples=200)
@given(text=numeric_soup)
def test_a_whole_number_is_also_the_last_one(text: str):
    # 1 000 is grouped by a blank only when it is all there is; in a sentence it ends with 000.
    value = parse_number(text)
    if value is not None and " " not in text and "-\\" not in text and not text.endswith("%"):
        assert last_number(text) == value


@given(length=st.integers(0, 10_000), limit=st.integers(1, 5000), share=st.floats(0.01, 1.0))
def test_overlong_is_bounded_and_falls(length: int, limit: int, share: float):
    cache = max(1, int(limit * share))
    now = overlong_penalty(length, max_tokens=limit, cache=cache)
    later = overlong_penalty(length + 1, max_tokens=limit, cache=cache)
    assert -1.0 <= later <= now <= 0.0


@given(length=st.integers(0, 10**6), limit=st.integers(1, 10**5), correct=st.booleans())
def test_cosine_stays_between_its_ends(length: int, limit: int, correct: bool):
    config = CosineLengthConfig(kind="cosine", max_tokens=limit)
    value = cosine_reward(length, correct=correct, config=config)
    low, high = (0.5, 1.0) if correct else (-1.0, -0.5)
    assert low - 1e-12 <= value <= high + 1e-12


@given(marks=st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=12))
def test_relative_length_prefers_the_shorter(marks: list[tuple[int, bool]]):
    lengths = [length for length, _ in marks]
    correct = [right for _, right in marks]
    rewards = relative_rewards(lengths, correct)
    assert all(-0.5 <= reward <= 0.5 for reward in rewards)
    assert all(reward <= 0.0 for reward, right in zip(rewards, correct, strict=True) if not right)
    right = sorted((n, r) for n, r, c in zip(lengths, rewards, correct, strict=True) if c)
    assert [reward for _, reward in right] == sorted((r for _, r in right), reverse=True)


@given(ids=st.lists(st.integers(0, 3), max_size=40), ngram=st.integers(1, 6))
def test_repetition_is_bounded(ids: list[int], ngram: int):
    penalty = repetition_penalty(ids, ngram=ngram)
    assert -1.0 < penalty <= 0.0
    assert repetition_penalty(list(range(len(ids))), ngram=ngram) == 0.0


CONFIG = RewardConfig.model_validate(
    {
        "format": 1.0,
        "random": 0.1,
        "overlong": {"max_tokens": 50, "cache": 20},
        "length": {"kind": "relative", "weight": 0.2},
        "repetition": {"ngram": 3, "weight": 0.3},
    }
)
TASK = ToyTask()
RUBRICS = {
    name: Rubric({"toy": TASK}, byte_chat(name), CONFIG) for name in ("qa", "r1_zero", "chat_boxed")
}
soup = st.lists(
    st.sampled_from((*TAGS, "12", "\\boxed{12}", "\\boxed{13}", "<|im_end|>", "\n", "a", " ")),
    max_size=12,
).map("".join)


@settings(max_examples=100)
@given(
    texts=st.lists(soup | st.text(max_size=20), max_size=5),
    name=st.sampled_from(sorted(RUBRICS)),
    truncated=st.booleans(),
)
def test_scoring_anything(texts: list[str], name: str, truncated: bool):
    rubric = RUBRICS[name]
    completions = [completion_from_text(text, truncated) for text in texts]
    rewards = rubric.score(TASK.problem("train", 57), completions)
    assert len(rewards) == len(texts)
    for reward in rewards:
        assert reward.error is None
        assert math.isfinite(reward.value)
        total = math.fsum(rubric.weights[k] * v for k, v in reward.parts.items())
        assert reward.value == total
        assert reward.parts["accuracy"] in (0.0, 1.0)
        assert (reward.parts["accuracy"] == 1.0) == (reward.parsed_answer == "12")
    assert rewards == rubric.score(TASK.problem("train", 57), completions)


@given(texts=st.lists(soup, min_size=2, max_size=5))
def test_the_answer_of_one_completion_does_not_change_the_accuracy_of_another(texts: list[str]):
    rubric = RUBRICS["r1_zero"]
    problem = TASK.problem("train", 57)
    together = rubric.score(problem, [completion_from_text(text) for text in texts])
    for text, reward in zip(texts, together, strict=True):
        (alone,) = rubric.score(problem, [completion_from_text(text)])
        for part in ("accuracy", "format", "overlong", "repetition"):
            assert alone.parts[part] == reward.parts[part]
