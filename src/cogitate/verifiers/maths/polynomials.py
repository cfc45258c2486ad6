r"""Polynomials with rational exponents over the rationals, and their quotients, exactly.

A monomial is a sorted tuple of (generator, exponent); a polynomial maps monomials to non-zero
Fractions. Generators are strings: a variable ``x``, a prime number under a root ``#2`` (its
exponent lies in (0, 1), so sqrt(6) is ``#2^(1/2) #3^(1/2)``), the constants pi, e and i, or
a function of something (``ln(#2)``). Powers of different primes with fractional exponents are
linearly independent over the rationals (Besicovitch, 1940), so a polynomial in them is zero only
if it has no terms. Generators that start with ``~`` may obey identities that are not known here.
"""

from fractions import Fraction
from functools import cache
from math import gcd

from cogitate.verifiers.maths.trees import TooLarge

Monomial = tuple[tuple[str, Fraction], ...]
Polynomial = dict[Monomial, Fraction]

MAX_BITS = 65536
"""Of one integer, about 20,000 digits."""
MAX_WORK = 20_000
"""Products of terms in one comparison; long terms and long numbers count more."""
ONE = Fraction(1)
_TRIAL = 2000


class Quotient:
    """``top / bottom``; the bottom is 1 whenever it has a single term."""

    __slots__ = ("bottom", "top")

    def __init__(self, top: Polynomial, bottom: Polynomial | None = None) -> None:
        self.top = top
        self.bottom: Polynomial = {(): ONE} if bottom is None else bottom

    @property
    def is_polynomial(self) -> bool:
        return len(self.bottom) == 1 and () in self.bottom and self.bottom[()] == 1

    @property
    def rational(self) -> Fraction | None:
        """The value if it is a rational number."""
        if not self.is_polynomial or len(self.top) > 1:
            return None
        return self.top.get((), None if self.top else Fraction(0))

    @property
    def single(self) -> tuple[Monomial, Fraction] | None:
        """Monomial and coefficient if that is all there is."""
        if self.is_polynomial and len(self.top) == 1:
            return next(iter(self.top.items()))
        return None

    def key(self) -> str:
        """Text that equal quotients of single-term bottoms share."""
        top = polynomial_key(self.top)
        return top if self.is_polynomial else f"({top})/({polynomial_key(self.bottom)})"


class Arithmetic:
    """The four operations under one budget.

    Raises:
        TooLarge: more than MAX_WORK products or a number of more than MAX_BITS.
        ZeroDivisionError: division by zero.
    """

    def __init__(self) -> None:
        self.work = 0

    def add(self, a: Quotient, b: Quotient) -> Quotient:
        if a.bottom == b.bottom:
            return Quotient(add_polynomials(a.top, b.top), a.bottom)
        top = add_polynomials(self.product(a.top, b.bottom), self.product(b.top, a.bottom))
        return self.quotient(top, self.product(a.bottom, b.bottom))

    def multiply(self, a: Quotient, b: Quotient) -> Quotient:
        top = self.product(a.top, b.top)
        if a.is_polynomial and b.is_polynomial:
            return Quotient(top)
        return self.quotient(top, self.product(a.bottom, b.bottom))

    def divide(self, a: Quotient, b: Quotient) -> Quotient:
        if not b.top:
            raise ZeroDivisionError
        return self.quotient(self.product(a.top, b.bottom), self.product(a.bottom, b.top))

    def quotient(self, top: Polynomial, bottom: Polynomial) -> Quotient:
        if not top:
            return Quotient({})
        if len(bottom) == 1:
            monomial, coefficient = next(iter(bottom.items()))
            inverse, factor = invert(monomial)
            return Quotient(self.product(top, {inverse: factor / coefficient}))
        lead = bottom[max(bottom)]
        if lead != 1:
            bottom = {m: c / lead for m, c in bottom.items()}
            top = {m: c / lead for m, c in top.items()}
        return Quotient({(): ONE}) if top == bottom else Quotient(top, bottom)

    def product(self, a: Polynomial, b: Polynomial) -> Polynomial:
        found: Polynomial = {}
        for left, left_coefficient in a.items():
            self.work += (1 + len(left)) * len(b)
            if self.work > MAX_WORK:
                raise TooLarge("work")
            for right, right_coefficient in b.items():
                coefficient = left_coefficient * right_coefficient
                self.work += check_size(coefficient) >> 8
                if not left or not right:
                    monomial = left or right
                else:
                    monomial, factor = multiply_monomials(left, right)
                    if factor is not ONE:
                        coefficient *= factor
                total = found.get(monomial, 0) + coefficient
                if total:
                    found[monomial] = total
                else:
                    del found[monomial]
        return found

    def equal(self, a: Quotient, b: Quotient) -> bool:
        if a.is_polynomial and b.is_polynomial:
            return a.top == b.top
        return self.product(a.top, b.bottom) == self.product(b.top, a.bottom)


