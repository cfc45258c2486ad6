"""What an answer can be: an expression, a text, or a structure of those."""

from dataclasses import dataclass
from typing import Literal

from cogitate.verifiers.maths.trees import Node

Brackets = Literal["", "()", "[]", "[)", "(]", "{}", "<>"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One expression. ``unit`` is "" where there is none; ``source`` is its text."""

    node: Node
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Infinite:
    """Plus or minus infinity by itself."""

    negative: bool


@dataclass(frozen=True, slots=True)
class Words:
    """Text, folded for comparison; ``raw`` is as written."""

    folded: str
    raw: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Several values: "" bare and unordered, "{}" a set, "()" a tuple or an open interval, "<>" a
    vector, "[]" and the half-open ones an interval if there are two."""

    brackets: str
    items: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Union:
    """Intervals and sets joined; ``removed`` are sets taken away."""

    pieces: tuple["Value", ...]
    removed: tuple["Value", ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of values; ``bars`` says it is a determinant."""

    rows: tuple[tuple["Value", ...], ...]
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """``sides[0] ops[0] sides[1] ...``; all-equal chains are equations and assignments."""

    operators: tuple[str, ...]
    sides: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """1:2, and times of day."""

    parts: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """What has no other reading, in one spelling; equal only to itself. ``why`` is for people."""

    text: str
    why: str = ""


Value = Scalar | Infinite | Words | Listing | Union | Matrix | Relation | Ratio | Opaque
