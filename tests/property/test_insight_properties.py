"""Invariances of the behaviour metrics, against independent oracles on generated input."""

import ast
import math
import operator
import statistics
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cogitate.insight.aha import reflection_events
from cogitate.insight.behaviours import count_behaviours
from cogitate.insight.changepoint import change_point
from cogitate.insight.difficulty import pass_at_k
from cogitate.insight.language import language_consistency, mixing_stats, word_counts
from cogitate.insight.length import length_by, length_stats, slope_per_100_steps, tokens_before
from cogitate.insight.readability import readability, repeated_fourgram_ratio
from cogitate.insight.resampling import mean_interval
from cogitate.insight.steps import arithmetic_steps, numbers_in
from cogitate.insight.words import REFLECTIVE_WORDS, reflection_counts, reflective_spans

TEXT = st.text(st.characters(codec=None), max_size=80)
MARKED = st.lists(
    st.sampled_from([*REFLECTIVE_WORDS, "waiting", "so", "7", "等等", "错", "不错", ",", "\n"]),
    max_size=12,
).map(" ".join)
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def expressions() -> st.SearchStrategy[str]:
    """Random arithmetic with brackets, unary minus and all four operators."""
    numbers = st.integers(0, 99).map(str)
    return st.recursive(
        numbers,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from([" + ", " - ", " * ", " / "]), inner).map("".join),
            inner.map("({})".format),
            inner.map("-({})".format),
        ),
        max_leaves=8,
    )


