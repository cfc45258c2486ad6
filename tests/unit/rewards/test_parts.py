"""The single parts of a reward, against numbers worked by hand."""

import math
from collections import Counter

import pytest

from cogitate.rewards.config import CosineLengthConfig, FormatMode
from cogitate.rewards.control import coin_flip
from cogitate.rewards.format import format_reward
from cogitate.rewards.length import (
    cosine_reward,
    overlong_penalty,
    relative_rewards,
    repetition_penalty,
    token_cost,
)
from cogitate.text.think import parse

WELL_FORMED = "<think>6 * 7</think><answer>42</answer>"


class TestFormat:
    @pytest.mark.parametrize(
        ("text", "strict", "lenient", "tags"),
        [
            (WELL_FORMED, 1.0, 1.0, 1.0),
            ("Sure! " + WELL_FORMED, 0.0, 1.0, 1.0),
            ("<think>6 * 7</think> 42", 0.0, 1.0, 0.5),
            ("<think>6 * 7</think><answer>42", 0.0, 1.0, 0.75),
            ("<think></think><answer>42</answer>", 0.0, 0.0, 1.0),
            ("<think>6 * 7", 0.0, 0.0, 0.25),
            ("42", 0.0, 0.0, 0.0),
        ],
    )
    def test_modes(self, text: str, strict: float, lenient: float, tags: float):
        expected: dict[FormatMode, float] = {"strict": strict, "lenient": lenient, "tags": tags}
        for mode, value in expected.items():
            parsed = parse(text, mode="lenient" if mode == "lenient" else "strict")
            assert format_reward(parsed, text, mode=mode, prefilled=False) == value

    def test_prefilled(self):
        text = "6 * 7</think><answer>42</answer>"
        parsed = parse(text, prefilled=True)
        assert format_reward(parsed, text, mode="strict", prefilled=True) == 1.0
        assert format_reward(parsed, text, mode="tags", prefilled=True) == 1.0
        assert format_reward(parsed, text, mode="tags", prefilled=False) == 0.75


class TestOverlong:
    @pytest.mark.parametrize(
        ("num_tokens", "penalty"),
        [
            (0, 0.0),
            (16384, 0.0),
            (16385, -1 / 4096),
            (18432, -0.5),
            (20480, -1.0),
            (20481, -1.0),
            (10**9, -1.0),
        ],
    )
    def test_dapo_eq_13(self, num_tokens: int, penalty: float):
        assert overlong_penalty(num_tokens, max_tokens=20480, cache=4096) == penalty

    def test_a_cache_as_long_as_the_limit_punishes_from_the_first_token(self):
        assert [overlong_penalty(n, max_tokens=4, cache=4) for n in range(6)] == [
            0.0,
            -0.25,
            -0.5,
            -0.75,
            -1.0,
            -1.0,
        ]


class TestCosine:
    config = CosineLengthConfig(kind="cosine", max_tokens=100)

    @pytest.mark.parametrize(
        ("num_tokens", "right", "wrong"),
        [
            (0, 1.0, -1.0),
            (50, 0.75, -0.75),
            (100, 0.5, -0.5),
            (200, 0.5, -0.5),  # twice the limit: a cosine left alone would be back at the top
            (100_000, 0.5, -0.5),
        ],
    )
    def test_by_hand(self, num_tokens: int, right: float, wrong: float):
        assert cosine_reward(num_tokens, correct=True, config=self.config) == pytest.approx(right)
        assert cosine_reward(num_tokens, correct=False, config=self.config) == pytest.approx(wrong)

    def test_in_between(self):
        expected = 0.5 + 0.5 * (1 + math.cos(math.pi / 4)) / 2
        assert cosine_reward(25, correct=True, config=self.config) == pytest.approx(expected)

    def test_right_is_always_better_than_wrong(self):
        for n in range(0, 300, 7):
            right = cosine_reward(n, correct=True, config=self.config)
            assert right > cosine_reward(n, correct=False, config=self.config)


def test_token_cost():
    assert token_cost(1000, cost=0.0001) == pytest.approx(-0.1)
    assert token_cost(0, cost=0.5) == 0.0


class TestRelative:
    @pytest.mark.parametrize(
        ("lengths", "correct", "rewards"),
        [
            ([10, 20, 30], [True] * 3, [0.5, 0.0, -0.5]),
            ([10, 20, 30], [False] * 3, [0.0, 0.0, -0.5]),
            ([10, 30, 15], [True, False, True], [0.5, -0.5, 0.25]),
            ([7, 7], [True, False], [0.0, 0.0]),
            ([7], [True], [0.0]),
            ([], [], []),
        ],
    )
    def test_kimi(self, lengths: list[int], correct: list[bool], rewards: list[float]):
        assert relative_rewards(lengths, correct) == rewards


class TestRepetition:
    @pytest.mark.parametrize(
        ("token_ids", "ngram", "penalty"),
        [
            ([1, 2, 3, 4], 2, 0.0),
            ([5, 5, 5, 5, 5], 2, -0.75),
            ([1, 2, 1, 2, 1], 2, -0.5),
            ([5, 5, 5, 5], 1, -0.75),
            ([5], 2, 0.0),
            ([], 1, 0.0),
            ([5, 5], 2, 0.0),
        ],
    )
    def test_by_hand(self, token_ids: list[int], ngram: int, penalty: float):
        assert repetition_penalty(token_ids, ngram=ngram) == penalty


class TestCoin:
    def test_repeatable(self):
        assert coin_flip("t/1", 3, "x", seed=0) == coin_flip("t/1", 3, "x", seed=0)

    def test_fair(self):
        flips = Counter(coin_flip(f"t/{i}", s, " 42", seed=0) for i in range(500) for s in range(8))
        assert set(flips) == {0.0, 1.0}
        assert abs(flips[1.0] / 4000 - 0.5) < 4 * 0.5 / math.sqrt(4000)  # four standard errors

    def test_every_input_counts(self):
        def flips(**changed: object) -> list[float]:
            inputs: dict = {"problem_id": "t/1", "text": "x", "seed": 0, **changed}
            return [
                coin_flip(inputs["problem_id"], s, inputs["text"], seed=inputs["seed"])
                for s in range(64)
            ]

        base = flips()
        for changed in ({"problem_id": "t/2"}, {"text": "y"}, {"seed": 1}):
            agreement = sum(a == b for a, b in zip(base, flips(**changed), strict=True)) / 64
            assert 0.2 < agreement < 0.8, changed

    def test_the_same_text_in_one_group_is_flipped_apart(self):
        assert len({coin_flip("t/1", sample, " 42", seed=0) for sample in range(16)}) == 2

    def test_parts_of_the_input_do_not_run_together(self):
        pairs = [(("a", 1, "1b"), ("a", 11, "b")), (("a1", 1, "b"), ("a", 11, "b"))]
        for left, right in pairs:
            flips_left = [coin_flip(*left, seed=s) for s in range(64)]
            assert flips_left != [coin_flip(*right, seed=s) for s in range(64)]

    def test_any_text(self):
        assert coin_flip("t", 0, "\ud800", seed=0) in (0.0, 1.0)
