"""When is an answer the gold answer? Structure first, then expression by expression.

Every function here says True, False or None. None means: equal if the pairs of expressions that
were noted in ``Comparison.open`` are equal, which only a computer algebra system can tell.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import permutations

from cogitate.verifiers.maths.algebra import Algebra, is_constant
from cogitate.verifiers.maths.numeric import approximate, decimal
from cogitate.verifiers.maths.polynomials import Quotient
from cogitate.verifiers.maths.powers import Undefined
from cogitate.verifiers.maths.relations import (
    FLIPPED,
    as_interval,
    difference,
    is_equation,
    may_name,
    names_value,
    same_name,
    variable,
    without_holes,
    without_rounding,
)
from cogitate.verifiers.maths.trees import Malformed, Node, children, symbols
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
_NO_SOLUTION = ("no solution", "no solutions")
_REALS = Listing("()", (Infinite(True), Infinite(False)))
_UNEVALUATED = frozenset(["gcd", "lcm", "max", "min"])


@dataclass(slots=True)
class Comparison:
    """One comparison: its declared rules, the questions left open, and what the answer did wrong.

    ``set_relation`` lets an inequality stand for a gold interval, ``strict_units`` makes the unit
    of a gold answer compulsory, ``percent_optional`` lets 50 stand for 50% and the reverse.
    """

    set_relation: bool = False
    strict_units: bool = False
    percent_optional: bool = False
    algebra: Algebra = field(default_factory=Algebra)
    open: list[tuple[Scalar, Scalar]] = field(default_factory=list[tuple[Scalar, Scalar]])
    fault: str = ""

    def equal(self, gold: Value, answer: Value) -> bool | None:
        """Whether ``answer`` is ``gold``; the order of the two matters."""
        gold = _only_member(without_rounding(gold))
        answer = _only_member(without_rounding(answer))
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
            found = self.in_order(gold.parts, answer.parts)
            return found or _multiple(gold, answer) or found
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
        if left == right and self.has_value(left):
            return True
        if _functions(right) & _UNEVALUATED - _functions(left):
            self.fault = "unevaluated"
            return False
        if self.rounded(left, right):
            return True
        verdict = self.exact(left, right)
        if verdict is None and not symbols(right) <= symbols(left):
            self.fault = "unknowns"
            return self.renamed_constant(left, right)
        if verdict is None:
            self.open.append((gold, answer))
        elif verdict is False and symbols(right) - symbols(left):
            return self.renamed_constant(left, right)
        return verdict

    def has_value(self, node: Node) -> bool:
        try:
            self.algebra.value(node)
        except Malformed:
            return False
        return True

    def exact(self, gold: Node, answer: Node) -> bool | None:
        try:
            return self.algebra.compare(gold, answer)
        except Malformed as problem:
            undefined = isinstance(problem, Undefined)
            self.fault = "undefined" if undefined else f"too_large_{problem}"
            return False

    def renamed_constant(self, gold: Node, answer: Node) -> bool | None:
        """x^2 + C is x^2 + c: the name of one constant of integration does not matter."""
        ours = [n for n in symbols(gold) if n in _INTEGRATION_CONSTANTS]
        theirs = [n for n in symbols(answer) if n in _INTEGRATION_CONSTANTS]
        if len(ours) != 1 or len(theirs) != 1 or ours == theirs:
            return False
        return self.exact(gold, _renamed(answer, theirs[0], ours[0])) or False

    def rounded(self, gold: Node, answer: Node) -> bool:
        """Within half a unit in the last place of a decimal gold."""
        literal = decimal(gold)
        if literal is None:
            return False
        value, places = literal
        other = approximate(answer)
        if other is None:
            return False
        half_a_unit = Fraction(1, 2) * Fraction(10) ** -places
        # Irrational answers are known to double precision only.
        allowed = max(half_a_unit, abs(value) / 10**15)
        return abs(other - value) < min(allowed, abs(value) * MAX_RELATIVE)

    def relations(self, gold: Value, answer: Value) -> bool | None:
        if isinstance(gold, Relation) and isinstance(answer, Relation):
            return self.two_relations(gold, answer)
        if isinstance(gold, Relation):
            if is_equation(gold):
                named = names_value(gold) and not isinstance(gold.sides[-1], Words)
                return self.equal(gold.sides[-1], answer) if named else False
            interval = as_interval(gold)
            return interval is not None and self.equal(interval, _opened(answer))
        if not isinstance(answer, Relation):
            return False
        if is_equation(answer):
            return self.assigned(gold, answer)
        interval = as_interval(answer) if self.set_relation else None
        self.fault = self.fault or ("" if interval else "restates")
        return interval is not None and self.equal(gold, interval)

    def assigned(self, gold: Value, answer: Relation) -> bool | None:
        """``x = 5`` for 5, and ``2 * 3 = 6`` for 6: every member but a first name is the gold."""
        sides = answer.sides[1:] if may_name(answer.sides[0], gold) else answer.sides
        return self.every([self.equal(gold, side) for side in sides])

    def two_relations(self, gold: Relation, answer: Relation) -> bool | None:
        if is_equation(gold) and is_equation(answer):
            return self.equations(gold, answer)
        if is_equation(gold) or is_equation(answer):
            return False
        left, right = as_interval(gold), as_interval(answer)
        if left is not None and right is not None and variable(gold) == variable(answer):
            return self.equal(left, right)
        return self.inequalities(gold, answer)

    def inequalities(self, gold: Relation, answer: Relation) -> bool | None:
        for operators, sides in (
            (answer.operators, answer.sides),
            (tuple(FLIPPED.get(o, o) for o in answer.operators[::-1]), answer.sides[::-1]),
        ):
            if operators == gold.operators:
                found = self.in_order(gold.sides, sides)
                if found is not False:
                    return found
        return False

    def equations(self, gold: Relation, answer: Relation) -> bool | None:
        named, also = names_value(gold), names_value(answer)
        if named and also and same_name(gold.sides[0], answer.sides[0]):
            return self.equal(gold.sides[-1], answer.sides[-1])
        if len(gold.sides) != 2 or len(answer.sides) != 2:
            return False
        left, right = difference(gold), difference(answer)
        if left is None or right is None:
            forward = self.in_order(gold.sides, answer.sides)
            return forward or self.in_order(gold.sides, answer.sides[::-1])
        return self.proportional(left, right)

    def proportional(self, left: Node, right: Node) -> bool | None:
        """Whether two equations ``left = 0`` and ``right = 0`` differ by a constant factor."""
        try:
            arithmetic = self.algebra
            one, other = arithmetic.value(left), arithmetic.value(right)
            if not one.top or not other.top:
                return False
            ratio = arithmetic.divide(
                Quotient({max(one.top): one.top[max(one.top)]}),
                Quotient({max(other.top): other.top[max(other.top)]}),
            )
            if not is_constant(ratio):
                return False
            # Both sides of a fraction may be multiplied out, so only the tops count.
            scaled = arithmetic.multiply(Quotient(other.top), ratio)
            if arithmetic.equal(Quotient(one.top), scaled):
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
        return self.every([self.in_order(a, b) for a, b in zip(one.rows, other.rows, strict=True)])

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


def _opened(value: Value) -> Value:
    """A pair without brackets is no interval, though it may stand for a tuple."""
    return Opaque("") if isinstance(value, Listing) and value.brackets == "" else value


def _only_member(value: Value) -> Value:
    """A set of one is its member."""
    while isinstance(value, Listing) and value.brackets in ("", "{}") and len(value.items) == 1:
        value = value.items[0]
    return value


def _functions(node: Node) -> frozenset[str]:
    """Names of the known functions in a tree."""
    found = frozenset((node[1],)) if node[0] == "fn" else frozenset[str]()
    return found.union(*(_functions(child) for child in children(node)))


def _renamed(node: Node, old: str, new: str) -> Node:
    if node == ("sym", old):
        return ("sym", new)
    return tuple(_renamed(child, old, new) if isinstance(child, tuple) else child for child in node)


def _words(gold: Value, answer: Value) -> bool:
    if isinstance(gold, Words) and gold.folded in _NO_SOLUTION:
        return answer == Listing("{}", ()) or _folded(answer) in _NO_SOLUTION
    if _folded(answer) == "all real numbers" and gold == _REALS:
        return True
    return bool(_folded(gold)) and _folded(gold) == _folded(answer)


def _multiple(gold: Ratio, answer: Ratio) -> bool:
    """Whether 4:6 is meant to be the gold 2:3, in lowest terms. With two digits behind the colon
    a gold may be a time of day, and 3:15 is not 6:30."""
    parts = [part for part in (*gold.parts, *answer.parts) if isinstance(part, Scalar)]
    if len(gold.parts) != len(answer.parts) or any(p.unit or p.node[0] != "num" for p in parts):
        return False
    ours = [part.node[1] for part in parts[: len(gold.parts)]]
    theirs = [part.node[1] for part in parts[len(gold.parts) :]]
    texts = [part.source for part in parts[1 : len(gold.parts)]]
    timed = all(len(text) == 2 and text.isdigit() and text < "60" for text in texts)
    whole = all(value.denominator == 1 and value > 0 for value in ours)
    if timed or not whole or math.gcd(*(value.numerator for value in ours)) != 1:
        return False
    scale = theirs[0] / ours[0]
    return scale > 0 and all(a * scale == b for a, b in zip(ours, theirs, strict=True))


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
