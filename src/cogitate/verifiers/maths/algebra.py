r"""Expressions as exact quotients of polynomials; equality of those is decided, not guessed.

``compare`` says True or False when it knows, and None when functions stand in the way whose
identities this file does not know (sin and cos of anything, nested roots, ...).
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from cogitate.verifiers.maths.polynomials import (
    MAX_BITS,
    ONE,
    Arithmetic,
    Polynomial,
    Quotient,
    check_size,
    content,
    factor,
    invert,
    reduce_exponent,
)
from cogitate.verifiers.maths.syntax import Malformed, Node, TooLarge

MAX_FACTORIAL = 5000
_MAX_EXPANDED = 200
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


class Undefined(Malformed):
    """0/0, infinity minus infinity and the like: no value."""


def compare(gold: Node, answer: Node) -> bool | None:
    """Whether two expressions are equal; None when this algebra cannot tell.

    Raises:
        Malformed: an expression has no value, or is beyond the caps.
    """
    algebra = Algebra()
    left, right = algebra.value(gold), algebra.value(answer)
    if algebra.equal(left, right):
        return True
    return None if is_soft(left) or is_soft(right) else False


def rational(node: Node) -> Fraction | None:
    """The value of an expression if it is a rational number.

    Raises:
        Malformed: as for ``compare``.
    """
    return Algebra().value(node).rational


def is_soft(value: Quotient) -> bool:
    """Whether something in it may obey identities that are not known here."""
    return any(
        generator[0] == "~" for side in (value.top, value.bottom) for m in side for generator, _ in m
    )


class Algebra(Arithmetic):
    """Values of expression trees; one instance per comparison, which is what the budget is for."""

    def __init__(self) -> None:
        super().__init__()
        self.exponents: dict[str, tuple[str, Quotient]] = {}
        self.radians = False

    def value(self, node: Node) -> Quotient:
        """The value of a tree.

        Raises:
            Undefined: division by zero or arithmetic with infinity.
            TooLarge: beyond the caps.
        """
        try:
            return self.visit(node)
        except ZeroDivisionError:
            raise Undefined("division by zero") from None

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

    def power(self, base: Quotient, exponent: Quotient) -> Quotient:
        known = exponent.rational
        if known is not None:
            return self.rational_power(base, known)
        if not base.top:
            raise Undefined("a power of zero")
        if base.rational == 1:
            return base
        if not exponent.is_polynomial:
            return self.composite(base, exponent)
        total = number(ONE)
        for monomial, coefficient in exponent.top.items():
            if not monomial:
                factor_ = self.rational_power(base, coefficient)
            else:
                factor_ = self.symbolic_power(base, Quotient({monomial: ONE}), coefficient)
            total = self.multiply(total, factor_)
        return total

    def rational_power(self, base: Quotient, exponent: Fraction) -> Quotient:
        if exponent == 1:
            return base
        if not base.top:
            if exponent <= 0:
                raise Undefined("zero to a power of zero or less")
            return base
        single = base.single
        if exponent.denominator == 1 and (single is None or not single[0]):
            return self.whole_power(base, exponent.numerator)
        if single is None:
            if base.is_polynomial:
                return self.root_of_sum(base.top, exponent)
            top = self.rational_power(Quotient(base.top), exponent)
            return self.divide(top, self.rational_power(Quotient(base.bottom), exponent))
        monomial, coefficient = single
        total = self.number_power(coefficient, exponent)
        for name, power in monomial:
            raised = power * exponent
            if name == "i" and exponent.denominator != 1:
                name = "~i"
            elif _drops_sign(power, exponent, raised) and name not in ("pi", "e"):
                name = f"~|{name}|"
            check_size(raised)
            total = self.multiply(total, raise_generator(name, raised))
        return total

    def whole_power(self, base: Quotient, exponent: int) -> Quotient:
        size = max((bits(c) for side in (base.top, base.bottom) for c in side.values()), default=0)
        if abs(exponent) * max(size - 1, 0) > MAX_BITS:
            raise TooLarge("power")
        if base.rational is not None:
            return number(base.rational**exponent)
        terms = max(len(base.top), len(base.bottom))
        if math.comb(min(abs(exponent), 100) + terms - 1, terms - 1) > _MAX_EXPANDED:
            return self.root_of_sum(base.top, Fraction(exponent)) if base.is_polynomial else (
                self.composite(base, number(Fraction(exponent)))
            )
        total, square, left = number(ONE), base, abs(exponent)
        while left:
            if left & 1:
                total = self.multiply(total, square)
            left >>= 1
            if left:
                square = self.multiply(square, square)
        return self.divide(number(ONE), total) if exponent < 0 else total

    def number_power(self, base: Fraction, exponent: Fraction) -> Quotient:
        if exponent.denominator == 1:
            return self.whole_power(number(base), exponent.numerator)
        total = number(ONE)
        if base < 0:
            base = -base
            if exponent.denominator == 2:
                total = raise_generator("i", Fraction(exponent.numerator))
            elif exponent.denominator % 2 == 0:
                total = raise_generator("~-1", exponent)
            elif exponent.numerator % 2:
                total = number(-ONE)
        for side, sign in ((base.numerator, 1), (base.denominator, -1)):
            for name, count in factor(side).items():
                if abs(count * exponent) * bits_of_name(name) > MAX_BITS:
                    raise TooLarge("power")
                total = self.multiply(total, raise_generator(name, sign * count * exponent))
        return total

    def root_of_sum(self, polynomial: Polynomial, exponent: Fraction) -> Quotient:
        """(c * m * p)^r with the primitive part p as a generator of its own."""
        common, coefficient = content(polynomial)
        outside = self.rational_power(Quotient({common: coefficient}), exponent)
        inverse, out = invert(common)
        inner = self.product(polynomial, {inverse: out / coefficient})
        return self.multiply(outside, raise_generator(f"~{Quotient(inner).key()}", exponent))

    def symbolic_power(self, base: Quotient, monomial: Quotient, times: Fraction) -> Quotient:
        """base^(times * monomial), factor by factor."""
        single = base.single
        if single is None:
            return self.composite(base, Quotient({m: times for m in monomial.top}))
        names = list(single[0])
        coefficient = single[1]
        if coefficient < 0:
            names.append(("~-1", ONE))
        for side, sign in ((abs(coefficient.numerator), 1), (coefficient.denominator, -1)):
            names += [(name, Fraction(sign * count)) for name, count in factor(side).items()]
        total = number(ONE)
        for name, power in names:
            if name == "~-1":
                power = power * times % 2 / times
            total = self.multiply(total, self.exponential(name, monomial, power * times))
        return total

    def exponential(self, name: str, monomial: Quotient, times: Fraction) -> Quotient:
        """name^(times * monomial); exponents in exponents multiply: (e^x)^y is e^(x y)."""
        if name in self.exponents:
            inner, inside = self.exponents[name]
            return self.power(
                generator(inner),
                self.multiply(self.multiply(inside, monomial), number(times)),
            )
        single = monomial.single
        if name == "e" and single and len(single[0]) == 1 and single[0][0][1] == 1:
            inside = single[0][0][0]
            if inside.startswith("ln(") and inside != "ln(base)":
                return self.rational_power(generator(inside[3:-1]), times)  # e^(2 ln x) is x^2
        soft = "~" if is_soft(monomial) or "[ln(" in monomial.key() or name[0] == "~" or "[i^" in monomial.key() else ""
        label = f"{soft}pow({name})({monomial.key()})"
        self.exponents[label] = (name, monomial)
        return raise_generator(label, times)

    def composite(self, base: Quotient, exponent: Quotient) -> Quotient:
        return generator(f"~({base.key()})^({exponent.key()})")

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


def _drops_sign(power: Fraction, exponent: Fraction, raised: Fraction) -> bool:
    """Whether (x^power)^exponent is a power of |x| rather than of x, such as sqrt(x^2)."""
    return exponent.denominator % 2 == 0 and power.numerator % 2 == 0 and raised.numerator % 2 != 0


def number(value: Fraction) -> Quotient:
    """A rational number."""
    return Quotient({(): value} if value else {})


def generator(name: str) -> Quotient:
    """One generator."""
    return Quotient({((name, ONE),): ONE})


def raise_generator(name: str, exponent: Fraction) -> Quotient:
    """A power of one generator."""
    exponent, out = reduce_exponent(name, exponent)
    return Quotient({((name, exponent),) if exponent else (): out})


def bits(value: Fraction) -> int:
    """Bits of the longer side of a fraction."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def bits_of_name(name: str) -> int:
    """Bits of a prime that is a generator."""
    return int(name[1:]).bit_length() if name[0] == "#" else 64


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


def is_constant(value: Quotient) -> bool:
    """Whether no variable or unknown function is in it."""
    constants = ("pi", "e", "i")
    return all(
        name in constants or name[0] == "#"
        for side in (value.top, value.bottom)
        for monomial in side
        for name, _ in monomial
    )
