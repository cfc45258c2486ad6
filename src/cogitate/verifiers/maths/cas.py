r"""What a worker process of the maths pool does: numbers to many digits, and math-verify.

Only expressions that ``syntax`` has a tree for get here, so there are no integrals, no attribute
look-ups and nothing to run; what remains dangerous is size and the time of ``simplify``, and for
that the process can be killed.
"""

import logging
import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath
from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify

from cogitate.verifiers.maths.notation import tokens
from cogitate.verifiers.maths.syntax import parse_expression
from cogitate.verifiers.maths.trees import Malformed, Node, children, symbols

DIGITS = 50
MORE_DIGITS = 150
"""Two expressions are equal if they agree to DIGITS at every point, and to MORE_DIGITS at one."""
POINTS = 6
_FAR = tuple(Fraction(n, 7) for n in (-5, -20, -7003, 7003, 704))
_REAL_NAMES = frozenset("xyztuvwrs\\")
MAX_LOG_SIZE = 1e6
"""Largest natural logarithm of a magnitude that is evaluated."""

mp = mpmath.mp
logging.getLogger("math_verify").setLevel(logging.ERROR)

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc,
    "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arccot": mp.acot,
    "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "binom": mp.binomial,
}  # fmt: skip


class _TooBig(ArithmeticError):
    """A magnitude beyond MAX_LOG_SIZE."""


def decide(payload: dict[str, Any]) -> dict[str, Any]:
    """What a payload asks for:

    ``{"pairs": [[gold, answer], ...], "both": bool}``: for every pair what numbers say and what
    math-verify says, each True, False or None. math-verify is asked where numbers say nothing, or
    if ``both``.
    ``{"derivative": [answer, integrand, variable]}``: whether one is an antiderivative.
    ``{"bare": [gold, answer]}``: what math-verify says about two texts as they are.
    """
    if "derivative" in payload:
        return {"equal": is_antiderivative(*payload["derivative"])}
    if "bare" in payload:
        return {"equal": math_verify(*payload["bare"])}
    found = []
    for gold, answer in payload["pairs"]:
        numbers = numerically_equal(gold, answer)
        ask = numbers is None or payload.get("both")
        verified = math_verify(to_latex(gold), to_latex(answer)) if ask else None
        found.append([numbers, verified])
    return {"pairs": found}


def math_verify(gold: str, answer: str) -> bool | None:
    """What math-verify says about two expressions in LaTeX, or None if it cannot read one.

    Settings as its README advises for rewards; gold first, since it is not symmetric. Its own
    timeouts are signals, which a worker does not need.
    """
    left, right = _parsed(gold), _parsed(answer)
    if not left or not right or isinstance(left[0], str) or isinstance(right[0], str):
        return None
    return bool(verify(left, right, timeout_seconds=None))


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    normal = NormalizationConfig(
        basic_latex=True, units=True, malformed_operators=False, nits=False, boxed="all",
        equations=False,
    )  # fmt: skip
    config = LatexExtractionConfig(
        normalization_config=normal, boxed_match_priority=0, try_extract_without_anchor=False
    )
    return parse(f"\\boxed{{{text}}}", [config], parsing_timeout=None)  # type: ignore[arg-type]


def to_latex(text: str) -> str:
    r"""Our spelling of an expression as LaTeX.

    >>> to_latex("50%*x\u00b0")
    '50\\%\\cdot x^{\\circ}'
    """
    text = text.replace("\\null ", " ").replace("%", "\\%")
    return text.replace("*", "\\cdot ").replace("\u00b0", "^{\\circ}")


