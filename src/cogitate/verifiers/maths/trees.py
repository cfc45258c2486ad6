"""Expression trees, and what can be wrong with tokens that ought to be one.

A tree is a tuple whose first member is its kind:

    ("num", Fraction, places)     places is None for integers, else the digits after the point
    ("sym", name)                 a variable with its subscript and primes; pi, e, i, infinity too
    ("add", terms)  ("neg", a)    ("mul", factors)  ("inv", a)    ("pow", base, exponent)
    ("frac", top, bottom)         a fraction bar, which tells a mixed number from a product
    ("fn", name, arguments)       ("call", name, arguments) of an unknown function
    ("deg", a)  ("pct", a)        degrees and per cent
"""

from fractions import Fraction
from typing import Any

Node = tuple[Any, ...]

MAX_DIGITS = 1000
"""Digits of one number."""


class Malformed(ValueError):
    """Tokens are no expression; the message says why in one or two words."""


class Unevaluated(Malformed):
    """An integral, sum, limit or the like, which is a problem and no value."""


class TooLarge(Malformed):
    """Beyond a cap."""


def number(token: str) -> Node:
    """The tree of a number token."""
    mantissa, _, exponent = token.lower().partition("e")
    whole, point, part = mantissa.partition(".")
    if len(whole) + len(part) > MAX_DIGITS or abs(int(exponent or 0)) > MAX_DIGITS:
        raise TooLarge("digits")
    places = len(part) - int(exponent or 0)
    scaled = int((whole + part) or "0")
    value = Fraction(scaled, 10**places) if places > 0 else Fraction(scaled * 10**-places)
    return ("num", value, places if (point and part) or exponent else None)


def symbols(node: Node) -> frozenset[str]:
    """Names of the variables and unknown functions in a tree; not pi, e and i."""
    kind = node[0]
    if kind == "num":
        return frozenset()
    if kind == "sym":
        return frozenset() if node[1] in ("\\pi", "e", "i", "\\infty") else frozenset((node[1],))
    found: frozenset[str] = frozenset((node[1],)) if kind == "call" else frozenset()
    return found.union(*(symbols(child) for child in children(node)))


def children(node: Node) -> tuple[Node, ...]:
    """The trees directly below a tree."""
    kind = node[0]
    if kind in ("num", "sym"):
        return ()
    return node[2] if kind in ("fn", "call") else node[1] if kind in ("add", "mul") else node[1:]
