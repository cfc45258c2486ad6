"""Gold answers of code tasks: the data set's tests, read and checked.

    {"type": "stdio", "tests": [{"input": ..., "output": ...}, ...]}
    {"type": "function", "entry_point": "f", "tests": ...}
        ["assert f(1) == 2", ...]              MBPP
        "def check(candidate): ..."            HumanEval, LeetCode
        [{"input": {...}, "output": ...}]      LiveCodeBench

See docs/code-verifier.md for the optional fields.
"""

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cogitate.verifiers.programs.assertions import DirectCase, TestProgram, sort_tests, write_call
from cogitate.verifiers.programs.comparison import Comparison, read_comparison
from cogitate.verifiers.programs.inside.values import Unplain, encode, list_node, tree_node
from cogitate.verifiers.programs.packages import LEETCODE, installed, package_files

Language = Literal["python", "cpp"]
LANGUAGES: dict[str, tuple[Language, ...]] = {
    "python": ("python",),
    "cpp": ("cpp",),
    "c++": ("cpp",),
    "any": ("python", "cpp"),
}
MAX_TESTS = 10_000
MAX_TEST_BYTES = 64_000_000
RETURNED = "return"  # a word that no parameter can have as its name
_ENTRY = re.compile(r"[^\W\d]\w*(?:\(\))?(?:\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioCase:
    """What a program reads, and what it has to write."""

    given: bytes
    expected: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioTask:
    """A program that reads stdin and writes stdout. ``packages`` are what it may import."""

    cases: tuple[StdioCase, ...]
    comparison: Comparison
    languages: tuple[Language, ...]
    bare: bool
    packages: tuple[str, ...]
    time_limit: float | None
    memory_limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTask:
    """A Python function and calls of it. ``before`` is put in front of the submission.

    ``changed`` is the argument (position or name) that is the result, for functions that change it
    in place. ``setup`` is trusted source for the tests' own process.
    """

    entry: str
    direct: tuple[DirectCase, ...]
    program: TestProgram | None
    before: str
    setup: str
    prelude: bool
    changed: int | str | None
    bare: bool
    packages: tuple[str, ...]
    time_limit: float | None
    memory_limit: float | None

    @property
    def defines(self) -> str:
        """The name that a submission has to define."""
        return self.entry.partition(".")[0].removesuffix("()")

    @property
    def num_cases(self) -> int:
        return len(self.direct) + (self.program.num_cases if self.program else 0)


def read_gold(gold: Any) -> StdioTask | FunctionTask:
    """The task of a gold answer. Fields that it does not know are left to others.

    Raises:
        ValueError: it cannot be used; the message says why.
    """
    if not isinstance(gold, Mapping):
        raise ValueError(f"the tests of a program are a mapping, not {type(gold).__name__}")
    kind = gold.get("type") or ("stdio" if gold.get("io") == "stdin" else "function")
    if kind == "stdio":
        return _stdio(gold)
    if kind == "function":
        return _function(gold)
    raise ValueError(f'type {kind!r:.40} is neither "stdio" nor "function"')


def check_code_gold(gold: Any) -> str | None:
    """Why a gold answer cannot be used, or None. It runs nothing."""
    try:
        read_gold(gold)
    except ValueError as error:
        return str(error)
    return None


def _common(
    gold: Mapping[str, Any], *, bare: bool, packages: tuple[str, ...] = ()
) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for name in ("time_limit", "memory_limit"):
        value = gold.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and 0 < value < math.inf):
            raise ValueError(f"{name} {value!r:.40} is not a positive number")
        limits[name] = value
    declared = gold.get("packages", packages)
    if not isinstance(declared, list | tuple) or not _all_text(declared):
        raise ValueError(f"packages {declared!r:.60} is no list of names")
    for name in declared:
        package_files(name)
    return {"bare": bool(gold.get("bare", bare)), "packages": tuple(declared), **limits}


def _stdio(gold: Mapping[str, Any]) -> StdioTask:
    language = gold.get("language", "python")
    if not isinstance(language, str) or language not in LANGUAGES:
        raise ValueError(f"language {language!r:.40} is none of {', '.join(LANGUAGES)}")
    comparison = read_comparison(gold.get("comparison"))
    cases = [_stdio_case(test) for test in _tests(gold)]
    if comparison.rule != "checker" and not any(case.expected.strip() for case in cases):
        raise ValueError("no test expects any output, so a program that does nothing would pass")
    if sum(len(case.given) + len(case.expected) for case in cases) > MAX_TEST_BYTES:
        raise ValueError(f"tests of more than {MAX_TEST_BYTES} bytes")
    return StdioTask(
        cases=tuple(cases),
        comparison=comparison,
        languages=LANGUAGES[language],
        **_common(gold, bare=False),
    )


def _tests(gold: Mapping[str, Any]) -> list[Any]:
    tests = gold.get("tests")
    if not isinstance(tests, Sequence) or isinstance(tests, str | bytes):
        raise ValueError(f"tests are a list, not {type(tests).__name__}")
    if not 0 < len(tests) <= MAX_TESTS:
        raise ValueError(f"{len(tests)} tests; between 1 and {MAX_TESTS} are possible")
    return list(tests)


