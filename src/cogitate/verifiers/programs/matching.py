"""Whether a value that a submission returned is the expected one, without building it first.

The expected value is plain data of the data set. The returned one is parsed JSON in the writing of
inside/values.py, made by the submission: comparing walks along the expected value, so what it
costs depends on that alone, and nothing of the submission's choosing is hashed into large tables.

Equality is Python's own between built-in types: 1 == 1.0 == True, and a list is no tuple.
Data sets whose expected values are JSON cannot tell a tuple from a list and write floats in
decimal, so for them tuples are lists and floats may differ a little.
"""

import math
from collections.abc import Mapping
from typing import Any

from cogitate.verifiers.programs.inside.values import MAX_DEPTH, decode

FLOAT_TOLERANCE = 1e-6  # relative and absolute, of expected floats in JSON; EvalPlus has the same
_SCALAR_TAGS = frozenset("ifcba")
_SIZED_TAGS = frozenset("tdszqle")


def matches(said: Any, expected: Any, *, as_json: bool = False) -> bool:
    """Whether ``said``, parsed JSON of a returned value, equals ``expected``."""
    try:
        return _matches(said, expected, as_json)
    except (TypeError, ValueError, KeyError, IndexError, RecursionError, OverflowError):
        return False  # not the writing of any value: the submission wrote it itself


def truthy(said: Any) -> bool | None:
    """What ``bool`` makes of a returned value; None if it is not plain, or the writing of none."""
    try:
        return _truth(said)
    except (TypeError, ValueError, KeyError, IndexError, RecursionError, OverflowError):
        return None


def _truth(said: Any) -> bool | None:
    if not isinstance(said, dict):
        return bool(said)
    ((tag, body),) = said.items()
    if tag in _SCALAR_TAGS:
        return bool(_scalar(said))
    if tag == "r":
        return bool(decode(said))
    return bool(body) if tag in _SIZED_TAGS and isinstance(body, list) else None


def _matches(said: Any, expected: Any, as_json: bool, depth: int = 0) -> bool:
    if depth > MAX_DEPTH:
        return False
    if isinstance(expected, list | tuple):
        items = _items(said, expected, as_json)
        return (
            items is not None
            and len(items) == len(expected)
            and all(
                _matches(a, b, as_json, depth + 1) for a, b in zip(items, expected, strict=True)
            )
        )
    if isinstance(expected, dict):
        return _same_dict(said, expected, as_json, depth)
    if isinstance(expected, set | frozenset):
        return _same_set(said, expected)
    value = _scalar(said)
    if as_json and isinstance(expected, float) and _is_number(value):
        return math.isclose(value, expected, rel_tol=FLOAT_TOLERANCE, abs_tol=FLOAT_TOLERANCE)
    return (type(value) is type(expected) and value == expected) or _equal_numbers(value, expected)


def _items(said: Any, expected: Any, as_json: bool) -> list[Any] | None:
    """The items of a list or tuple, if it is of the kind that is expected."""
    if isinstance(said, list):
        return said if as_json or isinstance(expected, list) else None
    if not isinstance(said, dict) or len(said) != 1:
        return None
    if as_json:
        return next((said[tag] for tag in ("t", "l", "e") if tag in said), None)
    return said.get("t") if isinstance(expected, tuple) else None


def _same_dict(said: Any, expected: Mapping[Any, Any], as_json: bool, depth: int) -> bool:
    pairs = said.get("d") if isinstance(said, dict) else None
    if not isinstance(pairs, list) or len(pairs) != len(expected):
        return False
    seen: set[Any] = set()
    for raw_key, raw_value in pairs:
        key = _key(raw_key)
        if key not in expected or not _matches(raw_value, expected[key], as_json, depth + 1):
            return False
        seen.add(key)
    return len(seen) == len(expected)


def _same_set(said: Any, expected: set[Any] | frozenset[Any]) -> bool:
    items = said.get("s", said.get("z")) if isinstance(said, dict) else None
    if not isinstance(items, list) or len(items) != len(expected):
        return False
    values = [_key(item) for item in items]
    return all(value in expected for value in values) and len(set(values)) == len(expected)


def _key(said: Any) -> Any:
    """A hashable value; its pieces are looked up in expected tables, never put into new ones."""
    if isinstance(said, list):
        raise TypeError("a list is no key")
    if isinstance(said, dict):
        if "t" in said:
            return tuple(map(_key, said["t"]))
        if "z" in said:
            return frozenset(map(_key, said["z"]))
    return _scalar(said)


def _scalar(said: Any) -> Any:
    if not isinstance(said, dict):
        if isinstance(said, list):
            raise TypeError("a list is no single value")
        return said
    if len(said) != 1 or not said.keys() <= _SCALAR_TAGS:
        raise TypeError("not a single value")
    return decode(said)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal_numbers(value: Any, expected: Any) -> bool:
    both_numbers = all(isinstance(one, int | float | complex) for one in (value, expected))
    both_bytes = isinstance(value, bytes | bytearray) and isinstance(expected, bytes | bytearray)
    return (both_bytes or both_numbers) and value == expected
