"""Tests written as Python assertions, sorted into what our process can decide and what it cannot.

An assertion about one call whose arguments and expected value are literals becomes a direct case:
the call goes into the sandbox, the value comes back, and this process compares. Everything else
(tolerances, loops, helpers, computed arguments) stays Python and becomes one program, which runs
in a sandbox of its own and reaches the submission by messages: see programs.py.

The tests are the data set's: parsing them here is safe, running them here would not be.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cogitate.verifiers.programs.constants import NotConstant, constant
from cogitate.verifiers.programs.inside.values import Unplain, encode

Check = Literal["equal", "is", "true", "false"]
CASE = "_case_of_the_data_set"
MAX_TEST_CHARS = 2_000_000
_SUPPLIED = {"candidate", "ListNode", "TreeNode", "list_node", "tree_node"} | {
    "is_same_list",
    "is_same_tree",
    "__name__",
}
_BUILT_IN = frozenset(dir(builtins))
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCase:
    """One call, as JSON for the process of the submission, and what it has to return."""

    call: str
    check: Check
    expected: Any = None
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestProgram:
    """Tests that have to run: their source, how many cases it reports, and names it needs.

    ``candidate`` is what the tests call the function. ``opaque`` are classes of the submission
    whose objects the tests pass to the function.
    """

    source: str
    num_cases: int
    candidate: str
    opaque: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sorter:
    """Collects cases; ``body`` becomes the program."""

    entry: str
    names: set[str]
    body: list[ast.stmt] = field(default_factory=list[ast.stmt])
    direct: list[DirectCase] = field(default_factory=list[DirectCase])
    num_cases: int = 0

    def set_up(self, statement: ast.stmt) -> None:
        self.body.append(statement)

    def case(self, statements: list[ast.stmt]) -> None:
        call = ast.Call(ast.Name(CASE, ast.Load()), [ast.Constant(self.num_cases)], [])
        self.body.append(ast.With([ast.withitem(call)], statements))
        self.num_cases += 1


def sort_tests(
    tests: str | Sequence[str], *, entry: str | None, setup: str = ""
) -> tuple[str, tuple[DirectCase, ...], TestProgram | None]:
    """The name of the tested function, the direct cases, and the program for the others.

    ``tests`` is one program (HumanEval, LeetCode) or a list of pieces (MBPP), each one case.
    ``setup`` is trusted source that the program may use.

    Raises:
        ValueError: these are no tests of a function.
    """
    pieces = [tests] if isinstance(tests, str) else list(tests)
    if sum(map(len, pieces)) + len(setup) > MAX_TEST_CHARS:
        raise ValueError(f"tests of more than {MAX_TEST_CHARS} characters")
    trees = [_parse(piece) for piece in pieces]
    defined = _defined([*trees, _parse(setup)])
    entry = entry or _called_most(trees, defined)
    sorter = _Sorter(entry, {"candidate", entry})
    for tree in trees:
        if isinstance(tests, str):
            _sort_program(tree, sorter)
        else:
            _sort_piece(tree, sorter)
    program = None
    if sorter.num_cases:
        first = entry.partition(".")[0].removesuffix("()")
        candidate = next(iter(sorter.names - {"candidate", entry}), "candidate")
        program = TestProgram(
            source=ast.unparse(ast.fix_missing_locations(ast.Module(sorter.body, []))) + "\n",
            num_cases=sorter.num_cases,
            candidate=candidate,
            opaque=_opaque(sorter, defined | {first, candidate}),
        )
    return entry, tuple(sorter.direct), program


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"tests that are not Python: {error}") from error


def _sort_program(tree: ast.Module, sorter: _Sorter) -> None:
    """A whole test program: every statement at its top that tests something is a case."""
    check = next((s for s in tree.body if isinstance(s, ast.FunctionDef) and _is_check(s)), None)
    statements = [s for s in tree.body if s is not check and not _is_call_of(s, "check")]
    if check is not None:
        sorter.names.add(check.args.args[0].arg)
        if _leaves_early(check):
            statements.append(check)
            run = ast.Call(ast.Name("check", ast.Load()), [ast.Name("candidate", ast.Load())], [])
            for statement in statements:
                sorter.set_up(statement)
            sorter.case([ast.Expr(run)])
            return
        statements += check.body
    for statement in statements:
        _sort_statement(statement, sorter)


def _sort_statement(statement: ast.stmt, sorter: _Sorter) -> None:
    if _is_nothing(statement, sorter.entry):
        return
    if (case := _direct(statement, sorter)) is not None:
        sorter.direct.append(case)
    elif isinstance(statement, _DEFINITIONS) or not _tests_something([statement], sorter):
        sorter.set_up(statement)
        if (run := _test_function(statement)) is not None:
            sorter.case([run])
    else:
        sorter.case([statement])


def _sort_piece(tree: ast.Module, sorter: _Sorter) -> None:
    """One piece of a list: one case, or as many as it has direct assertions."""
    statements = [s for s in tree.body if not _is_nothing(s, sorter.entry)]
    direct = [_direct(statement, sorter) for statement in statements]
    if all(case is not None for case in direct):
        sorter.direct += [case for case in direct if case is not None]
    elif any(isinstance(s, _DEFINITIONS) for s in statements):
        for statement in statements:
            _sort_statement(statement, sorter)
    elif _tests_something(statements, sorter):
        sorter.case(statements)
    else:
        for statement in statements:
            sorter.set_up(statement)


def _is_check(function: ast.FunctionDef) -> bool:
    arguments = function.args
    return function.name == "check" and len(arguments.args) == 1 and not arguments.defaults


def _is_call_of(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id=called))):
            return called == name
    return False


def _is_nothing(statement: ast.stmt, entry: str) -> bool:
    """Statements that say nothing: documentation, ``assert True``, importing the submission."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
        case ast.Assert(test=ast.Constant(value=value)):
            return bool(value)
        case ast.ImportFrom(names=names):
            return any(name.name == entry.partition(".")[0].removesuffix("()") for name in names)
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.ClassDef(bases=bases):
            if any("TestCase" in ast.unparse(base) for base in bases):
                raise ValueError("tests in unittest classes are not supported; use assertions")
    return False


