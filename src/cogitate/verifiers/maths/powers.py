"""Powers of exact quotients: roots of numbers by their primes, exponents that are expressions."""

import math
from fractions import Fraction

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
from cogitate.verifiers.maths.trees import Malformed, TooLarge

_MAX_EXPANDED = 200


class Undefined(Malformed):
    """0/0, infinity minus infinity and the like: no value."""


class Powers(Arithmetic):
    """Arithmetic that knows powers. ``exponents`` remembers what ``pow(x)(m)`` stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.exponents: dict[str, tuple[str, Quotient]] = {}

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
        if math.comb(min(abs(exponent), 1000) + terms - 1, terms - 1) > _MAX_EXPANDED:
            return (
                self.root_of_sum(base.top, Fraction(exponent))
                if base.is_polynomial
                else (self.composite(base, number(Fraction(exponent))))
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
            return self.composite(base, Quotient(dict.fromkeys(monomial.top, times)))
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
        soft = (
            "~"
            if is_soft(monomial)
            or "[ln(" in monomial.key()
            or name[0] == "~"
            or "[i^" in monomial.key()
            else ""
        )
        label = f"{soft}pow({name})({monomial.key()})"
        self.exponents[label] = (name, monomial)
        return raise_generator(label, times)

    def composite(self, base: Quotient, exponent: Quotient) -> Quotient:
        return generator(f"~({base.key()})^({exponent.key()})")


def is_soft(value: Quotient) -> bool:
    """Whether something in it may obey identities that are not known here."""
    return any(
        generator[0] == "~"
        for side in (value.top, value.bottom)
        for m in side
        for generator, _ in m
    )


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
