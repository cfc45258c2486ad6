r"""Expressions as exact quotients of polynomials; equality of those is decided, not guessed.

``compare`` says True or False when it knows, and None when functions stand in the way whose
identities this file does not know (sin and cos of anything, nested roots, ...).
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from cogitate.verifiers.maths.polynomials import ONE, Quotient, factor
from cogitate.verifiers.maths.powers import Powers, Undefined, generator, is_soft, number
from cogitate.verifiers.maths.trees import Node, TooLarge

MAX_FACTORIAL = 5000
_TRIG = ("sin", "cos", "tan", "cot", "sec", "csc")
# sin of k * pi/12 as (rational, root) pairs: the value is the sum of rational * sqrt(root).
_SINE = {
    0: ((Fraction(0), 1),),
    1: ((Fraction(1, 4), 6), (Fraction(-1, 4), 2)),
    2: ((Fraction(1, 2), 1),),
    3: ((Fraction(1, 2), 2),),
    4: ((Fraction(1, 2), 3),),
    5: ((Fraction(1, 4), 6), (Fraction(1, 4), 2)),
    6: ((Fraction(1), 1),),
}


def compare(gold: Node, answer: Node) -> bool | None:
    """Whether two expressions are equal; None when this algebra cannot tell.

    Raises:
        Malformed: an expression has no value, or is beyond the caps.
    """
    return Algebra().compare(gold, answer)


def rational(node: Node) -> Fraction | None:
    """The value of an expression if it is a rational number.

    Raises:
        Malformed: as for ``compare``.
    """
    return Algebra().value(node).rational


class Algebra(Powers):
    """Values of expression trees; one instance per comparison, which is what the budget is for."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[int, tuple[Node, Quotient]] = {}
        self.radians = False

    def value(self, node: Node) -> Quotient:
        """The value of a tree.

        Raises:
            Undefined: division by zero or arithmetic with infinity.
            TooLarge: beyond the caps.
        """
        known = self.known.get(id(node))
        if known is None:
            try:
                known = (node, self.visit(node))
            except ZeroDivisionError:
                raise Undefined("division by zero") from None
            except RecursionError:
                raise TooLarge("depth") from None
            self.known[id(node)] = known
        return known[1]

    def compare(self, gold: Node, answer: Node) -> bool | None:
        """As the function of this name, on the budget of this instance."""
        left, right = self.value(gold), self.value(answer)
        if self.equal(left, right):
            return True
        return None if is_soft(left) or is_soft(right) else False

    def visit(self, node: Node) -> Quotient:
        kind = node[0]
        if kind == "num":
            return number(node[1])
        if kind == "add":
            return self.fold(self.add, node[1])
        if kind == "mul":
            return self.fold(self.multiply, node[1])
        if kind == "neg":
            inner = self.visit(node[1])
            return Quotient({m: -c for m, c in inner.top.items()}, inner.bottom)
        if kind == "frac":
            return self.divide(self.visit(node[1]), self.visit(node[2]))
        if kind == "inv":
            return self.divide(number(ONE), self.visit(node[1]))
        if kind == "pow":
            return self.power(self.visit(node[1]), self.visit(node[2]))
        if kind == "sym":
            return self.symbol(node[1])
        if kind == "fn":
            return self.function(node[1], node[2])
        if kind == "pct":
            return self.multiply(self.visit(node[1]), number(Fraction(1, 100)))
        if kind == "deg":
            inner = self.visit(node[1])
            if self.radians:
                turned = self.multiply(inner, generator("pi"))
                return self.multiply(turned, number(Fraction(1, 180)))
            return self.multiply(inner, generator("deg"))
        keys = ",".join(self.visit(argument).key() for argument in node[2])
        return generator(f"{node[1]}({keys})")

    def fold(
        self, operation: Callable[[Quotient, Quotient], Quotient], nodes: tuple[Node, ...]
    ) -> Quotient:
        total = self.visit(nodes[0])
        for node in nodes[1:]:
            total = operation(total, self.visit(node))
        return total

    def symbol(self, name: str) -> Quotient:
        if name == "\\infty":
            raise Undefined("arithmetic with infinity")
        return generator({"\\pi": "pi"}.get(name, name))

    def function(self, name: str, arguments: tuple[Node, ...]) -> Quotient:
        outer = self.radians
        self.radians = outer or name in _TRIG
        values = [self.visit(argument) for argument in arguments]
        self.radians = outer
        first = values[0]
        if name == "exp":
            return self.power(generator("e"), first)
        if name in ("ln", "log"):
            return self.logarithm(name, values)
        if name in _TRIG and len(values) == 1:
            return self.trigonometric(name, first)
        known = [value.rational for value in values]
        exact = exact_function(name, [k for k in known if k is not None])
        if None not in known and exact is not None:
            return number(exact)
        return generator(f"~{name}({','.join(value.key() for value in values)})")

    def logarithm(self, name: str, values: list[Quotient]) -> Quotient:
        """Sums of logarithms of primes and variables; ``\\log`` without a base has a base of its
        own, so that only what holds in every base holds."""
        top = self.natural(values[0])
        if len(values) == 2:
            return self.divide(top, self.natural(values[1]))
        return top if name == "ln" else self.divide(top, generator("ln(base)"))

    def natural(self, value: Quotient) -> Quotient:
        single = value.single
        if not value.top:
            raise Undefined("logarithm of zero")
        if single is None or single[1] < 0:
            return generator(f"~ln({value.key()})")
        monomial, coefficient = single
        names = list(monomial)
        for side, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
            names += [(name, Fraction(sign * count)) for name, count in factor(side).items()]
        total = Quotient({})
        for name, power in names:
            if name == "e":
                term = number(power)
            elif name in self.exponents:
                inner, inside = self.exponents[name]
                term = self.multiply(self.natural(generator(inner)), inside)
                term = self.multiply(term, number(power))
            else:
                soft = "~" if name[0] == "~" or name == "i" else ""
                term = self.multiply(generator(f"{soft}ln({name})"), number(power))
            total = self.add(total, term)
        return total

    def trigonometric(self, name: str, angle: Quotient) -> Quotient:
        turn = angle.top.get((("pi", ONE),)) if len(angle.top) == 1 else None
        if not angle.top:
            turn = Fraction(0)
        if angle.is_polynomial and turn is not None and (turn * 12).denominator == 1:
            twelfths = int(turn * 12)
            sine, cosine = self.sine(twelfths), self.sine(twelfths + 6)
            top, bottom = {
                "sin": (sine, number(ONE)),
                "cos": (cosine, number(ONE)),
                "tan": (sine, cosine),
                "cot": (cosine, sine),
                "sec": (number(ONE), cosine),
                "csc": (number(ONE), sine),
            }[name]
            return self.divide(top, bottom)
        negative = bool(angle.top) and angle.top[min(angle.top)] < 0
        if negative:
            angle = Quotient({m: -c for m, c in angle.top.items()}, angle.bottom)
        found = generator(f"~{name}({angle.key()})")
        flips = negative and name not in ("cos", "sec")
        return Quotient({m: -c for m, c in found.top.items()}) if flips else found

    def sine(self, twelfths: int) -> Quotient:
        twelfths %= 24
        sign = 1 if twelfths < 12 else -1
        twelfths %= 12
        total = Quotient({})
        for coefficient, root in _SINE[min(twelfths, 12 - twelfths)]:
            term = self.number_power(Fraction(root), Fraction(1, 2))
            total = self.add(total, self.multiply(term, number(sign * coefficient)))
        return total