def _leaves_early(function: ast.FunctionDef) -> bool:
    """Whether the body means something only inside a function."""
    early = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Nonlocal, ast.Global)
    return any(isinstance(node, early) for node in _own_nodes(function.body))


def _own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        yield node
        if not isinstance(node, _OWN_SCOPE):
            yield from _own_nodes(ast.iter_child_nodes(node))


def _test_function(statement: ast.stmt) -> ast.stmt | None:
    """The call of a function in pytest's style."""
    match statement:
        case ast.FunctionDef(name=name, args=ast.arguments(posonlyargs=[], args=[])):
            if name.startswith("test"):
                return ast.Expr(ast.Call(ast.Name(name, ast.Load()), [], []))
    return None


def _tests_something(statements: Sequence[ast.stmt], sorter: _Sorter) -> bool:
    nodes = [node for statement in statements for node in ast.walk(statement)]
    return any(isinstance(n, ast.Assert) or _is_entry_call(n, sorter) for n in nodes)


def _is_entry_call(node: ast.AST, sorter: _Sorter) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in sorter.names
    return "." in sorter.entry and ast.unparse(node.func) == sorter.entry


def _direct(statement: ast.stmt, sorter: _Sorter) -> DirectCase | None:
    """The direct case that an assertion is, or None."""
    if not isinstance(statement, ast.Assert):
        return None
    check: Check = "true"
    expected: ast.expr = ast.Constant(None)
    match statement.test:
        case ast.UnaryOp(op=ast.Not(), operand=call):
            check = "false"
        case ast.Compare(left=call, ops=[ast.Eq()], comparators=[expected]):
            check = "equal"
            if not _is_entry_call(call, sorter):
                call, expected = expected, call
        case ast.Compare(left=call, ops=[ast.Is()], comparators=[ast.Constant() as expected]):
            check = "is"
        case call:
            pass
    if not (isinstance(call, ast.Call) and _is_entry_call(call, sorter)):
        return None
    try:
        return DirectCase(
            call=_request(call, sorter.entry), check=check, expected=_plain(expected, check)
        )
    except (NotConstant, Unplain):
        return None


def _plain(expected: ast.expr, check: Check) -> Any:
    value = constant(expected)
    encode(value)  # it has to be a value that can come back
    if check == "is" and not (value is None or isinstance(value, bool)):
        raise NotConstant("identity of something that is not unique")
    return value


def _request(call: ast.Call, entry: str) -> str:
    if any(keyword.arg is None for keyword in call.keywords):
        raise NotConstant("**")
    args = [constant(arg) for arg in call.args]
    return write_call(entry, args, {str(k.arg): constant(k.value) for k in call.keywords})


def write_call(entry: str, args: Sequence[Any], named: dict[str, Any], **more: str) -> str:
    """The request for a call; arguments are plain values."""
    pairs = ",".join(f"{encode(name)}:{encode(value)}" for name, value in named.items())
    extra = "".join(f",{encode(key)}:{text}" for key, text in more.items())
    written = ",".join(map(encode, args))
    return f'{{"call":{encode(entry)},"args":[{written}],"named":{{{pairs}}}{extra}}}'


def _defined(trees: Sequence[ast.Module]) -> set[str]:
    """Names that the sources themselves define anywhere."""
    names: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
    return names


def _called_most(trees: Sequence[ast.Module], defined: set[str]) -> str:
    called: Counter[str] = Counter()
    for tree in trees:
        tested = [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)]
        for node in (node for test in tested for node in ast.walk(test)):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name not in _BUILT_IN | defined:
                    called[name] += 1
    if not called:
        raise ValueError("tests that call no function of the submission; name its entry_point")
    return called.most_common(1)[0][0]


def _opaque(sorter: _Sorter, known: set[str]) -> tuple[str, ...]:
    """Names that only the submission can define, where the tests do nothing with them but make
    arguments of the tested function."""
    loaded: Counter[str] = Counter()
    given: set[int] = set()
    making: Counter[str] = Counter()
    for node in (node for statement in sorter.body for node in ast.walk(statement)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            loaded[node.id] += 1
        elif isinstance(node, ast.Call) and _is_entry_call(node, sorter):
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            for inner in (inner for argument in arguments for inner in ast.walk(argument)):
                match inner:
                    case ast.Call(func=ast.Name(id=name)) if id(inner) not in given:
                        given.add(id(inner))
                        making[name] += 1
    if "*" in known:
        return ()
    unknown = making.keys() - known - _BUILT_IN - _SUPPLIED - {CASE, "check"}
    return tuple(sorted(name for name in unknown if loaded[name] == making[name]))
