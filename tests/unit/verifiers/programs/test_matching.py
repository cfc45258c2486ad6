"""Returned values against expected ones."""

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.programs.inside.values import encode, list_node
from cogitate.verifiers.programs.matching import matches, truthy

hashable = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "1"])
hashable = hashable | st.floats(-2, 2).map(round) | st.just(1.0) | st.just(2**60)
hashable = hashable | st.tuples(hashable) | st.frozensets(st.integers(0, 2))
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.sets(hashable, max_size=3)
    ),
    max_leaves=6,
)


def said(value: object) -> object:
    return json.loads(encode(value))


@given(values, values)
def test_equality_is_that_of_python(value: object, expected: object) -> None:
    assert matches(said(value), expected) is (value == expected)
    assert matches(said(expected), expected)


@given(values)
def test_truth_is_that_of_python(value: object) -> None:
    assert truthy(said(value)) is bool(value)


@pytest.mark.parametrize(
    ("value", "expected", "right"),
    [
        (True, 1, True),
        (1, True, True),
        (1.0, 1, True),
        ("1", 1, False),
        (b"a", "a", False),
        (b"a", bytearray(b"a"), True),
        ([1], (1,), False),
        ((1,), [1], False),
        ([], set(), False),
        ({1}, frozenset({1}), True),
        ({}, [], False),
        (None, False, False),
        (0, None, False),
        (range(2), [0, 1], False),
        (iter([1]), [1], False),
        ([1, 2], [1, 2, 3], False),
        ([1, 2, 3], [1, 2], False),
        (10**400, 10**400, True),
        (math.inf, math.inf, True),
        (math.nan, math.nan, False),
        (1 + 0j, 1, True),
        ({"a": [1, (2,)]}, {"a": [1, (2,)]}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({1: 0}, {1.0: 0}, True),
        (0.1 + 0.2, 0.3, False),
    ],
)
def test_cases(value: object, expected: object, right: bool) -> None:
    assert matches(said(value), expected) is right


@pytest.mark.parametrize(
    ("value", "expected", "right"),
    [
        ((1, (2,)), [1, [2]], True),
        ([1], [1], True),
        (0.1 + 0.2, 0.3, True),
        (0.3001, 0.3, False),
        (3, 3.0000001, True),
        ([0.5, 1], [0.50000001, 1], True),
        (3.0, 3, True),
        (3.0000001, 3, False),
        (list_node([1, 2]), [1, 2], True),
        ({1}, [1], False),
        (iter([1]), [1], False),
        ({"a": (1,)}, {"a": [1]}, True),
        ("a", "a", True),
        (math.nan, 1.5, False),
    ],
)
def test_expected_values_that_are_json(value: object, expected: object, right: bool) -> None:
    assert matches(said(value), expected, as_json=True) is right


@pytest.mark.parametrize(
    "forged",
    [
        {}, {"zz": 1}, {"t": 5}, {"i": "xyz"}, {"i": 7}, {"d": 5}, {"d": [[1]]}, {"s": 3}, {"c": [1]},
        {"o": "int", "h": 0}, {"h": 3}, {"t": [1], "s": [1]}, {"f": "1e"}, {"b": "0"}, {"r": [1]},
        {"d": [[[], 1]]}, {"s": [[1]]}, {"i": "3", "f": "3"}, "3", [3], None, {"t": [3]}, {"q": [3]},
        {"d": [[3, 3], [3, 3]]}, {"s": [3, 3]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("expected", [3, [3], {"3": 3}, {3, 4}, {3: 3, 4: 4}, "x", b"\x01", 2j])
def test_forged_writings_match_nothing(forged: object, expected: object) -> None:
    assert not matches(forged, expected) or forged == expected
    assert isinstance(matches(forged, expected, as_json=True), bool)


@pytest.mark.parametrize(
    "forged", [{}, {"o": "A", "h": 0}, {"i": "xyz"}, {"t": 5}, {"n": []}, {"zz": []}]
)
def test_what_is_not_plain_is_neither_true_nor_false(forged: object) -> None:
    assert truthy(forged) is None


def test_depth_does_not_matter() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert not matches(deep, [[1]])
    assert not matches(deep, deep)


def test_colliding_keys_cost_nothing() -> None:
    # All these have the hash 0: putting them into a table takes time quadratic in their number.
    modulus = 2**61 - 1
    items = [{"i": f"{n * modulus:x}"} for n in range(5_000)]
    began = time.process_time()
    assert not matches({"s": items}, set(range(5_000)))
    assert not matches({"d": [[item, 0] for item in items]}, dict.fromkeys(range(5_000), 0))
    print(f"{time.process_time() - began:.2f} s")
