"""The change-point test: finds jumps, calls trends gradual, finds nothing in noise."""

import math

import pytest

from cogitate.insight.changepoint import change_point, describe_change_point


def noise(i: int) -> int:
    return (7 * i + 3 * i * i) % 5


def test_a_jump_is_found_where_it_is() -> None:
    counts = [2 + noise(i) for i in range(30)] + [20 + noise(i) for i in range(20)]
    point = change_point(counts)
    assert point is not None
    assert point.index == 30
    assert point.p_value == pytest.approx(1 / 1001)
    assert not point.is_gradual
    assert point.ratio == pytest.approx(point.rate_after / point.rate_before)
    assert point.ratio == 7.0  # mean 2 + 1 before, 20 + 1 after


def test_the_likelihood_ratio_is_the_formula() -> None:
    counts, exposure = [3, 1, 2, 9, 11, 8], [10.0, 20.0, 10.0, 20.0, 10.0, 10.0]
    point = change_point(counts, exposure)
    assert point is not None
    ratios = {}
    for k in (2, 3, 4):
        left, right = sum(counts[:k]), sum(counts[k:])
        a, b = sum(exposure[:k]), sum(exposure[k:])
        ratios[k] = left * math.log(left / a) + right * math.log(right / b)
        ratios[k] -= 34 * math.log(34 / 80)
    assert point.index == max(ratios, key=lambda k: ratios[k])
    assert point.llr == pytest.approx(ratios[point.index])


def test_noise_has_no_change_point() -> None:
    point = change_point([5 + noise(i) for i in range(60)])
    assert point is not None
    assert point.p_value > 0.05


def test_p_values_are_uniform_without_a_change() -> None:
    # 200 series of Poisson-like counts from a fixed linear congruential generator.
    state, below = 1, 0
    for _ in range(200):
        counts = []
        for _ in range(24):
            state = (6364136223846793005 * state + 1442695040888963407) % 2**64
            counts.append(sum((state >> (8 * b)) % 256 < 64 for b in range(8)))
        point = change_point(counts, permutations_number=99)
        assert point is not None
        below += point.p_value <= 0.1
    assert below / 200 == pytest.approx(0.1, abs=0.06)


def test_a_smooth_trend_is_significant_but_gradual() -> None:
    point = change_point([round(3 * math.exp(0.05 * i)) for i in range(50)])
    assert point is not None
    assert point.p_value < 0.01
    assert point.is_gradual


def test_the_trend_has_the_poisson_likelihood() -> None:
    # Two equal halves: exp(a + b t) with t = -1/2, 1/2 fits 2 points exactly, as does the split.
    point = change_point([4, 12], min_segment=1)
    assert point is not None
    exact = 4 * math.log(4) + 12 * math.log(12) - 16 * math.log(8)
    assert point.llr == pytest.approx(exact)
    assert point.trend_llr == pytest.approx(exact)


def test_growing_text_alone_is_no_change() -> None:
    tokens = [100.0 * (1 + i) for i in range(40)]
    counts = [2 * (1 + i) for i in range(40)]
    point = change_point(counts, tokens)
    assert point is not None
    assert point.p_value > 0.9
    assert point.rate_before == pytest.approx(point.rate_after) == pytest.approx(0.02)


def test_steps_without_tokens_are_left_out() -> None:
    point = change_point([1, 1, 0, 1, 9, 9, 9], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    assert point is not None
    assert point.index == 4  # counted in the series as given


@pytest.mark.parametrize("counts", [[], [1, 2, 3], [0] * 20])
def test_no_answer_without_data(counts: list[int]) -> None:
    assert change_point(counts) is None


def test_rising_from_nothing_has_no_ratio() -> None:
    point = change_point([0, 0, 0, 6, 6, 6])
    assert point is not None
    assert point.rate_before == 0.0
    assert point.ratio is None


def test_the_same_seed_gives_the_same_p_value() -> None:
    counts = [4, 3, 5, 4, 6, 7, 6, 5, 7, 8]
    first = change_point(counts, seed=5)
    assert first == change_point(counts, seed=5)
    assert first is not None
    assert 0 < first.p_value <= 1


def test_sentences_say_what_was_found() -> None:
    steps = list(range(10, 16))
    jump = change_point([1, 1, 1, 50, 50, 50], [1000.0] * 6, seed=0)
    assert jump is not None
    said = describe_change_point(jump, steps, "wait", significance=1.0)
    assert said.startswith('"wait" rose at step 13: 1.00 to 50.00 per 1,000 tokens')
    assert "a factor of 50" in said
    falling = change_point([50, 50, 50, 1, 1, 1], [1000.0] * 6)
    assert falling is not None
    assert '"wait" fell at step 13' in describe_change_point(
        falling, steps, "wait", significance=1.0
    )


def test_sentences_admit_that_nothing_was_found() -> None:
    assert describe_change_point(None, [], "wait").startswith("No change point for")
    point = change_point([5 + noise(i) for i in range(60)])
    said = describe_change_point(point, list(range(60)), "wait")
    assert said.startswith("No change point found")
    assert "p = " in said


def test_a_gradual_rise_is_not_called_sudden() -> None:
    counts = [round(3 * math.exp(0.05 * i)) for i in range(50)]
    said = describe_change_point(change_point(counts), list(range(50)), "wait")
    assert "gradual, not sudden" in said
    assert "p < 0.001" in said