def numerically_equal(gold: str, answer: str) -> bool | None:
    """Whether two expressions agree wherever they are tried; None if they cannot be evaluated.

    Variables take positive values, whole numbers among them.
    """
    try:
        left, right = parse_expression(tokens(gold)), parse_expression(tokens(answer))
    except Malformed:
        return None
    names = sorted(symbols(left) | symbols(right))
    whole = _is_about_integers(left) and not any(name[0] in _REAL_NAMES for name in names)
    agreed, points = 0, POINTS if names else 1
    for point in range(points):
        verdict = _agree(left, right, _values(names, point, whole), DIGITS)
        if verdict is False:
            return False
        agreed += verdict is True
    if agreed < min(3, points):
        return None
    if len(names) == 1 and not whole and not _agree_far_away(left, right, names[0]):
        return False
    return _agree(left, right, _values(names, 0, whole), MORE_DIGITS)


def _agree_far_away(gold: Node, answer: Node, name: str) -> bool:
    """Whether two functions of one variable agree at negative and large values where both are real:
    |x| is not x. With several variables, as in physics, all are positive."""
    with mp.workdps(DIGITS):
        for value in _FAR:
            numbers = {name: mp.mpf(value.numerator) / value.denominator}
            try:
                sides = [_evaluate(gold, numbers), _evaluate(answer, numbers)]
            except (ArithmeticError, ValueError, TypeError, KeyError):
                continue
            real = all(mp.isfinite(side) and mp.im(side) == 0 for side in sides)
            if real and not _close(sides[0], sides[1], DIGITS):
                return False
    return True


def is_antiderivative(answer: str, integrand: str, variable: str) -> bool | None:
    """Whether the derivative of ``answer`` is ``integrand``, at several points; None if neither can
    be evaluated there. A logarithm without a base is the natural one."""
    try:
        whole, part = parse_expression(tokens(answer)), parse_expression(tokens(integrand))
    except Malformed:
        return None
    names = sorted({variable, *symbols(whole), *symbols(part)})
    verdicts = [
        _derivative_agrees(whole, part, variable, _values(names, k, False)) for k in range(8)
    ]
    known = [verdict for verdict in verdicts if verdict is not None]
    return None if len(known) < 3 else all(known)


def _derivative_agrees(
    whole: Node, part: Node, variable: str, values: dict[str, Fraction]
) -> bool | None:
    with mp.workdps(DIGITS):
        numbers = {name: mp.mpf(v.numerator) / v.denominator for name, v in values.items()}
        at = numbers[variable]
        try:
            wanted = _evaluate(_natural(part), numbers)
            slope = mp.diff(lambda x: _evaluate(_natural(whole), {**numbers, variable: x}), at)
        except (ArithmeticError, ValueError, TypeError, KeyError):
            return None
        if not (mp.isfinite(wanted) and mp.isfinite(slope)):
            return None
        return bool(abs(wanted - slope) <= max(abs(wanted), abs(slope), 1) * mp.mpf(10) ** -12)


def _natural(node: Node) -> Node:
    """The tree with ``log`` of one argument as ``ln``."""
    if node[0] == "fn" and node[1] == "log" and len(node[2]) == 1:
        node = ("fn", "ln", node[2])
    return tuple(_natural(child) if isinstance(child, tuple) else child for child in node)


def _values(names: list[str], point: int, whole: bool) -> dict[str, Fraction]:
    """Values of variables at one point: the same for the same names, in every process."""
    chance = random.Random(point)
    if whole or point % 3 == 2:
        return {name: Fraction(chance.randrange(2, 40)) for name in names}
    return {name: Fraction(chance.randrange(3, 40), chance.choice((7, 11, 13))) for name in names}


def _is_about_integers(node: Node) -> bool:
    """Whether roundings, factorials or (-1)^n say that its variables are whole numbers."""
    if node[0] in ("num", "sym"):
        return False
    if node[0] == "fn" and node[1] in ("floor", "ceil", "!", "!!", "binom", "gcd", "lcm"):
        return True
    if node[0] == "pow" and node[1] == ("neg", ("num", Fraction(1), None)):
        return True
    return any(_is_about_integers(child) for child in children(node))