def _stdio_case(test: Any) -> StdioCase:
    if not isinstance(test, Mapping) or not {"input", "output"} <= test.keys():
        raise ValueError(f"a test needs input and output, not {test!r:.80}")
    return StdioCase(given=_text(test["input"]), expected=_text(test["output"]))


def _text(value: Any) -> bytes:
    """Text of a test; data sets also write it as a list of lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        raise ValueError(f"input and output are text, not {type(value).__name__}")
    return value.encode("utf-8", "surrogatepass")


def _function(gold: Mapping[str, Any]) -> FunctionTask:
    entry = gold.get("entry_point")
    if entry is not None and not (isinstance(entry, str) and _ENTRY.fullmatch(entry)):
        raise ValueError(f'entry_point {entry!r:.60} is no "name" or "Class().method"')
    completes = gold.get("style") == "completion"
    before = str(gold.get("prompt", "")) if completes else ""
    setup = before + "\n" + str(gold.get("setup", ""))
    changed = gold.get("changed")
    if changed is not None and not isinstance(changed, int | str):
        raise ValueError(f"changed {changed!r:.40} is no position or name of an argument")
    tests = gold.get("tests")
    if isinstance(tests, str) or (isinstance(tests, list) and tests and _all_text(tests)):
        entry, direct, program = sort_tests(tests, entry=entry, setup=setup)
    elif entry is None:
        raise ValueError("entry_point is missing: the name of the function that is called")
    else:
        types = node_types(str(gold.get("starter_code", "")), entry.rpartition(".")[2])
        direct = tuple(_json_case(entry, test, types) for test in _tests(gold))
        program = None
    if not direct and program is None:
        raise ValueError("these tests test nothing")
    prelude = bool(gold.get("prelude", "." in entry))
    return FunctionTask(
        entry=entry,
        direct=direct,
        program=program,
        before=before,
        setup=setup,
        prelude=prelude,
        changed=changed,
        **_common(gold, bare=completes, packages=installed(LEETCODE) if prelude else ()),
    )


def _all_text(items: Sequence[Any]) -> bool:
    return all(isinstance(item, str) for item in items)


def _json_case(entry: str, test: Any, types: Mapping[str, str]) -> DirectCase:
    """A call whose arguments and value are JSON: a mapping by name, a list by position, or text
    with one JSON value a line (LiveCodeBench's original files)."""
    if not isinstance(test, Mapping) or not {"input", "output"} <= test.keys():
        raise ValueError(f"a test needs input and output, not {test!r:.80}")
    given, expected = test["input"], test["output"]
    if isinstance(given, str):
        given = [_json(line) for line in given.splitlines() if line.strip()]
        expected = _json(expected) if isinstance(expected, str) else expected
    try:
        encode(expected)
        if isinstance(given, Mapping):
            named = {str(k): _node(value, types.get(str(k), "")) for k, value in given.items()}
            call = write_call(entry, [], named)
        elif isinstance(given, list):
            kinds = [*[types[k] for k in types if k != RETURNED], *[""] * len(given)]
            pairs = zip(given, kinds, strict=False)
            call = write_call(entry, [_node(value, kind) for value, kind in pairs], {})
        else:
            raise ValueError(f"input is a mapping or a list of arguments, not {given!r:.80}")
    except Unplain as error:
        raise ValueError(f"a test with a value that is {error}") from error
    if types.get(RETURNED) and expected == []:
        expected = None  # no nodes are no node
    return DirectCase(call=call, check="equal", expected=expected, as_json=True)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{text!r:.60} is no JSON: {error}") from error


def _node(value: Any, kind: str) -> Any:
    """An argument; a list that stands for LeetCode's nodes is marked as that."""
    if not kind or value is None:
        return value
    if not isinstance(value, list):
        raise ValueError(f"a {kind} is written as a list, not {value!r:.60}")
    if kind.startswith("[]"):
        return [_node(item, kind[2:]) for item in value]
    return list_node(value) if kind == "ListNode" else tree_node(value)


def node_types(starter_code: str, method: str) -> dict[str, str]:
    """Parameters of a method in order, with "ListNode", "TreeNode", "[]ListNode" or nothing, and
    what it returns.

    >>> node_types("class Solution:\\n def f(self, a: Optional[ListNode], k: int):", "f")
    {'a': 'ListNode', 'k': '', 'return': ''}
    """
    try:
        tree = ast.parse(starter_code.rstrip() + " pass" if starter_code.strip() else "")
    except (SyntaxError, ValueError, RecursionError):
        return {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == method:
            arguments = [argument for argument in node.args.args if argument.arg != "self"]
            kinds = {argument.arg: _node_kind(argument.annotation) for argument in arguments}
            return {**kinds, RETURNED: _node_kind(node.returns)}
    return {}


def _node_kind(annotation: ast.expr | None) -> str:
    written = "" if annotation is None else ast.unparse(annotation)
    kind = next((kind for kind in ("ListNode", "TreeNode") if kind in written), "")
    return "[]" + kind if kind and written.lower().startswith("list[") else kind