def exact_function(name: str, values: list[Fraction]) -> Fraction | None:
    """A function of rational numbers where the result is rational, else None."""
    first = values[0] if values else Fraction(0)
    if name == "abs":
        return abs(first)
    if name in ("floor", "ceil"):
        return Fraction(math.floor(first) if name == "floor" else math.ceil(first))
    if name in ("max", "min"):
        return (max if name == "max" else min)(values, default=None)
    if any(value.denominator != 1 for value in values):
        return None
    whole = [value.numerator for value in values]
    if name in ("gcd", "lcm"):
        return Fraction((math.gcd if name == "gcd" else math.lcm)(*whole))
    if name == "binom" and len(whole) == 2:
        return _choose(*whole)
    if name == "!" and len(whole) == 1 and 0 <= whole[0] <= MAX_FACTORIAL:
        return Fraction(_factorial(whole[0]))
    if name == "!!" and len(whole) == 1 and 0 <= whole[0] <= 100:
        return Fraction(math.prod(range(whole[0], 0, -2)))
    return None


@lru_cache(maxsize=256)
def _factorial(number: int) -> int:
    return math.factorial(number)


def _choose(n: int, k: int) -> Fraction | None:
    return Fraction(math.comb(n, k)) if 0 <= k <= n <= 2000 else None


def is_constant(value: Quotient) -> bool:
    """Whether no variable or unknown function is in it."""
    constants = ("pi", "e", "i")
    return all(
        name in constants or name[0] == "#"
        for side in (value.top, value.bottom)
        for monomial in side
        for name, _ in monomial
    )
