"""The fields of a row for ``cogitate.verifiers.grade``: their types, and the values they may have.

A misspelt name is a fault of the row. Were it ignored, the row would be judged by other rules than
those it asks for.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

POLICIES = (
    "last-box", "allow-set-relation", "percent-optional", "units-strict-when-gold-has-one",
    "one-distinct-box", "depth-cap", "nfkc", "strict-latex-in-reward-mode",
    "value-not-description", "control-characters-rejected", "nonzero-exit-is-wrong",
)  # fmt: skip
"""What ``policy`` may name. The first four change a verdict, the others say what always holds."""


class RowFault(ValueError):
    """A row that cannot be verified; ``cause`` is one word for counting."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


def required(row: Mapping[str, Any], *names: str, of: type) -> Any:
    """The value under the first of the names that the row has."""
    name = next((name for name in names if row.get(name) is not None), None)
    if name is None:
        raise RowFault("missing_field", f"no {' or '.join(names)}")
    if not isinstance(row[name], of):
        raise RowFault("wrong_type", f"{name} is {type(row[name]).__name__}, not {of.__name__}")
    return row[name]


def optional(row: Mapping[str, Any], name: str, of: type) -> Any:
    """The value under a name, or None."""
    value = row.get(name)
    if value is not None and (not isinstance(value, of) or (of is int and isinstance(value, bool))):
        raise RowFault("wrong_type", f"{name} is {type(value).__name__}, not {of.__name__}")
    return value


def seconds(row: Mapping[str, Any], name: str) -> float | None:
    """A positive number of seconds, or None where the row has none."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise RowFault("bad_value", f"{name} is {value!r:.40}, not a number of seconds above 0")
    return float(value)


def template(row: Mapping[str, Any]) -> str | None:
    """The name of a template that there is, or None."""
    name = optional(row, "template", str)
    if name is None:
        return None
    from cogitate.verifiers.maths.extract import TEMPLATES

    if name not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise RowFault("bad_value", f'unknown template "{name[:60]}". Known: {known}.')
    return name


def policy(row: Mapping[str, Any]) -> str | None:
    """Names of policies that there are, separated by commas, or None."""
    names = optional(row, "policy", str)
    for name in (names or "").split(","):
        if name.strip() and name.strip() not in POLICIES:
            known = ", ".join(POLICIES)
            raise RowFault("bad_value", f'unknown policy "{name.strip()[:60]}". Known: {known}.')
    return names


def maths_gold(gold: object, arity: int | None, *, worked: bool = False) -> tuple[str, int | None]:
    """The text of a gold answer of mathematics, and how many values it has where that is known.
    ``worked`` takes only what follows the last #### of each value, as in gsm8k's own answers.

    >>> maths_gold(["3", 8], None), maths_gold([57], None), maths_gold(0.5, None)
    (('3, 8', 2), ('57', None), ('0.5', None))
    """
    listed = list(gold) if isinstance(gold, list | tuple) else [gold]
    values = [_value(value) for value in listed]
    if worked:
        values = [value.rpartition("####")[2] for value in values]
    if not values:
        raise RowFault("wrong_type", "ground_truth is a list without values")
    return ", ".join(values), len(values) if len(values) > 1 else arity


def _value(value: object) -> str:
    """One value as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        reason = "not text, a number or a list of these"
        raise RowFault("wrong_type", f"ground_truth is or holds {type(value).__name__}, {reason}")
    return value if isinstance(value, str) else json.dumps(value)