def check_size(value: Fraction) -> int:
    """Bits of the longer side of a fraction; refuses more than MAX_BITS."""
    size = max(value.numerator.bit_length(), value.denominator.bit_length())
    if size > MAX_BITS:
        raise TooLarge("digits")
    return size


def add_polynomials(a: Polynomial, b: Polynomial) -> Polynomial:
    """a + b."""
    found = dict(a)
    for monomial, coefficient in b.items():
        total = found.get(monomial, 0) + coefficient
        if total:
            found[monomial] = total
        else:
            del found[monomial]
    return found


def multiply_monomials(a: Monomial, b: Monomial) -> tuple[Monomial, Fraction]:
    """The product, and the rational that falls out of it (2 from sqrt(2)^2, -1 from i^2)."""
    exponents = dict(a)
    factor = ONE
    for generator, exponent in b:
        total = exponents.get(generator, 0) + exponent
        total, out = reduce_exponent(generator, total)
        if out is not ONE:
            factor *= out
        if total:
            exponents[generator] = total
        else:
            exponents.pop(generator, None)
    return tuple(sorted(exponents.items())), factor


def reduce_exponent(generator: str, exponent: Fraction) -> tuple[Fraction, Fraction]:
    """Exponent of a prime in [0, 1) and of i in {0, 1}, and the rational left over."""
    if generator[0] == "#":
        whole = exponent.numerator // exponent.denominator
        return (
            (exponent - whole, Fraction(int(generator[1:])) ** whole) if whole else (exponent, ONE)
        )
    if generator == "i" and exponent.denominator == 1:
        turns = exponent.numerator % 4
        return Fraction(turns % 2), (-ONE if turns >= 2 else ONE)
    return exponent, ONE


def invert(monomial: Monomial) -> tuple[Monomial, Fraction]:
    """1 / monomial as monomial and rational factor."""
    found, factor = [], ONE
    for generator, exponent in monomial:
        exponent, out = reduce_exponent(generator, -exponent)
        factor *= out
        if exponent:
            found.append((generator, exponent))
    return tuple(found), factor


def polynomial_key(polynomial: Polynomial) -> str:
    """Text that equal polynomials share."""
    return "+".join(
        f"{c.numerator:x}/{c.denominator:x}{''.join(f'[{g}^{e}]' for g, e in m)}"
        for m, c in sorted(polynomial.items())
    )


def content(polynomial: Polynomial) -> tuple[Monomial, Fraction]:
    """The common monomial and the positive common rational factor of all terms."""
    tops, bottoms = 0, 1
    common: dict[str, Fraction] | None = None
    for monomial, coefficient in polynomial.items():
        tops = gcd(tops, coefficient.numerator)
        bottoms = bottoms * coefficient.denominator // gcd(bottoms, coefficient.denominator)
        exponents = dict(monomial)
        if common is None:
            common = exponents
        else:
            common = {
                g: min(e, exponents.get(g, Fraction(0)))
                for g, e in {**dict.fromkeys(exponents, Fraction(0)), **common}.items()
            }
    check_size(Fraction(1, bottoms))
    kept = {g: e for g, e in (common or {}).items() if e and g[0] != "#" and g != "i"}
    return tuple(sorted(kept.items())), Fraction(tops, bottoms)


@cache
def _primes() -> tuple[int, ...]:
    sieve = bytearray([1]) * _TRIAL
    for n in range(2, int(_TRIAL**0.5) + 1):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, _TRIAL, n)))
    return tuple(n for n in range(2, _TRIAL) if sieve[n])


def factor(number: int) -> dict[str, int]:
    """Prime factors of a positive integer as generators; a large rest stays one (as ``#rest`` if
    it is prime for certain, else it is soft)."""
    found: dict[str, int] = {}
    if number.bit_length() > 4096:
        return {f"~{number:x}": 1}
    for prime in _primes():
        if prime * prime > number:
            break
        while number % prime == 0:
            number //= prime
            found[f"#{prime}"] = found.get(f"#{prime}", 0) + 1
    if number > 1:
        found[f"#{number}" if number < _TRIAL**2 else f"~{number:x}"] = 1
    return found
