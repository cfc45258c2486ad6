"""What stands before an equals sign, and which interval an inequality means."""

import re
from fractions import Fraction
from itertools import pairwise

from cogitate.verifiers.maths.numeric import approximate, decimal
from cogitate.verifiers.maths.trees import Node, children, symbols
from cogitate.verifiers.maths.values import Infinite, Listing, Relation, Scalar, Union, Value, Words

FLIPPED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le"}
_NEGATION = re.compile(r"\b(?:not|no|never|wrong|isn|incorrect)\b")


def as_interval(relation: Relation) -> Value | None:
    r"""``1 < x \le 2`` and ``x > 3`` as intervals, ``x \ne 1`` as the line without a point."""
    operators, sides = relation.operators, relation.sides
    if operators[0] in (">", "\\ge"):
        operators = tuple(FLIPPED.get(o, o) for o in operators[::-1])
        sides = sides[::-1]
    if any(o not in ("<", "\\le") for o in operators):
        return None
    names = [k for k, side in enumerate(sides) if is_symbol(side)]
    if len(sides) == 3 and names == [1]:
        low, high = sides[0], sides[2]
        left, right = operators
    elif len(sides) == 2 and names == [0]:
        low, high, left, right = Infinite(True), sides[1], "<", operators[0]
    elif len(sides) == 2 and names == [1]:
        low, high, left, right = sides[0], Infinite(False), operators[0], "<"
    else:
        return None
    brackets = ("[" if left == "\\le" else "(") + ("]" if right == "\\le" else ")")
    return Listing(brackets, (low, high))  # type: ignore[arg-type]


def without_holes(union: Union) -> Union:
    r"""``\mathbb{R} \setminus \{0, 1\}`` as the three open intervals that it is."""
    line = Listing("()", (Infinite(True), Infinite(False)))
    if len(union.removed) != 1 or union.pieces != (line,):
        return union
    holes = union.removed[0]
    if not isinstance(holes, Listing) or holes.brackets != "{}":
        return union
    points = [approximate(item.node) if isinstance(item, Scalar) else None for item in holes.items]
    if None in points or len(set(points)) != len(points):
        return union
    order = sorted(range(len(points)), key=lambda k: points[k])  # type: ignore[arg-type, return-value]
    ends = (Infinite(True), *(holes.items[k] for k in order), Infinite(False))
    return Union(tuple(Listing("()", pair) for pair in pairwise(ends)))


def is_equation(relation: Relation) -> bool:
    return all(operator in ("=", "\\approx") for operator in relation.operators)


def is_symbol(value: Value) -> bool:
    return isinstance(value, Scalar) and value.node[0] in ("sym", "call")


def variable(relation: Relation) -> str:
    return next((side.node[1] for side in relation.sides if is_symbol(side)), "")  # type: ignore[union-attr]


def without_rounding(value: Value) -> Value:
    r"""``\frac{1}{3} \approx 0.333`` as 1/3: a rounded value behind the exact one adds nothing."""
    if not isinstance(value, Relation):
        return value
    operators, sides = value.operators, value.sides
    while operators and operators[-1] == "\\approx" and _rounds(sides[-2], sides[-1]):
        operators, sides = operators[:-1], sides[:-1]
    return Relation(operators, sides) if operators else sides[0]


def _rounds(exact: Value, rounded: Value) -> bool:
    """Whether a decimal is a value to within a unit of its last place."""
    if not isinstance(exact, Scalar) or not isinstance(rounded, Scalar):
        return False
    literal, value = decimal(rounded.node), approximate(exact.node)
    if literal is None or value is None:
        return False
    return abs(value - literal[0]) < Fraction(10) ** -literal[1]


def may_name(first: Value, gold: Value) -> bool:
    """Whether a first side may be left out in front of this gold value.

    Numbers may be called anything; p + q = p - q is no way to call p - q, and odd = even none to
    call what is even.
    """
    if isinstance(gold, Words):
        return isinstance(first, Scalar) and first.node[0] in ("sym", "call")
    if isinstance(gold, Scalar) and symbols(gold.node):
        return isinstance(first, Scalar) and is_name(first.node)
    return names_value(Relation(("=",), (first, gold)))


def is_name(node: Node) -> bool:
    return node[0] in ("sym", "call") and not node[1][0].isdigit()


def names_value(relation: Relation) -> bool:
    """Whether the first side only says what the value is: ``x``, ``f(x)``, ``m + n``, ``AB``."""
    first = relation.sides[0]
    if isinstance(first, Words):
        return not _NEGATION.search(first.folded)
    if not isinstance(first, Scalar):
        return isinstance(first, Listing) and all(map(is_symbol, first.items))
    names = symbols(first.node)
    alone = first.node[0] in ("neg", "pow", "inv", "frac", "fn") and len(names) == 1
    plain = not has_numeral(first.node) and not any(n[0].isdigit() for n in names)
    return bool(names) and plain and not (alone and first.node[1] != "abs")


def has_numeral(node: Node) -> bool:
    """Whether a number stands in an expression other than as an exponent or argument."""
    if node[0] == "num":
        return True
    if node[0] == "pow":
        return has_numeral(node[1])
    if node[0] in ("sym", "call"):
        return False
    return any(has_numeral(child) for child in children(node))


def same_name(gold: Value, answer: Value) -> bool:
    """The same variable; a subscript may be missing on one side."""
    if not isinstance(gold, Scalar) or not isinstance(answer, Scalar):
        return gold == answer
    if gold.node == answer.node:
        return True
    if gold.node[0] not in ("sym", "call") or answer.node[0] not in ("sym", "call"):
        return False
    one, other = gold.node[1], answer.node[1]
    base, mark, _ = one.partition("_")
    base_too, mark_too, _ = other.partition("_")
    return base == base_too and not (mark and mark_too) and gold.node[0] == answer.node[0]


def difference(relation: Relation) -> Node | None:
    one, other = relation.sides
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return ("add", (one.node, ("neg", other.node)))
    return None