def _agree(gold: Node, answer: Node, values: dict[str, Fraction], digits: int) -> bool | None:
    with mp.workdps(digits):
        numbers = {name: mp.mpf(v.numerator) / v.denominator for name, v in values.items()}
        try:
            left = _evaluate(gold, numbers)
        except (ArithmeticError, ValueError, TypeError, KeyError):
            return None
        try:
            right = _evaluate(answer, numbers)
        except _TooBig:
            return False
        except (ArithmeticError, ValueError, TypeError, KeyError):
            return None
        if not (mp.isfinite(left) and mp.isfinite(right)):
            return None
        return _close(left, right, digits)


def _close(left: Any, right: Any, digits: int) -> bool:
    scale = max(abs(left), abs(right), 1 if digits > DIGITS else mp.mpf(10) ** -30)
    return bool(abs(left - right) <= scale * mp.mpf(10) ** (15 - digits))


def _evaluate(node: Node, values: dict[str, Any]) -> Any:
    kind = node[0]
    if kind == "num":
        return mp.mpf(node[1].numerator) / node[1].denominator
    if kind == "sym":
        return _symbol(node[1], values)
    if kind == "call":
        key = ",".join(str(mp.nstr(_evaluate(child, values), 20)) for child in node[2])
        return mp.mpf(random.Random(f"{node[1]}({key})").randrange(10, 99)) / 37
    if kind == "fn":
        return _function(node[1], [_evaluate(child, values) for child in node[2]])
    if kind in ("add", "mul"):
        parts = [_evaluate(child, values) for child in node[1]]
        return mp.fsum(parts) if kind == "add" else mp.fprod(parts)
    inner = _evaluate(node[1], values)
    if kind == "neg":
        return -inner
    if kind == "inv":
        return 1 / inner
    if kind == "pct":
        return inner / 100
    if kind == "deg":
        return inner * mp.pi / 180
    other = _evaluate(node[2], values)
    return inner / other if kind == "frac" else _power(inner, other)


def _symbol(name: str, values: dict[str, Any]) -> Any:
    if name in values:
        return values[name]
    return {"\\pi": +mp.pi, "e": +mp.e, "i": mp.mpc(0, 1)}[name]


def _power(base: Any, exponent: Any) -> Any:
    if base == 0:
        if mp.re(exponent) <= 0:
            raise ZeroDivisionError
        return mp.mpf(0)
    if abs(exponent * mp.log(base)) > MAX_LOG_SIZE:
        raise _TooBig
    if mp.im(base) == 0 and mp.re(base) < 0 and mp.im(exponent) == 0:
        third = mp.nint(1 / exponent) if exponent else mp.mpf(0)
        if third % 2 == 1 and abs(1 / exponent - third) < mp.eps * 100:
            return -((-base) ** exponent)  # the real root, as in school
    return base**exponent


def _function(name: str, arguments: list[Any]) -> Any:
    first = arguments[0]
    if name == "exp":
        return _power(mp.e, first)
    if name in ("ln", "log"):
        if len(arguments) == 2:
            return mp.log(first) / mp.log(arguments[1])
        return mp.log(first) if name == "ln" else mp.log10(first)
    if name == "abs":
        return abs(first)
    if name == "!":
        if abs(first) > 1e5:
            raise _TooBig
        return mp.factorial(first)
    if name == "!!":
        if abs(first) > 1e5:
            raise _TooBig
        return mp.fac2(first)
    if name in ("max", "min"):
        return (max if name == "max" else min)(arguments)
    if name in ("floor", "ceil"):
        nearest = mp.nint(first)
        if abs(first - nearest) < mp.mpf(10) ** (10 - mp.dps):
            return nearest  # log_2 8 is 3 however it is rounded
        return (mp.floor if name == "floor" else mp.ceil)(first)
    if abs(first) > MAX_LOG_SIZE and name in ("sinh", "cosh", "tanh", "binom"):
        raise _TooBig
    return _FUNCTIONS[name](*arguments)
