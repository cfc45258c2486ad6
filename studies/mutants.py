"""Small faults in programs, one each, by rule: what a verifier with good tests should notice."""

import ast
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Edit = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program with one fault; ``kind`` names the rule, ``line`` where it was applied."""

    kind: str
    line: int
    source: str


_SHIFTED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_UNORDERED = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_COUNTERPARTS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "append": "extend",
    "lower": "upper",
    "upper": "lower",
    "floor": "ceil",
    "ceil": "floor",
    "sorted": "list",
}


def mutants(
    source: str, function: str, rng: random.Random, *, at_least: int = 5, at_most: int = 8
) -> list[Mutant]:
    """One mutant of each of ``at_most`` kinds that apply to a program; if fewer kinds than
    ``at_least`` apply, more of some.

    Only the body of ``function`` (a function, or all methods of a class) is changed, and what it
    calls; documentation is left alone.
    """
    tree = ast.parse(source)
    plain = ast.unparse(tree)
    made: dict[str, list[Mutant]] = {}
    for kind, position, line, edit in _edits(tree, function):
        changed = copy.deepcopy(tree)
        edit(list(ast.walk(changed))[position])
        try:
            text = ast.unparse(ast.fix_missing_locations(changed))
        except (ValueError, AttributeError):
            continue
        if text != plain:
            made.setdefault(kind, []).append(Mutant(kind, line, text))
    kinds = rng.sample(sorted(made), min(at_most, len(made)))
    chosen = [rng.choice(made[kind]) for kind in kinds]
    rest = [mutant for of_kind in made.values() for mutant in of_kind if mutant not in chosen]
    rng.shuffle(rest)
    return chosen + rest[: max(0, at_least - len(chosen))]


def _edits(tree: ast.Module, function: str) -> Iterator[tuple[str, int, int, Edit]]:
    """(kind, position in walk order, line, change) of everything that may be changed."""
    wanted = {function}
    defined = [s for s in tree.body if isinstance(s, ast.FunctionDef | ast.ClassDef)]
    for _ in defined:
        for statement in defined:
            if statement.name in wanted:
                wanted |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    inside: set[int] = set()
    for statement in defined:
        if statement.name in wanted:
            bodies = [n for n in ast.walk(statement) if isinstance(n, ast.FunctionDef)]
            for body in bodies:
                inside |= {id(node) for part in body.body for node in ast.walk(part)}
                inside.add(id(body))
    for position, node in enumerate(ast.walk(tree)):
        if id(node) in inside:
            for kind, edit in _of_node(node):
                yield kind, position, getattr(node, "lineno", 0), edit


def _of_node(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    match node:
        case ast.Constant(value=bool()):
            yield "negated truth value", lambda n: _set(n, "value", not n.value)
        case ast.Constant(value=int() | float()):
            yield "constant off by one", lambda n: _set(n, "value", n.value + 1)
            yield "constant off by one", lambda n: _set(n, "value", n.value - 1)
        case ast.Compare(ops=[op]) if type(op) in _SHIFTED:
            yield "changed comparison", lambda n: _set(n, "ops", [_SHIFTED[type(n.ops[0])]()])
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            yield "changed operator", lambda n: _set(n, "op", _OPERATORS[type(n.op)]())
            if not isinstance(op, _UNORDERED):
                yield "swapped operands", _swap_operands
        case ast.AugAssign(op=op) if type(op) in _OPERATORS:
            yield "changed operator", lambda n: _set(n, "op", _OPERATORS[type(n.op)]())
        case ast.BoolOp(op=op):
            other = ast.Or if isinstance(op, ast.And) else ast.And
            yield "and for or", lambda n: _set(n, "op", other())
        case ast.If() | ast.While() | ast.IfExp():
            yield "negated condition", lambda n: _set(n, "test", _not(n.test))
        case ast.UnaryOp(op=ast.USub()):
            yield "dropped sign", lambda n: _set(n, "op", ast.UAdd())
        case ast.Call(args=[_, _, *_]):
            yield "swapped arguments", _swap_arguments
        case ast.Return(value=ast.expr()):
            yield "returned nothing", lambda n: _set(n, "value", ast.Constant(None))
            yield "returned the opposite", lambda n: _set(n, "value", _not(n.value))
            yield "returned it in a list", lambda n: _set(n, "value", ast.List([n.value]))
        case ast.Subscript(slice=ast.Slice(lower=ast.expr() | None)):
            yield "slice off by one", _shift_slice
        case ast.Subscript(slice=ast.Name() | ast.BinOp()):
            yield "index off by one", lambda n: _set(n, "slice", _plus_one(n.slice))
    yield from _of_name(node)
    yield from _of_body(node)


def _of_name(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in _COUNTERPARTS:
            yield "changed function", lambda n: _set(n, "id", _COUNTERPARTS[n.id])
        case ast.Attribute(attr=name) if name in _COUNTERPARTS:
            yield "changed function", lambda n: _set(n, "attr", _COUNTERPARTS[n.attr])
        case ast.Call(func=ast.Name(id="range"), args=[*_]):
            yield "range one too short", _shorten_range


def _of_body(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    body = getattr(node, "body", None)
    if not isinstance(body, list):
        return
    for position, statement in enumerate(body):
        documents = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if documents or isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
            continue
        yield "dropped statement", _dropping(position)
    if isinstance(node, ast.For | ast.While):
        yield "early return", lambda n: n.body.append(ast.Return(ast.Constant(None)))
        yield "loop runs once", lambda n: n.body.append(ast.Break())
    elif isinstance(node, ast.FunctionDef):
        yield "early return", lambda n: n.body.insert(0, ast.Return(_first_argument(n)))


def _dropping(position: int) -> Edit:
    return lambda node: node.body.__setitem__(position, ast.Pass())


def _set(node: Any, name: str, value: object) -> None:
    setattr(node, name, value)


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _plus_one(value: ast.expr) -> ast.expr:
    return ast.BinOp(value, ast.Add(), ast.Constant(1))


def _swap_operands(node: ast.AST) -> None:
    assert isinstance(node, ast.BinOp)
    node.left, node.right = node.right, node.left


def _swap_arguments(node: ast.AST) -> None:
    assert isinstance(node, ast.Call)
    node.args[0], node.args[1] = node.args[1], node.args[0]


def _shorten_range(node: ast.AST) -> None:
    assert isinstance(node, ast.Call)
    end = 0 if len(node.args) == 1 else 1
    node.args[end] = ast.BinOp(node.args[end], ast.Sub(), ast.Constant(1))


def _shift_slice(node: ast.AST) -> None:
    assert isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)
    node.slice.lower = _plus_one(node.slice.lower or ast.Constant(0))


def _first_argument(function: ast.FunctionDef) -> ast.expr:
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    return ast.Name(names[0], ast.Load()) if names else ast.Constant(None)
