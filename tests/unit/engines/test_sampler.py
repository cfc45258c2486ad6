"""Counter-based uniforms and the sampling rule."""

import numpy as np
import pytest
import torch

from cogitate.engines.sampler import sample_tokens, uniforms
from cogitate.schema import SamplingParams

PARAMS = SamplingParams(max_tokens=1)


def draw(seed: int, keys: list[int], samples: list[int], positions: list[int]) -> np.ndarray:
    return uniforms(
        seed, np.array(keys, np.uint64), np.array(samples, np.int64), np.array(positions, np.int64)
    )


def test_uniforms_are_pure_and_every_coordinate_matters() -> None:
    base = draw(1, [5], [2], [3])[0]
    assert base == draw(1, [5], [2], [3])[0]
    others = [
        draw(2, [5], [2], [3])[0],
        draw(1, [6], [2], [3])[0],
        draw(1, [5], [3], [3])[0],
        draw(1, [5], [2], [4])[0],
    ]
    assert len({base, *others}) == 5


def test_a_uniform_does_not_depend_on_its_neighbours() -> None:
    many = draw(9, [1, 2, 3], [0, 1, 2], [7, 7, 7])
    assert many[1] == draw(9, [2], [1], [7])[0]


def test_uniforms_are_uniform_and_uncorrelated() -> None:
    n = 20_000
    values = draw(3, [11] * n, [0] * n, list(range(n)))
    assert values.min() >= 0.0 and values.max() < 1.0
    counts, _ = np.histogram(values, bins=20, range=(0.0, 1.0))
    chi_squared = float(((counts - n / 20) ** 2 / (n / 20)).sum())
    assert chi_squared < 43.8  # the 0.999 quantile at 19 degrees of freedom
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.03


def test_negative_and_large_seeds_are_accepted() -> None:
    assert 0.0 <= draw(-1, [2**64 - 1], [0], [0])[0] < 1.0
    assert draw(2**64, [1], [0], [0])[0] == draw(0, [1], [0], [0])[0]


@pytest.mark.parametrize(
    ("uniform", "token"),
    [(0.0, 0), (0.0999, 0), (0.1001, 1), (0.3999, 1), (0.4001, 2), (0.9999, 2)],
)
def test_inverse_cdf_by_hand(uniform: float, token: int) -> None:
    logits = torch.tensor([[0.1, 0.3, 0.6]]).log()
    tokens, logprobs = sample_tokens(logits, torch.tensor([uniform], dtype=torch.float64), PARAMS)
    assert tokens.tolist() == [token]
    assert logprobs[0] == pytest.approx(float(logits[0, token]), abs=1e-6)


def test_a_token_of_probability_zero_is_never_drawn() -> None:
    logits = torch.tensor([[0.0, -torch.inf, 0.0, -torch.inf]])
    uniform = torch.tensor([0.9999999999999999], dtype=torch.float64)
    assert sample_tokens(logits, uniform, PARAMS)[0].tolist() == [2]


def test_greedy_takes_the_lowest_id_on_a_tie_and_reports_temperature_one() -> None:
    logits = torch.tensor([[1.0, 2.0, 2.0]])
    params = SamplingParams(max_tokens=1, temperature=0.0)
    tokens, logprobs = sample_tokens(logits, torch.zeros(1, dtype=torch.float64), params)
    assert tokens.tolist() == [1]
    assert logprobs[0] == pytest.approx(float(logits.log_softmax(-1)[0, 1]), abs=1e-6)


def test_temperature_is_in_the_reported_logprob() -> None:
    logits = torch.tensor([[0.0, 1.0]])
    params = SamplingParams(max_tokens=1, temperature=0.5)
    _, logprobs = sample_tokens(logits, torch.tensor([0.99], dtype=torch.float64), params)
    assert logprobs[0] == pytest.approx(float((logits / 0.5).log_softmax(-1)[0, 1]), abs=1e-6)


def test_top_k_and_top_p_restrict_what_is_drawn_not_what_is_reported() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    for params, allowed in (
        (SamplingParams(max_tokens=1, top_k=2), {0, 1}),
        (SamplingParams(max_tokens=1, top_p=0.5), {0}),
        (SamplingParams(max_tokens=1, top_p=0.81), {0, 1, 2}),
        (SamplingParams(max_tokens=1, top_k=3, top_p=0.6), {0, 1}),
    ):
        seen = set()
        for u in np.linspace(0.0, 0.999, 50):
            tokens, logprobs = sample_tokens(logits, torch.tensor([u]).double(), params)
            token = int(tokens[0])
            seen.add(token)
            assert logprobs[0] == pytest.approx(float(logits[0, token]), abs=1e-5)
        assert seen == allowed, params


def test_frequencies_follow_the_distribution() -> None:
    p = torch.tensor([0.05, 0.2, 0.25, 0.5])
    n = 8_000
    draws = torch.from_numpy(draw(1, [3] * n, list(range(n)), [0] * n))
    tokens, _ = sample_tokens(p.log().expand(n, -1), draws, PARAMS)
    frequency = torch.bincount(tokens, minlength=4) / n
    torch.testing.assert_close(frequency, p, atol=0.02, rtol=0.0)
