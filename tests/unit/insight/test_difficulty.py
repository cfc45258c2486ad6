"""pass@k and its breakdown by difficulty."""

from itertools import combinations

import pytest

from cogitate.insight.difficulty import pass_at_k, pass_at_k_by_difficulty, samples_by_problem


@pytest.mark.parametrize("samples", [1, 4, 6])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(samples: int) -> None:
    for correct in range(samples + 1):
        flags = [True] * correct + [False] * (samples - correct)
        for k in range(1, samples + 1):
            subsets = list(combinations(flags, k))
            expected = sum(any(subset) for subset in subsets) / len(subsets)
            assert pass_at_k(samples, correct, k) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "c", "k", "value"),
    [(10, 3, 1, 0.3), (10, 3, 5, 0.916667), (64, 1, 16, 0.25), (16, 0, 4, 0.0), (4, 2, 3, 1.0)],
)
def test_published_vectors(n: int, c: int, k: int, value: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)])
def test_impossible_counts_are_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= c <= n"):
        pass_at_k(n, c, k)


def test_samples_are_counted_by_problem() -> None:
    found = samples_by_problem(["b", "a", "b"], [True, False, False])
    assert found == {"b": (2, 1), "a": (1, 0)}
    assert list(found) == ["b", "a"]


def test_by_difficulty() -> None:
    ids = ["e1"] * 2 + ["e2"] * 2 + ["h1"] * 2 + ["?"]
    right = [True, True, True, False, False, False, True]
    levels = {"e1": "easy", "e2": "easy", "h1": "hard"}
    found = pass_at_k_by_difficulty(ids, right, levels, ks=[1, 2, 4])
    assert list(found) == ["easy", "hard"]
    one, two = found["easy"]  # no problem has 4 samples
    assert (one.k, one.value, one.num_problems) == (1, 0.75, 2)
    assert (two.k, two.value) == (2, 1.0)
    assert one.ci95 == (0.5, 1.0)
    assert [row.value for row in found["hard"]] == [0.0, 0.0]
