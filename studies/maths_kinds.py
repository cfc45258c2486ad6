r"""What kind of answer a gold is, for the generators of the maths study."""

import re
from dataclasses import dataclass
from typing import Literal

from latex_pieces import bare, inside, rational, split_top

Kind = Literal[
    "integer", "decimal", "scientific", "fraction", "percent", "money", "degrees", "unit", "base",
    "tuple", "interval", "set", "list", "matrix", "plus-minus", "text", "equation", "relation",
    "expression", "sentence",
]  # fmt: skip

UNIT = re.compile(
    r"(?P<number>[\d.,]+)\s*(?:\\(?:mbox|text|mathrm)\{\s*(?P<name>[A-Za-z]+)\s*\})"
    r"(?:\^\{?(?P<power>\d)\}?)?"
)
DEGREES = re.compile(r"(?P<number>-?[\d.]+)\s*\^\s*\{?\s*\\circ\s*\}?")
MONEY = re.compile(r"\\\$(?P<number>[\d.,\\!]+)")
PERCENT = re.compile(r"(?P<number>-?[\d.]+)\s*\\?%")
BASE = re.compile(r"(?P<digits>\d+)_\{?(?P<base>\d+)\}?")
WORD = re.compile(r"\\(?:text|mbox|textbf|mathrm)\{(?P<word>[^{}]*)\}")
NAME = re.compile(r"\\?[A-Za-z]+(?:_\{?[\w\\ ]+\}?)?(?:\([^()]*\))?")
MATRIX = re.compile(r"\\begin\{(?P<name>[pbv]matrix)\}(?P<body>.*)\\end\{[pbv]matrix\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """A gold answer without its dollar signs, its kind, and the members of a collection."""

    text: str
    kind: Kind
    members: tuple[str, ...] = ()


def read_gold(raw: str) -> Gold:
    r"""A gold answer with its kind.

    >>> read_gold(r"$\frac{1}{2}$").kind, read_gold("3, 5, 7").members, read_gold("(0,1]").kind
    ('fraction', ('3', '5', '7'), 'interval')
    """
    text = bare(raw)
    if re.search(r"[A-Za-z]{3,} [A-Za-z]{2,} [A-Za-z]+", re.sub(r"\\[A-Za-z]+", "", text)):
        return Gold(text=text, kind="sentence")
    patterns: tuple[tuple[Kind, re.Pattern[str]], ...] = (
        ("percent", PERCENT), ("money", MONEY), ("degrees", DEGREES), ("unit", UNIT),
        ("base", BASE), ("text", WORD), ("matrix", MATRIX),
    )  # fmt: skip
    for kind, pattern in patterns:
        if pattern.fullmatch(text):
            return Gold(text=text, kind=kind)
    if rational(text) is not None:
        return Gold(text=text, kind=_number_kind(text))
    return _collection(text) or Gold(text=text, kind=_formula_kind(text))


def _number_kind(text: str) -> Kind:
    if re.fullmatch(r"[+-]?\d+", text):
        return "integer"
    if re.search(r"\d[eE]", text):
        return "scientific"
    return "decimal" if re.fullmatch(r"[+-]?\d*\.\d+", text) else "fraction"


def _collection(text: str) -> Gold | None:
    if re.search(r"\\infty|\\cup", text) or _half_open(text):
        return Gold(text=text, kind="interval")
    if body := inside(text, r"\{", r"\}"):
        return Gold(text=text, kind="set", members=tuple(split_top(body)))
    body = inside(text, "(", ")")
    if body and len(members := split_top(body)) > 1:
        return Gold(text=text, kind="tuple", members=tuple(members))
    if len(members := split_top(text, ",;")) > 1:
        return Gold(text=text, kind="list", members=tuple(members))
    return None


def _half_open(text: str) -> bool:
    """Brackets of an interval: [a, b] and mixed ones; (a, b) is taken for a pair."""
    plain = re.sub(r"\\(?:left|right)(?![A-Za-z])\s*", "", text)
    ends = plain[:1] + plain[-1:]
    return ends in ("[]", "[)", "(]") and len(split_top(plain[1:-1])) == 2


def _formula_kind(text: str) -> Kind:
    if re.search(r"[<>]|\\(?:leq?|geq?|leqslant|geqslant|neq?)(?![A-Za-z])", text):
        return "relation"
    if "=" in text:
        return "equation"
    return "plus-minus" if r"\pm" in text else "expression"
