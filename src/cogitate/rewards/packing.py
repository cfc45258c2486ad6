"""Python data as JSON and back, with tuples, sets and keys as they were. Imports no torch."""

import base64
from typing import Any, cast

from cogitate.errors import DataError


def pack(value: Any) -> Any:
    """Python data as JSON that ``unpack`` gives back with tuples, sets and keys as they were.

    Raises:
        DataError: something in it is no plain data.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, dict):
        pairs = cast(dict[Any, Any], value).items()
        return {"dict": [[pack(key), pack(item)] for key, item in pairs]}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [pack(item) for item in cast(Any, value)]}
    raise DataError(f"a {type(value).__name__} in a problem cannot be sent to a worker process.")


def unpack(packed: Any) -> Any:
    """What ``pack`` was given.

    >>> unpack(pack({(1, 2): [{"a"}, b"x", 2j, None]}))
    {(1, 2): [{'a'}, b'x', 2j, None]}
    """
    if not isinstance(packed, dict):
        return packed
    [(kind, value)] = cast(dict[str, Any], packed).items()
    if kind == "bytes":
        return base64.b64decode(value)
    if kind == "complex":
        return complex(*value)
    if kind == "dict":
        return {unpack(key): unpack(item) for key, item in value}
    makers: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
    return makers[kind](unpack(item) for item in value)
