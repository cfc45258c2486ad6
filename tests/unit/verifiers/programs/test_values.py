"""The writing of values between processes."""

import json
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.programs.inside.values import (
    MAX_DEPTH,
    Handle,
    ListNode,
    TreeNode,
    Unplain,
    decode,
    encode,
    list_node,
    tree_node,
)

keys = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
keys = keys | st.tuples(keys, keys) | st.frozensets(st.integers(), max_size=3)
scalars = keys | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
    ),
    max_leaves=12,
)


def through(value: object) -> Any:
    return decode(json.loads(encode(value)))


def same_types(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return all(map(same_types, a, b))
    if isinstance(a, dict):
        return all(same_types(a[k], b[k]) for k in a)
    return True


@given(values)
def test_values_come_back_equal_and_of_the_same_types(value: object) -> None:
    assert through(value) == value
    assert same_types(through(value), value)


@pytest.mark.parametrize(
    "value",
    [
        math.inf, -math.inf, 2**53, -(2**53), 2**20_000, 1e308, 5e-324, "\ud800", "\x00", "'\"\\",
        range(3, 10, 2), bytearray(b"x"), 0.1 + 0.2, deque([1, (2,)]),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_unusual_values(value: object) -> None:
    assert through(value) == value
    assert type(through(value)) is type(value)


def test_nan_stays_nan() -> None:
    assert math.isnan(through(math.nan))


class Colour(IntEnum):
    RED = 3


class Odd(list):  # type: ignore[type-arg]
    def __iter__(self):
        return iter([9])

    def __eq__(self, other: object) -> bool:
        return True


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, 3),
        (Odd([1, 2]), [1, 2]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, {1: 2}), {1: 2}),
        (namedtuple("P", "x y")(1, 2), (1, 2)),
        (type("Text", (str,), {"__str__": lambda self: "fake"})("real"), "real"),
        (type("Number", (float,), {"__repr__": lambda self: "7"})(2.5), 2.5),
    ],
)
def test_subclasses_are_what_their_base_sees(value: object, plain: object) -> None:
    assert through(value) == plain
    assert type(through(value)) is type(plain)


@pytest.fixture(autouse=True)
def _fewer_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogitate.verifiers.programs.inside.values.MAX_ITEMS", 1000)


def test_iterators_stay_iterators() -> None:
    for iterator in (iter([1, 2]), (n for n in (1, 2)), map(int, "12"), {1: 0, 2: 0}.keys()):
        found = through(iterator)
        assert not isinstance(found, list)
        assert list(found) == [1, 2]
    with pytest.raises(Unplain, match="more than"):
        encode(iter(int, 1))


def test_objects_stay_where_they_are() -> None:
    kept: list[object] = []

    def keep(value: object) -> int:
        kept.append(value)
        return len(kept) - 1

    thing = object()
    raw = json.loads(encode([1, thing], keep))
    found: Any = decode(raw)
    assert found[0] == 1
    assert isinstance(found[1], Handle)
    assert (found[1].number, found[1].name) == (0, "object")
    assert json.loads(encode(found)) == raw
    assert decode(raw, kept.__getitem__)[1] is thing  # type: ignore[index]
    with pytest.raises(Unplain, match="object is not plain data"):
        encode(thing)


def test_depth_is_bounded() -> None:
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert through(deep) == deep
    with pytest.raises(Unplain, match="deeper"):
        encode([[deep]])
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(Unplain, match="deeper"):
        encode(cycle)


def test_linked_lists() -> None:
    assert json.loads(encode(list_node([1, 2, 3]))) == {"l": [1, 2, 3]}
    assert encode(list_node([])) == "null"
    found: Any = decode({"l": [4, 5]})
    assert isinstance(found, ListNode)
    second = found.next
    assert second is not None
    assert (found.val, second.val, second.next) == (4, 5, None)
    second.next = found
    with pytest.raises(Unplain, match="leads back"):
        encode(found)


@pytest.mark.parametrize(
    "levels", [[1], [1, 2, 3], [1, None, 2, 3], [1, 2, None, 3, None, None, 4]]
)
def test_trees(levels: list[int | None]) -> None:
    root = tree_node(levels)
    assert isinstance(root, TreeNode)
    assert json.loads(encode(root)) == {"e": levels}
    assert json.loads(encode(decode({"e": levels}))) == {"e": levels}


def test_a_tree_that_contains_itself_is_refused() -> None:
    root = TreeNode(1)
    root.left = root
    with pytest.raises(Unplain, match="contains itself"):
        encode(root)
    assert tree_node([]) is None
