"""When is an answer the gold answer? Structure first, then expression by expression.

Every function here says True, False or None. None means: equal if the pairs of expressions that
were noted in ``Comparison.open`` are equal, which only a computer algebra system can tell.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, permutations

from cogitate.verifiers.maths import algebra
from cogitate.verifiers.maths.numeric import approximate
from cogitate.verifiers.maths.syntax import Malformed, Node
from cogitate.verifiers.maths.units import same_unit
from cogitate.verifiers.maths.values import (
    Infinite,
    Listing,
    Matrix,
    Opaque,
    Ratio,
    Relation,
    Scalar,
    Union,
    Value,
    Words,
)

MAX_RELATIVE = Fraction(1, 20)
"""A rounded gold of one digit, such as 0.5, allows at most this share of error."""
_LARGEST_SEARCH = 4
_INTEGRATION_CONSTANTS = ("C", "c", "K", "k", "C_1", "c_1", "C_0")
_NEGATION = re.compile(r"\b(?:not|no|never|wrong|isn|incorrect)\b")
_UNEVALUATED = frozenset(["gcd", "lcm", "max", "min"])
_FLIPPED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le"}


@dataclass(slots=True)
class Comparison:
    """One comparison: its declared rules, the questions left open, and what the answer did wrong.

    ``set_relation`` lets an inequality stand for a gold interval, ``strict_units`` makes the unit
    of a gold answer compulsory, ``percent_optional`` lets 50 stand for 50% and the reverse.
    """

    set_relation: bool = False
    strict_units: bool = False
    percent_optional: bool = False
    open: list[tuple[Scalar, Scalar]] = field(default_factory=list[tuple[Scalar, Scalar]])
    fault: str = ""

    def equal(self, gold: Value, answer: Value) -> bool | None:
        """Whether ``answer`` is ``gold``; the order of the two matters."""
        gold, answer = _only_member(gold), _only_member(answer)
        if isinstance(gold, Scalar) and isinstance(answer, Scalar):
            return self.scalars(gold, answer)
        if isinstance(gold, Relation) or isinstance(answer, Relation):
            return self.relations(gold, answer)
        if isinstance(gold, Words) or isinstance(answer, Words):
            return _words(gold, answer)
        if isinstance(gold, Union) or isinstance(answer, Union):
            return self.unions(gold, answer)
        if isinstance(gold, Matrix) or isinstance(answer, Matrix):
            return self.matrices(gold, answer)
        if isinstance(gold, Listing) and isinstance(answer, Listing):
            return self.listings(gold, answer)
        if isinstance(gold, Infinite) and isinstance(answer, Infinite):
            return gold == answer
        if isinstance(gold, Ratio) and isinstance(answer, Ratio):
            return self.in_order(gold.parts, answer.parts)
        if isinstance(gold, Opaque) and isinstance(answer, Opaque):
            return bool(gold.text) and gold.text == answer.text
        return False

    def scalars(self, gold: Scalar, answer: Scalar) -> bool | None:
        if not same_unit(gold.unit, answer.unit, strict=self.strict_units):
            self.fault = "unit"
            return False
        left, right = gold.node, answer.node
        if self.percent_optional and (left[0] == "pct") is not (right[0] == "pct"):
            left = left[1] if left[0] == "pct" else left
            right = right[1] if right[0] == "pct" else right
        if left == right and _has_value(left):
            return True
        if _functions(right) & _UNEVALUATED - _functions(left):
            self.fault = "unevaluated"
            return False
        if self.rounded(left, right):
            return True
        verdict = self.exact(left, right)
        if verdict is None and not algebra.symbols(right) <= algebra.symbols(left):
            self.fault = "unknowns"
            return self.renamed_constant(left, right)
        if verdict is None:
            self.open.append((gold, answer))
        elif verdict is False and algebra.symbols(right) - algebra.symbols(left):
            return self.renamed_constant(left, right)
        return verdict

    def exact(self, gold: Node, answer: Node) -> bool | None:
        try:
            return algebra.compare(gold, answer)
        except Malformed as problem:
            self.fault = (
                "undefined" if isinstance(problem, algebra.Undefined) else f"too_large_{problem}"
            )
            return False

    def renamed_constant(self, gold: Node, answer: Node) -> bool | None:
        """x^2 + C is x^2 + c: the name of one constant of integration does not matter."""
        ours = [n for n in algebra.symbols(gold) if n in _INTEGRATION_CONSTANTS]
        theirs = [n for n in algebra.symbols(answer) if n in _INTEGRATION_CONSTANTS]
        if len(ours) != 1 or len(theirs) != 1 or ours == theirs:
            return False
        return self.exact(gold, _renamed(answer, theirs[0], ours[0])) or False

    def rounded(self, gold: Node, answer: Node) -> bool:
        """Within half a unit in the last place of a decimal gold."""
        literal = _decimal(gold)
        if literal is None:
            return False
        value, places = literal
        other = approximate(answer)
        if other is None:
            return False
        difference = abs(other - value)
        return difference < min(
            Fraction(1, 2) * Fraction(10) ** -places, abs(value) * MAX_RELATIVE
        )

    def relations(self, gold: Value, answer: Value) -> bool | None:
        if isinstance(gold, Relation) and isinstance(answer, Relation):
            return self.two_relations(gold, answer)
        if isinstance(gold, Relation):
            if _is_equation(gold):
                return self.equal(gold.sides[-1], answer) if _names_value(gold) else False
            interval = as_interval(gold)
            return interval is not None and self.equal(interval, _opened(answer))
        if not isinstance(answer, Relation):
            return False
        if _is_equation(answer):
            return self.assigned(gold, answer)
        interval = as_interval(answer) if self.set_relation else None
        self.fault = self.fault or ("" if interval else "restates")
        return interval is not None and self.equal(gold, interval)

    def assigned(self, gold: Value, answer: Relation) -> bool | None:
        """``x = 5`` for 5, and ``2 * 3 = 6`` for 6: every member but a first name is the gold."""
        sides = answer.sides[1:] if _may_name(answer.sides[0], gold) else answer.sides
        return self.every([self.equal(gold, side) for side in sides])

    def two_relations(self, gold: Relation, answer: Relation) -> bool | None:
        if _is_equation(gold) and _is_equation(answer):
            return self.equations(gold, answer)
        if _is_equation(gold) or _is_equation(answer):
            return False
        left, right = as_interval(gold), as_interval(answer)
        if left is not None and right is not None and _variable(gold) == _variable(answer):
            return self.equal(left, right)
        return self.inequalities(gold, answer)

    def inequalities(self, gold: Relation, answer: Relation) -> bool | None:
        for operators, sides in (
            (answer.operators, answer.sides),
            (tuple(_FLIPPED.get(o, o) for o in answer.operators[::-1]), answer.sides[::-1]),
        ):
            if operators == gold.operators:
                found = self.in_order(gold.sides, sides)
                if found is not False:
                    return found
        return False

    def equations(self, gold: Relation, answer: Relation) -> bool | None:
        named, also = _names_value(gold), _names_value(answer)
        if named and also and _same_name(gold.sides[0], answer.sides[0]):
            return self.equal(gold.sides[-1], answer.sides[-1])
        if len(gold.sides) != 2 or len(answer.sides) != 2:
            return False
        left, right = _difference(gold), _difference(answer)
        if left is None or right is None:
            forward = self.in_order(gold.sides, answer.sides)
            return forward or self.in_order(gold.sides, answer.sides[::-1])
        return self.proportional(left, right)

    def proportional(self, left: Node, right: Node) -> bool | None:
        """Whether two equations ``left = 0`` and ``right = 0`` differ by a constant factor."""
        try:
            arithmetic = algebra.Algebra()
            one, other = arithmetic.value(left), arithmetic.value(right)
            if not one.top or not other.top:
                return False
            ratio = arithmetic.divide(
                algebra.Quotient({max(one.top): one.top[max(one.top)]}),
                algebra.Quotient({max(other.top): other.top[max(other.top)]}),
            )
            if not algebra.is_constant(ratio):
                return False
            # Both sides of a fraction may be multiplied out, so only the tops count.
            scaled = arithmetic.multiply(algebra.Quotient(other.top), ratio)
            if arithmetic.equal(algebra.Quotient(one.top), scaled):
                return True
        except Malformed:
            self.fault = "undefined"
        return False

    def unions(self, gold: Value, answer: Value) -> bool | None:
        left, right = without_holes(_united(gold)), without_holes(_united(answer))
        verdict = self.unordered(left.pieces, right.pieces)
        return self.every([verdict, self.unordered(left.removed, right.removed)])

    def matrices(self, gold: Value, answer: Value) -> bool | None:
        one, other = _column(gold), _column(answer)
        if one is None or other is None or one.bars is not other.bars:
            return False
        if [len(row) for row in one.rows] != [len(row) for row in other.rows]:
            return False
        return self.every(
            [self.in_order(a, b) for a, b in zip(one.rows, other.rows, strict=True)]
        )

    def listings(self, gold: Listing, answer: Listing) -> bool | None:
        if gold.brackets in ("", "{}"):
            if answer.brackets not in ("", "{}"):
                return False
            if any(isinstance(item, Opaque) for item in gold.items):
                return self.in_order(gold.items, answer.items)
            return self.unordered(gold.items, answer.items)
        fits = answer.brackets == gold.brackets or (
            gold.brackets in ("()", "<>") and answer.brackets in ("()", "<>", "")
        )
        return self.in_order(gold.items, answer.items) if fits else False

    def in_order(self, gold: Sequence[Value], answer: Sequence[Value]) -> bool | None:
        if len(gold) != len(answer):
            self.fault = self.fault or "number_of_values"
            return False
        return self.every([self.equal(a, b) for a, b in zip(gold, answer, strict=True)])

    def unordered(self, gold: Sequence[Value], answer: Sequence[Value]) -> bool | None:
        """The same members the same number of times."""
        if len(gold) != len(answer):
            self.fault = self.fault or "number_of_values"
            return False
        before = list(self.open)
        left = list(answer)
        unsure: list[Value] = []
        for item in gold:
            found = next((k for k, other in enumerate(left) if self.equal(item, other)), None)
            if found is None:
                unsure.append(item)
            else:
                left.pop(found)
        self.open = before
        if len(unsure) > _LARGEST_SEARCH:
            return self.in_order(unsure, left)
        for order in permutations(left):
            verdict = self.in_order(unsure, order)
            if verdict is not False:
                return verdict
            self.open = list(before)
        return False

    def every(self, verdicts: Sequence[bool | None]) -> bool | None:
        """All of them: False if any is, else None if any is."""
        if any(verdict is False for verdict in verdicts):
            return False
        return None if any(verdict is None for verdict in verdicts) else True


def as_interval(relation: Relation) -> Value | None:
    r"""``1 < x \le 2`` and ``x > 3`` as intervals, ``x \ne 1`` as the line without a point."""
    operators, sides = relation.operators, relation.sides
    if operators[0] in (">", "\\ge"):
        operators = tuple(_FLIPPED.get(o, o) for o in operators[::-1])
        sides = sides[::-1]
    if any(o not in ("<", "\\le") for o in operators):
        return None
    names = [k for k, side in enumerate(sides) if _is_symbol(side)]
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


def _opened(value: Value) -> Value:
    """A pair without brackets is no interval, though it may stand for a tuple."""
    return Opaque("") if isinstance(value, Listing) and value.brackets == "" else value


def _only_member(value: Value) -> Value:
    """A set of one is its member."""
    while isinstance(value, Listing) and value.brackets in ("", "{}") and len(value.items) == 1:
        value = value.items[0]
    return value


def _has_value(node: Node) -> bool:
    try:
        algebra.Algebra().value(node)
    except Malformed:
        return False
    return True


def _functions(node: Node) -> frozenset[str]:
    """Names of the known functions in a tree."""
    found = frozenset((node[1],)) if node[0] == "fn" else frozenset[str]()
    return found.union(*(_functions(child) for child in algebra.children(node)))


def _decimal(node: Node) -> tuple[Fraction, int] | None:
    r"""Value and decimal places of a decimal, ``-1.5`` and ``1.5 \times 10^3`` included."""
    sign = 1
    while node[0] == "neg":
        sign, node = -sign, node[1]
    if node[0] == "num" and node[2] is not None:
        return sign * node[1], node[2]
    if node[0] == "pct":
        inner = _decimal(node[1])
        return None if inner is None else (sign * inner[0] / 100, inner[1] + 2)
    if node[0] == "mul" and len(node[1]) == 2 and node[1][1][0] == "pow":
        mantissa, (_, base, power) = node[1]
        ten = base[0] == "num" and base[1] == 10
        if mantissa[0] == "num" and mantissa[2] is not None and ten:
            try:
                exponent = algebra.rational(power)
            except Malformed:
                return None
            if exponent is not None and exponent.denominator == 1 and abs(exponent) < 1000:
                shift = int(exponent)
                return sign * mantissa[1] * Fraction(10) ** shift, mantissa[2] - shift
    return None


def _renamed(node: Node, old: str, new: str) -> Node:
    if node == ("sym", old):
        return ("sym", new)
    return tuple(_renamed(child, old, new) if isinstance(child, tuple) else child for child in node)


def _is_equation(relation: Relation) -> bool:
    return all(operator == "=" for operator in relation.operators)


def _is_symbol(value: Value) -> bool:
    return isinstance(value, Scalar) and value.node[0] in ("sym", "call")


def _variable(relation: Relation) -> str:
    return next((side.node[1] for side in relation.sides if _is_symbol(side)), "")  # type: ignore[union-attr]


def _may_name(first: Value, gold: Value) -> bool:
    """Whether a first side may be left out in front of this gold value.

    Numbers may be called anything; p + q = p - q is no way to call p - q, and odd = even none to
    call what is even.
    """
    if isinstance(gold, Words):
        return isinstance(first, Scalar) and first.node[0] in ("sym", "call")
    if isinstance(gold, Scalar) and algebra.symbols(gold.node):
        return isinstance(first, Scalar) and _is_name(first.node)
    return _names_value(Relation(("=",), (first, gold)))


def _is_name(node: Node) -> bool:
    return node[0] in ("sym", "call") and not node[1][0].isdigit()


def _names_value(relation: Relation) -> bool:
    """Whether the first side only says what the value is: ``x``, ``f(x)``, ``m + n``, ``AB``."""
    first = relation.sides[0]
    if isinstance(first, Words):
        return not _NEGATION.search(first.folded)
    if not isinstance(first, Scalar):
        return isinstance(first, Listing) and all(map(_is_symbol, first.items))
    names = algebra.symbols(first.node)
    return bool(names) and not _has_numeral(first.node) and not any(n[0].isdigit() for n in names)


def _has_numeral(node: Node) -> bool:
    """Whether a number stands in an expression other than as an exponent or argument."""
    if node[0] == "num":
        return True
    if node[0] == "pow":
        return _has_numeral(node[1])
    if node[0] in ("sym", "call"):
        return False
    return any(_has_numeral(child) for child in algebra.children(node))


def _same_name(gold: Value, answer: Value) -> bool:
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


def _difference(relation: Relation) -> Node | None:
    one, other = relation.sides
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return ("add", (one.node, ("neg", other.node)))
    return None


def _words(gold: Value, answer: Value) -> bool:
    return bool(_folded(gold)) and _folded(gold) == _folded(answer)


def _folded(value: Value) -> str:
    """Text as folded; a single letter counts as text too."""
    if isinstance(value, Words):
        return value.folded
    if isinstance(value, Scalar) and value.source.isalpha():
        return value.source.casefold()
    return ""


def _united(value: Value) -> Union:
    return value if isinstance(value, Union) else Union((value,))


def _column(value: Value) -> Matrix | None:
    """A matrix; a vector or tuple is a column."""
    if isinstance(value, Matrix):
        return value
    if isinstance(value, Listing) and value.brackets in ("()", "<>"):
        return Matrix(tuple((item,) for item in value.items))
    return None
