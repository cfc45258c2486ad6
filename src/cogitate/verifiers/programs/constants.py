"""Values of literal expressions in a data set's tests, without running anything.

Beyond literals, arithmetic of numbers is worked out (``10**9 + 1``, ``2 / 3``) as long as it stays
small, and ``set()``. Every other expression is left to the process of the tests.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

MAX_BITS = 10_000  # of an integer that arithmetic may make

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}


class NotConstant(ValueError):
    """The expression has to be evaluated by running it."""


def constant(node: ast.expr) -> Any:
    """The value of an expression that is a literal or small arithmetic.

    Raises:
        NotConstant: it is something else.

    >>> constant(ast.parse("[10**9 + 1, (-2.5, {'a': set()})]", mode="eval").body)
    [1000000001, (-2.5, {'a': set()})]
    """
    try:
        return _value(node)
    except (TypeError, ArithmeticError, RecursionError) as error:
        raise NotConstant(str(error)) from error


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is not ...:
            return value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Set(elts=items):
            return {_value(item) for item in items}
        case ast.Dict(keys=keys, values=values):
            return {_value(_given(k)): _value(v) for k, v in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _SIGNS:
            return _SIGNS[type(sign)](_number(_value(operand)))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
            return _arithmetic(sign, _number(_value(left)), _number(_value(right)))
        case ast.Call(func=ast.Name(id="set"), args=[], keywords=[]):
            return set()
    raise NotConstant(type(node).__name__)


def _given(key: ast.expr | None) -> ast.expr:
    if key is None:
        raise NotConstant("**")
    return key


def _number(value: Any) -> Any:
    if type(value) not in (int, float, complex):
        raise NotConstant("arithmetic of something that is no number")
    return value


def _arithmetic(sign: ast.operator, left: Any, right: Any) -> Any:
    sizes = [value.bit_length() if isinstance(value, int) else 0 for value in (left, right)]
    is_power = isinstance(sign, ast.Pow)
    if is_power and abs(right) > MAX_BITS:
        raise NotConstant("too large")
    if (sizes[0] * abs(right) if is_power else sum(sizes)) > MAX_BITS:
        raise NotConstant("too large")
    return _ARITHMETIC[type(sign)](left, right)