def oracle(text: str) -> Fraction | None:
    """The value by Python's own parser over Fractions; None when it divides by zero."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return Fraction(node.value)
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        assert isinstance(node, ast.BinOp)
        return OPERATORS[type(node.op)](value(node.left), value(node.right))

    # Python refuses leading zeros; none occur because numbers come from int.
    try:
        return value(ast.parse(text, mode="eval").body)
    except ZeroDivisionError:
        return None


@given(expressions())
def test_expressions_have_pythons_value(text: str) -> None:
    expected = oracle(text)
    stated = "0" if expected is None else str(expected)
    steps = arithmetic_steps(f"{text} = {stated}")
    if len(numbers_in(text)) < 2:
        return  # a single number is no step
    (step,) = steps
    assert step.value == expected
    assert step.correct is (expected is not None)


@given(expressions(), st.integers(1, 50))
def test_a_wrong_result_is_wrong(text: str, off: int) -> None:
    expected = oracle(text)
    assume(expected is not None and len(numbers_in(text)) >= 2)
    assert expected is not None
    (step,) = arithmetic_steps(f"{text} = {expected + off}")
    assert not step.correct
    assert step.value == expected


@given(TEXT)
def test_no_text_is_too_strange(text: str) -> None:
    for step in arithmetic_steps(text):
        assert 0 <= step.start < step.end <= len(text)
    assert count_behaviours(text, [1, 2, 3], 6).steps == len(arithmetic_steps(text))
    for event in reflection_events(text):
        assert 0 <= event.start < len(text)
    assert 0.0 <= language_consistency(text) <= 1.0
    assert 0.0 <= repeated_fourgram_ratio(text) < 1.0
    assert 0.0 <= readability(text, text, format_valid=True).score <= 1.0


@given(st.lists(MARKED, max_size=6))
def test_counts_add_up_over_completions(texts: list[str]) -> None:
    together = reflection_counts(texts, num_tokens=100)
    apart = [reflection_counts([text], num_tokens=100) for text in texts]
    for name in ("reflective", "strong", "wait", "inflected", "chinese"):
        total = sum(getattr(stats, name).count for stats in apart)
        assert getattr(together, name).count == total
        assert getattr(together, name).per_1k_tokens == pytest.approx(10.0 * total)
    assert together.strong.count <= together.reflective.count
    assert together.reflective.count == sum(together.by_word.values())


@given(MARKED)
def test_spans_and_counts_agree(text: str) -> None:
    stats = reflection_counts([text], num_tokens=1)
    marked = stats.reflective.count + stats.inflected.count + stats.chinese.count
    spans = reflective_spans(text)
    assert len(spans) == marked
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


@given(MARKED)
def test_case_does_not_matter(text: str) -> None:
    lower, upper = (reflection_counts([t], num_tokens=1) for t in (text.lower(), text.upper()))
    assert lower == upper


@given(st.text("ab 答案$`\\(<t>1", max_size=60))
def test_languages_are_shares_of_one_whole(text: str) -> None:
    counts = word_counts(text)
    if counts.total:
        assert counts.consistency("en") + counts.consistency("zh") == pytest.approx(1.0)
        assert counts.switches < counts.total
    assert mixing_stats([text]).mix_rate in (0.0, 1.0)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=40))
def test_length_statistics_are_the_textbook_ones(lengths: list[int]) -> None:
    stats = length_stats(lengths)
    assert stats is not None
    assert stats.mean == pytest.approx(statistics.fmean(lengths))
    assert stats.median == statistics.median(lengths)
    if len(lengths) > 1:
        cuts = statistics.quantiles(lengths, n=20, method="inclusive")
        assert stats.p95 == pytest.approx(cuts[-1])


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 99)), min_size=1, max_size=30))
def test_groups_of_lengths_recombine(rows: list[tuple[bool, int]]) -> None:
    parts = length_by([key for key, _ in rows], [length for _, length in rows])
    assert sum(part.number for part in parts.values()) == len(rows)
    total = sum(part.number * part.mean for part in parts.values())
    assert total == pytest.approx(sum(length for _, length in rows))


@given(st.lists(st.text("abc", min_size=1, max_size=4), max_size=8), st.integers(0, 40))
def test_tokens_before_agrees_with_counting(tokens: list[str], character: int) -> None:
    starts = [len("".join(tokens[:i])) for i in range(len(tokens))]
    assert tokens_before(tokens, character) == sum(start < character for start in starts)


@given(st.floats(-5, 5), st.floats(-50, 50), st.integers(3, 20))
def test_slopes_of_lines(slope: float, start: float, number: int) -> None:
    found = slope_per_100_steps(
        list(range(number)), [start + slope * i for i in range(number)], resamples=20
    )
    assert found is not None
    assert found.per_100_steps == pytest.approx(100 * slope, abs=1e-6)


COUNTS = st.lists(st.integers(0, 12), min_size=4, max_size=24)


@given(COUNTS)
def test_the_split_is_the_best_of_all(counts: list[int]) -> None:
    point = change_point(counts, permutations_number=19)
    assume(point is not None)
    assert point is not None

    def term(part: list[int]) -> float:
        return sum(part) * math.log(sum(part) / len(part)) if sum(part) else 0.0

    ratios = {
        k: term(counts[:k]) + term(counts[k:]) - term(counts) for k in range(2, len(counts) - 1)
    }
    assert point.llr == pytest.approx(max(ratios.values()), abs=1e-9)
    assert ratios[point.index] == pytest.approx(point.llr, abs=1e-8)
    assert point.llr >= -1e-9
    assert 1 / 20 <= point.p_value <= 1.0


@given(COUNTS, st.floats(0.5, 2000))
def test_the_unit_of_exposure_does_not_matter(counts: list[int], unit: float) -> None:
    one = change_point(counts, permutations_number=19)
    other = change_point(counts, [unit] * len(counts), permutations_number=19)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.llr == pytest.approx(other.llr, abs=1e-6)
        assert one.rate_after == pytest.approx(other.rate_after * unit)


@given(COUNTS)
def test_reversing_time_reverses_the_change(counts: list[int]) -> None:
    forward = change_point(counts, permutations_number=19)
    backward = change_point(counts[::-1], permutations_number=19)
    assert (forward is None) == (backward is None)
    if forward is not None and backward is not None:
        assert forward.llr == pytest.approx(backward.llr, abs=1e-9)
        assert forward.trend_llr == pytest.approx(backward.trend_llr, abs=1e-6)


@given(st.integers(1, 30), st.data())
def test_pass_at_k_grows_with_k_and_with_right_samples(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    values = [pass_at_k(n, c, k) for k in range(1, n + 1)]
    assert values[0] == pytest.approx(c / n)
    assert values == sorted(values)
    assert values[-1] == float(c > 0)
    if c < n:
        assert pass_at_k(n, c + 1, 1) > values[0]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_intervals_hold_the_mean_and_stay_in_range(values: list[float]) -> None:
    low, high = mean_interval(values, resamples=500)
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12
    mean = statistics.fmean(values)
    spread = max(values) - min(values)
    assert low - 0.2 * spread <= mean <= high + 0.2 * spread
