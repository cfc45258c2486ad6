"""Expressions as floats, for comparison with rounded gold answers only."""

import math
from fractions import Fraction

from cogitate.verifiers.maths import algebra
from cogitate.verifiers.maths.trees import Malformed, Node

_FUNCTIONS = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "arcsin": math.asin, "arccos": math.acos,
    "arctan": math.atan, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "ln": math.log,
    "log": math.log10, "exp": math.exp, "abs": abs, "floor": math.floor, "ceil": math.ceil,
    "cot": lambda x: 1 / math.tan(x), "sec": lambda x: 1 / math.cos(x),
    "csc": lambda x: 1 / math.sin(x),
}  # fmt: skip


def approximate(node: Node) -> Fraction | None:
    """A real constant: exactly if it is rational, else to double precision, else None."""
    try:
        exact = algebra.rational(node)
        if exact is not None:
            return exact
        value = _float(node)
    except (Malformed, ValueError, ArithmeticError, TypeError):
        return None
    return Fraction(value) if isinstance(value, float) and math.isfinite(value) else None


def _float(node: Node) -> float:
    kind = node[0]
    if kind == "num":
        return float(node[1])
    if kind == "sym":
        return {"\\pi": math.pi, "e": math.e}[node[1]] if node[1] in ("\\pi", "e") else math.nan
    if kind == "add":
        return math.fsum(_float(child) for child in node[1])
    if kind == "mul":
        return math.prod(_float(child) for child in node[1])
    if kind == "neg":
        return -_float(node[1])
    if kind == "inv":
        return 1 / _float(node[1])
    if kind == "frac":
        return _float(node[1]) / _float(node[2])
    if kind == "pow":
        return math.pow(_float(node[1]), _float(node[2]))
    if kind == "pct":
        return _float(node[1]) / 100
    if kind == "deg":
        return math.radians(_float(node[1]))
    if kind == "fn" and node[1] in _FUNCTIONS:
        if node[1] in ("log", "ln") and len(node[2]) == 2:
            return math.log(_float(node[2][0]), _float(node[2][1]))
        return float(_FUNCTIONS[node[1]](_float(node[2][0])))
    return math.nan


def decimal(node: Node) -> tuple[Fraction, int] | None:
    r"""Value and decimal places of a decimal, ``-1.5`` and ``1.5 \times 10^3`` included."""
    sign = 1
    while node[0] == "neg":
        sign, node = -sign, node[1]
    if node[0] == "num" and node[2] is not None:
        return sign * node[1], node[2]
    if node[0] == "pct":
        inner = decimal(node[1])
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
